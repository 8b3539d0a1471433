"""What a host says without being asked, and where it goes when there is no broker."""

import asyncio

import pytest
from paper_disk import PaperDisk
from spool_samples import read_all, spool

from guestwire.agent.announcer import IN_FLIGHT, WAITING_NOTICES, Announcer
from guestwire.agent.telemetry.loose import Kept, Loose
from guestwire.agent.telemetry.spool import Spool
from guestwire.link.transport import TransportError
from guestwire.protocol.notices import GuestNotice
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import read
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

KEY = SigningKey(bytes(range(32)))
TRUST = Trust(
    TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=(
            Signer(principal="host:h1", public_key=KEY.public.raw.hex(), scope=Scope(operations=(), hosts=("h1",))),
        ),
    )
)
NOTICE = "gw/1/plant/host/h1/notice/guest"


class Outlet:
    def __init__(self, *, broken: bool = False, takes: int | None = None) -> None:
        self.said: list[tuple[str, bytes, bool]] = []
        self.offered: list[tuple[str, bytes]] = []
        self.broken = broken
        self.takes = takes

    def room(self, topic: str) -> int | None:
        return self.takes

    def offer(self, topic: str, frame: bytes) -> None:
        if self.broken:
            raise TransportError("LINK-LOST")
        self.offered.append((topic, frame))

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> None:
        if self.broken:
            raise TransportError("LINK-LOST")
        self.said.append((topic, frame, retained))


