"""Hosts as people deal with them: find them, look at them, say what they are called, let them in, forget them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from guestwire.controller.fleet import inventory as inventories
from guestwire.controller.fleet.hearing import FleetHearing
from guestwire.controller.fleet.inventory import Inventory
from guestwire.controller.fleet.keeping import FleetKeeping
from guestwire.controller.fleet.membership import Membership
from guestwire.controller.fleet.naming import called
from guestwire.controller.fleet.people import HostWords, check_text, label_rows, merged
from guestwire.controller.fleet.registry import Approval, Registry
from guestwire.controller.fleet.selection import LABEL, AllOf, Term
from guestwire.controller.fleet.views import HostDetail, HostSummary, detail, plain_document, summary
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import audit_rows, hosts
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.host_queries import Among, Sort, page, refs
from guestwire.controller.store.host_tables import DocumentKind, HostRow, PeoplesWords
from guestwire.controller.users.access import Access, Visibility
from guestwire.controller.users.person import Person
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.capabilities import CapabilitiesBody
from guestwire.protocol.packing import unpack
from guestwire.protocol.reported import ReportedBody
from guestwire.protocol.steps import Now

_MODELS: dict[DocumentKind, type[Model]] = {
    "capabilities": CapabilitiesBody,
    "reported": ReportedBody,
}
_APPROVED = Term("approval", "=", "approved")
_PENDING = Term("approval", "=", "pending")
LET_IN_AT_ONCE: Final = 200
"""Hosts in a transaction: others wait for their turn to write."""

Forgetting = Callable[[HostRef], AbstractAsyncContextManager[Callable[[Tx], Awaitable[None]]]]
"""Held while a host is forgotten; gives what is to be done in the transaction that does."""


@asynccontextmanager
async def _alone(_ref: HostRef) -> AsyncIterator[Callable[[Tx], Awaitable[None]]]:
    async def nothing(_tx: Tx) -> None: ...

    yield nothing


def _no_key(_ref: HostRef) -> str | None:
    return None


class LetIn(Model):
    """Hosts that were let in, and how many of the selection still wait."""

    hosts: tuple[HostSummary, ...]
    left: int


class Hosts:
    """Raises DENIED for whatever a person may not do or see, NOT-FOUND for hosts that are not known. `held_back`: how many
    messages of a host nobody kept, because it is not approved. `forgetting`: what else ends with a host that is forgotten.
    `key_of`: the id of the key by which its site knows a host."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        hearing: FleetHearing,
        keeping: FleetKeeping,
        membership: Membership,
        inventory: Inventory,
        access: Access,
        clock: Callable[[], Now],
        held_back: Callable[[HostRef], int],
        forgetting: Forgetting = _alone,
        key_of: Callable[[HostRef], str | None] = _no_key,
    ) -> None:
        self._database = database
        self._registry = registry
        self._hearing = hearing
        self._keeping = keeping
        self._membership = membership
        self._inventory = inventory
        self._access = access
        self._clock = clock
        self._held_back = held_back
        self._forgetting = forgetting
        self._key_of = key_of

    # -- looking

    async def find(
        self, person: Person, q: str, sort: Sort, after: tuple[str | int, ...] | None, limit: int
    ) -> tuple[list[HostSummary], list[tuple[str | int, ...]]]:
        """Hosts of a selection that the person may see, in that order, after that key; and the keys of each. Raises
        SELECTION-INVALID."""
        selection = self._membership.expanded(q)
        visible = self._access.visible(person)
        if visible.nothing:
            return [], []
        async with self._database.read() as tx:
            rows = await page(
                tx, selection, self._clock().wall_ms, sort=sort, after=after, limit=limit, among=_among(visible)
            )
        return [summary(row) for row in rows], [sort.key(row) for row in rows]

    async def targets(self, person: Person, q: str, action: str) -> list[HostRef]:
        """The approved hosts of a selection to which the person may do that, in order. Raises SELECTION-INVALID."""
        selection = AllOf((self._membership.expanded(q), _APPROVED))
        visible = self._access.visible(person, action)
        async with self._database.read() as tx:
            found = await refs(tx, selection, self._clock().wall_ms)
        return [ref for ref in found if visible.sees(ref)]

    async def show(self, person: Person, ref: HostRef) -> HostDetail:
        """A host."""
        self._access.require(person, "read", ref)
        async with self._database.read() as tx:
            row, guests = await _there(tx, ref), await hosts.guests_of(tx, ref)
            told = await hosts.document(tx, ref, "reported")
        return detail(row, guests, self._held_back(ref), told.at if told is not None else 0, self._key_of(ref))

    async def document(self, person: Person, ref: HostRef, kind: DocumentKind) -> tuple[int, dict[str, Any]]:
        """What a host last said of that kind, as JSON has it (bytes in hexadecimal), and when that was heard, Unix ms. Raises
        NOT-FOUND where it has said nothing."""
        self._access.require(person, "read", ref)
        async with self._database.read() as tx:
            await _there(tx, ref)
            found = await hosts.document(tx, ref, kind)
            inventory = await inventories.stored(tx, ref) if kind == "inventory" else None
        if found is None:
            raise GuestwireError("NOT-FOUND", f"Nothing is known yet of the {kind} of {ref}.")
        if inventory is not None:
            return found.at, plain_document(inventory.model_dump())
        try:
            return found.at, plain_document(_MODELS[kind].model_validate(unpack(found.body)).model_dump())
        except ValueError as err:
            raise GuestwireError("DATABASE-DAMAGED", f"The {kind} of {ref} cannot be read.") from err

    async def refresh(self, person: Person, ref: HostRef) -> dict[str, Any]:
        """Read what a host has now, as `document` gives it. Raises the host's errors, HOST-UNREACHABLE."""
        self._access.require(person, "host-show", ref)
        async with self._database.read() as tx:
            await _there(tx, ref)
        return plain_document((await self._inventory.read(ref)).model_dump())

    # -- changing

    async def change(self, person: Person, ref: HostRef, said: HostWords, revision: int) -> HostDetail:
        """Say what a host is called. Raises REVISION-STALE, INVALID-BODY."""
        self._access.require(person, "host-label", ref)
        check_text(said.label or "", "label")
        check_text(said.notes or "", "notes", lines=True)
        async with self._database.write() as tx:
            before = await _there(tx, ref)
            if before.words.revision != revision:
                raise GuestwireError("REVISION-STALE", detail={"revision": before.words.revision})
            labels = merged(json.loads(before.words.labels), said.labels or {})
            words = replace(
                before.words,
                revision=revision + 1,
                given_label=before.words.given_label if said.label is None else said.label,
                labels=json.dumps(labels, ensure_ascii=False),
                notes=before.words.notes if said.notes is None else said.notes,
            )
            await self._put(tx, before, words)
            await hosts.put_values(tx, ref, LABEL, label_rows(labels))
            await self._note(tx, person, "host-label", ref, said.model_dump(exclude_none=True))
        await self._changed(ref)
        return await self.show(person, ref)

    async def decide(self, person: Person, ref: HostRef, approval: Approval) -> HostDetail:
        """Let a host in, or not: nothing but what tells who it is is asked of a host that is not approved, and nothing it tells
        is kept."""
        self._access.require(person, "host-approve", ref)
        async with self._database.write() as tx:
            before = await _there(tx, ref)
            at = self._clock().wall_ms
            if before.words.approval != approval:
                words = replace(
                    before.words, revision=before.words.revision + 1, approval=approval, approved_by=person.name,
                    approved_at=at,
                )  # fmt: skip
                await self._put(tx, before, words)
            await self._note(tx, person, "host-approve", ref, {"approval": approval, "before": before.words.approval})
        self._registry.approval_is(ref, approval)
        await self._changed(ref)
        return await self.show(person, ref)

    async def let_in(self, person: Person, q: str) -> LetIn:
        """Let in the first hosts of a selection that wait for it, all of them or none; ask again while some are left. Hosts that
        the person may not let in are passed over. Raises SELECTION-INVALID."""
        selection = AllOf((self._membership.expanded(q), _PENDING))
        visible = self._access.visible(person, "host-approve")
        if visible.nothing:
            self._access.require(person, "host-approve")
        async with self._database.write() as tx:
            at = self._clock().wall_ms
            waiting = [ref for ref in await refs(tx, selection, at) if visible.sees(ref)]
            chosen = waiting[:LET_IN_AT_ONCE]
            after = [
                replace(row, words=replace(
                    row.words, revision=row.words.revision + 1, approval="approved", approved_by=person.name, approved_at=at,
                ))
                for row in sorted(await hosts.some(tx, chosen), key=lambda row: row.ref)
            ]  # fmt: skip
            await hosts.put_approvals(tx, {row.ref: row.words for row in after})
            said = {"approval": "approved", "before": "pending", "selection": q}
            await audit_rows.add_all(
                tx, (AuditEntry(at, person, "host-approve", row.ref, detail=said) for row in after)
            )
        for row in after:
            self._registry.approval_is(row.ref, "approved")
        if chosen:
            await self._membership.refresh(chosen)
            await self._keeping.publish(chosen)
        return LetIn(hosts=tuple(summary(row) for row in after), left=len(waiting) - len(chosen))

    async def forget(self, person: Person, ref: HostRef) -> None:
        """Remove all that the fleet knows of a host that is gone; its alarms are over. One that the site still lists is known anew,
        and waits to be approved. Raises HOST-IS-THERE."""
        self._access.require(person, "host-forget", ref)
        if self._registry.state(ref) in ("online", "flapping", "suspect"):
            raise GuestwireError("HOST-IS-THERE")
        async with self._forgetting(ref) as forget_too, self._database.write() as tx:
            await _there(tx, ref)
            await hosts.forget(tx, ref)
            await forget_too(tx)
            await self._note(tx, person, "host-forget", ref, {})
        self._registry.forgotten(ref)
        self._hearing.forgotten(ref)
        self._keeping.gone(ref)
        await self._membership.refresh([ref])

    async def _put(self, tx: Tx, before: HostRow, words: PeoplesWords) -> None:
        await hosts.put_words(tx, before.ref, words, called(words, before.machine))
        await inventories.put_text(tx, replace(before, words=words), await inventories.stored(tx, before.ref))

    async def _note(self, tx: Tx, person: Person, action: str, ref: HostRef, said: dict[str, Any]) -> None:
        await audit_rows.add(tx, AuditEntry(self._clock().wall_ms, person, action, ref, detail=said))

    async def _changed(self, ref: HostRef) -> None:
        await self._membership.refresh([ref])
        await self._keeping.publish([ref])


async def _there(tx: Tx, ref: HostRef) -> HostRow:
    found = await hosts.one(tx, ref)
    if found is None:
        raise GuestwireError("NOT-FOUND", f"There is no host {ref}.")
    return found


def _among(visible: Visibility) -> Among | None:
    return None if visible.all else Among(visible.sites, visible.hosts)
