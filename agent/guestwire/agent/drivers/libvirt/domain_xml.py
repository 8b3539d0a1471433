"""A guest as libvirt's domain XML, both ways. A document format with no policy: every choice comes in `Choices`.

What libvirt has a place for is written there and read back from there, so that another tool's edit shows. What only we
know (identifier, kind, `ready_when`, the CPU set as it was written, ...) is one JSON text under <metadata>: JSON
escapes what XML cannot carry, so it comes back exactly. Read INACTIVE XML: the active one has run-time additions.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, register_namespace, tostring

from pydantic import ValidationError

from guestwire.model.cpuset import from_libvirt, to_libvirt
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning

NAMESPACE = "urn:guestwire:domain:1"
AGENT_CHANNEL = "org.qemu.guest_agent.0"
_OURS = ("id", "kind", "os_type", "ready_when", "autostart", "comments")
_TAG = f"{{{NAMESPACE}}}guest"

register_namespace("guestwire", NAMESPACE)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a domain needs that a guest does not say; `policy` makes them."""

    hypervisor: Literal["qemu", "kvm"]
    machine: str = "q35"
    cpu_mode: str | None = None
    max_vcpus: int | None = None
    """More vCPUs than the guest has, of which only the guest's are plugged in."""
    pins: Pinning | None = None
    fifo_priority: int | None = None
    features: tuple[str, ...] = ("acpi", "apic")
    disk_buses: Mapping[str, str] = field(default_factory=lambda: {"disk": "virtio", "cdrom": "sata"})


def to_xml(guest: Guest, choices: Choices) -> str:
    """The domain of a guest whose id and uuid are settled."""
    domain = Element("domain", type=choices.hypervisor)
    _text(domain, "name", guest.name)
    if guest.uuid is not None:
        _text(domain, "uuid", guest.uuid)
    _metadata(domain, guest, choices)
    _text(domain, "memory", str(guest.memory_mib), unit="MiB")
    vcpu = _text(domain, "vcpu", str(choices.max_vcpus or guest.vcpus), placement="static")
    if choices.max_vcpus is not None and choices.max_vcpus != guest.vcpus:
        vcpu.set("current", str(guest.vcpus))
    _cputune(domain, guest, choices)
    _os(domain, guest, choices)
    features = SubElement(domain, "features")
    for feature in choices.features:
        SubElement(features, feature)
    if choices.cpu_mode is not None:
        SubElement(domain, "cpu", mode=choices.cpu_mode)
    SubElement(domain, "clock", offset="utc")
    _text(domain, "on_poweroff", "destroy")
    _text(domain, "on_reboot", "restart")
    _text(domain, "on_crash", "destroy")
    _devices(SubElement(domain, "devices"), guest, choices)
    return tostring(domain, encoding="unicode")


def _text(parent: Element, tag: str, text: str, **attributes: str) -> Element:
    element = SubElement(parent, tag, attributes)
    element.text = text
    return element


def _metadata(domain: Element, guest: Guest, choices: Choices) -> None:
    ours: dict[str, Any] = guest.model_dump(mode="json", include=set(_OURS), exclude_defaults=True)
    if guest.cpuset is not None:
        ours["cpuset"] = guest.cpuset
        ours["cpus"] = "" if choices.pins is None else _pinned_to(choices.pins)
    if cdroms := [n for n, disk in enumerate(guest.disks) if disk.device == "cdrom" and disk.read_only]:
        ours["read_only_cdroms"] = cdroms
    _text(SubElement(domain, "metadata"), _TAG, json.dumps(ours, ensure_ascii=True, sort_keys=True))


def _pinned_to(pins: Pinning) -> str:
    return to_libvirt(frozenset().union(pins.emulator, *pins.vcpus))


