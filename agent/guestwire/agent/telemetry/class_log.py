"""One class of one log of the spool: gives its numbers, keeps its records, forgets what is acknowledged, and knows what is lost.

It writes, and never waits for the disk: what must be synced, closed and removed is in `closing`, `doomed` and `marks_wanted`, for
`errands`. A number that went out is on record in the page cache at least, so that it is never given twice: as a record, or in the
marks. What of a range is held is reckoned: all that segments span, less what is acknowledged or lost.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from guestwire.agent.telemetry.acks import AcksFile
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.gaps import Gaps, Lost
from guestwire.agent.telemetry.marks import Marks, MarksFile
from guestwire.agent.telemetry.records import SegmentHead, encode, encode_head
from guestwire.agent.telemetry.segment import Segment, segment_path
from guestwire.protocol.number_ranges import NumberRanges, Range, count
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import SpoolClass

SEGMENT_BYTES: Final = 256 * 1024
RESET_BYTES: Final = 64 * 1024
"""From this size on a segment of which everything is acknowledged goes, though it could take more."""
RESERVED: Final = {"audit": 1024, "alarm": 1024, "notice": 1024, "metric": 128}
"""How many numbers are reserved on the disk ahead of their use. Half of them must do while the disk takes the next."""
WAITING: Final = 256
WAITING_BYTES: Final = 256 * 1024
"""Records that wait in memory for a disk that takes nothing."""


class Refused(Exception):
    """The disk takes neither a record nor a mark: the number must not go out."""


class Waiting(NamedTuple):
    """A record that the disk did not take."""

    kind: str
    seq: int
    at_ms: int
    frame: bytes
    sent: bool


@dataclass(slots=True)
class Found:
    """What was on the disk when it was opened."""

    segments: list[Segment]
    acked: NumberRanges
    gaps: Gaps
    used: int = 0
    reserved: int = 0
    lost: int = 0
    """How many numbers were found to be lost."""


class ClassLog:
    """`name`: the class. `boot`: the machine's present one. `tally`: hears how many numbers became lost."""

    def __init__(
        self, disk: Disk, folder: Path, seed: int, name: SpoolClass, boot: str, marks: MarksFile, acks: AcksFile,
        found: Found, tally: Callable[[SpoolClass, int], None],
    ) -> None:  # fmt: skip
        self.name = name
        self.seed = seed
        self.segments = found.segments
        self.gaps = found.gaps
        self.used = found.used
        self.reserved = found.reserved
        self.acks = acks
        self.room = sum(one.room for one in found.segments)
        self.waiting: list[Waiting] = []
        self.closing: list[Segment] = []
        self.doomed: list[Segment] = []
        self.marks_wanted = False
        self.new_files = False
        self.refused = 0
        """How often the disk took nothing."""
        self._disk = disk
        self._folder = folder
        self._boot = boot
        self._marks = marks
        self._acked = found.acked
        self._tally = tally
        self._promised = found.reserved
        self._active: Segment | None = None
        self._waiting_bytes = 0
        self._taken: int | None = None

    # -- numbers

    def take(self) -> int | None:
        """The next number. None: no more of them are reserved, because the disk does not take the reservation."""
        if self.used >= self.reserved:
            return None
        self.used += 1
        self._taken = self.used
        if self.reserved - self.used < RESERVED[self.name] // 2 and not self.marks_wanted:
            self.mark(wanted=True)
        return self.used

    def mark(self, *, wanted: bool, clean: bool = False) -> bool:
        """Write the marks; `wanted`: they must be synced soon. Whether they were taken."""
        promised = self.used + (0 if clean else RESERVED[self.name])
        try:
            self._marks.write(self.name, Marks(self._floor(), self.used, promised, clean, tuple(self.gaps), self._boot))
        except OSError:
            self.refused += 1
            return False
        self._promised = promised
        self.marks_wanted = self.marks_wanted or wanted
        return True

    def _floor(self) -> int:
        """The number up to which nothing is held, nor waits, nor is about to be kept."""
        waiting = self.waiting[0].seq if self.waiting else None
        first = (one for one in (self.oldest(), waiting, self._taken) if one is not None)
        return min(first, default=self.used + 1) - 1

    def marks_synced(self) -> None:
        self.reserved = self._promised
        self.marks_wanted = False

    # -- records

    def put(self, kind: str, seq: int, frame: bytes, now: Now, *, sent: bool) -> None:
        """Keep a record under a number that was taken; `sent`: it leaves the host at once. Raises Refused."""
        if not self.waiting:
            try:
                self._write(kind, seq, now.wall_ms, frame, now.mono, sent=sent)
                self._taken = None
                return
            except OSError:
                self.refused += 1
        marked = self.mark(wanted=False)
        self._taken = None
        if not marked:
            raise Refused
        self.waiting.append(Waiting(kind, seq, now.wall_ms, frame, sent))
        self._waiting_bytes += len(frame)
        while len(self.waiting) > WAITING or self._waiting_bytes > WAITING_BYTES:
            first = self._next_waiting()
            self.lose(Lost(first.seq, first.seq, first.at_ms, first.at_ms), count_of=1)

    def write_waiting(self, mono: float) -> None:
        """Try the disk again. Raises OSError when it takes no more."""
        while self.waiting:
            one = self.waiting[0]
            self._write(one.kind, one.seq, one.at_ms, one.frame, mono, sent=one.sent)
            self._next_waiting()

    def give_up_waiting(self) -> None:
        """There is no disk any more that what waits could be written to."""
        while self.waiting:
            one = self._next_waiting()
            self.lose(Lost(one.seq, one.seq, one.at_ms, one.at_ms), count_of=1)

    def _next_waiting(self) -> Waiting:
        one = self.waiting.pop(0)
        self._waiting_bytes -= len(one.frame)
        return one

    def _write(self, kind: str, seq: int, at_ms: int, frame: bytes, mono: float, *, sent: bool) -> None:
        data = encode(self.seed, kind, seq, at_ms, frame)
        segment = self._active
        if segment is None or segment.size + len(data) > SEGMENT_BYTES or segment.sent != sent:
            segment = self._begin(seq, at_ms, sent=sent)
        assert segment.fd is not None
        before = segment.room
        try:
            self._disk.write(segment.fd, data, segment.size)
        except OSError:
            with suppress(OSError):  # what is left of it is written over by the next
                self._disk.truncate(segment.fd, segment.size)
            raise
        segment.size += len(data)
        segment.last = seq
        segment.until = at_ms
        self.room += segment.room - before
        if segment.unsynced_since is None:
            segment.unsynced_since = mono

    def _begin(self, seq: int, at_ms: int, *, sent: bool) -> Segment:
        """A new segment, in the place of the one that records went into until now."""
        path = segment_path(self._folder, self.name, seq)
        head = encode_head(self.seed, SegmentHead(seq, sent=sent))
        fd = self._disk.create(path)
        try:
            self._disk.write(fd, head, 0)
        except OSError:
            self._disk.close(fd)
            with suppress(OSError):
                self._disk.remove(path)
            raise
        self.seal()
        segment = Segment(path, seq, seq - 1, len(head), len(head), at_ms, at_ms, sent=sent, fd=fd)
        segment.read_to = (seq, len(head))
        self.segments.append(segment)
        self._active = segment
        self.room += segment.room
        self.new_files = True
        return segment

    def seal(self) -> None:
        """The active segment takes no more."""
        if self._active is not None:
            self.closing.append(self._active)
            self._active = None

    @property
    def settled(self) -> bool:
        """Whether everything is on the disk, and nothing waits to be removed."""
        unsynced = self._active is not None and self._active.unsynced_since is not None
        return not (unsynced or self.waiting or self.closing or self.doomed or self.marks_wanted)

    @property
    def active(self) -> Segment | None:
        return self._active

    # -- what is held

    def held(self, first: int, last: int) -> Iterator[Range]:
        """The numbers of a range that are held, as ranges."""
        at = max(0, bisect_right(self.segments, first, key=lambda one: one.first) - 1)
        for segment in self.segments[at:]:
            if segment.first > last:
                return
            for begin, end in self._acked.missing(max(first, segment.first), min(last, segment.last)):
                yield from self.gaps.outside(begin, end)

    def is_held(self, number: int) -> bool:
        return next(self.held(number, number), None) is not None

    def oldest(self, at_least: int = 1) -> int | None:
        """The first number that is held, from `at_least` on."""
        found = next(self.held(at_least, self.used), None)
        return None if found is None else found[0]

    def newest(self) -> int | None:
        for segment in reversed(self.segments):
            if ends := [end for _, end in self.held(segment.first, segment.last)]:
                return ends[-1]
        return None

    def held_count(self, first: int = 1, last: int | None = None) -> int:
        return count(self.held(first, self.used if last is None else last))

    # -- what is acknowledged

    def acknowledge(self, first: int, last: int) -> int:
        """Forget these numbers; how many of them were held. Those of records that cannot have left the host are not theirs to
        acknowledge, who never had them."""
        last = min(last, self.used)
        forgotten = 0
        entries: list[Range] = []
        for segment in self._overlapping(first, last):
            span = _whole_records(segment, max(first, segment.first), min(last, segment.last))
            if segment.sent and span is not None:
                forgotten += self.held_count(*span)
                self._acked.add(*span)
                entries.append(span)
        waiting = [one for one in self.waiting if one.sent and first <= one.seq <= last]
        for one in waiting:
            self.waiting.remove(one)
            self._waiting_bytes -= len(one.frame)
            self._acked.add(one.seq, one.seq)
            entries.append((one.seq, one.seq))
        forgotten += len(waiting)
        if self.segments:  # what lies behind a segment would look lost again
            known = [(max(first, one.first), min(last, one.last)) for one in self.gaps]
            entries += [span for span in known if span[0] <= span[1]]
            for span in entries:
                self._acked.add(*span)
        if entries:
            with suppress(OSError):  # then they are sent once more after a restart
                self.acks.add(entries, self._acked)
        if self.gaps.remove(first, last):
            self.mark(wanted=False)
        self._let_go(first, last)
        return forgotten

    def _overlapping(self, first: int, last: int) -> list[Segment]:
        if last < first:
            return []
        at = max(0, bisect_right(self.segments, first, key=lambda one: one.first) - 1)
        return [one for one in self.segments[at:] if one.first <= last and one.last >= first]

    def _let_go(self, first: int, last: int) -> None:
        """Segments of which nothing is held any more, among those that touch a range."""
        for segment in self._overlapping(first, last):
            if segment is self._active and segment.size < RESET_BYTES:
                continue
            if next(self.held(segment.first, segment.last), None) is None:
                self._retire(segment)

    def sweep(self) -> None:
        """Let go of what was left behind though nothing of it is held."""
        self._let_go(1, self.used)

    def _retire(self, segment: Segment) -> None:
        self.segments.remove(segment)
        if segment is self._active:
            self.seal()
        self.room -= segment.room
        self.doomed.append(segment)
        # what lies behind a segment that stays is remembered: else it would look lost when the log is opened again
        self._acked.remove(0, self.segments[0].first - 1 if self.segments else self.used)
        # the highest number may have been in it; and that nothing before is held must be known before it is not in `acks` any more
        if self.mark(wanted=False) and not self.segments:
            with suppress(OSError):
                self.acks.clear()

    # -- what is lost

    def lose(self, lost: Lost, *, count_of: int | None = None) -> None:
        """Numbers are lost. `count_of`: how many, where they are not held any more."""
        gone = self.held_count(lost.first, lost.last) if count_of is None else count_of
        given_up = self.gaps.add(lost, self.held_count)
        self._tally(self.name, gone + sum(held for _, _, held in given_up))
        self.mark(wanted=True)
        for first, last in ((lost.first, lost.last), *((first, last) for first, last, _ in given_up)):
            self._let_go(first, last)

    def drop_oldest(self) -> bool:
        """Make room by the oldest segment. False: there is none."""
        if not self.segments:
            return False
        segment = self.segments[0]
        if segment is self._active:
            self.seal()
        held = list(self.held(segment.first, segment.last))
        if held:
            self.lose(Lost(held[0][0], held[-1][1], segment.since, segment.until))
        if segment in self.segments:
            self._retire(segment)
        return True

    def replace(self, old: list[Segment], new: Segment) -> None:
        """A coarser segment has taken the place of some that lie side by side."""
        at = self.segments.index(old[0])
        self.segments[at : at + len(old)] = [new]
        self.room += new.room - sum(one.room for one in old)
        self.doomed += [one for one in old if one.path != new.path]


def _whole_records(segment: Segment, first: int, last: int) -> Range | None:
    """The numbers of the records that end in a range: who acknowledges the number of a coarse batch has all that it stands
    for."""
    if not segment.bounds:
        return first, last
    begin = bisect_right(segment.bounds, first - 1)
    end = bisect_right(segment.bounds, last)
    if begin >= end:
        return None
    return (segment.bounds[begin - 1] + 1 if begin else segment.first), segment.bounds[end - 1]
