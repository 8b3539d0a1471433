"""Every rule there is, and the one way to apply them. The same code runs in CLI, controller and host."""

from collections.abc import Iterator, Mapping

from guestwire.model.desired import Desired
from guestwire.model.facts import Facts
from guestwire.model.issues import Issue, Severity, Verdict, in_order
from guestwire.model.rules import (
    areas,
    autostart,
    cpu_conflicts,
    cpus,
    devices,
    disks,
    events,
    host,
    identifiers,
    memory,
    networks,
    numa,
    templates,
)
from guestwire.model.rules.rule import Rule
from guestwire.model.rules.view import View

RULES: tuple[Rule, ...] = (
    *identifiers.RULES,
    *templates.RULES,
    *cpus.RULES,
    *cpu_conflicts.RULES,
    *numa.RULES,
    *memory.RULES,
    *areas.RULES,
    *events.RULES,
    *networks.RULES,
    *devices.RULES,
    *disks.RULES,
    *autostart.RULES,
    *host.RULES,
)

BY_CODE: Mapping[str, Rule] = {rule.code: rule for rule in RULES}

CONFIRMABLE = frozenset({"NET-MGMT-RISK", "AIRGAP-KILLS-MGMT"})
"""Errors that an apply with a confirmation time may go past: it is undone unless somebody confirms it afterwards."""


def validate(desired: Desired, facts: Facts, *, include_disabled: bool = False) -> Verdict:
    """Every issue of a document under its own policy, and the codes that lack a fact. Pure; milliseconds."""
    view = View(desired, facts, include_disabled=include_disabled)
    issues: list[Issue] = []
    not_checked = []
    for rule in RULES:
        severity = rule.kvm_rt if view.kvm_rt else rule.system_manager
        if severity is None:
            continue
        if any(getattr(facts, need) is None for need in rule.needs):
            not_checked.append(rule.code)
            continue
        issues += _issues(rule, severity, view)
    return Verdict(issues=in_order(issues), not_checked=tuple(not_checked))


def _issues(rule: Rule, severity: Severity, view: View) -> Iterator[Issue]:
    for finding in rule.check(view):
        yield Issue(
            code=rule.code,
            severity=finding.severity or severity,
            path=finding.path,
            message=finding.message,
            related=finding.related,
            hint=rule.hint,
        )
