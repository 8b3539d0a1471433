"""A log of JSON lines on disk: what a simulated host keeps over a restart of its process.

The file is opened for each write and closed again, so that an idle host holds no file open. A torn last line (the process
died in the write) is dropped, as the write it stands for never returned. A line is in the page cache when a call returns,
so it survives `kill -9`; `sync` makes it survive a power cut too.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from guestwire.model.errors import GuestwireError

_COMPACT_BYTES = 64 * 1024


class LineLog:
    """One log. With no path nothing is written and everything ends with the process."""

    __slots__ = ("_path", "_size")

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._size = 0

    def load(self) -> list[dict[str, Any]]:
        """Every line, oldest first; a torn last one is cut off. Raises INTERNAL for a line that is no JSON object."""
        if self._path is None:
            return []
        self._path.parent.mkdir(parents=True, exist_ok=True)
        data = self._path.read_bytes() if self._path.exists() else b""
        self._size = data.rfind(b"\n") + 1
        if self._size != len(data):
            os.truncate(self._path, self._size)
        return [_decode(text, number) for number, text in enumerate(data[: self._size].splitlines(), 1)]

    def rewrite(self, lines: Iterable[dict[str, Any]]) -> None:
        """Replace the log by these lines: a new file, synced, renamed over the old one."""
        if self._path is None:
            return
        data = b"".join(map(_encode, lines))
        fresh = self._path.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            _sync(self._path.parent)
        except OSError as err:
            raise full(err) from err
        self._size = len(data)

    def append(self, line: dict[str, Any]) -> None:
        """Write a line. RESOURCE-EXHAUSTED when the disk does not take it; then nothing of it is there."""
        if self._path is None:
            return
        data = _encode(line)
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                written = os.write(descriptor, data)
                if written != len(data):
                    # a torn line in the middle would end the log there at the next start
                    os.ftruncate(descriptor, self._size)
                    raise OSError(28, "No space left on device")
            finally:
                os.close(descriptor)
        except OSError as err:
            raise full(err) from err
        self._size += len(data)

    def sync(self) -> None:
        """Make everything appended survive a power cut. Blocks for as long as the disk takes."""
        if self._path is None:
            return
        try:
            _sync(self._path)
            _sync(self._path.parent)
        except OSError as err:
            raise full(err) from err

    @property
    def old(self) -> bool:
        """Whether most of the log may be history: worth writing anew at a start."""
        return self._size > _COMPACT_BYTES

    @property
    def worn(self) -> bool:
        """Whether the log is long enough to be written anew at once."""
        return self._size > 4 * _COMPACT_BYTES


def damaged(number: int) -> GuestwireError:
    return GuestwireError("INTERNAL", f"the simulated host's log is damaged in line {number}")


def full(err: OSError) -> GuestwireError:
    return GuestwireError(
        "RESOURCE-EXHAUSTED",
        f"the simulated host's disk took nothing: {err.strerror}",
        detail={"resource": "disk", "errno": err.errno},
    )


def _encode(line: dict[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _decode(text: bytes, number: int) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError as err:
        raise damaged(number) from err
    if not isinstance(line, dict):
        raise damaged(number)
    return line


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
