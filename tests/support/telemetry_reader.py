"""A controller as a host sees it: says that it is there, takes telemetry and notices, and acknowledges what it has stored."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from guestwire.link.clock import now
from guestwire.link.invoke import Caller, Heard, caller
from guestwire.link.transport import Connect, Options, Subscription
from guestwire.protocol import topics
from guestwire.protocol.envelope import decode
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.notices import Notice
from guestwire.protocol.operation_models import Ping
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.presence import PresenceBody
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import read, state
from guestwire.protocol.telemetry import (
    GAP_KIND,
    STATEMENT_KIND,
    Gap,
    SpoolClass,
    TelemetryAck,
    TelemetryAcked,
    TelemetryBatch,
)
from guestwire.protocol.trust import Trust

Key = tuple[bytes, SpoolClass, int]
STATES = ("presence", "capabilities", "reported")
CLASSES: dict[str, SpoolClass] = {"audit": "audit", "alarm": "alarm"}


@dataclass
class TelemetryReader:
    """`frames`: by number, what came under it. `order`: the numbers as they came. `again`: how often something came that was
    there. `confirmed`: numbers that the host said it took the acknowledgement of. `said`: what came of
    the host's presence, capabilities and reported, by kind."""

    site: str
    host: str
    name: str
    via: Caller
    trust: Trust
    key: SigningKey | None
    epoch: int = 1
    beats: int = 0
    acknowledges: bool = True
    patience_s: float = 10
    frames: dict[Key, bytes] = field(default_factory=dict)
    kinds: dict[Key, str] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    order: list[Key] = field(default_factory=list)
    again: int = 0
    confirmed: set[Key] = field(default_factory=set)
    said: list[tuple[str, bytes]] = field(default_factory=list)
    spoken: list[bytes] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Queue[Heard] = field(default_factory=asyncio.Queue)

    async def say(self, why: str = "heartbeat", *, retained: bool = True) -> None:
        """A presence of this controller."""
        assert self.key is not None
        self.beats += 1
        body = PresenceBody(
            epoch=self.epoch, n=self.beats, boot_id="b", online=why == "heartbeat", why=why, since=0, agent_version="1"
        )
        frame = state("presence", self.site, f"controller:{self.name}", body, self.key, now().wall_ms, n=self.beats)
        self.spoken.append(frame)
        await self.repeat(frame, retained=retained)

    async def repeat(self, frame: bytes, *, retained: bool = True) -> None:
        """A presence that was said before."""
        topic = topics.make("controller-presence", self.site, self.name)
        await self.via.session.publish(topic, frame, retain=retained)

    async def acknowledge(self, log: bytes, spool_class: SpoolClass, *ranges: tuple[int, int]) -> TelemetryAcked:
        request = TelemetryAck(log=log, spool_class=spool_class, ranges=ranges)
        done = await self.via.call(self.host, BY_NAME["telemetry-ack"], request, timeout_s=self.patience_s)
        assert isinstance(done.reply, TelemetryAcked)
        self.confirmed |= {(log, spool_class, n) for first, last in ranges for n in range(first, last + 1)}
        self.changed.set()
        return done.reply

    def numbers(self, spool_class: SpoolClass) -> list[int]:
        return sorted(seq for _, one, seq in self.frames if one == spool_class)

    @property
    def measured(self) -> list[int]:
        """The numbers of batches as they came."""
        return [seq for _, one, seq in self.order if one == "metric"]

    async def settled(self) -> None:
        """Everything has been heard that the host said before this."""
        await self.via.call(self.host, BY_NAME["host-ping"], Ping(), timeout_s=10)
        for _ in range(3):
            await asyncio.sleep(0)
        await self.arrived.join()

    async def until(self, enough: Callable[["TelemetryReader"], bool], timeout_s: float = 30) -> None:
        async with asyncio.timeout(timeout_s):
            while not enough(self):
                self.changed.clear()
                await self.changed.wait()

    async def hear(self, heard: Heard) -> None:
        """Store what came, and say so."""
        topic = topics.parse(heard.topic)
        assert topic is not None
        if topic.kind in STATES:
            self.said.append((topic.kind, heard.payload))
            self.changed.set()
            return
        kind = decode(heard.payload).header.kind
        said = read(heard.payload, self.trust, self.site, f"host:{self.host}", kind, now())
        assert said.verified
        if kind == GAP_KIND:
            gap = said.read(Gap)
            self.gaps.append(gap)
            await self._stored(gap.log, gap.spool_class, gap.first, gap.last)
            return
        if kind == STATEMENT_KIND:
            batch = said.read(TelemetryBatch)
            key: Key = (batch.log, "metric", batch.seq)
            first = batch.replaces[0] if batch.replaces else batch.seq
            assert topic["tier"] == batch.tier
            self.kinds[key] = batch.tier
        else:
            notice = said.read(Notice)
            key = (notice.log, CLASSES.get(topic["class"], "notice"), notice.seq)
            first = notice.seq
            self.kinds[key] = notice.event
        if key in self.frames:
            self.again += 1
            assert self.frames[key] == heard.payload, "a number keeps its content"
        self.frames[key] = heard.payload
        self.order.append(key)
        await self._stored(*key[:2], first, key[2])

    async def _stored(self, log: bytes, spool_class: SpoolClass, first: int, last: int) -> None:
        self.changed.set()
        if self.acknowledges:
            await self.acknowledge(log, spool_class, (first, last))


@asynccontextmanager
async def telemetry_reader(
    connect: Connect, options: Options, trust: Trust, *, principal: str, key: SigningKey | None = None,
    site: str = "plant", host: str = "h1",
) -> AsyncIterator[TelemetryReader]:  # fmt: skip
    """Connected, and subscribed to all that the host says. Without a key the way vouches for it, as the socket does."""
    name = "cli-7" if principal.startswith("local:") else principal.partition(":")[2]
    invoker = Invoker(site, name, principal, key, trust, path_vouches=key is None)
    topics_of = [
        Subscription(topics.topic_filter(kind, site=site, host=host), 1) for kind in ("telemetry", "notice", *STATES)
    ]  # fmt: skip
    async with caller(invoker, lambda: options, connect) as via:
        await via.session.connected(10)
        made = TelemetryReader(site, host, name, via, trust, key)
        async with via.watch(*topics_of) as watching, asyncio.TaskGroup() as group:

            async def follow() -> None:
                while (heard := await watching.next()) is not None:
                    made.arrived.put_nowait(heard)

            async def hear() -> None:
                while True:
                    await made.hear(await made.arrived.get())
                    made.arrived.task_done()

            tasks = [group.create_task(follow()), group.create_task(hear())]
            yield made
            for task in tasks:
                task.cancel()