class Session:
    """A broker that confirms, or does not, when it is told to. What it did not take is not `said`."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bytes, bool]] = []
        self.asked: list[tuple[tuple[str, bytes, bool], asyncio.Future[int]]] = []

    def offer(self, topic: str, frame: bytes) -> None: ...

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> asyncio.Future[int]:
        outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.asked.append(((topic, frame, retained), outcome))
        return outcome

    async def take(self, count: int | None = None) -> None:
        """Confirm the oldest, and what is published because of that."""
        while self.asked and count != 0:
            message, outcome = self.asked.pop(0)
            self.said.append(message)
            outcome.set_result(0)
            count = None if count is None else count - 1
            for _ in range(3):
                await asyncio.sleep(0)

    async def refuse(self, code: str) -> None:
        """Fail all that was asked so far."""
        asked, self.asked = self.asked, []
        for _, outcome in asked:
            outcome.set_exception(TransportError(code))
        for _ in range(3):
            await asyncio.sleep(0)


def announcer(numbering: Loose | Spool | None = None) -> Announcer:
    return Announcer("plant", "h1", KEY, lambda: Now(1_000, 1.0), numbering or Loose())


def notice(made: Announcer, name: str = "plc") -> None:
    made.notice("guest", event="state", guest_id="GUEST0001", name=name, uuid="u", before="stopped", state="running")


def bodies(outlet: Outlet | Session) -> list[GuestNotice]:
    return [
        read(frame, TRUST, "plant", "host:h1", "notice", None).read(GuestNotice)
        for topic, frame, _ in outlet.said
        if topic == NOTICE
    ]


def test_notices_are_signed_and_numbered_without_a_gap() -> None:
    made, outlet = announcer(), Outlet()
    made.broker_up(outlet)
    for _ in range(3):
        notice(made)
    assert [(b.seq, b.at, b.name) for b in bodies(outlet)] == [(1, 1000, "plc"), (2, 1000, "plc"), (3, 1000, "plc")]
    assert len({b.log for b in bodies(outlet)}) == 1
    assert all(read(frame, TRUST, "plant", "host:h1", "notice", None).verified for _, frame, _ in outlet.said)


def test_notices_wait_for_the_broker_in_order() -> None:
    made, outlet = announcer(), Outlet()
    notice(made, "a")
    notice(made, "b")
    made.broker_up(outlet)
    made.broker_down()
    notice(made, "c")
    assert [b.name for b in bodies(outlet)] == ["a", "b"]
    made.broker_up(outlet)
    assert [b.name for b in bodies(outlet)] == ["a", "b", "c"]


def test_a_broker_that_takes_nothing_loses_nothing() -> None:
    made, broken, sound = announcer(), Outlet(broken=True), Outlet()
    made._broker = broken
    notice(made)
    made.broker_up(sound)
    assert [b.seq for b in bodies(sound)] == [1]


def test_the_oldest_notices_give_way_and_are_counted() -> None:
    made, outlet = announcer(), Outlet()
    for _ in range(WAITING_NOTICES + 3):
        notice(made)
    made.broker_up(outlet)
    assert made.lost_notices == 3
    assert bodies(outlet)[0].seq == 4, "the gap shows in the numbers"


def test_what_is_retained_is_said_again_after_a_reconnect_and_to_a_new_socket() -> None:
    made, broker, local = announcer(), Outlet(), Outlet()
    made.state("capabilities", Empty(), 1)
    made.state("capabilities", Empty(), 2)
    made.broker_up(broker)
    made.add_local(local)
    topic = "gw/1/plant/host/h1/capabilities"
    for outlet in (broker, local):
        ((said, frame, retained),) = outlet.said
        assert (said, retained) == (topic, True)
        assert read(frame, TRUST, "plant", "host:h1", "capabilities", None).n == 2


@pytest.mark.parametrize("code", ["LINK-BUSY", "PUBLISH-TIMEOUT", "LINK-LOST"])
async def test_a_notice_that_was_not_confirmed_is_said_again_in_order(code: str) -> None:
    made, broker = announcer(), Session()
    made.broker_up(broker)
    for name in "abc":
        notice(made, name)
    await broker.refuse(code)
    notice(made, "d")
    await broker.take()
    assert [b.seq for b in bodies(broker)] == [1, 2, 3, 4]
    assert made.lost_notices == 0


async def test_a_notice_that_was_under_way_when_the_link_went_waits_for_the_next() -> None:
    made, broker, after = announcer(), Session(), Session()
    made.broker_up(broker)
    notice(made, "a")
    notice(made, "b")
    await broker.take(1)
    made.broker_down()
    await broker.refuse("LINK-LOST")
    notice(made, "c")
    made.broker_up(after)
    await after.take()
    assert ([b.name for b in bodies(broker)], [b.name for b in bodies(after)]) == (["a"], ["b", "c"])


async def test_what_is_retained_and_was_not_taken_is_said_with_the_next_that_is() -> None:
    made, broker = announcer(), Session()
    made.broker_up(broker)
    made.state("reported", Empty(), 1)
    made.state("reported", Empty(), 2)
    await broker.refuse("LINK-BUSY")
    assert broker.asked == []
    made.presence(b"beat")
    await broker.take()
    reported = [frame for topic, frame, _ in broker.said if topic.endswith("/reported")]
    assert [read(frame, TRUST, "plant", "host:h1", "reported", None).n for frame in reported] == [2]
    made.presence(b"beat")
    await broker.take()
    assert len(broker.said) == 3, "it is said once"


async def test_what_the_broker_will_never_take_is_counted_and_holds_nothing_up() -> None:
    made, broker = announcer(), Session()
    made.broker_up(broker)
    notice(made, "a")
    made.state("reported", Empty(), 1)
    await broker.refuse("PUBLISH-REFUSED")
    notice(made, "b")
    await broker.take()
    assert [b.name for b in bodies(broker)] == ["b"]
    assert made.lost_notices == 1
    assert len(broker.said) == 1


async def test_a_broker_that_confirms_nothing_is_not_given_more_and_more() -> None:
    made, broker = announcer(), Session()
    made.broker_up(broker)
    for _ in range(IN_FLIGHT + 5):
        notice(made)
    assert len(broker.asked) == IN_FLIGHT
    await broker.take()
    assert [b.seq for b in bodies(broker)] == list(range(1, IN_FLIGHT + 6))


def test_notices_are_numbered_by_the_spool_and_stay_there() -> None:
    kept = spool(PaperDisk())
    made, outlet = announcer(kept), Outlet()
    made.broker_up(outlet)
    notice(made, "a")
    made.notice("config", event="applied")
    made.notice("alarm", event="journal")
    notice(made, "b")
    log = kept.logs[0].log
    frames = {frame for _, frame, _ in outlet.said}
    assert [(b.log, b.seq) for b in bodies(outlet)] == [(log, 1), (log, 3)], "guest and config are one class"
    held = read_all(kept)
    assert set(held) == {(log, "notice", 1), (log, "notice", 2), (log, "notice", 3), (log, "alarm", 1)}
    assert {record.frame for record in held.values()} == frames, "what is kept is what was said"


def test_who_keeps_up_with_what_was_said_hears_of_it_once_it_has_left() -> None:
    made, outlet = announcer(spool(PaperDisk())), Outlet()
    heard: list[Kept] = []
    made.said = heard.append
    notice(made, "a")
    assert heard == []
    made.broker_up(outlet)
    notice(made, "b")
    made.add_local(Outlet())
    notice(made, "c")
    assert [one.seq for one in heard] == [1, 2, 3, 3], "by the broker and directly"


async def test_a_notice_that_gives_way_is_not_lost_while_the_spool_has_it() -> None:
    made, broker = announcer(spool(PaperDisk())), Session()
    for _ in range(WAITING_NOTICES + 3):
        notice(made)
    assert (made.lost_notices, made.waiting_notices) == (0, WAITING_NOTICES)
    made.broker_up(broker)
    await broker.refuse("PUBLISH-REFUSED")
    assert made.lost_notices == 0


def test_who_asks_who_is_there_hears_what_was_said_last() -> None:
    made, broker = announcer(), Outlet()
    made.presence(b"heartbeat")
    made.state("capabilities", Empty(), 1)
    made.state("reported", Empty(), 1)
    made.broker_up(broker)
    broker.said.clear()
    made.say_again()
    assert {topic.rpartition("/")[2] for topic, _, _ in broker.said} == {"capabilities", "reported"}


def test_telemetry_goes_where_it_may() -> None:
    made, broker, watched, idle = announcer(), Outlet(), Outlet(takes=10), Outlet()
    topic = "gw/1/plant/host/h1/telemetry/fast"
    assert not made.offer(topic, b"1", brokered=True), "there is nobody at all"
    assert not made.brokered
    assert made.direct_room(topic) is None
    with pytest.raises(TransportError):
        made.deliver(topic, b"1", brokered=True)
    made.broker_up(broker)
    assert made.brokered
    assert made.offer(topic, b"2", brokered=True)
    assert broker.offered == [(topic, b"2")], "once, without a confirmation"
    made.add_local(watched)
    made.add_local(idle)
    assert made.direct_room(topic) == 10
    assert made.offer(topic, b"3", brokered=False)
    assert len(broker.offered) == 1
    made.deliver(topic, b"4", brokered=True)
    assert broker.said == [(topic, b"4", False)]
    assert [frame for _, frame, _ in watched.said] == [b"3", b"4"]
    watched.takes = 0
    made.deliver(topic, b"5", brokered=True)
    assert len(watched.said) == 2, "who does not read is not given old things"
    broker.broken = True
    assert not made.offer(topic, b"6", brokered=True)
