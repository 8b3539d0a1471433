"""A TCP proxy in front of a broker that does, on demand, what networks and old brokers do.

Faults are set while connections live. `up` is towards the broker, `down` towards the client. Faults of single packets
(lose, double, reorder or alter one PUBLISH) go through `rewrite`; everything else works on bytes.
"""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Literal

from guestwire.broker_test.frames import FrameSplitter, connect_level
from guestwire.broker_test.options import LOOPBACK

Direction = Literal["up", "down"]
DIRECTIONS: tuple[Direction, ...] = ("up", "down")

Rewrite = Callable[[Direction, bytes], Sequence[bytes]]
"""Gets one whole packet, gives the packets to send instead: none loses it, the same twice doubles it."""

NoV5 = Literal["refuse", "refuse-v5", "close"]

# CONNACK of 3.1.1 with return code 1 (unacceptable protocol version); CONNACK of 5.0 with reason 0x84; nothing.
_REFUSALS: dict[NoV5, bytes] = {"refuse": b"\x20\x02\x00\x01", "refuse-v5": b"\x20\x03\x00\x84\x00", "close": b""}

_LINE_LENGTH = 256  # pieces on the way in one direction; full = the proxy stops reading, as a full network does
_READ_SIZE = 65536
_CONNECT_TIMEOUT_S = 10.0


class _Faults:
    """What is wrong with one direction now."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.drop = False
        self.flowing = asyncio.Event()
        self.flowing.set()


class _Line:
    """One direction of one connection: reads, holds what is delayed, writes. Order is kept."""

    def __init__(self, faults: _Faults, split: Callable[[bytes], Sequence[bytes]], sink: StreamWriter) -> None:
        self._faults = faults
        self._split = split
        self._sink = sink
        self._queue: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue(_LINE_LENGTH)
        self.lost = False

    async def read(self, source: StreamReader, data: bytes) -> None:
        """Take `data`, then what `source` gives until it ends; then, once the line is empty, the connection ends."""
        with suppress(ConnectionError):
            while data or (data := await source.read(_READ_SIZE)):
                for piece in self._split(data):
                    await self.put(piece)
                data = b""
        await self._queue.put(None)

    async def put(self, data: bytes) -> None:
        """Send `data` down the line, subject to its faults."""
        await self._faults.flowing.wait()
        await self._queue.put((asyncio.get_running_loop().time() + self._faults.delay_s, data))

    async def write(self) -> None:
        """Write what comes due; returns after the sender's end."""
        while item := await self._queue.get():
            due, data = item
            wait = due - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)
            if self._faults.drop:
                self.lost = True
                continue
            with suppress(ConnectionError):
                self._sink.write(data)
                await self._sink.drain()
        if self._faults.drop:
            # A dead network does not carry the end of a connection either: half-open until cut, heal or close.
            self.lost = True
            await asyncio.Event().wait()


class _Connection:
    """One client with its own connection to the broker; the proxy owns its task."""

    def __init__(self, proxy: "FaultProxy", reader: StreamReader, writer: StreamWriter) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writers = [writer]
        self.lines: dict[Direction, _Line] = {}
        self.task: asyncio.Task[None] = asyncio.create_task(self._run())

    async def _run(self) -> None:
        client = self._writers[0]
        tasks: list[asyncio.Task[None]] = []
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                first = await self._first_bytes(client)
                if first is None:
                    return
                reader, broker = await asyncio.open_connection(LOOPBACK, self._proxy.upstream_port)
            self._writers.append(broker)
            up, down = self._line("up", broker), self._line("down", client)
            self.lines = {"up": up, "down": down}
            sources = (up.read(self._reader, first), down.read(reader, b""))
            tasks = [asyncio.create_task(x) for x in (up.write(), down.write(), *sources)]
            await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
        except (OSError, TimeoutError):
            pass  # the broker is not there: the client sees its connection closed, as behind any proxy
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in self._writers:
                writer.close()

    def _line(self, direction: Direction, sink: StreamWriter) -> _Line:
        splitter = FrameSplitter()

        def split(data: bytes) -> Sequence[bytes]:
            if not self._proxy.packets:
                return (data,)
            # The splitter runs without a hook too: one may be set in the middle of a stream.
            packets = splitter.feed(data)
            rewrite = self._proxy.rewrite
            if rewrite is None:
                return (b"".join(packets),) if packets else ()
            return [y for x in packets for y in rewrite(direction, x)]

        return _Line(self._proxy.faults[direction], split, sink)

    async def _first_bytes(self, client: StreamWriter) -> bytes | None:
        """What was read to see the protocol level; None when the connection was ended for it."""
        no_v5 = self._proxy.no_v5
        if no_v5 is None:
            return b""
        splitter = FrameSplitter()
        read = b""
        while data := await self._reader.read(_READ_SIZE):
            read += data
            if packets := splitter.feed(data):
                if connect_level(packets[0]) != 5:
                    return read
                client.write(_REFUSALS[no_v5])
                await client.drain()
                return None
        return None

    def reset(self) -> None:
        """Reset both sides: the peers see ECONNRESET, not an orderly end."""
        for writer in self._writers:
            raw = writer.get_extra_info("socket")
            if raw is not None and not writer.transport.is_closing():
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self.task.cancel()


