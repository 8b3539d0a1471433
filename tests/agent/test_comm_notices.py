"""What guests make happen is told at a bounded rate, each guest by itself."""

import pytest
from test_audit import Ears

from guestwire.agent.announcer import Announcer
from guestwire.agent.comm_notices import BURST, CARRIED, CommNotices
from guestwire.agent.telemetry.loose import Loose
from guestwire.model.errors import GuestwireError
from guestwire.protocol.comm_models import Happening
from guestwire.protocol.notices import AuditNotice
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Now


def made() -> tuple[CommNotices, Ears, list[float], list[str]]:
    ears, clock, changed = Ears(), [0.0], list[str]()
    announcer = Announcer("s", "h", SigningKey(bytes(32)), lambda: Now(1, clock[0]), Loose())
    announcer.add_local(ears)
    return CommNotices(ears, announcer, lambda: clock[0], lambda: changed.append("!")), ears, clock, changed


def one(kind: str = "log", guest: str = "a", **fields: object) -> Happening:
    return Happening(seq=1, at=1, kind=kind, guest=guest, **fields)  # type: ignore[arg-type]


def test_a_flood_of_one_guest_is_counted_and_another_is_told() -> None:
    notices, ears, clock, _ = made()
    for _ in range(1000):
        notices.happened(one(text="x"))
    assert len(ears.notices) == len(ears.logged) == BURST
    notices.happened(one(guest="b"))
    assert ears.notices[-1]["guest"] == "b"
    clock[0] = 1.0
    notices.happened(one(text="y"))
    late, last = ears.notices[-2:]
    assert (late["event"], late["guest"], late["count"]) == ("missed", "a", 1000 - BURST)
    assert (last["event"], last["text"]) == ("log", "y")


def test_a_notice_carries_so_much_and_says_so() -> None:
    notices, ears, _, _ = made()
    notices.happened(one("data", data=bytes(CARRIED + 1)))
    notices.happened(one(text="z" * (CARRIED + 1)))
    assert [(len(n["data"]), len(n["text"]), n["truncated"]) for n in ears.notices] == [
        (CARRIED, 0, True), (0, CARRIED, True),
    ]  # fmt: skip
    assert len(str(ears.logged[-1][2]["text"])) == CARRIED + 1


@pytest.mark.parametrize(
    ("kind", "fields", "code", "text"),
    [
        ("denied", {"text": "open"}, "COMM-DENIED", "open e"), ("signalled", {}, "", "e"), ("reset", {}, "", "e"),
        ("broken", {}, "", "e"),
    ],
)  # fmt: skip
def test_what_is_refused_and_what_is_done_from_afar_is_for_the_audit(
    kind: str, fields: dict[str, str], code: str, text: str
) -> None:
    notices, ears, _, _ = made()
    notices.happened(one(kind, "operator:anna", name="e", count=3, **fields))
    comm, audit = ears.notices
    assert (comm["event"], comm["guest"], comm["name"], comm["count"]) == (kind, "operator:anna", "e", 3)
    found = AuditNotice.model_validate(audit)
    assert (found.event, found.code, found.client, found.text, found.count) == (kind, code, "operator:anna", text, 3)


def test_a_state_is_looked_into_and_a_bad_one_is_an_alarm() -> None:
    notices, ears, _, changed = made()
    notices.happened(one("state", guest="", text="running"))
    assert (len(changed), len(ears.notices)) == (1, 1)
    notices.happened(one("state", guest="", text="degraded", level="warning"))
    assert len(changed) == 2
    assert ears.notices[-1]["text"] == "degraded"
    assert ears.notices[-1]["event"] == "comm-state"


def test_a_guest_that_has_not_got_its_areas_is_an_alarm() -> None:
    notices, ears, _, _ = made()
    notices.not_plugged("a", GuestwireError("AREA-NOT-PLUGGED", "m: no slot of the guest is left"))
    comm, alarm = ears.notices
    assert (comm["event"], comm["guest"], comm["code"], comm["level"]) == (
        "not-plugged",
        "a",
        "AREA-NOT-PLUGGED",
        "warning",
    )
    assert (alarm["event"], alarm["text"]) == ("comm-not-plugged", "a: m: no slot of the guest is left")
    assert alarm["remedy"]
