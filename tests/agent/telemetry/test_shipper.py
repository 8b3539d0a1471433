"""What is sent, when, and to whom: with a spool, an announcer and controllers, and a clock of the test's."""

import asyncio

import pytest
from paper_disk import PaperDisk
from spool_samples import KEY, MIB, batch, batch_of, lost_of, read_all, see_to, spool

from guestwire.agent.announcer import Announcer
from guestwire.agent.telemetry.controllers import Controllers
from guestwire.agent.telemetry.drafts import BatchDraft
from guestwire.agent.telemetry.pacing import Pacing
from guestwire.agent.telemetry.shipper import IDLE_S, UNCONFIRMED, Shipper
from guestwire.agent.telemetry.shipping import AGAIN_S, DEAF_S
from guestwire.agent.telemetry.spool import Spool
from guestwire.agent.telemetry.telling import Telling
from guestwire.link.transport import TransportError
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.protocol import topics
from guestwire.protocol.envelope import Header
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.presence import PresenceBody
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import read, state
from guestwire.protocol.steps import Call, Inbound, Now
from guestwire.protocol.telemetry import GAP_KIND, Gap, SpoolClass, TelemetryAck, TelemetryAcked
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

CTRL = SigningKey(bytes([9]) * 32)
TRUST = Trust(
    TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=(
            Signer(principal="host:h1", public_key=KEY.public.raw.hex(), scope=Scope(operations=(), hosts=("h1",))),
            Signer(principal="controller:ctrl", public_key=CTRL.public.raw.hex(), scope=Scope(risk=1)),
        ),
    )
)


class Broker:
    """The session with a broker, which confirms at once unless it is told to wait or to fail."""

    def __init__(self) -> None:
        self.once: list[tuple[str, bytes]] = []
        self.confirmed: list[tuple[str, bytes]] = []
        self.waiting: list[asyncio.Future[int]] = []
        self.waits = False
        self.fails: str | None = None
        self.busy = False

    def offer(self, topic: str, frame: bytes) -> None:
        if self.busy:
            raise TransportError("LINK-BUSY")
        self.once.append((topic, frame))

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> asyncio.Future[int]:
        if self.busy:
            raise TransportError("LINK-BUSY")
        self.confirmed.append((topic, frame))
        outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self.fails is not None:
            outcome.set_exception(TransportError(self.fails))
        elif self.waits:
            self.waiting.append(outcome)
        else:
            outcome.set_result(0)
        return outcome


class Direct:
    """A server of the host's own, and what those got who watch telemetry there."""

    def __init__(self) -> None:
        self.takes: int | None = None
        self.got: list[tuple[str, bytes]] = []

    def room(self, topic: str) -> int | None:
        return self.takes

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> None:
        if self.takes is not None:
            self.got.append((topic, frame))


