"""The machine's topology from sysfs. Reads files only; takes a few milliseconds; `root` is "/" or a recorded tree.

Cores and dies are numbered as hwtopo and hwloc do: down the tree package > die > node > last-level cache > core, each
level in order of its lowest CPU, counted over the machine. The kernel's core_id and die_id start again in each package.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from guestwire.model.cpuset import from_libvirt
from guestwire.model.topology import Cache, Cpu, CpuKind, HugePages, Node, PciDevice, Topology, fingerprint

_DMI = (
    "sys_vendor",
    "product_name",
    "board_vendor",
    "board_name",
    "board_version",
    "bios_vendor",
    "bios_version",
    "bios_date",
)
_CACHE_TYPES: Mapping[str, Literal["unified", "data", "instruction"]] = {
    "Unified": "unified",
    "Data": "data",
    "Instruction": "instruction",
}


class _Place(NamedTuple):
    """Where the kernel says a CPU is; `threads` are the CPUs of its core that are online, itself included."""

    node: int
    package: int
    die: int
    threads: frozenset[int]


def read_topology(root: Path = Path("/")) -> Topology:
    """The topology now. What sysfs does not tell has the model's default; a CPU that is offline may have no core."""
    base = root / "sys/devices/system/cpu"
    present = _list(base / "present") or frozenset(_numbered(base, "cpu"))
    online = _list(base / "online") or present
    isolated = _list(base / "isolated")
    nodes = _nodes(root)
    node_of = {cpu: node for node, (_, cpus) in nodes.items() for cpu in cpus}
    places = {cpu: _place(base / f"cpu{cpu}", cpu, node_of) for cpu in sorted(online)}
    caches = _caches(base, sorted(online))
    cores, dies = _numbers(places, caches)
    kinds = _kinds(root, base, sorted(present))
    devices = _devices(root)
    return Topology(
        fingerprint=fingerprint(
            (_text(root / "sys/class/dmi/id" / name) for name in _DMI), present, (device.address for device in devices)
        ),
        cpus=tuple(
            _online_cpu(cpu, places[cpu], cores[cpu], dies[cpu], kinds.get(cpu, "-"), cpu in isolated)
            if cpu in places
            else _offline_cpu(cpu, base, places, dies, kinds.get(cpu, "-"), cpu in isolated)
            for cpu in sorted(present)
        ),
        nodes=tuple(node for _, (node, _) in sorted(nodes.items())),
        caches=caches,
        devices=devices,
    )


def _online_cpu(cpu: int, place: _Place, core: int, die: int, kind: CpuKind, isolated: bool) -> Cpu:
    return Cpu(
        id=cpu,
        node=place.node,
        core=core,
        die=die,
        package=place.package,
        siblings=tuple(sorted(place.threads - {cpu})),
        kind=kind,
        isolated=isolated,
    )


def _offline_cpu(
    cpu: int, base: Path, places: Mapping[int, _Place], dies: Mapping[int, int], kind: CpuKind, isolated: bool
) -> Cpu:
    """The kernel forgets where an offline CPU is but for its node: package and die are those of a CPU of that node."""
    node = _node_link(base / f"cpu{cpu}")
    mate = next((other for other, place in places.items() if place.node == node), None)
    package, die = (0, 0) if mate is None else (places[mate].package, dies[mate])
    return Cpu(id=cpu, node=node, core=None, die=die, package=package, online=False, kind=kind, isolated=isolated)


def _place(directory: Path, cpu: int, node_of: Mapping[int, int]) -> _Place:
    topology = directory / "topology"
    threads = _list(topology / "core_cpus_list") or _list(topology / "thread_siblings_list") or frozenset({cpu})
    node = node_of.get(cpu, _node_link(directory))
    return _Place(node, max(0, _int(topology / "physical_package_id")), max(0, _int(topology / "die_id")), threads)


def _numbers(places: Mapping[int, _Place], caches: Iterable[Cache]) -> tuple[dict[int, int], dict[int, int]]:
    """Each CPU's core and die number, counted over the machine."""
    last_level = max((cache.level for cache in caches), default=0)
    shared = {cpu: min(cache.cpus) for cache in caches if cache.level == last_level for cpu in cache.cpus}

    def lowest(same: Callable[[_Place], object]) -> dict[object, int]:
        found: dict[object, int] = {}
        for cpu, place in places.items():
            found.setdefault(same(place), cpu)
        return found

    packages = lowest(lambda place: place.package)
    dies = lowest(lambda place: place[1:3])
    nodes = lowest(lambda place: place[:3])
    keys = {
        cpu: (
            packages[place.package],
            dies[place[1:3]],
            nodes[place[:3]],
            shared.get(cpu, min(place.threads)),
            min(place.threads),
        )
        for cpu, place in places.items()
    }
    core_numbers = {key: number for number, key in enumerate(sorted(set(keys.values())))}
    die_numbers = {key: number for number, key in enumerate(sorted({key[:2] for key in keys.values()}))}
    return (
        {cpu: core_numbers[key] for cpu, key in keys.items()},
        {cpu: die_numbers[key[:2]] for cpu, key in keys.items()},
    )


