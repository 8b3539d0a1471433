"""The table of rules as a whole: every code is there, once, with words that help."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_cases import KNOWN

from guestwire.model.access import parse_access
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.desired import Desired
from guestwire.model.errors import BY_CODE as ERRORS
from guestwire.model.events import Event
from guestwire.model.guest import Disk, Guest
from guestwire.model.networks import AclRule, Adapter, Member, VirtualNet
from guestwire.model.policy import Policy
from guestwire.model.rules.rule import Rule
from guestwire.model.rules.table import BY_CODE, CONFIRMABLE, RULES, validate
from guestwire.model.settings import HostSettings

CODES = (
    "GUEST-FIRST-NOT-RT", "GUEST-ID-DUP", "NAME-DUP", "NAME-INVALID", "COMM-LIMIT", "RTOSID-RANGE", "RTOSID-DUP",
    "GP-LIMIT", "GPOSID-RANGE", "TEMPLATE-TYPE-MISMATCH", "IMAGE-MIN-MEM", "MEM-ALIGN", "CPUSET-SYNTAX",
    "CPUSET-UNKNOWN", "CPUSET-OFFLINE", "CPU-OVERLAP", "CPU-RT-EXCLUSIVE", "CPU-SMT-OWNED", "RT-NO-CPUSET",
    "RT-UNDERPROVISIONED", "RT-NO-LOCKED", "CPU-HOST-STARVED", "CPU-ZERO-RT", "CPU-NOT-TAIL", "GP-CPU-MAX",
    "GP-CPU-RUNNING-MAX", "CPU-MIXED-KIND", "NONRT-UNDERPROVISIONED", "NUMA-SPAN", "NUMA-SHARED", "NUMATUNE-OFF",
    "NUMATUNE-OUTSIDE", "NUMATUNE-OVERLAP", "NUMA-NODE0-RT", "NUMA-DEV-REMOTE", "TOPOLOGY-PRODUCT", "TOPOLOGY-WINDOWS",
    "MEM-HOST-RESERVE", "MEM-NODE-SHORT", "HUGEPAGES-SHORT", "MEM-LOCK-NO-LIMIT", "AREA-NAME", "AREA-DUP", "AREA-SIZE",
    "AREA-SYSTEM-PROTECTED", "AREA-ROUNDED", "AREA-NO-WRITER", "ACCESS-SYNTAX", "ACCESS-RESERVED", "ACCESS-W-NO-R",
    "ACCESS-NOT-COMM", "EVENT-DUP", "EVENT-DIRECT", "EVENT-NO-SIGNALER", "NET-MAC-DUP", "NET-MAC-MULTICAST",
    "NET-IP-DUP", "NET-IP-RANGE", "NET-CIDR-OVERLAP", "NET-MGMT-RISK", "AIRGAP-KILLS-MGMT", "FORWARD-OPEN", "DEV-DUP",
    "DEV-UNKNOWN", "DEV-IOMMU-GROUP", "DEV-MGMT-NIC", "DEV-BOOT-DISK", "DEV-NO-IOMMU", "DISK-PATH-POLICY",
    "DISK-SHARED", "FIRMWARE-MISSING", "MEDIA-MISSING", "DISK-SIZE-IGNORED", "DISK-EPHEMERAL",
    "SNAPSHOT-BLOCKED-BY-SHMEM", "STANDALONE-MULTI-CONSOLE", "STANDALONE-RT-CONSOLE", "AUTOSTART-NO-AUTOLOGIN",
    "TOPO-MISMATCH", "CPU-REMAPPED", "MEM-OVERLAP", "ARCH-MISMATCH", "NAME-EMPTY", "SWAP-MIN", "IRQAFF-NO-CPU0",
    "NUMA-DEV-FOREIGN", "IOMMU-UNSAFE-INTR", "FILE-MODIFIED", "UUID-DUP", "UUID-FOREIGN", "SHARE-PATH-POLICY",
    "BOOT-PATH-POLICY",
)  # fmt: skip
"""The codes of the domain's table that are properties of a document."""

BY_PLAN = ("DESTROY-DISK",)
"""Codes of the same table that only a plan can raise: an error, and no rule."""


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_rule(code: str) -> None:
    assert code in BY_CODE


@pytest.mark.parametrize("code", BY_PLAN)
def test_what_only_a_plan_raises_is_an_error_and_no_rule(code: str) -> None:
    assert code in ERRORS
    assert code not in BY_CODE


