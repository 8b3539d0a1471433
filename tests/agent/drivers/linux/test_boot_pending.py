"""What waits for a boot, on trees that these tests write: the machine they run on has neither GRUB nor a package manager
that leaves such files. The fragments are those that the settings themselves write.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from guestwire.agent.drivers.linux.boot_pending import read_boot_pending
from guestwire.agent.drivers.linux.command import Ended
from guestwire.agent.drivers.linux.control import LinuxControl
from guestwire.agent.drivers.linux.facts import LinuxInspection
from guestwire.agent.drivers.linux.settings import grub, hugepages
from guestwire.model.settings import HostSettings, HugePool

REQUIRED, PACKAGES = "run/reboot-required", "run/reboot-required.pkgs"
POOLS = tuple(f"sys/devices/system/node/node{node}/hugepages/hugepages-1048576kB/nr_hugepages" for node in (0, 1))
ALL_POOLS = "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"
CMDLINE = "proc/cmdline"
BOOTED = "BOOT_IMAGE=/vmlinuz-6.1.0-rt root=/dev/sda2 ro {} quiet\n"
TREE: Mapping[str, str] = {
    "etc/default/grub": "GRUB_DEFAULT=0\n",
    "usr/sbin/update-grub": "",
    "sys/devices/system/cpu/present": "0-3\n",
    "proc/irq/default_smp_affinity": "f\n",
    "proc/irq/9/smp_affinity_list": "0-3\n",
    CMDLINE: BOOTED.format(""),
    ALL_POOLS: "0\n",
    **dict.fromkeys(POOLS, "0\n"),
}
BY_NODE = (HugePool(size_mib=1024, pages=4, node=0), HugePool(size_mib=1024, pages=2, node=1))
WANTED = "hugepagesz=1G hugepages=0:4,1:2"


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, TREE)
    return tmp_path


async def no_command(*_arguments: str, stdin: str | None = None, deadline_s: float = 60.0) -> Ended:
    return Ended(0, "", "")


async def given(root: Path, **settings: Any) -> None:
    """The settings as an apply makes them."""
    control = LinuxControl(root, no_command)
    for name in settings:
        await control.set(name, HostSettings(**settings))


@pytest.mark.parametrize(
    ("files", "texts"),
    [
        ({}, ()),
        ({PACKAGES: "dbus\n"}, ()),
        ({REQUIRED: ""}, ("the operating system asks for it: /run/reboot-required",)),
        ({REQUIRED: "*** System restart required ***\n", PACKAGES: "\n"}, None),
        (
            {REQUIRED: "*** System restart required ***\n", PACKAGES: "linux-image-6.1.0-30-rt-amd64\ndbus\ndbus\n"},
            ("packages that were updated ask for it: dbus, linux-image-6.1.0-30-rt-amd64",),
        ),
        (
            {REQUIRED: "", PACKAGES: "".join(f"p{number}\n" for number in range(10))},
            ("packages that were updated ask for it: p0, p1, p2, p3, p4, p5, p6, p7 and 2 more",),
        ),
        ({REQUIRED: "", PACKAGES: "x" * 999}, (f"packages that were updated ask for it: {'x' * 128}",)),
    ],
)
def test_packages_say_it(root: Path, files: Mapping[str, str], texts: tuple[str, ...] | None) -> None:
    write(root, files)
    none_named = ("the operating system asks for it: /run/reboot-required",)
    assert read_boot_pending(root) == (none_named if texts is None else texts)


@pytest.mark.parametrize(
    ("booted_with", "pages", "waits"),
    [
        ("", ("0", "0"), True),
        ("", ("4", "1"), True),
        ("", ("4", "2"), False),
        ("", ("5", "2"), False),
        (WANTED, ("4", "2"), False),
        (WANTED, ("4", "1"), False),
        ("hugepagesz=1G hugepages=0:3,1:2", ("3", "2"), True),
        ("hugepagesz=2M hugepages=0:4,1:2 hugepagesz=1G hugepages=1", ("1", "0"), True),
        (f"{WANTED} irqaffinity=0", ("0", "0"), False),
    ],
)
async def test_large_pages_wait_for_a_boot_that_would_bring_them(
    root: Path, booted_with: str, pages: tuple[str, str], waits: bool
) -> None:
    """Nothing waits where the kernel has them without, or where it was booted with the options and found no more."""
    await given(root, hugepages=BY_NODE)
    write(root, {CMDLINE: BOOTED.format(booted_with), **dict(zip(POOLS, pages, strict=True))})
    text = f"the kernel was booted without {WANTED}, which /etc/default/grub.d/91-guestwire-hugepages.cfg asks for"
    assert read_boot_pending(root) == ((text,) if waits else ())


async def test_large_pages_of_the_whole_machine(root: Path) -> None:
    await given(root, hugepages=(HugePool(size_mib=1024, pages=3),))
    assert read_boot_pending(root) == ()
    write(root, {ALL_POOLS: "2\n"})
    assert [text.split(", ")[0] for text in read_boot_pending(root)] == [
        "the kernel was booted without hugepagesz=1G hugepages=3"
    ]
    await given(root, hugepages=())
    assert read_boot_pending(root) == (), "nobody asks for them any more"


@pytest.mark.parametrize("missing", ["usr/sbin/update-grub", CMDLINE])
async def test_what_no_boot_brings_and_what_cannot_be_told_does_not_wait(root: Path, missing: str) -> None:
    await given(root, hugepages=BY_NODE)
    write(root, dict.fromkeys(POOLS, "0\n"))
    assert read_boot_pending(root)
    (root / missing).unlink()
    assert read_boot_pending(root) == ()


async def test_what_is_in_force_without_a_boot_does_not_wait(root: Path) -> None:
    await given(root, irq_affinity="0-1", hugepages=(HugePool(size_mib=1024, pages=0, node=0),), bootloader_timeout=3)
    assert grub.options_of((root / "etc/default/grub.d/92-guestwire-irq.cfg").read_text()) == "irqaffinity=0-1"
    assert read_boot_pending(root) == ()


@pytest.mark.parametrize(
    "options",
    [
        "",
        "hugepagesz=1G",
        "hugepagesz=1G hugepages=",
        "hugepagesz=1G hugepages=0:",
        "hugepagesz=1G hugepages=x",
        f"hugepagesz=1G hugepages={'9' * 10}",
        "quiet",
    ],
)
def test_a_fragment_that_somebody_wrote_over_asks_for_nothing_of_ours(root: Path, options: str) -> None:
    write(root, {hugepages.GRUB_FILE.lstrip("/"): grub.with_options(options)})
    assert read_boot_pending(root) == ()


async def test_the_facts_have_it(root: Path) -> None:
    await given(root, hugepages=BY_NODE)
    write(root, {REQUIRED: "", PACKAGES: "dbus\n", **dict.fromkeys(POOLS, "0\n")})
    said = (await LinuxInspection(root).facts()).boot_pending
    assert [text.split()[0] for text in said] == ["packages", "the"]


def test_an_empty_tree(tmp_path: Path) -> None:
    assert read_boot_pending(tmp_path) == ()
