"""What two people made of one configuration, put together: where they changed the same, nobody's word is lost. Pure."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import JsonValue

from guestwire.controller.projects.trees import Place, Tree, is_entry, splits
from guestwire.formats.toml_text import path_text
from guestwire.model.base import Model

Prefer = Literal["mine", "theirs"]


class Conflict(Model):
    """A place that two people changed differently. `base`: what both began with; `mine`: what was sent; `theirs`: what is
    there now. null: nothing there."""

    path: str
    base: JsonValue = None
    mine: JsonValue = None
    theirs: JsonValue = None


class Merged(NamedTuple):
    """`tree`: both people's changes. Where there are conflicts it has what is there now."""

    tree: Tree
    conflicts: tuple[Conflict, ...] = ()


def merge(base: Tree, mine: Tree, theirs: Tree, prefer: Prefer | None = None) -> Merged:
    """What both people's changes to `base` make together. The same change by both is no conflict; with `prefer`, whose word
    counts, nothing is."""
    conflicts: list[Conflict] = []
    made = _merged(base, mine, theirs, (), conflicts, prefer)
    return Merged(made or {}, () if prefer is not None else tuple(conflicts))


def _merged(base: Any, mine: Any, theirs: Any, place: Place, conflicts: list[Conflict], prefer: Prefer | None) -> Any:
    """What is at a place then; None: nothing."""
    if mine in (theirs, base):
        return theirs
    if theirs == base:
        return mine
    if not _in_parts(place, base, mine, theirs):
        conflicts.append(Conflict(path=path_text(place), base=base, mine=mine, theirs=theirs))
        return mine if prefer == "mine" else theirs
    was, ours, others = base or {}, mine or {}, theirs or {}
    made = {}
    for key in dict.fromkeys((*others, *ours, *was)):
        part = _merged(was.get(key), ours.get(key), others.get(key), (*place, key), conflicts, prefer)
        if part is not None:
            made[key] = part
    return made


def _in_parts(place: Place, base: Any, mine: Any, theirs: Any) -> bool:
    """Whether the parts of a table are looked at one by one. An entry that one of them removed, or that both made, is one
    thing: half of it would be nobody's."""
    if not splits(place) or not all(isinstance(one or {}, Mapping) for one in (base, mine, theirs)):
        return False
    return not is_entry(place) or not any(one is None for one in (base, mine, theirs))
