"""Every rule there is, and the one way to apply them. The same code runs in CLI, controller and host."""

from collections.abc import Iterator, Mapping
from itertools import islice

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
    host_files,
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
    *host_files.RULES,
    *autostart.RULES,
    *host.RULES,
)

BY_CODE: Mapping[str, Rule] = {rule.code: rule for rule in RULES}

CONFIRMABLE = frozenset({"NET-MGMT-RISK", "AIRGAP-KILLS-MGMT"})
"""Errors that an apply with a confirmation time may go past: it is undone unless somebody confirms it afterwards."""


MOST_OF_A_RULE = 200
MOST_ISSUES = 1000
"""How many issues are told: more than anybody reads, and few enough for one message."""


def validate(desired: Desired, facts: Facts, *, include_disabled: bool = False) -> Verdict:
    """The issues of a document under its own policy, and the codes that lack a fact. Pure; milliseconds. `include_disabled`:
    disabled guests too must fit the machine. A rule is asked for no more than MOST_OF_A_RULE findings and the next."""
    view = View(desired, facts, include_disabled=include_disabled)
    issues: list[Issue] = []
    not_checked = []
    more = 0
    for rule in RULES:
        severity = rule.kvm_rt if view.kvm_rt else rule.system_manager
        if severity is None:
            continue
        if any(getattr(facts, need) is None for need in rule.needs):
            not_checked.append(rule.code)
            continue
        found = list(islice(_issues(rule, severity, view), MOST_OF_A_RULE + 1))
        issues += found[:MOST_OF_A_RULE]
        more += len(found[MOST_OF_A_RULE:])
    told = in_order(issues)
    more += len(told[MOST_ISSUES:])
    return Verdict(issues=told[:MOST_ISSUES], not_checked=tuple(not_checked), more=more)


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
