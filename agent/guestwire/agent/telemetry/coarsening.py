"""Makes metrics coarser when there is little room left: a few segments that lie side by side become one, smaller by much.

Only segments of which nothing ever left the host: a number whose content somebody may have keeps it. The batches that come out share
the numbers of those that went in: each stands for a run of them and has the last as its own, so that nothing looks lost. A thread
does the work; the loop puts the result in place.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from guestwire.agent.telemetry.class_log import ClassLog
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.downsampling import STRETCHES_MS, Coarsener
from guestwire.agent.telemetry.drafts import BatchDraft
from guestwire.agent.telemetry.records import Record, SegmentHead, encode, encode_head, scan
from guestwire.agent.telemetry.segment import UNFINISHED, Segment
from guestwire.agent.telemetry.spool import Spool
from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import decode
from guestwire.protocol.packing import unpack
from guestwire.protocol.telemetry import TelemetryBatch

AT_ONCE: Final = 4
"""Segments that are made one."""
FROM: Final = 0.75
"""From this share of their quota on, metrics are made coarser."""
SPARED: Final = 0.25
"""The newest of them stay as they are while anything older can be made coarser: so much of the quota."""
WORTH: Final = 0.8
"""Nothing is replaced by what is larger than this part of it."""

Sign = Callable[[TelemetryBatch], bytes]
"""The signed frame of a batch."""


@dataclass(slots=True)
class Coarsening:
    """`run` in a thread, then `put_in_place` on the loop, then `Disk.sync_folder`, then `over`."""

    of: ClassLog
    seed: int
    log: bytes
    old: tuple[Segment, ...]
    level: int
    sign: Sign
    made: Segment | None = None
    failed: Exception | None = None
    _path: Path = field(default_factory=Path)

    def run(self, disk: Disk) -> None:
        """Blocking. Raises nothing: `made` is None where it was not worth it, or failed."""
        try:
            drafts = self._drafts(disk)
            if drafts is not None:
                self._write(disk, drafts)
        except (GuestwireError, OSError) as err:
            self.failed = err

    def _drafts(self, disk: Disk) -> list[BatchDraft] | None:
        """None: a record is damaged or missing; who reads it to send it finds that out."""
        coarsener = Coarsener(self.level)
        drafts: list[BatchDraft] = []
        for segment in self.old:
            expected = segment.first
            for one in scan(self.seed, disk.read(segment.path, segment.data_from), segment.data_from):
                if not isinstance(one, Record) or one.first != expected:
                    return None
                expected = one.seq + 1
                drafts += coarsener.add(TelemetryBatch.model_validate(unpack(decode(one.frame).body)))
            if expected != segment.last + 1:
                return None
        return drafts + coarsener.flush()

    def _write(self, disk: Disk, drafts: list[BatchDraft]) -> None:
        first, last = self.old[0].first, self.old[-1].last
        numbers = last - first + 1
        if not drafts or len(drafts) > numbers:
            return
        bounds = tuple(first + (n + 1) * numbers // len(drafts) - 1 for n in range(len(drafts)))
        head = encode_head(self.seed, SegmentHead(first, last, self.level, bounds=bounds))
        begin = first
        parts = [head]
        for draft, seq in zip(drafts, bounds, strict=True):
            batch = draft.numbered(self.log, seq).model_copy(update={"replaces": (begin, seq)})
            at_ms = draft.t0 + int.from_bytes(draft.dt[-4:], "little")
            parts.append(encode(self.seed, draft.tier, seq, at_ms, self.sign(batch), seq - begin + 1))
            begin = seq + 1
        size = sum(map(len, parts))
        if size > WORTH * sum(one.size for one in self.old):
            return
        old = self.old[0]
        self._path = old.path.with_suffix(UNFINISHED)
        fd = disk.create(self._path)
        try:
            disk.write(fd, b"".join(parts), 0)
            disk.sync(fd)
        finally:
            disk.close(fd)
        self.made = Segment(
            old.path, first, last, size, len(head), old.since, self.old[-1].until, self.level, sent=False, bounds=bounds,
            busy=True,
        )  # fmt: skip
        self.made.read_to = (first, len(head))

    def put_in_place(self, disk: Disk) -> None:
        """The result takes the place of what it was made from, unless some of that is gone. Raises OSError."""
        made = self.made
        if made is None:
            for segment in self.old:
                segment.stubborn = True
            return
        if not all(one in self.of.segments and not one.sent for one in self.old):
            self.made = None
            disk.remove(self._path)
            return
        disk.replace(made.path, self._path)
        self.of.replace(list(self.old), made)

    def over(self) -> None:
        """Everything of it is on the disk for certain, or it came to nothing."""
        for segment in self.old:
            segment.busy = False
        if self.made is not None:
            self.made.busy = False


def coarsening_for(spool: Spool, sign: Sign) -> Coarsening | None:
    """The next to be done; None while there is room, and where nothing can be made coarser."""
    quota = spool.quota["metric"]
    room = spool.room("metric")
    if room < FROM * quota:
        return None
    for spared in (SPARED * quota, 0.0):
        left = room
        candidates: list[tuple[int, int, ClassLog, tuple[Segment, ...]]] = []
        for age, log in enumerate(spool.logs):
            of = log.classes["metric"]
            run: list[Segment] = []
            for segment in of.segments:
                left -= segment.room
                fits = _can_be(of, segment) and left >= spared and (not run or run[-1].level == segment.level)
                if fits and len(run) < AT_ONCE:
                    run.append(segment)
                    continue
                if run:
                    candidates.append((run[0].level, age, of, tuple(run)))
                run = [segment] if fits else []
            if run:
                candidates.append((run[0].level, age, of, tuple(run)))
        if candidates:
            level, age, of, old = min(candidates, key=lambda one: one[:2])
            for segment in old:
                segment.busy = True
            return Coarsening(of, of.seed, spool.logs[age].log, old, level + 1, sign)
    return None


def _can_be(of: ClassLog, segment: Segment) -> bool:
    if segment.sent or segment.busy or segment.stubborn or segment is of.active or segment.fd is not None:
        return False
    whole = [(segment.first, segment.last)]
    return segment.level < len(STRETCHES_MS) and list(of.held(segment.first, segment.last)) == whole
