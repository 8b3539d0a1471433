"""Sends what the host measures and keeps: what is new at once, what was left behind after it, and gaps. `shipping`, `pacing` and
`gap_telling` decide; this gives them the time and does what they say.

Nothing is sent while nobody listens: no controller that was heard over the broker, no client of the host's own listeners that asked for
telemetry. There no controller says that it is one: whoever asks is taken for one until it has acknowledged nothing for long. Whatever
listens, only what was acknowledged goes.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from guestwire.agent.telemetry.class_log import ClassLog
from guestwire.agent.telemetry.controllers import Controllers
from guestwire.agent.telemetry.drafts import BatchDraft
from guestwire.agent.telemetry.gap_telling import GapTelling
from guestwire.agent.telemetry.loose import Kept
from guestwire.agent.telemetry.pacing import Pacing
from guestwire.agent.telemetry.paging import Page, judged, page_at
from guestwire.agent.telemetry.records import Record, is_tier
from guestwire.agent.telemetry.shipping import ClassOf, Shipping
from guestwire.agent.telemetry.spool import Spool
from guestwire.agent.telemetry.telling import Telling
from guestwire.link.transport import TransportError
from guestwire.link.vital import Vital, VitalTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Call, Now
from guestwire.protocol.telemetry import SPOOL_CLASSES, Gap, TelemetryAck, TelemetryAcked, Tier

GAP_TIER: Final = "slow"
"""The topic that gaps go by."""
LOOK_S: Final = 5.0
IDLE_S: Final = 15.0
"""How often it is looked whether there is more to send; and, while nobody listens, whether somebody does."""
REST_S: Final = 2.0
"""When a controller has just come, what was left behind waits for a random time up to this: its other hosts have heard it too."""
SOON_S: Final = 0.2
UNCONFIRMED: Final = 8
"""Old messages that the broker has and did not confirm yet, at most."""
NEVER_TAKEN: Final = frozenset({"PUBLISH-REFUSED", "PACKET-TOO-LARGE"})
"""Answers of a broker that will be the same the next time."""


class Ways(Protocol):
    """How what the host says leaves it."""

    @property
    def brokered(self) -> bool:
        """Whether there is a broker at this moment."""
        ...

    def direct_room(self, topic: str) -> int | None:
        """Bytes that the clients connected to the host itself which asked for this topic can take; None: nobody did."""
        ...

    def offer(self, topic: str, frame: bytes, *, brokered: bool) -> bool:
        """Say it once, to the broker too or not; whether it left."""
        ...

    def deliver(self, topic: str, frame: bytes, *, brokered: bool) -> Awaitable[int] | None:
        """Say it to all who can take it; what is awaited is the broker's confirmation, None: there is none to wait for. Raises
        TransportError."""
        ...


class Shipper(VitalTask):
    """`async with` it once the spool is open. It is the `Batches` of the sampler."""

    def __init__(
        self, *, telling: Telling, spool: Spool, ways: Ways, controllers: Controllers, pacing: Pacing,
        clock: Callable[[], Now], vital: Vital, rest: Callable[[], float] = lambda: random.uniform(0, REST_S),
    ) -> None:  # fmt: skip
        super().__init__(vital, "telemetry-shipping")
        self._rest = rest
        self._rests_until = float("-inf")
        self._telling = telling
        self._spool = spool
        self._ways = ways
        self._controllers = controllers
        self._pacing = pacing
        self._clock = clock
        self._shipping = Shipping()
        self._gaps = GapTelling()
        self._unconfirmed = 0
        self._waits_for_somebody = False
        self._logs: frozenset[bytes] = frozenset()
        self._news = asyncio.Event()
        self._gap_topic = telling.topic(GAP_TIER)

    # -- who listens

    def heard_controller(self, name: str, frame: bytes, *, retained: bool) -> bool:
        """A controller's presence came. Whether it asks who is there."""
        now = self._clock()
        asks = self._controllers.heard(name, frame, now, retained=retained)
        if asks:
            self._shipping.somebody_new(now.mono)
            self._rests_until = now.mono + self._rest()
        self._news.set()
        return asks

    def _brokered(self, now: Now) -> bool:
        return self._ways.brokered and self._controllers.alive(now)

    def _direct(self) -> bool:
        return self._ways.direct_room(self._gap_topic) is not None

    def live(self) -> bool:
        """Whether batches are sent at once."""
        return any(self._live_ways(self._clock()))

    def _live_ways(self, now: Now) -> tuple[bool, bool]:
        """To the broker, and directly."""
        if self._shipping.deaf(now.mono):
            return False, False
        return self._brokered(now), self._direct()

    # -- what is new

    def put(self, tier: Tier, batch: BatchDraft) -> None:
        """A batch of the sampler: numbered, signed, kept, and sent if somebody listens."""
        now = self._clock()
        brokered, direct = self._live_ways(now)
        sent = brokered or direct
        if sent and self._waits_for_somebody:
            self._news.set()  # there is somebody now who may want what was left behind

        def make(log: bytes, seq: int) -> bytes:
            return self._telling.batch(batch.numbered(log, seq), now.wall_ms)

        kept = self._spool.append(tier, make, now, sent=sent)
        if not sent:
            self._show(tier, kept)
        elif self._ways.offer(self._telling.topic(tier), kept.frame, brokered=brokered):
            self.said(kept)

    def _show(self, tier: Tier, kept: Kept) -> None:
        """Who is connected to the host itself, and acknowledges nothing, may look on: it costs nothing of what is kept."""
        if self._direct():
            self._ways.offer(self._telling.topic(tier), kept.frame, brokered=False)

    def said(self, kept: Kept) -> None:
        """Something that was just numbered has left the host."""
        now = self._clock()
        if kept.kept and (self._brokered(now) or self._direct()):
            self._shipping.sent((kept.log, kept.spool_class), kept.seq, now.mono)

    # -- what is acknowledged

    def acknowledge(self, call: Call) -> TelemetryAcked:
        """The operation. Raises INVALID-BODY for a range that ends before it begins."""
        request: TelemetryAck = call.request
        if any(last < first for first, last in request.ranges):
            raise GuestwireError("INVALID-BODY", "A range ends before it begins.", field="ranges")
        answer = self._spool.acknowledge(request.log, request.spool_class, request.ranges)
        self._shipping.acknowledged((request.log, request.spool_class), request.ranges)
        self._news.set()
        return answer

    # -- what was left behind

    async def _run(self) -> None:
        while True:
            self._news.clear()
            pause_s = await self.round()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._news.wait()

    async def round(self) -> float:
        """Send what may go now; how long until there may be more."""
        now = self._clock()
        self._shipping.overdue(now.mono)
        self._forget_logs()
        brokered, direct = self._brokered(now), self._direct()
        self._waits_for_somebody = not brokered and not direct
        if self._waits_for_somebody:
            return IDLE_S
        if (rests_s := self._rests_until - now.mono) > 0:
            return rests_s
        self._tell_gaps(now, brokered=brokered)
        left = self._left_behind()
        if left is None:
            return LOOK_S
        if not self._may_send(now, brokered=brokered):
            return self._pause_s(now, brokered=brokered)
        page = page_at(*left)
        if page is None:
            return SOON_S  # what comes next is being made coarser
        try:
            await asyncio.to_thread(page.read, self._spool.disk)
        finally:
            page.segment.busy = False
        return 0.0 if self._send(page, brokered=brokered) else SOON_S

    def _forget_logs(self) -> None:
        logs = frozenset(log.log for log in self._spool.logs)
        for gone in self._logs - logs:
            self._shipping.forget(gone)
            self._gaps.forget(gone)
        self._logs = logs

    def _pause_s(self, now: Now, *, brokered: bool) -> float:
        """How long nothing that was left behind can go."""
        if self._shipping.room(now.mono) <= 0:
            due = self._shipping.next_overdue()
            return LOOK_S if due is None else min(LOOK_S, max(SOON_S, due - now.mono))
        if self._unconfirmed >= UNCONFIRMED:
            return LOOK_S  # a confirmation is news
        return max(SOON_S, self._pacing.wait_s(now.mono) if brokered else 0.0)

    def _classes(self) -> Iterator[tuple[ClassOf, ClassLog]]:
        """The dearest first, and of each the oldest log."""
        for name in SPOOL_CLASSES:
            for log in self._spool.logs:
                yield (log.log, name), log.classes[name]

    def _left_behind(self) -> tuple[ClassLog, int] | None:
        for of, class_log in self._classes():
            number = self._shipping.next_of(of)
            while (held := class_log.oldest(number)) is not None:
                if not self._shipping.is_under_way(of, held):
                    return class_log, held
                number = held + 1
                self._shipping.looked_at(of, number)
        return None

    def _may_send(self, now: Now, *, brokered: bool) -> bool:
        if self._shipping.room(now.mono) <= 0 or self._unconfirmed >= UNCONFIRMED:
            return False
        return self._pacing.may_send(now.mono) if brokered else bool(self._ways.direct_room(self._gap_topic))

    def _send(self, page: Page, *, brokered: bool) -> bool:
        """The records of a page, as far as they may go. False: something is in the way that may pass."""
        now = self._clock()
        of = self._of(page.of)
        if of is None:
            return True
        for record in tuple(judged(page, now.wall_ms)):
            if self._shipping.is_under_way(of, record.seq):
                continue
            if not self._may_send(now, brokered=brokered):
                return True
            if not self._send_again(of, record, now, brokered=brokered):
                return False
            self._shipping.looked_at(of, record.seq + 1)
        if page.failed is None:
            self._shipping.looked_at(of, page.expected)
        return page.failed is None

    def _of(self, class_log: ClassLog) -> ClassOf | None:
        return next((of for of, one in self._classes() if one is class_log), None)

    def _send_again(self, of: ClassOf, record: Record, now: Now, *, brokered: bool) -> bool:
        size, telling = len(record.frame), self._telling
        topic = telling.topic(record.kind) if is_tier(record.kind) else telling.notice_topic(record.kind)
        try:
            confirmed = self._ways.deliver(topic, record.frame, brokered=brokered)
        except TransportError:
            return False
        self._shipping.sent(of, record.seq, now.mono, old=size)
        if confirmed is not None:
            self._pacing.sent(size, now.mono)
            self._unconfirmed += 1
            task = asyncio.ensure_future(confirmed)
            task.add_done_callback(partial(self._confirmed, of, record.seq))
        return True

    def _confirmed(self, of: ClassOf, number: int, done: "asyncio.Future[int]") -> None:
        """The broker has it, or did not take it."""
        mono = self._clock().mono
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        self._unconfirmed -= 1
        self._pacing.confirmed(mono, ok=error is None)
        if error is not None:
            ever = isinstance(error, TransportError) and error.code in NEVER_TAKEN
            self._shipping.not_taken(of, number, mono, ever=ever)
        self._news.set()

    def _tell_gaps(self, now: Now, *, brokered: bool) -> None:
        for of, class_log in self._classes():
            for lost in self._gaps.due(of, class_log.gaps, now.mono):
                gap = Gap(
                    log=of[0], spool_class=of[1], first=lost.first, last=lost.last, since=lost.since,
                    until=max(lost.since, lost.until),
                )  # fmt: skip
                frame = self._telling.gap(gap, now.wall_ms)
                with suppress(TransportError):  # it is told again
                    confirmed = self._ways.deliver(self._gap_topic, frame, brokered=brokered)
                    if confirmed is not None:
                        asyncio.ensure_future(confirmed).add_done_callback(_seen)


def _seen(done: "asyncio.Future[int]") -> None:
    """A gap that was not taken is told again; its error is nobody's."""
    if not done.cancelled():
        done.exception()
