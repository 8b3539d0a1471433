"""Disks, media and firmware: where images may lie, what must exist, what is lost (SM 4.3.1, 3.10; KVM-RT 2).

A path is judged as it is written. That no symbolic link leads out of the roots is for the driver that opens it.
"""

from collections.abc import Iterator, Mapping

from guestwire.model.access import Access, effective_access, read_access
from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Desired
from guestwire.model.facts import FileFact
from guestwire.model.guest import Disk, Guest
from guestwire.model.host_paths import below, normal
from guestwire.model.images import Image
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View, place

FIRMWARE: Mapping[str, tuple[str, ...]] = {
    "x86_64": (
        "/usr/share/OVMF/OVMF_CODE_4M.fd",
        "/usr/share/OVMF/OVMF_CODE.fd",
        "/usr/share/edk2/ovmf/OVMF_CODE.fd",
        "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        "/usr/share/qemu/ovmf-x86_64-code.bin",
    ),
    "aarch64": (
        "/usr/share/AAVMF/AAVMF_CODE.fd",
        "/usr/share/edk2/aarch64/QEMU_EFI.fd",
        "/usr/share/qemu/aavmf-aarch64-code.bin",
    ),
}
"""Where distributions put the UEFI firmware, by machine: one of them is enough."""


def named_files(desired: Desired) -> frozenset[str]:
    """Every path that the rules ask `facts.files` about: to be looked at before `validate`."""
    named = {path for image in desired.images for path in (image.path, image.initrd)}
    for guest in desired.guests:
        named.update(path for disk in guest.disks for path in (disk.path, disk.clone_of))
        if guest.boot is not None:
            named.update((guest.boot.kernel, guest.boot.initrd))
        if guest.firmware == "uefi":
            named.update(path for places in FIRMWARE.values() for path in places)
    return frozenset(path for path in named if path is not None)


def disk_path_policy(view: View) -> Iterator[Finding]:
    assert view.facts.disk_roots is not None
    roots = view.facts.disk_roots
    for _, disk, path in _disks(view):
        for field, text in (("path", disk.path), ("clone_of", disk.clone_of)):
            if text is None:
                continue
            suffix = (f".{disk.format}",) if field == "path" else (".qcow2", ".raw")
            if text != (plain := normal(text)):
                yield Finding(f"{path}.{field}", f"{text} is not the plain path, which is {plain}")
            elif not any(below(text, root) for root in roots):
                yield Finding(f"{path}.{field}", f"{text} is in none of the folders for disks")
            elif disk.device == "disk" and not text.endswith(suffix):
                yield Finding(f"{path}.{field}", f"{text} does not end in {' or '.join(suffix)}")


def disk_shared(view: View) -> Iterator[Finding]:
    users: dict[str, list[tuple[Guest, Disk, str]]] = {}
    foreign = view.facts.foreign_disks or {}
    for guest, disk, path in _disks(view):
        if disk.device == "disk" and disk.path is not None and not disk.read_only:
            users.setdefault(normal(disk.path), []).append((guest, disk, path))
            if not disk.shareable and (name := foreign.get(normal(disk.path))) is not None:
                message = f"the domain {name!r}, which is not the project's, has {disk.path} too"
                yield Finding(f"{path}.path", message, related=(name,))
    for several in users.values():
        if all(disk.shareable for _, disk, _ in several):
            continue
        # what ephemeral guests write goes into overlays of their own: they may have one image together
        persists = any(guest.persistence == "persistent" for guest, _, _ in several)
        first, _, where = several[0]
        for number, (guest, disk, path) in enumerate(several[1:], start=1):
            if any(guest is earlier for earlier, _, _ in several[:number]):
                yield Finding(f"{path}.path", f"{guest.name} has {disk.path} twice", related=(f"{where}.path",))
            elif persists:
                message = f"{first.name} and {guest.name} would both write to {disk.path}"
                yield Finding(f"{path}.path", message, related=(f"{where}.path",))


