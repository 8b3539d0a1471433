"""What a change of communication is in a plan: an item for every field, disruptive where it takes something from somebody.
Pure.

An area that is created, or that somebody is given, is plugged into guests that run. What is deleted, made smaller or laid
out anew, and rights that are taken away, disturb those who use them.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from guestwire.model.access import Access, effective_access, read_access
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.base import Model
from guestwire.model.events import HOST, REMOTE, Event
from guestwire.model.networks import VirtualNet
from guestwire.model.plan import Risk


class FieldChange(NamedTuple):
    """A field that changes; `field` of one entry of a table is TABLE.KEY. None: it is not there."""

    field: str
    before: object
    after: object
    risk: Risk


def field_changes(before: Model, after: Model, guests: Collection[str]) -> Iterator[FieldChange]:
    """What changes of an area, event, queue, lock or network that stays. `guests`: those with communication, whom an
    area's default is for."""
    risks = _RISKS[type(after)]
    for name in type(after).model_fields:
        was, now = getattr(before, name), getattr(after, name)
        if was == now:
            continue
        if isinstance(before, MemoryArea) and isinstance(after, MemoryArea) and name == "overrides":
            yield from _overrides(before, after)
        else:
            yield FieldChange(name, was, now, risks.get(name, _disruptive)(before, after, guests))


def _overrides(before: MemoryArea, after: MemoryArea) -> Iterator[FieldChange]:
    old, new = before.overrides, after.overrides
    for name in (*old, *(name for name in new if name not in old)):
        if old.get(name) != new.get(name):
            risk: Risk = 2 if _loses(_mode(before, name), _mode(after, name)) else 1
            yield FieldChange(f"overrides.{name}", old.get(name), new.get(name), risk)


_RiskOf = Callable[[Any, Any, Collection[str]], Risk]


def _disruptive(_before: Any, _after: Any, _guests: Collection[str]) -> Risk:
    return 2


def _reversible(_before: Any, _after: Any, _guests: Collection[str]) -> Risk:
    return 1


def _default_access(before: MemoryArea, after: MemoryArea, guests: Collection[str]) -> Risk:
    """Of the default: for all whom neither area names."""
    named = before.overrides.keys() | after.overrides.keys()
    others = {*guests, HOST, REMOTE} - named
    return 2 if any(_loses(_mode(before, name), _mode(after, name)) for name in others) else 1


def _mode(area: MemoryArea, name: str) -> Access | None:
    found = read_access(effective_access(area, name))
    return found if isinstance(found, Access) else None


def _loses(before: Access | None, after: Access | None) -> bool:
    if before is None or after is None:
        return before is not None
    return (before.read and not after.read) or (before.write and not after.write)


def _members(field: str) -> _RiskOf:
    """Who may do something: disruptive where somebody may no longer."""

    def risk(before: Any, after: Any, _guests: Collection[str]) -> Risk:
        return 2 if set(getattr(before, field)) - set(getattr(after, field)) else 1

    return risk


_RISKS: Mapping[type[Model], Mapping[str, _RiskOf]] = {
    MemoryArea: {"kind": _reversible, "default_access": _default_access},
    Event: {"signal": _members("signal"), "wait": _members("wait"), "initial": _reversible},
    Queue: {},
    Lock: {},
    VirtualNet: {},
}
"""Fields whose change may be reversible: any other is disruptive."""
