"""Hosts at the other end of `HostCalls`, in memory: they journal what they accept, refuse, fall silent, forget and come back.

Their answers are of the protocol's own models, and a job's stored final is real frames. Nothing is signed here: with real hosts
and brokers the same is tested in test_with_real_hosts.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from guestwire.controller.host_ref import HostRef
from guestwire.link.clock import now
from guestwire.link.invoke import OnEvent
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestStatus, GuestView
from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import VERSION, Header, about_request, body_hash, encode_parts
from guestwire.protocol.error_body import to_body
from guestwire.protocol.operations import Operation
from guestwire.protocol.pending import Accepted, Done, Progressed

ISSUER = "controller:main"
NOBODY: Any = None
"""In the place of what the invoker hands about, which the controller does not look at."""


@dataclass
class Kept:
    """A request in a host's journal."""

    operation: Operation
    body: bytes
    issuer: str
    state: str = "accepted"
    code: str | None = None
    message: str | None = None
    final: tuple[bytes, ...] | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class CalledHost:
    """A host. `held`: what it accepts runs until `finish`; `silent`: it works and says nothing; `refuses`: the error that every
    request meets; `fails`: the error that every request ends with; `clock_ms`: how far its clock is ahead."""

    ref: HostRef
    there: bool = True
    approved: bool = True
    held: bool = False
    silent: bool = False
    refuses: GuestwireError | None = None
    fails: GuestwireError | None = None
    clock_ms: int = 0
    ways: list[str] = field(default_factory=lambda: [ISSUER])
    """As whom the controller can ask it, the best way first."""
    journal: dict[tuple[str, bytes], Kept] = field(default_factory=dict)
    effects: Counter[bytes] = field(default_factory=Counter)
    asked: list[tuple[str, bytes | None]] = field(default_factory=list)
    mandates: list[bytes | None] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with every request that comes."""

    def requests(self, name: str) -> list[bytes | None]:
        """The ids under which an operation was asked for."""
        return [request_id for operation, request_id in self.asked if operation == name]

    def finish(self) -> None:
        """Everything that runs is done."""
        for asked, kept in self.journal.items():
            if not kept.over.is_set():
                self.end(asked, self.fails)

    def end(self, asked: tuple[str, bytes], error: GuestwireError | None) -> None:
        """One request of somebody's is over."""
        kept, request_id = self.journal[asked], asked[1]
        states = {"CANCELED": "canceled", "INDETERMINATE": "indeterminate", "ROLLED-BACK": "rolled-back"}
        body = to_bytes(_reply(kept.operation)) if error is None else to_body(error)
        kept.state = "succeeded" if error is None else states.get(error.code, "failed")
        kept.code, kept.message = (None, None) if error is None else (error.code, error.message)
        if error is None:
            self.effects[request_id] += 1
        header = Header(
            VERSION, "response", self.ref, kept.operation.name, request_id, f"host:{self.ref.host}", 1, 2, 0,
            body_hash(body), "main", "ok" if error is None else error.code, "final",
            about=about_request(kept.issuer, body_hash(kept.body)),
        )  # fmt: skip
        kept.final = tuple(encode_parts(header, body, ()))
        kept.over.set()


