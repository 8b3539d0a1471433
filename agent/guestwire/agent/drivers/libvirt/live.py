"""Changes of a running domain to what its definition says. Blocking calls, for a thread.

libvirt can pin threads, change media and grow disks while a domain runs. It has no call for the scheduler of vCPUs
(vcpusched): that is set when the domain starts, and a change of it waits for a restart. It moves the emulator's first
thread, and the others by their cgroup: they run where they may, but on no more CPUs than they had when the domain started.
"""

from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import libvirt

from guestwire.agent.drivers.libvirt.definitions import inactive_xml, wrong_state
from guestwire.formats.domain_xml.devices import image_format
from guestwire.formats.domain_xml.reader import read
from guestwire.model.cpuset import from_libvirt
from guestwire.model.guest import Disk


def retune(conn: Any, domain: Any) -> None:
    """Let the threads of a running domain run where its definition says; where it says nothing, anywhere."""
    if not domain.isActive():
        return
    definition = fromstring(inactive_xml(domain))  # noqa: S314 (from libvirt)
    _, online, _ = conn.getCPUMap(0)
    vcpu = definition.find("vcpu")
    anywhere = None if vcpu is None else vcpu.get("cpuset")
    pins = {element.get("vcpu"): element.get("cpuset") for element in definition.findall("cputune/vcpupin")}
    for number in range(domain.vcpusFlags(libvirt.VIR_DOMAIN_AFFECT_LIVE)):
        cpus = _cpu_map(pins.get(str(number), anywhere), online)
        domain.pinVcpuFlags(number, cpus, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    emulator = definition.find("cputune/emulatorpin")
    cpus = _cpu_map(anywhere if emulator is None else emulator.get("cpuset"), online)
    domain.pinEmulator(cpus, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _cpu_map(cpuset: str | None, online: list[bool]) -> tuple[bool, ...]:
    """One flag for each CPU of the host, as libvirt's calls want it."""
    if cpuset is None:
        return tuple(online)
    wanted = from_libvirt(cpuset)
    return tuple(cpu in wanted for cpu in range(len(online)))


def change_media(domain: Any, number: int, path: str | None) -> None:
    """Put a medium into a running domain's drive that is disk `number` of its definition, or take it out. Raises
    WRONG-STATE when it runs without such a drive."""
    if not domain.isActive():
        return
    live = fromstring(domain.XMLDesc(0))  # noqa: S314 (from libvirt)
    wanted = _target_of(domain, number)
    drive = next((disk for disk in live.findall("devices/disk[@device='cdrom']") if _target(disk) == wanted), None)
    if drive is None:
        raise wrong_state(domain, "the guest runs without this drive: restart it")
    if _medium(drive) == path:
        return
    for tag in ("source", "backingStore", "driver"):
        for element in drive.findall(tag):
            drive.remove(element)
    if path is not None:
        block = path.startswith("/dev/")
        drive.set("type", "block" if block else "file")
        SubElement(drive, "driver", name="qemu", type=image_format(Disk(path=path, device="cdrom")))
        SubElement(drive, "source", {"dev" if block else "file": path})
    domain.updateDeviceFlags(tostring(drive, encoding="unicode"), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def grow_disk(domain: Any, number: int, size_mib: int) -> None:
    """Make disk `number` of a running domain's definition larger; one that is as large already stays. Raises WRONG-STATE
    unless it runs with that disk."""
    if not domain.isActive():
        raise wrong_state(domain, "only a running guest's disk grows this way")
    target, size = _target_of(domain, number), size_mib << 20
    live = fromstring(domain.XMLDesc(0))  # noqa: S314 (from libvirt)
    wanted = _medium_at(fromstring(inactive_xml(domain)), target)  # noqa: S314 (from libvirt)
    if wanted is None or _medium_at(live, target) != wanted:
        raise wrong_state(domain, "the guest runs without this disk: restart it")
    capacity, _, _ = domain.blockInfo(target)
    if capacity < size:
        domain.blockResize(target, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)


def _target_of(domain: Any, number: int) -> str:
    """The target device of a disk of the definition; "" for none."""
    targets = read(inactive_xml(domain)).disk_targets
    return targets[number] if number < len(targets) else ""


def _medium_at(document: Element, target: str) -> str | None:
    """The image of the disk at that target."""
    found = (disk for disk in document.findall("devices/disk[@device='disk']") if _target(disk) == target)
    return next((_medium(disk) for disk in found), None)


def _target(disk: Element) -> str | None:
    target = disk.find("target")
    return None if target is None else target.get("dev")


def _medium(drive: Element) -> str | None:
    source = drive.find("source")
    return None if source is None else source.get("file") or source.get("dev")
