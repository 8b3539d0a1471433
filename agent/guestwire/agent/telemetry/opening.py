"""Opening what a log left on the disk, after an orderly end, a crash or a power cut: what is held, and what is lost. Blocking.

Only the end of a class is read through. A segment before it that is damaged is found out when it is read. The last number follows
from records, marks and, where the power may have been cut, from what was reserved: numbers that may have gone out and are not
there any more are a gap.
"""

from pathlib import Path
from typing import Final

from guestwire.agent.telemetry.acks import AcksFile
from guestwire.agent.telemetry.class_log import Found
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.gaps import Gaps, Lost
from guestwire.agent.telemetry.marks import Marks
from guestwire.agent.telemetry.records import HEAD_BYTES, Record, SegmentHead, decode_head, scan, time_of
from guestwire.agent.telemetry.segment import UNFINISHED, Segment, first_of, segment_path
from guestwire.protocol.number_ranges import count
from guestwire.protocol.telemetry import SpoolClass

_HEAD_READ: Final = 4096


def found_class(
    disk: Disk, folder: Path, seed: int, name: SpoolClass, marks: Marks | None, boot: str, now_ms: int, acks: AcksFile
) -> Found:
    """A class as it was left. `marks` None: they are lost, and no more numbers may be given in this log. Raises OSError."""
    known = marks or Marks()
    segments = _segments(disk, folder, seed, name)
    acked, gaps = acks.read(), Gaps(known.lost)
    acked.add(1, known.floor)  # files that nobody needs may not have been removed yet
    holes, torn = _read_end(disk, seed, segments)
    last = segments[-1].last if segments else 0
    # what was written in this boot is in the page cache at least
    at_hand = known.clean or (known.boot == boot != "" and not torn)
    used = max(known.used, last, gaps.last, 0 if at_hand else known.reserved)
    if segments and segments[0].first > known.floor + 1:
        holes.append(Lost(known.floor + 1, segments[0].first - 1, segments[0].since, segments[0].since))
    lost = sum(hole.last - hole.first + 1 for hole in holes)
    since = segments[-1].until if segments else now_ms
    holes.append(Lost((last if segments else known.floor) + 1, used, min(since, now_ms), now_ms))

    def held(first: int, end: int) -> int:
        spans = ((max(first, one.first), min(end, one.last)) for one in segments)
        return count(piece for begin, stop in spans for piece in acked.missing(begin, stop))

    for hole in holes:
        for first, end in acked.missing(hole.first, hole.last):
            for begin, stop in tuple(gaps.outside(first, end)):
                lost += sum(cost for _, _, cost in gaps.add(Lost(begin, stop, hole.since, hole.until), held))
    return Found(segments, acked, gaps, used, used, lost)


def _segments(disk: Disk, folder: Path, seed: int, name: SpoolClass) -> list[Segment]:
    """The segments of a class by their names and heads. What a coarser one has replaced, and what was left unfinished, is
    removed."""
    firsts: list[int] = []
    for file_name in disk.names(folder):
        if file_name.startswith(f"{name}-") and file_name.endswith(UNFINISHED):
            disk.remove(folder / file_name)
        elif (first := first_of(file_name, name)) is not None:
            firsts.append(first)
    found: list[Segment] = []
    for first in sorted(firsts):
        path = segment_path(folder, name, first)
        if found and first <= found[-1].last:
            disk.remove(path)
            continue
        head, data_from, since = _head(disk, path, seed)
        if found and not found[-1].bounds:
            found[-1].last, found[-1].until = first - 1, since
        # where the head is damaged the name tells the number, and the records are found all the same
        known = head or SegmentHead(first, sent=True)
        segment = Segment(
            path, first, known.last, disk.size(path), data_from, since, since, known.level, known.sent, known.bounds
        )
        segment.read_to = (first, data_from)
        found.append(segment)
    return found


def _head(disk: Disk, path: Path, seed: int) -> tuple[SegmentHead | None, int, int]:
    """The head, where the records begin, and when the first was made."""
    data = disk.read(path, 0, _HEAD_READ)
    found = decode_head(seed, data)
    if found is None and len(data) == _HEAD_READ:
        found = decode_head(seed, disk.read(path))
    head, data_from = found or (None, 0)
    return head, data_from, time_of(disk.read(path, data_from, HEAD_BYTES))


def _read_end(disk: Disk, seed: int, segments: list[Segment]) -> tuple[list[Lost], bool]:
    """Read the last segment, cut off what is torn, and take away segments in which there is nothing. What is missing in it, and
    whether anything was torn."""
    torn = False
    while segments:
        segment = segments[-1]
        if segment.bounds:
            break  # it was on the disk as a whole before it had its name
        data = disk.read(segment.path, segment.data_from)
        records = [one for one in scan(seed, data, segment.data_from) if isinstance(one, Record)]
        if not records:
            torn = torn or bool(data)
            disk.remove(segment.path)
            segments.pop()
            continue
        holes: list[Lost] = []
        expected = segment.first
        at_ms = records[0].at_ms
        for record in records:
            if record.first > expected:
                holes.append(Lost(expected, record.first - 1, at_ms, record.at_ms))
            expected, at_ms = record.seq + 1, record.at_ms
        segment.last, segment.until, segment.since = records[-1].seq, at_ms, records[0].at_ms
        if records[-1].end < segment.size:
            _cut(disk, segment, records[-1].end)
            torn = True
        return holes, torn
    return [], torn


def _cut(disk: Disk, segment: Segment, size: int) -> None:
    fd = disk.open(segment.path)
    try:
        disk.truncate(fd, size)
    finally:
        disk.close(fd)
    segment.size = size
