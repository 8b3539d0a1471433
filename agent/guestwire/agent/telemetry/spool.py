"""The spool: what a host says of itself stays here until a controller has it. Bounded by class; on disk, so that it outlives crashes
and power cuts; never silent about what it could not keep.

Metrics give way to notices, notices to alarms, alarms to the audit. Numbers are given here (log, seq). Nothing here waits for the
disk: `errands` is asked for what a thread must do. Who sends, and when, is `shipping`'s.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guestwire.agent.telemetry.class_log import ClassLog, Refused
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.errands import errand_for
from guestwire.agent.telemetry.gaps import Lost
from guestwire.agent.telemetry.log_folder import LogFolder, log_folders, new_log
from guestwire.agent.telemetry.loose import Kept, Loose, Make
from guestwire.agent.telemetry.records import CLASS_OF
from guestwire.protocol.envelope import FRAME_LIMIT
from guestwire.protocol.number_ranges import Range
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import SPOOL_CLASSES, SpoolClass, TelemetryAcked

MIB: Final = 1 << 20
QUOTA: Final[Mapping[SpoolClass, int]] = {"audit": 8 * MIB, "alarm": 4 * MIB, "notice": 8 * MIB, "metric": 64 * MIB}


@dataclass(frozen=True, slots=True)
class ClassStats:
    """Of one class; counts since the agent started. `room`: bytes on disk. `held`: numbers that nobody has acknowledged. `lost`:
    numbers that could not be kept. `refused`: how often the disk took nothing. `oldest_at`: when the oldest of what is held was
    made (Unix ms; 0: nothing is)."""

    room: int
    held: int
    lost: int
    acknowledged: int
    refused: int
    oldest_at: int


class Spool:
    """`news` is called when the disk should be seen to soon. `close` it at the end."""

    def __init__(self, disk: Disk, folder: Path, boot: str, quota: Mapping[SpoolClass, int], now: Now) -> None:
        """Open or make the spool in a folder. Blocking. Where the disk does not let it be (`troubles`), nothing is kept until
        there is a log."""
        self.disk = disk
        self.quota = quota
        self.news: Callable[[], None] = lambda: None
        self._folder = folder
        self._boot = boot
        self._loose = Loose()
        self._numbering = True
        self._lost: Counter[SpoolClass] = Counter()
        self._acknowledged: Counter[SpoolClass] = Counter()
        self.logs: list[LogFolder] = []
        self.troubles: list[OSError] = []
        """What of it could not be opened."""
        self._open(now)
        for name in SPOOL_CLASSES:
            self._make_room(name, 0)

    def _open(self, now: Now) -> None:
        last_is_sound = False
        try:
            self.disk.make_folder(self._folder)
            for path in log_folders(self.disk, self._folder):
                last_is_sound = False
                try:
                    log = self._opened(path, now)
                    _mark(log, self.disk)
                except OSError as err:
                    self.troubles.append(err)
                    continue
                for one in log.classes.values():
                    one.sweep()
                self.logs.append(log)
                last_is_sound = log.sound
            if not last_is_sound:
                self.logs.append(self.another_log(now))
        except OSError as err:
            self.troubles.append(err)
            self._numbering = False
        else:
            _reserve(self.logs[-1])

    def _opened(self, path: Path, now: Now) -> LogFolder:
        return LogFolder(self.disk, path, self._boot, now.wall_ms, self._count_lost)

    def _count_lost(self, name: SpoolClass, lost: int) -> None:
        self._lost[name] += lost

    # -- another log

    def begin_anew(self) -> None:
        """The disk is older than what went out: numbers of this log may have been given that it does not know of. Until
        `another_log` is there nothing is kept, and what goes out has numbers that end with the process."""
        self._numbering = False
        self.news()

    @property
    def wants_log(self) -> bool:
        return not self._numbering

    def another_log(self, now: Now) -> LogFolder:
        """Make a log, for `number_in`. Blocking. Raises OSError."""
        self.disk.make_folder(self._folder)
        log = self._opened(new_log(self.disk, self._folder), now)
        _mark(log, self.disk)
        _reserve(log)
        return log

    def number_in(self, log: LogFolder) -> None:
        """Numbers are given in this log from now on; those before it are emptied."""
        for one in (one for older in self.logs for one in older.classes.values()):
            one.seal()
            one.sweep()
        self.logs.append(log)
        self._numbering = True

    # -- in

    def append(self, kind: str, make: Make, now: Now, *, sent: bool = True) -> Kept:
        """Number a statement, make its frame, and keep it. `sent`: it leaves the host at once, wherever to; what has not left
        may be made coarser later. Where the disk takes nothing the frame has a number all the same, and is told as lost."""
        name = CLASS_OF[kind]
        seq = self.logs[-1].classes[name].take() if self._numbering else None
        if seq is None:
            self._lost[name] += 1
            return self._loose.append(kind, make, now)
        of = self.logs[-1].classes[name]
        log = self.logs[-1].log
        frame = make(log, seq)
        settled = of.settled
        self._make_room(name, len(frame))
        try:
            if len(frame) > FRAME_LIMIT:
                raise Refused
            of.put(kind, seq, frame, now, sent=sent)
        except Refused:
            of.lose(Lost(seq, seq, now.wall_ms, now.wall_ms), count_of=1)
            return self._loose.append(kind, make, now)
        if settled or of.marks_wanted or of.waiting or name != "metric":
            self.news()
        return Kept(log, name, seq, kind, frame)

    def _make_room(self, name: SpoolClass, size: int) -> None:
        """Within the quota of a class; the oldest goes first."""
        while self.room(name) + size > self.quota[name]:
            if not self._drop_oldest(name):
                return
            self.news()

    def _drop_oldest(self, name: SpoolClass) -> bool:
        return any(log.classes[name].drop_oldest() for log in self.logs)

    def room(self, name: SpoolClass) -> int:
        """Bytes on the disk, in blocks."""
        return sum(log.classes[name].room for log in self.logs)

    # -- out

    def acknowledge(self, log: bytes, name: SpoolClass, ranges: Iterable[Range]) -> TelemetryAcked:
        """Forget exactly these numbers. A log that is not there has been forgotten as a whole."""
        of = self.of(log, name)
        if of is None:
            return TelemetryAcked(forgotten=0, oldest=0, newest=0)
        forgotten = sum(of.acknowledge(first, last) for first, last in ranges)
        self._acknowledged[name] += forgotten
        if of.doomed:
            self.news()
        return TelemetryAcked(forgotten=forgotten, oldest=of.oldest() or 0, newest=of.newest() or 0)

    def of(self, log: bytes, name: SpoolClass) -> ClassLog | None:
        return next((one.classes[name] for one in self.logs if one.log == log), None)

    def all_of(self, name: SpoolClass) -> tuple[ClassLog, ...]:
        """A class in every log, the oldest first."""
        return tuple(log.classes[name] for log in self.logs)

    # -- the disk

    def try_again(self, mono: float) -> bool:
        """Write what waits for the disk, the dearest first; where there is still no room, the cheapest gives way to it, once
        the disk is seen to. Whether anything waits."""
        for name in SPOOL_CLASSES:
            for of in self.all_of(name):
                if of.waiting:
                    self._make_room(name, sum(len(one.frame) for one in of.waiting))
                try:
                    of.write_waiting(mono)
                except FileNotFoundError:  # somebody has removed the log
                    of.give_up_waiting()
                    if of is self.logs[-1].classes[name]:
                        self.begin_anew()
                except OSError:
                    self._give_way(name)
                    return True
        return False

    def _give_way(self, name: SpoolClass) -> None:
        for cheaper in reversed(SPOOL_CLASSES):
            if cheaper == name:
                if sum(len(one.segments) for one in self.all_of(name)) > 1:
                    self._drop_oldest(name)
                return
            if self._drop_oldest(cheaper):
                return

    @property
    def settled(self) -> bool:
        """Whether there is nothing to be done at the disk until something is appended or acknowledged."""
        return self._numbering and all(one.settled for log in self.logs for one in log.classes.values())

    def forget_empty_logs(self) -> tuple[LogFolder, ...]:
        """Older logs of which nothing is left; their files are the caller's to remove."""
        gone = tuple(log for log in self.logs[:-1] if log.empty)
        self.logs = [log for log in self.logs if log not in gone]
        return gone

    def stop(self) -> None:
        """Nothing is kept any more: what is still said has numbers that end with the process."""
        self._numbering = False

    def close(self, now: Now) -> None:
        """Everything is on the disk when it returns, as far as the disk takes it. Blocking; after `stop`."""
        self.try_again(now.mono)
        for log in self.logs:
            errand = errand_for(log, now.mono, last=True)
            if errand is not None:
                errand.run(self.disk)
                errand.finish()
            whole = errand is None or not errand.errors
            for one in log.classes.values():
                one.mark(wanted=True, clean=whole and not one.waiting and not one.doomed)
            with suppress(OSError):
                self.disk.sync(log.marks.fd)
            log.close(self.disk)

    # -- what it can tell

    def stats(self, name: SpoolClass) -> ClassStats:
        """How a class fares."""
        logs = self.all_of(name)
        oldest = next((one for of in logs for one in of.segments if of.oldest(one.first) is not None), None)
        return ClassStats(
            room=self.room(name), held=sum(one.held_count() for one in logs), lost=self._lost[name],
            acknowledged=self._acknowledged[name], refused=sum(one.refused for one in logs),
            oldest_at=0 if oldest is None else oldest.since,
        )  # fmt: skip


def _mark(log: LogFolder, disk: Disk) -> None:
    """What was found in a log, on the disk."""
    for one in log.classes.values():
        one.mark(wanted=True)
    disk.sync(log.marks.fd)
    log.marks.synced(log.marks.generations)


def _reserve(log: LogFolder) -> None:
    """Its first numbers may be given: they are reserved on the disk."""
    for one in log.classes.values():
        one.marks_synced()
