"""What differs between two trees of a host's configuration, place by place. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue

from guestwire.controller.projects import trees
from guestwire.controller.projects.trees import PROJECT, Place, Tree, is_entry, splits
from guestwire.formats.toml_text import path_text
from guestwire.model.base import Model
from guestwire.model.desired import Project


class Changed(Model):
    """One value that is another one now. `path`: its place, as edits and issues write it. null: nothing is or was there."""

    path: str
    before: JsonValue = None
    after: JsonValue = None


def differences(before: Tree, after: Tree) -> tuple[Changed, ...]:
    """Everything that is otherwise: entries that came or went as a whole, else field by field."""
    return tuple(Changed(path=path_text(place), before=was, after=now) for place, was, now in _walk(before, after, ()))


def project_differences(before: Project, after: Project) -> tuple[Changed, ...]:
    """Everything that is otherwise in a project of several hosts: hosts that came or went as a whole, else as `differences`, below
    "hosts.NAME"."""
    (said, was), (says, now) = trees.whole(before), trees.whole(after)
    found = list(differences({PROJECT: said}, {PROJECT: says}))
    for host in dict.fromkeys((*was, *now)):
        prefix = path_text(("hosts", host))
        if host in was and host in now:
            found += [
                one.model_copy(update={"path": f"{prefix}.{one.path}"}) for one in differences(was[host], now[host])
            ]
        else:
            before_it: Any = was.get(host)
            after_it: Any = now.get(host)
            found.append(Changed(path=prefix, before=before_it, after=after_it))
    return tuple(found)


def _walk(before: Any, after: Any, place: Place) -> Iterator[tuple[Place, Any, Any]]:
    if before == after:
        return
    whole = is_entry(place) and (before is None or after is None)
    if not whole and splits(place) and isinstance(before or {}, Mapping) and isinstance(after or {}, Mapping):
        was, now = before or {}, after or {}
        for key in dict.fromkeys((*was, *now)):
            yield from _walk(was.get(key), now.get(key), (*place, key))
    else:
        yield place, before, after
