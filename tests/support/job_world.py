"""The jobs of a controller, put together as the product does, over hosts in memory and a database of the test's own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from guestwire.controller.approvals.keeping import ApprovalKeeping
from guestwire.controller.approvals.ports import SiteTrust
from guestwire.controller.feed import Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.driver import JobDriver
from guestwire.controller.jobs.drives import Drives
from guestwire.controller.jobs.in_flight import DriveLimits
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.jobs.ledger import Ledger
from guestwire.controller.jobs.orders import Orders
from guestwire.controller.jobs.ports import FleetView, Speaker
from guestwire.controller.jobs.risks import Risks
from guestwire.controller.jobs.service import Jobs
from guestwire.controller.jobs.window_book import WindowBook
from guestwire.controller.jobs.window_service import WindowService
from guestwire.controller.links.ports import HostCalls
from guestwire.controller.projects.reviewing import Reviewing
from guestwire.controller.store import jobs as store
from guestwire.controller.store.database import Database
from guestwire.controller.users.access import Access, NoGroups
from guestwire.controller.users.person import Binding, Person
from guestwire.link.clock import now
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.operation_models import GuestRef, GuestStart
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Trust

PATIENCE_S = 20.0
ADMIN = Person("u-ann", "ann", (Binding("admin", "*"),))
OPERATOR = Person("u-bob", "bob", (Binding("operator", "*"),))
OBSERVER = Person("u-eve", "eve", (Binding("observer", "*"),))
START = to_bytes(GuestStart(guest="web"))
RESET = to_bytes(GuestRef(guest="web"))


class Clock:
    """The real time, and as much more as a test wants."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> Now:
        at = now()
        return Now(at.wall_ms + self.ahead_ms, at.mono + self.ahead_ms / 1000)


class Logged:
    """A log that a test can look into."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    warning = error = info

    def named(self, event: str) -> list[dict[str, object]]:
        return [fields for name, fields in self.lines if name == event]


class Hosts(HostCalls, FleetView, Speaker, Protocol):
    """All that jobs want of hosts: those in memory, or real ones."""


@dataclass
class NoTrust:
    """Sites whose trust documents the test gives; without one the controller's own key is enough for everything."""

    trusts: dict[str, Trust]

    def issuer(self, ref: HostRef) -> str | None:
        return "controller:main"

    def trust(self, site: str) -> Trust | None:
        return self.trusts.get(site)


@dataclass
class World:
    """Everything about jobs."""

    database: Database
    hosts: Any
    clock: Clock
    log: Logged
    feed: Feed
    ledger: Ledger
    driver: JobDriver
    drives: Drives
    jobs: Jobs
    orders: Orders
    approvals: ApprovalKeeping
    book: WindowBook
    windows: WindowService
    access: Access
    trust: Any

    async def start(self, host: str = "h1", **changes: Any) -> Job:
        """A new job that starts a guest."""
        wanted = NewJob(HostRef("plant", host), "guest-start", START, 3_600_000)
        return (await self.jobs.create(ADMIN, [replace(wanted, **changes)]))[0]

    async def reset(self, host: str = "h1", **changes: Any) -> Job:
        """A new job whose effect happens once."""
        return await self.start(host, operation="guest-reset", body=RESET, **changes)

    async def ended(self, job: Job) -> Job:
        """The job at its end."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.until(job, lambda one: one.finished)

    async def until(self, job: Job, is_so: Callable[[Job], bool]) -> Job:
        """The job, as the database has it once that is so."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                changed = self.changed()
                found = await self.stored(job.id)
                if is_so(found):
                    return found
                await changed

    def changed(self) -> "asyncio.Future[None]":
        """Done with the next change of any job."""
        heard = _Heard()
        self.ledger.listen(heard)
        return heard.future

    async def stored(self, job_id: str) -> Job:
        async with self.database.read() as tx:
            found = await store.get(tx, job_id)
        assert found is not None
        return found

    def forward(self, ms: int) -> None:
        """Time passes."""
        self.clock.ahead_ms += ms
        self.driver.look(job.id for job in self.ledger.all())


class _Heard:
    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def jobs_changed(self, jobs: Sequence[Job]) -> None:
        if not self.future.done():
            self.future.set_result(None)


@asynccontextmanager
async def job_world(
    database: Database,
    hosts: Hosts,
    clock: Clock | None = None,
    limits: DriveLimits | None = None,
    trust: SiteTrust | None = None,
    *,
    review_required: bool = False,
) -> AsyncIterator[World]:
    """Jobs, driven while the block lasts. A second one after it is a restart."""
    clock, log, feed = clock or Clock(), Logged(), Feed()
    trust, access = trust or NoTrust({}), Access(NoGroups())
    book = WindowBook()
    await book.load(database)
    approvals = ApprovalKeeping(database, trust, feed, clock)
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(Ledger(database, feed, log, clock))
        drives = Drives(ledger, database, hosts, hosts, approvals, clock, lambda: 0.0)
        driver = JobDriver(ledger, drives, hosts, book, approvals, log, clock, limits)
        orders = Orders(
            ledger, hosts, book, approvals, Risks(database, hosts), Reviewing(required=review_required), clock
        )
        jobs = Jobs(database, access, ledger, driver, orders, approvals, clock)
        windows = WindowService(database, access, book, ledger, driver, feed, clock)
        await stack.enter_async_context(driver)
        yield World(
            database, hosts, clock, log, feed, ledger, driver, drives, jobs, orders, approvals, book, windows, access, trust
        )  # fmt: skip
