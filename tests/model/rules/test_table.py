"""The table applied: any document gets an answer, in the table's own codes."""

from dataclasses import replace
from typing import get_args

import pytest
from desired_strategies import desireds, facts
from hypothesis import given, settings
from hypothesis import strategies as st
from profile_cases import gp, having, rt
from rule_cases import KNOWN, known

from guestwire.model.desired import Desired
from guestwire.model.facts import Facts
from guestwire.model.policy import Policy
from guestwire.model.rules.rule import Need, Rule
from guestwire.model.rules.table import BY_CODE, RULES, validate


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


OF_GUESTS = {
    rule.code
    for rule in RULES
    if rule.code.startswith(("GUEST-", "NAME-", "RT", "GP", "CPU", "NUMA", "TOPOLOGY-", "MEM-", "HUGEPAGES", "COMM-", "ARCH",
                             "IMAGE", "TEMPLATE", "NONRT"))
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(desireds(), facts())
def test_a_disabled_guest_is_as_good_as_none(desired: Desired, known_facts: Facts) -> None:
    """But for its GUEST number: that stays its own, and the numbers of the others do not change."""
    numbered = tuple(
        guest.model_copy(update={"id": f"GUEST{number:04d}"}) for number, guest in enumerate(desired.guests, 1)
    )
    whole = desired.model_copy(update={"guests": numbered})
    without = desired.model_copy(update={"guests": tuple(guest for guest in numbered if not guest.disabled)})
    found, alone = (
        [issue for issue in validate(document, known_facts).issues if issue.code in OF_GUESTS]
        for document in (whole, without)
    )
    assert found == alone


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


@pytest.mark.parametrize("profile", ["kvm-rt", "system-manager"])
def test_the_issues_of_a_document_are_the_same_each_time(profile: str) -> None:
    desired = having(rt("a", "0-7"), gp("b", "3"), gp("b", "x"), policy=Policy(profile=profile))  # type: ignore[arg-type]
    assert validate(desired, KNOWN) == validate(desired, KNOWN)
