"""Reading the spool, a piece at a time: a page is a piece of one segment. A thread reads it, the loop then judges what was found.

What was never sent has its segment marked as sent, on the disk for certain, before any of it is handed out: from then on its numbers
keep the content that they have. Records that are missing or damaged become a gap here.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from guestwire.agent.telemetry.class_log import ClassLog
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.gaps import Lost
from guestwire.agent.telemetry.records import SENT, SENT_AT, Record, scan
from guestwire.agent.telemetry.segment import Segment
from guestwire.protocol.envelope import FRAME_LIMIT

PAGE_BYTES: Final = 64 * 1024 + FRAME_LIMIT
"""A page holds one record at least."""
_LOST_FOR_GOOD: Final = frozenset({errno.EIO, errno.ENOENT})
"""Errors of a disk that will be the same the next time."""


@dataclass(slots=True)
class Page:
    """`expected`: the number that the first record at `offset` stands for. `end`: where the segment ended when this was made;
    `whole`: nothing more can come behind that."""

    of: ClassLog
    segment: Segment
    offset: int
    expected: int
    end: int
    whole: bool
    seed: int
    records: list[Record] = field(default_factory=list)
    read_to: int = 0
    failed: OSError | None = None

    def read(self, disk: Disk) -> None:
        """Blocking. Raises nothing: `failed`."""
        try:
            if not self.segment.sent:
                _mark_sent(disk, self.segment)
            size = min(PAGE_BYTES, self.end - self.offset)
            data = disk.read(self.segment.path, self.offset, size)
        except OSError as err:
            self.failed = err
            return
        self.read_to = self.offset
        last = self.offset + size >= self.end
        for one in scan(self.seed, data, self.offset, whole=last):
            self.read_to = one.end
            if isinstance(one, Record):
                self.records.append(one)
        if last:
            self.read_to = self.end


def page_at(of: ClassLog, number: int) -> Page | None:
    """The page in which the first record is that is held and stands for `number` or a later one. None: there is none now."""
    first = of.oldest(number)
    if first is None:
        return None
    segment = next(one for one in reversed(of.segments) if one.first <= first)
    if segment.busy:
        return None
    expected, offset = segment.read_to if segment.read_to[0] <= first else (segment.first, segment.data_from)
    segment.busy = True
    return Page(of, segment, offset, expected, segment.size, segment is not of.active, of.seed)


def judged(page: Page, now_ms: int) -> Iterator[Record]:
    """The records of a page that was read which are still held. What ought to be in it and is not is lost from now on."""
    of, segment = page.of, page.segment
    segment.busy = False
    if segment not in of.segments:
        return  # acknowledged or dropped meanwhile
    if page.failed is not None:
        if page.failed.errno in _LOST_FOR_GOOD:
            _missing(page, page.expected, segment.last, now_ms)
        return
    segment.sent = True
    at_ms = segment.since
    for record in page.records:
        if record.first > page.expected:
            _missing(page, page.expected, record.first - 1, now_ms, at_ms)
        page.expected, at_ms = record.seq + 1, record.at_ms
    segment.read_to = (page.expected, page.read_to)
    if page.whole and page.read_to >= page.end:
        _missing(page, page.expected, segment.last, now_ms, at_ms)
    yield from (record for record in page.records if of.is_held(record.seq))


def _missing(page: Page, first: int, last: int, now_ms: int, since: int = 0) -> None:
    held = list(page.of.held(first, last))
    if held:
        page.of.lose(Lost(held[0][0], held[-1][1], since or page.segment.since, page.segment.until or now_ms))


def _mark_sent(disk: Disk, segment: Segment) -> None:
    fd = disk.open(segment.path)
    try:
        disk.write(fd, bytes((SENT,)), SENT_AT)
        disk.sync(fd)
    finally:
        disk.close(fd)