def _cputune(domain: Element, guest: Guest, choices: Choices) -> None:
    if choices.pins is None:
        return
    tune = SubElement(domain, "cputune")
    for vcpu, cpus in enumerate(choices.pins.vcpus[: guest.vcpus]):
        SubElement(tune, "vcpupin", vcpu=str(vcpu), cpuset=to_libvirt(cpus))
    SubElement(tune, "emulatorpin", cpuset=to_libvirt(choices.pins.emulator))
    if choices.fifo_priority is not None:
        vcpus = to_libvirt(range(guest.vcpus))
        SubElement(tune, "vcpusched", vcpus=vcpus, scheduler="fifo", priority=str(choices.fifo_priority))


def _os(domain: Element, guest: Guest, choices: Choices) -> None:
    os = SubElement(domain, "os")
    if guest.firmware == "uefi":
        os.set("firmware", "efi")
    _text(os, "type", "hvm", arch="x86_64", machine=choices.machine)
    if guest.boot is not None:
        _text(os, "kernel", guest.boot.kernel)
        if guest.boot.initrd is not None:
            _text(os, "initrd", guest.boot.initrd)
        if guest.boot.cmdline:
            _text(os, "cmdline", guest.boot.cmdline)


def _devices(devices: Element, guest: Guest, choices: Choices) -> None:
    letters: dict[str, int] = {}
    for disk in guest.disks:
        bus = choices.disk_buses[disk.device]
        prefix = "vd" if bus == "virtio" else "sd"
        number = letters[prefix] = letters.get(prefix, -1) + 1
        element = SubElement(devices, "disk", type="file", device=disk.device)
        SubElement(element, "driver", name="qemu", type=disk.format)
        SubElement(element, "source", file=disk.path)
        SubElement(element, "target", dev=prefix + _letters(number), bus=bus)
        if disk.read_only:
            SubElement(element, "readonly")
    SubElement(devices, "controller", type="usb", model="none")
    serial = SubElement(devices, "serial", type="pty")
    SubElement(serial, "target", port="0")
    console = SubElement(devices, "console", type="pty")
    SubElement(console, "target", type="serial", port="0")
    channel = SubElement(devices, "channel", type="unix")
    SubElement(channel, "target", type="virtio", name=AGENT_CHANNEL)
    SubElement(devices, "memballoon", model="none")
    SubElement(devices, "panic", model="isa")


def _letters(number: int) -> str:
    """a, b, ... z, aa, ab, ... as the kernel names disks."""
    text = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        text = chr(ord("a") + letter) + text
    return text


def from_xml(text: str) -> Guest:
    """The guest of a domain. One that we did not make has no id, and is described as well as our model can."""
    try:
        domain = fromstring(text)  # noqa: S314 (from libvirt, which is trusted with every guest anyway)
    except ParseError as err:
        raise GuestwireError("DRIVER-ERROR", f"libvirt's XML cannot be read: {err}") from err
    ours = _read_metadata(domain)
    found = _read_domain(domain, ours or {})
    try:
        # JSON mode: lists become tuples, and our own part is checked like any other input
        return Guest.model_validate_json(json.dumps({**(ours or {}), **found}))
    except ValidationError:
        return _best_effort(found)


def _read_metadata(domain: Element) -> dict[str, Any] | None:
    """Our part; None where the domain is not ours or somebody broke it."""
    element = domain.find(f"metadata/{_TAG}")
    if element is None or not element.text:
        return None
    try:
        ours = json.loads(element.text)
    except ValueError:
        return None
    if not isinstance(ours, dict):
        return None
    return {key: ours[key] for key in (*_OURS, "cpuset", "cpus", "read_only_cdroms") if key in ours}


