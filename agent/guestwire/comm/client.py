"""guestwire-comm as its callers see it: the operations over its socket, and the files of regions over the other one.

All that the agent knows of guestwire-comm. A connection is made when it is needed, and made anew after it was lost: whoever
asks is told at once that the services are not there (COMM-NOT-STARTED), or that they went before they answered (COMM-LOST).
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from guestwire.link.clock import now
from guestwire.link.local_client import LocalTransport, connect_local
from guestwire.link.transport import Incoming, TransportError
from guestwire.model.base import Model
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.envelope import EnvelopeError, decode
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.operations import BY_NAME, INTERNAL, Operation
from guestwire.protocol.pending import Done, Failed, Pending
from guestwire.protocol.steps import Call
from guestwire.shm.layouts import NUMBERS, REPLY, REQUEST

SOCKET: Final = "comm.sock"
ATTACH: Final = "attach.sock"
CLIENT: Final = "agent"
MAX_CALLS = 256
"""Requests under way at once; one more is BUSY."""
EARLIER_S = 1.0
"""A forwarded request is given up so much before its own time is over, so that there is an answer to it."""
ANSWER_S = 10.0
"""After the time that a request waits for something, until it is answered."""
FILE_WITHIN_S = 5.0

_INTERNAL = {operation.name: operation for operation in INTERNAL}


class _Line:
    """One connection, and the requests under way on it."""

    def __init__(self) -> None:
        self.calls: dict[bytes, tuple[Invoker, Pending, asyncio.Future[Any]]] = {}
        self.transport: LocalTransport | None = None
        self.site = self.host = ""
        self._watch: asyncio.Future[Any] | None = None

    async def open(self, path: Path) -> None:
        """Raises COMM-NOT-STARTED, COMM-LOST."""
        try:
            transport = await connect_local(path, self._received)
        except TransportError as err:
            absent = err.code == "SOCKET-UNREACHABLE" and not isinstance(err.__cause__, TimeoutError)
            raise GuestwireError("COMM-NOT-STARTED" if absent else "COMM-LOST", cause=(err.code,)) from err
        hello = transport.hello.result()
        self.transport, self.site, self.host = transport, hello.site, hello.host
        self._watch = asyncio.ensure_future(transport.closed)
        self._watch.add_done_callback(lambda _: self._lost())

    @property
    def up(self) -> bool:
        return self._watch is not None and not self._watch.done()

    async def close(self) -> None:
        if self.transport is not None:
            await self.transport.close()

    def _lost(self) -> None:
        for _, _, future in self.calls.values():
            if not future.done():
                future.set_exception(GuestwireError("COMM-LOST", "guestwire-comm closed the connection."))

    def _received(self, message: Incoming) -> None:
        with suppress(EnvelopeError):
            found = self.calls.get(decode(message.payload).header.request_id)
            if found is None:
                return
            invoker, pending, future = found
            for event in invoker.receive(message.payload, now(), self.host):
                if future.done():
                    return
                if isinstance(event, Done):
                    future.set_result(event.reply)
                elif isinstance(event, Failed):
                    future.set_exception(event.error)
            if pending.refusal is not None and not future.done():  # BUSY and the like: who asked comes again
                future.set_exception(pending.refusal)


class CommClient:
    """The services behind one folder of sockets. `async with` it: leaving closes the connection. Every call raises
    COMM-NOT-STARTED, COMM-LOST, BUSY, and what the operation raises."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._line: _Line | None = None
        self._opening = asyncio.Lock()
        self.known: CommDocument | None = None
        """The document that held when this client last heard."""

    async def __aenter__(self) -> "CommClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._line is not None:
            await self._line.close()

    # -- operations

    async def forward(self, call: Call) -> Model:
        """Ask what somebody asked the agent: the same request under the same id, for the same issuer."""
        within_s = max(EARLIER_S, call.operation.timeout_s - EARLIER_S)
        reply: Model = await self._call(
            call.operation, call.request, within_s, issuer=call.issuer, request_id=call.request_id
        )
        return reply

    async def forward_part(self, call: Call, part: Model, within_s: float) -> Model:
        """Ask a part of what somebody asked the agent, which takes so long by itself, under an id of its own."""
        reply: Model = await self._call(call.operation, part, within_s + ANSWER_S, issuer=call.issuer)
        return reply

    async def status(self) -> w.CommStatus:
        status: w.CommStatus = await self._ask(BY_NAME["comm-status"], Empty())
        return status

    async def held(self) -> CommDocument | None:
        """The document that holds; None: none was ever given."""
        held: w.CommHeld = await self._ask(_INTERNAL["comm-held"], Empty())
        self.known = held.document
        return held.document

    async def apply(self, document: CommDocument) -> None:
        """Make a document true, or leave everything as it was. Raises FRAME-TOO-LARGE for one that no request holds."""
        try:
            await self._ask(_INTERNAL["comm-apply"], w.CommApply(document=document))
        except GuestwireError as err:
            if err.code != "FRAME-TOO-LARGE":
                raise
            raise _too_large(document, err) from err
        self.known = document

    async def settle(self) -> None:
        """Let go of what the last documents set aside."""
        await self._ask(_INTERNAL["comm-settle"], Empty())

    async def plugs(self, guest: str) -> w.CommPlugs:
        """What the domain of a guest, by name, has of ours."""
        plugs: w.CommPlugs = await self._ask(_INTERNAL["comm-plugs"], w.GuestRefName(guest=guest))
        return plugs

    async def mapped(self, uuid: str, file: int) -> w.Mapped | None:
        """How the QEMU of a guest, by uuid, has the file of a descriptor mapped; None: it has not, or cannot be looked into."""
        stat = os.fstat(file)
        request = w.MappedRef(uuid=uuid, device=stat.st_dev, inode=stat.st_ino)
        found: w.CommMapped = await self._ask(_INTERNAL["comm-mapped"], request)
        return found.mapped

    async def metrics(self, *, filtered: bool) -> w.CommMetrics:
        """Counters of everything; `filtered`: with what the rules of networks kept back."""
        found: w.CommMetrics = await self._ask(_INTERNAL["comm-metrics"], w.CommMetricsAsked(filtered=filtered))
        return found

    async def guest_reset(self, guest: str) -> None:
        """A guest, by name, began anew without its process ending."""
        await self._ask(_INTERNAL["comm-guest-reset"], w.GuestRefName(guest=guest))

    async def follow(self, log: bytes, seq: int, wait_s: float) -> w.Happenings:
        """What happened after `seq` of `log`; waits for the next, up to `wait_s`."""
        request = w.CommFollow(log=log, seq=seq, wait_s=wait_s)
        happened: w.Happenings = await self._ask(_INTERNAL["comm-follow"], request, wait_s + ANSWER_S)
        return happened

    # -- files

    @asynccontextmanager
    async def file(self, guest: str, index: int, *, writable: bool) -> AsyncIterator[int]:
        """The file of a region for a guest's device, by acpi-index, while the block lasts: its descriptor here."""
        flags = NUMBERS["GW_READ"] | (NUMBERS["GW_WRITE"] if writable else 0)
        request = REQUEST.pack(seq=1, op=NUMBERS["GW_OP_PLUG"], flags=flags, value=index, text=guest)
        reply, files = await self._file(request)
        try:
            code = REPLY.unpack(reply)["code"] if len(reply) == REPLY.size else NUMBERS["GW_CORRUPT"]
            if code != NUMBERS["GW_OK"] or len(files) != 1:
                raise _refused(code, guest, index)
            yield files[0]
        finally:
            for file in files:
                os.close(file)

    async def _file(self, request: bytes) -> tuple[bytes, list[int]]:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.setblocking(False)
            try:
                async with asyncio.timeout(FILE_WITHIN_S):
                    await loop.sock_connect(sock, str(self._folder / ATTACH))
                    await loop.sock_sendall(sock, request)
                    await _readable(sock)
                    reply, files, _, _ = socket.recv_fds(sock, REPLY.size, 4)
            except TimeoutError as err:
                raise GuestwireError("COMM-LOST") from err
            except (FileNotFoundError, ConnectionRefusedError) as err:
                raise GuestwireError("COMM-NOT-STARTED") from err
            except OSError as err:
                raise GuestwireError("COMM-LOST", f"guestwire-comm closed {ATTACH}: {err.strerror}") from err
            return reply, files

    # -- pieces

    async def _ask(self, operation: Operation, request: Model, within_s: float | None = None) -> Any:
        return await self._call(operation, request, within_s or operation.timeout_s)

    async def _call(
        self,
        operation: Operation,
        request: Model,
        within_s: float,
        *,
        issuer: str | None = None,
        request_id: bytes | None = None,
    ) -> Any:
        line = await self._connected()
        if len(line.calls) >= MAX_CALLS:
            raise GuestwireError("BUSY", "Too many requests wait for guestwire-comm.", after_ms=1000)
        invoker = Invoker(line.site, CLIENT, issuer or f"host:{line.host}", path_vouches=True)
        pending = invoker.begin(line.host, operation, request, now(), timeout_s=within_s, request_id=request_id)
        if pending.request_id in line.calls:
            raise GuestwireError("IDEMPOTENCY-MISMATCH", "A request with this id is under way already.")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        line.calls[pending.request_id] = (invoker, pending, future)
        try:
            assert line.transport is not None
            for frame in pending.frames:
                line.transport.send(pending.topic, frame)
            async with asyncio.timeout(within_s):
                return await future
        except (TimeoutError, TransportError) as err:
            raise GuestwireError("COMM-LOST", detail={"operation": operation.name}) from err
        finally:
            del line.calls[pending.request_id]

    async def _connected(self) -> _Line:
        async with self._opening:
            if self._line is None or not self._line.up:
                line = _Line()
                await line.open(self._folder / SOCKET)
                self._line = line
            return self._line


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def there() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(sock, there)
    try:
        await ready
    finally:
        loop.remove_reader(sock)


