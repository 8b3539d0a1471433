"""Which numbers of a class were acknowledged, on disk: entries in the order they came.

An entry that a crash took is no loss: what it was about is sent again. Nothing here waits for the disk.
"""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from zlib import crc32

from guestwire.agent.telemetry.disk import Disk
from guestwire.protocol.number_ranges import NumberRanges, Range

_ENTRY: Final = struct.Struct("<IQQ")
MOST_BYTES: Final = 32 * 1024
"""Beyond this, and beyond twice as many as there must be, the entries are written anew."""


class AcksFile:
    """The file of one class of one log; made when something is first acknowledged."""

    def __init__(self, disk: Disk, path: Path, seed: int) -> None:
        self._disk = disk
        self._path = path
        self._seed = seed
        self._size = 0
        self._least = 0
        self.fd: int | None = None
        self.unsynced = False
        """Whether something was written that `Disk.sync(fd)` has not seen."""

    def read(self) -> NumberRanges:
        """What it says; nothing where there is none. An entry that is damaged ends the reading."""
        found = NumberRanges()
        try:
            data = self._disk.read(self._path)
        except FileNotFoundError:
            return found
        for offset in range(0, len(data) - _ENTRY.size + 1, _ENTRY.size):
            crc, first, last = _ENTRY.unpack_from(data, offset)
            if crc32(data[offset + 4 : offset + _ENTRY.size], self._seed) != crc:
                break
            found.add(first, last)
            self._size = offset + _ENTRY.size
        return found

    def add(self, ranges: Iterable[Range], known: NumberRanges) -> None:
        """These were acknowledged; `known`: everything that is to be remembered, these too. Raises OSError."""
        if self.fd is None:
            self.fd = self._disk.open(self._path)
        data = self._entries(ranges)
        self.unsynced = True
        if self._size + len(data) <= max(MOST_BYTES, 2 * self._least):
            self._disk.write(self.fd, data, self._size)
            self._size += len(data)
            return
        data = self._entries(known)
        self._disk.write(self.fd, data, 0)  # the entries behind it stay true until they are cut off
        self._disk.truncate(self.fd, len(data))
        self._size = self._least = len(data)

    def clear(self) -> None:
        """Nothing needs to be remembered any more. Raises OSError."""
        if self.fd is not None and self._size:
            self._disk.truncate(self.fd, 0)
            self._size = self._least = 0
            self.unsynced = True

    def _entries(self, ranges: Iterable[Range]) -> bytes:
        bodies = (_ENTRY.pack(0, first, last)[4:] for first, last in ranges)
        return b"".join(crc32(body, self._seed).to_bytes(4, "little") + body for body in bodies)
