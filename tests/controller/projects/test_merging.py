"""Two people's changes put together: nobody's word is lost in silence."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from plain_trees import plain_trees

from guestwire.controller.projects.differences import differences
from guestwire.controller.projects.merging import merge

BASE: dict[str, Any] = {
    "guests": {"a": {"vcpus": 2, "memory_mib": 256}, "b": {}},
    "areas": {"shm": {"size": 5, "overrides": {"a": "R---"}}},
    "policy": {"profile": "system-manager"},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The base with another value at a place; None: nothing there."""
    made = copy.deepcopy(BASE)
    *folders, last = path.split("/")
    node = made
    for name in folders:
        node = node.setdefault(name, {})
    if value is None:
        node.pop(last, None)
    else:
        node[last] = value
    return made


@pytest.mark.parametrize(
    ("mine", "theirs", "conflicts"),
    [
        (("guests/a/vcpus", 4), ("guests/a/memory_mib", 512), []),
        (("guests/a/vcpus", 4), ("guests/a/vcpus", 4), []),
        (("guests/a/vcpus", 4), ("guests/a/vcpus", 8), ["guests.a.vcpus"]),
        (("guests/a/vcpus", None), ("guests/a/vcpus", 8), ["guests.a.vcpus"]),
        (("guests/a/vcpus", 4), ("guests/a", None), ["guests.a"]),
        (("guests/a", None), ("guests/a", None), []),
        (("guests/a", None), ("guests/b", None), []),
        (("guests/c", {"vcpus": 1}), ("guests/d", {}), []),
        (("guests/c", {"vcpus": 1}), ("guests/c", {"vcpus": 2}), ["guests.c"]),
        (("guests/c", {"vcpus": 1}), ("guests/c", {"vcpus": 1}), []),
        (("areas/shm/overrides/b", "----"), ("areas/shm/overrides/c", "R---"), []),
        (("areas/shm/overrides/a", "----"), ("areas/shm/overrides/a", "RW--"), ["areas.shm.overrides.a"]),
        (("guests/b/disks", [{"size_mib": 1}]), ("guests/b/disks", [{"size_mib": 2}]), ["guests.b.disks"]),
        (("guests/b/ready_when", {"by": "never"}), ("guests/b/ready_when", {"within_s": 9}), ["guests.b.ready_when"]),
        (("networks/lan", {}), ("networks/wan", {}), []),
        (("policy/dynamic_cpu", False), ("policy/profile", None), []),
        (("host_cpuset", "0"), ("host_cpuset", "1"), ["host_cpuset"]),
        (("project/name", "one"), ("project/comments", "other"), []),
    ],
)
def test_what_two_changes_come_to(mine, theirs, conflicts):
    ours, others = changed(*mine), changed(*theirs)
    made = merge(BASE, ours, others)
    assert [one.path for one in made.conflicts] == conflicts
    back = merge(BASE, others, ours)
    assert [one.path for one in back.conflicts] == conflicts
    if not conflicts:
        assert made.tree == back.tree
        both = {one.path for one in (*differences(BASE, ours), *differences(BASE, others))}
        assert {one.path for one in differences(BASE, made.tree)} == both
    else:
        assert made.tree == others
        assert merge(BASE, ours, others, "mine").tree == ours
        assert merge(BASE, ours, others, "mine").conflicts == ()
        assert merge(BASE, ours, others, "theirs").tree == others


def flat(value: Any, place: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every value by its place; empty tables are none."""
    if not isinstance(value, dict):
        return {place: value}
    return {where: leaf for key, item in value.items() for where, leaf in flat(item, (*place, key)).items()}


@settings(deadline=None)
@given(plain_trees, plain_trees, plain_trees)
def test_every_value_of_a_merge_is_somebodys_and_no_change_is_lost_without_being_told(base, mine, theirs):
    made = merge(base, mine, theirs)
    result, was, ours, others = flat(made.tree), flat(base), flat(mine), flat(theirs)
    told = [one.path for one in made.conflicts]
    for place in {*result, *was, *ours, *others}:
        now, before, my, their = (one.get(place) for one in (result, was, ours, others))
        assert now in (my, their)
        inside = any(".".join(place) == path or ".".join(place).startswith(f"{path}.") for path in told)
        if not inside:
            assert now == (my if their == before else their)
            assert my in (before, now)
            assert their in (before, now)
