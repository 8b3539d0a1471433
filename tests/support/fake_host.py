"""A host for client tests: the real executor, server, session and presence, over guests that are entries of a dict.

It runs on a loop of its own in a thread, so that a test can call the command line in the foreground. Not the agent:
nothing is journalled. `fail` makes an operation answer with an error, `hold` makes it wait until released.
"""

import asyncio
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from fake_audit import FakeAudit
from fake_comm import FakeComm
from fake_config import FakeConfig

from guestwire.agent.services.scrollback import Scrollback
from guestwire.broker_test.embedded import embedded
from guestwire.broker_test.options import BrokerOptions
from guestwire.link import brokers
from guestwire.link.clock import now
from guestwire.link.local_server import LocalServer
from guestwire.link.serve import Server
from guestwire.link.session import Session
from guestwire.link.transport import Incoming, Options, Subscription, Transport
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestStatus, GuestThread, GuestView
from guestwire.model.host import Capabilities, Host, HostFacts
from guestwire.protocol import operation_models as m
from guestwire.protocol import topics
from guestwire.protocol.executor import Executor
from guestwire.protocol.key_files import parse_public
from guestwire.protocol.notices import GuestNotice, Notice
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.presence import HostPresence
from guestwire.protocol.signing import VerifyingKey
from guestwire.protocol.statements import state
from guestwire.protocol.steps import Call, Inbound, Now, Record, Run, Send
from guestwire.protocol.trust_file import unseal
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout

AFTER = {
    "start": "running",
    "shutdown": "stopped",
    "destroy": "stopped",
    "reset": "running",
    "pause": "paused",
    "resume": "running",
}