class Stage:
    def __init__(self, disk: PaperDisk | None = None, pacing: Pacing | None = None, **quota: int) -> None:
        self.mono = 1000.0
        self.rest_s = 0.0
        self.epoch = self.beats = 0
        self.spool: Spool = spool(disk or PaperDisk(), **quota)
        self.announcer = Announcer("plant", "h1", KEY, self.clock, self.spool)
        self.broker = Broker()
        self.direct = Direct()
        self.controllers = Controllers("plant", lambda: TRUST, lambda: True)
        self.shipper = Shipper(
            telling=Telling("plant", "h1", KEY), spool=self.spool, ways=self.announcer, controllers=self.controllers,
            pacing=pacing or Pacing(1e9), clock=self.clock, vital=Vital(self.died), rest=lambda: self.rest_s,
        )  # fmt: skip
        self.announcer.said = self.shipper.said

    def died(self, name: str, error: BaseException) -> None:
        raise error

    def clock(self) -> Now:
        return Now(1_700_000_000_000 + round(self.mono * 1000), self.mono)

    def controller(self, *, new: bool = False) -> bool:
        """A controller's heartbeat; in a new epoch."""
        self.epoch += new or not self.epoch
        self.beats += 1
        body = PresenceBody(
            epoch=self.epoch, n=self.beats, boot_id="b", online=True, why="heartbeat", since=0, agent_version="1"
        )
        frame = state("presence", "plant", "controller:ctrl", body, CTRL, self.clock().wall_ms, n=self.beats)
        return self.shipper.heard_controller("ctrl", frame, retained=False)

    def measure(self, count: int = 1, *, series: int = 1) -> None:
        for _ in range(count):
            made = batch(bytes(16), 1, t0_s=round(self.mono), series=series)
            self.shipper.put("fast", BatchDraft("fast", made.t0, made.dt, made.columns))

    async def rounds(self, count: int = 6) -> float:
        """Rounds of the shipper, and what they lead to; how long the last would wait."""
        pause = 0.0
        for _ in range(count):
            pause = await self.shipper.round()
            for _ in range(3):
                await asyncio.sleep(0)
            see_to(self.spool, self.mono, rounds=1)
        return pause

    def acknowledge(
        self, spool_class: SpoolClass, *ranges: tuple[int, int], log: bytes | None = None
    ) -> TelemetryAcked:
        request = TelemetryAck(log=log or self.spool.logs[-1].log, spool_class=spool_class, ranges=ranges)
        operation = BY_NAME["telemetry-ack"]
        header = Header(
            (1, 0), "request", ("plant", "h1"), operation.name, bytes(16), "controller:ctrl", 0, 0, 0, bytes(32)
        )
        call = Call(operation, header, Inbound(b"", "ctrl", operation.name), "controller:ctrl", signed=True, wall_ms=0)
        call.request = request
        return self.shipper.acknowledge(call)


def batches(said: list[tuple[str, bytes]]) -> list[int]:
    return [batch_of(frame).seq for topic, frame in said if topic.endswith("telemetry/fast")]


@pytest.fixture
async def stage() -> Stage:
    made = Stage()
    made.announcer.broker_up(made.broker)
    return made


async def test_nothing_is_sent_while_no_controller_is_there(stage: Stage) -> None:
    stage.measure(3)
    assert not stage.shipper.live()
    assert await stage.rounds() == IDLE_S
    assert (stage.broker.once, stage.broker.confirmed) == ([], [])
    assert len(read_all(stage.spool)) == 3


async def test_what_is_new_goes_at_once_and_without_a_confirmation(stage: Stage) -> None:
    assert stage.controller(new=True)
    assert stage.shipper.live()
    stage.measure(2)
    assert batches(stage.broker.once) == [1, 2]
    said = read(stage.broker.once[0][1], TRUST, "plant", "host:h1", "telemetry", stage.clock())
    assert said.verified
    assert stage.broker.once[0][0] == topics.make("telemetry", "plant", "h1", "fast")
    await stage.rounds()
    assert stage.broker.confirmed == []


async def test_after_an_outage_what_is_new_comes_first_and_the_rest_oldest_first(stage: Stage) -> None:
    stage.measure(5)
    stage.controller(new=True)
    stage.measure()
    assert batches(stage.broker.once) == [6]
    await stage.rounds()
    assert batches(stage.broker.confirmed) == [1, 2, 3, 4, 5]
    stage.measure()
    assert batches(stage.broker.once) == [6, 7]


async def test_when_a_controller_comes_not_all_hosts_send_at_once_what_they_have(stage: Stage) -> None:
    stage.measure(3)
    stage.rest_s = 4.0
    stage.controller(new=True)
    stage.measure()
    assert batches(stage.broker.once) == [4], "what is new is little"
    assert 3.9 < await stage.rounds() <= 4.0
    assert stage.broker.confirmed == []
    stage.mono += 4.1
    stage.controller()
    await stage.rounds()
    assert batches(stage.broker.confirmed) == [1, 2, 3]


async def test_what_is_not_acknowledged_in_half_a_minute_goes_again_with_a_confirmation(stage: Stage) -> None:
    stage.controller(new=True)
    stage.measure(3)
    assert stage.acknowledge("metric", (2, 2)) == TelemetryAcked(forgotten=1, oldest=1, newest=3)
    stage.mono += AGAIN_S - 0.1
    stage.controller()
    await stage.rounds()
    assert batches(stage.broker.confirmed) == []
    stage.mono += 0.2
    await stage.rounds()
    assert batches(stage.broker.confirmed) == [1, 3]
    await stage.rounds()
    assert batches(stage.broker.confirmed) == [1, 3], "and not at once again"
    stage.acknowledge("metric", (1, 3))
    stage.mono += AGAIN_S + 1
    stage.controller()
    await stage.rounds()
    assert batches(stage.broker.confirmed) == [1, 3]


