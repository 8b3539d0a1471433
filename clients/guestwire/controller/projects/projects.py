"""Named projects: configurations of the hosts of a site, kept under a name with all their revisions.

A project changes no draft and no host: it is opened into drafts (`opening`), and drafts are saved into it.
"""

import asyncio
import json
import re
from collections.abc import Callable, Sequence

from guestwire.controller.feed import Change, Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects import known_hosts
from guestwire.controller.projects.differences import project_differences
from guestwire.controller.projects.draft_models import Told
from guestwire.controller.projects.edits import printable
from guestwire.controller.projects.exporting import Exported, File, exported
from guestwire.controller.projects.keeping import DraftKeeping
from guestwire.controller.projects.listing import visible_page
from guestwire.controller.projects.project_models import (
    RESERVED,
    ProjectHead,
    ProjectHost,
    ProjectRevisionShown,
    ProjectShown,
    ProjectWanted,
)
from guestwire.controller.projects.telling import told
from guestwire.controller.store import audit_rows, projects
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.projects import ProjectRevision, ProjectRow
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.formats import project_edits, project_toml, toml_text
from guestwire.model.desired import Project
from guestwire.model.errors import GuestwireError
from guestwire.protocol.ids import is_slug
from guestwire.sdk import interchange
from guestwire.sdk.interchange import Format

REVISIONS = 200
"""How many revisions of a project are kept."""
LONGEST = 8 << 20
_HOST = re.compile(r"hosts\.([a-z0-9-]+)")


