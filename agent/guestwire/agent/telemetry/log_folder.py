"""One log of the spool: a folder with the segments, acknowledgements and marks of every class. Its numbers never begin anew; where
they would have to, another log is begun beside it, and this one is emptied. Opening is blocking."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from guestwire.agent.telemetry.acks import AcksFile
from guestwire.agent.telemetry.class_log import ClassLog
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.marks import NAME as MARKS
from guestwire.agent.telemetry.marks import MarksFile
from guestwire.agent.telemetry.opening import found_class
from guestwire.agent.telemetry.records import seed_of
from guestwire.protocol.telemetry import SPOOL_CLASSES, SpoolClass

LOG_BYTES: Final = 16
Tally = Callable[[SpoolClass, int], None]


class LogFolder:
    """`sound`: whether numbers may still be given in it."""

    def __init__(self, disk: Disk, path: Path, boot: str, now_ms: int, tally: Tally) -> None:
        """Open a log that is there. Raises OSError."""
        self.path = path
        self.log = _log_of(path.name)
        seed = seed_of(self.log)
        self.marks = MarksFile(disk, path / MARKS)
        try:
            found = self.marks.read()
            if found is not None and found.log != self.log:
                found = None
            if found is None:
                self.marks.make(self.log)
            self.sound = found is not None and not found.doubtful
            self.classes: dict[SpoolClass, ClassLog] = {}
            for name in SPOOL_CLASSES:
                acks = AcksFile(disk, path / f"{name}.acks", seed)
                known = found.classes[name] if found is not None else None
                if known is not None and not self.sound:
                    known = replace(known, clean=False, boot="")  # what was reserved may have been given
                left = found_class(disk, path, seed, name, known, boot, now_ms, acks)
                tally(name, left.lost)
                self.classes[name] = ClassLog(disk, path, seed, name, boot, self.marks, acks, left, tally)
        except BaseException:
            self.marks.close()
            raise

    @property
    def empty(self) -> bool:
        """Whether there is nothing left to be told of it."""
        return all(
            not one.segments and not len(one.gaps) and not one.doomed and not one.closing and not one.waiting
            for one in self.classes.values()
        )

    def close(self, disk: Disk) -> None:
        """Let go of every file. Nothing may be written after it."""
        self.marks.close()
        for one in self.classes.values():
            for segment in one.segments:
                if segment.fd is not None:
                    disk.close(segment.fd)
                    segment.fd = None
            if one.acks.fd is not None:
                disk.close(one.acks.fd)
                one.acks.fd = None

    def remove(self, disk: Disk) -> None:
        """Remove an empty log. Blocking. Raises OSError."""
        self.close(disk)
        for name in disk.names(self.path):
            disk.remove(self.path / name)
        disk.remove_folder(self.path)


def log_folders(disk: Disk, folder: Path) -> tuple[Path, ...]:
    """The logs in a spool's folder, oldest first."""
    return tuple(folder / name for name in disk.names(folder) if _is_log(name))


def new_log(disk: Disk, folder: Path) -> Path:
    """Make another log, the last in order; its room for marks is taken. Raises OSError."""
    ordinal = max((int(path.name.partition("-")[0]) for path in log_folders(disk, folder)), default=0) + 1
    log = secrets.token_bytes(LOG_BYTES)
    path = folder / f"{ordinal:06d}-{log.hex()}"
    disk.make_folder(path)
    marks = MarksFile(disk, path / MARKS)
    try:
        marks.make(log)
    finally:
        marks.close()
    disk.sync_folder(path)
    disk.sync_folder(folder)
    return path


def _is_log(name: str) -> bool:
    ordinal, _, log = name.partition("-")
    return len(ordinal) == 6 and ordinal.isdigit() and len(log) == 2 * LOG_BYTES and set(log) <= set("0123456789abcdef")


def _log_of(name: str) -> bytes:
    return bytes.fromhex(name.partition("-")[2])