async def test_notices_go_the_same_way_the_dearest_first(stage: Stage) -> None:
    stage.announcer.broker_down()
    stage.measure()
    for n in range(2):
        stage.announcer.notice("config", event=f"c{n}")
        stage.announcer.notice("alarm", event=f"a{n}")
    stage.announcer.broker_up(stage.broker)
    assert [topic.rpartition("/")[2] for topic, _ in stage.broker.confirmed] == ["config", "alarm", "config", "alarm"]
    stage.broker.confirmed.clear()
    stage.mono += 1
    stage.controller(new=True)
    await stage.rounds(12)
    kinds = [topic.rpartition("/")[2] for topic, _ in stage.broker.confirmed]
    assert kinds == ["alarm", "alarm", "config", "config", "fast"], "nobody was there who could have kept them"
    stage.announcer.notice("config", event="c2")
    stage.acknowledge("notice", (1, 3))
    stage.acknowledge("alarm", (1, 2))
    stage.broker.confirmed.clear()
    stage.mono += AGAIN_S + 1
    stage.controller()
    await stage.rounds(12)
    assert [topic.rpartition("/")[2] for topic, _ in stage.broker.confirmed] == ["fast"]


async def test_a_controller_that_is_gone_is_sent_nothing_more(stage: Stage) -> None:
    stage.controller(new=True)
    stage.measure()
    stage.mono += 91
    assert not stage.shipper.live()
    stage.measure()
    await stage.rounds()
    assert batches(stage.broker.once) == [1]
    assert batches(stage.broker.confirmed) == []
    stage.controller()
    await stage.rounds()
    assert batches(stage.broker.confirmed) == [1, 2]


async def test_while_the_broker_confirms_nothing_little_is_given_to_it() -> None:
    stage = Stage()
    stage.announcer.broker_up(stage.broker)
    stage.measure(UNCONFIRMED + 30)
    stage.broker.waits = True
    stage.controller(new=True)
    await stage.rounds(10)
    assert len(stage.broker.confirmed) == UNCONFIRMED
    for outcome in stage.broker.waiting:
        outcome.set_result(0)
    await stage.rounds(10)
    assert len(stage.broker.confirmed) == 2 * UNCONFIRMED
    for outcome in stage.broker.waiting[UNCONFIRMED:]:
        outcome.set_result(0)


async def test_what_was_left_behind_keeps_to_its_share_of_the_link() -> None:
    stage = Stage(pacing=Pacing(20_000))
    stage.announcer.broker_up(stage.broker)
    for _ in range(40):
        stage.measure(5, series=30)
        see_to(stage.spool, stage.mono)
    stage.controller(new=True)
    for _ in range(60):
        await stage.rounds(2)
        stage.mono += 1
        stage.controller()
        if stage.broker.confirmed:
            stage.acknowledge("metric", (1, len(stage.broker.confirmed)))
    sent = sum(len(frame) for _, frame in stage.broker.confirmed)
    assert 0.5 * 0.3 * 20_000 * 60 < sent < 0.3 * 20_000 * 60 + 25_000
    assert batches(stage.broker.confirmed) == list(range(1, len(stage.broker.confirmed) + 1))


@pytest.mark.parametrize("code", ["PUBLISH-TIMEOUT", "LINK-LOST"])
async def test_what_the_broker_did_not_take_goes_again(stage: Stage, code: str) -> None:
    stage.measure(2)
    stage.controller(new=True)
    stage.broker.fails = code
    await stage.rounds(1)
    stage.broker.fails = None
    await stage.rounds()
    assert set(batches(stage.broker.confirmed)) == {1, 2}
    assert len(stage.broker.confirmed) >= 3


