"""A draft's document: the text of a project file with one host, as people edit it, and what it means. Pure.

The text keeps its author's remarks and order through every edit. `base_revision` in it is the controller's, whatever a
person writes there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from guestwire.controller.projects import edits, trees
from guestwire.controller.projects.edits import DraftEdit
from guestwire.controller.projects.trees import Tree
from guestwire.formats import project_edits, project_toml, strict, toml_text
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError

LONGEST = 2 << 20
"""Characters of a document: a configuration goes to its host in one request, of less than that."""


@dataclass(frozen=True)
class DraftDocument:
    """The document of one host. Made by the functions below, which check it."""

    host: str
    text: str
    read: Project | None = field(default=None, repr=False, compare=False)
    """What the text means, where that is known already."""

    @cached_property
    def project(self) -> Project:
        return project_toml.load(self.text) if self.read is None else self.read

    @property
    def desired(self) -> Desired:
        return self.project.hosts[self.host]

    @cached_property
    def tree(self) -> Tree:
        return trees.tree(self.project, self.host)


def empty(host: str, base_revision: int | None) -> DraftDocument:
    """The document of a host of which nothing is wanted yet."""
    return of_project(Project(hosts={host: Desired()}), host, base_revision, None)


def of_text(text: str, host: str, base_revision: int | None) -> DraftDocument:
    """The document that somebody wrote. The only host of a project may have another name: it is taken to this one. Raises
    DOCUMENT-INVALID with every mistake, NOT-FOUND where several hosts are in it and not this one."""
    _check_length(text)
    project = project_toml.load(text)
    if host not in project.hosts and len(project.hosts) != 1:
        named = ", ".join(sorted(project.hosts)[:8]) or "none"
        raise GuestwireError("NOT-FOUND", f"The project has no host {host} (it has: {named}).", field="host")
    desired = project.hosts.get(host) or next(iter(project.hosts.values()))
    wanted = project.model_copy(update={"hosts": {host: desired}})
    return of_project(wanted, host, base_revision, text if host in project.hosts else None)


def of_json(plain: Mapping[str, Any], host: str, base_revision: int | None, now: DraftDocument | None) -> DraftDocument:
    """The document that plain values mean, which have the shape of `Desired`; the remarks in `now` stay. Raises
    DOCUMENT-INVALID with every mistake."""
    desired, mistakes = strict.read(Desired, plain)
    if mistakes or desired is None:
        raise strict.invalid(mistakes)
    return of_desired(desired, host, base_revision, now)


def of_desired(desired: Desired, host: str, base_revision: int | None, now: DraftDocument | None) -> DraftDocument:
    """The document of a configuration; what stays the same as in `now` keeps its lines and remarks."""
    before = Project() if now is None else now.project
    wanted = before.model_copy(update={"hosts": {host: desired}})
    return of_project(wanted, host, base_revision, None if now is None else now.text)


def of_tree(made: Tree, base_revision: int | None, now: DraftDocument) -> DraftDocument:
    """The document that a tree means. Raises DOCUMENT-INVALID where no host could be like that."""
    return of_project(trees.project_of(made, now.host, base_revision), now.host, base_revision, now.text)


def edited(now: DraftDocument, wanted: Sequence[DraftEdit], base_revision: int | None) -> DraftDocument:
    """The document after edits: all of them or none. Raises DOCUMENT-INVALID with every mistake, NOT-FOUND, EXISTS."""
    text = edits.carried_out(now.text, now.host, wanted)
    _check_length(text)
    project = project_toml.load(text)
    if project.hosts[now.host].base_revision == base_revision:
        return DraftDocument(now.host, text, project)
    return of_project(project, now.host, base_revision, text)


def of_project(project: Project, host: str, base_revision: int | None, text: str | None) -> DraftDocument:
    """The document of a project; `text`: the project file that it is written into."""
    desired = project.hosts[host].model_copy(update={"base_revision": base_revision})
    wanted = project.model_copy(update={"hosts": {host: desired}})
    made = project_toml.dump(wanted) if text is None else project_edits.update(text, wanted)
    _check_length(made)
    return DraftDocument(host, made, wanted)


def _check_length(text: str) -> None:
    if len(text) > LONGEST:
        raise strict.invalid([toml_text.Mistake("", f"is longer than {LONGEST} characters")])
