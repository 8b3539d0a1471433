"""A host's configuration as a tree of plain values. Pure.

A tree has the tables of a project document (`formats.project_toml`), so that the places in it are those of edits and of
issues: "guests.web.memory_mib". A project's name and comments are in it as "project". `base_revision` is not in it: from
which revision a draft was edited is the controller's to note.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from guestwire.formats import project_toml
from guestwire.formats.strict import invalid
from guestwire.model.desired import SCHEMA, Project

Tree: TypeAlias = Mapping[str, Any]
Place: TypeAlias = tuple[str, ...]
PROJECT = "project"
_ABOUT = ("name", "comments")
_SECTIONS = frozenset({"policy", "autostart", "settings", PROJECT})
TABLES_OF_ENTRIES = frozenset({("areas", "overrides")})
"""Fields of entries that are tables by name themselves; every other field is one value."""


def tree(project: Project, host: str) -> Tree:
    """The tree of one host of a project; the project need not have it. Raises DOCUMENT-INVALID where two entries have one
    name."""
    tables = plain(project_toml.tables(project))
    found = _of_host(tables.get("hosts", {}).get(host, {}))
    about = _about(tables)
    return {**found, PROJECT: about} if about else found


def whole(project: Project) -> tuple[Tree, Mapping[str, Tree]]:
    """What is said of a project itself, and the trees of all its hosts. Raises as `tree` does."""
    tables = plain(project_toml.tables(project))
    return _about(tables), {host: _of_host(found) for host, found in tables.get("hosts", {}).items()}


def project_of(made: Tree, host: str, base_revision: int | None) -> Project:
    """The project that a tree means. Raises DOCUMENT-INVALID with every mistake."""
    inside = {name: part for name, part in made.items() if name != PROJECT}
    noted = {} if base_revision is None else {"base_revision": base_revision}
    project, mistakes = project_toml.check(
        {"schema": SCHEMA, **made.get(PROJECT, {}), "hosts": {host: {**inside, **noted}}}
    )
    if mistakes or project is None:
        raise invalid(mistakes)
    return project


def splits(place: Place) -> bool:
    """Whether a table at the place has parts that people change one by one; else it is one value."""
    if not place:
        return True
    if place[0] in _SECTIONS:
        return len(place) == 1
    if place[0] not in project_toml.KEYED:
        return False
    return len(place) < 3 or (len(place) == 3 and (place[0], place[2]) in TABLES_OF_ENTRIES)


def is_entry(place: Place) -> bool:
    """Whether a guest, an area, a network, ... is at the place."""
    return len(place) == 2 and place[0] in project_toml.KEYED


def _of_host(tables: Tree) -> Tree:
    return {name: part for name, part in tables.items() if name != "base_revision"}


def _about(tables: Tree) -> Tree:
    return {name: tables[name] for name in _ABOUT if name in tables}


def plain(value: Any) -> Any:
    """Plain values as JSON has them: lists for tuples."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