def disk_shareable_raw(view: View) -> Iterator[Finding]:
    for _, disk, path in _disks(view):
        if disk.shareable and disk.device == "disk" and not disk.read_only and disk.format != "raw":
            yield Finding(f"{path}.format", f"several guests cannot write to one {disk.format} image at once")


def firmware_missing(view: View) -> Iterator[Finding]:
    files = _files(view)
    for where, path, what in _boot_files(view):
        if _missing(path, files):
            yield Finding(where, f"the {what} {path} is not there")
    for guest in view.everyone:
        looked = [files[path] for path in _firmware(guest, view) if path in files] if guest.firmware == "uefi" else []
        if looked and not any(fact.exists for fact in looked):
            yield Finding(place(guest, "firmware"), "the host has no UEFI firmware for guests")


def media_missing(view: View) -> Iterator[Finding]:
    files = _files(view)
    for _, disk, path in _disks(view):
        if disk.device == "cdrom":
            if disk.path is not None and _missing(disk.path, files):
                yield Finding(f"{path}.path", f"the medium {disk.path} is not there")
            continue
        there = disk.path is not None and disk.path in files and files[disk.path].exists
        if disk.clone_of is not None and not there and _missing(disk.clone_of, files):
            yield Finding(f"{path}.clone_of", f"the image {disk.clone_of} to copy is not there")
        made = disk.size_mib is not None or disk.clone_of is not None
        if disk.path is not None and not made and _missing(disk.path, files):
            yield Finding(f"{path}.path", f"the image {disk.path} is not there, and nothing says how large to make it")


def disk_size_ignored(view: View) -> Iterator[Finding]:
    files = _files(view)
    for _, disk, path in _disks(view):
        # what counts is the image that is there, else the one that it becomes a copy of
        image = disk.clone_of if disk.path is None or _missing(disk.path, files) else disk.path
        fact = files.get(image) if image is not None else None
        if disk.device == "disk" and disk.size_mib and fact and fact.virtual_mib and fact.virtual_mib > disk.size_mib:
            message = f"{image} has {fact.virtual_mib} MiB and is not made smaller: {disk.size_mib} MiB is ignored"
            yield Finding(f"{path}.size_mib", message)


def disk_ephemeral(view: View) -> Iterator[Finding]:
    for guest in view.everyone:
        if guest.persistence == "ephemeral" and any(d.device == "disk" and not d.read_only for d in guest.disks):
            yield Finding(place(guest, "persistence"), f"what {guest.name} writes to its disks is lost when it stops")


def disk_ephemeral_block(view: View) -> Iterator[Finding]:
    for guest, disk, path in _disks(view):
        if guest.persistence != "ephemeral" or disk.device != "disk" or disk.path is None or disk.read_only:
            continue
        if below(normal(disk.path), "/dev"):
            yield Finding(f"{path}.path", f"what {guest.name} writes to {disk.path} cannot be forgotten")


def disk_no_size(view: View) -> Iterator[Finding]:
    for _, disk, path in _disks(view):
        if disk.device == "disk" and disk.path is None and disk.size_mib is None and disk.clone_of is None:
            yield Finding(f"{path}.size_mib", "the disk has neither a path nor a size nor an image to copy")


def snapshot_blocked_by_shmem(view: View) -> Iterator[Finding]:
    heard = {name for event in view.desired.events for name in (*event.signal, *event.wait)}
    for guest in view.everyone:
        if not guest.has_comm:
            continue
        areas = [area.name for area in view.desired.areas if _plugged(area, guest)]
        if areas or guest.name in heard:
            message = f"{guest.name} shares memory: its memory can be neither saved nor put into a snapshot"
            yield Finding(place(guest), message, related=tuple(f"areas.{name}" for name in areas))


def _disks(view: View) -> Iterator[tuple[Guest, Disk, str]]:
    """Every disk with its guest and its place."""
    for guest in view.everyone:
        for number, disk in enumerate(guest.disks):
            yield guest, disk, place(guest, f"disks.{number}")


