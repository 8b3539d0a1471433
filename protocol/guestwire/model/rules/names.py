"""The rules about the names of areas, queues, locks, events and networks: what they may be, and that each is one's own."""

import re
from collections.abc import Callable, Iterator
from typing import Literal

from guestwire.model.rules.repeats import repeats
from guestwire.model.rules.rule import Finding
from guestwire.model.rules.view import View

Group = Literal["areas", "queues", "locks", "events", "networks"]
Check = Callable[[View], Iterator[Finding]]

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def well_named(group: Group, one: str, allowed: re.Pattern[str] = NAME) -> Check:
    """The rule that each member of the group has an allowed name. `one`: what one is called, such as "an event"."""

    def check(view: View) -> Iterator[Finding]:
        for name in _names(view, group):
            if not allowed.fullmatch(name):
                yield Finding(f"{group}.{name}.name", f"{name!r} is not {one}'s name")

    return check


def named_once(group: Group, several: str) -> Check:
    """The rule that no two members of the group share a name. `several`: what they are called, such as "events"."""

    def check(view: View) -> Iterator[Finding]:
        for again in repeats((name, f"{group}.{name}") for name in _names(view, group)):
            yield Finding(again.path, f"two {several} are named {again.key!r}")

    return check


def _names(view: View, group: Group) -> Iterator[str]:
    return (entry.name for entry in getattr(view.desired, group))
