"""Whom a host believes to be a controller, and when one is there."""

import pytest

from guestwire.agent.telemetry.controllers import LOOKED_AT_ONCE, MOST, Controllers
from guestwire.protocol.presence import WILL_N, PresenceBody
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import state
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

CTRL, OTHER, STRANGER = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
START_MS = 1_800_000_000_000


def trust(*, revoked: tuple[str, ...] = (), not_after: int = 1 << 53) -> Trust:
    named = [("controller:ctrl", CTRL), ("controller:other", OTHER)]
    named += [(f"controller:c{n}", SigningKey(bytes([n + 10]) * 32)) for n in range(MOST + 2)]
    signers = tuple(
        Signer(principal=name, public_key=key.public.raw.hex(), scope=Scope(risk=1), not_after=not_after)
        for name, key in named
    )
    return Trust(TrustDocument(site="plant", rev=1, issued_at=0, signers=signers, revoked=revoked))


class Stage:
    """A host's ears, and a clock."""

    def __init__(self) -> None:
        self.trust = trust()
        self.clock_good = True
        self.controllers = Controllers("plant", lambda: self.trust, lambda: self.clock_good)
        self.mono = 1000.0
        self.ahead_ms = 0

    @property
    def now(self) -> Now:
        return Now(START_MS + self.ahead_ms + round(self.mono * 1000), self.mono)

    def frame(
        self, epoch: int, n: int, *, name: str = "ctrl", key: SigningKey | None = CTRL, why: str = "heartbeat",
        site: str = "plant", kind: str = "presence", speaker: str | None = None,
    ) -> bytes:  # fmt: skip
        body = PresenceBody(
            epoch=epoch, n=n, boot_id="b", online=why == "heartbeat", why=why, since=0, agent_version="1"
        )
        made = state(
            kind, site, speaker or f"controller:{name}", body, key or STRANGER, START_MS + round(self.mono * 1000), n=n
        )
        if key is None:
            from guestwire.protocol.packing import pack, unpack

            header, packed, _, mandates = unpack(made)
            return pack((header, packed, (), mandates))
        return made

    def hear(self, frame: bytes, *, name: str = "ctrl", retained: bool = False) -> bool:
        return self.controllers.heard(name, frame, self.now, retained=retained)

    @property
    def alive(self) -> bool:
        return self.controllers.alive(self.now)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_controller_is_there_for_ninety_seconds_after_its_heartbeat(stage: Stage) -> None:
    assert not stage.alive
    assert stage.hear(stage.frame(1, 1)), "it asks who is there"
    assert stage.alive
    stage.mono += 30
    assert not stage.hear(stage.frame(1, 2)), "a heartbeat asks nothing"
    stage.mono += 89
    assert stage.alive
    stage.mono += 2
    assert not stage.alive


def test_a_new_epoch_asks_who_is_there(stage: Stage) -> None:
    stage.hear(stage.frame(1, 1))
    assert stage.hear(stage.frame(2, 1))
    assert not stage.hear(stage.frame(1, 9)), "an old epoch is over"
    assert not stage.hear(stage.frame(2, 1)), "the same again"
    assert {name: body.epoch for name, body in stage.controllers.known.items()} == {"ctrl": 2}


def test_a_farewell_ends_it_and_a_will_leaves_a_doubt(stage: Stage) -> None:
    stage.hear(stage.frame(1, 1))
    stage.hear(stage.frame(1, WILL_N, why="will"))
    assert stage.alive, "the broker may be wrong"
    stage.mono += 91
    assert not stage.alive
    stage.hear(stage.frame(2, 1))
    assert stage.alive
    stage.hear(stage.frame(2, 2, why="stopped"))
    assert not stage.alive


def test_what_a_broker_kept_counts_from_when_it_was_said(stage: Stage) -> None:
    frame = stage.frame(3, 1)
    stage.mono += 60
    assert stage.hear(frame, retained=True)
    assert stage.alive
    stage.mono += 31
    assert not stage.alive


def test_an_old_word_that_is_said_again_makes_nobody_alive(stage: Stage) -> None:
    frame, later = stage.frame(3, 1), stage.frame(3, 2)
    stage.mono += 3600
    assert not stage.hear(frame)
    assert not stage.alive
    assert not stage.hear(later, retained=True)
    assert not stage.alive


@pytest.mark.parametrize(
    "how",
    [
        {"key": None}, {"key": STRANGER}, {"key": OTHER}, {"site": "other"}, {"kind": "reported"},
        {"speaker": "controller:other"}, {"speaker": "host:ctrl"},
    ],
)  # fmt: skip
def test_what_a_controller_has_not_signed_itself_changes_nothing(stage: Stage, how: dict[str, object]) -> None:
    assert not stage.hear(stage.frame(9, 1, **how))  # type: ignore[arg-type]
    assert not stage.alive
    assert stage.controllers.refused == 1
    assert stage.hear(stage.frame(1, 1)), "and does not stand in the way of what is true"
    assert stage.alive


@pytest.mark.parametrize("payload", [b"", b"x", bytes(70_000)])
def test_garbage_is_refused(stage: Stage, payload: bytes) -> None:
    assert not stage.hear(payload)
    assert not stage.hear(stage.frame(1, 1)[:-1])
    assert not stage.hear(stage.frame(1, 1), name="nobody")
    assert stage.controllers.refused == 3


def test_a_key_that_is_revoked_makes_nobody_alive_any_more(stage: Stage) -> None:
    stage.hear(stage.frame(1, 1))
    stage.trust = trust(revoked=(CTRL.id.hex(),))
    assert not stage.alive
    assert not stage.hear(stage.frame(1, 2))


def test_a_key_that_has_run_out_counts_only_where_the_clock_is_wrong(stage: Stage) -> None:
    stage.trust = trust(not_after=START_MS)
    assert not stage.hear(stage.frame(1, 1))
    stage.clock_good = False
    assert stage.hear(stage.frame(1, 1))
    assert stage.alive


def test_a_host_whose_clock_is_years_off_hears_a_controller_from_its_second_heartbeat(stage: Stage) -> None:
    stage.clock_good, stage.ahead_ms = False, 5 * 365 * 86_400_000
    stage.hear(stage.frame(1, 1), retained=True)
    assert not stage.alive
    stage.mono += 30
    stage.hear(stage.frame(1, 2), retained=True)
    assert stage.alive


def test_a_flood_is_not_looked_at(stage: Stage) -> None:
    for _ in range(round(LOOKED_AT_ONCE)):
        stage.hear(stage.frame(1, 1, key=STRANGER))
    assert not stage.hear(stage.frame(1, 1)), "not even what is true, for a moment"
    stage.mono += 1
    assert stage.hear(stage.frame(1, 2))


def test_only_so_many_are_followed(stage: Stage) -> None:
    for n in range(MOST + 2):
        stage.mono += 1
        stage.hear(stage.frame(1, 1, name=f"c{n}", key=SigningKey(bytes([n + 10]) * 32)), name=f"c{n}")
    assert len(stage.controllers.known) == MOST
