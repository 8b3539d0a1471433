"""The first serial console of a simulated guest: exclusive, bounded, and silent when nobody listens.

What is written before the first reader comes is kept, up to 4 KiB, as a terminal's buffer does. A reader that does not
keep up loses the oldest text, as on a serial line.
"""

import asyncio
from collections.abc import AsyncIterator

from guestwire.model.errors import GuestwireError

_KEPT_BYTES = 4 * 1024
_READER_BYTES = 64 * 1024


class Console:
    """One run of a guest's console, from power on to power off."""

    __slots__ = ("_buffer", "_ended", "_open", "_wake")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ended = False
        self._open = False
        self._wake: asyncio.Future[None] | None = None

    def write(self, data: bytes) -> None:
        self._buffer += data
        if (surplus := len(self._buffer) - (_READER_BYTES if self._open else _KEPT_BYTES)) > 0:
            del self._buffer[:surplus]
        self._rouse()

    def end(self) -> None:
        """The guest stopped, or the connection went: a reader gets what is left, and then its end."""
        self._ended = True
        self._rouse()

    def open(self) -> None:
        """Take the console. UNSUPPORTED while somebody has it."""
        if self._open:
            raise GuestwireError("UNSUPPORTED", "the guest's console is open elsewhere", detail={"console": "busy"})
        self._open = True

    def close(self) -> None:
        self._open = False
        self._buffer.clear()

    async def read(self) -> AsyncIterator[bytes]:
        while True:
            if self._buffer:
                data = bytes(self._buffer)
                self._buffer.clear()
                yield data
            elif self._ended:
                return
            else:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
