"""What a log remembers besides its segments: which numbers are reserved, and what is lost. In place, in a file whose room is
taken when it is made, so that a full disk can still tell what it did not keep.

Each class has two slots. The one that is on the disk for certain is never written over before the other is. The name of the
boot tells whether what was written but not synced can be gone. Format only: what follows from it is `class_log`'s matter.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.gaps import MOST, Lost
from guestwire.protocol.telemetry import SPOOL_CLASSES, SpoolClass

NAME: Final = "marks"
_SLOT_BYTES: Final = 512
_HEAD: Final = struct.Struct("<4sI16s")
_HEAD_MAGIC: Final = b"GWm1"
_SLOT: Final = struct.Struct("<4sIQQQQBB2x40s")
"""Magic, checksum of what follows, generation, floor, last number given, last number reserved, whether closed in order, how many
ranges are lost, the boot in which it was written."""
_SLOT_MAGIC: Final = b"GWms"
_CHECKED_FROM: Final = 8
_LOST: Final = struct.Struct("<QQQQ")
FILE_BYTES: Final = _SLOT_BYTES * (1 + 2 * len(SPOOL_CLASSES))

assert _SLOT.size + MOST * _LOST.size <= _SLOT_BYTES

Generations = Mapping[SpoolClass, int]


@dataclass(frozen=True, slots=True)
class Marks:
    """Of one class. `floor`: nothing was held up to this number when this was written; `used`: the last number that had been given
    out; `reserved`: none above it was ever given out; `clean`: the log was closed in order, and everything is on the disk; `boot`:
    the machine's, at that time."""

    floor: int = 0
    used: int = 0
    reserved: int = 0
    clean: bool = False
    lost: tuple[Lost, ...] = ()
    boot: str = ""


@dataclass(frozen=True, slots=True)
class FoundMarks:
    """What a file of marks says. `doubtful`: a part of it is damaged, perhaps the newest: numbers may have been given that it does
    not know of."""

    log: bytes
    doubtful: bool
    classes: dict[SpoolClass, Marks]


class MarksFile:
    """The open file of one log. Writing does not wait for the disk; who syncs `fd` says so to `synced`."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._generations = dict.fromkeys(SPOOL_CLASSES, 0)
        self._certain = dict.fromkeys(SPOOL_CLASSES, 1)
        self._unsynced: set[SpoolClass] = set()
        self.path = path
        self.fd = disk.open(path)

    @property
    def generations(self) -> Generations:
        """How often each class was written: to tell `synced` what a sync was about."""
        return dict(self._generations)

    def make(self, log: bytes) -> None:
        """Take the room of a new file. Synced when it returns."""
        self._disk.write(self.fd, bytes(FILE_BYTES), 0)
        self._disk.write(self.fd, _HEAD.pack(_HEAD_MAGIC, crc32(log), log), 0)
        for name in SPOOL_CLASSES:
            self.write(name, Marks())
        self._disk.sync(self.fd)
        self.synced(self.generations)

    def read(self) -> FoundMarks | None:
        """None: the file is damaged, or is none of ours. What was read is on the disk when it returns."""
        self._disk.sync(self.fd)
        data = self._disk.read(self.path)
        if len(data) < FILE_BYTES:
            return None
        magic, crc, log = _HEAD.unpack_from(data)
        if magic != _HEAD_MAGIC or crc32(log) != crc:
            return None
        classes: dict[SpoolClass, Marks] = {}
        doubtful = False
        for number, name in enumerate(SPOOL_CLASSES):
            places = [_SLOT_BYTES * (1 + 2 * number + half) for half in (0, 1)]
            slots = [_slot(data, place) for place in places]
            doubtful = doubtful or any(
                slot is None and any(data[place : place + _SLOT_BYTES])
                for slot, place in zip(slots, places, strict=True)
            )
            found = [(*one, half) for half, one in enumerate(slots) if one is not None]
            if not found:
                return None
            self._generations[name], classes[name], self._certain[name] = max(found, key=lambda one: one[0])
        return FoundMarks(log, doubtful, classes)

    def write(self, name: SpoolClass, marks: Marks) -> None:
        """Write the marks of a class. Raises OSError."""
        self._generations[name] += 1
        body = _SLOT.pack(
            _SLOT_MAGIC, 0, self._generations[name], marks.floor, marks.used, marks.reserved, marks.clean,
            len(marks.lost), marks.boot.encode()[:40],
        )[_CHECKED_FROM:]  # fmt: skip
        body += b"".join(_LOST.pack(one.first, one.last, one.since, one.until) for one in marks.lost)
        data = _SLOT_MAGIC + crc32(body).to_bytes(4, "little") + body
        half = 1 - self._certain[name]
        place = _SLOT_BYTES * (1 + 2 * SPOOL_CLASSES.index(name) + half)
        self._unsynced.add(name)
        self._disk.write(self.fd, data.ljust(_SLOT_BYTES, b"\0"), place)

    def synced(self, generations: Generations) -> frozenset[SpoolClass]:
        """A sync that began when the generations were these has ended: the classes of which all is on the disk. What was
        written meanwhile may be there in part."""
        certain = frozenset(name for name in self._unsynced if self._generations[name] == generations[name])
        self._unsynced -= certain
        for name in certain:
            self._certain[name] = 1 - self._certain[name]
        return certain

    def close(self) -> None:
        self._disk.close(self.fd)


def _slot(data: bytes, place: int) -> tuple[int, Marks] | None:
    """The generation and the marks of a slot; None where it is damaged or was never written."""
    magic, crc, generation, floor, used, reserved, clean, count, boot = _SLOT.unpack_from(data, place)
    end = place + _SLOT.size + count * _LOST.size
    if magic != _SLOT_MAGIC or count > MOST or crc32(data[place + _CHECKED_FROM : end]) != crc:
        return None
    lost = tuple(Lost(*one) for one in _LOST.iter_unpack(data[place + _SLOT.size : end]))
    return generation, Marks(floor, used, reserved, bool(clean), lost, boot.rstrip(b"\0").decode(errors="replace"))