def _too_large(document: CommDocument, error: GuestwireError) -> GuestwireError:
    """What takes most of it, and what to do."""
    sizes = {kind: len(getattr(document, kind)) for kind in type(document).model_fields}
    rights = sum(len(event.signal) + len(event.wait) for event in document.events)
    text = (
        f"The communication of this configuration takes {error.detail['bytes']} bytes, and guestwire-comm can be given "
        f"{error.detail['limit']}: it has {', '.join(f'{count} {kind}' for kind, count in sizes.items() if count)}, and its "
        f"events name {rights} signallers and waiters. Let events name fewer guests, or give guests shorter names."
    )
    return GuestwireError("FRAME-TOO-LARGE", text, detail={**error.detail, **sizes, "rights": rights})


def _refused(code: int, guest: str, index: int) -> GuestwireError:
    detail = {"guest": guest, "index": index, "answer": code}
    if code == NUMBERS["GW_NOT_STARTED"]:
        return GuestwireError("COMM-NOT-STARTED", detail=detail)
    if code == NUMBERS["GW_DENIED"]:
        return GuestwireError("COMM-DENIED", detail=detail)
    if code == NUMBERS["GW_NOT_FOUND"]:
        return GuestwireError("NOT-FOUND", f"{guest} has no region with the index {index}.", detail=detail)
    return GuestwireError("COMM-LOST", f"guestwire-comm gave no file for region {index} ({code}).", detail=detail)
