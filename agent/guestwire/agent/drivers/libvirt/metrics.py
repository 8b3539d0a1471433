"""The GuestMetrics port over libvirt: what guests use, in one call for all of them, and in none that a vCPU notices.

Processor times are the kernel's (`processes`), not libvirt's: libvirt asks QEMU for those, and QEMU may stop every vCPU to
answer. What is asked of libvirt here (memory balloon, disks, cards) QEMU's main thread answers.
"""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import libvirt

from guestwire.agent.drivers.libvirt.connection import Connection
from guestwire.agent.services.ports import GuestMetrics
from guestwire.model.errors import GuestwireError
from guestwire.model.usage import DiskTraffic, GuestMemory, GuestTimes, GuestUsage, NetTraffic

DEADLINE_S = 10.0
_STATS = libvirt.VIR_DOMAIN_STATS_BALLOON | libvirt.VIR_DOMAIN_STATS_BLOCK | libvirt.VIR_DOMAIN_STATS_INTERFACE
_FLAGS = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
"""NOWAIT: of a domain that something else is done to at the moment, only what needs no QEMU."""
_KIB = 1024


class Slept(Protocol):
    """Of one guest: when its process began, and which vCPUs slept when they were looked at."""

    @property
    def since_ms(self) -> int: ...

    @property
    def halted(self) -> Mapping[int, bool]: ...


class Processes(Protocol):
    """What the kernel says of guests' processes. Raises DRIVER-LOST."""

    async def times(self, uuids: Collection[str]) -> Sequence[GuestTimes]: ...

    async def slept(self, uuids: Collection[str]) -> Mapping[str, Slept]: ...


class LibvirtMetrics(GuestMetrics):
    """Over a connection that somebody else keeps up. A QEMU that hangs holds the call for as long as it hangs: until then no
    other is made, so that telemetry never takes libvirtd's workers from commands."""

    def __init__(self, connection: Connection, processes: Processes) -> None:
        self._connection = connection
        self._processes = processes
        self._out = threading.Lock()

    async def times(self, uuids: Collection[str]) -> Sequence[GuestTimes]:
        return await self._processes.times(uuids)

    async def usage(self, uuids: Collection[str]) -> Sequence[GuestUsage]:
        slept = await self._processes.slept(uuids)
        stats = await self._connection.call(self._stats, effect=False, deadline_s=DEADLINE_S)
        return tuple(
            usage(uuid, slept[uuid].since_ms, stats[uuid], slept[uuid].halted) for uuid in slept if uuid in stats
        )

    def _stats(self, conn: Any) -> Mapping[str, Mapping[str, Any]]:
        """In a thread: what libvirt says of each domain that is on, by uuid."""
        if not self._out.acquire(blocking=False):
            raise GuestwireError("DRIVER-LOST", "an earlier look at the guests has not come back")
        try:
            return {domain.UUIDString(): values for domain, values in conn.getAllDomainStats(_STATS, _FLAGS)}
        finally:
            self._out.release()


def usage(uuid: str, since_ms: int, stats: Mapping[str, Any], halted: Mapping[int, bool]) -> GuestUsage:
    """What virConnectGetAllDomainStats says of a domain, in our words: bytes and seconds."""
    return GuestUsage(uuid, since_ms, _memory(stats), tuple(_disks(stats)), tuple(_cards(stats)), halted)


def _memory(stats: Mapping[str, Any]) -> GuestMemory | None:
    if "balloon.current" not in stats:
        return None

    def size(name: str) -> int | None:
        kib = stats.get(f"balloon.{name}")
        return None if kib is None else int(kib) * _KIB

    return GuestMemory(
        assigned=int(stats["balloon.current"]) * _KIB, resident=size("rss"), unused=size("unused"), usable=size("usable"),
        major_faults=stats.get("balloon.major_fault"),
    )  # fmt: skip


def _disks(stats: Mapping[str, Any]) -> Iterator[DiskTraffic]:
    """Those that QEMU told of."""
    for number in range(stats.get("block.count", 0)):
        found = {name: stats.get(f"block.{number}.{name}") for name in _BLOCK}
        if found["rd.bytes"] is None:
            continue
        yield DiskTraffic(
            device=stats[f"block.{number}.name"],
            read_bytes=found["rd.bytes"], reads=found["rd.reqs"] or 0, read_s=(found["rd.times"] or 0) / 1e9,
            written_bytes=found["wr.bytes"] or 0, writes=found["wr.reqs"] or 0, write_s=(found["wr.times"] or 0) / 1e9,
            flushes=found["fl.reqs"] or 0, flush_s=(found["fl.times"] or 0) / 1e9,
            capacity=found["capacity"], allocated=found["physical"],
        )  # fmt: skip


def _cards(stats: Mapping[str, Any]) -> Iterator[NetTraffic]:
    """Those with an interface on the host, by their place: the interface has another name each time. libvirt tells it from the
    guest's side."""
    for number in range(stats.get("net.count", 0)):
        found = {name: stats.get(f"net.{number}.{name}") for name in _NET}
        if found["rx.bytes"] is None:
            continue
        yield NetTraffic(
            device=f"net{number}", received_bytes=found["rx.bytes"], sent_bytes=found["tx.bytes"] or 0,
            received_packets=found["rx.pkts"] or 0, sent_packets=found["tx.pkts"] or 0,
            received_errors=found["rx.errs"] or 0, received_dropped=found["rx.drop"] or 0,
            sent_dropped=found["tx.drop"] or 0,
        )  # fmt: skip


_BLOCK = (
    "rd.bytes", "rd.reqs", "rd.times", "wr.bytes", "wr.reqs", "wr.times", "fl.reqs", "fl.times", "capacity", "physical",
)  # fmt: skip
_NET = ("rx.bytes", "tx.bytes", "rx.pkts", "tx.pkts", "rx.errs", "rx.drop", "tx.drop")