def _boot_files(view: View) -> Iterator[tuple[str, str, str]]:
    """Place, path and kind of every file that a guest boots from: its own, else those of its image."""
    images = {image.id: image for image in view.desired.images}
    used: dict[str, Image] = {}
    for guest in view.everyone:
        if guest.boot is not None:
            yield place(guest, "boot.kernel"), guest.boot.kernel, "kernel"
            if guest.boot.initrd is not None:
                yield place(guest, "boot.initrd"), guest.boot.initrd, "initrd"
        image = images.get(guest.image or "")
        if image is not None and (guest.boot is None or image.format != "kernel"):
            used[image.id] = image
    for image in used.values():
        yield f"images.{image.id}.path", image.path, "kernel" if image.format == "kernel" else "image"
        if image.initrd is not None:
            yield f"images.{image.id}.initrd", image.initrd, "initrd"


def _firmware(guest: Guest, view: View) -> tuple[str, ...]:
    return FIRMWARE.get(guest.arch or view.facts.machine or "x86_64", ())


def _files(view: View) -> Mapping[str, FileFact]:
    assert view.facts.files is not None
    return view.facts.files


def _missing(path: str, files: Mapping[str, FileFact]) -> bool:
    """Whether the path is known not to exist."""
    return path in files and not files[path].exists


def _plugged(area: MemoryArea, guest: Guest) -> bool:
    mode = read_access(effective_access(area, guest.name))
    return isinstance(mode, Access) and mode.plugged


RULES: tuple[Rule, ...] = (
    Rule(
        "DISK-PATH-POLICY", "E", "E",
        "Images and media lie below the host's folders for disks, by plain paths (without .., . and //); a disk's image ends"
        " in its format.",
        "Choose a path such as FOLDER/NAME.qcow2 in a folder that host.disk_roots of the agent's file names.",
        disk_path_policy, ("disk_roots",),
    ),
    Rule(
        "DISK-SHARED", "E", "E",
        "No two guests write to the same disk image, none has it twice, and no domain that is not the project's has it.",
        "Give each guest its own image, or set read_only; shareable only for a cluster file system.", disk_shared,
    ),
    Rule(
        "DISK-SHAREABLE-RAW", "E", "E", "A disk that several guests may write to is raw.",
        "Convert the image to raw, or take shareable away.", disk_shareable_raw,
    ),
    Rule(
        "FIRMWARE-MISSING", "E", "E", "The kernel, the initrd, the image and the firmware that a guest boots from exist.",
        "Copy the file to the host, correct the path, or install the UEFI firmware (ovmf).", firmware_missing, ("files",),
    ),
    Rule(
        "MEDIA-MISSING", "E", "E", "Media and images exist, unless the apply makes them.",
        "Copy the file to the host, correct the path, or give the disk a size to be made with.", media_missing, ("files",),
    ),
    Rule(
        "DISK-SIZE-IGNORED", "W", "W", "A disk's size is not smaller than the image that is there.",
        "Give the size the image has, or a larger one to grow it.", disk_size_ignored, ("files",),
    ),
    Rule(
        "DISK-EPHEMERAL", "W", "W", "What a guest writes to its disks outlives it.",
        "Make the guest persistent, unless its data may be lost.", disk_ephemeral,
    ),
    Rule(
        "DISK-EPHEMERAL-BLOCK", "E", "E", "An ephemeral guest writes to images only, not to devices of the host (/dev).",
        "Set read_only, use an image, or make the guest persistent.", disk_ephemeral_block,
    ),
    Rule(
        "DISK-NO-SIZE", "E", "E", "A disk without a path has a size, or an image to copy.",
        "Give it size_mib, clone_of or the path of an image.", disk_no_size,
    ),
    Rule(
        "SNAPSHOT-BLOCKED-BY-SHMEM", "W", "W", "A guest whose memory is to be saved shares none with others.",
        "Use disk snapshots for this guest.", snapshot_blocked_by_shmem,
    ),
)  # fmt: skip