def _read_domain(domain: Element, ours: dict[str, Any]) -> dict[str, Any]:
    """What libvirt has its own place for, in the shape of the model's JSON."""
    vcpu = domain.find("vcpu")
    vcpus = 1 if vcpu is None else int(vcpu.get("current") or vcpu.text or "1")
    disks = [disk for element in domain.findall("devices/disk") if (disk := _disk(element)) is not None]
    for number in ours.pop("read_only_cdroms", ()):
        if number < len(disks):
            disks[number]["read_only"] = True
    found: dict[str, Any] = {
        "name": domain.findtext("name", ""),
        "uuid": domain.findtext("uuid"),
        "vcpus": vcpus,
        "memory_mib": _memory_mib(domain.find("memory")),
        "cpuset": _cpuset(domain, ours),
        "firmware": _firmware(domain),
        "disks": disks,
        "boot": _boot(domain),
    }
    ours.pop("cpus", None)
    return found


_UNITS = {"b": 1, "bytes": 1, "kb": 1000, "k": 1 << 10, "kib": 1 << 10, "mb": 10**6, "m": 1 << 20, "mib": 1 << 20}
_UNITS |= {"gb": 10**9, "g": 1 << 30, "gib": 1 << 30, "tb": 10**12, "t": 1 << 40, "tib": 1 << 40}


def _memory_mib(memory: Element | None) -> int:
    if memory is None:
        return 0
    return int(memory.text or "0") * _UNITS.get(memory.get("unit", "KiB").lower(), 1 << 10) >> 20


def _cpuset(domain: Element, ours: dict[str, Any]) -> str | None:
    """The CPU set as it was written while the pins are still the ones it meant; else the pins themselves."""
    lists = [element.get("cpuset", "") for element in domain.findall("cputune/vcpupin")]
    lists += [element.get("cpuset", "") for element in domain.findall("cputune/emulatorpin")]
    vcpu = domain.find("vcpu")
    if vcpu is not None and (whole := vcpu.get("cpuset")):
        lists.append(whole)
    pinned = to_libvirt(frozenset().union(*(from_libvirt(text) for text in lists)))
    if "cpuset" in ours and ours.get("cpus", "") == pinned:
        return str(ours["cpuset"])
    return pinned or None


def _firmware(domain: Element) -> str:
    os = domain.find("os")
    loader = domain.find("os/loader")
    uefi = (os is not None and os.get("firmware") == "efi") or (loader is not None and loader.get("type") == "pflash")
    return "uefi" if uefi else "bios"


def _disk(element: Element) -> dict[str, Any] | None:
    """A file-backed disk with a path; network disks, empty drives and block devices have no place in the model yet."""
    source, driver = element.find("source"), element.find("driver")
    if source is None or not source.get("file"):
        return None
    device = element.get("device", "disk")
    # libvirt makes every cdrom read-only by itself: only ours say whether it was asked for
    return {
        "path": source.get("file"),
        "format": "raw" if driver is None else driver.get("type", "raw"),
        "device": device,
        "read_only": element.find("readonly") is not None and device != "cdrom",
    }


def _boot(domain: Element) -> dict[str, Any] | None:
    kernel = domain.findtext("os/kernel")
    if not kernel:
        return None
    return {"kernel": kernel, "initrd": domain.findtext("os/initrd"), "cmdline": domain.findtext("os/cmdline", "")}


def _best_effort(found: dict[str, Any]) -> Guest:
    """A domain made by another tool that does not fit our model: what fits of it."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", found["name"])[:63] or "unnamed"
    disks = [
        disk for disk in found["disks"] if disk["format"] in {"qcow2", "raw"} and disk["device"] in {"disk", "cdrom"}
    ]
    fitting = {
        "name": name,
        "uuid": found["uuid"],
        "vcpus": min(max(found["vcpus"], 1), 1024),
        "memory_mib": min(max(found["memory_mib"], 16), 1 << 24),
        "cpuset": found["cpuset"] if len(found["cpuset"] or "") <= 1024 else None,
        "firmware": found["firmware"],
        "disks": [disk for disk in disks if str(disk["path"]).startswith("/")][:32],
    }
    return Guest.model_validate_json(json.dumps(fitting))
