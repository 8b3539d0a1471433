"""How much of a change is told."""

from guestwire.controller.projects.differences import Changed
from guestwire.controller.projects.merging import Conflict
from guestwire.controller.projects.telling import LARGEST, MOST, told, told_conflicts


def test_all_of_a_usual_change_is_told():
    changes = [Changed(path=f"guests.g{number}", after={"vcpus": 1}) for number in range(MOST)]
    assert (told(changes).changes, told(changes).more) == (tuple(changes), 0)


def test_of_many_changes_the_first_and_how_many_more():
    changes = [Changed(path=f"guests.g{number}") for number in range(MOST + 7)]
    assert (len(told(changes).changes), told(changes).more) == (MOST, 7)


def test_values_that_are_too_large_leave_their_places():
    large = "x" * (LARGEST // 2)
    found = told([Changed(path="a", after=large), Changed(path="b", after=large), Changed(path="c", after=1)])
    assert [(one.path, one.after is None) for one in found.changes] == [("a", False), ("b", True), ("c", True)]
    conflicts = told_conflicts([Conflict(path="a", mine=large), Conflict(path="b", theirs=large)])
    assert [sorted(one) for one in conflicts] == [["base", "mine", "path", "theirs"], ["path"]]
    assert len(told_conflicts([Conflict(path="a")] * (MOST + 1))) == MOST