class Projects:
    """Keeps projects. Who may see all hosts of a project may see it; who may edit them all may change it."""

    def __init__(
        self, database: Database, access: Access, feed: Feed, keeping: DraftKeeping, clock_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._access = access
        self._feed = feed
        self._keeping = keeping
        self._clock_ms = clock_ms

    async def page(self, person: Person, after: str | None, limit: int) -> Sequence[ProjectHead]:
        """The projects that a person may see, by name."""
        visible = self._access.visible(person)

        async def read(key: str | None, many: int) -> Sequence[ProjectRow]:
            async with self._database.read() as tx:
                return await projects.page(tx, key, many)

        found = await visible_page(
            read, after, limit, lambda row: row.name, lambda row: visible.sees_all(_refs(row.site, row.hosts))
        )
        return [_head(row) for row in found]

    async def show(self, person: Person, name: str) -> ProjectShown:
        """A project. Raises NOT-FOUND."""
        row, project = await self.content(person, name)
        return _shown(row, project)

    async def content(self, person: Person, name: str) -> tuple[ProjectRow, Project]:
        """A project and what it has. Raises NOT-FOUND."""
        async with self._database.read() as tx:
            row = await self._there(tx, person, name)
        return row, await asyncio.to_thread(project_toml.load, row.text or "")

    async def put(self, person: Person, name: str, wanted: ProjectWanted, revision: int | None) -> ProjectShown:
        """Make the project that; `revision` None: there must be none of that name yet. Raises REVISION-STALE, EXISTS,
        DRAFT-MISSING, DOCUMENT-INVALID with every mistake."""
        _check_name(name)
        if (wanted.text is None) == (wanted.drafts is None):
            raise GuestwireError("INVALID-BODY", "Give either text or drafts.", field="text")
        self._require(person, wanted.site, wanted.drafts or ())
        before = await self._standing(person, name, revision)
        if before is not None and before.site != wanted.site:
            text = f"The project {name} is of the site {before.site}, and stays so: save it under another name."
            raise GuestwireError("INVALID-BODY", text, field="site")
        if wanted.text is not None:
            text, project = await asyncio.to_thread(_of_text, wanted.text)
            summary = "a project file"
        else:
            text, project = await self._of_drafts(wanted, before.text if before is not None else None)
            summary = f"the drafts of {', '.join(wanted.drafts or ())}"
        return await self._kept(person, name, wanted.site, text, project, before, summary)

    async def copy(self, person: Person, name: str, to: str) -> ProjectShown:
        """Another project with the same content. Raises NOT-FOUND, EXISTS."""
        _check_name(to)
        row, project = await self.content(person, name)
        await self._standing(person, to, None)
        return await self._kept(person, to, row.site, row.text or "", project, None, f"a copy of {name}")

    async def rename(self, person: Person, name: str, to: str, revision: int) -> ProjectShown:
        """Give a project another name; its revisions go with it. Raises NOT-FOUND, EXISTS, REVISION-STALE."""
        _check_name(to)
        if to == name:
            raise GuestwireError("EXISTS", f"The project is called {name} already.", field="to")
        at = self._clock_ms()
        async with self._database.write() as tx:
            row = await self._there(tx, person, name)
            self._require(person, row.site, row.hosts)
            _check_revision(row, revision)
            other = await projects.find(tx, to)
            if other is not None and other.text is not None:
                raise GuestwireError("EXISTS", f"There is a project {to} already.", field="to")
            number = max(row.revision, other.revision if other is not None else 0) + 1
            made = ProjectRow(to, row.site, number, row.hosts, person.id, person.name, at, row.text)
            gone = ProjectRow(name, row.site, row.revision + 1, (), person.id, person.name, at)
            await projects.put(tx, made)
            await projects.put(tx, gone)
            await projects.rename_revisions(tx, name, to)
            await self._note(tx, made, f"it was called {name}", Told())
            await audit_rows.add(tx, AuditEntry(at, person, "project-rename", name, detail={"to": to}))
        self._publish(gone, _refs(row.site, row.hosts))
        self._publish(made, _refs(row.site, row.hosts))
        return _shown(made, await asyncio.to_thread(project_toml.load, made.text or ""))

    async def remove(self, person: Person, name: str, revision: int) -> None:
        """Remove a project and its revisions. Raises NOT-FOUND, REVISION-STALE."""
        at = self._clock_ms()
        async with self._database.write() as tx:
            row = await self._there(tx, person, name)
            self._require(person, row.site, row.hosts)
            _check_revision(row, revision)
            gone = ProjectRow(name, row.site, row.revision + 1, (), person.id, person.name, at)
            await projects.put(tx, gone)
            await projects.forget_revisions(tx, name)
            await audit_rows.add(tx, AuditEntry(at, person, "project-remove", name))
        self._publish(gone, _refs(row.site, row.hosts))

    async def revisions(
        self, person: Person, name: str, before: int | None, limit: int
    ) -> Sequence[ProjectRevisionShown]:
        """The revisions of a project, newest first, with what each changed of hosts that the person may see."""
        async with self._database.read() as tx:
            project = await self._there(tx, person, name)
            rows = await projects.revisions(tx, name, before, limit)
        visible = self._access.visible(person)
        return [_revision(row, lambda host: visible.sees(HostRef(project.site, host))) for row in rows]

    async def text_of(self, person: Person, name: str, number: int) -> str:
        """The project file of an earlier revision. Raises NOT-FOUND."""
        async with self._database.read() as tx:
            project = await self._there(tx, person, name)
            row = await projects.revision(tx, name, number)
        if row is None or row.text is None:
            raise GuestwireError("NOT-FOUND", f"Revision {number} of the project {name} is not kept.", field="revision")
        for host in (await asyncio.to_thread(project_toml.load, row.text)).hosts:
            self._access.require(person, "read", HostRef(project.site, host))
        return row.text

    async def exported(self, person: Person, name: str, form: Format, host: str | None) -> Exported:
        """A project in a format: the whole project file, or one host of it. `host` None: the only one, where the format takes one.
        Raises NOT-FOUND, INVALID-BODY, NAME-INVALID, NAME-DUP."""
        row, project = await self.content(person, name)
        if host is None and form in interchange.WHOLE:
            return Exported(format=form, files=(File(name=f"{name}.toml", text=row.text or ""),))
        if host is None and len(project.hosts) != 1:
            text = f"Which host? The project has: {', '.join(sorted(project.hosts)) or 'none'}."
            raise GuestwireError("INVALID-BODY", text, field="host")
        host = host or next(iter(project.hosts))
        if host not in project.hosts:
            raise GuestwireError("NOT-FOUND", f"The project {name} has no host {host}.", field="host")
        async with self._database.read() as tx:
            known = await known_hosts.known(tx, HostRef(row.site, host))
        return await asyncio.to_thread(exported, form, project.hosts[host], host, known.active, known.topology)

    # -- pieces

    async def _there(self, tx: Tx, person: Person, name: str) -> ProjectRow:
        row = await projects.find(tx, name)
        if row is None or row.text is None:
            raise GuestwireError("NOT-FOUND", f"There is no project {name}.", field="name")
        self._may_see(person, row)
        return row

    def _may_see(self, person: Person, row: ProjectRow) -> None:
        """Raises DENIED, and names no host: it may be one that they do not know of."""
        if not self._access.visible(person).sees_all(_refs(row.site, row.hosts)):
            text = f"{person.name} may not see every host of the project {row.name}: an admin gives roles."
            raise GuestwireError("DENIED", text, detail={"action": "read", "target": row.name})

    def _require(self, person: Person, site: str, hosts: Sequence[str]) -> None:
        """Raises DENIED where somebody may not edit one of the hosts. A project of no host is anybody's who may edit one."""
        self._access.require(person, "project-save")
        for ref in _refs(site, hosts):
            self._access.require(person, "project-save", ref)

    async def _standing(self, person: Person, name: str, revision: int | None) -> ProjectRow | None:
        """The project that is to be replaced; None: there is none, as is wanted."""
        async with self._database.read() as tx:
            row = await projects.find(tx, name)
        there = row is not None and row.text is not None
        if revision is None:
            if there:
                raise GuestwireError("EXISTS", f"There is a project {name} already.", field="name")
            return None
        if row is None or not there:
            raise GuestwireError("NOT-FOUND", f"There is no project {name}.", field="name")
        self._may_see(person, row)
        self._require(person, row.site, row.hosts)
        _check_revision(row, revision)
        return row

    async def _of_drafts(self, wanted: ProjectWanted, now: str | None) -> tuple[str, Project]:
        """A project of drafts as they are; of one draft with its remarks."""
        hosts, texts = {}, []
        for host in dict.fromkeys(wanted.drafts or ()):
            document = (await self._keeping.held(HostRef(wanted.site, host))).there
            hosts[host] = document.desired.model_copy(update={"base_revision": None})
            texts.append(document.text)
        before = Project() if now is None else await asyncio.to_thread(project_toml.load, now)
        project = Project(
            name=wanted.title or before.name, comments=wanted.comments or before.comments, hosts=hosts
        )  # fmt: skip
        begin = now if now is not None else texts[0] if len(texts) == 1 else None
        if begin is None:
            return await asyncio.to_thread(project_toml.dump, project), project
        return await asyncio.to_thread(project_edits.update, begin, project), project

    async def _kept(
        self, person: Person, name: str, site: str, text: str, project: Project, before: ProjectRow | None, summary: str
    ) -> ProjectShown:
        hosts = tuple(project.hosts)
        self._require(person, site, hosts)
        _check_hosts(hosts)
        about, at = await asyncio.to_thread(_about, before, project), self._clock_ms()
        async with self._database.write() as tx:
            row = await projects.find(tx, name)
            now = None if row is None or row.text is None else row.revision
            if now != (None if before is None else before.revision):
                raise _stale(name, now or 0)
            number = (0 if row is None else row.revision) + 1
            made = ProjectRow(name, site, number, hosts, person.id, person.name, at, text)
            await projects.put(tx, made)
            await self._note(tx, made, summary, about)
            detail = {"revision": number, "summary": summary[:300]}
            await audit_rows.add(tx, AuditEntry(at, person, "project-save", name, detail=detail))
        about_hosts = dict.fromkeys((*hosts, *(() if before is None else before.hosts)))
        self._publish(made, _refs(site, tuple(about_hosts)))
        return _shown(made, project)

    async def _note(self, tx: Tx, row: ProjectRow, summary: str, about: Told) -> None:
        revision = ProjectRevision(
            row.name, row.revision, row.author_id, row.author, row.at, printable(summary)[:300],
            about.model_dump_json(), row.text,
        )  # fmt: skip
        await projects.add_revision(tx, revision, REVISIONS)

    def _publish(self, row: ProjectRow, about: tuple[HostRef, ...]) -> None:
        document = None if row.text is None else json.loads(_head(row).model_dump_json())
        self._feed.publish(Change("project", row.name, document, about, all_hosts=True))


def _about(before: ProjectRow | None, project: Project) -> Told:
    """What a project changes of the one before."""
    was = Project() if before is None else project_toml.load(before.text or "")
    return told(project_differences(was, project))


def _of_text(text: str) -> tuple[str, Project]:
    """A project file without what it was once edited from: that is a draft's matter."""
    if len(text) > LONGEST:
        raise GuestwireError("DOCUMENT-INVALID", f"A project has at most {LONGEST} characters.", field="text")
    read = project_toml.load(text)
    hosts = {host: desired.model_copy(update={"base_revision": None}) for host, desired in read.hosts.items()}
    project = read.model_copy(update={"hosts": hosts})
    return project_edits.update(text, project), project


def _check_name(name: str) -> None:
    if name in RESERVED:
        raise GuestwireError("INVALID-BODY", f"A project cannot be called {name}: take another name.", field="name")


def _check_hosts(hosts: Sequence[str]) -> None:
    for host in hosts:
        if not is_slug(host):
            text = f"{host[:100]!r} is no host: ids of hosts have a to z, 0 to 9 and -."
            raise GuestwireError("DOCUMENT-INVALID", text, field=toml_text.path_text(("hosts", host)))


def _check_revision(row: ProjectRow, revision: int) -> None:
    if row.revision != revision:
        raise _stale(row.name, row.revision)


def _stale(name: str, revision: int) -> GuestwireError:
    text = f"The project {name} was changed since: read it again."
    return GuestwireError("REVISION-STALE", text, detail={"revision": revision})


def _refs(site: str, hosts: Sequence[str]) -> tuple[HostRef, ...]:
    return tuple(HostRef(site, host) for host in hosts)


def _head(row: ProjectRow) -> ProjectHead:
    return ProjectHead(
        name=row.name, site=row.site, revision=row.revision, hosts=row.hosts, author=row.author, at=row.at
    )


def _shown(row: ProjectRow, project: Project) -> ProjectShown:
    content = tuple(
        ProjectHost(host=host, guests=tuple(guest.name for guest in desired.guests))
        for host, desired in project.hosts.items()
    )
    return ProjectShown(
        **_head(row).model_dump(), title=project.name, comments=project.comments, text=row.text or "", content=content
    )


def _revision(row: ProjectRevision, sees: Callable[[str], bool]) -> ProjectRevisionShown:
    about = Told.model_validate_json(row.changes)
    changes = tuple(one for one in about.changes if not (host := _HOST.match(one.path)) or sees(host[1]))
    return ProjectRevisionShown(
        revision=row.revision, author=row.author, at=row.at, summary=row.summary, changes=changes, more=about.more
    )
