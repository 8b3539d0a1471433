"""What carries the frames of one connection: bytes out, and an end. The asyncio transport as it is, or TLS over it.

What comes in is not here: the asyncio protocol that owns the wire is handed it by the loop.
"""

import asyncio
from typing import Protocol, cast


class Wire(Protocol):
    """One way out. After `close` or `abort` nothing more may be written."""

    @property
    def unsent(self) -> int:
        """Bytes that were written and the kernel did not take yet."""
        ...

    @property
    def closing(self) -> bool: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None:
        """End it when what was written has left."""
        ...

    def abort(self) -> None:
        """End it now; what was written may be lost."""
        ...


class PlainWire:
    """An asyncio transport."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not derived from it

    @property
    def unsent(self) -> int:
        return self._transport.get_write_buffer_size()

    @property
    def closing(self) -> bool:
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()
