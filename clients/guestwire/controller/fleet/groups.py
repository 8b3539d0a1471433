"""Groups as people make them: selections with a name, for targets and for the scopes of roles."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final

from pydantic import StringConstraints

from guestwire.controller.feed import Change, Feed
from guestwire.controller.fleet.expansion import expanded, named
from guestwire.controller.fleet.membership import Membership
from guestwire.controller.fleet.people import check_text
from guestwire.controller.fleet.selection import LONGEST, parse
from guestwire.controller.store import alarm_rules, audit_rows, groups
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.groups import GroupRow
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.base import Document, Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.ids import is_slug
from guestwire.protocol.steps import Now

ACTION: Final = "group-set"
LONGEST_DESCRIPTION: Final = 2_000


class GroupWords(Document):
    """What a group is to be. `selection`: which hosts it has, as `site=plant label.line=3`."""

    selection: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]
    description: Annotated[str, StringConstraints(max_length=LONGEST_DESCRIPTION)] = ""


class Group(Model):
    """A group. `hosts`: how many hosts it has now, of those that whoever asks may see."""

    name: str
    selection: str
    description: str
    revision: int
    changed_at: int
    changed_by: str
    hosts: int


class Groups:
    """Everybody may see groups; who changes one changes what others may do."""

    def __init__(
        self, database: Database, membership: Membership, access: Access, feed: Feed, clock: Callable[[], Now]
    ) -> None:
        self._database = database
        self._membership = membership
        self._access = access
        self._feed = feed
        self._clock = clock

    async def page(self, person: Person, after: str, limit: int) -> list[Group]:
        """Groups by name, after that one."""
        self._access.require(person, "read")
        async with self._database.read() as tx:
            rows = await groups.every(tx)
        return [self._shown(person, row) for row in rows if row.name > after][:limit]

    async def show(self, person: Person, name: str) -> Group:
        """A group. Raises NOT-FOUND."""
        self._access.require(person, "read")
        async with self._database.read() as tx:
            return self._shown(person, await _there(tx, name))

    async def add(self, person: Person, name: str, words: GroupWords) -> Group:
        """Make a group. Raises EXISTS, SELECTION-INVALID, DENIED."""
        self._access.require(person, ACTION)
        if not is_slug(name):
            raise GuestwireError("INVALID-BODY", f"{name[:40]!r} is not 1 to 36 of a-z 0-9 -.", field="name")
        check_text(words.description, "description", lines=True)
        row = self._row(person, name, words, 1)
        async with self._database.write() as tx:
            _check(await groups.every(tx), row)
            if not await groups.add(tx, row):
                raise GuestwireError("EXISTS", f"There is a group {name} already.", field="name")
            await self._note(tx, person, name, {"made": words.selection})
        return await self._changed(person, row)

    async def put(self, person: Person, name: str, words: GroupWords, revision: int) -> Group:
        """Change a group. Raises NOT-FOUND, REVISION-STALE, SELECTION-INVALID, DENIED."""
        self._access.require(person, ACTION)
        check_text(words.description, "description", lines=True)
        row = self._row(person, name, words, revision + 1)
        async with self._database.write() as tx:
            before = await self._judged(tx, name, revision)
            _check(await groups.every(tx), row)
            await groups.put(tx, row)
            await self._note(tx, person, name, {"before": before.selection, "after": words.selection})
        return await self._changed(person, row)

    async def remove(self, person: Person, name: str, revision: int) -> None:
        """Remove a group: roles that go by it reach nobody any more. Raises NOT-FOUND, REVISION-STALE, GROUP-IN-USE, DENIED."""
        self._access.require(person, ACTION)
        async with self._database.write() as tx:
            before = await self._judged(tx, name, revision)
            users = [row.name for row in await groups.every(tx) if name in named(parse(row.selection))]
            rules = [row.name for row in await alarm_rules.every(tx) if name in named(parse(row.rule.hosts))]
            if users or rules:
                raise GuestwireError("GROUP-IN-USE", detail={"groups": users, "rules": rules})
            await groups.remove(tx, name)
            await self._note(tx, person, name, {"removed": before.selection})
        await self._membership.changed_groups()
        self._feed.publish(Change("group", name, None))

    async def _judged(self, tx: Tx, name: str, revision: int) -> GroupRow:
        before = await _there(tx, name)
        if before.revision != revision:
            raise GuestwireError("REVISION-STALE", detail={"revision": before.revision})
        return before

    def _row(self, person: Person, name: str, words: GroupWords, revision: int) -> GroupRow:
        at = self._clock().wall_ms
        return GroupRow(name, words.selection, words.description, revision, at, person.name)

    async def _note(self, tx: Tx, person: Person, name: str, detail: dict[str, str]) -> None:
        await audit_rows.add(tx, AuditEntry(self._clock().wall_ms, person, ACTION, name, detail=detail))

    async def _changed(self, person: Person, row: GroupRow) -> Group:
        await self._membership.changed_groups()
        self._feed.publish(Change("group", row.name, _document(row, 0).model_dump(exclude={"hosts"})))
        return self._shown(person, row)

    def _shown(self, person: Person, row: GroupRow) -> Group:
        visible, members = self._access.visible(person), self._membership.members(row.name)
        return _document(row, len(members) if visible.all else sum(visible.sees(ref) for ref in members))


def _document(row: GroupRow, count: int) -> Group:
    return Group(
        name=row.name, selection=row.selection, description=row.description, revision=row.revision,
        changed_at=row.changed_at, changed_by=row.changed_by, hosts=count,
    )  # fmt: skip


def _check(rows: Sequence[GroupRow], group: GroupRow) -> None:
    """That all of them can be worked out with this one as it is to be: in the transaction that keeps it, for nobody else changes
    groups meanwhile. Raises SELECTION-INVALID, NOT-FOUND."""
    try:
        selections = {row.name: parse(row.selection) for row in (*rows, group)}
        for selection in selections.values():
            expanded(selection, selections)
    except GuestwireError as err:
        raise GuestwireError(err.code, err.message, field="selection", detail=err.detail) from err


async def _there(tx: Tx, name: str) -> GroupRow:
    found = await groups.one(tx, name)
    if found is None:
        raise GuestwireError("NOT-FOUND", f"There is no group {name[:40]!r}.")
    return found
