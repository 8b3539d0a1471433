"""Shared folders and boot files: below the host's folders for them."""

from typing import Any

import pytest
from rule_cases import Case, check, check_covered, check_needs, known

from guestwire.model.desired import Desired
from guestwire.model.guest import DirectBoot, Guest, Share
from guestwire.model.images import Image
from guestwire.model.rules.host_files import RULES


def shares(*paths: str, **given: Any) -> Desired:
    guest = Guest(name="a", shares=tuple(Share(path=path, tag=f"t{n}") for n, path in enumerate(paths)), **given)
    return Desired(guests=(guest,))


def boots(kernel: str, initrd: str | None = None, **given: Any) -> Desired:
    return Desired(guests=(Guest(name="a", boot=DirectBoot(kernel=kernel, initrd=initrd), **given),))


def image(path: str, **given: Any) -> Desired:
    return Desired(images=(Image(id="i", os_type="linux", path=path, **given),))


CASES = (
    Case("SHARE-PATH-POLICY", "a root, and below it", shares("/shares", "/shares/a/b", "/shares/..a")),
    Case("SHARE-PATH-POLICY", "the whole host", shares("/"), (), known(share_roots=("/",))),
    *(
        Case("SHARE-PATH-POLICY", path, shares("/shares/x", path), ("guests.a.shares.1.path",))
        for path in ("/", "/etc", "/sharesx", "/shares/../etc", "/shares//x", "/shares/./x", "/shares/", "/x/shares")
    ),
    Case("SHARE-PATH-POLICY", "no roots", shares("/shares"), ("guests.a.shares.0.path",), known(share_roots=())),
    Case("SHARE-PATH-POLICY", "a disabled guest", shares("/etc", disabled=True), ("guests.a.shares.0.path",)),
    Case("BOOT-PATH-POLICY", "below a root", boots("/boot/k", "/boot/x/i")),
    Case("BOOT-PATH-POLICY", "one of several", boots("/k/k"), (), known(boot_roots=("/boot", "/k/"))),
    Case("BOOT-PATH-POLICY", "elsewhere", boots("/etc/k", "/etc/shadow"), ("guests.a.boot.kernel", "guests.a.boot.initrd")),
    Case("BOOT-PATH-POLICY", "by way of a root", boots("/boot/../etc/k"), ("guests.a.boot.kernel",)),
    Case("BOOT-PATH-POLICY", "a root itself", boots("/boot"), ("guests.a.boot.kernel",)),
    Case("BOOT-PATH-POLICY", "a disabled guest", boots("/etc/k", disabled=True), ("guests.a.boot.kernel",)),
    Case("BOOT-PATH-POLICY", "a disk image is no boot file", image("/disks/a.qcow2", format="qcow2")),
    Case("BOOT-PATH-POLICY", "an image of the document", image("/boot/k", initrd="/boot/i")),
    Case(
        "BOOT-PATH-POLICY", "an image that nobody uses", image("/k", initrd="/etc/shadow"),
        ("images.i.path", "images.i.initrd"),
    ),
    Case("BOOT-PATH-POLICY", "with a disk image", image("/k", format="raw", initrd="/i"), ("images.i.initrd",)),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_it_must(case: Case) -> None:
    check(case)


def test_each_rule_has_cases_and_its_severity() -> None:
    check_covered(RULES, CASES, dict.fromkeys(("SHARE-PATH-POLICY", "BOOT-PATH-POLICY"), "E"))


def test_without_the_folders_nothing_is_checked() -> None:
    check_needs(RULES, CASES)
