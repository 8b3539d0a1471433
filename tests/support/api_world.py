"""The controller's API for tests: the real application over a real database, with a clock that the test moves and cheap hashes.

    async with api_world(database) as world:
        anna = await world.user("anna", ("admin", "*"))
        answer = await anna.get("/users")

A router under test is given as `routers=lambda world: (groups.router(service, world.doors),)`.
"""

import json
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI

from guestwire.controller.api import app, bindings, health, host_audit, keys, sessions, tokens, users
from guestwire.controller.api import audit as audit_api
from guestwire.controller.api.app import Parts, application
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.gate import CSRF_HEADER, Identities
from guestwire.controller.api.limits import Limits
from guestwire.controller.api.origins import Names
from guestwire.controller.audit.host_logs import HostLogs
from guestwire.controller.audit.log import AuditLog
from guestwire.controller.feed import Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import audit_rows
from guestwire.controller.store.audit_rows import AuditRow, Wanted
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.users.access import Access
from guestwire.controller.users.accounts import Accounts
from guestwire.controller.users.enrolled_keys import EnrolledKeys, InTrust
from guestwire.controller.users.first_admin import FirstAdmin
from guestwire.controller.users.passwords import PasswordHashing
from guestwire.controller.users.person import Asked, Binding
from guestwire.controller.users.signing_in import SigningIn
from guestwire.controller.users.tokens import Tokens
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

PASSWORD = "a long enough passphrase"
PREFIX = app.PREFIX
START_MS = 1_800_000_000_000


class MovedClock:
    """Time as the test wants it."""

    def __init__(self) -> None:
        self.now = Now(START_MS, 1000.0)

    def __call__(self) -> Now:
        return self.now

    def move(self, seconds: float) -> None:
        self.now = Now(self.now.wall_ms + round(seconds * 1000), self.now.mono + seconds)


