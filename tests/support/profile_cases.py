"""Tables of cases for rules that differ between the policy profiles, or in severity."""

from typing import Any, NamedTuple

from rule_cases import KNOWN, issues

from guestwire.model.desired import Desired
from guestwire.model.facts import Facts
from guestwire.model.guest import Guest


class Row(NamedTuple):
    """What one rule finds: severity and place of each finding ("E guests.a.cpuset"). `system_manager` None: the same."""

    code: str
    what: str
    desired: Desired
    kvm_rt: tuple[str, ...] = ()
    system_manager: tuple[str, ...] | None = None
    facts: Facts = KNOWN

    def __str__(self) -> str:
        return f"{self.code}: {self.what}"


def check_row(row: Row) -> None:
    """The rule finds just what the row says under each profile."""
    other = row.kvm_rt if row.system_manager is None else row.system_manager
    expected = {"kvm-rt": row.kvm_rt, "system-manager": other}
    for profile, findings in expected.items():
        policy = row.desired.policy.model_copy(update={"profile": profile})
        found = issues(row.code, row.desired.model_copy(update={"policy": policy}), row.facts)
        assert sorted(f"{issue.severity} {issue.path}" for issue in found) == sorted(findings), profile
        assert all(issue.message for issue in found)


def rt(name: str = "rt", cpuset: str | None = None, **given: Any) -> Guest:
    return Guest(name=name, kind="rt", cpuset=cpuset, **given)


def gp(name: str = "gp", cpuset: str | None = None, **given: Any) -> Guest:
    return Guest(name=name, cpuset=cpuset, **given)


def having(*guests: Guest, **more: Any) -> Desired:
    return Desired(guests=guests, **more)
