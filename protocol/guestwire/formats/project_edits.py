"""Edits of a project document, as a command line has them. The author's comments and order stay.

guest.rtlinux.memory_mib=256            set; sizes also as 256M, 1G
guest."a.b".cpuset=3                    a name with a dot in quotes; GUEST0001 finds a guest by its identifier
guest.rtlinux.disks.0.size_mib=4096     an entry of a list, counted from 0
guest.rtlinux.topology=2,2,1            text, numbers, yes and no as the field has them
guest.rtlinux.tags=edge,lab             a list of plain values
guest.rtlinux.nics+={network="lan"}     append; what has parts is written as in TOML
guest.rtlinux.devices-=0000:01:00.0     take a value out of a list
guest.rtlinux.cpuset-                   back to the default; of a list's entry or a guest: remove it
guest.rtlinux.cpu_mask=0x80             the System Manager's keys cpu_mask, cpu, memory (SM 14.1.3)
area.shm1.overrides.linux1=R---         area, event, queue, lock, network, image, template: as guest
settings.swap_mib=2048                  policy, autostart, host_cpuset ... : the host's own keys
project.name=line 7                     the project's name and comments
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from guestwire.formats import edit_values, toml_text
from guestwire.formats.cpu_mask import parse_mask
from guestwire.formats.edit_paths import NOUNS, Edit, Target, locate, parse_edit
from guestwire.formats.project_references import follow, forget
from guestwire.formats.project_toml import check, load, tables
from guestwire.formats.strict import Mistake, invalid, shown
from guestwire.formats.toml_rewrite import rename_headers, rewrite
from guestwire.model.desired import Project
from guestwire.model.errors import GuestwireError


def edit(text: str, host: str, edits: Sequence[str]) -> str:
    """The document after all edits of one host, one after the other. Raises DOCUMENT-INVALID with every mistake of the
    edits and of the document that they would make, NOT-FOUND for a host that the project does not have."""
    document = toml_text.read(text)
    _host(document, host)
    mistakes: list[Mistake] = []
    for typed in edits:
        _attempt(lambda typed=typed: _apply(document, host, parse_edit(typed)), typed, mistakes)  # type: ignore[misc]
    return _checked(text, document, mistakes)


def add(text: str, host: str, noun: str, name: str, values: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """The document with a new guest, area, ...; `values` are its fields as `edit` takes them, in order: ("memory_mib",
    "256"), ("disks+", "{size_mib=4096}"). Raises EXISTS, else as `edit`."""
    document = toml_text.read(text)
    part = _part(noun)
    entries = _host(document, host).setdefault(part, {})
    if not isinstance(entries, dict) or name in entries:
        raise GuestwireError("EXISTS", f"the project has the {noun} {name} on {host} already", field=name)
    entries[name] = {}
    mistakes: list[Mistake] = []
    for key, value in values.items() if isinstance(values, Mapping) else values:
        typed = f"{key}={value}"
        _attempt(
            lambda typed=typed: _apply(document, host, _under(part, name, parse_edit(typed))),  # type: ignore[misc]
            toml_text.path_text((noun, name, key)), mistakes,
        )  # fmt: skip
    return _checked(text, document, mistakes)


def remove(text: str, host: str, noun: str, name: str) -> str:
    """The document without it. Where a guest is one of many (access, signal and wait, writers, members of a network) it is
    taken out; what names it alone stays, for the rules to say. Raises NOT-FOUND, DOCUMENT-INVALID."""
    load(text)
    document = toml_text.read(text)
    part = _part(noun)
    entries = _existing(document, host, noun, name)
    del entries[name]
    if not entries:
        del _host(document, host)[part]
    forget(_host(document, host), part, name)
    return _checked(text, document, [])


def rename(text: str, host: str, noun: str, old: str, new: str) -> str:
    """The document with another name for it, in its place and wherever it is referred to. Raises NOT-FOUND, EXISTS,
    DOCUMENT-INVALID."""
    load(text)
    document = toml_text.read(text)
    part = _part(noun)
    entries = _existing(document, host, noun, old)
    if old == new:
        return text
    if new in entries:
        raise GuestwireError("EXISTS", f"the project has the {noun} {new} on {host} already", field=new)
    _host(document, host)[part] = {new if name == old else name: entry for name, entry in entries.items()}
    renamed = rename_headers(text, ("hosts", host, part), old, new)
    follow(_host(document, host), part, old, new)
    return _checked(renamed, document, [])


def update(text: str, project: Project) -> str:
    """The document changed until it means `project`: what is equal keeps its lines and comments."""
    return rewrite(text, tables(project))


def _attempt(change: Callable[[], None], path: str, mistakes: list[Mistake]) -> None:
    """Do one edit; what is wrong with it is one mistake more."""
    try:
        change()
    except ValueError as err:
        mistakes.append(Mistake(path, str(err)))
    except GuestwireError as err:
        mistakes.append(Mistake(path, err.message))


def _checked(text: str, document: dict[str, Any], mistakes: list[Mistake]) -> str:
    mistakes = [*mistakes, *check(document)[1]]
    if mistakes:
        raise invalid(mistakes)
    return rewrite(text, document)


def _host(document: dict[str, Any], host: str) -> dict[str, Any]:
    """The table of a host."""
    hosts = document.get("hosts")
    found = hosts.get(host) if isinstance(hosts, dict) else None
    if not isinstance(found, dict):
        raise GuestwireError("NOT-FOUND", f"the project has no host {host}", field="host")
    return found


def _part(noun: str) -> str:
    part = NOUNS.get(noun, noun)
    if part not in NOUNS.values():
        raise GuestwireError("NOT-FOUND", f"there is no {noun} in a project: {', '.join(NOUNS)}", field="noun")
    return part


def _existing(document: dict[str, Any], host: str, noun: str, name: str) -> dict[str, Any]:
    """The entries of the noun, of which `name` is one."""
    entries = _host(document, host).get(_part(noun))
    if not isinstance(entries, dict) or name not in entries:
        raise GuestwireError("NOT-FOUND", f"the project has no {noun} {name} on {host}", field=name)
    return entries


def _under(part: str, name: str, typed: Edit) -> Edit:
    return typed._replace(path=(part, name, *typed.path))


def _apply(document: dict[str, Any], host: str, typed: Edit) -> None:
    """Change the plain tables. Raises ValueError."""
    target = locate(document, host, typed.path)
    if len(target.place) == 3 and target.place[-1] in NOUNS.values():
        raise ValueError("name one of them, such as guest.rtlinux")
    if typed.operator == "=":
        _set(document, target.place, _value(target, typed.value))
    elif typed.operator == "-":
        _unset(document, target.place)
    else:
        _change_list(document, target, typed)


def _value(target: Target, text: str) -> Any:
    if target.mask:
        return parse_mask(text)
    return edit_values.parse(text, target.annotation, target.field)


def _change_list(document: dict[str, Any], target: Target, typed: Edit) -> None:
    inner = edit_values.entry(target.annotation)
    if inner is None:
        raise ValueError(f"{target.field} is no list: use =")
    present = _get(document, target.place)
    if present is None:
        present = []
    if not isinstance(present, list):
        raise ValueError(f"must be a list, not {shown(present)}")
    entry = edit_values.parse(typed.value, inner, target.field)
    if typed.operator == "+=":
        _set(document, target.place, [*present, deepcopy(entry)])
    elif entry in present:
        present.remove(entry)
        if not present:
            _unset(document, target.place)
    else:
        raise ValueError(f"{shown(entry)} is not in it")


def _get(node: Any, place: Sequence[str | int]) -> Any:
    for part in place:
        if not isinstance(node, dict | list) or (isinstance(node, dict) and part not in node):
            return None
        node = node[part]  # type: ignore[index]
    return node


def _set(node: Any, place: Sequence[str | int], value: Any) -> None:
    for number, part in enumerate(place[:-1]):
        node = node.setdefault(part, {}) if isinstance(node, dict) else node[part]
        if not isinstance(node, dict | list):
            raise ValueError(f"{toml_text.path_text(place[: number + 1])} is {shown(node)}, not a table")
    node[place[-1]] = value


def _unset(document: dict[str, Any], place: Sequence[str | int]) -> None:
    """Nothing to do where it is not set. A list of tables that becomes empty goes too."""
    holder = _get(document, place[:-1])
    if isinstance(holder, list) or (isinstance(holder, dict) and place[-1] in holder):
        del holder[place[-1]]  # type: ignore[arg-type]
    if holder == [] or (holder == {} and place[-2] in NOUNS.values()):
        _unset(document, place[:-1])
