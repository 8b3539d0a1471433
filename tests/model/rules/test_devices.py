"""Devices given to guests."""

from typing import Any

import pytest
from rule_cases import KNOWN, Case, check, check_covered, check_needs, issues, known

from guestwire.model.desired import Desired
from guestwire.model.facts import ManagementPath
from guestwire.model.guest import Guest
from guestwire.model.host import Capabilities
from guestwire.model.rules.devices import RULES
from guestwire.model.topology import PciDevice

PORT, NIC, SOUND, DISK, BOARD = "0000:00:01.0", "0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:00:1f.0"
USB = "usb:046d:c077"


def pci(address: str, pci_class: int, group: int | None) -> PciDevice:
    return PciDevice(address=address, pci_class=pci_class, vendor=0x8086, device=1, iommu_group=group)


assert KNOWN.topology is not None
MACHINE = KNOWN.topology.model_copy(
    update={
        "devices": (
            pci(PORT, 0x060400, 1), pci(NIC, 0x020000, 1), pci(SOUND, 0x040300, 1), pci(DISK, 0x010802, 2),
            pci(BOARD, 0x060100, None),
        )
    }
)  # fmt: skip


def given(*devices: tuple[str, ...]) -> Desired:
    return Desired(guests=tuple(Guest(name=name, devices=own) for name, own in zip("abc", devices, strict=False)))


def here(**facts: Any) -> Any:
    return known(topology=MACHINE, **facts)


CASES = (
    Case("DEV-DUP", "each its own", given((NIC, USB), (DISK,)), (), here()),
    Case("DEV-DUP", "two guests", given((NIC,), (DISK,), (NIC,)), ("guests.c.devices",), here()),
    Case("DEV-DUP", "one guest twice", given((USB, USB)), ("guests.a.devices",), here()),
    Case("DEV-UNKNOWN", "there", given((NIC, DISK)), (), here()),
    Case("DEV-UNKNOWN", "USB is not looked up", given((USB,))),
    Case("DEV-UNKNOWN", "not there", given((NIC, "0000:09:00.0")), ("guests.a.devices",), here()),
    Case("DEV-IOMMU-GROUP", "a group of its own", given((DISK,)), (), here()),
    Case("DEV-IOMMU-GROUP", "the whole but the bridge", given((NIC, SOUND)), (), here()),
    Case("DEV-IOMMU-GROUP", "in no group", given((BOARD,)), (), here()),
    Case("DEV-IOMMU-GROUP", "a part", given((NIC,)), ("guests.a.devices",), here()),
    Case("DEV-IOMMU-GROUP", "parted", given((NIC,), (SOUND,)), ("guests.a.devices", "guests.b.devices"), here()),
    Case("DEV-MGMT-NIC", "another", given((DISK,)), (), here(management=ManagementPath(nics=frozenset({NIC})))),
    Case(
        "DEV-MGMT-NIC", "that one", given((SOUND, NIC)), ("guests.a.devices",),
        here(management=ManagementPath(nics=frozenset({NIC}))),
    ),
    Case("DEV-BOOT-DISK", "another", given((NIC,)), (), here(management=ManagementPath(boot_disks=frozenset({DISK})))),
    Case(
        "DEV-BOOT-DISK", "that one", given((), (DISK,)), ("guests.b.devices",),
        here(management=ManagementPath(boot_disks=frozenset({DISK}))),
    ),
    Case("DEV-NO-IOMMU", "there is one", given((NIC,)), (), here()),
    Case("DEV-NO-IOMMU", "USB takes none", given((USB,)), (), here(capabilities=Capabilities())),
    Case(
        "DEV-NO-IOMMU", "there is none", given((NIC, SOUND), (USB,), (DISK,)),
        ("guests.a.devices", "guests.c.devices"), here(capabilities=Capabilities()),
    ),
    Case("IOMMU-UNSAFE-INTR", "remapped", given((NIC,)), (), here()),
    Case("IOMMU-UNSAFE-INTR", "nothing given away", given((), (USB,)), (), here(unsafe_interrupts=True)),
    Case(
        "IOMMU-UNSAFE-INTR", "unsafe", given((NIC,), (DISK,)), ("guests.a.devices", "guests.b.devices"),
        here(unsafe_interrupts=True),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_it_must(case: Case) -> None:
    check(case)


def test_each_rule_has_cases_and_its_severity() -> None:
    check_covered(RULES, CASES, {rule.code: "W" if rule.code == "IOMMU-UNSAFE-INTR" else "E" for rule in RULES})


def test_what_the_machine_does_not_tell_is_not_checked() -> None:
    check_needs(RULES, CASES)


def test_the_rest_of_a_group_is_named_with_who_has_it() -> None:
    one, other = issues("DEV-IOMMU-GROUP", given((NIC,), (SOUND,)), here())
    assert f"{SOUND} (b)" in one.message
    assert f"{NIC} (a)" in other.message
    assert (one.related, other.related) == ((SOUND,), (NIC,))
    (kept,) = issues("DEV-IOMMU-GROUP", given((NIC,)), here())
    assert f"{SOUND} (the host)" in kept.message


def test_the_devices_of_a_disabled_guest_are_given_to_it() -> None:
    desired = Desired(guests=(Guest(name="a", devices=(DISK,)), Guest(name="b", devices=(DISK,), disabled=True)))
    assert len(issues("DEV-DUP", desired, here())) == 1


def test_a_device_that_is_given_twice_is_told_from_one_given_to_two() -> None:
    (twice,) = issues("DEV-DUP", given((USB, USB)))
    (shared,) = issues("DEV-DUP", given((USB,), (USB,)))
    assert twice.message == f"the device {USB} is given twice"
    assert shared.message == f"the device {USB} is given to two guests"
    assert shared.related == ("guests.a.devices",)
