"""Autostart."""

import pytest
from rule_cases import Case, check, check_covered, check_needs, issues

from guestwire.model.desired import Autostart, Desired
from guestwire.model.guest import Guest, GuestKind
from guestwire.model.rules.autostart import RULES
from guestwire.model.settings import HostSettings


def consoles(
    *kinds: GuestKind, standalone: bool = True, active: bool = True, autologin: str | None = "operator"
) -> Desired:
    guests = tuple(Guest(name=name, kind=kind, autostart="console") for name, kind in zip("abc", kinds, strict=False))
    return Desired(
        guests=(*guests, Guest(name="quiet", autostart="headless"), Guest(name="off")),
        autostart=Autostart(active=active, standalone=standalone),
        settings=HostSettings(autologin=autologin),
    )


CASES = (
    Case("STANDALONE-MULTI-CONSOLE", "one", consoles("gp")),
    Case("STANDALONE-MULTI-CONSOLE", "one with communication", consoles("gp_comm")),
    Case("STANDALONE-MULTI-CONSOLE", "not standalone", consoles("gp", "gp", standalone=False)),
    Case("STANDALONE-MULTI-CONSOLE", "an rt guest is another rule's", consoles("rt")),
    Case("STANDALONE-MULTI-CONSOLE", "none", consoles(), ("autostart.standalone",)),
    Case(
        "STANDALONE-MULTI-CONSOLE", "three", consoles("gp", "gp_comm", "gp"),
        ("guests.b.autostart", "guests.c.autostart"),
    ),
    Case("STANDALONE-RT-CONSOLE", "one that is not", consoles("gp")),
    Case("STANDALONE-RT-CONSOLE", "not standalone", consoles("rt", standalone=False)),
    Case("STANDALONE-RT-CONSOLE", "rt", consoles("gp", "rt"), ("guests.b.autostart",)),
    Case("AUTOSTART-NO-AUTOLOGIN", "somebody", consoles("gp")),
    Case("AUTOSTART-NO-AUTOLOGIN", "not active", consoles("gp", active=False, autologin="")),
    Case("AUTOSTART-NO-AUTOLOGIN", "headless", consoles(autologin="")),
    Case("AUTOSTART-NO-AUTOLOGIN", "nobody", consoles("gp", autologin=""), ("guests.a.autostart",)),
    Case("AUTOSTART-NO-AUTOLOGIN", "not ours", consoles("gp", autologin=None), ("guests.a.autostart",)),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_it_must(case: Case) -> None:
    check(case)


def test_each_rule_has_cases_and_its_severity() -> None:
    check_covered(RULES, CASES, {rule.code: "W" if rule.code == "AUTOSTART-NO-AUTOLOGIN" else "E" for rule in RULES})


def test_no_fact_is_needed() -> None:
    check_needs(RULES, CASES)


def test_a_disabled_guest_has_no_console() -> None:
    guests = (Guest(name="a", autostart="console"), Guest(name="b", autostart="console", disabled=True))
    desired = Desired(guests=guests, autostart=Autostart(standalone=True))
    assert issues("STANDALONE-MULTI-CONSOLE", desired) == []
    assert len(issues("STANDALONE-MULTI-CONSOLE", desired, include_disabled=True)) == 1
