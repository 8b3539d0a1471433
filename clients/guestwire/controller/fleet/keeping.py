"""Writes what hosts said and how they stand: what came meanwhile in one transaction, the newest of each; then tells the feed.

What waits is bounded by the number of hosts, for each has one place for each thing. While the database takes nothing it goes
on waiting, and newer words take the place of older ones.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final, TypeVar

from guestwire.controller.feed import Change, Feed
from guestwire.controller.fleet.selection import EVERY
from guestwire.controller.fleet.views import summary
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.uncut import uncut
from guestwire.controller.store import host_inventory, host_queries, hosts
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.host_tables import (
    Attendance,
    Condition,
    DocumentKind,
    GuestRow,
    HostRow,
    StoredDocument,
)
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError

EVERY_S: Final = 0.25
AT_ONCE: Final = 500
"""Things of one kind in a transaction: others wait for their turn to write."""
PIECE: Final = 50
"""Hosts of which things are made ready in one go: nobody else is served meanwhile."""
AGAIN_S: Final = 2.0
K = TypeVar("K")
V = TypeVar("V")

GuestKey = tuple[HostRef, str]
GONE: Final = ""


@dataclass(slots=True)
class Waiting:
    """What is to be written. A guest whose state is GONE is removed."""

    hosts: dict[HostRef, HostRow] = field(default_factory=dict)
    listed: dict[HostRef, bool] = field(default_factory=dict)
    attendance: dict[HostRef, Attendance] = field(default_factory=dict)
    conditions: dict[HostRef, Condition] = field(default_factory=dict)
    documents: dict[tuple[HostRef, DocumentKind], StoredDocument] = field(default_factory=dict)
    guests: dict[GuestKey, GuestRow] = field(default_factory=dict)

    def parts(self) -> tuple[dict[Any, Any], ...]:
        return (self.hosts, self.listed, self.attendance, self.conditions, self.documents, self.guests)

    def __bool__(self) -> bool:
        return any(self.parts())

    def take(self) -> "Waiting":
        """The oldest of each kind, for one transaction."""
        return Waiting(*(_take(part) for part in self.parts()))

    def put_back(self, taken: "Waiting") -> None:
        """What could not be written, unless there is something newer by now."""
        for mine, theirs in zip(self.parts(), taken.parts(), strict=True):
            for key, value in theirs.items():
                mine.setdefault(key, value)

    def refs(self) -> frozenset[HostRef]:
        """The hosts that it is about."""
        plain = (*self.hosts, *self.listed, *self.attendance, *self.conditions)
        return frozenset(plain) | {ref for ref, _ in self.documents} | {ref for ref, _ in self.guests}


class FleetKeeping(OwnTask):
    """Its owner puts into `waiting` and calls `wake`. `async with` it: leaving writes what is left. `on_trouble` hears why the
    database took nothing."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        on_trouble: Callable[[GuestwireError], None],
        *,
        every_s: float = EVERY_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._database = database
        self._feed = feed
        self._on_trouble = on_trouble
        self._every_s = every_s
        self._again_s = again_s
        self._some = asyncio.Event()
        self._turn = asyncio.Lock()
        super().__init__("fleet-keeping")
        self.waiting = Waiting()
        self.changed: list[Callable[[Collection[HostRef]], None]] = []
        """Hear of which hosts something was committed."""

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        try:
            await self.flush()
        except GuestwireError as err:
            self._on_trouble(err)  # hosts say it all again to whoever comes next

    def wake(self) -> None:
        """Something waits."""
        self._some.set()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            try:
                await self.flush()
            except GuestwireError as err:
                self._on_trouble(err)
                self._some.set()
                await asyncio.sleep(self._again_s)
            await asyncio.sleep(self._every_s)

    async def flush(self) -> None:
        """Write what waits. Raises DATABASE-UNAVAILABLE; then it goes on waiting."""
        async with self._turn:
            while self.waiting:
                await uncut(self._write())

    async def _write(self) -> None:
        taken = self.waiting.take()
        try:
            async with self._database.write() as tx:
                await _written(tx, taken)
        except BaseException:
            self.waiting.put_back(taken)
            raise
        await self.publish(taken.refs())

    async def publish(self, refs: Collection[HostRef]) -> None:
        """Tell how hosts are by now, after a commit. Where the database cannot be asked, watchers hear of the next change."""
        for heard in self.changed:
            heard(refs)
        if not self._feed.watched:
            return
        try:
            for some in _pieces(sorted(refs)):
                async with self._database.read() as tx:
                    rows = await hosts.some(tx, some)
                for row in rows:
                    self._feed.publish(Change("host", str(row.ref), summary(row).model_dump(), (row.ref,)))
        except GuestwireError as err:
            self._on_trouble(err)

    def gone(self, ref: HostRef) -> None:
        """Tell that a host was forgotten."""
        for heard in self.changed:
            heard([ref])
        self._feed.publish(Change("host", str(ref), None, (ref,)))


async def _written(tx: Tx, taken: Waiting) -> None:
    await hosts.add(tx, taken.hosts.values())
    for listed in (True, False):
        await hosts.put_listed(tx, [ref for ref, said in taken.listed.items() if said is listed], listed=listed)
    for some in _pieces(list(taken.attendance.items())):
        await hosts.put_attendance(tx, dict(some))
    for one in _pieces(list(taken.conditions.items())):
        await hosts.put_conditions(tx, dict(one))
    about = {ref for ref, _ in (*taken.documents, *taken.guests)}
    if not about:
        return
    known = frozenset(await host_queries.refs(tx, EVERY, 0, within=sorted(about)))
    await hosts.put_documents(
        tx, [(ref, kind, stored) for (ref, kind), stored in taken.documents.items() if ref in known]
    )
    await _guests_written(tx, {key: row for key, row in taken.guests.items() if key[0] in known})


async def _guests_written(tx: Tx, changed: Mapping[GuestKey, GuestRow]) -> None:
    """What is older than what is there already changes nothing: notices may come late."""
    of_host: dict[HostRef, list[GuestRow]] = {}
    for (ref, _), row in changed.items():
        of_host.setdefault(ref, []).append(row)
    known = await host_inventory.guests(tx, list(of_host))
    newer: list[tuple[HostRef, GuestRow]] = []
    gone: list[host_inventory.Key] = []
    for ref, rows in of_host.items():
        there = known.get(ref, {})
        for row in rows:
            before = there.get(row.uuid)
            if before is not None and before.as_of > row.as_of:
                continue
            if row.state == GONE:
                gone.append((ref, row.uuid))
            else:  # a notice does not tell of what kind the guest is
                newer.append((ref, replace(row, kind=row.kind or (before.kind if before else ""))))
    await host_inventory.remove_guests(tx, gone)
    await hosts.put_guests(tx, newer)


def _pieces(every: Sequence[V]) -> Iterator[Sequence[V]]:
    for first in range(0, len(every), PIECE):
        yield every[first : first + PIECE]


def _take(part: dict[K, V]) -> dict[K, V]:
    keys = list(islice(part, AT_ONCE))
    return {key: part.pop(key) for key in keys}
