"""Frames on their way to the socket: what one tick of the loop makes in few writes, nothing while the peer stalls."""

import asyncio
from collections.abc import Callable
from typing import Final

BATCH_BYTES: Final = 8 * 1024
"""Above this the queue is written without waiting for the end of the tick: the peer works on it while we make the rest.
Larger, and client, broker and host wait for each other; smaller, and system calls cost more than that saves."""


class WriteQueue:
    """The owner bounds it by looking at `size` before it adds."""

    __slots__ = ("_frames", "_loop", "_paused", "_scheduled", "_write", "size")

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._write = write
        self._frames: list[bytes] = []
        self._scheduled = False
        self._paused = False
        self.size = 0
        """Bytes queued here; what the socket's own buffer holds is not counted."""

    def add(self, frame: bytes) -> None:
        self._frames.append(frame)
        self.size += len(frame)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)
        elif self.size > BATCH_BYTES:
            self._write_out()

    def hold(self) -> None:
        """Until `flush`, which the caller promises to call in this tick: spares a trip round the loop."""
        self._scheduled = True

    def flush(self) -> bool:
        """Write what is queued; whether there was anything."""
        self._scheduled = False
        if not self._frames:
            return False
        self._write_out()
        return True

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._write_out()

    def drain(self) -> bytes:
        """Take everything that is queued."""
        frames = b"".join(self._frames)
        self._frames.clear()
        self.size = 0
        return frames

    def _write_out(self) -> None:
        frames = self._frames
        if frames and not self._paused:
            data = frames[0] if len(frames) == 1 else b"".join(frames)
            frames.clear()
            self.size = 0
            self._write(data)
