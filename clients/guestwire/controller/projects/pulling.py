"""A draft from what a host has: made anew, or brought up to it with the edits that are in it."""

import asyncio
from typing import Literal

from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects import documents
from guestwire.controller.projects.documents import DraftDocument
from guestwire.controller.projects.draft_models import DraftShown
from guestwire.controller.projects.draft_reading import DraftReading
from guestwire.controller.projects.drafts import TRIES, stale
from guestwire.controller.projects.host_reading import HostReading
from guestwire.controller.projects.judging import unapplied
from guestwire.controller.projects.keeping import DraftKeeping, Held, Kind, Next
from guestwire.controller.projects.merging import Prefer, merge
from guestwire.controller.projects.telling import told_conflicts
from guestwire.controller.store.host_configs import HostConfig
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.sdk.draft_state import identified

How = Literal["replace", "merge"]


class Pulling:
    """Asks hosts what they have, and makes drafts of it."""

    def __init__(self, access: Access, hosts: HostReading, keeping: DraftKeeping, reading: DraftReading) -> None:
        self._access = access
        self._hosts = hosts
        self._keeping = keeping
        self._reading = reading

    async def pull(
        self,
        person: Person,
        ref: HostRef,
        how: How = "replace",
        *,
        discard: int | None = None,
        prefer: Prefer | None = None,
    ) -> DraftShown:
        """Make the draft what the host has now, or with `merge` what it has and the draft's edits on top.

        `discard`: the revision of the draft whose edits may be lost; else a draft with edits that were not applied is not
        replaced (EXISTS). `prefer`: whose word counts where the host and the draft have changed the same; else that is
        refused (BASE-REVISION, with the places). Raises REVISION-STALE where the draft is not `discard` any more, and what
        asking the host does."""
        self._access.require(person, "draft-edit", ref)
        config = await self._hosts.fetch(ref)
        for _ in range(TRIES):
            held = await self._keeping.held(ref)
            document = await asyncio.to_thread(self._wanted, held, config, how, discard, prefer)
            desired = _of(config)
            summary = f"revision {config.shown.revision.number} of the host"
            kind: Kind = "rebase" if how == "merge" else "pull"
            wanted = Next(document, config.shown.revision.number, desired, kind, summary)
            same = held.document is not None and document.text == held.document.text and held.base == desired
            if same:
                await self._keeping.rejudge(ref)
            if same or await self._keeping.kept(person, held, wanted) is not None:
                return await self._reading.show(person, ref)
        raise stale(ref, (await self._keeping.held(ref)).revision)

    async def rebase(self, person: Person | None, ref: HostRef, number: int, summary: str) -> None:
        """Note that a draft was made true as that revision of its host: it is edited from there now, and its guests have the
        identifiers that the host gave them. Nothing where the host has another revision by now. Raises what asking the
        host does."""
        config = await self._hosts.fetch(ref)
        for _ in range(TRIES):
            held = await self._keeping.held(ref)
            if config.shown.revision.number != number or held.document is None:
                break
            desired = identified(held.document.desired, config.shown.desired)
            document = documents.of_desired(desired, ref.host, number, held.document)
            wanted = Next(document, number, _of(config), "apply", summary)
            if await self._keeping.kept(person, held, wanted) is not None:
                return
        await self._keeping.rejudge(ref)

    def _wanted(
        self, held: Held, config: HostConfig, how: How, discard: int | None, prefer: Prefer | None
    ) -> DraftDocument:
        ref, number, desired = held.ref, config.shown.revision.number, _of(config)
        now = held.document
        if how == "merge" and now is not None:
            return _on_top(held, now, desired, number, prefer)
        if discard is not None and discard != held.revision:
            raise stale(ref, held.revision)
        if discard is None and now is not None and unapplied(now.desired, held.base, config.shown.desired, ref.host):
            raise GuestwireError(
                "EXISTS",
                f"The draft of {ref} has edits that were not applied: pull with how=merge to keep them, or with `discard` "
                "to drop them.",
                detail={"revision": held.revision},
            )
        return documents.of_desired(desired, ref.host, number, now)


def _of(config: HostConfig) -> Desired:
    """What a host has, as a draft of it says it: with the machine that it is for."""
    desired = config.shown.desired
    made_for = desired.base_topology or (config.topology.fingerprint if config.topology is not None else None)
    return desired.model_copy(update={"base_revision": config.shown.revision.number, "base_topology": made_for})


def _on_top(held: Held, now: DraftDocument, desired: Desired, number: int, prefer: Prefer | None) -> DraftDocument:
    """The edits of a draft on top of what its host has now. Raises BASE-REVISION with the places that both changed."""
    if held.base is None:
        text = "It is not known what this draft was edited from: pull it anew, and edit that."
        raise GuestwireError("BASE-REVISION", text, detail={"revision": held.revision, "conflicts": []})
    active = documents.of_desired(desired, held.ref.host, number, now)
    base = documents.of_desired(held.base, held.ref.host, number, now)
    made = merge(base.tree, now.tree, active.tree, prefer)
    if made.conflicts:
        places = ", ".join(one.path for one in made.conflicts[:3])
        raise GuestwireError(
            "BASE-REVISION",
            f"The host and the draft have both changed {places}: pull again with prefer=mine or prefer=theirs.",
            detail={"revision": held.revision, "conflicts": told_conflicts(made.conflicts)},
        )
    return documents.of_tree(made.tree, number, now)
