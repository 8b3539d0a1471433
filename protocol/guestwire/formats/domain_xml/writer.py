"""A guest as a domain document. No policy: every choice comes in `Choices`.

What libvirt has a place for is written there, and the guest's overrides are applied last. Under <metadata> goes the guest
as it was given, and what `extract` finds in this very document, so that `reader` knows later which of libvirt's words
changed.

heap_mib has no place here: it is a shared area, not the guest's own memory.

Elements that only some guests fill are always there while the overrides are applied, and go when they stayed empty: an
override may put something into them, whatever the guest is.
"""

from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element, SubElement, fromstring, indent, tostring

from guestwire.formats.domain_xml.choices import Choices
from guestwire.formats.domain_xml.communication import join_command_lines, write_comm
from guestwire.formats.domain_xml.devices import disk_targets, shares_need_shared_memory, write_devices
from guestwire.formats.domain_xml.extract import extract
from guestwire.formats.domain_xml.metadata import metadata_text
from guestwire.formats.domain_xml.names import HANDLE, METADATA_TAG, element, xml_text
from guestwire.formats.domain_xml.patch import apply_overrides
from guestwire.model.cpuset import to_libvirt
from guestwire.model.guest import Guest

_MACHINE = "q35"
_FEATURES = ("acpi", "apic")
_MAY_BE_EMPTY = ("memoryBacking", "cputune", "numatune", "features/kvm", "features/pmu")


def to_xml(guest: Guest, choices: Choices, host: str = "") -> str:
    """The domain of a guest, of the host with that id; for a definition its id and uuid are settled and its disks have
    paths. Raises DOCUMENT-INVALID, `field` says where: an override that does not fit, a disk without a path, forwards
    without a card."""
    domain = draft(guest, choices)
    disks = domain.findall("devices/disk")
    override(domain, guest, choices)
    finish(domain)
    targets = _targets(domain, disks, disk_targets(guest, choices))
    _metadata(domain, lambda parsed: metadata_text(guest, extract(parsed), targets, choices, host))
    indent(domain)
    return tostring(domain, encoding="unicode") + "\n"


def draft(guest: Guest, choices: Choices) -> Element:
    """The document before the overrides, with handles (`names.HANDLE`). Raises as `to_xml`."""
    domain = Element("domain", type=choices.hypervisor)
    element(domain, "name", guest.name)
    if guest.uuid is not None:
        element(domain, "uuid", guest.uuid)
    if guest.title:
        element(domain, "title", guest.title)
    if guest.description:
        element(domain, "description", guest.description)
    SubElement(domain, "metadata")
    element(domain, "memory", str(guest.memory_mib), unit="MiB")
    _memory_backing(domain, guest)
    vcpu = element(domain, "vcpu", str(choices.max_vcpus), placement="static")
    if choices.max_vcpus != guest.vcpus:
        vcpu.set("current", str(guest.vcpus))
    _tuning(domain, guest, choices)
    _os(domain, guest)
    _features(domain, guest, choices)
    _cpu(domain, choices)
    SubElement(domain, "clock", offset="utc")
    element(domain, "on_poweroff", "destroy")
    element(domain, "on_reboot", "restart")
    element(domain, "on_crash", "destroy")
    write_devices(domain, guest, choices)
    return domain


def override(domain: Element, guest: Guest, choices: Choices) -> None:
    """What comes on top of the draft: the guest's overrides and what it has for communication. That comes after those that
    were given, so that their paths find what they found without it; what other tools edited was found beside it. Raises as
    `to_xml`."""
    if choices.comm is None:
        apply_overrides(domain, guest)
        return
    apply_overrides(domain, guest, edits=False)
    write_comm(domain, guest, choices.comm)
    apply_overrides(domain, guest, edits=True)
    join_command_lines(domain)


def finish(domain: Element) -> None:
    """Take out what only the overrides needed."""
    for found in (*domain.findall("devices/*"), *domain.findall("cputune")):
        found.attrib.pop(HANDLE, None)
    for path in _MAY_BE_EMPTY:
        above, _, tag = path.rpartition("/")
        for parent in domain.findall(above or "."):
            for found in parent.findall(tag):
                if not len(found) and not found.attrib:
                    parent.remove(found)


