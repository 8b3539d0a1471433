"""The host itself."""

import pytest
from rule_cases import Case, check, check_covered, check_needs, known

from guestwire.model.desired import Desired
from guestwire.model.rules.host import RULES
from guestwire.model.settings import HostSettings


def swap(mib: int | None) -> Desired:
    return Desired(settings=HostSettings(swap_mib=mib))


def irq(text: str | None) -> Desired:
    return Desired(settings=HostSettings(irq_affinity=text))


FOLDER = "/guests/guest0001/guest.xml"

CASES = (
    Case("TOPO-MISMATCH", "made for this one", Desired(base_topology="here")),
    Case("TOPO-MISMATCH", "made for any", Desired()),
    Case("TOPO-MISMATCH", "made for another", Desired(base_topology="there"), ("base_topology",)),
    Case("SWAP-MIN", "not ours", swap(None)),
    Case("SWAP-MIN", "none", swap(0)),
    Case("SWAP-MIN", "the least", swap(1024)),
    Case("SWAP-MIN", "one too few", swap(1023), ("settings.swap_mib",)),
    Case("SWAP-MIN", "one", swap(1), ("settings.swap_mib",)),
    Case("IRQAFF-NO-CPU0", "not ours", irq(None)),
    Case("IRQAFF-NO-CPU0", "with CPU 0", irq("0-1,4")),
    Case("IRQAFF-NO-CPU0", "without", irq("1-3"), ("settings.irq_affinity",)),
    Case("IRQAFF-NO-CPU0", "taken out", irq("0-3,^0"), ("settings.irq_affinity",)),
    Case("IRQAFF-NO-CPU0", "nothing", irq(""), ("settings.irq_affinity",)),
    Case("IRQAFF-NO-CPU0", "no list", irq("0-x"), ("settings.irq_affinity",)),
    Case("FILE-MODIFIED", "nothing", Desired()),
    Case("FILE-MODIFIED", "one", Desired(), (FOLDER,), known(modified=(FOLDER,))),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_it_must(case: Case) -> None:
    check(case)


def test_each_rule_has_cases_and_its_severity() -> None:
    check_covered(RULES, CASES, {rule.code: "W" if rule.code == "FILE-MODIFIED" else "E" for rule in RULES})


def test_what_the_host_does_not_tell_is_not_checked() -> None:
    check_needs(RULES, CASES)