def _caches(base: Path, cpus: Iterable[int]) -> tuple[Cache, ...]:
    found: dict[tuple[int, str, frozenset[int]], Cache] = {}
    for cpu in cpus:
        for index in sorted((base / f"cpu{cpu}/cache").glob("index*")):
            level, kind = _int(index / "level"), _CACHE_TYPES.get(_text(index / "type"))
            shared = _list(index / "shared_cpu_list") or frozenset({cpu})
            if level > 0 and kind is not None and (level, kind, shared) not in found:
                found[level, kind, shared] = Cache(
                    level=level, type=kind, size_kib=_size_kib(_text(index / "size")), cpus=tuple(sorted(shared))
                )
    return tuple(sorted(found.values(), key=lambda cache: (cache.level, cache.type, cache.cpus)))


def _kinds(root: Path, base: Path, cpus: Iterable[int]) -> dict[int, CpuKind]:
    """Intel's hybrid parts name their cores; elsewhere (Arm) cores of less than the greatest capacity are efficient."""
    performance, efficient = _list(root / "sys/devices/cpu_core/cpus"), _list(root / "sys/devices/cpu_atom/cpus")
    if performance and efficient:
        return {**dict.fromkeys(performance, "P"), **dict.fromkeys(efficient, "E")}
    capacities = {cpu: _int(base / f"cpu{cpu}/cpu_capacity") for cpu in cpus}
    known = {cpu: capacity for cpu, capacity in capacities.items() if capacity > 0}
    if len(set(known.values())) < 2:
        return {}
    greatest = max(known.values())
    return {cpu: "P" if capacity == greatest else "E" for cpu, capacity in known.items()}


def _nodes(root: Path) -> dict[int, tuple[Node, frozenset[int]]]:
    base = root / "sys/devices/system/node"
    found = {}
    for number in _numbered(base, "node"):
        directory = base / f"node{number}"
        match = re.search(r"MemTotal:\s+(\d+) kB", _text(directory / "meminfo"))
        pages = tuple(
            HugePages(
                size_kib=int(pool.name.removeprefix("hugepages-").removesuffix("kB")),
                total=max(0, _int(pool / "nr_hugepages")),
                free=max(0, _int(pool / "free_hugepages")),
            )
            for pool in sorted((directory / "hugepages").glob("hugepages-*kB"))
        )
        node = Node(id=number, memory_mib=int(match[1]) // 1024 if match else 0, hugepages=pages)
        found[number] = (node, _list(directory / "cpulist"))
    return found


def _devices(root: Path) -> tuple[PciDevice, ...]:
    base = root / "sys/bus/pci/devices"
    addresses = sorted(path.name for path in base.iterdir()) if base.is_dir() else []
    return tuple(_device(base / address) for address in addresses)


def _device(directory: Path) -> PciDevice:
    driver, group, node = directory / "driver", directory / "iommu_group", _int(directory / "numa_node")
    return PciDevice(
        address=directory.name,
        pci_class=_hex(directory / "class"),
        vendor=_hex(directory / "vendor"),
        device=_hex(directory / "device"),
        driver=driver.resolve().name if driver.exists() else None,
        numa_node=node if node >= 0 else None,
        iommu_group=int(group.resolve().name) if group.exists() else None,
    )


def _node_link(cpu_directory: Path) -> int:
    return next(iter(_numbered(cpu_directory, "node")), 0)


def _numbered(directory: Path, prefix: str) -> list[int]:
    pattern = re.compile(rf"{prefix}(\d+)")
    names = (path.name for path in directory.iterdir()) if directory.is_dir() else ()
    return sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))


def _text(path: Path) -> str:
    """A file's text without its last newline; empty where it is missing or may not be read."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _int(path: Path) -> int:
    """A file's number; -1 where there is none, as the kernel itself says "unknown"."""
    text = _text(path)
    return int(text) if re.fullmatch(r"-?\d+", text) else -1


def _hex(path: Path) -> int:
    text = _text(path)
    return int(text, 16) if re.fullmatch(r"0x[0-9a-fA-F]+", text) else 0


def _list(path: Path) -> frozenset[int]:
    text = _text(path)
    return from_libvirt(text) if text and text != "(null)" else frozenset()


def _size_kib(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KM]?)", text)
    return int(match[1]) * (1024 if match[2] == "M" else 1) if match else 0
