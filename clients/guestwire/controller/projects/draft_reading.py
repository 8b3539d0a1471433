"""Drafts as they are read: one, all, their history; and where each person was in them."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects.draft_models import (
    DraftHead,
    DraftHistoryEntry,
    DraftSessionShown,
    DraftShown,
    Editor,
    Told,
)
from guestwire.controller.projects.exporting import Exported, exported
from guestwire.controller.projects.keeping import DraftKeeping, head
from guestwire.controller.projects.listing import visible_page
from guestwire.controller.store import drafts
from guestwire.controller.store.database import Database
from guestwire.controller.store.drafts import DraftRevision, DraftSession, DraftSummary
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.sdk.interchange import Format

PRESENT_MS = 5 * 60_000
"""For how long somebody is told as being at a draft after they last said where they are."""
MOST_EDITORS = 50
LONGEST_VIEW = 16 * 1024


class DraftReading:
    """Reads drafts for people who may see their hosts."""

    def __init__(self, database: Database, access: Access, keeping: DraftKeeping, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._access = access
        self._keeping = keeping
        self._clock_ms = clock_ms

    async def page(self, person: Person, after: tuple[str, str] | None, limit: int) -> Sequence[DraftHead]:
        """The drafts that a person may see, by site and host."""
        visible = self._access.visible(person)

        async def read(key: tuple[str, str] | None, many: int) -> Sequence[DraftSummary]:
            async with self._database.read() as tx:
                return await drafts.page(tx, key, many)

        found = await visible_page(
            read, after, limit, lambda row: (row.ref.site, row.ref.host), lambda row: visible.sees(row.ref)
        )
        return [head(row) for row in found]

    async def show(self, person: Person, ref: HostRef) -> DraftShown:
        """A draft, what the rules say of it, and who else is at it. The host is not asked. Raises DRAFT-MISSING."""
        self._access.require(person, "read", ref)
        held = await self._keeping.held(ref)
        document = held.there
        found = await self._keeping.judged(held, document)
        active = held.known.shown
        return DraftShown(
            site=ref.site, host=ref.host, revision=held.revision, base_revision=held.base_revision, state=found.state,
            errors=found.findings.errors, warnings=found.findings.warnings, author=held.author, at=held.at,
            text=document.text, document=document.desired, findings=found.findings, items=found.items,
            host_revision=None if active is None else active.revision.number,
            reported_revision=held.known.reported,
            editors=await self._editors(person, ref),
        )  # fmt: skip

    async def history(
        self, person: Person, ref: HostRef, before: int | None, limit: int
    ) -> Sequence[DraftHistoryEntry]:
        """The revisions of a draft, newest first, with what each changed. Also of one that was discarded."""
        self._access.require(person, "read", ref)
        async with self._database.read() as tx:
            rows = await drafts.revisions(tx, ref, before, limit)
        return [_entry(row) for row in rows]

    async def text_of(self, person: Person, ref: HostRef, number: int) -> str:
        """The document of an earlier revision. Raises NOT-FOUND."""
        self._access.require(person, "read", ref)
        async with self._database.read() as tx:
            row = await drafts.revision(tx, ref, number)
        if row is None or row.text is None:
            raise GuestwireError("NOT-FOUND", f"Revision {number} of the draft of {ref} is not kept.", field="revision")
        return row.text

    async def exported(self, person: Person, ref: HostRef, form: Format) -> Exported:
        """A draft in a format. Raises DRAFT-MISSING, NAME-INVALID, NAME-DUP."""
        self._access.require(person, "read", ref)
        held = await self._keeping.held(ref)
        document = held.there
        return await asyncio.to_thread(
            exported, form, document.desired, ref.host, held.known.active, held.known.topology, document.text
        )  # fmt: skip

    # -- sessions

    async def session(self, person: Person, ref: HostRef) -> DraftSessionShown:
        """Where a person was. Raises NOT-FOUND where they never were."""
        self._access.require(person, "read", ref)
        async with self._database.read() as tx:
            row = await drafts.session(tx, person.id, ref)
        if row is None:
            raise GuestwireError("NOT-FOUND", f"{person.name} has not been in the draft of {ref} yet.")
        return _session(row)

    async def sessions(self, person: Person, limit: int) -> Sequence[DraftSessionShown]:
        """Where a person was, the latest first: what to open again."""
        visible = self._access.visible(person)
        async with self._database.read() as tx:
            rows = await drafts.sessions_of(tx, person.id, limit)
        return [_session(row) for row in rows if visible.sees(row.ref)]

    async def keep_session(
        self, person: Person, ref: HostRef, revision: int, view: Mapping[str, JsonValue]
    ) -> DraftSessionShown:
        """Remember where a person is, for when they come back. It changes nothing of the draft. Raises INVALID-BODY for a
        view that is too large."""
        self._access.require(person, "read", ref)
        text = json.dumps(view, ensure_ascii=True, separators=(",", ":"))
        if len(text) > LONGEST_VIEW:
            text = f"A view has at most {LONGEST_VIEW} characters as JSON."
            raise GuestwireError("INVALID-BODY", text, field="view")
        async with self._database.write() as tx:
            row = await drafts.find(tx, ref)
            base = None if row is None else row.summary.base_revision
            session = DraftSession(person.id, person.name, ref, revision, base, text, self._clock_ms())
            await drafts.put_session(tx, session)
        return _session(session)

    async def _editors(self, person: Person, ref: HostRef) -> tuple[Editor, ...]:
        async with self._database.read() as tx:
            rows = await drafts.sessions_at(tx, ref, self._clock_ms() - PRESENT_MS, MOST_EDITORS)
        return tuple(
            Editor(name=row.user_name, revision=row.revision, at=row.at) for row in rows if row.user_id != person.id
        )


def _entry(row: DraftRevision) -> DraftHistoryEntry:
    about = Told.model_validate_json(row.changes)
    return DraftHistoryEntry(
        revision=row.revision, kind=row.kind, summary=row.summary, author=row.author, at=row.at,
        base_revision=row.base_revision, changes=about.changes, more=about.more,
    )  # fmt: skip


def _session(row: DraftSession) -> DraftSessionShown:
    view: dict[str, Any] = json.loads(row.view)
    return DraftSessionShown(
        site=row.ref.site,
        host=row.ref.host,
        revision=row.revision,
        base_revision=row.base_revision,
        view=view,
        at=row.at,
    )
