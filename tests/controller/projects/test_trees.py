"""Configurations as trees: what they mean stays the same both ways."""

from desired_strategies import desireds
from hypothesis import given, settings

from guestwire.controller.projects import trees
from guestwire.formats import edit_values
from guestwire.formats.project_toml import KEYED
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError


@settings(max_examples=60, deadline=None)
@given(desireds())
def test_a_tree_means_what_it_was_made_of(desired):
    project = Project(name="line 7", comments="two\nlines", hosts={"h1": desired})
    try:
        made = trees.tree(project, "h1")
    except GuestwireError:  # a document has no room for two entries of one name
        assert len({guest.name for guest in desired.guests}) < len(desired.guests) or _others_twice(desired)
        return
    again = trees.project_of(made, "h1", 7)
    assert again.hosts["h1"] == desired.model_copy(update={"base_revision": 7})
    assert (again.name, again.comments) == ("line 7", "two\nlines")
    assert trees.tree(again, "h1") == made


def _others_twice(desired: Desired) -> bool:
    parts = (desired.areas, desired.events, desired.networks)
    return any(len({one.name for one in part}) < len(part) for part in parts)


def test_where_a_configuration_was_edited_from_is_not_in_its_tree():
    one, other = (Project(hosts={"h1": Desired(base_revision=number)}) for number in (1, 2))
    assert trees.tree(one, "h1") == trees.tree(other, "h1") == {}


def test_the_tables_of_entries_are_those_that_the_models_have():
    found = set()
    for part in KEYED:
        entry = edit_values.entry(Desired.model_fields[part].annotation)
        for name, field in entry.model_fields.items():
            if getattr(field.annotation, "__origin__", None) is dict:
                found.add((part, name))
    assert found == trees.TABLES_OF_ENTRIES


def test_what_splits_and_what_is_one_value():
    split = [(), ("guests",), ("guests", "a"), ("policy",), ("project",), ("areas", "shm", "overrides")]
    whole = [("guests", "a", "disks"), ("guests", "a", "ready_when"), ("host_cpuset",), ("settings", "adapters")]
    assert [trees.splits(place) for place in (*split, *whole)] == [True] * len(split) + [False] * len(whole)
