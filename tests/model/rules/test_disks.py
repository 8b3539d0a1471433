"""Disks, media and firmware."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest
from rule_cases import Case, check, check_covered, check_needs, issues, known

from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Desired
from guestwire.model.events import Event
from guestwire.model.facts import Facts, FileFact
from guestwire.model.guest import DirectBoot, Disk, Guest, GuestKind
from guestwire.model.images import Image
from guestwire.model.rules.disks import FIRMWARE, RULES, named_files

A, RAW, ISO, GOLD = "/disks/a.qcow2", "/disks/a.raw", "/disks/a.iso", "/disks/gold.qcow2"
Kept = Literal["persistent", "ephemeral"]

GONE = FileFact(exists=False)
OVMF = FIRMWARE["x86_64"]


def there(virtual_mib: int | None = None) -> FileFact:
    return FileFact(exists=True, format="qcow2", virtual_mib=virtual_mib)


def disk(path: str | None = A, **given: Any) -> Disk:
    return Disk(path=path, **given)


def cdrom(path: str | None) -> Disk:
    return Disk(path=path, device="cdrom")


def disks(*given: Disk, **guest: Any) -> Desired:
    return Desired(guests=(Guest(name="a", disks=given, **guest),))


def both(one: Disk, other: Disk, kept: tuple[Kept, Kept] = ("persistent", "persistent")) -> Desired:
    pairs = zip("ab", (one, other), kept, strict=True)
    return Desired(guests=tuple(Guest(name=name, disks=(own,), persistence=how) for name, own, how in pairs))


def files(found: Mapping[str, FileFact]) -> Facts:
    return known(files=found)


def image(**given: Any) -> Image:
    return Image(id="i", os_type="linux", **({"path": "/k"} | given))


def sharing(kind: GuestKind, default: str = "RW--", **given: Any) -> Desired:
    areas = (MemoryArea(name="m", size=1 << 20, default_access=default),)
    return Desired(guests=(Guest(name="a", kind=kind, **given),), areas=areas)


POLICY = (
    Case(
        "DISK-PATH-POLICY", "below a root", disks(disk("/disks/sub/x.qcow2"), disk("/more/x.raw", format="raw")),
        (), known(disk_roots=("/disks/", "/more")),
    ),
    Case("DISK-PATH-POLICY", "no path", disks(disk(None, size_mib=1), cdrom(None))),
    Case("DISK-PATH-POLICY", "a medium below a root", disks(cdrom(ISO), cdrom("/disks/win"))),
    Case("DISK-PATH-POLICY", "a copy of another format", disks(disk(RAW, format="raw", clone_of=GOLD))),
    *(
        Case("DISK-PATH-POLICY", path, disks(disk(path)), ("guests.a.disks.0.path",))
        for path in (
            "/etc/x.qcow2", "/disks", "/disksx/x.qcow2", "/disks/../x.qcow2", "/disks/a/../x.qcow2", "/x/disks/x.qcow2",
            "/disks/x.raw", "/disks/x.img", "/disks/x", "/disks/xqcow2", "/disks/x.QCOW2", "/disks//x.qcow2",
            "//disks/x.qcow2", "/disks/./x.qcow2", "/disks/x.qcow2/", "/disks/x.qcow2/.",
        )
    ),
    Case("DISK-PATH-POLICY", "no roots", disks(disk()), ("guests.a.disks.0.path",), known(disk_roots=())),
    Case(
        "DISK-PATH-POLICY", "a medium anywhere", disks(cdrom("/etc/shadow"), cdrom("/iso/a.iso")),
        ("guests.a.disks.0.path", "guests.a.disks.1.path"),
    ),
    Case("DISK-PATH-POLICY", "a copy of anything", disks(disk(clone_of="/dev/sda")), ("guests.a.disks.0.clone_of",)),
    Case("DISK-PATH-POLICY", "everything is below /", disks(disk("/a.qcow2")), (), known(disk_roots=("/",))),
    Case("DISK-PATH-POLICY", "a disabled guest's", disks(disk("/x.qcow2"), disabled=True), ("guests.a.disks.0.path",)),
    Case(
        "DISK-PATH-POLICY", "a root itself", disks(disk("/disks/a.qcow2")), ("guests.a.disks.0.path",),
        known(disk_roots=("/disks/a.qcow2",)),
    ),
    Case("DISK-SHARED", "each its own", both(disk(), disk("/disks/b.qcow2"))),
    Case("DISK-SHARED", "one only reads", both(disk(), disk(read_only=True))),
    Case("DISK-SHARED", "a medium", both(cdrom(ISO), cdrom(ISO))),
    Case("DISK-SHARED", "agreed by both", both(disk(shareable=True), disk(shareable=True))),
    Case("DISK-SHARED", "overlays of one image", both(disk(), disk(), ("ephemeral", "ephemeral"))),
    Case("DISK-SHARED", "places to be chosen", disks(disk(None, size_mib=1), disk(None, size_mib=1))),
    Case("DISK-SHARED", "both write", both(disk(), disk()), ("guests.b.disks.0.path",)),
    Case("DISK-SHARED", "in another spelling", both(disk(), disk("/disks/.//a.qcow2")), ("guests.b.disks.0.path",)),
    Case("DISK-SHARED", "by way of another folder", both(disk(), disk("/disks/x/../a.qcow2")), ("guests.b.disks.0.path",)),
    Case(
        "DISK-SHARED", "a foreign domain's, read or a cluster's", both(disk(read_only=True), disk(shareable=True)), (),
        known(foreign_disks={A: "theirs"}),
    ),
    Case("DISK-SHARED", "a foreign domain's medium", disks(cdrom(A)), (), known(foreign_disks={A: "theirs"})),
    Case(
        "DISK-SHARED", "a foreign domain's", disks(disk("/disks//a.qcow2"), disabled=True), ("guests.a.disks.0.path",),
        known(foreign_disks={A: "theirs"}),
    ),
    Case("DISK-SHARED", "agreed by one", both(disk(shareable=True), disk()), ("guests.b.disks.0.path",)),
    Case(
        "DISK-SHARED", "an overlay of what another writes", both(disk(), disk(), ("ephemeral", "persistent")),
        ("guests.b.disks.0.path",),
    ),
    Case("DISK-SHARED", "one guest twice", disks(disk(), disk()), ("guests.a.disks.1.path",)),
    Case(
        "DISK-SHARED", "one guest twice, ephemeral", disks(disk(), disk(), persistence="ephemeral"),
        ("guests.a.disks.1.path",),
    ),
)  # fmt: skip

WRITES = (
    Case(
        "DISK-SHAREABLE-RAW", "raw, read only, its own",
        disks(disk(RAW, format="raw", shareable=True), disk(read_only=True, shareable=True), disk("/disks/b.qcow2")),
    ),
    Case("DISK-SHAREABLE-RAW", "a medium", disks(Disk(path=ISO, device="cdrom", shareable=True))),
    Case("DISK-SHAREABLE-RAW", "qcow2", disks(disk(RAW), disk(shareable=True)), ("guests.a.disks.1.format",)),
    Case("DISK-EPHEMERAL-BLOCK", "it stays", disks(disk("/dev/sdx", format="raw"))),
    Case(
        "DISK-EPHEMERAL-BLOCK", "read only, images, drives",
        disks(
            disk("/dev/sdx", format="raw", read_only=True), disk("/disks/dev/a.qcow2"), disk(None, size_mib=1),
            cdrom("/dev/sr0"), persistence="ephemeral",
        ),
    ),
    Case(
        "DISK-EPHEMERAL-BLOCK", "a block device", disks(disk(), disk("//dev/vg/a", format="raw"), persistence="ephemeral"),
        ("guests.a.disks.1.path",),
    ),
)  # fmt: skip

FILES = (
    Case(
        "FIRMWARE-MISSING", "there", disks(boot=DirectBoot(kernel="/k", initrd="/i")), (),
        files({"/k": there(), "/i": there()}),
    ),
    Case("FIRMWARE-MISSING", "not looked at", disks(boot=DirectBoot(kernel="/k"), firmware="uefi")),
    Case("FIRMWARE-MISSING", "an image that nobody uses", Desired(images=(image(),)), (), files({"/k": GONE})),
    Case(
        "FIRMWARE-MISSING", "a kernel instead of the image's",
        disks(boot=DirectBoot(kernel="/x"), image="i").model_copy(update={"images": (image(),)}), (),
        files({"/k": GONE}),
    ),
    Case(
        "FIRMWARE-MISSING", "gone", disks(boot=DirectBoot(kernel="/k", initrd="/i")),
        ("guests.a.boot.kernel", "guests.a.boot.initrd"), files({"/k": GONE, "/i": GONE}),
    ),
    Case(
        "FIRMWARE-MISSING", "an image's, once",
        Desired(images=(image(initrd="/i"),), guests=(Guest(name="a", image="i"), Guest(name="b", image="i"))),
        ("images.i.path", "images.i.initrd"), files({"/k": GONE, "/i": GONE}),
    ),
    Case(
        "FIRMWARE-MISSING", "a disk image",
        disks(image="i").model_copy(update={"images": (image(path=GOLD, format="qcow2"),)}), ("images.i.path",),
        files({GOLD: GONE}),
    ),
    Case(
        "FIRMWARE-MISSING", "one firmware is enough", disks(firmware="uefi"), (),
        files(dict.fromkeys(OVMF, GONE) | {OVMF[1]: there()}),
    ),
    Case("FIRMWARE-MISSING", "bios takes none", disks(), (), files(dict.fromkeys(OVMF, GONE))),
    Case(
        "FIRMWARE-MISSING", "no firmware", disks(firmware="uefi"), ("guests.a.firmware",),
        files(dict.fromkeys(OVMF, GONE)),
    ),
    Case(
        "FIRMWARE-MISSING", "of another machine", disks(firmware="uefi", arch="aarch64"), ("guests.a.firmware",),
        files(dict.fromkeys(FIRMWARE["aarch64"], GONE) | {OVMF[0]: there()}),
    ),
    Case(
        "MEDIA-MISSING", "there, empty, not looked at",
        disks(disk(), cdrom(ISO), cdrom(None), cdrom("/disks/b.iso")), (), files({A: there(), ISO: there()}),
    ),
    Case(
        "MEDIA-MISSING", "to be made", disks(disk(size_mib=1), disk(RAW, format="raw", clone_of=GOLD)), (),
        files({A: GONE, RAW: GONE, GOLD: there()}),
    ),
    Case("MEDIA-MISSING", "copied long ago", disks(disk(clone_of=GOLD)), (), files({A: there(), GOLD: GONE})),
    Case("MEDIA-MISSING", "a medium", disks(cdrom(ISO)), ("guests.a.disks.0.path",), files({ISO: GONE})),
    Case("MEDIA-MISSING", "a disk", disks(disk()), ("guests.a.disks.0.path",), files({A: GONE})),
    Case(
        "MEDIA-MISSING", "the image to copy", disks(disk(clone_of=GOLD), disk(None, clone_of=GOLD)),
        ("guests.a.disks.0.clone_of", "guests.a.disks.1.clone_of"), files({A: GONE, GOLD: GONE}),
    ),
    Case("DISK-SIZE-IGNORED", "as large", disks(disk(size_mib=100)), (), files({A: there(100)})),
    Case("DISK-SIZE-IGNORED", "it grows", disks(disk(size_mib=200)), (), files({A: there(100)})),
    Case(
        "DISK-SIZE-IGNORED", "no size, no file", disks(disk(), disk(RAW, format="raw", size_mib=1)), (),
        files({A: there(100), RAW: GONE}),
    ),
    Case(
        "DISK-SIZE-IGNORED", "what it was copied from does not count", disks(disk(size_mib=100, clone_of=GOLD)), (),
        files({A: there(100), GOLD: there(200)}),
    ),
    Case(
        "DISK-SIZE-IGNORED", "smaller", disks(disk(size_mib=99)), ("guests.a.disks.0.size_mib",),
        files({A: there(100)}),
    ),
    Case(
        "DISK-SIZE-IGNORED", "smaller than what it is copied from", disks(disk(size_mib=99, clone_of=GOLD)),
        ("guests.a.disks.0.size_mib",), files({A: GONE, GOLD: there(100)}),
    ),
    Case("DISK-EPHEMERAL", "a path of its own", disks(disk(), cdrom(None), id="GUEST0001")),
    Case("DISK-EPHEMERAL", "writes nothing", disks(disk(read_only=True), cdrom(ISO), persistence="ephemeral")),
    Case("DISK-EPHEMERAL", "a place that is given to it stays too", disks(disk(), disk(None, size_mib=1))),
    Case("DISK-EPHEMERAL", "one of two is written", disks(disk(), cdrom(ISO), persistence="ephemeral"), ("guests.a.persistence",)),
    Case("DISK-EPHEMERAL", "forgotten", disks(disk(), persistence="ephemeral"), ("guests.a.persistence",)),
    Case(
        "DISK-NO-SIZE", "a path, a size, a copy",
        disks(disk(), disk(None, size_mib=1), disk(None, clone_of=GOLD), cdrom(None)),
    ),
    Case("DISK-NO-SIZE", "nothing", disks(disk(), disk(None)), ("guests.a.disks.1.size_mib",)),
    Case("SNAPSHOT-BLOCKED-BY-SHMEM", "not plugged", sharing("rt", "----")),
    Case("SNAPSHOT-BLOCKED-BY-SHMEM", "no communication", sharing("gp")),
    Case("SNAPSHOT-BLOCKED-BY-SHMEM", "switched off", sharing("gp_comm", comm_enabled=False)),
    Case("SNAPSHOT-BLOCKED-BY-SHMEM", "a mode that is none", sharing("rt", "?")),
    Case("SNAPSHOT-BLOCKED-BY-SHMEM", "an area", sharing("gp_comm", "R---"), ("guests.a",)),
    Case(
        "SNAPSHOT-BLOCKED-BY-SHMEM", "an event",
        sharing("rt", "----").model_copy(update={"events": (Event(name="e", wait=("a",)),)}), ("guests.a",),
    ),
)  # fmt: skip

CASES = (*POLICY, *WRITES, *FILES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_finds_what_it_must(case: Case) -> None:
    check(case)


def test_each_rule_has_cases_and_its_severity() -> None:
    warnings = {"DISK-SIZE-IGNORED", "DISK-EPHEMERAL", "SNAPSHOT-BLOCKED-BY-SHMEM"}
    check_covered(RULES, CASES, {rule.code: "W" if rule.code in warnings else "E" for rule in RULES})


def test_what_is_not_known_of_files_and_folders_is_not_checked() -> None:
    check_needs(RULES, [case for case in CASES if case.what != "of another machine"])


def test_the_guest_itself_is_named_where_it_has_an_image_twice() -> None:
    (found,) = issues("DISK-SHARED", disks(disk(), disk()))
    assert found.message == f"a has {A} twice"
    assert found.related == ("guests.a.disks.0.path",)


def test_each_further_user_of_an_image_is_told_what_is_wrong() -> None:
    desired = Desired(guests=(Guest(name="a", disks=(disk(),)), Guest(name="b", disks=(disk(), disk()))))
    messages = [issue.message for issue in issues("DISK-SHARED", desired)]
    assert messages == [f"a and b would both write to {A}", f"b has {A} twice"]


def test_the_disk_of_a_disabled_guest_is_its_own() -> None:
    desired = Desired(guests=(Guest(name="a", disks=(disk(),)), Guest(name="b", disks=(disk(),), disabled=True)))
    assert len(issues("DISK-SHARED", desired)) == 1


def test_every_file_that_the_rules_ask_about_is_named() -> None:
    desired = Desired(
        images=(image(initrd="/i"),),
        guests=(
            Guest(name="a", disks=(disk(clone_of=GOLD), disk(None, size_mib=1), cdrom(ISO))),
            Guest(name="b", boot=DirectBoot(kernel="/bk", initrd="/bi"), firmware="uefi"),
        ),
    )
    assert named_files(desired) == {A, GOLD, ISO, "/k", "/i", "/bk", "/bi"} | set(OVMF) | set(FIRMWARE["aarch64"])
    assert named_files(disks(disk())) == {A}
