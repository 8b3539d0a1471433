"""How a machine is written, as the tree that hwtopo prints, with its devices; and what it is tuned to."""

from collections.abc import Iterator, Sequence

from guestwire.cli.output import Column, View, plain
from guestwire.model.topology import Cpu, Group, NetAdapter, PciDevice, Topology, tree
from guestwire.protocol.config_models import TuningRow

CLASSES = {
    0x0106: "SATA", 0x0107: "SAS", 0x0108: "NVMe", 0x0104: "RAID", 0x0200: "network", 0x0280: "network", 0x0300: "display",
    0x0302: "3D", 0x0403: "audio", 0x0C03: "USB", 0x0604: "PCI bridge", 0x0600: "host bridge", 0x0601: "ISA bridge",
}  # fmt: skip


TUNING_STYLES = {"set": "good", "refused": "warn", "changed": "warn", "observed": "faint"}


def tuning_view() -> View[TuningRow]:
    """The columns of tuned values."""
    return View(
        columns=(
            Column("VALUE", lambda t: t.path),
            Column("WANTED", lambda t: "-" if t.wanted is None else t.wanted),
            Column("NOW", lambda t: "-" if t.now is None else t.now),
            Column("STATE", lambda t: t.state, style=lambda t: TUNING_STYLES[t.state]),
            Column("ORIGINAL", lambda t: "-" if t.original is None else t.original, wide=True),
            Column("WHY", lambda t: t.reason or t.why, wide=True),
        ),
        name=lambda t: t.path,
        document=plain,
        none="not tuned: no real-time guest runs",
    )


def machine_lines(topology: Topology, *, devices: bool) -> list[str]:
    """Packages, dies, nodes, last-level caches, cores and CPUs, a line each but for the CPUs of a core."""
    lines = list(_groups(tree(topology), topology, 0))
    placed = {cpu for line in _cores(tree(topology)) for cpu in line}
    if lost := [str(cpu.id) for cpu in topology.cpus if cpu.id not in placed]:
        lines.append(f"CPUs of unknown place: {', '.join(lost)}")
    if devices:
        lines += [*_devices(topology)] or ["no devices"]
    return lines


def _groups(groups: Sequence[Group], topology: Topology, depth: int) -> Iterator[str]:
    last_level = max((cache.level for cache in topology.caches), default=0)
    caches = [cache for cache in topology.caches if cache.level == last_level]
    nodes = {node.id: node for node in topology.nodes}
    cpus = {cpu.id: cpu for cpu in topology.cpus}
    for group in groups:
        indent = "  " * depth
        if group.kind == "core":
            kind = cpus[group.cpus[0]].kind
            name = f"Core {group.id}" if kind == "-" else f"Core {group.id} ({kind})"
            yield f"{indent}{name}: {', '.join(_cpu(cpus[cpu]) for cpu in group.cpus)}"
            continue
        if group.kind == "cache":
            yield f"{indent}L{last_level} {_size(caches[group.id].size_kib)}" if group.id >= 0 else f"{indent}no cache"
        elif group.kind == "node":
            node = nodes.get(group.id)
            yield f"{indent}Node {group.id}" + (f" {node.memory_mib} MiB" if node is not None else "")
        else:
            yield f"{indent}{group.kind.capitalize()} {group.id}"
        yield from _groups(group.groups, topology, depth + 1)


def _cores(groups: Sequence[Group]) -> Iterator[tuple[int, ...]]:
    for group in groups:
        if group.kind == "core":
            yield group.cpus
        yield from _cores(group.groups)


def _cpu(cpu: Cpu) -> str:
    words = [word for word, true in (("offline", not cpu.online), ("isolated", cpu.isolated)) if true]
    return f"CPU {cpu.id} ({', '.join(words)})" if words else f"CPU {cpu.id}"


def _size(kib: int) -> str:
    return f"{kib // 1024} MiB" if kib >= 1024 and kib % 1024 == 0 else f"{kib} KiB"


def _devices(topology: Topology) -> Iterator[str]:
    for device in topology.devices:
        yield _device(device)
        yield from (f"  {_adapter(adapter)}" for adapter in device.net)
    for one in topology.usb:
        names = " ".join(name for name in (one.manufacturer, one.name) if name)
        words = [f"usb:{one.vendor:04x}:{one.product:04x} {names}".rstrip(), f"port {one.port}"]
        if one.speed_mbit is not None:
            words.append(f"{one.speed_mbit:g} Mbit/s")
        yield ", ".join(words)


def _adapter(adapter: NetAdapter) -> str:
    speed = "" if adapter.speed_mbit is None else f" {adapter.speed_mbit} Mbit/s"
    words = [f"{adapter.ifname}: link {adapter.link}{speed}", adapter.mac, *adapter.addresses]
    if adapter.management:
        words.append("the host is managed over it")
    return ", ".join(word for word in words if word)


def _device(device: PciDevice) -> str:
    kind = CLASSES.get(device.pci_class >> 8, f"class {device.pci_class:06x}")
    what = " ".join(name for name in (device.vendor_name, device.device_name) if name)
    words = [f"{device.address} {kind} {device.vendor:04x}:{device.device:04x}", f"driver {device.driver or 'none'}"]
    if what:
        words.insert(1, what)
    if device.numa_node is not None and device.numa_node >= 0:
        words.append(f"node {device.numa_node}")
    if device.iommu_group is not None:
        words.append(f"IOMMU group {device.iommu_group}")
    return ", ".join(words)
