"""What a domain document says, by the model's field names, in plain values.

Only what `writer` writes is looked at, and in one spelling: libvirt gives addresses, defaults, aliases and security labels
of its own, sorts disks, counts memory in KiB, splits lists and cleans paths. Nothing here raises, whatever the document.
"""

import re
from typing import Any
from xml.etree.ElementTree import Element

from guestwire.model.cpuset import from_libvirt, to_libvirt
from guestwire.model.errors import GuestwireError

Extract = dict[str, Any]
"""Field -> value. `real_time` stands for kind; `disks` have their `target` beside the model's fields."""


def extract(domain: Element) -> Extract:
    vcpu = domain.find("vcpu")
    uuid = _text(domain, "uuid")
    return {
        "name": domain.findtext("name", ""),
        "uuid": uuid.strip().lower() if uuid else None,
        "title": domain.findtext("title", ""),
        "description": domain.findtext("description", ""),
        "arch": _attribute(domain, "os/type", "arch"),
        "real_time": _real_time(domain),
        "vcpus": 1 if vcpu is None else _int(vcpu.get("current") or vcpu.text, 1),
        "topology": _topology(domain),
        "memory_mib": _mib(domain.find("memory")),
        "hugepages_mib": _hugepages(domain),
        "lock_memory": domain.find("memoryBacking/locked") is not None,
        "cpuset": _pinned(domain),
        "numatune": _cpus(_attribute(domain, "numatune/memory", "nodeset")),
        "hide_kvm": _attribute(domain, "features/kvm/hidden", "state") == "on",
        "firmware": _firmware(domain),
        "boot": _boot(domain),
        "disks": [disk for element in domain.findall("devices/disk") if (disk := read_disk(element)) is not None],
        "nics": [nic for element in domain.findall("devices/interface") if (nic := read_nic(element)) is not None],
        "devices": [
            address for element in domain.findall("devices/*") if (address := read_device(element)) is not None
        ],
        "port_forwards": [forward for element in domain.findall("devices/interface") for forward in _forwards(element)],
        "shares": [
            share for element in domain.findall("devices/filesystem") if (share := read_share(element)) is not None
        ],
        "persistence": "ephemeral" if domain.find("devices/disk/transient") is not None else "persistent",
    }


_LARGEST = 1 << 53
"""More than any number in a domain; JSON carries it everywhere."""


def _text(element: Element, path: str) -> str | None:
    return element.findtext(path) or None


def _attribute(element: Element, path: str, name: str) -> str | None:
    found = element.find(path)
    return None if found is None else found.get(name)


def _int(text: str | None, default: int = 0, base: int = 10) -> int:
    try:
        return max(-1, min(int(text or "", base), _LARGEST))
    except ValueError:
        return default


UNITS = {"b": 1, "bytes": 1, "kb": 1000, "k": 1 << 10, "kib": 1 << 10, "mb": 10**6, "m": 1 << 20, "mib": 1 << 20}
UNITS |= {"gb": 10**9, "g": 1 << 30, "gib": 1 << 30, "tb": 10**12, "t": 1 << 40, "tib": 1 << 40}


def size_bytes(text: str | None, unit: str | None) -> int:
    """A size in libvirt's units; without one it is in KiB."""
    return _int(text) * UNITS.get((unit or "KiB").lower(), 1 << 10)


def _mib(memory: Element | None) -> int:
    return 0 if memory is None else size_bytes(memory.text, memory.get("unit")) >> 20


def _hugepages(domain: Element) -> int:
    """0 for ordinary pages; 2 where libvirt is to take its default size."""
    if domain.find("memoryBacking/hugepages") is None:
        return 0
    page = domain.find("memoryBacking/hugepages/page")
    if page is None:
        return 2
    return size_bytes(page.get("size"), page.get("unit")) >> 20


def _cpus(text: str | None) -> str:
    """A CPU or node list in one spelling; "" for none and for what is no list."""
    try:
        return to_libvirt(from_libvirt(text or ""))
    except GuestwireError:
        return ""


def _pinned(domain: Element) -> str:
    """Every CPU that some thread of the domain is pinned to."""
    pins = [*domain.findall("cputune/vcpupin"), *domain.findall("cputune/emulatorpin"), *domain.findall("vcpu")]
    return to_libvirt(frozenset().union(*(from_libvirt(_cpus(pin.get("cpuset"))) for pin in pins)))


