"""Drafts for the machines that their hosts are now: where a board, its BIOS or its CPUs are others than those that a draft was made
for, its CPU sets are mapped to what is there. Nothing is applied."""

import asyncio
from dataclasses import dataclass

from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects import documents
from guestwire.controller.projects.differences import differences
from guestwire.controller.projects.documents import DraftDocument
from guestwire.controller.projects.draft_models import DraftChanged, DraftChecked
from guestwire.controller.projects.drafts import answer, check_revision, stale, unchanged
from guestwire.controller.projects.host_facts import Remapped
from guestwire.controller.projects.host_reading import HostReading
from guestwire.controller.projects.keeping import DraftKeeping, Held, Next
from guestwire.controller.projects.telling import told
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.model.remap import remap


@dataclass(frozen=True, slots=True)
class _Mapped:
    """A draft, and what it is for the machine `fingerprint`. `moved`: the CPU sets that are others then."""

    held: Held
    document: DraftDocument
    moved: Remapped
    fingerprint: str

    @property
    def same(self) -> bool:
        return self.document.text == self.held.there.text


class Remapping:
    """Asks hosts what machines they are, and maps drafts to them. Every call takes the revision of the draft that it was decided
    about. Raises DRAFT-MISSING, REVISION-STALE, UNSUPPORTED where the host does not tell what machine it is, and what asking it
    does."""

    def __init__(self, access: Access, hosts: HostReading, keeping: DraftKeeping) -> None:
        self._access = access
        self._hosts = hosts
        self._keeping = keeping

    async def check(self, person: Person, ref: HostRef, revision: int) -> DraftChecked:
        """What the draft would be for the machine; the CPU sets that are mapped are among the findings. Nothing is kept."""
        mapped = await self._mapped(person, ref, revision)
        found = await self._keeping.judged(mapped.held, mapped.document, mapped.moved)
        about = told(differences(mapped.held.there.tree, mapped.document.tree))
        return DraftChecked(
            revision=revision, changes=about.changes, more=about.more, findings=found.findings, items=found.items,
            state=found.state,
        )  # fmt: skip

    async def keep(self, person: Person, ref: HostRef, revision: int) -> DraftChanged:
        """Make the draft one for the machine; one that is that already stays as it is."""
        mapped = await self._mapped(person, ref, revision)
        held = mapped.held
        found = await self._keeping.judged(held, mapped.document, mapped.moved)
        if mapped.same:
            await self._keeping.rejudge(ref)  # something else may be known of the host now
            return unchanged(held, found)
        sets = f"{len(mapped.moved)} CPU set{'' if len(mapped.moved) == 1 else 's'} mapped"
        summary = f"for the machine {mapped.fingerprint[:12]}: {sets}"
        wanted = Next(mapped.document, held.base_revision, held.base, "hardware", summary)
        kept = await self._keeping.kept(person, held, wanted)
        if kept is None:
            raise stale(ref, (await self._keeping.held(ref)).revision)
        return answer(kept).model_copy(update={"findings": found.findings})

    async def _mapped(self, person: Person, ref: HostRef, revision: int) -> _Mapped:
        self._access.require(person, "draft-edit", ref)
        before = await self._keeping.held(ref)
        made_for = before.there.desired.base_topology
        check_revision(before, revision)
        machine = (await self._hosts.fetch(ref)).topology
        if machine is None:
            raise GuestwireError("UNSUPPORTED", f"{ref} does not tell what machine it is.")
        held = await self._keeping.held(ref)  # with what is known of the host now
        check_revision(held, revision)
        now, old = held.there, before.known.made_for(made_for)

        def make() -> tuple[DraftDocument, Remapped]:
            desired, moved = remap(now.desired, old, machine)
            return documents.of_desired(desired, ref.host, held.base_revision, now), moved

        document, moved = await asyncio.to_thread(make)
        return _Mapped(held, document, moved, machine.fingerprint)
