"""A guest as a domain document. No policy: every choice comes in `Choices`.

What libvirt has a place for is written there, and the guest's overrides are applied last. Under <metadata> goes the guest
as it was given, and what `extract` finds in this very document, so that `reader` knows later which of libvirt's words
changed.

heap_mib has no place here: it is a shared area, not the guest's own memory.
"""

from xml.etree.ElementTree import Element, SubElement, fromstring, indent, tostring

from guestwire.formats.domain_xml.choices import Choices
from guestwire.formats.domain_xml.devices import disk_targets, shares_need_shared_memory, write_devices
from guestwire.formats.domain_xml.extract import extract
from guestwire.formats.domain_xml.metadata import metadata_text
from guestwire.formats.domain_xml.names import METADATA_TAG, element
from guestwire.formats.domain_xml.patch import apply_overrides
from guestwire.model.cpuset import to_libvirt
from guestwire.model.guest import Guest


def to_xml(guest: Guest, choices: Choices) -> str:
    """The domain of a guest; for a definition its id and uuid are settled and its disks have paths. Raises
    DOCUMENT-INVALID, `field` says where: an override that does not fit, a disk without a path, forwards without a card."""
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
    _os(domain, guest, choices)
    _features(domain, guest, choices)
    _cpu(domain, choices)
    SubElement(domain, "clock", offset="utc")
    element(domain, "on_poweroff", "destroy")
    element(domain, "on_reboot", "restart")
    element(domain, "on_crash", "destroy")
    write_devices(domain, guest, choices)
    apply_overrides(domain, guest)
    _metadata(domain, guest, choices)
    indent(domain)
    return tostring(domain, encoding="unicode") + "\n"


def _memory_backing(domain: Element, guest: Guest) -> None:
    backing = Element("memoryBacking")
    if guest.hugepages_mib:
        SubElement(SubElement(backing, "hugepages"), "page", size=str(guest.hugepages_mib), unit="MiB")
    if guest.locks_memory:
        SubElement(backing, "nosharepages")
        SubElement(backing, "locked")
    if shares_need_shared_memory(guest):
        SubElement(backing, "source", type="memfd")
        SubElement(backing, "access", mode="shared")
    if len(backing):
        domain.append(backing)


def _tuning(domain: Element, guest: Guest, choices: Choices) -> None:
    """Pins, scheduler and nodes. An empty set of CPUs is no pin: libvirt has no word for it, and a rule reports it."""
    pins = choices.pins
    if pins is None:
        return
    tune = Element("cputune")
    for vcpu, cpus in enumerate(pins.vcpus[: guest.vcpus]):
        if cpus:
            SubElement(tune, "vcpupin", vcpu=str(vcpu), cpuset=to_libvirt(cpus))
    if pins.emulator:
        SubElement(tune, "emulatorpin", cpuset=to_libvirt(pins.emulator))
    if choices.fifo_priority is not None:
        vcpus = to_libvirt(range(guest.vcpus))
        SubElement(tune, "vcpusched", vcpus=vcpus, scheduler="fifo", priority=str(choices.fifo_priority))
    if len(tune):
        domain.append(tune)
    if pins.nodes:
        SubElement(SubElement(domain, "numatune"), "memory", mode="strict", nodeset=to_libvirt(pins.nodes))


def _os(domain: Element, guest: Guest, choices: Choices) -> None:
    os = SubElement(domain, "os")
    if guest.firmware == "uefi":
        os.set("firmware", "efi")
    element(os, "type", "hvm", arch=guest.arch or "x86_64", machine=choices.machine)
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
    for feature in choices.features:
        SubElement(features, feature)
    if guest.hide_kvm:
        SubElement(SubElement(features, "kvm"), "hidden", state="on")
    if choices.pmu is not None:
        SubElement(features, "pmu", state="on" if choices.pmu else "off")


def _cpu(domain: Element, choices: Choices) -> None:
    cpu = SubElement(domain, "cpu")
    if choices.cpu_mode is not None:
        cpu.set("mode", choices.cpu_mode)
    sockets, cores, threads = choices.topology
    SubElement(cpu, "topology", sockets=str(sockets), cores=str(cores), threads=str(threads))
    for name in choices.cpu_features:
        SubElement(cpu, "feature", policy="require", name=name)


def _metadata(domain: Element, guest: Guest, choices: Choices) -> None:
    """What an override wrote beside ours in <metadata> stays."""
    parsed = fromstring(tostring(domain, encoding="unicode"))  # noqa: S314 (our own): as libvirt will read it
    metadata = domain.find("metadata")
    if metadata is None:
        metadata = SubElement(domain, "metadata")
    for old in metadata.findall(METADATA_TAG):
        metadata.remove(old)
    element(metadata, METADATA_TAG, metadata_text(guest, extract(parsed), disk_targets(guest, choices)))
