"""hugepages: pools of huge pages, by size and NUMA node (HYPERVISOR 2.7; SM 10).

Written to the kernel and read back: it may give less. For the next boot systemd-tmpfiles writes them again, early; pools
of 1 GiB pages are on the kernel's command line as well, because later memory is in pieces. Too few of those are no failure
where there is a command line to put them on: they come with the boot, and whoever set them looks again after it.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence

from guestwire.agent.drivers.linux.settings import grub, owned_files
from guestwire.agent.drivers.linux.settings.kernel import boot_lines, read_all, read_kernel, write_kernel
from guestwire.agent.drivers.linux.settings.setting import Place, Setting
from guestwire.model.errors import GuestwireError
from guestwire.model.settings import HostSettings, HugePool

FILE = "/etc/tmpfiles.d/90-guestwire-hugepages.conf"
GRUB_FILE = "/etc/default/grub.d/91-guestwire-hugepages.cfg"
_NODES = "/sys/devices/system/node"
_MM = "/sys/kernel/mm/hugepages"
_LINE = re.compile(r"^w (?:/sys/kernel/mm|\S+/node(\d+))/hugepages/hugepages-(\d+)kB/nr_hugepages ", re.MULTILINE)
_OPTIONS = re.compile(r"hugepagesz=1G hugepages=(\d{1,9}|\d{1,9}:\d{1,9}(?:,\d{1,9}:\d{1,9})*)")
_GIB = 1024


def pool_path(pool: HugePool) -> str:
    return _path(pool.size_mib, pool.node)


def boot_pages(options: str) -> dict[str, int]:
    """How many pages of 1 GiB `_command_line` asked for with these options, by the kernel's file that tells how many there
    are; nothing of other options."""
    found = _OPTIONS.fullmatch(options)
    counts = (part.rpartition(":") for part in found[1].split(",")) if found else ()
    return {_path(_GIB, int(node) if node else None): int(pages) for node, _, pages in counts}


def _path(size_mib: int, node: int | None) -> str:
    directory = _MM if node is None else f"{_NODES}/node{node}/hugepages"
    return f"{directory}/hugepages-{size_mib * 1024}kB/nr_hugepages"


async def _read(place: Place) -> tuple[HugePool, ...]:
    """The pools that are ours, with what the kernel has of them now."""
    pools = []
    for node, size_kib in _LINE.findall(await owned_files.read(place, FILE) or ""):
        pool = HugePool(size_mib=int(size_kib) // 1024, pages=0, node=int(node) if node else None)
        pages = _count(await read_kernel(place, pool_path(pool)))
        pools.append(pool.model_copy(update={"pages": pages}))
    return tuple(pools)


async def _set(place: Place, wanted: HostSettings) -> None:
    before = await read_all(place, [pool_path(pool) for pool in wanted.hugepages])
    for pool in wanted.hugepages:
        if pool_path(pool) not in before:
            where = "" if pool.node is None else f" on node {pool.node}"
            raise GuestwireError("UNSUPPORTED", f"the kernel has no huge pages of {pool.size_mib} MiB{where}")
    # pools that shrink give memory to those that grow
    for pool in sorted(wanted.hugepages, key=lambda pool: pool.pages - _count(before[pool_path(pool)])):
        got = _count(await write_kernel(place, pool_path(pool), str(pool.pages)))
        if got < pool.pages and not (pool.size_mib == _GIB and await grub.has_grub(place)):
            await _resume(place, before)
            raise GuestwireError(
                "RESOURCE-EXHAUSTED",
                f"the kernel gave {got} of {pool.pages} huge pages of {pool.size_mib} MiB: reboot, or ask for fewer",
                detail={"resource": "hugepages", "wanted": pool.pages, "got": got, "size_mib": pool.size_mib},
            )
    await _persist(place, wanted.hugepages)


async def _persist(place: Place, pools: Sequence[HugePool]) -> None:
    lines = boot_lines({pool_path(pool): str(pool.pages) for pool in pools})
    if lines:
        await owned_files.write(place, FILE, owned_files.HEADER + lines)
    else:
        await owned_files.remove(place, FILE)
    if options := _command_line(pools):
        if await grub.has_grub(place):
            await grub.write_fragment(place, GRUB_FILE, grub.with_options(options))
    elif await owned_files.read(place, GRUB_FILE) is not None:
        await grub.remove_fragment(place, GRUB_FILE)


def _command_line(pools: Sequence[HugePool]) -> str:
    """The options for 1 GiB pages; "" for none. A count by node has a notation of its own."""
    gib = [pool for pool in pools if pool.size_mib == _GIB and pool.pages]
    by_node = ",".join(f"{pool.node}:{pool.pages}" for pool in gib if pool.node is not None)
    total = sum(pool.pages for pool in gib if pool.node is None)
    count = by_node or (str(total) if total else "")
    return f"hugepagesz=1G hugepages={count}" if count else ""


def _files(place: Place) -> Sequence[str]:
    return (FILE, GRUB_FILE)


async def _running(place: Place) -> Mapping[str, str]:
    """The pools of every node; where the kernel tells of no nodes, those of the machine."""

    def pools() -> list[str]:
        found = sorted(place.file(_NODES).glob("node*/hugepages/hugepages-*/nr_hugepages"))
        found = found or sorted(place.file(_MM).glob("hugepages-*/nr_hugepages"))
        return [f"/{path.relative_to(place.root)}" for path in found]

    return await read_all(place, await asyncio.to_thread(pools))


async def _resume(place: Place, running: Mapping[str, str]) -> None:
    now = await read_all(place, list(running))
    for path, value in sorted(running.items(), key=lambda item: _count(item[1]) - _count(now.get(item[0]))):
        if now.get(path) != value:
            await write_kernel(place, path, value)
    if await grub.has_grub(place):
        await grub.update(place)


def _count(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


SETTING = Setting(_read, _set, _files, _running, _resume)
