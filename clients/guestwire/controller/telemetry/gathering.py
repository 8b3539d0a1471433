"""What arrived becomes one transaction: what is stored, which numbers that covers, what is known of hosts afterwards.

Decides only. Everything here can be thrown away, as long as `Harvest.keep` was not called: nothing of it is known before it is
committed. Putting it into the database is `committing`'s matter, and when, `ingest`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.gap_rows import GapRow
from guestwire.controller.store.received_rows import LogKey
from guestwire.controller.store.telemetry_hosts import HostRow
from guestwire.controller.telemetry.batch_rows import Gathered
from guestwire.controller.telemetry.host_clock import AHEAD_MS, HostClock, judge
from guestwire.controller.telemetry.reading import Block, Read, read
from guestwire.controller.telemetry.received import Received, Staged
from guestwire.controller.telemetry.series import HostSeries, KnownSeries, Pace, day_of
from guestwire.controller.telemetry.troubles import Trouble
from guestwire.model.errors import GuestwireError
from guestwire.protocol.number_ranges import NumberRanges
from guestwire.protocol.telemetry import Gap, SpoolClass, TelemetryBatch, Tier

STORED_EVERY_MS: Final = AHEAD_MS // 2
"""How far the newest time of a host may be ahead of the one that is written: whether a clock began anew is told by more."""
Found = Read | GuestwireError | None
"""What is in a batch; why it cannot be read; None: it is no batch."""


class Arrived(NamedTuple):
    """A batch or a gap of a host, and how much memory it takes. `at`: when it came, Unix ms."""

    ref: HostRef
    said: TelemetryBatch | Gap
    size: int
    at: int


@dataclass(slots=True)
class Counts:
    """What became of what arrived, since the start."""

    batches: int = 0
    samples: int = 0
    again: int = 0
    """Batches that were there already."""
    gaps: int = 0
    unreadable: int = 0
    refused_columns: int = 0
    refused_numbers: int = 0
    shifted: int = 0
    """Batches whose times were shifted."""

    def add(self, other: "Counts") -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Harvest:
    """One transaction's worth."""

    known: KnownSeries
    received: Received
    staged: Staged
    gathered: Gathered = field(default_factory=Gathered)
    gaps: list[GapRow] = field(default_factory=list)
    clocks: dict[HostRef, tuple[HostClock, int]] = field(default_factory=dict)
    refused: dict[HostRef, int] = field(default_factory=dict)
    covered: dict[tuple[HostRef, bytes, SpoolClass], NumberRanges] = field(default_factory=dict)
    paces: dict[tuple[HostRef, Tier], Pace] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    day: int = 0

    def take(self, arrived: Arrived, found: Found) -> None:
        """One of what arrived; its host is known. `found`: see `found_in`."""
        host = self.known.hosts[arrived.ref]
        said = arrived.said
        if isinstance(said, Gap):
            self._take_gap(host, said, arrived.at)
            return
        key = LogKey(host.id, said.log, "metric")
        later = said.seq > self.staged.highest(key)
        answer = self.staged.add(key, said.seq, said.seq)
        if answer == "too-many":
            self.counts.refused_numbers += 1
            text = f"{arrived.ref} numbers its telemetry with too many gaps or logs: batch {said.seq} was not taken."
            self.troubles.append(Trouble(arrived.ref, "numbers-refused", text))
            return
        self._cover(host.ref, said.log, "metric", said.seq, said.seq)
        if answer == "known" and not said.coarse_ms:
            self.counts.again += 1
            return
        # A batch that was made coarser has the number of one of those that it stands for, which may have come; the others may
        # not: what of it is missing is stored.
        self.counts.batches += 1
        if isinstance(found, GuestwireError):
            self._unreadable(host, said, found, arrived.at)
        elif found is not None:
            self._take_blocks(host, said, found, arrived.at, later=later)

    def host_rows(self) -> list[HostRow]:
        """Hosts of which something is known now that was not before."""
        rows = []
        for ref in {*self.clocks, *self.refused}:
            host = self.known.hosts[ref]
            clock, offset_at = self.clocks.get(ref, (host.clock, host.offset_at))
            refused = host.refused_series + self.refused.get(ref, 0)
            rows.append(HostRow(host.id, ref, clock.offset_ms, offset_at, clock.newest_ms, refused))
        return sorted(rows, key=lambda row: row.id)

    def rows_to_store(self) -> list[HostRow]:
        """Those of them that say more than the database has: a host's newest time by itself is written now and then only."""
        return [row for row in self.host_rows() if _says_more(row, self.known.hosts[row.ref])]

    def keep(self) -> None:
        """It has committed: from now on it is known."""
        self.staged.keep()
        for row in self.rows_to_store():
            self.known.hosts[row.ref].stored_ms = row.newest_ms
        for row in self.host_rows():
            host = self.known.hosts[row.ref]
            host.clock, host.offset_at = HostClock(row.offset_ms, row.newest_ms), row.offset_at
            host.refused_series = row.refused_series
        for newest in self.gathered.newest:
            newest.keep()
        for number in self.gathered.unseen:
            self.known.by_id[number].seen_day = self.day
        for (ref, tier), pace in self.paces.items():
            self.known.hosts[ref].paces[tier] = pace

    def _take_gap(self, host: HostSeries, gap: Gap, now_ms: int) -> None:
        key = LogKey(host.id, gap.log, gap.spool_class)
        answer = self.staged.add(key, gap.first, gap.last)
        if answer == "too-many":
            self.counts.refused_numbers += 1
            return
        self._cover(host.ref, gap.log, gap.spool_class, gap.first, gap.last)
        if answer == "known":
            return
        self.counts.gaps += 1
        offset, _ = judge(host.clock, gap.since, gap.until, now_ms, later=False)
        since, until = gap.since + offset, gap.until + offset
        self.gaps.append(
            GapRow(host.id, gap.log, gap.spool_class, gap.first, gap.last, since, until, now_ms, "dropped")
        )

    def _take_blocks(self, host: HostSeries, batch: TelemetryBatch, found: Read, now_ms: int, *, later: bool) -> None:
        gathered = self.gathered
        before, samples = gathered.refused, len(gathered.rows) + len(gathered.again)
        gathered.refused += found.unsound
        if found.blocks:
            offset = self._offset(host, found.blocks, now_ms, later=later)
            self.day = day_of(now_ms)
            for block in found.blocks:
                gathered.add(block, offset, bool(batch.coarse_ms), host.by_text, self.day)
            if later and not batch.coarse_ms:
                time = max(block.times[-1] for block in found.blocks) + offset
                known = self.paces.get((host.ref, batch.tier)) or host.paces.get(batch.tier)
                pace = known.followed(time, now_ms) if known is not None else Pace(time, now_ms)
                self.paces[host.ref, batch.tier] = pace
        self.counts.samples += len(gathered.rows) + len(gathered.again) - samples
        refused = gathered.refused - before
        if refused:
            self.counts.refused_columns += refused
            self.refused[host.ref] = self.refused.get(host.ref, 0) + refused
            text = f"{refused} series of {host.ref} were refused: it has too many, or they are none."
            self.troubles.append(Trouble(host.ref, "series-refused", text))

    def _offset(self, host: HostSeries, blocks: Sequence[Block], now_ms: int, *, later: bool) -> int:
        """What is to be added to the times of a batch."""
        clock, offset_at = self.clocks.get(host.ref, (host.clock, host.offset_at))
        first, last = min(one.times[0] for one in blocks), max(one.times[-1] for one in blocks)
        offset, clock = judge(clock, first, last, now_ms, later=later)
        if offset:
            self.counts.shifted += 1
            offset_at = now_ms
            text = f"The clock of {host.ref} is wrong: times of its telemetry were shifted by {offset / 1000:.0f} s."
            self.troubles.append(Trouble(host.ref, "clock-wrong", text))
        self.clocks[host.ref] = (clock, offset_at)
        return offset

    def _unreadable(self, host: HostSeries, batch: TelemetryBatch, error: GuestwireError, now_ms: int) -> None:
        """It can never be read: that is said as a gap, and the host need not keep it."""
        self.counts.unreadable += 1
        offset, _ = judge(host.clock, batch.t0, batch.t0, now_ms, later=False)
        at = batch.t0 + offset
        self.gaps.append(
            GapRow(host.id, batch.log, "metric", batch.seq, batch.seq, at, at, now_ms, "unreadable", error.message)
        )
        text = f"A batch of {host.ref} could not be read: {error.message}"
        self.troubles.append(Trouble(host.ref, "unreadable", text))

    def _cover(self, ref: HostRef, log: bytes, spool_class: SpoolClass, first: int, last: int) -> None:
        self.covered.setdefault((ref, log, spool_class), NumberRanges()).add(first, last)


def _says_more(row: HostRow, host: HostSeries) -> bool:
    known = (host.clock.offset_ms, host.offset_at, host.refused_series)
    return (
        row.newest_ms - host.stored_ms >= STORED_EVERY_MS or (row.offset_ms, row.offset_at, row.refused_series) != known
    )


def found_in(said: TelemetryBatch | Gap) -> Found:
    """What there is to read in what a host said."""
    if isinstance(said, Gap):
        return None
    try:
        return read(said)
    except GuestwireError as err:
        return err