def _real_time(domain: Element) -> bool:
    """Every vCPU has a real-time scheduler and a CPU of its own."""
    scheduled: frozenset[int] = frozenset()
    for element in domain.findall("cputune/vcpusched"):
        if element.get("scheduler") in {"fifo", "rr"}:
            scheduled |= from_libvirt(_cpus(element.get("vcpus")))
    pinned = {
        _int(element.get("vcpu"), -1)
        for element in domain.findall("cputune/vcpupin")
        if len(from_libvirt(_cpus(element.get("cpuset")))) == 1
    }
    return bool(scheduled) and scheduled <= pinned


def _topology(domain: Element) -> list[int] | None:
    topology = domain.find("cpu/topology")
    return None if topology is None else [_int(topology.get(name), 1) for name in ("sockets", "cores", "threads")]


def _firmware(domain: Element) -> str:
    pflash = _attribute(domain, "os/loader", "type") == "pflash"
    return "uefi" if pflash or _attribute(domain, "os", "firmware") == "efi" else "bios"


def _path(text: str) -> str:
    """As libvirt cleans paths: single slashes, none at the end."""
    return re.sub("/+", "/", text).removesuffix("/") or "/"


def _boot(domain: Element) -> Extract | None:
    kernel, initrd = _text(domain, "os/kernel"), _text(domain, "os/initrd")
    if kernel is None:
        return None
    return {
        "kernel": _path(kernel),
        "initrd": None if initrd is None else _path(initrd),
        "cmdline": domain.findtext("os/cmdline", ""),
    }


def read_disk(element: Element) -> Extract | None:
    """A disk or cdrom in a file or on a block device; an empty drive has no path. Other kinds have no place in the model."""
    device = element.get("device", "disk")
    source = element.find("source")
    path = None if source is None else source.get("file") or source.get("dev")
    if device not in {"disk", "cdrom"} or (path is None and (device == "disk" or source is not None)):
        return None
    return {
        "target": _attribute(element, "target", "dev") or "",
        "path": None if path is None else _path(path),
        "format": _attribute(element, "driver", "type") or "raw",
        "device": device,
        # libvirt makes every cdrom read-only by itself
        "read_only": device == "disk" and element.find("readonly") is not None,
        "shareable": element.find("shareable") is not None,
    }


_NIC_MODELS = {"virtio": "virtio", "e1000e": "e1000e", "e1000": "e1000e", "rtl8139": "rtl8139"}


def read_nic(element: Element) -> Extract | None:
    """A card on a network, a bridge or QEMU's user network. Other kinds have no place in the model."""
    kind = element.get("type")
    if kind not in {"network", "bridge", "user"}:
        return None
    mac = _attribute(element, "mac", "address")
    return {
        "network": _attribute(element, "source", "network") if kind == "network" else None,
        "bridge": _attribute(element, "source", "bridge") if kind == "bridge" else None,
        "mac": None if mac is None else mac.lower(),
        "model": _NIC_MODELS.get(_attribute(element, "model", "type") or "", "virtio"),
    }


def _forwards(element: Element) -> list[Extract]:
    return [
        {
            "protocol": forward.get("proto", "tcp"),
            "host_port": _int(span.get("start")),
            "guest_port": _int(span.get("to") or span.get("start")),
        }
        for forward in element.findall("portForward")
        for span in forward.findall("range")
        if span.get("exclude") != "yes" and span.get("end") in {None, span.get("start")}
    ]


def read_device(element: Element) -> str | None:
    """The address of a <hostdev>, or of an <interface> that is a card of the host."""
    if element.tag not in {"hostdev", "interface"}:
        return None
    kind = element.get("type")
    if element.tag == "interface" and kind == "hostdev":
        kind = _attribute(element, "source/address", "type") or "pci"
    elif element.tag == "interface":
        return None
    if kind == "usb":
        vendor, product = (_hex(_attribute(element, f"source/{name}", "id")) for name in ("vendor", "product"))
        return None if vendor < 0 or product < 0 else f"usb:{vendor:04x}:{product:04x}"
    address = element.find("source/address")
    if kind != "pci" or address is None:
        return None
    domain, bus, slot, function = (_hex(address.get(name, "0")) for name in ("domain", "bus", "slot", "function"))
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}" if min(domain, bus, slot, function) >= 0 else None


def _hex(text: str | None) -> int:
    """libvirt reads numbers as C does: 0x means hexadecimal, a leading 0 octal."""
    text = (text or "").lower()
    base = 16 if text.startswith("0x") else 8 if text.startswith("0") else 10
    return _int(text, -1, base)


def read_share(element: Element) -> Extract | None:
    path, tag = _attribute(element, "source", "dir"), _attribute(element, "target", "dir")
    if not path or not tag:
        return None
    return {"path": _path(path), "tag": tag, "read_only": element.find("readonly") is not None}