def test_no_code_is_there_twice() -> None:
    codes = [rule.code for rule in RULES]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_has_words_that_help(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+)*", rule.code)
    for text in (rule.text, rule.hint):
        assert text.endswith(".")
        assert text[0].isupper() or text[0].isdigit() or text.startswith(("rt ", "gp "))
        assert text == " ".join(text.split())
    assert rule.kvm_rt is not None or rule.system_manager is not None
    assert len(rule.needs) == len(set(rule.needs))


def test_only_errors_can_be_gone_past() -> None:
    assert {BY_CODE[code].kvm_rt for code in CONFIRMABLE} == {"E"}


SAID_IN_BOTH = {
    "ACCESS-RESERVED": "fourth position",
    "ACCESS-SYNTAX": "four characters",
    "ACCESS-W-NO-R": "cannot be enforced",
    "NAME-INVALID": "1 to 63 characters",
    "TOPO-MISMATCH": "`hardware pull`",
}
"""Of codes that are rules and errors: the limits and remedies that stand in both texts."""


@pytest.mark.parametrize("code", sorted({rule.code for rule in RULES} & set(ERRORS)))
def test_a_code_that_is_an_error_too_says_the_same(code: str) -> None:
    """What an operation refuses for, the rule of that code calls an error, in words that agree."""
    rule, error = BY_CODE[code], ERRORS[code]
    assert "W" not in (rule.kvm_rt, rule.system_manager)
    words = SAID_IN_BOTH.get(code, "")
    assert words in error.remedy
    assert words in f"{rule.text} {rule.hint}"


def test_the_access_modes_that_texts_advise_are_modes() -> None:
    for code in ("ACCESS-RESERVED", "ACCESS-SYNTAX", "ACCESS-W-NO-R", "AREA-NO-WRITER"):
        texts = [BY_CODE[code].hint] + ([ERRORS[code].remedy] if code in ERRORS else [])
        for text in re.findall(r"(?<![\w-])[RWC-]{4}(?![\w-])", " ".join(texts)):
            parse_access(text)


TEXT = st.sampled_from(
    ("", "a", "b", "HOST", "RWC-", "-W--", "0-3", "~n0", "10.0.0.0/24", "10.0.0.1", "::1/x")
) | st.text(max_size=6)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)


def some(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=3).map(tuple)


NETWORKS = st.builds(
    VirtualNet, name=TEXT, cidr=st.none() | TEXT, acl=some(st.builds(AclRule, src=TEXT, dst=TEXT)),
    members=some(st.builds(Member, guest=TEXT, mac=st.none() | TEXT, ip=st.none() | TEXT)),
)  # fmt: skip
GUESTS = st.builds(
    Guest, name=TEXT, kind=st.sampled_from(("rt", "gp_comm", "gp")), cpuset=st.none() | TEXT, numatune=TEXT, image=st.none() | TEXT,
    vcpus=st.integers(1, 9), rtos_id=st.none() | st.integers(), gpos_id=st.none() | st.integers(),
    topology=st.just("auto") | st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    disks=some(st.builds(Disk, path=st.none() | TEXT.filter(str.isprintable).map("/{}".format), size_mib=st.none() | st.integers(1, 9))),
    firmware=st.sampled_from(("bios", "uefi")), disabled=st.booleans(),
)  # fmt: skip
DOCUMENTS = st.builds(
    Desired, host_cpuset=st.none() | TEXT, base_topology=st.none() | TEXT, guests=some(GUESTS), networks=some(NETWORKS),
    areas=some(st.builds(MemoryArea, name=TEXT, size=st.integers(), default_access=TEXT, overrides=st.dictionaries(TEXT, TEXT, max_size=2))),
    events=some(st.builds(Event, name=TEXT, signal=TEXTS, wait=TEXTS, delivery=st.sampled_from(("direct", "arbitrated")))),
    queues=some(st.builds(Queue, name=TEXT, area=TEXT, writers=TEXTS, reader=TEXT)), locks=some(st.builds(Lock, name=TEXT, area=TEXT)),
    policy=st.builds(Policy, profile=st.sampled_from(("kvm-rt", "system-manager")), dynamic_cpu=st.booleans()),
    settings=st.builds(
        HostSettings, irq_affinity=st.none() | TEXT, swap_mib=st.none() | st.integers(0, 2000),
        adapters=some(st.builds(Adapter, name=st.sampled_from(("eth0", "eth1")), addresses=TEXTS, gateway=st.none() | TEXT, dns=TEXTS)),
    ),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, st.booleans())
def test_any_document_gets_answers_from_every_rule(desired: Desired, include_disabled: bool) -> None:
    """Two hundred mistakes at once are all told: no rule stumbles over what another one is for."""
    verdict = validate(desired, KNOWN, include_disabled=include_disabled)
    assert verdict.not_checked == ()
    assert {issue.code for issue in verdict.issues} <= set(BY_CODE)
