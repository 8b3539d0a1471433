"""Memory, load, pressure, disks, adapters and nodes, from procfs and sysfs. Every function blocks for some microseconds."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from guestwire.model.usage import DiskTraffic, HostDisk, NetTraffic, NodeMemory, Pressure

_MEMORY = {
    "MemTotal": "total",
    "MemAvailable": "available",
    "MemFree": "free",
    "Cached": "cached",
    "Dirty": "dirty",
    "SwapTotal": "swap",
    "SwapFree": "swap_free",
}
_SECTOR = 512
"""Bytes, whatever the disk's own are (Documentation/admin-guide/iostats.rst)."""
_NO_DISK = re.compile(r"(loop|ram|zram|fd|sr|nbd)\d+$")
_RESOURCES = ("cpu", "memory", "io", "irq")


def read_memory(root: Path) -> Mapping[str, int]:
    """Bytes, by the words of `HostLoad.memory`."""
    lines = (line.split() for line in (root / "proc/meminfo").read_text("ascii", "replace").splitlines())
    found = {fields[0].rstrip(":"): int(fields[1]) for fields in lines if len(fields) > 1 and fields[1].isdecimal()}
    return {word: found[name] * 1024 for name, word in _MEMORY.items() if name in found}


def read_load(root: Path) -> tuple[float, float, float]:
    one, five, fifteen = (root / "proc/loadavg").read_text("ascii").split()[:3]
    return float(one), float(five), float(fifteen)


def read_pressure(root: Path) -> Iterator[Pressure]:
    """Nothing where the kernel does not measure it (PSI is off, or not for that resource)."""
    for resource in _RESOURCES:
        try:
            lines = (root / "proc/pressure" / resource).read_text("ascii").splitlines()
        except OSError:
            continue
        for line in lines:
            stall, *fields = line.split()
            total = next((field for field in fields if field.startswith("total=")), "")
            if total:
                yield Pressure(resource, stall, int(total.removeprefix("total=")) / 1e6)


def read_disks(root: Path) -> Iterator[HostDisk]:
    """Whole disks, and what is made of several (md, dm); no partitions, no disks in memory."""
    for line in (root / "proc/diskstats").read_text("ascii", "replace").splitlines():
        _, _, name, *texts = line.split()
        if len(texts) < 11 or _NO_DISK.match(name) or not (root / "sys/block" / name.replace("/", "!")).exists():
            continue
        found = [int(text) for text in texts[:11]]
        traffic = DiskTraffic(
            device=name, reads=found[0], read_bytes=found[2] * _SECTOR, read_s=found[3] / 1000, writes=found[4],
            written_bytes=found[6] * _SECTOR, write_s=found[7] / 1000,
        )  # fmt: skip
        yield HostDisk(traffic, busy_s=found[9] / 1000)


def read_adapters(root: Path) -> Iterator[NetTraffic]:
    """Those with a device behind them: bridges, taps and the like are no traffic of the host's own."""
    for line in (root / "proc/net/dev").read_text("ascii", "replace").splitlines()[2:]:
        name, _, rest = line.partition(":")
        name = name.strip()
        if not (root / "sys/class/net" / name / "device").exists():
            continue
        found = [int(text) for text in rest.split()]
        yield NetTraffic(
            device=name, received_bytes=found[0], received_packets=found[1], received_errors=found[2],
            received_dropped=found[3], sent_bytes=found[8], sent_packets=found[9], sent_dropped=found[11],
        )  # fmt: skip


def nodes(root: Path) -> Iterator[tuple[int, Path]]:
    """The NUMA nodes and their folders, in order."""
    base = root / "sys/devices/system/node"
    found = ((path.name.removeprefix("node"), path) for path in base.glob("node[0-9]*"))
    yield from sorted((int(number), path) for number, path in found if number.isdecimal())


def read_nodes(root: Path) -> Iterator[NodeMemory]:
    for number, folder in nodes(root):
        lines = (line.split() for line in (folder / "meminfo").read_text("ascii", "replace").splitlines())
        found = {fields[2].rstrip(":"): int(fields[3]) * 1024 for fields in lines if len(fields) > 3}
        yield NodeMemory(number, found.get("MemTotal", 0), found.get("MemFree", 0), dict(_pages(folder)))


def _pages(folder: Path) -> Iterator[tuple[int, tuple[int, int]]]:
    for pool in sorted((folder / "hugepages").glob("hugepages-*kB")):
        size = int(pool.name.removeprefix("hugepages-").removesuffix("kB")) * 1024
        yield size, (_number(pool / "nr_hugepages"), _number(pool / "free_hugepages"))


def _number(path: Path) -> int:
    return int(path.read_text("ascii"))
