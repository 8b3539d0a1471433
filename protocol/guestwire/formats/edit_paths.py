"""Where an edit points: its text, the place in a project's tables that it means, and the type of what is there."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin

from guestwire.formats import edit_values
from guestwire.formats.project_toml import KEYED
from guestwire.formats.strict import choices, did_you_mean
from guestwire.formats.toml_text import path_text
from guestwire.model.desired import Desired, Project
from guestwire.model.guest import Guest

NOUNS: Mapping[str, str] = {
    "guest": "guests", "area": "areas", "event": "events", "queue": "queues", "lock": "locks", "network": "networks",
    "image": "images", "template": "templates",
}  # fmt: skip
"""One of each, as users say it, and the key of all of them. Both are understood."""

SYSTEM_MANAGER_KEYS: Mapping[str, str] = {"cpumask": "cpuset", "cpu": "vcpus", "memory": "memory_mib"}
"""Keys of /CONFIGUREGUEST (SM 14.1.3), of any case and with or without underscores, and our fields."""

Operator = Literal["=", "+=", "-=", "-"]

_SEGMENT = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^\s."'=]+))\s*""")


class Edit(NamedTuple):
    """One edit as it was typed. `operator`: set, append to a list, take out of a list, back to the default."""

    path: tuple[str, ...]
    operator: Operator
    value: str


class Target(NamedTuple):
    """What an edit means: keys from the document's root, and the type there. `mask`: the value is a CPU mask."""

    place: tuple[str | int, ...]
    annotation: Any
    mask: bool = False

    @property
    def field(self) -> str:
        return next((part for part in reversed(self.place) if isinstance(part, str)), "")


def parse_edit(text: str) -> Edit:
    """The parts of `PATH=VALUE`, `PATH+=VALUE`, `PATH-=VALUE`, `PATH-`. Raises ValueError."""
    path: list[str] = []
    at = 0
    while match := _SEGMENT.match(text, at):
        at = match.end()
        quoted = match[3] is None
        path.append(next(part for part in match.groups() if part is not None))
        if text[at : at + 1] != ".":
            return _edit(path, quoted, text[at:])
        at += 1
    raise ValueError("write PATH=VALUE, PATH+=VALUE, PATH-=VALUE or PATH-, such as guest.rtlinux.memory_mib=256")


def _edit(path: list[str], quoted: bool, rest: str) -> Edit:
    """An edit from its keys and what follows them. After a key without quotes, + and - belong to the operator."""
    if quoted and rest[:1] in ("+", "-"):
        sign, rest = rest[0], rest[1:]
    elif not quoted and len(path[-1]) > 1 and path[-1][-1] in "+-":
        sign, path = path[-1][-1], [*path[:-1], path[-1][:-1]]
    else:
        sign = ""
    if rest.startswith("="):
        operator: Operator = "+=" if sign == "+" else "-=" if sign == "-" else "="
        return Edit(tuple(path), operator, rest[1:])
    if rest or sign != "-":
        raise ValueError("write = and a value behind the path, or - to go back to the default")
    return Edit(tuple(path), "-", "")


def locate(document: Mapping[str, Any], host: str, path: tuple[str, ...]) -> Target:
    """The place that a path means on a host of the document. Raises ValueError: no such key, no such guest."""
    if path[0] == "project":
        return _walk(document, (), Project, path[1:]) if path[1:] in (("name",), ("comments",)) else _no_key(path[1:])
    return _walk(document["hosts"][host], ("hosts", host), Desired, (NOUNS.get(path[0], path[0]), *path[1:]))


def _no_key(path: tuple[str, ...]) -> Target:
    raise ValueError(f"the project has no {path_text(path) or 'value'} to set: name, comments")


def _walk(node: Any, place: tuple[str | int, ...], annotation: Any, path: tuple[str, ...]) -> Target:
    """Follow the keys of a path through the document and the types of its models."""
    mask = False
    for key in path:
        part: str | int = key
        model = edit_values.table(annotation)
        if model is not None:
            part, mask = _field(model, key)
            annotation = model.model_fields[part].annotation
        elif place[-1] in KEYED and len(place) == 3:
            part = _entry(node, str(place[-1]), key)
            annotation = edit_values.entry(annotation)
        elif (inner := edit_values.entry(annotation)) is not None:
            part, annotation = _index(node, key, place), inner
        elif any(get_origin(kind) is dict for kind in choices(annotation)):
            annotation = next(get_args(kind)[1] for kind in choices(annotation) if get_origin(kind) is dict)
        else:
            raise ValueError(f"{path_text(place)} has no parts")
        node = node[part] if _has(node, part) else None
        place = (*place, part)
    return Target(place, annotation, mask)


def _field(model: type[Any], key: str) -> tuple[str, bool]:
    """The field of a model that a key means, and whether it takes a CPU mask."""
    if key in model.model_fields:
        return key, False
    short = key.replace("_", "").lower()
    if model is Guest and short in SYSTEM_MANAGER_KEYS:
        return SYSTEM_MANAGER_KEYS[short], short == "cpumask"
    known = [*model.model_fields, *(NOUNS if model is Desired else ())]
    raise ValueError(f"there is no such key{did_you_mean(key, known)}")


def _entry(entries: Any, part: str, name: str) -> str:
    """The key of an entry that a user named: a guest by its identifier, else by its name."""
    if part == "guests":
        name = next((key for key, guest in _tables(entries) if guest.get("id") == name), name)
    if not _has(entries, name):
        noun = next(noun for noun, plural in NOUNS.items() if plural == part)
        known = [key for key, _ in _tables(entries)]
        raise ValueError(f"there is no {noun} {name}{did_you_mean(name, known)}: add it first")
    return name


def _tables(entries: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(entries, dict):
        yield from ((key, entry) for key, entry in entries.items() if isinstance(entry, dict))


def _index(node: Any, key: str, place: tuple[str | int, ...]) -> int:
    length = len(node) if isinstance(node, list) else 0
    if not (key.isascii() and key.isdigit() and len(key) < 6 and int(key) < length):
        raise ValueError(f"{path_text(place)} has {length} entries, counted from 0: there is no entry {key}")
    return int(key)


def _has(node: Any, part: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, dict) and part in node
