"""The table applied: any document gets an answer, in the table's own codes."""

from dataclasses import replace
from typing import get_args

import pytest
from desired_strategies import desireds, facts
from hypothesis import given, settings
from hypothesis import strategies as st
from profile_cases import gp, having, rt
from rule_cases import KNOWN, known
from topologies import HYBRID

from guestwire.model.desired import Desired
from guestwire.model.facts import Facts
from guestwire.model.policy import Policy
from guestwire.model.rules.rule import Need, Rule
from guestwire.model.rules.table import BY_CODE, MOST_ISSUES, RULES, validate


@settings(max_examples=100, deadline=None)
@given(desireds(), facts())
def test_any_document_is_answered_in_codes_of_the_table(desired: Desired, known_facts: Facts) -> None:
    verdict = validate(desired, known_facts, include_disabled=True)
    for issue in verdict.issues:
        rule = BY_CODE[issue.code]
        usual = rule.kvm_rt if desired.policy.profile == "kvm-rt" else rule.system_manager
        assert usual is not None
        assert issue.severity in ("E", "W")
        assert issue.path
        assert issue.message
        assert issue.hint == rule.hint
    assert set(verdict.not_checked) <= set(BY_CODE)
    assert not set(verdict.not_checked) & {issue.code for issue in verdict.issues}
    severities = [issue.severity for issue in verdict.issues]
    assert severities == sorted(severities)


FITTING = {
    rule.code
    for rule in RULES
    if rule.code.startswith(("GUEST-FIRST", "RT-NO-CPUSET", "RT-UNDER", "GP-", "CPU-", "CPUSET-U", "CPUSET-O",
                             "NUMA", "MEM-HOST", "MEM-NODE", "MEM-OVERLAP", "HUGEPAGES", "COMM-", "ARCH", "NONRT", "STANDALONE",
                             "AUTOSTART"))
}  # fmt: skip
"""What asks whether guests fit the machine and its limits."""
BOTH = {"RTOSID-RANGE", "GPOSID-RANGE"}
"""A kind of guest has an identifier or none, whatever the limits are."""


@settings(max_examples=60, deadline=None)
@given(desireds(), facts())
def test_a_disabled_guest_takes_no_room(desired: Desired, known_facts: Facts) -> None:
    """Its GUEST number stays its own: the numbers of the others do not change."""
    numbered = tuple(
        guest.model_copy(update={"id": f"GUEST{number:04d}"}) for number, guest in enumerate(desired.guests, 1)
    )
    whole = desired.model_copy(update={"guests": numbered})
    without = desired.model_copy(update={"guests": tuple(guest for guest in numbered if not guest.disabled)})
    found, alone = (
        [issue for issue in validate(document, known_facts).issues if issue.code in FITTING]
        for document in (whole, without)
    )
    assert found == alone


@settings(max_examples=60, deadline=None)
@given(desireds(), facts())
def test_whether_a_guest_is_disabled_is_no_matter_to_what_it_is(desired: Desired, known_facts: Facts) -> None:
    """Who it is, what it has of the host and what it boots is judged all the same: it is made like any other guest."""
    disabled = desired.model_copy(
        update={"guests": tuple(guest.model_copy(update={"disabled": True}) for guest in desired.guests)}
    )
    enabled = desired.model_copy(
        update={"guests": tuple(guest.model_copy(update={"disabled": False}) for guest in desired.guests)}
    )
    found, wanted = (
        [issue for issue in validate(document, known_facts).issues if issue.code not in FITTING | BOTH]
        for document in (disabled, enabled)
    )
    assert found == wanted


@settings(max_examples=60, deadline=None)
@given(desireds(), st.sampled_from(get_args(Need)))
def test_a_fact_that_is_missing_takes_its_codes_away_and_nothing_else(desired: Desired, name: str) -> None:
    whole = {issue.code for issue in validate(desired, KNOWN).issues}
    verdict = validate(desired, replace(KNOWN, **{name: None}))
    lost = {rule.code for rule in RULES if name in rule.needs}
    assert set(verdict.not_checked) == {code for code in lost if _severity(BY_CODE[code], desired) is not None}
    assert not {issue.code for issue in verdict.issues} & lost
    assert {issue.code for issue in verdict.issues} <= whole


def _severity(rule: Rule, desired: Desired) -> str | None:
    return rule.kvm_rt if desired.policy.profile == "kvm-rt" else rule.system_manager


def test_an_empty_document_is_valid_and_everything_is_checked() -> None:
    verdict = validate(Desired(), KNOWN)
    assert verdict.issues == ()
    assert verdict.not_checked == ()
    assert verdict.valid


def test_what_a_profile_does_not_check_is_not_missing_either() -> None:
    nothing = Facts()
    for profile in ("kvm-rt", "system-manager"):
        verdict = validate(Desired(policy=Policy(profile=profile)), nothing)  # type: ignore[arg-type]
        assert "GUEST-FIRST-NOT-RT" not in verdict.not_checked


def test_errors_come_first() -> None:
    verdict = validate(having(rt("a", "0-7"), gp("b")), KNOWN)
    assert {issue.code for issue in verdict.issues} >= {"CPU-ZERO-RT", "MEM-LOCK-NO-LIMIT"}
    assert verdict.issues[0].severity == "E"
    assert verdict.issues[-1].severity == "W"
    assert not verdict.valid


def test_two_hundred_mistakes_get_two_hundred_answers() -> None:
    desired = having(*(gp(f"bad {n}", "x", rtos_id=9, memory_mib=16) for n in range(67)))
    verdict = validate(desired, known(topology=None))
    assert len(verdict.errors) >= 200
    assert {issue.code for issue in verdict.errors} >= {"NAME-INVALID", "CPUSET-SYNTAX", "RTOSID-RANGE"}


@pytest.mark.parametrize(("mistakes", "told", "more"), [(200, 200, 0), (201, 200, 1), (256, 200, 1)])
def test_a_rule_tells_of_two_hundred_places_and_that_there_are_more(mistakes: int, told: int, more: int) -> None:
    verdict = validate(having(*(gp(f"bad {n}") for n in range(mistakes))), known())
    assert (len([issue for issue in verdict.errors if issue.code == "NAME-INVALID"]), verdict.more) == (told, more)


def test_many_mistakes_of_many_kinds_are_told_in_one_message() -> None:
    """256 rt guests on the same CPUs are 32,640 pairs."""
    guests = (rt(f"bad {n}", "0-7", rtos_id=9, lock_memory=False, numatune="x", arch="arm") for n in range(256))
    verdict = validate(having(*guests), known())
    assert len(verdict.issues) == MOST_ISSUES
    assert verdict.more > 0
    assert {issue.severity for issue in verdict.issues} == {"E"}, "errors are told first"
    assert len(verdict.model_dump_json()) < 1 << 20


def test_errors_of_a_rule_that_warns_too_are_not_lost_behind_its_warnings() -> None:
    general = [gp(f"gp{n}", "4-9") for n in range(255)]
    verdict = validate(having(*general, rt("rt", "7-8")), known(topology=HYBRID))
    assert "guests.rt.cpuset" in {issue.path for issue in verdict.errors if issue.code == "CPU-MIXED-KIND"}


@pytest.mark.parametrize("profile", ["kvm-rt", "system-manager"])
def test_the_issues_of_a_document_are_the_same_each_time(profile: str) -> None:
    desired = having(rt("a", "0-7"), gp("b", "3"), gp("b", "x"), policy=Policy(profile=profile))  # type: ignore[arg-type]
    assert validate(desired, KNOWN) == validate(desired, KNOWN)
