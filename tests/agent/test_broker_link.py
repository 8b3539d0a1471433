"""The host's session with a broker: epochs, presence, corrections, conflicts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast

import pytest

from guestwire.agent.announcer import Announcer
from guestwire.agent.broker_link import BrokerLink
from guestwire.agent.services.running import Running
from guestwire.agent.telemetry.loose import Loose
from guestwire.link.backoff import Backoff
from guestwire.link.clock import now
from guestwire.link.memory import MemoryBroker
from guestwire.link.serve import Server
from guestwire.link.session import State
from guestwire.link.transport import Incoming, Options, Subscription, Transport, TransportError
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids, topics
from guestwire.protocol.envelope import Header, body_hash, encode
from guestwire.protocol.executor import Executor
from guestwire.protocol.operation_models import EpochBehind
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack
from guestwire.protocol.presence import WILL_N, HostPresence, PresenceBody
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import read
from guestwire.protocol.steps import Call, Inbound, Now, Record
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
TOPIC = "gw/1/plant/host/h1/presence"


class Disk:
    def __init__(self, epoch: int = 0) -> None:
        self.epoch = epoch
        self.full = False
        self.refused = 0

    async def next_epoch(self, at_least: int = 0) -> int:
        if self.full:
            self.refused += 1
            raise GuestwireError("JOURNAL-FULL")
        self.epoch = max(self.epoch + 1, at_least)
        return self.epoch


class Ears:
    """Everything a link tells: events of the agent, refusals, presence on the broker."""

    def __init__(self) -> None:
        self.ups = 0
        self.lost_disks = 0
        self.conflicts: list[str] = []
        self.codes: list[str] = []
        self.controllers: list[tuple[str, bytes, bool]] = []
        self.heard: asyncio.Queue[PresenceBody] = asyncio.Queue()

    async def link_up(self, address: str | None, *, session_present: bool) -> None:
        self.ups += 1

    def link_down(self, error: TransportError | None, next_try_s: float) -> None: ...

    def host_id_conflict(self, why: str) -> None:
        self.conflicts.append(why)

    def died(self, name: str, error: BaseException) -> None:
        raise error

    def disk_was_lost(self) -> None:
        self.lost_disks += 1

    def heard_controller(self, name: str, frame: bytes, *, retained: bool) -> bool:
        self.controllers.append((name, frame, retained))
        return frame == b"who is there?"

    def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
        self.codes.append(code)

    def answered(self, call: Call, code: str | None, at: Now) -> None: ...

    def defect(self, operation: str, error: BaseException) -> None:
        raise error

    def take(self, record: Record, taken: object) -> None: ...

    def receive(self, message: Incoming) -> None:
        message.ack()
        said = read(message.payload, TRUST, "plant", "host:h1", "presence", None)
        assert said.verified
        self.heard.put_nowait(said.read(PresenceBody))

    async def until(self, **wanted: object) -> PresenceBody:
        async with asyncio.timeout(5):
            while True:
                body = await self.heard.get()
                if all(getattr(body, name) == value for name, value in wanted.items()):
                    return body


@asynccontextmanager
async def linked(broker: MemoryBroker, disk: Disk, client: str = "h1") -> AsyncIterator[tuple[BrokerLink, Ears]]:
    ears = Ears()
    listener = await broker(Options("b", 1, f"ears-{client}"), ears.receive)
    await listener.subscribe([Subscription(TOPIC)])
    executor = Executor("plant", "h1", BY_NAME, TRUST, KEY)
    async with Server(executor, {}, ears, ears) as server:
        link = BrokerLink(
            site="plant",
            host="h1",
            options=lambda: Options("b", 1, client),
            connect=broker,
            server=server,
            presence=lambda epoch: HostPresence("plant", "h1", KEY, epoch, "boot", "0", now()),
            epochs=disk,
            announcer=Announcer("plant", "h1", KEY, now, Loose()),
            trust=lambda: TRUST,
            clock=now,
            events=ears,
            vital=Vital(ears.died),
            controllers=ears.heard_controller,
            answer_within_s=0.05,
        )
        async with link:
            await link.session.connected(5)
            yield link, ears
    await listener.close()


async def test_the_epoch_is_on_disk_before_the_host_speaks_and_goes_up_with_each_connection() -> None:
    broker, disk = MemoryBroker(), Disk(epoch=4)
    async with linked(broker, disk) as (link, ears):
        assert (await ears.until(online=True)).epoch == 5 == disk.epoch
        broker.cut("h1")
        will = await ears.until(online=False)
        assert (will.epoch, will.n, will.why) == (5, WILL_N, "will")
        link.session.reconnect()
        assert (await ears.until(online=True)).epoch == 6 == disk.epoch


CONTROLLER = "gw/1/plant/controller/ctrl/presence"
RETAINED = ("capabilities", "reported")


async def test_a_controller_that_asks_is_told_who_is_there() -> None:
    broker, heard = MemoryBroker(), asyncio.Queue[str]()

    def receive(message: Incoming) -> None:
        message.ack()
        heard.put_nowait(message.topic.rpartition("/")[2])

    async with linked(broker, Disk()) as (link, ears):
        for kind in RETAINED:
            link._announcer.state(kind, EpochBehind(known=1), 1)
        controller = await broker(Options("b", 1, "ctrl"), receive)
        await controller.subscribe([Subscription(topics.topic_filter(kind, site="plant")) for kind in RETAINED])
        await controller.publish(CONTROLLER, b"i am here")
        async with asyncio.timeout(5):
            while len(ears.controllers) < 1:
                await asyncio.sleep(0)
        beats = ears.heard.qsize()
        await controller.publish(CONTROLLER, b"who is there?")
        await controller.publish(CONTROLLER, b"who is there?")
        async with asyncio.timeout(5):
            assert {await heard.get(), await heard.get()} == set(RETAINED)
            while ears.heard.qsize() == beats:
                await asyncio.sleep(0)
        assert heard.empty(), "once for both"
        assert [name for name, _, _ in ears.controllers] == ["ctrl"] * 3
        await controller.publish(CONTROLLER.replace("plant", "other"), b"who is there?")
        await controller.publish(CONTROLLER, b"")
        assert len(ears.controllers) == 3
        await controller.close()


async def test_what_the_broker_kept_of_a_controller_is_heard_and_needs_no_answer() -> None:
    broker = MemoryBroker()
    broker.retained[CONTROLLER] = b"who is there?"
    async with linked(broker, Disk()) as (link, ears):
        async with asyncio.timeout(5):
            while not ears.controllers:
                await asyncio.sleep(0)
        assert ears.controllers == [("ctrl", b"who is there?", True)]
        assert link._answering is None, "a host that has just connected has said it all"


async def test_a_host_that_stops_says_farewell() -> None:
    broker = MemoryBroker()
    async with linked(broker, Disk()) as (_, ears):
        await ears.until(online=True)
    assert (await ears.until(online=False)).why == "stopped"
    said = read(broker.retained[TOPIC], TRUST, "plant", "host:h1", "presence", None).read(PresenceBody)
    assert not said.online


async def test_after_a_lost_disk_the_host_goes_above_its_own_retained_presence() -> None:
    broker = MemoryBroker()
    async with linked(broker, Disk(epoch=40)) as (_, ears):
        await ears.until(online=True)
    async with linked(broker, Disk(epoch=0)) as (link, ears):
        assert (await ears.until(online=True, epoch=42)).epoch == link.epoch
        assert (ears.conflicts, ears.lost_disks) == ([], 1)


async def test_a_stale_will_is_corrected() -> None:
    broker = MemoryBroker()
    async with linked(broker, Disk(epoch=9)) as (_, ears):
        first = await ears.until(online=True)
        stale = HostPresence("plant", "h1", KEY, 8, "boot", "0", now()).will(now())
        broker.route(TOPIC, stale, 1, retain=True)
        again = await ears.until(online=True)
        assert (again.epoch, again.n) == (first.epoch, first.n + 1)
        said = read(broker.retained[TOPIC], TRUST, "plant", "host:h1", "presence", None).read(PresenceBody)
        assert said.online, "what is retained says that the host is there"


async def test_another_agent_with_the_same_host_id_is_a_conflict() -> None:
    broker = MemoryBroker()
    async with linked(broker, Disk(epoch=1)) as (link, ears):
        await ears.until(online=True)
        other = HostPresence("plant", "h1", KEY, 99, "other", "0", now()).heartbeat(now())
        broker.route(TOPIC, other, 1, retain=True)
        await ears.until(epoch=99)
        assert ears.conflicts == ["another agent speaks as this host, in epoch 99"]
        async with asyncio.timeout(5):
            while link.session.state is not State.WAITING:  # it leaves, and stays away
                await asyncio.sleep(0)


async def test_a_lost_disk_that_meets_several_of_its_old_words_at_once_goes_above_them_all() -> None:
    """A hostile broker gives back what the host has said, all in one piece: each is of the past, none of another agent."""
    broker = MemoryBroker()
    async with linked(broker, Disk(epoch=1)) as (link, ears):
        await ears.until(online=True)
        for known in (40, 39, 38, 37, 36):
            broker.route(TOPIC, HostPresence("plant", "h1", KEY, known, "old", "0", now()).will(now()), 1, retain=False)
        assert (await ears.until(online=True, epoch=41)).epoch == link.epoch
        assert (ears.conflicts, ears.lost_disks) == ([], 1)


async def test_a_request_on_another_hosts_topic_is_misaddressed() -> None:
    """A broker delivers what this host never subscribed to."""
    broker = MemoryBroker()
    async with linked(broker, Disk(epoch=1)) as (link, ears):
        await ears.until(online=True)
        body = pack({})
        header = Header(
            (1, 0), "request", ("plant", "h1"), "host-show", ids.request_id(now().wall_ms), "operator:anna", now().wall_ms,
            now().wall_ms + 60_000, 60_000, body_hash(body), "anna",
        )  # fmt: skip
        for site, host, code in (("plant", "h2", "MISADDRESSED"), ("mill", "h1", "MISADDRESSED")):
            topic = topics.make("request", site, host, "anna", "host-show")
            link.receive(Incoming(topic, encode(header, body), 0, False, False, lambda: None))
            assert ears.codes.pop() == code


async def test_two_agents_that_take_the_session_from_each_other_are_a_conflict() -> None:
    """As behind a broker that does not say why it closed: each sees a higher epoch of the other, again and again."""
    broker = MemoryBroker()
    async with linked(broker, Disk(epoch=1)) as (link, ears):
        await ears.until(online=True)
        for known in (10, 20, 30):
            other = HostPresence("plant", "h1", KEY, known, "other", "0", now()).will(now())
            broker.route(TOPIC, other, 1, retain=True)
            await ears.until(epoch=known)
        assert link.epoch == 21
        assert ears.conflicts == ["another agent speaks as this host, in epoch 30"]


async def test_a_presence_that_another_key_signed_is_told_and_moves_nothing() -> None:
    """A clone, or a broker that forges: an alarm, once in a while, and the host stays."""
    broker = MemoryBroker()
    stranger = SigningKey(bytes(32))
    async with linked(broker, Disk(epoch=1)) as (link, ears):
        await ears.until(online=True)
        for epoch in (99, 100, 101):
            forged = HostPresence("plant", "h1", stranger, epoch, "other", "0", now()).heartbeat(now())
            link.receive(Incoming(TOPIC, forged, 1, False, False, lambda: None))
        assert ears.conflicts == ["a presence of this host came that another key has signed"]
        assert (link.epoch, link.session.state) == (2, State.UP)


async def test_what_the_host_said_by_the_key_before_is_no_conflict() -> None:
    """A host that enrolled anew finds its own last word at the broker, by a key that is revoked."""
    broker = MemoryBroker()
    broker.route(
        TOPIC, HostPresence("plant", "h1", SigningKey(bytes(32)), 8, "boot", "0", now()).will(now()), 1, retain=True
    )
    async with linked(broker, Disk(epoch=8)) as (link, ears):
        async with asyncio.timeout(5):
            while link.session.state is not State.UP or link._presence is None or not link._presence.echoes:
                await asyncio.sleep(0)
        assert ears.conflicts == []


async def test_a_controller_that_knows_a_higher_epoch_raises_it() -> None:
    broker = MemoryBroker()
    async with linked(broker, Disk(epoch=1)) as (link, ears):
        await ears.until(online=True)
        link.raise_epoch(50)
        assert (await ears.until(online=True)).epoch == 51
        link.raise_epoch(3)
        assert link.epoch == 51


async def test_a_session_that_was_taken_over_is_a_conflict() -> None:
    broker = MemoryBroker()
    async with linked(broker, Disk()) as (_, ears):
        await ears.until(online=True)
        other: Transport = await broker(Options("b", 1, "h1"), lambda message: message.ack())
        await ears.until(online=False)
        assert ears.conflicts == ["the broker gave this host's session to another client"]
        await other.close()


async def test_an_epoch_nobody_counts_to_is_refused() -> None:
    broker = MemoryBroker()
    async with linked(broker, Disk(epoch=1)) as (link, ears):
        await ears.until(online=True)
        running = cast("Running", SimpleNamespace(call=SimpleNamespace(request=EpochBehind(known=1 << 47))))
        with pytest.raises(GuestwireError, match="DENIED"):
            await link.epoch_behind(running)
        assert link.epoch == 2


async def test_a_disk_that_takes_no_epoch_for_a_moment_costs_a_try_not_the_host() -> None:
    broker, disk = MemoryBroker(), Disk(epoch=1)
    async with linked(broker, disk) as (link, ears):
        await ears.until(online=True)
        link.session.backoff = Backoff(lambda: 0.0)
        disk.full = True
        link.session.reconnect()
        async with asyncio.timeout(5):
            while disk.refused < 2:
                await asyncio.sleep(0)
        disk.full = False
        assert (await ears.until(online=True)).epoch == 3