async def test_what_the_broker_never_takes_does_not_go_in_circles(stage: Stage) -> None:
    stage.measure(2)
    stage.controller(new=True)
    stage.broker.fails = "PACKET-TOO-LARGE"
    await stage.rounds(10)
    assert batches(stage.broker.confirmed) == [1, 2]
    stage.mono += AGAIN_S + 1
    stage.controller()
    await stage.rounds(10)
    assert batches(stage.broker.confirmed) == [1, 2]


async def test_a_link_that_is_busy_is_tried_a_little_later(stage: Stage) -> None:
    stage.controller(new=True)
    stage.broker.busy = True
    stage.measure()
    assert 0 < await stage.rounds() < 1
    stage.broker.busy = False
    await stage.rounds()
    assert batches(stage.broker.confirmed) == [1]


async def test_gaps_are_told_and_end_with_their_acknowledgement(stage: Stage) -> None:
    stage.spool.quota = dict(stage.spool.quota) | {"metric": MIB // 4}
    for _ in range(60):
        stage.measure(2, series=60)
        see_to(stage.spool, stage.mono)
        stage.mono += 1
    (lost,) = lost_of(stage.spool, "metric")
    stage.controller(new=True)
    await stage.rounds(1)
    (topic, frame) = stage.broker.confirmed[0]
    assert topic == topics.make("telemetry", "plant", "h1", "slow")
    told = read(frame, TRUST, "plant", "host:h1", GAP_KIND, stage.clock())
    assert told.verified
    gap = told.read(Gap)
    assert (gap.spool_class, gap.first, gap.last, gap.log) == ("metric", 1, lost.last, stage.spool.logs[0].log)
    assert gap.since <= gap.until
    held = min(seq for _, _, seq in read_all(stage.spool))
    assert held == gap.last + 1
    stage.acknowledge("metric", (gap.first, gap.last))
    stage.broker.confirmed.clear()
    stage.mono += AGAIN_S + 1
    stage.controller()
    await stage.rounds(3)
    assert not [topic for topic, _ in stage.broker.confirmed if topic.endswith("slow")]


async def test_who_acknowledges_nothing_gets_the_oldest_again_and_what_is_new_may_be_made_coarser(stage: Stage) -> None:
    stage.controller(new=True)
    for _ in range(5):
        stage.measure(4, series=200)
        stage.mono += 30
        stage.controller()
        await stage.rounds()
    assert stage.mono - 1000 > DEAF_S
    assert not stage.shipper.live()
    stage.broker.once.clear()
    stage.broker.confirmed.clear()
    stage.measure(2)
    assert stage.broker.once == []
    assert not stage.spool.all_of("metric")[0].segments[-1].sent
    stage.mono += AGAIN_S + 1
    stage.controller()
    await stage.rounds()
    again = batches(stage.broker.confirmed)
    assert again
    assert again[0] == 1
    assert len(again) < 15, "the oldest only"
    stage.acknowledge("metric", (1, 1))
    assert stage.shipper.live(), "it is not deaf after all"
    for _ in range(5):
        for number in batches(stage.broker.confirmed):
            stage.acknowledge("metric", (number, number))
        await stage.rounds()
    assert set(batches(stage.broker.confirmed)) == set(range(1, 23)), "and then all that there is"


async def test_a_controller_that_begins_anew_is_given_another_chance(stage: Stage) -> None:
    stage.controller(new=True)
    stage.measure()
    stage.mono += DEAF_S + 1
    stage.controller()
    assert not stage.shipper.live()
    assert stage.controller(new=True)
    assert stage.shipper.live()


async def test_who_is_connected_to_the_host_and_asked_for_telemetry_gets_it_without_a_broker() -> None:
    stage = Stage()
    stage.announcer.add_local(stage.direct)
    stage.measure(2)
    await stage.rounds()
    assert stage.direct.got == [], "nobody asked"
    stage.direct.takes = MIB
    assert stage.shipper.live()
    stage.measure()
    assert batches(stage.direct.got) == [3]
    await stage.rounds()
    assert batches(stage.direct.got) == [3, 1, 2]
    stage.acknowledge("metric", (1, 3))
    stage.mono += AGAIN_S + 1
    await stage.rounds()
    assert len(stage.direct.got) == 3
    stage.direct.takes = 0
    stage.announcer.broker_up(stage.broker)
    stage.mono += 1
    stage.measure()
    stage.mono += AGAIN_S + 1
    await stage.rounds()
    assert batches(stage.direct.got) == [3, 1, 2, 4], "who does not read is not given it again"
    assert stage.broker.once == [], "and no controller is there"


async def test_who_looks_on_and_acknowledges_nothing_keeps_nothing_from_being_made_coarser() -> None:
    stage = Stage()
    stage.announcer.add_local(stage.direct)
    stage.direct.takes = MIB
    stage.measure(2)
    stage.mono += DEAF_S + 1
    assert not stage.shipper.live()
    stage.measure(2)
    assert batches(stage.direct.got) == [1, 2, 3, 4]
    assert not stage.spool.all_of("metric")[0].segments[-1].sent
    assert stage.acknowledge("metric", (3, 4)).forgotten == 0, "whoever acknowledges is given them first"
    assert stage.shipper.live(), "but he does acknowledge"
    await stage.rounds()
    assert set(batches(stage.direct.got)[4:]) >= {3, 4}
    assert stage.acknowledge("metric", (1, 4)).forgotten == 4


async def test_who_comes_to_the_host_need_not_wait_for_what_was_left_behind() -> None:
    stage = Stage()
    stage.announcer.add_local(stage.direct)
    async with stage.shipper, asyncio.timeout(10):
        stage.measure(2)
        await asyncio.sleep(0)
        stage.direct.takes = MIB
        stage.measure()
        while set(batches(stage.direct.got)) != {1, 2, 3}:
            await asyncio.sleep(0)


async def test_an_acknowledgement_is_checked(stage: Stage) -> None:
    stage.controller(new=True)
    stage.measure(3)
    with pytest.raises(GuestwireError) as caught:
        stage.acknowledge("metric", (3, 2))
    assert (caught.value.code, caught.value.field) == ("INVALID-BODY", "ranges")
    assert stage.acknowledge("metric", (1, 3), log=bytes(16)).forgotten == 0
    assert stage.acknowledge("audit", (1, 3)).forgotten == 0
    assert stage.acknowledge("metric", (1, 99)) == TelemetryAcked(forgotten=3, oldest=0, newest=0)


async def test_a_disk_that_takes_nothing_does_not_stop_what_is_new() -> None:
    disk = PaperDisk()
    stage = Stage(disk)
    stage.announcer.broker_up(stage.broker)
    stage.controller(new=True)
    disk.broken = True
    stage.measure(2)
    assert batches(stage.broker.once) == [1, 2]
    logs = {batch_of(frame).log for _, frame in stage.broker.once}
    assert len(logs) == 1
    assert stage.spool.logs[0].log not in logs
    await stage.rounds()
    assert batches(stage.broker.confirmed) == []


async def test_a_hostile_presence_makes_no_host_talk(stage: Stage) -> None:
    stage.measure()
    for key, epoch in ((KEY, 1), (SigningKey(bytes(32)), 2)):
        body = PresenceBody(epoch=epoch, n=1, boot_id="b", online=True, why="heartbeat", since=0, agent_version="1")
        frame = state("presence", "plant", "controller:ctrl", body, key, stage.clock().wall_ms, n=1)
        assert not stage.shipper.heard_controller("ctrl", frame, retained=False)
    stage.controller(new=True)
    old = state(
        "presence", "plant", "controller:ctrl",
        PresenceBody(epoch=0, n=1, boot_id="b", online=True, why="heartbeat", since=0, agent_version="1"), CTRL,
        stage.clock().wall_ms, n=1,
    )  # fmt: skip
    assert not stage.shipper.heard_controller("ctrl", old, retained=False), "an epoch that is over"
    stage.mono += 91
    await stage.rounds()
    assert stage.broker.confirmed == []


async def test_it_works_by_itself_and_ends_in_order(stage: Stage) -> None:
    stage.measure(2)
    async with stage.shipper, asyncio.timeout(10):
        stage.controller(new=True)
        while batches(stage.broker.confirmed) != [1, 2]:
            await asyncio.sleep(0)
    stage.measure()
    assert batches(stage.broker.once) == [3], "what is measured last still goes"
