"""What a log of the spool has to do at the disk: sync, close, remove. A thread runs an errand while the loop goes on writing; it
touches nothing but the descriptors and names that it was given.

The order is what makes a power cut harmless: first what is lost is on the disk for certain, and what was acknowledged, then records,
and only then anything is removed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from guestwire.agent.telemetry.class_log import ClassLog
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.log_folder import LogFolder
from guestwire.agent.telemetry.marks import Generations
from guestwire.agent.telemetry.segment import Segment

METRIC_SYNC_S: Final = 5.0
"""Metrics that were written wait so long for the disk, at most: what a power cut may take of them."""


@dataclass(frozen=True, slots=True)
class _Share:
    """A class's share of an errand."""

    of: ClassLog
    acks_fd: int | None
    sync: tuple[Segment, ...]
    closing: tuple[Segment, ...]
    doomed: tuple[Segment, ...]
    marks: bool


@dataclass(slots=True)
class Errand:
    """`run` it in a thread, then `finish` it on the loop. One at a time for a log."""

    log: LogFolder
    shares: tuple[_Share, ...]
    marks: Generations | None
    sync_folder: bool
    errors: list[OSError] = field(default_factory=list)
    gone: bool = False
    """Whether somebody has removed the log from the disk: what is written into open files is nowhere."""
    _marks_done: bool = False
    _synced: set[int] = field(default_factory=set)
    _closed: list[Segment] = field(default_factory=list)
    _removed: set[Path] = field(default_factory=set)

    def run(self, disk: Disk) -> None:
        """Blocking. What failed is in `errors`, and is left for the next errand."""
        self._marks_done = self.marks is not None and self._done(disk.sync, self.log.marks.fd)
        safe = self._marks_done or self.marks is None
        for share in self.shares:
            if share.acks_fd is not None:
                safe = self._done(disk.sync, share.acks_fd) and safe
        for segment in (segment for share in self.shares for segment in share.sync):
            if segment.fd is not None and self._done(disk.sync, segment.fd):
                self._synced.add(segment.fd)
        self._done(disk.size, self.log.marks.path)
        self.gone = any(isinstance(one, FileNotFoundError) for one in self.errors)
        if self.sync_folder:
            self.sync_folder = not self._done(disk.sync_folder, self.log.path)
        for share in self.shares:
            for segment in share.closing:
                if segment.fd is not None and (segment not in share.sync or segment.fd in self._synced):
                    disk.close(segment.fd)
                    self._closed.append(segment)
        for segment in (segment for share in self.shares for segment in share.doomed):
            if safe and self._done(disk.remove, segment.path):
                self._removed.add(segment.path)

    def finish(self) -> None:
        """Tell the classes what was done."""
        certain = self.log.marks.synced(self.marks) if self.marks is not None and self._marks_done else frozenset()
        for share in self.shares:
            share.of.new_files = share.of.new_files or self.sync_folder
            if share.of.name in certain:
                share.of.marks_synced()
            for segment in share.sync:
                if segment.fd not in self._synced and segment.unsynced_since is None:
                    segment.unsynced_since = float("-inf")
            share.of.closing += [one for one in share.closing if one not in self._closed]
            share.of.doomed += [one for one in share.doomed if one.path not in self._removed]
        for segment in self._closed:
            segment.fd = None

    def _done(self, step: Callable[..., object], about: int | Path) -> bool:
        try:
            step(about)
        except OSError as err:
            self.errors.append(err)
            return False
        return True


def errand_for(log: LogFolder, mono: float, *, last: bool = False) -> Errand | None:
    """What is to be done now; None: nothing. `last`: everything, for the log is closed."""
    shares = tuple(share for one in log.classes.values() if (share := _share(one, mono, last=last)) is not None)
    if not shares:
        return None
    new_files = any(share.of.new_files for share in shares)
    for share in shares:
        share.of.closing.clear()
        share.of.doomed.clear()
        share.of.acks.unsynced = share.of.acks.unsynced and share.acks_fd is None
        share.of.new_files = False
        for segment in share.sync:
            segment.unsynced_since = None  # what is written from now on is not in this sync
    marks = log.marks.generations if any(share.marks for share in shares) else None
    return Errand(log, shares, marks, new_files)


def _share(of: ClassLog, mono: float, *, last: bool) -> _Share | None:
    if last:
        of.seal()
    sync = [one for one in of.closing if one.unsynced_since is not None and one not in of.doomed]
    active = of.active
    if active is not None and active.unsynced_since is not None and of.oldest(active.first) is not None:
        due = of.name != "metric" or mono - active.unsynced_since >= METRIC_SYNC_S
        sync += [active] if due else []
    marks = of.marks_wanted
    # a segment that lay before everything else leaves no hole behind it; of another it must be known that it was acknowledged
    in_between = any(of.segments and one.first > of.segments[0].first for one in of.doomed)
    acks_fd = of.acks.fd if of.acks.unsynced and (in_between or last) else None
    if not (sync or marks or of.closing or of.doomed or acks_fd is not None):
        return None
    return _Share(of, acks_fd, tuple(sync), tuple(of.closing), tuple(of.doomed), marks)
