"""Drafts while people edit them: several at once, each from the revision they have seen, and nobody's acknowledged edit is lost.

An edit names the revision it was made from. Where others were faster it is refused (REVISION-STALE) with what they changed; what
does not touch the same may be sent again to be put together with theirs.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects import documents
from guestwire.controller.projects.differences import differences
from guestwire.controller.projects.documents import DraftDocument
from guestwire.controller.projects.draft_models import DraftChanged, DraftChecked
from guestwire.controller.projects.edits import DraftEdit, summary
from guestwire.controller.projects.judging import Judged
from guestwire.controller.projects.keeping import DraftKeeping, Held, Kept, Kind, Next
from guestwire.controller.projects.merging import Conflict, merge
from guestwire.controller.projects.telling import told, told_conflicts
from guestwire.controller.store import drafts
from guestwire.controller.store.database import Database
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.model.issues import Issue
from guestwire.sdk import interchange
from guestwire.sdk.interchange import Format

TRIES = 8
"""How often a change is tried again because somebody was faster, before its sender hears of it."""
SINCE = 20
"""How many revisions of others a refusal tells of."""


class Change(NamedTuple):
    """What is to become of a draft. `make`: from the document that was edited the one that is wanted."""

    kind: Kind
    summary: str
    make: Callable[[DraftDocument], DraftDocument]


class Drafts:
    """Edits drafts. Every change takes `revision`, the one it was made from, and `merge`: whether it may be put together with
    what others did since."""

    def __init__(self, database: Database, access: Access, keeping: DraftKeeping) -> None:
        self._database = database
        self._access = access
        self._keeping = keeping

    async def edit(
        self, person: Person, ref: HostRef, edits: Sequence[DraftEdit], revision: int, *, merge: bool = False
    ) -> DraftChanged:
        """Change values, guests, areas, ...: all of them or none. Raises DRAFT-MISSING, REVISION-STALE, DOCUMENT-INVALID with
        every mistake, NOT-FOUND, EXISTS."""
        change = Change("edit", summary(edits), lambda now: documents.edited(now, edits, _base_of(now)))
        return await self._changed(person, ref, change, revision, merge=merge)

    async def put(
        self,
        person: Person,
        ref: HostRef,
        wanted: str | Mapping[str, Any],
        revision: int | None,
        *,
        merge: bool = False,
    ) -> DraftChanged:
        """Make the draft another document: the text of a project file, or plain values of the shape of `Desired`. `revision`
        None: there must be no draft yet. Raises REVISION-STALE, DOCUMENT-INVALID with every mistake, NOT-FOUND."""

        def make(now: DraftDocument) -> DraftDocument:
            if isinstance(wanted, str):
                return documents.of_text(wanted, ref.host, _base_of(now))
            return documents.of_json(wanted, ref.host, _base_of(now), now)

        change = Change("put", "the whole document", make)
        if revision is None:
            return await self._begun(person, ref, change)
        return await self._changed(person, ref, change, revision, merge=merge)

    async def take(
        self, person: Person, ref: HostRef, form: Format, texts: Sequence[str], revision: int, *, merge: bool = False
    ) -> DraftChanged:
        """Take in what files of other tools say. Raises DRAFT-MISSING, REVISION-STALE, DOCUMENT-INVALID, NAME-DUP, NOT-FOUND."""

        def make(now: DraftDocument) -> DraftDocument:
            if form == "guestwire" and len(texts) == 1:  # with its remarks
                return documents.of_text(texts[0], ref.host, _base_of(now))
            taken = interchange.taken(form, texts, now.desired, ref.host)
            return documents.of_desired(taken, ref.host, _base_of(now), now)

        files = f"{len(texts)} file{'' if len(texts) == 1 else 's'}"
        change = Change("import", f"{form}: {files}", make)
        return await self._changed(person, ref, change, revision, merge=merge)

    async def restore(self, person: Person, ref: HostRef, number: int, revision: int) -> DraftChanged:
        """Make the draft what it was in an earlier revision; one that was discarded is there again. Raises NOT-FOUND,
        REVISION-STALE."""
        self._access.require(person, "draft-edit", ref)
        async with self._database.read() as tx:
            old = await drafts.revision(tx, ref, number)
        if old is None or old.text is None:
            raise GuestwireError("NOT-FOUND", f"Revision {number} of the draft of {ref} is not kept.", field="revision")
        held = await self._keeping.held(ref)
        check_revision(held, revision)
        same_base = old.base_revision == held.base_revision
        wanted = Next(
            DraftDocument(ref.host, old.text), old.base_revision, held.base if same_base else None, "restore",
            f"as in revision {number}",
        )  # fmt: skip
        kept = await self._keeping.kept(person, held, wanted)
        if kept is None:
            check_revision(await self._keeping.held(ref), revision)
            raise stale(ref, revision + 1)
        return answer(kept)

    async def discard(self, person: Person, ref: HostRef, revision: int) -> None:
        """Let there be no draft. Its revisions are kept. Raises DRAFT-MISSING, REVISION-STALE."""
        self._access.require(person, "draft-edit", ref)
        held = await self._keeping.held(ref)
        held.there  # noqa: B018 - raises where there is none
        check_revision(held, revision)
        if not await self._keeping.discarded(person, held):
            raise stale(ref, (await self._keeping.held(ref)).revision)

    async def check(
        self, person: Person, ref: HostRef, wanted: Sequence[DraftEdit] | str | Mapping[str, Any] | None
    ) -> DraftChecked:
        """What the rules say of the draft, or of what it would be after edits, or of another document; nothing is kept. The
        host is not asked. What cannot be read is told as mistakes, not raised. Raises DRAFT-MISSING where edits have nothing to
        begin with, NOT-FOUND, EXISTS."""
        self._access.require(person, "read", ref)
        held = await self._keeping.held(ref)
        base = held.base_revision

        def make() -> DraftDocument:
            if isinstance(wanted, str):
                return documents.of_text(wanted, ref.host, base)
            if isinstance(wanted, Mapping):
                return documents.of_json(wanted, ref.host, base, held.document)
            return documents.edited(held.there, wanted, base) if wanted else held.there

        try:
            document = await asyncio.to_thread(make)
        except GuestwireError as err:
            if err.code != "DOCUMENT-INVALID":
                raise
            return DraftChecked(revision=held.revision, mistakes=_mistakes(err))
        found = await self._keeping.judged(held, document)
        before = {} if held.document is None else held.document.tree
        about = told(differences(before, document.tree))
        return DraftChecked(
            revision=held.revision, changes=about.changes, more=about.more, findings=found.findings, items=found.items,
            state=found.state,
        )  # fmt: skip

    # -- pieces

    async def _begun(self, person: Person, ref: HostRef, change: Change) -> DraftChanged:
        self._access.require(person, "draft-edit", ref)
        for _ in range(TRIES):
            held = await self._keeping.held(ref)
            if held.document is not None:
                raise stale(ref, held.revision, "There is a draft already: read it, and change that.")
            active = held.known.shown
            number = None if active is None else active.revision.number
            document = await asyncio.to_thread(change.make, documents.empty(ref.host, number))
            base = None if active is None else active.desired
            kept = await self._keeping.kept(
                person, held, Next(document, number, base, change.kind, change.summary)
            )  # fmt: skip
            if kept is not None:
                return answer(kept)
        raise stale(ref, (await self._keeping.held(ref)).revision)

    async def _changed(
        self, person: Person, ref: HostRef, change: Change, revision: int, *, merge: bool
    ) -> DraftChanged:
        self._access.require(person, "draft-edit", ref)
        for _ in range(TRIES):
            held = await self._keeping.held(ref)
            now, merged = held.there, False
            if held.revision == revision:
                made = await _made(change, now)
            else:
                made, merged = await self._merged(held, change, revision, wanted=merge)
            if made.text == now.text:
                return unchanged(held, await self._keeping.judged(held, now), merged=merged)
            kind: Kind = "merge" if merged else change.kind
            kept = await self._keeping.kept(
                person, held, Next(made, held.base_revision, held.base, kind, change.summary)
            )  # fmt: skip
            if kept is not None:
                return answer(kept, merged=merged)
        raise stale(ref, (await self._keeping.held(ref)).revision)

    async def _merged(self, held: Held, change: Change, revision: int, *, wanted: bool) -> tuple[DraftDocument, bool]:
        """What the change and those of others since `revision` make together, and whether anything of others is in it. Raises
        REVISION-STALE with what others did, unless it can be done and is `wanted`."""
        ref, now = held.ref, held.there
        async with self._database.read() as tx:
            old = await drafts.revision(tx, ref, revision)
            since = await drafts.revisions(tx, ref, None, SINCE, since=revision)
        by = [
            {"revision": one.revision, "author": one.author, "at": one.at, "summary": one.summary} for one in since
        ]  # fmt: skip
        if old is None or old.text is None or revision > held.revision or any(one.kind == "discard" for one in since):
            raise stale(ref, held.revision, detail={"since": by, "mergeable": False})
        base = DraftDocument(ref.host, old.text)
        mine = await asyncio.to_thread(change.make, base)
        if wanted and mine.text == now.text:  # it was made before, and its answer was lost on the way
            return now, False
        made = merge(base.tree, mine.tree, now.tree)
        theirs = told(differences(base.tree, now.tree))
        detail = {
            "since": by,
            "changes": [one.model_dump(mode="json") for one in theirs.changes],
            "conflicts": told_conflicts(made.conflicts),
        }
        if (
            mine.tree == base.tree and mine.text != base.text
        ):  # remarks alone: they belong to lines that may be others now
            raise stale(ref, held.revision, detail={**detail, "mergeable": False})
        if made.conflicts:
            raise stale(ref, held.revision, _same_places(made.conflicts), {**detail, "mergeable": False})
        try:
            # where nothing is missing its lines stay as they are
            together = (
                now
                if made.tree == now.tree
                else await asyncio.to_thread(documents.of_tree, made.tree, held.base_revision, now)
            )
        except GuestwireError as err:
            text = f"Both changes together make no configuration: {err.message}"
            raise stale(ref, held.revision, text, {**detail, "mergeable": False}) from err
        if not wanted:
            text = "Others have changed the draft since, elsewhere: send it again with merge=true to keep both."
            raise stale(ref, held.revision, text, {**detail, "mergeable": True})
        return together, True


def _mistakes(err: GuestwireError) -> tuple[Issue, ...]:
    """What cannot be read, as the issues are that rules find."""
    return tuple(
        Issue(code=err.code, severity="E", path=one["path"], message=one["message"])
        for one in err.detail.get("issues", [{"path": err.field or "", "message": err.message}])
    )


async def _made(change: Change, now: DraftDocument) -> DraftDocument:
    return await asyncio.to_thread(change.make, now)


def _base_of(now: DraftDocument) -> int | None:
    return now.desired.base_revision


def unchanged(held: Held, found: Judged, *, merged: bool = False) -> DraftChanged:
    """The answer where a change changes nothing."""
    return DraftChanged(
        site=held.ref.site, host=held.ref.host, revision=held.revision, base_revision=held.base_revision,
        state=found.state, errors=found.findings.errors, warnings=found.findings.warnings, author=held.author,
        at=held.at, merged=merged, findings=found.findings,
    )  # fmt: skip


def answer(kept: Kept, *, merged: bool = False) -> DraftChanged:
    """The answer to a change that was kept."""
    about = told(kept.changes)
    return DraftChanged(
        **kept.head.model_dump(), changes=about.changes, more=about.more, merged=merged, findings=kept.judged.findings
    )


def check_revision(held: Held, revision: int) -> None:
    """Raises REVISION-STALE where the draft is another one than that."""
    if held.revision != revision:
        raise stale(held.ref, held.revision)


def _same_places(conflicts: Sequence[Conflict]) -> str:
    places = ", ".join(one.path for one in conflicts[:3])
    more = f" and {len(conflicts) - 3} more" if len(conflicts) > 3 else ""
    return f"Others have changed the same since: {places}{more}. Look at what they made of it, and decide."


def stale(
    ref: HostRef, revision: int, text: str | None = None, detail: Mapping[str, Any] | None = None
) -> GuestwireError:
    """The draft is another one by now. `revision`: the one that there is."""
    text = text or f"The draft of {ref} was changed since: it is revision {revision} now."
    return GuestwireError("REVISION-STALE", text, detail={"revision": revision, **(detail or {})})
