"""A guest's first serial console as a stream of bytes. Never taken away from a person who has it open.

The stream is in event mode: libvirt's thread reads what is there and hands it over. A reader that does not keep up
loses the oldest bytes, as on a serial line: the stream has no way to make the guest wait.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import libvirt

from guestwire.agent.drivers.libvirt.connection import Connection
from guestwire.agent.drivers.libvirt.errors import OPERATION_FAILED
from guestwire.model.errors import GuestwireError

_CHUNK = 16 * 1024
_KEPT = 256 * 1024
_WOULD_BLOCK = -2
_EVENTS = libvirt.VIR_STREAM_EVENT_READABLE | libvirt.VIR_STREAM_EVENT_HANGUP | libvirt.VIR_STREAM_EVENT_ERROR


class _Bytes:
    """What has arrived and was not read. Used on the loop only."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._ended = False
        self._wake: asyncio.Future[None] | None = None

    def arrived(self, data: bytes | None) -> None:
        """More, or None for the end."""
        if data is None:
            self._ended = True
        else:
            self._data += data
            del self._data[: max(0, len(self._data) - _KEPT)]
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def read(self) -> AsyncIterator[bytes]:
        while True:
            if self._data:
                data = bytes(self._data)
                self._data.clear()
                yield data
            elif self._ended:
                return
            else:
                self._wake = asyncio.get_running_loop().create_future()
                await self._wake


@asynccontextmanager
async def open_console(connection: Connection, uuid: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """The console of a running guest, until it stops or the connection goes. UNSUPPORTED while it is open elsewhere."""
    loop = asyncio.get_running_loop()
    arrived = _Bytes()
    streams: list[Any] = []
    given_up = threading.Event()

    def readable(stream: Any, events: int, _opaque: object) -> None:
        data: Any = b""
        if events & libvirt.VIR_STREAM_EVENT_READABLE:
            with suppress(libvirt.libvirtError):
                data = stream.recv(_CHUNK)
            if data == _WOULD_BLOCK:
                return
        if not data:
            with suppress(libvirt.libvirtError):
                stream.eventRemoveCallback()
        with suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(arrived.arrived, data or None)

    def attach(conn: Any) -> None:
        domain = conn.lookupByUUIDString(uuid)
        stream = conn.newStream(libvirt.VIR_STREAM_NONBLOCK)
        try:
            domain.openConsole(None, stream, 0)
        except libvirt.libvirtError as err:
            if err.get_error_code() == OPERATION_FAILED:
                raise GuestwireError(
                    "UNSUPPORTED", "the guest's console is open elsewhere", detail={"console": "busy"}
                ) from err
            if err.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
                raise GuestwireError("WRONG-STATE", "the guest does not run", detail={"state": "stopped"}) from err
            raise
        streams.append(stream)
        stream.eventAddCallback(_EVENTS, readable, None)
        if given_up.is_set():  # nobody waited that long
            detach()

    def detach() -> None:
        with suppress(IndexError):  # the other thread did
            stream = streams.pop()
            with suppress(libvirt.libvirtError):
                stream.eventRemoveCallback()
            with suppress(libvirt.libvirtError):
                stream.abort()

    def connection_closed() -> None:
        arrived.arrived(None)

    try:
        await connection.call(attach, effect=False)
        connection.on_close.add(connection_closed)
        yield arrived.read()
    finally:
        given_up.set()
        connection.on_close.discard(connection_closed)
        if streams:
            await connection.release(detach)
