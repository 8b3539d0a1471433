"""Projects and examples into drafts: what that would overwrite is shown first, and done for all hosts or for none."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from guestwire.controller.host_ref import HostRef, host_ref
from guestwire.controller.projects import documents
from guestwire.controller.projects.differences import differences
from guestwire.controller.projects.drafts import stale
from guestwire.controller.projects.host_reading import HostReading
from guestwire.controller.projects.judging import judged, unapplied
from guestwire.controller.projects.keeping import DraftKeeping, Held, Next
from guestwire.controller.projects.project_models import (
    ExampleShown,
    ExampleWanted,
    Opened,
    OpenedAll,
    OpenWanted,
)
from guestwire.controller.projects.projects import Projects
from guestwire.controller.projects.telling import told
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.formats import examples, project_edits, toml_rewrite
from guestwire.model.desired import Project
from guestwire.model.errors import GuestwireError

AWAY = frozenset({"HOST-UNREACHABLE", "NO-ANSWER", "HOST-NOT-APPROVED"})


class _Part(NamedTuple):
    """One host of what is opened. `host`: what it is called there; `text`: a project file with that host."""

    host: str
    target: HostRef
    text: str


class Opening:
    """Opens projects and examples."""

    def __init__(self, access: Access, projects: Projects, hosts: HostReading, keeping: DraftKeeping) -> None:
        self._access = access
        self._projects = projects
        self._hosts = hosts
        self._keeping = keeping

    async def open(self, person: Person, name: str, wanted: OpenWanted) -> OpenedAll:
        """Make the drafts of hosts what a project has of them. A draft that is there must be named in `overwrite`, with its
        revision. Raises NOT-FOUND, EXISTS, REVISION-STALE."""
        row, project = await self._projects.content(person, name)
        chosen = wanted.hosts if wanted.hosts is not None else {host: f"{row.site}/{host}" for host in project.hosts}
        if missing := [host for host in chosen if host not in project.hosts]:
            raise GuestwireError("NOT-FOUND", f"The project {name} has no host {missing[0]}.", field="hosts")
        if len(set(chosen.values())) != len(chosen):
            raise GuestwireError("INVALID-BODY", "Two hosts of the project would become one draft.", field="hosts")
        parts = await asyncio.to_thread(_parts, row.text or "", project, chosen)
        return await self._opened(person, parts, wanted.overwrite, f"project {name}", preview=wanted.preview)

    async def open_example(self, person: Person, example: str, wanted: ExampleWanted) -> OpenedAll:
        """Make the draft of a host an example, likewise. Raises NOT-FOUND, EXISTS, REVISION-STALE."""
        target = host_ref(wanted.host)
        part = _Part(target.host, target, examples.example_text(example, target.host))
        overwrite = {} if wanted.overwrite is None else {wanted.host: wanted.overwrite}
        return await self._opened(person, [part], overwrite, f"example {example}", preview=wanted.preview)

    def examples(self) -> tuple[ExampleShown, ...]:
        """The examples there are."""
        return tuple(
            ExampleShown(name=one.name, summary=one.summary, guests=_guests(one.name), text="")
            for one in examples.EXAMPLES
        )

    def example(self, name: str, host: str) -> ExampleShown:
        """An example, as a project file for a host. Raises NOT-FOUND."""
        text = examples.example_text(name, host)
        known = {one.name: one for one in examples.EXAMPLES}
        one = known[examples.ALIASES.get(name, name)]
        return ExampleShown(name=one.name, summary=one.summary, guests=_guests(one.name), text=text)

    async def _opened(
        self, person: Person, parts: Sequence[_Part], overwrite: Mapping[str, int], summary: str, *, preview: bool
    ) -> OpenedAll:
        for part in parts:
            self._access.require(person, "read" if preview else "draft-edit", part.target)
        made = [await self._next(part, summary) for part in parts]
        shown = [await asyncio.to_thread(_told, part, *one) for part, one in zip(parts, made, strict=True)]
        if preview:
            return OpenedAll(done=False, drafts=tuple(shown))
        for part, (held, _) in zip(parts, made, strict=True):
            _check(part.target, held, overwrite)
        if await self._keeping.all_kept(person, made) is None:
            for part in parts:
                _check(part.target, await self._keeping.held(part.target), overwrite)
            raise stale(parts[0].target, made[0][0].revision)
        kept = [
            one.model_copy(update={"draft_revision": held.revision + 1})
            for one, (held, _) in zip(shown, made, strict=True)
        ]
        return OpenedAll(done=True, drafts=tuple(kept))

    async def _next(self, part: _Part, summary: str) -> tuple[Held, Next]:
        held = await self._keeping.held(part.target)
        if held.known.shown is None:
            held = await self._asked(held)
        active = held.known.shown
        number = None if active is None else active.revision.number
        document = await asyncio.to_thread(documents.of_text, part.text, part.target.host, number)
        base = None if active is None else active.desired
        return held, Next(document, number, base, "open", summary)

    async def _asked(self, held: Held) -> Held:
        """Ask a host once that was never asked; what is away is known later."""
        try:
            await self._hosts.fetch(held.ref)
        except GuestwireError as err:
            if err.code not in AWAY:
                raise
            return held
        return await self._keeping.held(held.ref)


def _check(target: HostRef, held: Held, overwrite: Mapping[str, int]) -> None:
    """Raises EXISTS or REVISION-STALE where a draft would be overwritten that nobody said may be."""
    if held.document is None:
        return
    revision = overwrite.get(str(target))
    if revision is None:
        text = f"There is a draft of {target}: look at what would be overwritten (preview), and name its revision."
        raise GuestwireError("EXISTS", text, field="overwrite", detail={"host": str(target), "revision": held.revision})
    if revision != held.revision:
        raise stale(target, held.revision)


def _told(part: _Part, held: Held, wanted: Next) -> Opened:
    target, host = part.target, part.target.host
    now = held.document
    active = held.known.active
    found = judged(wanted.document.desired, wanted.base, held.known, host)
    about = told(differences({} if now is None else now.tree, wanted.document.tree))
    return Opened(
        host=part.host, target=str(target), draft_revision=0 if now is None else held.revision,
        unapplied=now is not None and unapplied(now.desired, held.base, active, host),
        changes=about.changes, more=about.more, items=found.items,
        removed=tuple(item.object.partition(".")[2] for item in found.items if _removes_guest(item.op, item.object)),
        errors=found.findings.errors, warnings=found.findings.warnings,
    )  # fmt: skip


def _removes_guest(op: str, place: str) -> bool:
    return op == "delete" and place.startswith("guests.")


def _parts(text: str, project: Project, chosen: Mapping[str, str]) -> list[_Part]:
    found = ((host, host_ref(target)) for host, target in chosen.items())
    return [_Part(host, target, _alone(text, project, host, target.host)) for host, target in found]


def _alone(text: str, project: Project, host: str, name: str) -> str:
    """The project file with that host alone, under another name; what stays the same keeps its lines and remarks."""
    alone = project_edits.update(text, project.model_copy(update={"hosts": {host: project.hosts[host]}}))
    if host == name:
        return alone
    renamed = toml_rewrite.rename_headers(alone, ("hosts",), host, name)
    return project_edits.update(renamed, project.model_copy(update={"hosts": {name: project.hosts[host]}}))


def _guests(name: str) -> tuple[str, ...]:
    return tuple(guest.name for guest in examples.open_example(name, "h").hosts["h"].guests)
