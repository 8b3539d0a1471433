"""The rules about names, for every group that has them."""

import pytest

from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.desired import Desired
from guestwire.model.events import Event
from guestwire.model.facts import Facts
from guestwire.model.networks import VirtualNet
from guestwire.model.rules.names import Group, named_once, well_named
from guestwire.model.rules.view import View


def _view(*names: str) -> View:
    return View(
        Desired(
            areas=tuple(MemoryArea(name=name, size=1 << 20) for name in names),
            queues=tuple(Queue(name=name) for name in names),
            locks=tuple(Lock(name=name) for name in names),
            events=tuple(Event(name=name) for name in names),
            networks=tuple(VirtualNet(name=name) for name in names),
        ),
        Facts(),
    )


GROUPS: tuple[Group, ...] = ("areas", "queues", "locks", "events", "networks")


@pytest.mark.parametrize("group", GROUPS)
def test_a_name_of_other_characters_is_found(group: Group) -> None:
    check = well_named(group, "a thing")
    assert [found.path for found in check(_view("A_z-0.9", "x" * 64))] == []
    found = list(check(_view("", "x" * 65, "a b", "é", "a\n")))
    assert [one.path.removeprefix(f"{group}.") for one in found] == [
        ".name",
        "x" * 65 + ".name",
        "a b.name",
        "é.name",
        "a\n.name",
    ]
    assert found[2].message == "'a b' is not a thing's name"


@pytest.mark.parametrize("group", GROUPS)
def test_each_repeat_of_a_name_is_found(group: Group) -> None:
    found = list(named_once(group, "things")(_view("a", "b", "a", "A", "a")))
    assert [(one.path, one.message) for one in found] == [(f"{group}.a", "two things are named 'a'")] * 2
