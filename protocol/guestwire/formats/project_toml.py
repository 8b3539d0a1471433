"""Project documents: a `Project` as the TOML text that its users edit.

    schema = 1
    name = "line 7"

    [hosts.h1]                      host_cpuset, base_revision, base_topology
    [hosts.h1.policy]               and settings, autostart
    [hosts.h1.guests.rtlinux]       guests, areas, events, queues, locks, networks: keyed by name; images, templates: by id
    topology = "2,2,1"              or [2, 2, 1], or "auto"
    [[hosts.h1.guests.rtlinux.disks]]

Every other key is the field of the model. What is left out has the model's default, but for the memory of a guest whose image
has one: `image_memory`.
"""

import re
from collections.abc import Mapping
from typing import Any

from guestwire.formats import toml_text
from guestwire.formats.image_memory import says_memory, with_memory
from guestwire.formats.strict import Mistake, invalid, read
from guestwire.model.desired import SCHEMA, Desired, Project

KEYED: Mapping[str, str] = {
    "templates": "id",
    "images": "id",
    "guests": "name",
    "areas": "name",
    "queues": "name",
    "locks": "name",
    "events": "name",
    "networks": "name",
}
"""The parts of a host that are tables keyed by a field of their entries."""

_TOPOLOGY = re.compile(r"\s*\d{1,9}\s*(,\s*\d{1,9}\s*)*", re.ASCII)


def load(text: str) -> Project:
    """The project of a document. Raises DOCUMENT-INVALID with every mistake: bad TOML (line and column), another schema,
    unknown keys, wrong types, values out of range. Rules are not asked."""
    project, mistakes = check(toml_text.read(text))
    if mistakes or project is None:
        raise invalid(mistakes)
    return project


def check(document: Mapping[str, Any]) -> tuple[Project | None, list[Mistake]]:
    """The project that the tables of a document mean, None where they mean none, and every mistake in them."""
    schema = document.get("schema")
    if "schema" in document and (schema != SCHEMA or isinstance(schema, bool)):
        other = (
            f"this program reads schema {SCHEMA}: use the version of Guestwire that wrote the document, or a newer one"
        )
        return None, [Mistake("schema", other)]
    mistakes = [] if "schema" in document else [Mistake("schema", f"is missing: write schema = {SCHEMA}")]
    labels: dict[tuple[str | int, ...], tuple[str, ...]] = {}
    shaped = {name: item for name, item in document.items() if name != "schema"}
    if isinstance(hosts := shaped.get("hosts"), Mapping):
        shaped["hosts"] = {name: _host(name, host, labels, mistakes) for name, host in hosts.items()}
    project, found = read(Project, shaped, labels)
    return project, mistakes + found


def dump(project: Project) -> str:
    """The document of a project, without what is left out with the same meaning: `load(dump(p)) == p`. Raises
    DOCUMENT-INVALID where two entries of a host have one name, which the document has no room for."""
    return toml_text.write(tables(project))


def tables(project: Project) -> dict[str, Any]:
    """The plain tables of a project's document."""
    mistakes: list[Mistake] = []
    document: dict[str, Any] = {"schema": SCHEMA}
    document |= project.model_dump(exclude_defaults=True, exclude={"hosts"})
    if project.hosts:
        document["hosts"] = {name: _host_tables(name, desired, mistakes) for name, desired in project.hosts.items()}
    if mistakes:
        raise invalid(mistakes)
    return document


def _host(host: str, table: Any, labels: dict[tuple[str | int, ...], tuple[str, ...]], mistakes: list[Mistake]) -> Any:
    """The shape of `Desired`: keyed tables become lists; `labels` keeps what their entries are called."""
    if not isinstance(table, Mapping):
        return table
    shaped = dict(table)
    for part, identity in KEYED.items():
        if part not in shaped:
            continue
        entries = shaped[part]
        if not isinstance(entries, Mapping):
            path = toml_text.path_text(("hosts", host, part))
            mistakes.append(Mistake(path, f"must be tables: [{path}.{identity.upper()}]"))
            del shaped[part]
            continue
        labels["hosts", host, part] = tuple(entries)
        for name, entry in entries.items():
            if isinstance(entry, Mapping) and identity in entry:
                path = toml_text.path_text(("hosts", host, part, name, identity))
                mistakes.append(Mistake(path, "the key of the table says it: leave it out"))
        images = table.get("images")
        shaped[part] = [_entry(part, {**entry, identity: name}, images) if isinstance(entry, Mapping) else entry
                        for name, entry in entries.items()]  # fmt: skip
    return shaped


def _entry(part: str, entry: dict[str, Any], images: Any) -> dict[str, Any]:
    if part != "guests":
        return entry
    entry = with_memory(entry, images)
    topology = entry.get("topology")
    if isinstance(topology, str) and _TOPOLOGY.fullmatch(topology):
        return {**entry, "topology": [int(number) for number in topology.split(",")]}
    return entry


def _host_tables(host: str, desired: Desired, mistakes: list[Mistake]) -> dict[str, Any]:
    plain = desired.model_dump(exclude_defaults=True)
    made = {name: item for name, item in plain.items() if name not in KEYED}
    for part, identity in KEYED.items():
        if part not in plain:
            continue
        entries: dict[str, Any] = {}
        for number, entry in enumerate(plain[part]):
            name = entry.pop(identity)
            if part == "guests" and says_memory(desired):
                entry["memory_mib"] = desired.guests[number].memory_mib
            if name in entries:
                mistakes.append(
                    Mistake(toml_text.path_text(("hosts", host, part, name)), f"the {identity} is not unique")
                )
            if isinstance(topology := entry.get("topology"), tuple):
                entry["topology"] = ",".join(str(number) for number in topology)
            entries[name] = entry
        made[part] = entries
    return made
