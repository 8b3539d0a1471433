"""Who is in which group now: what the roles of groups and the targets of work go by. Kept up with every change of a host.

It is a cache of what the database says. How groups are made and changed is `groups`' matter.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final, Self

from guestwire.controller.fleet.expansion import expanded
from guestwire.controller.fleet.selection import EVERY, Selection, parse, terms
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import groups, host_queries
from guestwire.controller.store.database import Database
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

EVERY_S: Final = 0.5
"""How often changes of hosts are looked at, at most."""
AGES_EVERY_S: Final = 30.0
"""How often groups are looked at anew that go by how long hosts have been silent."""
AT_ONCE: Final = 200
"""Hosts that changed; beyond that a group is looked at as a whole."""
AGAIN_S: Final = 2.0


class Membership(OwnTask):
    """`async with` it: entering works out all groups. `on_trouble` hears why the database could not be asked, and once of each
    group that cannot be worked out, which has no members."""

    def __init__(
        self, database: Database, clock: Callable[[], Now], on_trouble: Callable[[GuestwireError], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_trouble = on_trouble
        self._selections: dict[str, Selection] = {}
        self._members: dict[str, frozenset[HostRef]] = {}
        self._wrong: set[str] = set()
        self._changed: set[HostRef] = set()
        self._stale = False
        self._some = asyncio.Event()
        self._turn = asyncio.Lock()
        super().__init__("group-membership")

    async def __aenter__(self) -> Self:
        await self.reload()
        return await super().__aenter__()

    @property
    def selections(self) -> Mapping[str, Selection]:
        """What each group selects, as it was written."""
        return self._selections

    def members(self, name: str) -> frozenset[HostRef]:
        """Who is in a group now; a group that is not there has no members."""
        return self._members.get(name, frozenset())

    def expanded(self, text: str) -> Selection:
        """The selection that somebody wrote, without groups. Raises SELECTION-INVALID, NOT-FOUND."""
        return expanded(parse(text), self._selections)

    def changed(self, refs: Collection[HostRef]) -> None:
        """Something was committed about these hosts."""
        if self._selections:
            self._changed.update(refs)
            self._some.set()

    async def reload(self) -> None:
        """Work out all groups, as they are stored. Raises DATABASE-UNAVAILABLE."""
        async with self._turn:
            async with self._database.read() as tx:
                rows = await groups.every(tx)
            self._selections = {row.name: parse(row.selection) for row in rows}
            self._members = {name: self._members.get(name, frozenset()) for name in self._selections}
            self._wrong.intersection_update(self._selections)
            self._changed.clear()
            self._stale = False
            try:
                await self._work_out(tuple(self._selections), None)
            except BaseException:
                self._stale = True
                raise

    async def changed_groups(self) -> None:
        """Groups were changed: look at them now; where the database cannot be asked, as soon as it can."""
        self._stale = True
        await self._now()

    async def refresh(self, refs: Collection[HostRef]) -> None:
        """Something was committed about these hosts that decides what people may do: look at them now; where the database
        cannot be asked, as soon as it can."""
        self._changed.update(refs)
        await self._now()

    async def _now(self) -> None:
        try:
            await self._look()
        except GuestwireError as err:
            self._on_trouble(err)
            self._some.set()

    async def _run(self) -> None:
        while True:
            wait = AGES_EVERY_S if self._aging() else None
            try:
                async with asyncio.timeout(wait):
                    await self._some.wait()
            except TimeoutError:
                pass
            self._some.clear()
            try:
                await self._look()
            except GuestwireError as err:
                self._on_trouble(err)
                self._some.set()
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(EVERY_S)

    async def _look(self) -> None:
        """Whatever changed since the last look; if nothing did, those groups that time changes."""
        if self._stale:
            await self.reload()
            return
        async with self._turn:
            changed, self._changed = self._changed, set()
            try:
                if changed:
                    within = sorted(changed) if len(changed) <= AT_ONCE else None
                    await self._work_out(tuple(self._selections), within)
                else:
                    await self._work_out(self._aging(), None)
            except BaseException:
                self._changed |= changed
                raise

    async def _work_out(self, names: Collection[str], within: list[HostRef] | None) -> None:
        now_ms = self._clock().wall_ms
        for name in names:
            selection = self._expanded(name)
            if selection is None:
                self._members[name] = frozenset()
                continue
            async with self._database.read() as tx:
                found = frozenset(await host_queries.refs(tx, selection, now_ms, within))
            if name not in self._selections:
                continue
            if within is not None:
                found |= self._members.get(name, frozenset()).difference(within)
            self._members[name] = found

    def _expanded(self, name: str) -> Selection | None:
        """None: what was written cannot be worked out. The other groups can."""
        try:
            found = expanded(self._selections.get(name, EVERY), self._selections)
        except GuestwireError as err:
            if name not in self._wrong:
                self._wrong.add(name)
                text = f"The group {name} cannot be worked out, and has no members: {err.message}"
                self._on_trouble(GuestwireError(err.code, text))
            return None
        self._wrong.discard(name)
        return found

    def _aging(self) -> tuple[str, ...]:
        return tuple(
            name
            for name, selection in self._selections.items()
            if any(term.field in ("silent", "group") for term in terms(selection))
        )
