"""Takes in what hosts say of their telemetry: a bounded queue, one transaction for all that has gathered meanwhile, then the word
that it is kept.

What does not find room is refused, not lost: the host has it until it is acknowledged, and sends it again. So nothing is taken
that would wait for longer than a host does: it would be here twice by then, and be work that helps nobody. What cannot be committed
waits here and is tried again; nothing is acknowledged before its transaction has committed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import received_rows
from guestwire.controller.store.database import Database
from guestwire.controller.telemetry.committing import Committing
from guestwire.controller.telemetry.gathering import Arrived, Counts, Found, Harvest, found_in
from guestwire.controller.telemetry.reading import Read
from guestwire.controller.telemetry.received import Received
from guestwire.controller.telemetry.registering import register, unknown
from guestwire.controller.telemetry.series import KnownSeries
from guestwire.controller.telemetry.troubles import Trouble, Troubles
from guestwire.link.backoff import Backoff
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.number_ranges import NumberRanges
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import Gap, Kind, SpoolClass, TelemetryBatch

WAITING_BYTES: Final = 16 << 20
"""What may wait in all."""
HOST_BYTES: Final = 2 << 20
"""Of one host: one that sends much does not keep the others out."""
WAITING_S: Final = 8.0
"""While something has waited for so long, nothing more is taken: with the hold of acknowledgements it is still told to the host before
that sends it again."""
BESIDES_BYTES: Final = 512
"""What a batch takes here besides its bytes."""
ONCE_BYTES: Final = 1 << 20
"""Of one transaction: some hundred thousand samples. More would keep others from writing for too long."""
GATHER_S: Final = 0.5
"""What comes within so long goes into one transaction, unless it is enough for one sooner: a commit for each batch would cost many
times what the batch does."""
LONGEST_WAIT_S: Final = 10.0
"""Between two tries of what could not be committed."""
BREATH_S: Final = 0.005
"""After so long other tasks come in between."""

OnCommitted = Callable[[HostRef, bytes, SpoolClass, NumberRanges], None]
"""These numbers of a log and class of a host are committed."""
_BUSY: Final = ("DATABASE-UNAVAILABLE", "DATABASE-FULL", "DATABASE-DAMAGED")


@dataclass(frozen=True, slots=True)
class IngestLimits:
    series_per_host: int = 5_000
    waiting_bytes: int = WAITING_BYTES
    host_bytes: int = HOST_BYTES
    waiting_s: float = WAITING_S
    gather_s: float = GATHER_S


class Ingest(OwnTask):
    """Works from entering to leaving `async with` it; what waits then is dropped, and the hosts send it again."""

    def __init__(
        self,
        database: Database,
        known: KnownSeries,
        received: Received,
        on_committed: OnCommitted,
        troubles: Troubles,
        clock: Callable[[], Now],
        limits: IngestLimits | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._known = known
        self._received = received
        self._database = database
        self._committing = Committing(database)
        self._on_committed = on_committed
        self._troubles = troubles
        self._clock = clock
        self._limits = limits or IngestLimits()
        self._backoff = backoff or Backoff(cap_s=LONGEST_WAIT_S)
        self._queue: deque[tuple[float, Arrived]] = deque()  # with when it came, monotonic
        self._storing_since: float | None = None
        self._by_host: dict[HostRef, int] = {}
        self._waiting = 0
        self._some = asyncio.Event()
        self._enough = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        super().__init__("telemetry-ingest")
        self._unsure = False
        self.counts = Counts()
        self.refused = 0
        """Batches and gaps for which there was no room."""
        self.dropped = 0
        """Those that could not be stored, though the database was well: a defect, of ours or of theirs."""
        self.commits = 0
        self.failure: GuestwireError | None = None
        """Why the last transaction did not commit; None: it did."""

    @property
    def waiting_bytes(self) -> int:
        return self._waiting

    @property
    def waiting_s(self) -> float:
        """For how long the oldest of what waits has waited."""
        since = self._storing_since
        if since is None:
            since = self._queue[0][0] if self._queue else None
        return 0.0 if since is None else self._clock().mono - since

    def turned_away(self, ref: HostRef, size: int) -> bool:
        """Whether there is no room for so many bytes of a host; they are counted as refused then. Cheap: it is asked before a
        signature is checked, so that what is refused costs nearly nothing."""
        size += BESIDES_BYTES
        limits = self._limits
        if (
            self._waiting + size <= limits.waiting_bytes
            and self._by_host.get(ref, 0) + size <= limits.host_bytes
            and self.waiting_s <= limits.waiting_s
        ):
            return False
        self.refused += 1
        return True

    def offer(self, ref: HostRef, said: TelemetryBatch | Gap, size: int) -> bool:
        """A batch or a gap whose signature was good. `size`: how many bytes it took on its way. False: there is no room; it is
        as if it had not come."""
        if self.turned_away(ref, size):
            return False
        size += BESIDES_BYTES
        at = self._clock()
        self._queue.append((at.mono, Arrived(ref, said, size, at.wall_ms)))
        self._waiting += size
        self._by_host[ref] = self._by_host.get(ref, 0) + size
        self._empty.clear()
        self._some.set()
        if self._waiting >= ONCE_BYTES:
            self._enough.set()
        return True

    async def settled(self) -> None:
        """Returns when nothing waits."""
        await self._empty.wait()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.gather_s):
                    await self._enough.wait()
            group = self._next_group()
            await self._store(group)
            self._let_go(group)

    def _next_group(self) -> list[Arrived]:
        group: list[Arrived] = []
        size = 0
        self._storing_since = self._queue[0][0]
        while self._queue and size < ONCE_BYTES:
            group.append(self._queue.popleft()[1])
            size += group[-1].size
        if not self._queue:
            self._some.clear()
        return group

    def _let_go(self, group: Iterable[Arrived]) -> None:
        self._storing_since = None
        for one in group:
            self._waiting -= one.size
            left = self._by_host[one.ref] - one.size
            if left:
                self._by_host[one.ref] = left
            else:
                del self._by_host[one.ref]
        if self._waiting < ONCE_BYTES:
            self._enough.clear()
        if not self._waiting:
            self._empty.set()

    async def _store(self, group: list[Arrived], *, again: bool = False) -> None:
        """Returns when all of them are committed, or are known to be what no database takes: `again` is the second try, for a
        partition may have been removed under the first."""
        while True:
            try:
                await self._commit(group)
            except Exception as err:  # noqa: BLE001 - one batch that no database takes must not end all telemetry
                if isinstance(err, GuestwireError) and err.code in _BUSY:
                    self.failure = err
                    await asyncio.sleep(max(0.05, self._backoff.failed(0)))
                    continue
                if not again:
                    await self._store(group, again=True)
                elif len(group) == 1:
                    self._give_up(group[0], err)
                else:
                    for one in group:
                        await self._store([one])
                return
            if self.failure is not None:
                self.failure = None
                self._backoff.failed(float("inf"))
            return

    async def _commit(self, group: list[Arrived]) -> None:
        await self._ask_anew()
        now = self._clock()
        breath = _Breath(self._clock)
        group_read: list[tuple[Arrived, Found]] = []
        wanted: dict[HostRef, dict[str, Kind]] = {}
        for one in group:
            found = found_in(one.said)
            group_read.append((one, found))
            new = unknown(self._known, one.ref, found.blocks if isinstance(found, Read) else ())
            if new or one.ref not in self._known.hosts:
                wanted.setdefault(one.ref, {}).update(new)
            await breath.taken()
        if wanted:
            await register(self._database, self._known, wanted, self._limits.series_per_host, now.wall_ms)
        harvest = Harvest(self._known, self._received, self._received.stage())
        for one, found in group_read:
            harvest.take(one, found)
            await breath.taken()
        self._unsure = True
        await self._committing.commit(harvest, now.wall_ms)
        self._unsure = False
        self.commits += 1
        self.counts.add(harvest.counts)
        for (ref, log, spool_class), ranges in harvest.covered.items():
            self._on_committed(ref, log, spool_class, ranges)
        for trouble in harvest.troubles:
            self._troubles.tell(trouble, now)

    async def _ask_anew(self) -> None:
        """After a transaction of which nobody knows whether it committed, because its connection broke: what is there is not to be
        stored again."""
        if self._unsure:
            async with self._database.read() as tx:
                self._received.learn(await received_rows.every(tx))
            self._unsure = False

    def _give_up(self, one: Arrived, err: Exception) -> None:
        self.dropped += 1
        text = f"Telemetry of {one.ref} could not be stored: {type(err).__name__}: {err}"[:500]
        self._troubles.tell(Trouble(one.ref, "unreadable", text), self._clock())


class _Breath:
    """Lets other tasks come in between, now and then."""

    def __init__(self, clock: Callable[[], Now]) -> None:
        self._clock = clock
        self._last = clock().mono

    async def taken(self) -> None:
        if self._clock().mono - self._last > BREATH_S:
            await asyncio.sleep(0)
            self._last = self._clock().mono
