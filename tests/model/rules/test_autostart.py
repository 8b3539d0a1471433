"""Autostart, and how guests come to be ready."""

from typing import Any, Literal

import pytest
from rule_cases import Case, check, check_covered, check_needs, issues

from guestwire.model.desired import Autostart, Desired
from guestwire.model.guest import Guest, GuestKind, ReadyWhen
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


def ready(kind: GuestKind, by: Literal["guest_agent", "heartbeat"], **changes: Any) -> Desired:
    return Desired(guests=(Guest(name="a", kind=kind, ready_when=ReadyWhen(by=by), **changes),))


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
    Case("READY-NO-COMM", "with communication", ready("gp_comm", "heartbeat")),
    Case("READY-NO-COMM", "rt", ready("rt", "heartbeat")),
    Case("READY-NO-COMM", "by another way", ready("gp", "guest_agent")),
    Case("READY-NO-COMM", "without", ready("gp", "heartbeat"), ("guests.a.ready_when",)),
    Case("READY-NO-COMM", "switched off", ready("gp_comm", "heartbeat", comm_enabled=False), ("guests.a.ready_when",)),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_it_must(case: Case) -> None:
    check(case)


def test_each_rule_has_cases_and_its_severity() -> None:
    check_covered(RULES, CASES, {rule.code: "E" if rule.code.startswith("STANDALONE") else "W" for rule in RULES})


def test_no_fact_is_needed() -> None:
    check_needs(RULES, CASES)


def test_a_disabled_guest_has_no_console() -> None:
    guests = (Guest(name="a", autostart="console"), Guest(name="b", autostart="console", disabled=True))
    desired = Desired(guests=guests, autostart=Autostart(standalone=True))
    assert issues("STANDALONE-MULTI-CONSOLE", desired) == []
    assert len(issues("STANDALONE-MULTI-CONSOLE", desired, include_disabled=True)) == 1
