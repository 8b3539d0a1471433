"""The rules' verdict on a draft, as its host would settle it."""

from guestwire.model.desired import Desired
from guestwire.model.facts import Facts
from guestwire.model.guest import Guest, Override
from guestwire.model.machines import MACHINES
from guestwire.sdk.draft_rules import verdict

KNOWN = Facts(topology=MACHINES["4-core"].topology)


def codes(*guests: Guest, facts: Facts = KNOWN) -> set[str]:
    return {issue.code for issue in verdict(Desired(guests=guests), facts, "h1").issues}


def test_what_the_host_gives_is_not_missing():
    assert not codes(Guest(name="a"), Guest(name="b"))


def test_an_override_that_finds_nothing_is_told():
    gone = Override(op="remove", sel="devices/nothing")
    assert "OVERRIDES-INVALID" in codes(Guest(name="a", overrides=(gone,)))
    assert "OVERRIDES-INVALID" not in codes(Guest(name="a", overrides=(gone.model_copy(update={"optional": True}),)))


def test_an_override_of_a_pinned_guest_waits_for_the_machine():
    pinned = Guest(name="a", cpuset="1", overrides=(Override(op="remove", sel="devices/nothing"),))
    assert "OVERRIDES-INVALID" not in codes(pinned, facts=Facts())
    assert "OVERRIDES-INVALID" in codes(pinned)


def test_errors_come_first():
    found = verdict(Desired(guests=(Guest(name="bad name"), Guest(name="x"))), KNOWN, "h1").issues
    assert [issue.severity for issue in found] == sorted(issue.severity for issue in found)
