"""What comes in and is believed: every way to lie to a controller, as rows. Whatever is not a host's own word is counted, told to
the audit log, and heard by nobody.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from fleet_controller import Ears, StartHost, by_mqtt, controller
from fleet_words import SITE, START, FakeClock, Speaker, key_of, trust_of
from hypothesis import given
from hypothesis import strategies as st

from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.reception import KINDS, Reception, subscriptions
from guestwire.controller.links.tallies import MOST_UNTOLD, Refusal, Tallies
from guestwire.controller.links.uncut import uncut
from guestwire.controller.store import audit_rows
from guestwire.controller.store.audit_rows import Wanted
from guestwire.controller.store.database import Database
from guestwire.link import mqtt5
from guestwire.link.transport import Incoming, Options
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import topics
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.envelope import Header, decode, encode
from guestwire.protocol.notices import CommNotice
from guestwire.protocol.presence import WILL_N, PresenceBody
from guestwire.protocol.reported import ReportedBody
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import state
from guestwire.protocol.telemetry import Gap, TelemetryBatch
from guestwire.site.layout import Layout

KEYS = {"host:h1": key_of(1), "host:h2": key_of(2), "controller:main": key_of(3)}
STRANGER = key_of(9)
LOG = bytes(range(16))

BODIES: dict[str, Model] = {
    "presence": PresenceBody(epoch=1, n=1, boot_id="b", online=True, why="heartbeat", since=0, agent_version="0.1"),
    "capabilities": CapabilitiesBody(epoch=1, n=1, operations={}, hash=bytes(32)),
    "reported": ReportedBody(epoch=1, n=1, hypervisor_connected=True, guests=0, guests_running=0),
    "notice": CommNotice(log=LOG, seq=1, at=1, event="log"),
    "telemetry": TelemetryBatch(log=LOG, seq=1, tier="slow", t0=1, dt=bytes(4), columns=()),
    "telemetry-gap": Gap(log=LOG, spool_class="metric", first=1, last=2, since=1, until=2),
}
PARTS = {"notice": ("comm",), "telemetry": ("slow",)}


def statement(
    kind: str, speaker: str = "host:h1", key: SigningKey | None = None, body: Model | None = None, n: int = 1
) -> bytes:
    return state(kind, SITE, speaker, body or BODIES[kind], key or KEYS[speaker], START.wall_ms, n=n)


def topic_of(kind: str, host: str = "h1", site: str = SITE) -> str:
    name = "telemetry" if kind == "telemetry-gap" else kind
    return topics.make(name, site, host, *PARTS.get(name, ()))


def stripped(frame: bytes) -> bytes:
    envelope = decode(frame)
    return encode(envelope.header, envelope.body, ())


def reheaded(frame: bytes, **changed: object) -> bytes:
    """With the signature of what it was."""
    envelope = decode(frame)
    from guestwire.protocol.packing import pack

    header = Header(*envelope.header)._replace(**changed)
    return pack([pack(list(header)), envelope.body, [list(one) for one in envelope.signatures], []])


def flipped(frame: bytes, at: int) -> bytes:
    return frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]


@dataclass
class Room:
    """A reception of a site, with ears for everything."""

    only: str | None = None
    vouched: bool = False
    admitted: bool = True
    tallies: Tallies = field(default_factory=Tallies)
    ears: Ears = field(default_factory=Ears)
    defects: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.reception = Reception(
            SITE, lambda: trust_of(KEYS), {kind.name: (self.ears,) for kind in KINDS}, lambda _: self.admitted, self.tallies,
            self.clock, lambda what, error: self.defects.append(what), only=self.only, vouched=self.vouched,
        )  # fmt: skip

    def receive(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        parsed = topics.parse(topic)
        assert parsed is not None
        self.reception.receive(parsed, Incoming(topic, payload, 1, retained, False, lambda: None))


@pytest.mark.parametrize("kind", BODIES)
def test_what_a_host_says_itself_is_heard(kind: str) -> None:
    room = Room()
    room.receive(topic_of(kind), statement(kind), retained=True)
    [said] = room.ears.heard
    assert (said.ref, said.statement.kind, said.retained, said.direct) == (HostRef(SITE, "h1"), kind, True, False)
    assert said.part == PARTS.get("telemetry" if kind == "telemetry-gap" else kind, ("",))[0]
    assert said.statement.read(type(BODIES[kind])) == BODIES[kind]
    assert not room.tallies.refused


LIES: tuple[tuple[str, Callable[[str], tuple[str, bytes]], str], ...] = (
    ("by a stranger", lambda kind: (topic_of(kind), statement(kind, key=STRANGER)), "BAD-SIGNATURE"),
    ("signed by another host", lambda kind: (topic_of(kind), statement(kind, key=KEYS["host:h2"])), "BAD-SIGNATURE"),
    ("signed by the controller", lambda kind: (topic_of(kind), statement(kind, key=KEYS["controller:main"])), "BAD-SIGNATURE"),
    ("another host's word", lambda kind: (topic_of(kind), statement(kind, "host:h2")), "MISADDRESSED"),
    ("under another host's topic", lambda kind: (topic_of(kind, "h2"), statement(kind)), "MISADDRESSED"),
    ("signed by nobody", lambda kind: (topic_of(kind), stripped(statement(kind))), "BAD-SIGNATURE"),
    ("a host that nobody knows", lambda kind: (topic_of(kind, "h7"), statement(kind, "host:h7", key_of(7))), "BAD-SIGNATURE"),
    ("a host that nobody knows, unsigned", lambda kind: (topic_of(kind, "h7"), stripped(statement(kind, "host:h7", key_of(7)))), "UNSIGNED"),
    ("another site", lambda kind: (topic_of(kind, site="east"), statement(kind)), "MISADDRESSED"),
    ("another kind of word", lambda kind: (topic_of("presence" if kind != "presence" else "reported"), statement(kind)), "MISADDRESSED"),
    ("dated anew", lambda kind: (topic_of(kind), reheaded(statement(kind), issued_at=1)), "BAD-SIGNATURE"),
    ("in another place of its order", lambda kind: (topic_of(kind), reheaded(statement(kind), n=WILL_N)), "BAD-SIGNATURE"),
    ("with an extension", lambda kind: (topic_of(kind), reheaded(statement(kind), crit=("x",))), "UNKNOWN-CRITICAL"),
    ("cut off", lambda kind: (topic_of(kind), statement(kind)[:-3]), "MALFORMED"),
    ("nonsense", lambda kind: (topic_of(kind), b"nonsense"), "MALFORMED"),
)  # fmt: skip


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize(("lie", "code"), [row[1:] for row in LIES], ids=[row[0] for row in LIES])
def test_what_is_not_its_own_word_is_not(kind: str, lie: Callable[[str], tuple[str, bytes]], code: str) -> None:
    room = Room()
    topic, payload = lie(kind)
    room.receive(topic, payload)
    assert room.ears.heard == []
    assert (dict(room.tallies.refused), room.defects) == ({code: 1}, [])
    [(refusal, count)] = room.tallies.take_untold()
    assert (refusal.code, count) == (code, 1)


@given(st.sampled_from(sorted(BODIES)), st.data())
def test_no_bit_can_be_changed_on_the_way(kind: str, data: st.DataObject) -> None:
    room = Room()
    frame = statement(kind)
    room.receive(topic_of(kind), flipped(frame, data.draw(st.integers(0, len(frame) - 1))))
    assert room.ears.heard == []
    assert room.defects == []
    assert sum(room.tallies.refused.values()) == 1


@given(st.binary(max_size=200))
def test_no_bytes_break_it(payload: bytes) -> None:
    room = Room()
    for kind in BODIES:
        room.receive(topic_of(kind), payload)
    assert (room.ears.heard, room.defects) == ([], [])


@pytest.mark.parametrize("kind", BODIES)
def test_of_a_host_that_nobody_approved_only_what_tells_who_it_is_is_heard(kind: str) -> None:
    room = Room(admitted=False)
    room.receive(topic_of(kind), statement(kind))
    heard = kind in ("presence", "capabilities", "reported")
    assert len(room.ears.heard) == heard
    assert room.tallies.held_back[HostRef(SITE, "h1")] == (not heard)


def test_a_way_to_one_host_brings_the_words_of_that_host() -> None:
    """Over its own socket the kernel vouches for it, and it may be that nobody has a trust document."""
    for vouched in (False, True):
        room = Room(only="h1", vouched=vouched)
        room.receive(topic_of("reported"), statement("reported"))
        [said] = room.ears.heard
        assert said.direct
        room.receive(topic_of("reported", "h2"), statement("reported", "host:h2"))
        assert dict(room.tallies.refused) == {"MISADDRESSED": 1}
        assert len(room.ears.heard) == 1
    room = Room(only="h7", vouched=True)
    room.receive(topic_of("reported", "h7"), stripped(statement("reported", "host:h7", key_of(7))))
    assert len(room.ears.heard) == 1


def test_what_fits_no_model_is_counted_and_what_breaks_a_hearer_ends_nothing() -> None:
    class Picky(Ears):
        def hear(self, said: object) -> bool:
            raise self.error

        error: Exception = GuestwireError("MALFORMED")

    room = Room()
    room.ears = picky = Picky()
    room.__post_init__()
    room.receive(topic_of("presence"), statement("presence"))
    assert (dict(room.tallies.refused), room.defects) == ({"MALFORMED": 1}, [])
    picky.error = ValueError("a defect")
    room.receive(topic_of("presence"), statement("presence"))
    assert room.defects == ["presence"]


def test_empty_messages_and_other_topics_are_nothing() -> None:
    room = Room()
    room.receive(topic_of("presence"), b"")
    room.receive(topics.make("request", SITE, "h1", "main", "host-show"), b"x")
    room.receive(topics.make("stream", SITE, "h1", "s1", "up"), b"x")
    assert (room.ears.heard, dict(room.tallies.refused)) == ([], {})


def test_what_is_asked_of_a_broker_and_of_a_host() -> None:
    """Heartbeats at QoS 0: a broker that keeps them for an absent controller has no room for what must not be lost."""
    asked = {one.topic_filter: (one.qos, one.retained) for one in subscriptions(SITE)}
    assert asked == {
        "gw/1/plant/host/+/presence": (0, True),
        "gw/1/plant/host/+/capabilities": (1, True),
        "gw/1/plant/host/+/reported": (1, True),
        "gw/1/plant/host/+/notice/+": (1, False),
        "gw/1/plant/host/+/telemetry/+": (1, False),
    }
    assert all("/host/h1/" in one.topic_filter for one in subscriptions(SITE, "h1"))


def test_refusals_are_bounded_until_they_are_told() -> None:
    tallies = Tallies()
    for n in range(MOST_UNTOLD + 50):
        tallies.refuse(Refusal(SITE, f"h{n}", "presence", "UNSIGNED"))
    untold = tallies.take_untold()
    assert len(untold) == MOST_UNTOLD + 1
    assert (Refusal(SITE, "", "", "UNSIGNED"), 50) in untold
    tallies.untold_again(untold[:2])
    assert tallies.take_untold() == untold[:2]
    assert tallies.refused["UNSIGNED"] == MOST_UNTOLD + 50


async def test_lies_over_a_real_broker_are_told_to_the_audit_log(
    mosquitto_broker: Mosquitto, one_database: Database, layout: Layout, start_host: StartHost
) -> None:
    """A broker without access lists: everybody may say anything, to anybody."""
    host = await start_host("h1", mosquitto_broker.port)
    clock = FakeClock(START._replace(wall_ms=0))
    h1 = HostRef(SITE, "h1")
    mallory = await mqtt5.connect(
        Options("127.0.0.1", mosquitto_broker.port, "mallory", clean_start=True), lambda message: message.ack()
    )
    async with controller(one_database, [by_mqtt(layout, mosquitto_broker.port)]) as made:
        await made.state(h1, "online")
        await made.approve(h1)
        liar = Speaker(h1, clock, key=STRANGER, epoch=99)
        stopped = PresenceBody(epoch=99, n=5, boot_id="x", online=False, why="stopped", since=0, agent_version="9")
        old = state("presence", SITE, "host:h1", stopped.model_copy(update={"epoch": 1}), host.key, 1, n=5)
        for payload in (liar.frame("presence", stopped, 5), old):
            await mallory.publish(topic_of("presence"), payload, retain=True)
        for seq in (1, 2, 3):
            await mallory.publish(
                topic_of("notice"), liar.frame("notice", CommNotice(log=LOG, seq=seq, at=1, event="log"), seq)
            )
        await mallory.publish(topic_of("telemetry"), liar.frame("telemetry", BODIES["telemetry"], 1))
        await mallory.publish(topic_of("telemetry", "h2"), host_word(host.key))
        await made.until(lambda: sum(made.tallies.refused.values()) == 6, "refusals")
        assert made.core.registry.state(h1) == "online", "neither a forged farewell nor one of an old epoch"
        assert made.ears.heard == []
        await made.refusals.tell()
        async with one_database.read() as tx:
            rows = await audit_rows.oldest(tx, Wanted(action="statement-refused"), above=0, limit=10)
    told = {(row.target, row.outcome, json.loads(row.detail)["kind"]): json.loads(row.detail)["count"] for row in rows}
    assert told == {
        ("plant/h1", "BAD-SIGNATURE", "presence"): 1,
        ("plant/h1", "BAD-SIGNATURE", "notice"): 3,
        ("plant/h1", "BAD-SIGNATURE", "telemetry"): 1,
        ("plant/h2", "MISADDRESSED", "telemetry"): 1,
    }
    await mallory.close()


def host_word(key: SigningKey) -> bytes:
    return state("telemetry", SITE, "host:h1", BODIES["telemetry"], key, 1, n=1)


async def test_work_that_is_not_cut_off() -> None:
    done: list[str] = []
    go = asyncio.Event()

    async def work() -> str:
        await go.wait()
        done.append("done")
        return "result"

    task = asyncio.create_task(uncut(work()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["done"]
    assert await uncut(work()) == "result"
