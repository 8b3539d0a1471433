"""Events."""

from typing import Any

import pytest
from rule_cases import Case, check, check_covered, check_needs

from guestwire.model.desired import Desired
from guestwire.model.events import Event
from guestwire.model.guest import Guest
from guestwire.model.rules.events import RULES

GUESTS = (Guest(name="a", kind="rt"), Guest(name="b", kind="gp_comm"), Guest(name="gp", kind="gp"))


def event(name: str = "e", signal: tuple[str, ...] = ("a",), wait: tuple[str, ...] = ("b",), **given: Any) -> Event:
    return Event(name=name, signal=signal, wait=wait, **given)


def direct(signal: tuple[str, ...], wait: tuple[str, ...]) -> Desired:
    return events(event(signal=signal, wait=wait, delivery="direct"))


def events(*given: Event) -> Desired:
    return Desired(guests=GUESTS, events=given)


CASES = (
    Case("EVENT-NAME", "64 characters", events(event("Az09_.-" + "x" * 57))),
    Case("EVENT-NAME", "65 characters", events(event("x" * 65)), (f"events.{'x' * 65}.name",)),
    Case("EVENT-NAME", "none, a colon", events(event(""), event("a:b")), ("events..name", "events.a:b.name")),
    Case("EVENT-DUP", "two names", events(event("a"), event("A"))),
    Case("EVENT-DUP", "one name", events(event(), event("other"), event()), ("events.e",)),
    Case("EVENT-MEMBER", "guests, host, cloud", events(event(signal=("a", "HOST", "REMOTE"), wait=("b",)))),
    Case("EVENT-MEMBER", "without communication", events(event(wait=("gp", "b"))), ("events.e.wait",)),
    Case(
        "EVENT-MEMBER", "unknown, once for each", events(event(signal=("x", "x", "host"), wait=("y",))),
        ("events.e.signal", "events.e.signal", "events.e.wait"),
    ),
    Case("EVENT-DIRECT", "one to one", direct(("a",), ("b",))),
    Case("EVENT-DIRECT", "the same one named twice", direct(("a", "a"), ("b",))),
    Case("EVENT-DIRECT", "many, arbitrated", events(event(signal=("a", "b"), wait=("HOST",)))),
    Case("EVENT-DIRECT", "two signal", direct(("a", "b"), ("b",)), ("events.e.delivery",)),
    Case("EVENT-DIRECT", "nobody waits", direct(("a",), ()), ("events.e.delivery",)),
    Case("EVENT-DIRECT", "the host", direct(("HOST",), ("b",)), ("events.e.delivery",)),
    Case("EVENT-DIRECT", "the cloud", direct(("a",), ("REMOTE",)), ("events.e.delivery",)),
    Case("EVENT-DIRECT", "to itself", direct(("a",), ("a",)), ("events.e.delivery",)),
    Case("EVENT-NO-SIGNALER", "somebody", events(event(signal=("REMOTE",)))),
    Case("EVENT-NO-SIGNALER", "nobody", events(event(signal=())), ("events.e.signal",)),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_it_must(case: Case) -> None:
    check(case)


def test_each_rule_has_cases_and_its_severity() -> None:
    severities = {rule.code: "W" if rule.code == "EVENT-NO-SIGNALER" else "E" for rule in RULES}
    check_covered(RULES, CASES, severities)


def test_no_fact_is_needed() -> None:
    check_needs(RULES, CASES)
