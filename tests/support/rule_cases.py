"""Tables of cases for validation rules: a document, and the places where one rule finds it broken."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from guestwire.model.desired import Desired
from guestwire.model.facts import Facts, ManagementPath
from guestwire.model.host import Capabilities
from guestwire.model.issues import Issue, Severity
from guestwire.model.policy import Profile
from guestwire.model.rules.rule import Rule
from guestwire.model.rules.table import BY_CODE, validate
from guestwire.model.topology import Cpu, Topology

PROFILES: tuple[Profile, ...] = ("kvm-rt", "system-manager")

KNOWN = Facts(
    topology=Topology(fingerprint="here", cpus=tuple(Cpu(id=cpu, core=cpu) for cpu in range(8))),
    capabilities=Capabilities(iommu=True),
    machine="x86_64",
    memory_mib=65_536,
    memory_free_mib=32_768,
    simulated=False,
    active=Desired(),
    running=frozenset(),
    networks=frozenset({"default"}),
    foreign={},
    foreign_disks={},
    files={},
    disk_roots=("/disks",),
    share_roots=("/shares",),
    boot_roots=("/boot",),
    management=ManagementPath(),
    unsafe_interrupts=False,
    modified=(),
)
"""Facts of a host on which nothing is wrong, and all of which are known."""


class Case(NamedTuple):
    """`paths`: where the rule must find something; none: the document is fine. The same under both profiles."""

    code: str
    what: str
    desired: Desired
    paths: tuple[str, ...] = ()
    facts: Facts = KNOWN

    def __str__(self) -> str:
        return f"{self.code}: {self.what}"


def known(**facts: Any) -> Facts:
    """KNOWN with other facts."""
    return replace(KNOWN, **facts)


def issues(code: str, desired: Desired, facts: Facts = KNOWN, *, include_disabled: bool = False) -> list[Issue]:
    """What one rule says, by way of the whole table."""
    verdict = validate(desired, facts, include_disabled=include_disabled)
    return [issue for issue in verdict.issues if issue.code == code]


def check(case: Case) -> None:
    """The rule finds just what the case says, under both profiles, in words."""
    for profile in PROFILES:
        policy = case.desired.policy.model_copy(update={"profile": profile})
        found = issues(case.code, case.desired.model_copy(update={"policy": policy}), case.facts)
        assert sorted(issue.path for issue in found) == sorted(case.paths), profile
        for issue in found:
            assert issue.message
            assert issue.hint == BY_CODE[case.code].hint


def check_covered(rules: Sequence[Rule], cases: Collection[Case], severities: dict[str, Severity]) -> None:
    """Each rule has a case that is fine and one that is broken, and the severity that the table of the domain gives it."""
    assert {rule.code: rule.kvm_rt for rule in rules} == severities
    assert {rule.code: rule.system_manager for rule in rules} == severities
    codes = {rule.code for rule in rules}
    assert {case.code for case in cases if case.paths} == codes
    assert {case.code for case in cases if not case.paths} == codes


def check_needs(rules: Sequence[Rule], cases: Collection[Case]) -> None:
    """Without a fact that it needs a rule is `not checked`; without any other it still finds what is broken."""
    needs = {rule.code: set(rule.needs) for rule in rules}
    for case in cases:
        if not case.paths:
            continue
        for name in ("topology", "capabilities", "active", "running", "files", "disk_roots", "management",
                     "unsafe_interrupts", "modified", "machine", "simulated", "foreign", "share_roots",
                     "boot_roots"):  # fmt: skip
            missing: dict[str, Any] = {name: None}
            verdict = validate(case.desired, replace(case.facts, **missing))
            found = {issue.code for issue in verdict.issues}
            assert (case.code in verdict.not_checked) == (name in needs[case.code]), (str(case), name)
            assert (case.code in found) != (name in needs[case.code]), (str(case), name)
