"""Maintenance windows for people: made, changed and removed, each change noted with who made it."""

from collections.abc import Callable, Sequence
from typing import Any

from guestwire.controller.feed import Change, Feed
from guestwire.controller.jobs.driver import JobDriver
from guestwire.controller.jobs.ledger import Ledger
from guestwire.controller.jobs.machine import Opening
from guestwire.controller.jobs.window_book import WindowBook
from guestwire.controller.jobs.windows import WindowSpec, opening
from guestwire.controller.store import audit_rows, rollouts
from guestwire.controller.store import windows as store
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.windows import Window
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

SHOWN_AT_FIRST = 500
NEW = 0
"""The revision of a window that is not there."""


class WindowService:
    """The windows of everybody: they are about no host, and work names them."""

    def __init__(
        self,
        database: Database,
        access: Access,
        book: WindowBook,
        ledger: Ledger,
        driver: JobDriver,
        feed: Feed,
        clock: Callable[[], Now],
    ) -> None:
        self._database = database
        self._access = access
        self._book = book
        self._ledger = ledger
        self._driver = driver
        self._feed = feed
        self._clock = clock

    async def page(self, person: Person, after: str, limit: int) -> Sequence[Window]:
        """Windows by name, from the one after that name on."""
        self._access.require(person, "read")
        async with self._database.read() as tx:
            return await store.page(tx, after, limit)

    async def show(self, person: Person, name: str) -> Window:
        """The window of that name. Raises NOT-FOUND."""
        self._access.require(person, "read")
        async with self._database.read() as tx:
            return await self._there(tx, name)

    async def snapshot(self, person: Person) -> list[Change]:
        """What somebody who begins to watch is to see: all windows."""
        return [Change("window", one.name, _told(one)) for one in await self.page(person, "", SHOWN_AT_FIRST)]

    def opening(self, window: Window) -> Opening:
        """How it stands now."""
        return opening(window.spec, self._clock().wall_ms)

    async def put(self, person: Person, name: str, spec: WindowSpec, revision: int | None) -> Window:
        """Make a window (`revision` None), or change the one of that revision. Raises DENIED, EXISTS, NOT-FOUND,
        REVISION-STALE."""
        self._access.require(person, "window-set")
        now_ms = self._clock().wall_ms
        async with self._database.write() as tx:
            await self._may_let_go(tx, person, name)
            if revision is None:
                if await store.get(tx, name) is not None:
                    raise GuestwireError("EXISTS", f"There is a window {name}: change it with its ETag.", field="name")
                before = NEW
            else:
                before = await self._same(tx, name, revision)
            window = Window(name, spec, before + 1, now_ms, person.name)
            await store.put(tx, window)
            detail = {"revision": window.revision, "window": spec.model_dump(mode="json", exclude_defaults=True)}
            await audit_rows.add(tx, AuditEntry(now_ms, person, "window-set", name, detail=detail))
        self._book.put(window)
        self._publish(name, window)
        return window

    async def remove(self, person: Person, name: str, revision: int) -> None:
        """Forget a window. Raises DENIED, NOT-FOUND, REVISION-STALE, and WINDOW-IN-USE while unfinished jobs wait for it, or
        rollouts go by it."""
        self._access.require(person, "window-set")
        now_ms = self._clock().wall_ms
        async with self._database.write() as tx:
            await self._may_let_go(tx, person, name)
            await self._same(tx, name, revision)
            waiting = [job.id for job in self._ledger.all() if job.window == name]
            going = await rollouts.going_by(tx, name)
            if waiting or going:
                detail = {"jobs": waiting[:10], "jobs_total": len(waiting), "rollouts": going[:10]}
                raise GuestwireError("WINDOW-IN-USE", detail=detail)
            await store.remove(tx, name)
            await audit_rows.add(tx, AuditEntry(now_ms, person, "window-remove", name))
        self._book.remove(name)
        self._publish(name, None)

    async def _may_let_go(self, tx: Tx, person: Person, name: str) -> None:
        """Raises DENIED where work waits for it on hosts whose windows are not the person's to set: it would be let go, or held."""
        may = self._access.visible(person, "window-set")
        if may.all:
            return
        hosts = {job.host for job in self._ledger.all() if job.window == name}
        for rollout in await rollouts.going_by(tx, name):
            hosts.update(await rollouts.hosts_of(tx, rollout))
        if not may.sees_all(hosts):
            text = f"Work waits for the window {name} on hosts for which {person.name} may not set it: make another window."
            raise GuestwireError("DENIED", text, detail={"action": "window-set", "target": name})

    def _publish(self, name: str, window: Window | None) -> None:
        self._feed.publish(Change("window", name, None if window is None else _told(window)))
        self._driver.look(job.id for job in self._ledger.all() if job.window == name)

    async def _there(self, tx: Tx, name: str) -> Window:
        window = await store.get(tx, name)
        if window is None:
            raise GuestwireError("NOT-FOUND", f"There is no maintenance window {name}.")
        return window

    async def _same(self, tx: Tx, name: str, revision: int) -> int:
        window = await self._there(tx, name)
        if window.revision != revision:
            raise GuestwireError("REVISION-STALE", detail={"revision": window.revision})
        return revision


def _told(window: Window) -> dict[str, Any]:
    return {
        "name": window.name, "window": window.spec.model_dump(), "revision": window.revision,
        "changed_at": window.changed_at, "changed_by": window.changed_by,
    }  # fmt: skip
