"""A small guestwire-comm for the agent's tests: the real socket, server, executor and operations tables over documents that
are kept in memory. It has no regions' content, no events and no networks; what it says of itself is true of it.

Its files are memfds of the sizes that regions have. `stop` ends it as SIGKILL would: the sockets stay, nobody answers;
`forgets` makes it come up again without its document.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from guestwire.link.clock import now
from guestwire.link.local_server import LocalServer
from guestwire.link.serve import Server
from guestwire.model.base import Model
from guestwire.model.communication import CommDocument, devices, document_hash
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.executor import Executor
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.operations import INTERNAL, OPERATIONS
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound, Limits, Now, Record, Run, Send
from guestwire.protocol.trust import LocalScope, Scope, Trust, TrustDocument
from guestwire.shm.layouts import NUMBERS, REPLY, REQUEST

SITE, HOST = "s", "h"
FIRST_AREA = 2
PLENTY = Limits(reads=1024, issuer_rate=10_000.0, issuer_burst=10_000.0)
"""Its one client is bounded by its own bounds."""
TABLE = {operation.name: operation for operation in (*OPERATIONS, *INTERNAL) if operation.served_by == "comm"}


class CommTwin:
    """`async with` it. `applied`: every document it was given; `settled`: how often it was told to let go; `issuers`: for
    whom it was asked; `fail`: what operations answer with an error; `hold`: they wait until it is set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.document: CommDocument | None = None
        self.state: str = "running"
        self.instance = 1
        self.applied: list[CommDocument] = []
        self.settled = 0
        self.resets: list[str] = []
        self.issuers: list[tuple[str, str]] = []
        self.fail: dict[str, GuestwireError] = {}
        self.hold: dict[str, asyncio.Event] = {}
        self.ready: set[str] = set()
        self.stranded: tuple[w.Stranded, ...] = ()
        self.finals: dict[tuple[str, bytes], Send] = {}
        self._indices: dict[str, tuple[int, int]] = {}
        self._generation = 0
        self._log = secrets.token_bytes(16)
        self._happened: list[w.Happening] = []
        self._missed = 0
        self._news = asyncio.Event()
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "CommTwin":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, *, forgets: bool = False) -> None:
        if forgets:
            self.document = None
        me = LocalScope(uid=os.getuid(), scope=Scope(operations=("*",), hosts=("*",), risk=3))
        trust = Trust(TrustDocument(site=SITE, rev=1, issued_at=0, signers=(), local=(me,)))
        self.executor = Executor(SITE, HOST, TABLE, trust, SigningKey.generate(), limits=PLENTY)
        self._stack = AsyncExitStack()
        self._server = await self._stack.enter_async_context(Server(self.executor, self._reads(), self, self))
        await self._stack.enter_async_context(
            LocalServer(self.folder / "comm.sock", SITE, HOST, self._server.receive, mode=0o600)
        )
        self._attach()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()
        self.instance += 1
        self._log, self._happened = secrets.token_bytes(16), []
        self.finals.clear()

    def happen(self, kind: str, **fields: Any) -> None:
        self._happened.append(w.Happening(seq=len(self._happened) + 1, at=now().wall_ms, kind=kind, **fields))
        self._news.set()

    def drop(self, count: int) -> None:
        """So many happenings are lost before anybody reads them."""
        self._missed += count
        self._news.set()

    # -- operations

    def _reads(self) -> dict[str, Callable[[Call], Awaitable[Model]]]:
        table: dict[str, Callable[[Call], Model]] = {
            "comm-status": lambda _: self.status(),
            "comm-held": lambda _: w.CommHeld(document=self.document),
            "comm-plugs": lambda call: self._plugs(call.request.guest),
            "area-list": lambda _: w.AreaList(areas=()),
            "event-show": lambda call: self._event(call.request.name),
        }

        def served(name: str) -> Callable[[Call], Awaitable[Model]]:
            async def answer(call: Call) -> Model:
                self.issuers.append((name, call.asked_as))
                await self._held(name)
                if name == "comm-follow":
                    return await self._follow(call.request)
                if name not in table:
                    raise GuestwireError("UNSUPPORTED", f"The twin has no {name}.")
                return table[name](call)

            return answer

        return {name: served(name) for name, row in TABLE.items() if row.effect == "none"}

    async def _held(self, name: str) -> None:
        if (gate := self.hold.get(name)) is not None:
            await gate.wait()
        if name in self.fail:
            raise self.fail[name]

    def take(self, record: Record, taken: Callable[[], None]) -> None:
        """The Commands port: a request that comes again gets the answer it got."""
        taken()
        call = record.call
        if (known := self.finals.get((call.asked_as, call.request_id))) is not None:
            call.path.answer(known._replace(path=call.path))
            return
        if record.final is not None:
            call.path.answer(Send(call.client, record.final, 1, call.request_id, call.path))
            return
        assert isinstance(self.executor.recorded(call, "new", (), now()), Run)
        self.issuers.append((call.operation.name, call.asked_as))
        self._spawn(self._effect(call))
        self._server.waiting(call)

    async def _effect(self, call: Call) -> None:
        try:
            await self._held(call.operation.name)
            send = self.executor.succeed(call, self._done(call.operation.name, call.request), now())
        except GuestwireError as err:
            send = self.executor.fail(call, err, now())
        self.finals[(call.asked_as, call.request_id)] = send
        call.path.answer(send)

    def _done(self, name: str, request: Any) -> Model:
        match name:
            case "comm-apply":
                if self.state == "stopped":
                    raise GuestwireError("COMM-NOT-STARTED")
                self._make(request.document)
            case "comm-settle":
                self.settled += 1
            case "comm-start":
                self.state = "running"
            case "comm-stop":
                self.state = "stopped"
            case "comm-guest-reset":
                self.resets.append(request.guest)
                self.ready.discard(request.guest)
                return Empty()
            case "event-wait":
                return w.EventWaited(name=request.names[0], at=now().wall_ms)
            case "event-signal" | "event-reset":
                return self._event(request.name)
            case _:
                raise GuestwireError("UNSUPPORTED", f"The twin has no {name}.")
        if name in ("comm-start", "comm-stop"):
            self.happen("state", text=self.state)
        return self.status()

    def status(self) -> w.CommStatus:
        held = "" if self.document is None else document_hash(self.document)
        peers = tuple(w.CommPeer(name=name, kind="guest", ready=True) for name in sorted(self.ready))
        return w.CommStatus(
            state=self.state, instance=self.instance, document_hash=held, peers=peers, stranded=self.stranded
        )  # type: ignore[arg-type]

    def _event(self, name: str) -> w.EventView:
        found = next((e for e in (self.document or CommDocument()).events if e.name == name), None)
        if found is None:
            raise GuestwireError("NOT-FOUND", f"There is no event {name}.")
        return w.EventView(name=name, reset=found.reset, delivery=found.delivery, declared=True, set=False)

    async def _follow(self, asked: w.CommFollow) -> w.Happenings:
        end = now().mono + asked.wait_s
        while True:
            self._news.clear()
            seq = asked.seq if asked.log == self._log else 0
            missed, self._missed = self._missed, 0
            found = tuple(one for one in self._happened if one.seq > seq)
            if found or missed or now().mono >= end:
                return w.Happenings(log=self._log, missed=missed, happenings=found)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, end - now().mono)):
                    await self._news.wait()

    # -- documents

    def _make(self, document: CommDocument) -> None:
        """Every area has one index for good, and a new generation when its region is another one."""
        before = {area.name: area for area in (self.document or CommDocument()).areas}
        for area in document.areas:
            index = self._indices[area.name][0] if area.name in self._indices else FIRST_AREA + len(self._indices)
            old = before.get(area.name)
            if old is None or old.backing_size != area.backing_size:
                self._generation += 1
                self._indices[area.name] = (index, self._generation)
        self.document = document
        self.applied.append(document)

    def _plugs(self, guest: str) -> w.CommPlugs:
        if self.state == "stopped":
            raise GuestwireError("COMM-NOT-STARTED")
        document = self.document or CommDocument()
        known = next((one for one in document.guests if one.name == guest), None)
        if known is None:
            raise GuestwireError("NOT-FOUND", f"There is no guest {guest} with communication.")
        plugs = [w.WantedPlug(index=1, name="directory", backing=1 << 20, writable=False, generation=0)]
        for device in sorted(devices(document, guest)):
            if device.kind == "area":
                index, generation = self._indices[device.name]
                plugs.append(
                    w.WantedPlug(
                        index=index,
                        name=device.name,
                        backing=device.backing,
                        writable=device.writable,
                        generation=generation,
                    )
                )
        return w.CommPlugs(plugs=tuple(plugs))

    # -- files

    def _attach(self) -> None:
        path = self.folder / "attach.sock"
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(path))
        listener.listen(16)
        listener.setblocking(False)
        self._stack.callback(listener.close)
        loop = asyncio.get_running_loop()
        loop.add_reader(listener, lambda: self._attached(listener))
        self._stack.callback(loop.remove_reader, listener)

    def _attached(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.setblocking(False)
        self._spawn(self._serve_files(connection))

    async def _serve_files(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with connection:
            while data := await loop.sock_recv(connection, REQUEST.size):
                asked = REQUEST.unpack(data)
                code, file = self._file(asked)
                reply = REPLY.pack(seq=asked["seq"], code=code)
                socket.send_fds(connection, [reply], [] if file is None else [file])
                if file is not None:
                    os.close(file)

    def _file(self, asked: dict[str, Any]) -> tuple[int, int | None]:
        if asked["op"] != NUMBERS["GW_OP_PLUG"]:
            return NUMBERS["GW_UNSUPPORTED"], None
        try:
            plugs = self._plugs(asked["text"]).plugs
        except GuestwireError as err:
            return NUMBERS["GW_NOT_STARTED" if err.code == "COMM-NOT-STARTED" else "GW_NOT_FOUND"], None
        plug = next((one for one in plugs if one.index == asked["value"]), None)
        if plug is None:
            return NUMBERS["GW_NOT_FOUND"], None
        if asked["flags"] & NUMBERS["GW_WRITE"] and not plug.writable:
            return NUMBERS["GW_DENIED"], None
        file = os.memfd_create(plug.name, os.MFD_ALLOW_SEALING)
        os.ftruncate(file, plug.backing)
        return NUMBERS["GW_OK"], file

    # -- ports of the link

    def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
        """Nobody listens."""

    def answered(self, call: Call, code: str | None, at: Now) -> None:
        """Nobody counts."""

    def defect(self, operation: str, error: BaseException) -> None:
        raise AssertionError(operation) from error

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
