"""What differs between two configurations."""

from hypothesis import given, settings
from plain_trees import plain_trees

from guestwire.controller.projects import trees
from guestwire.controller.projects.differences import differences, project_differences
from guestwire.controller.projects.merging import merge
from guestwire.model.desired import Desired, Project
from guestwire.model.guest import Disk, Guest


def tree_of(desired: Desired) -> trees.Tree:
    return trees.tree(Project(hosts={"h1": desired}), "h1")


def named(*guests: Guest) -> trees.Tree:
    return tree_of(Desired(guests=guests))


def test_entries_come_and_go_as_a_whole_and_fields_one_by_one():
    before = named(Guest(name="a", vcpus=2), Guest(name="b.c", memory_mib=300))
    after = named(Guest(name="a", vcpus=4, disks=(Disk(size_mib=9),)), Guest(name="new"))
    found = {one.path: (one.before, one.after) for one in differences(before, after)}
    assert found == {
        "guests.a.vcpus": (2, 4),
        "guests.a.disks": (None, [{"size_mib": 9}]),
        'guests."b.c"': ({"memory_mib": 300}, None),
        "guests.new": (None, {}),
    }


def test_the_parts_of_sections_and_of_access_lists_are_told_one_by_one():
    before = {"policy": {"dynamic_cpu": False}, "areas": {"shm": {"size": 5, "overrides": {"a": "R---"}}}}
    after = {"settings": {"swap_mib": 1}, "areas": {"shm": {"size": 5, "overrides": {"a": "RW--", "b": "----"}}}}
    assert [one.path for one in differences(before, after)] == [
        "policy.dynamic_cpu", "areas.shm.overrides.a", "areas.shm.overrides.b", "settings.swap_mib",
    ]  # fmt: skip


@settings(deadline=None)
@given(plain_trees, plain_trees)
def test_nothing_differs_only_where_both_are_the_same(before, after):
    found = differences(before, after)
    assert bool(found) == (before != after)
    assert merge(before, after, before).tree == after
    back = {one.path: (one.after, one.before) for one in found}
    assert {one.path: (one.before, one.after) for one in differences(after, before)} == back


def test_hosts_of_a_project_come_and_go_as_a_whole():
    before = Project(name="one", hosts={"h1": Desired(guests=(Guest(name="a"),)), "h2": Desired()})
    after = Project(hosts={"h1": Desired(guests=(Guest(name="a", vcpus=2),)), "h3": Desired(host_cpuset="0")})
    found = {one.path: (one.before, one.after) for one in project_differences(before, after)}
    assert found == {
        "project.name": ("one", None),
        "hosts.h1.guests.a.vcpus": (None, 2),
        "hosts.h2": ({}, None),
        "hosts.h3": (None, {"host_cpuset": "0"}),
    }