def _targets(domain: Element, disks: Sequence[Element], given: Sequence[str]) -> list[str]:
    """The target of each disk after the overrides; as given where one replaced the whole disk."""
    left = domain.findall("devices/disk")
    found = [disk.find("target") if any(disk is other for other in left) else None for disk in disks]
    return [
        target if element is None else element.get("dev", target) for element, target in zip(found, given, strict=True)
    ]


def _memory_backing(domain: Element, guest: Guest) -> None:
    backing = SubElement(domain, "memoryBacking")
    if guest.hugepages_mib:
        SubElement(SubElement(backing, "hugepages"), "page", size=str(guest.hugepages_mib), unit="MiB")
    if guest.locks_memory:
        SubElement(backing, "nosharepages")
        SubElement(backing, "locked")
    if shares_need_shared_memory(guest):
        SubElement(backing, "source", type="memfd")
        SubElement(backing, "access", mode="shared")


def _tuning(domain: Element, guest: Guest, choices: Choices) -> None:
    """Pins, scheduler and nodes. An empty set of CPUs is no pin: libvirt has no word for it, and a rule reports it."""
    tune = SubElement(domain, "cputune", {HANDLE: tuning_handle(guest)})
    memory = SubElement(domain, "numatune")
    pins = choices.pins
    if pins is None:
        return
    for vcpu, cpus in enumerate(pins.vcpus[: guest.vcpus]):
        if cpus:
            SubElement(tune, "vcpupin", vcpu=str(vcpu), cpuset=to_libvirt(cpus))
    if pins.emulator:
        SubElement(tune, "emulatorpin", cpuset=to_libvirt(pins.emulator))
    if choices.fifo_priority is not None:
        vcpus = to_libvirt(range(guest.vcpus))
        SubElement(tune, "vcpusched", vcpus=vcpus, scheduler="fifo", priority=str(choices.fifo_priority))
    if pins.nodes:
        SubElement(memory, "memory", mode="strict", nodeset=to_libvirt(pins.nodes))


def tuning_handle(guest: Guest) -> str:
    """What the pins follow from, on any machine."""
    return xml_text(f"{guest.kind} {guest.vcpus} {guest.cpuset or ''}")


def _os(domain: Element, guest: Guest) -> None:
    os = SubElement(domain, "os")
    if guest.firmware == "uefi":
        os.set("firmware", "efi")
    element(os, "type", "hvm", arch=guest.arch or "x86_64", machine=_MACHINE)
    if guest.boot is not None:
        element(os, "kernel", guest.boot.kernel)
        if guest.boot.initrd is not None:
            element(os, "initrd", guest.boot.initrd)
        if guest.boot.cmdline:
            element(os, "cmdline", guest.boot.cmdline)
        return
    kinds = {disk.device for disk in guest.disks}
    for device, name in (("disk", "hd"), ("cdrom", "cdrom")):
        if device in kinds:  # a disk that is still empty does not boot: then the installer on the cdrom does
            SubElement(os, "boot", dev=name)


def _features(domain: Element, guest: Guest, choices: Choices) -> None:
    features = SubElement(domain, "features")
    for feature in _FEATURES:
        SubElement(features, feature)
    kvm = SubElement(features, "kvm")
    if guest.hide_kvm:
        SubElement(kvm, "hidden", state="on")
    pmu = SubElement(features, "pmu")
    if choices.pmu is not None:
        pmu.set("state", "on" if choices.pmu else "off")


def _cpu(domain: Element, choices: Choices) -> None:
    cpu = SubElement(domain, "cpu")
    if choices.cpu_mode is not None:
        cpu.set("mode", choices.cpu_mode)
    sockets, cores, threads = choices.topology
    SubElement(cpu, "topology", sockets=str(sockets), cores=str(cores), threads=str(threads))
    for name in choices.cpu_features:
        SubElement(cpu, "feature", policy="require", name=name)


def _metadata(domain: Element, text_of: Callable[[Element], str]) -> None:
    """What an override wrote beside ours in <metadata> stays."""
    parsed = fromstring(tostring(domain, encoding="unicode"))  # noqa: S314 (our own): as libvirt will read it
    metadata = domain.find("metadata")
    if metadata is None:
        metadata = SubElement(domain, "metadata")
    for old in metadata.findall(METADATA_TAG):
        metadata.remove(old)
    element(metadata, METADATA_TAG, text_of(parsed))