class CalledHosts:
    """All hosts: HostCalls, FleetView and Speaker in one. `log` gets every call, in order."""

    def __init__(self, *names: str, site: str = "plant") -> None:
        self.hosts = {name: CalledHost(HostRef(site, name)) for name in names}
        self.calls: list[tuple[HostRef, str]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.verified = True
        self.whole = True
        """Whether answers come with the frames that they came in."""

    def __getitem__(self, name: str) -> CalledHost:
        return self.hosts[name]

    # -- FleetView, Speaker

    def approved(self, ref: HostRef) -> bool:
        return ref.host in self.hosts and self.hosts[ref.host].approved

    def there(self, ref: HostRef) -> bool:
        return ref.host in self.hosts and self.hosts[ref.host].there

    def issuer(self, ref: HostRef) -> str | None:
        ways = self.hosts[ref.host].ways
        return ways[0] if ways else None

    # -- HostCalls

    def reachable(self, ref: HostRef) -> bool:
        return self.there(ref)

    async def call(
        self,
        ref: HostRef,
        operation: Operation,
        request: Model,
        *,
        timeout_s: float,
        request_id: bytes | None = None,
        accept_within_s: float | None = None,
        mandate: bytes | None = None,
        on_event: OnEvent | None = None,
        issuer: str | None = None,
    ) -> Done:
        host = self.hosts[ref.host]
        by = next((one for one in host.ways if issuer in (None, one)), None)
        if by is None:
            raise GuestwireError("HOST-UNREACHABLE", "No such connection leads there.")
        self.calls.append((ref, operation.name))
        host.asked.append((operation.name, request_id))
        host.came.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            if not host.there:
                raise GuestwireError("HOST-UNREACHABLE", "No connection leads there.")
            if operation.name == "host-ping":
                reply: Model = m.Pong(payload=b"", now=now().wall_ms + host.clock_ms, epoch=1)
                return Done(NOBODY, reply, self.verified)
            if operation.name == "job-get":
                return Done(NOBODY, self._job(host, by, request), self.verified)
            if operation.name == "job-cancel":
                return Done(NOBODY, self._cancel(host, by, request), True)
            assert request_id is not None
            host.mandates.append(mandate)
            return await self._work(host, operation, to_bytes(request), (by, request_id), on_event)
        finally:
            self.at_once -= 1

    async def _work(
        self, host: CalledHost, operation: Operation, body: bytes, asked: tuple[str, bytes], on_event: OnEvent | None
    ) -> Done:
        if host.refuses is not None:
            raise host.refuses
        kept = host.journal.get(asked)
        if kept is None:
            host.bodies.append(body)
            kept = host.journal[asked] = Kept(operation, body, asked[0])
            if not host.held:
                host.end(asked, host.fails)
        elif kept.body != body:
            raise GuestwireError("IDEMPOTENCY-MISMATCH")
        if host.silent:
            raise GuestwireError("HOST-UNREACHABLE", "Nothing came.")
        if not kept.over.is_set() and on_event is not None:
            on_event(Accepted(NOBODY))
            on_event(Progressed(NOBODY, m.Progress(percent=10, step="work", message="")))
        await kept.over.wait()
        if not host.there:
            raise GuestwireError("NO-ANSWER")
        if kept.code is not None:
            raise GuestwireError(kept.code, kept.message)
        return Done(NOBODY, _reply(operation), True, (kept.final or ()) if self.whole else ())

    def _job(self, host: CalledHost, by: str, request: Any) -> m.JobGet:
        kept = host.journal.get((request.issuer or by, request.request_id))
        if kept is None:
            raise GuestwireError("NOT-FOUND", "This host knows no such request.")
        return m.JobGet(
            request_id=request.request_id, issuer=kept.issuer, operation=kept.operation.name, state=kept.state,  # type: ignore[arg-type]
            accepted_at=1, expires=2, code=kept.code, message=kept.message, final=kept.final,
        )  # fmt: skip

    def _cancel(self, host: CalledHost, by: str, request: Any) -> m.Job:
        asked = (request.issuer or by, request.request_id)
        if asked in host.journal and not host.journal[asked].over.is_set():
            host.end(asked, GuestwireError("CANCELED"))
        return m.Job(**{name: getattr(self._job(host, by, request), name) for name in m.Job.model_fields})


def _reply(operation: Operation) -> Model:
    if operation.reply is m.Empty:
        return m.Empty()
    assert operation.reply is GuestView, operation.name
    guest = Guest(name="web", id="GUEST0001", uuid="00000000-0000-4000-8000-000000000001")
    return GuestView(guest=guest, status=GuestStatus(state="running", as_of=1, source="event", reason=""))