class FakeHost:
    """One host. Give it guests with `add`, errors with `fail`."""

    def __init__(self, layout: Layout, host: str) -> None:
        self.host = host
        self.trust = unseal(layout.trust.read_bytes(), parse_public(layout.root_public.read_text()))
        self.site = self.trust.site
        self.key = read_signing_key(layout.key(f"host:{host}"))
        self.guests: dict[str, GuestView] = {}
        self.fail: dict[str, GuestwireError] = {}
        self.calls: list[str] = []
        self.jobs: dict[bytes, m.Job] = {}
        self.finals: dict[bytes, tuple[bytes, ...]] = {}
        self.log = secrets.token_bytes(16)
        self.executor = Executor(self.site, host, BY_NAME, self.trust, self.key)
        self.session: Session | None = None
        self.local: LocalServer | None = None
        self.config = FakeConfig(host)
        self.comm = FakeComm()
        self.consoles: dict[str, Scrollback] = {}
        self.audit = FakeAudit(self.site, host, self.key)
        self.epoch = 3
        self._seq = 0
        self._server: Server | None = None
        self._presence: HostPresence | None = None

    def add(self, name: str, state: str = "stopped") -> GuestView:
        number = len(self.guests) + 1
        guest = Guest(name=name, id=f"GUEST{number:04d}", uuid=f"00000000-0000-4000-8000-{number:012d}")
        return self._put(guest, state)

    def _put(self, guest: Guest, state: str, reason: str = "") -> GuestView:
        status = GuestStatus(state=state, as_of=now().wall_ms, source="event", reason=reason)  # type: ignore[arg-type]
        view = self.guests[guest.name] = GuestView(guest=guest, status=status)
        return view

    # -- serving

    async def serve(self, stack: AsyncExitStack, port: int | None, socket: Path | None) -> None:
        server = await stack.enter_async_context(Server(self.executor, self._handlers(), self, self))
        self._server = server
        if socket is not None:
            self.local = await stack.enter_async_context(LocalServer(socket, self.site, self.host, server.receive))
        if port is not None:
            self._port = port
            self.session = Session(self, brokers.connect)
            await stack.enter_async_context(self.session)
            await self.session.connected(5)

    def _handlers(self) -> dict[str, Callable[[Call], Model | Awaitable[Model]]]:
        table: dict[str, Callable[[Call], Model]] = {
            "host-ping": lambda c: m.Pong(payload=c.request.payload, now=now().wall_ms, epoch=self.epoch),
            "host-show": lambda _: m.HostShow(host=self._facts()),
            "guest-list": lambda _: m.GuestList(guests=tuple(self.guests.values())),
            "guest-show": lambda c: self._find(c.request.guest),
            "guest-console": lambda c: self._console(c.request),
            "guest-threads": lambda c: self._threads(c.request.guest),
            "job-get": self._job_get,
            "job-list": lambda c: m.JobList(jobs=tuple(self.jobs.values())[: c.request.limit]),
            "message-list": self._messages,
            "log-query": lambda c: m.LogLines(lines=("one line", "two\x1b[31m line"), truncated=c.request.lines < 2),
        }
        table |= self.config.reads() | self.comm.reads() | self.audit.reads()
        # clients ask for it by themselves: no call that a test would count
        return {
            "trust-show": self._trust_show,
            **{name: self._checked(name, handler) for name, handler in table.items()},
        }

    def _console(self, query: m.ConsoleQuery) -> m.ConsoleOutput:
        view = self._find(query.guest)
        state: m.ConsoleState = "off" if view.status.state == "stopped" else "open"
        kept = self.consoles.get(view.guest.name)
        if kept is None:
            return m.ConsoleOutput(data=b"", start=0, end=0, lost=False, run=None, state=state, as_of=now().wall_ms)
        piece = kept.read(query.after if query.run in (None, kept.run) else 0, query.limit_bytes)
        return m.ConsoleOutput(
            data=piece.data, start=piece.start, end=piece.start + len(piece.data), lost=piece.lost, run=kept.run,
            state=state, as_of=now().wall_ms,
        )  # fmt: skip

    def _trust_show(self, call: Call) -> m.TrustShown:
        trust = self.executor.trust
        return m.TrustShown(
            revision=trust.revision, file=None if call.request.revision == trust.revision else trust.data
        )

    def _trust_update(self, call: Call) -> m.TrustTaken:
        before = self.executor.trust
        root = VerifyingKey(before.roots[-1])
        self.executor.trust = trust = unseal(call.request.file, root, at_least=before.revision)
        return m.TrustTaken(revision=trust.revision, new=trust.revision != before.revision)

    def _checked(self, name: str, handler: Callable[[Call], Model]) -> Callable[[Call], Model]:
        def run(call: Call) -> Model:
            self.calls.append(name)
            if name in self.fail:
                raise self.fail[name]
            return handler(call)

        return run

    def take(self, record: Record, taken: Callable[[], None]) -> None:
        """A Commands port: runs at once, keeps jobs in memory."""
        taken()
        call = record.call
        if call.request_id in self.finals:
            self._send(Send(call.client, self.finals[call.request_id], 1, call.request_id, call.path))
            return
        if record.final is not None:
            self._send(Send(call.client, record.final, 1, call.request_id, call.path))
            return
        step = self.executor.recorded(call, "new", (), now())
        assert isinstance(step, Run)
        self.calls.append(call.operation.name)
        error: GuestwireError | None = self.fail.get(call.operation.name)
        try:
            if error is not None:
                raise error
            send = self.executor.succeed(call, self._effect(call), now())
        except GuestwireError as err:
            error = err
            send = self.executor.fail(call, err, now())
        self.finals[call.request_id] = tuple(send.frames)
        self.jobs[call.request_id] = m.Job(
            request_id=call.request_id, issuer=call.issuer, operation=call.operation.name, lanes=("guest",),
            state="succeeded" if error is None else "failed", accepted_at=call.accepted_ms, finished_at=now().wall_ms,
            expires=call.expires, code=error.code if error else None, message=error.message if error else None,
        )  # fmt: skip
        self._send(send)

    def _effect(self, call: Call) -> Model:
        request: Any = call.request
        verb = call.operation.name.partition("-")[2]
        effects = self.config.effects() | self.comm.effects()
        if (effect := effects.get(call.operation.name)) is not None:
            return effect(call)
        match call.operation.name:
            case "guest-define":
                number = len(self.guests) + 1
                ids = {"id": f"GUEST{number:04d}", "uuid": f"00000000-0000-4000-8000-{number:012d}"}
                return self._put(request.guest.model_copy(update=ids), "stopped")
            case "guest-undefine":
                del self.guests[self._find(request.guest).guest.name]
                return m.Empty()
            case "job-cancel":
                return self._job(request.request_id)
            case "trust-update":
                return self._trust_update(call)
            case "log-level":
                return m.LogLevelSet(level=request.level, until=None)
            case "log-clear":
                return m.LogCleared(forgotten=7, last_seq=8)
            case _:
                view = self._find(request.guest)
                wanted = "ready" if getattr(request, "wait", "") == "ready" else AFTER[verb]
                after = self._put(view.guest, wanted, verb)
                self.notice(view, after)
                return after

    def _find(self, name: str) -> GuestView:
        for view in self.guests.values():
            if name in (view.guest.name, view.guest.id):
                return view
        raise GuestwireError("NOT-FOUND", f"This host has no guest {name}.")

    def _threads(self, name: str) -> m.Threads:
        if self._find(name).status.state == "stopped":
            raise GuestwireError("WRONG-STATE", "The guest has no process.", detail={"state": "stopped"})
        return m.Threads(
            threads=(GuestThread(tid=7, name="CPU 0/KVM", role="vcpu", vcpu=0, cpus="2", policy="fifo", priority=1),)
        )

    def _job(self, request_id: bytes) -> m.Job:
        if request_id not in self.jobs:
            raise GuestwireError("NOT-FOUND", "This host knows no such request.")
        return self.jobs[request_id]

    def _job_get(self, call: Call) -> m.JobGet:
        found = self._job(call.request.request_id)
        return m.JobGet(**dict(found), final=self.finals[call.request.request_id])

    def _messages(self, call: Call) -> m.MessageList:
        said = tuple(
            m.Message(seq=seq, at=now().wall_ms, level="info", event="link-up", fields={"epoch": seq})
            for seq in range(call.request.after_seq + 1, 4)
        )
        return m.MessageList(log=self.log, messages=said, last_seq=3)

    def _facts(self) -> Host:
        facts = HostFacts(
            hostname="machine", kernel="6.1", boot_id="b", machine="x86_64", cpus=4, memory_mib=8192, memory_free_mib=4096,
            capabilities=Capabilities(tcg=True, notes=("no KVM here",)), topology_fingerprint="f",
        )  # fmt: skip
        return Host(
            id=self.host, site=self.site, label=self.host, driver="simulated", agent_version="0.1", epoch=self.epoch,
            started_at=now().wall_ms - 5000, now=now().wall_ms, clock="synchronised", hypervisor_connected=True,
            facts=facts, guests=len(self.guests), guests_running=0, messages_last_seq=3,
        )  # fmt: skip

    def notice(self, before: GuestView, after: GuestView) -> None:
        self._seq += 1
        guest = after.guest
        body = GuestNotice(
            log=self.log, seq=self._seq, at=now().wall_ms, event="changed", guest_id=guest.id, name=guest.name,
            uuid=guest.uuid or "", before=before.status.state, state=after.status.state,
        )  # fmt: skip
        self.announce("guest", body)

    def announce(self, notice_class: str, body: Notice) -> None:
        """Publish a notice of a class."""
        frame = state("notice", self.site, f"host:{self.host}", body, self.key, now().wall_ms, n=body.seq)
        topic = topics.make("notice", self.site, self.host, notice_class)
        if self.session is not None and self.session.transport is not None:
            self.session.publish(topic, frame)
        if self.local is not None:
            self.local.announce(topic, frame, retained=False)

    # -- ports of the link

    def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
        self.calls.append(f"refused {code}")

    def answered(self, call: Call, code: str | None, at: Now) -> None:
        """Nobody counts."""

    def defect(self, operation: str, error: BaseException) -> None:
        raise AssertionError(operation) from error

    def _send(self, send: Send) -> None:
        send.path.answer(send)

    async def connecting(self, attempt: int) -> Options:
        return Options("127.0.0.1", self._port, self.host, clean_start=True)

    def subscriptions(self) -> list[Subscription]:
        return [Subscription(topics.topic_filter("request", site=self.site, host=self.host))]

    async def up(self, transport: Transport) -> None:
        at = now()
        self._presence = HostPresence(self.site, self.host, self.key, self.epoch, "boot", "0.1", at)
        await transport.publish(
            topics.make("presence", self.site, self.host), self._presence.heartbeat(at), retain=True
        )

    def down(self, error: object, next_try_s: float) -> None:
        """Nothing to do."""

    def receive(self, message: Incoming) -> None:
        topic = topics.parse(message.topic)
        assert topic is not None
        assert self._server is not None
        inbound = Inbound(message.payload, topic["client"], topic["operation"], message.retain, None, self)
        self._server.receive(inbound, message.ack)

    def answer(self, send: Send) -> None:
        assert self.session is not None
        for frame in send.frames:
            self.session.send(topics.make("response", self.site, send.client, self.host), frame)


class FakeFleet:
    """Hosts over one embedded broker, on a loop in a thread."""

    def __init__(self, layout: Layout, directory: Path) -> None:
        self.layout = layout
        self.hosts: dict[str, FakeHost] = {}
        self.port = 0
        self._directory = directory
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-fleet")

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run something on the fleet's loop."""

        async def wrapped() -> Any:
            return await work()

        return asyncio.run_coroutine_threadsafe(wrapped(), self._loop).result(10)

    def socket(self, host: str) -> Path:
        return self._directory / f"{host}.sock"

    @contextmanager
    def running(self, *hosts: str) -> Iterator["FakeFleet"]:
        self._thread.start()
        try:
            self.run(lambda: self._start(hosts))
            yield self
        finally:
            self.run(self._stack.aclose)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    async def _start(self, hosts: tuple[str, ...]) -> None:
        broker = await self._stack.enter_async_context(embedded(BrokerOptions()))
        self.port = broker.port
        for host in hosts:
            fake = self.hosts[host] = FakeHost(self.layout, host)
            await fake.serve(self._stack, self.port, self.socket(host))