class FaultProxy:
    """A running proxy on 127.0.0.1:`port`. Made by `fault_proxy()`.

    `rewrite` and `no_v5` are plain attributes: set them at any time; `no_v5` acts on connections made afterwards.
    """

    def __init__(self, upstream_port: int, packets: bool) -> None:
        self.upstream_port = upstream_port
        self.packets = packets
        self.rewrite: Rewrite | None = None
        self.no_v5: NoV5 | None = None
        self.faults: dict[Direction, _Faults] = {"up": _Faults(), "down": _Faults()}
        self.accepted = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._changed = asyncio.Event()

    host = LOOPBACK

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._connections)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        self._connections.add(connection)
        self.accepted += 1
        self._notify()

        def ended(_: asyncio.Task[None]) -> None:
            self._connections.discard(connection)
            self._notify()

        connection.task.add_done_callback(ended)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_accepted(self, total: int, timeout_s: float = 10.0) -> None:
        """Wait until `total` connections were accepted since the start. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while self.accepted < total:
                await self._changed.wait()

    async def wait_connections(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until exactly `count` clients are connected. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while len(self._connections) != count:
                await self._changed.wait()

    def cut(self) -> int:
        """Reset every connection (RST to both ends); gives how many. New ones are accepted."""
        connections = tuple(self._connections)
        for connection in connections:
            connection.reset()
        return len(connections)

    async def refuse(self) -> None:
        """Stop listening: new connections get ECONNREFUSED. Present ones live on; `cut()` ends them."""
        if self._server is not None:
            server, self._server = self._server, None
            server.close()
            # close() acts at once on the listening socket; wait_closed() would wait for live connections (3.12).
            await asyncio.sleep(0)

    async def accept(self) -> None:
        """Listen again, on the same port."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def delay(self, seconds: float, direction: Direction | None = None) -> None:
        """Hold every byte for `seconds` (order kept); in both directions unless one is named."""
        for faults in self._of(direction):
            faults.delay_s = seconds

    def drop(self, direction: Direction | None = None) -> None:
        """Swallow all bytes, and ends of connections, without a word: a half-open connection, until `heal()`."""
        for faults in self._of(direction):
            faults.drop = True

    def pause(self, direction: Direction | None = None) -> None:
        """Stop reading, lose nothing: buffers fill up to the sender."""
        for faults in self._of(direction):
            faults.flowing.clear()

    def heal(self) -> None:
        """Undo delay, drop and pause. Connections that lost bytes are reset: their streams have holes."""
        for faults in self.faults.values():
            faults.delay_s = 0.0
            faults.drop = False
            faults.flowing.set()
        for connection in tuple(self._connections):
            if any(line.lost for line in connection.lines.values()):
                connection.reset()

    async def inject(self, direction: Direction, packet: bytes) -> int:
        """Send a packet of your own between two others on every connection; gives how many.

        Not rewritten; whole-packet mode only (`packets=True`).
        """
        lines = [x.lines[direction] for x in self._connections if x.lines]
        for line in lines:
            await line.put(packet)
        return len(lines)

    async def close(self) -> None:
        """Stop listening and reset what is left."""
        await self.refuse()
        self.cut()
        await asyncio.gather(*(x.task for x in tuple(self._connections)), return_exceptions=True)

    def _of(self, direction: Direction | None) -> list[_Faults]:
        return [self.faults[x] for x in DIRECTIONS if direction in (None, x)]


@asynccontextmanager
async def fault_proxy(upstream_port: int, *, packets: bool = True) -> AsyncIterator[FaultProxy]:
    """A proxy without faults in front of 127.0.0.1:`upstream_port`, on a free port.

    `packets=False` passes bytes uninterpreted, for TLS; then `rewrite`, `inject` and `no_v5` cannot be used.
    """
    proxy = FaultProxy(upstream_port, packets)
    await proxy.accept()
    try:
        yield proxy
    finally:
        await proxy.close()
