"""A draft as it is, and the one way to make it another: the next revision, if nobody was faster.

Why it is changed, and what of whose edits goes into it, is decided elsewhere.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from guestwire.controller.feed import Change, Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects import known_hosts
from guestwire.controller.projects.differences import Changed, differences
from guestwire.controller.projects.documents import DraftDocument
from guestwire.controller.projects.draft_models import DraftHead
from guestwire.controller.projects.edits import printable
from guestwire.controller.projects.host_facts import NOT_REMAPPED, KnownHost, Remapped
from guestwire.controller.projects.judging import Judged, judged
from guestwire.controller.projects.telling import told
from guestwire.controller.store import audit_rows, drafts
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database
from guestwire.controller.store.drafts import DraftRevision, DraftRow, DraftSummary
from guestwire.controller.users.person import Person
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError

REVISIONS = 500
"""How many revisions of a draft are kept."""
LONGEST_SUMMARY = 300
BY_ITSELF = "the controller"
"""The author of what no person did."""
Kind = Literal["edit", "put", "merge", "restore", "discard", "pull", "rebase", "open", "import", "apply", "hardware"]


@dataclass(frozen=True)
class Held:
    """A draft as it was read, with what was known of its host then. `document` None: there is none now; `revision` goes on
    counting all the same. `base`: what it was edited from."""

    ref: HostRef
    revision: int
    document: DraftDocument | None
    base_revision: int | None
    base: Desired | None
    author: str
    at: int
    known: KnownHost

    @property
    def there(self) -> DraftDocument:
        """The document. Raises DRAFT-MISSING."""
        if self.document is None:
            raise missing(self.ref)
        return self.document


class Next(NamedTuple):
    """What a draft is to be. `base`: what it is then edited from, and of which revision of the host."""

    document: DraftDocument
    base_revision: int | None
    base: Desired | None
    kind: Kind
    summary: str


class Kept(NamedTuple):
    """A draft as it is then. `changes`: what is otherwise than before."""

    head: DraftHead
    changes: tuple[Changed, ...]
    judged: Judged


class _Writing(NamedTuple):
    """What is stored of one draft at once."""

    row: DraftRow
    history: DraftRevision
    entry: AuditEntry


class DraftKeeping:
    """Reads drafts and makes their next revisions."""

    def __init__(self, database: Database, feed: Feed, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._feed = feed
        self.clock_ms = clock_ms

    async def held(self, ref: HostRef) -> Held:
        """The draft of a host, whether there is one or not."""
        async with self._database.read() as tx:
            row, known = await drafts.find(tx, ref), await known_hosts.known(tx, ref)
        if row is None:
            return Held(ref, 0, None, None, None, "", 0, known)
        about = row.summary
        document = None if row.text is None else DraftDocument(ref.host, row.text)
        base = None if row.base is None else Desired.model_validate_json(row.base)
        return Held(ref, about.revision, document, about.base_revision, base, about.author, about.at, known)

    async def judged(self, held: Held, document: DraftDocument, remapped: Remapped = NOT_REMAPPED) -> Judged:
        """What is to be said of a document in the draft's place. Off the loop: a large one takes a while. `remapped`: CPU sets
        that it was just given for another machine."""
        return await asyncio.to_thread(
            judged, document.desired, held.base, held.known, held.ref.host, remapped=remapped
        )  # fmt: skip

    async def kept(self, person: Person | None, held: Held, wanted: Next) -> Kept | None:
        """Make it the draft; None where somebody was faster: then read it again. `person` None: the controller by itself."""
        made = await self.all_kept(person, [(held, wanted)])
        return None if made is None else made[0]

    async def all_kept(self, person: Person | None, several: Sequence[tuple[Held, Next]]) -> Sequence[Kept] | None:
        """Make these the drafts of their hosts, all of them or, where somebody was faster with one, none: None."""
        made: list[Kept] = []
        writings: list[_Writing] = []
        for held, wanted in several:
            before = {} if held.document is None else held.document.tree
            changes = differences(before, wanted.document.tree)
            found = await asyncio.to_thread(
                judged, wanted.document.desired, wanted.base, held.known, held.ref.host
            )  # fmt: skip
            summary = self._summary(person, held, wanted.base_revision, found)
            made.append(Kept(head(summary), changes, found))
            row = DraftRow(summary, wanted.document.text, _packed(wanted.base))
            writings.append(_writing(person, held, row, wanted.kind, wanted.summary, changes))
        return made if await self._written(writings) else None

    async def discarded(self, person: Person, held: Held) -> bool:
        """Let there be no draft; whether nobody was faster."""
        summary = self._summary(person, held, held.base_revision, None)
        row = DraftRow(summary, None, _packed(held.base))
        return await self._written([_writing(person, held, row, "discard", "discarded", ())])

    def _summary(
        self, person: Person | None, held: Held, base_revision: int | None, found: Judged | None
    ) -> DraftSummary:
        id, name = ("", BY_ITSELF) if person is None else (person.id, person.name)
        state, errors, warnings = "none", 0, 0
        if found is not None:
            state, errors, warnings = found.state, found.findings.errors, found.findings.warnings
        return DraftSummary(
            held.ref, held.revision + 1, base_revision, id, name, self.clock_ms(), state, errors, warnings
        )  # fmt: skip

    async def _written(self, writings: Sequence["_Writing"]) -> bool:
        async with self._database.write() as tx:
            for one in writings:
                if await drafts.standing(tx, one.row.summary.ref) != one.row.summary.revision - 1:
                    return False
            for one in writings:
                await drafts.put(tx, one.row)
                await drafts.add_revision(tx, one.history, REVISIONS)
                await audit_rows.add(tx, one.entry)
        for one in writings:
            about = one.row.summary
            document = None if one.row.text is None else json.loads(head(about).model_dump_json())
            self._feed.publish(Change("draft", str(about.ref), document, (about.ref,)))
        return True

    async def rejudge(self, ref: HostRef) -> None:
        """Something else is known of the host now: note how its draft stands to that."""
        held = await self.held(ref)
        if held.document is None:
            return
        found = await self.judged(held, held.document)
        errors, warnings = found.findings.errors, found.findings.warnings
        async with self._database.write() as tx:
            noted = await drafts.set_standing(tx, ref, held.revision, found.state, errors, warnings)
        if noted:
            shown = DraftHead(
                site=ref.site, host=ref.host, revision=held.revision, base_revision=held.base_revision, state=found.state,
                errors=errors, warnings=warnings, author=held.author, at=held.at,
            )  # fmt: skip
            self._feed.publish(Change("draft", str(ref), json.loads(shown.model_dump_json()), (ref,)))


def head(summary: DraftSummary) -> DraftHead:
    """A draft in a list."""
    return DraftHead.model_validate(
        {
            "site": summary.ref.site, "host": summary.ref.host, "revision": summary.revision,
            "base_revision": summary.base_revision, "state": summary.state, "errors": summary.errors,
            "warnings": summary.warnings, "author": summary.author, "at": summary.at,
        }
    )  # fmt: skip


def missing(ref: HostRef) -> GuestwireError:
    """There is no draft of a host."""
    return GuestwireError(
        "DRAFT-MISSING", f"There is no draft for {ref}: pull one from the host, or begin an empty one."
    )


def _writing(
    person: Person | None, held: Held, row: DraftRow, kind: Kind, summary: str, changes: tuple[Changed, ...]
) -> _Writing:
    about = row.summary
    text = printable(summary)[:LONGEST_SUMMARY]
    history = DraftRevision(
        held.ref, about.revision, about.author_id, about.author, about.at, kind, text, about.base_revision,
        told(changes).model_dump_json(), row.text,
    )  # fmt: skip
    detail = {"revision": about.revision, "summary": text}
    return _Writing(row, history, AuditEntry(about.at, person, f"draft-{kind}", held.ref, detail=detail))


def _packed(base: Desired | None) -> str | None:
    return None if base is None else base.model_dump_json(exclude_defaults=True)