class SaidLog:
    """A log that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(("error", event, fields))
        if isinstance(error := fields.get("exc_info"), Exception):
            traceback.print_exception(error)  # so that a test that fails shows it


class AwayDatabase(Database):
    """A database that cannot be asked."""

    def __init__(self) -> None:
        self.asked = 0

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        self.asked += 1
        raise GuestwireError("DATABASE-UNAVAILABLE", after_ms=2000)
        yield

    write = read


class Groups:
    """Who is in which group."""

    def __init__(self) -> None:
        self.hosts: dict[str, frozenset[HostRef]] = {}

    def members(self, name: str) -> frozenset[HostRef]:
        return self.hosts.get(name, frozenset())


class Trusted:
    """As whom keys are known."""

    def __init__(self) -> None:
        self.keys: dict[bytes, tuple[InTrust, ...]] = {}

    def known_as(self, public_key: bytes) -> tuple[InTrust, ...]:
        return self.keys.get(public_key, ())


class Caller:
    """Somebody at the API. `headers` go with each request; paths are without /api/v1."""

    def __init__(self, client: httpx.AsyncClient, headers: dict[str, str], prefix: str = PREFIX) -> None:
        self.client = client
        self.headers = headers
        self._prefix = prefix

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        return await self.client.request(method, self._prefix + path, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.ask("POST", path, **({} if body is None else {"json": body}), **more)

    async def put(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.ask("PUT", path, **({} if body is None else {"json": body}), **more)

    async def patch(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.ask("PATCH", path, **({} if body is None else {"json": body}), **more)

    async def delete(self, path: str, **more: Any) -> httpx.Response:
        return await self.ask("DELETE", path, **more)


@dataclass
class World:
    """Everything of one controller that has to do with its API and its users."""

    database: Database
    secure: bool = False
    limits: Limits = field(default_factory=Limits)
    clock: MovedClock = field(default_factory=MovedClock)
    log: SaidLog = field(default_factory=SaidLog)
    feed: Feed = field(default_factory=Feed)
    groups: Groups = field(default_factory=Groups)
    trust: Trusted = field(default_factory=Trusted)
    doors: Doors = field(default_factory=Doors)
    open_too: frozenset[tuple[str, str]] = frozenset()

    async def open(
        self, stack: AsyncExitStack, routers: "Routers | None", outside: "Routers | None", address: str
    ) -> None:
        self.hashing = await stack.enter_async_context(PasswordHashing(memory_kib=64, rounds=1))
        self.access = Access(self.groups)
        self.accounts = Accounts(self.database, self.hashing, self.access, self.feed, self.clock)
        self.signing_in = SigningIn(self.database, self.hashing, self.clock)
        self.tokens = Tokens(self.database, self.access, self.clock)
        self.keys = EnrolledKeys(self.database, self.access, self.trust, self.clock)
        self.first = FirstAdmin(self.database, self.accounts, self.clock)
        self.audit = AuditLog(self.database, self.access, lambda _: None)
        self.host_logs = HostLogs(self.database, self.access)
        self.names = Names(["controller.example"], secure=self.secure)
        self.identities = Identities(self.signing_in, self.tokens, self.names)
        self._routers = routers
        self._outside = outside
        self._address = address
        self._stack = stack

    @cached_property
    def app(self) -> FastAPI:
        """The application; made when somebody asks it, for it takes a while."""
        return application(
            Parts(
                identities=self.identities, database=self.database, log=self.log, clock=self.clock, limits=self.limits,
                open_too=self.open_too,
                routers=(
                    sessions.router(self.signing_in, self.first, self.doors, secure=self.secure),
                    users.router(self.accounts, self.doors),
                    bindings.router(self.accounts, self.doors),
                    tokens.router(self.tokens, self.doors),
                    keys.router(self.keys, self.doors),
                    audit_api.router(self.audit, self.doors),
                    host_audit.router(self.host_logs, self.doors),
                    *(self._routers(self) if self._routers else ()),
                ),
                outside=(health.router(self.database, dict), *(self._outside(self) if self._outside else ())),
            )
        )  # fmt: skip

    @cached_property
    def stranger(self) -> Caller:
        """Somebody whom nobody knows."""
        return self.caller({}, self._address)

    def caller(self, headers: dict[str, str], address: str = "192.0.2.1", prefix: str = PREFIX) -> Caller:
        """Somebody who asks from an address, with cookies of their own."""
        scheme = "https" if self.secure else "http"
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 40_000))
        client = httpx.AsyncClient(transport=transport, base_url=f"{scheme}://controller.example")
        self._stack.push_async_callback(client.aclose)
        return Caller(client, headers, prefix)

    async def user(self, name: str, *roles: tuple[str, str], token: bool = True, address: str = "192.0.2.1") -> Caller:
        """A user with these roles (role, scope), who comes with a token, or else logs in."""
        await self.accounts.make(None, name, PASSWORD, must_change=False, roles=tuple(Binding(*role) for role in roles))  # type: ignore[arg-type]
        return await self.with_token(name, address) if token else await self.logged_in(name, address=address)

    async def with_token(self, name: str, address: str = "192.0.2.1") -> Caller:
        """A user who comes with a token for everything that they may."""
        person = (await self.signing_in.log_in(name, PASSWORD, Asked(address))).person
        self.clock.move(2)
        made = await self.tokens.make(person, f"token-{name}", None, None)
        return self.caller({"Authorization": f"Bearer {made.text}"}, address)

    async def logged_in(self, name: str, password: str = PASSWORD, address: str = "192.0.2.1") -> Caller:
        """A user at a browser."""
        caller = self.caller({}, address)
        self.clock.move(2)
        answer = await caller.post("/sessions", {"name": name, "password": password})
        assert answer.status_code == 201, answer.text
        caller.headers[CSRF_HEADER] = answer.json()["csrf"]
        return caller

    async def rows(self, **wanted: Any) -> tuple[AuditRow, ...]:
        """Rows of the audit log, oldest first."""
        async with self.database.read() as tx:
            return await audit_rows.oldest(tx, Wanted(**wanted), above=0, limit=1000)


Routers = Callable[[World], tuple[APIRouter, ...]]


@asynccontextmanager
async def api_world(
    database: Database, *, secure: bool = False, limits: Limits | None = None, routers: Routers | None = None,
    outside: Routers | None = None, address: str = "192.0.2.1", open_too: frozenset[tuple[str, str]] = frozenset(),
) -> AsyncIterator[World]:  # fmt: skip
    """A controller's API while the block lasts."""
    async with AsyncExitStack() as stack:
        world = World(database, secure=secure, limits=limits or Limits(), open_too=open_too)
        await world.open(stack, routers, outside, address)
        yield world


def code(answer: httpx.Response) -> str:
    """The code of a problem, which must be one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    said: dict[str, Any] = json.loads(answer.content)
    assert said["status"] == answer.status_code
    assert said["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    return str(said["code"])
