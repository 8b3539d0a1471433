"""The controller's end of real links: its fleet over a database, connected to a broker or to hosts themselves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fake_host import FakeHost
from fleet_people import person
from fleet_words import SITE

from guestwire.controller.config import Connection
from guestwire.controller.feed import Feed
from guestwire.controller.fleet.core import FleetCore, attended, fleet_core
from guestwire.controller.fleet.hosts import Hosts
from guestwire.controller.fleet.inventory import Inventory
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.connections import Connections
from guestwire.controller.links.links import Links
from guestwire.controller.links.ports import Hearer, Said
from guestwire.controller.links.refusals import RefusalAudit
from guestwire.controller.links.running import LinkParts, RunningConnection
from guestwire.controller.links.tallies import Tallies
from guestwire.controller.links.trust_documents import TrustDocuments
from guestwire.controller.store import connections as connection_rows
from guestwire.controller.store.database import Database
from guestwire.controller.users.access import Access
from guestwire.link.clock import now
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.pending import Done
from guestwire.protocol.steps import Now
from guestwire.site.layout import Layout

PATIENCE_S = 20.0
ADMIN = person()
StartHost = Callable[[str, int], Awaitable[FakeHost]]


class AheadClock:
    """The real time, and as much ahead of it as a test says."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> Now:
        at = now()
        return Now(at.wall_ms + round(self.ahead_s * 1000), at.mono + self.ahead_s)


@dataclass
class Ears:
    """A Hearer that keeps what it heard. `full`: it has no room."""

    heard: list[Said] = field(default_factory=list)
    full: bool = False

    def hear(self, said: Said) -> bool:
        if not self.full:
            self.heard.append(said)
        return not self.full


class Controller:
    """One controller. Its telemetry and notices go to `ears`."""

    def __init__(self, database: Database, clock: AheadClock) -> None:
        self.database = database
        self.clock = clock
        self.feed = Feed()
        self.ears = Ears()
        self.tallies = Tallies()
        self.troubles: list[object] = []
        self.core: FleetCore
        self.links: Links
        self.hosts: Hosts
        self.inventory: Inventory
        self.connections: Connections
        self.refusals: RefusalAudit

    async def call(self, ref: HostRef, operation: str, request: Model, timeout_s: float = 10.0, **more: Any) -> Done:
        return await self.links.call(ref, BY_NAME[operation], request, timeout_s=timeout_s, **more)

    async def until(self, holds: Callable[[], bool], what: str = "") -> None:
        """Wait until that is so."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            states = {str(known.ref): known.state for known in self.core.registry}
            fares = {one.connection.name: (one.state, str(one.error)) for one in self.links}
            raise AssertionError((what, states, fares, self.tallies.refused, self.troubles)) from None

    async def state(self, ref: HostRef, state: str) -> None:
        await self.until(lambda: self.core.registry.state(ref) == state, f"{ref} {state}")

    async def approve(self, *refs: HostRef) -> None:
        for ref in refs:
            await self.until(lambda ref=ref: self.core.registry.get(ref) is not None)  # type: ignore[misc]
            await self.core.keeping.flush()
            await self.hosts.decide(ADMIN, ref, "approved")
        await self.quiet()

    async def quiet(self) -> None:
        """Until no host is to be read any more."""
        await self.until(lambda: not len(self.core.registry.errands), "errands")
        await self.core.keeping.flush()

    def connection(self, name: str = "plant") -> RunningConnection:
        found = self.links.get(name)
        assert found is not None
        return found


def by_mqtt(layout: Layout, port: int, **more: Any) -> Connection:
    """A connection to the site's broker, as controller:main."""
    values = {
        "name": "plant", "site": SITE, "brokers": (f"mqtt://127.0.0.1:{port}",), "trust": str(layout.trust),
        "root": str(layout.root_public), "key": str(layout.key("controller:main")),
    }  # fmt: skip
    return Connection.model_validate(values | more)


@asynccontextmanager
async def controller(
    database: Database,
    connections: Sequence[Connection],
    clock: AheadClock | None = None,
    telemetry: Hearer | None = None,
) -> AsyncIterator[Controller]:
    """A controller with these connections while the block lasts. `telemetry`: who hears that, in place of its ears."""
    made = Controller(database, clock or AheadClock())

    def defect(what: str, error: BaseException) -> None:
        made.troubles.append((what, error))

    async def epochs(site: str, name: str, at_least: int) -> int:
        async with database.write() as tx:
            return await connection_rows.next_epoch(tx, site, name, at_least)

    async with AsyncExitStack() as stack:
        core = made.core = await stack.enter_async_context(
            fleet_core(database, made.feed, made.clock, made.troubles.append)
        )
        hearers = {kind: (hears,) for kind, hears in core.hearers.items()}
        hearers |= {"notice": (*hearers["notice"], made.ears), "telemetry": (telemetry or made.ears,)}  # type: ignore[dict-item]
        trust = await stack.enter_async_context(TrustDocuments(database, made.clock, made.troubles.append))
        parts = LinkParts(
            hearers=hearers, listener=core.registry, approved=core.registry.approved, epochs=epochs, tallies=made.tallies,
            clock=made.clock, trust=trust, version="0.1", boot_id="boot", on_defect=defect,
            changed=lambda name: made.connections.changed(name),
        )  # fmt: skip
        made.links = Links(parts, connections)
        made.inventory = await stack.enter_async_context(
            attended(core, made.links, database, made.clock, defect, spread_s=0.0)
        )
        made.refusals = await stack.enter_async_context(
            RefusalAudit(database, made.tallies, made.clock, made.troubles.append)
        )
        access = Access(core.membership)
        made.hosts = Hosts(
            database, core.registry, core.hearing, core.keeping, core.membership, made.inventory, access, made.clock,
            lambda ref: made.tallies.held_back[ref],
        )  # fmt: skip
        made.connections = Connections(database, made.links, access, made.feed, made.clock)
        await stack.enter_async_context(made.links)
        yield made
    assert made.troubles == [] or all(isinstance(one, GuestwireError) for one in made.troubles), made.troubles
