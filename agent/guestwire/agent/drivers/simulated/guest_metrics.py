"""The GuestMetrics port of a simulated host: what its guests would use, by the clock.

Counters begin with a guest's power. A paused guest takes no time: what passed between two looks counts as the second finds it.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from string import ascii_lowercase

from guestwire.agent.drivers.simulated import waves
from guestwire.agent.drivers.simulated.runtime import GuestRuntime
from guestwire.model.guest import Guest
from guestwire.model.usage import DiskTraffic, GuestMemory, GuestTimes, GuestUsage, NetTraffic, VcpuTimes

_MIB = 1 << 20
_REQUEST = 16 << 10
"""Bytes of a simulated disk request."""
_PACKET = 800
_IMAGE = 8 << 30


class _Life:
    """How long a guest ran since it was turned on."""

    __slots__ = ("boots", "ran_ms", "seen_ms", "since_ms")

    def __init__(self, boots: int, since_ms: int) -> None:
        self.boots = boots
        self.since_ms = self.seen_ms = since_ms
        self.ran_ms = 0

    def look(self, now_ms: int, *, runs: bool) -> None:
        if now_ms > self.seen_ms:
            self.ran_ms += (now_ms - self.seen_ms) * runs
            self.seen_ms = now_ms

    @property
    def ran_s(self) -> float:
        return self.ran_ms / 1000


class SimulatedGuestMetrics:
    """`call` is around each look (DRIVER-LOST while the hypervisor is away); `find` gives a guest by its uuid."""

    def __init__(
        self,
        find: Callable[[str], GuestRuntime | None],
        call: Callable[[str], AbstractAsyncContextManager[None]],
        clock: Callable[[], int],
    ) -> None:
        self._find = find
        self._call = call
        self._clock = clock
        self._lives: dict[str, _Life] = {}

    async def times(self, uuids: Collection[str]) -> Sequence[GuestTimes]:
        async with self._call("times"):
            return [_times(runtime.process.guest, life) for runtime, life in self._running(uuids) if runtime.process]

    async def usage(self, uuids: Collection[str]) -> Sequence[GuestUsage]:
        async with self._call("usage"):
            return [_usage(runtime, life) for runtime, life in self._running(uuids)]

    def _running(self, uuids: Collection[str]) -> Iterator[tuple[GuestRuntime, _Life]]:
        now_ms = self._clock()
        for uuid in self._lives.keys() - frozenset(uuids):
            del self._lives[uuid]
        for uuid in uuids:
            runtime = self._find(uuid)
            if runtime is None or runtime.process is None:
                self._lives.pop(uuid, None)
                continue
            life = self._lives.get(uuid)
            if life is None or life.boots != runtime.power.boots:
                life = self._lives[uuid] = _Life(runtime.power.boots, runtime.power.since_ms)
            life.look(now_ms, runs=runtime.power.state != "paused")
            yield runtime, life


def _times(guest: Guest, life: _Life) -> GuestTimes:
    vcpus = tuple(_vcpu(guest, number, life.ran_s) for number in range(guest.vcpus))
    emulator_s = waves.counted(0.01, life.ran_s, guest.uuid, "emulator")
    return GuestTimes(guest.uuid or "", life.since_ms, emulator_s + sum(vcpu.cpu_s for vcpu in vcpus), vcpus)


def _vcpu(guest: Guest, number: int, seconds: float) -> VcpuTimes:
    """A real-time guest's has its CPU for itself: it does not wait, and is not moved."""
    names = (guest.uuid, "vcpu", number)
    busy_s = min(seconds, waves.counted(0.1 + 0.4 * waves.share(*names), seconds, *names))
    if guest.kind == "rt":
        return VcpuTimes(number, busy_s, 0.0, 1 + int(seconds / 60))
    return VcpuTimes(number, busy_s, busy_s * 0.002, 1 + int(waves.counted(180, seconds, *names, "runs")))


def _usage(runtime: GuestRuntime, life: _Life) -> GuestUsage:
    guest = runtime.guest if runtime.process is None else runtime.process.guest
    assigned = guest.memory_mib * _MIB
    unused = int(assigned * (0.7 - waves.level(0.2, life.ran_s, guest.uuid, "memory")))
    paused = runtime.power.state == "paused"
    halted = {
        number: paused or waves.level(0.5, life.ran_s, guest.uuid, "halted", number) > 0.4
        for number in range(guest.vcpus)
    }
    says = runtime.agent
    memory = GuestMemory(
        assigned=assigned,
        resident=(8 * _MIB if guest.hugepages_mib else assigned - unused) + 60 * _MIB,
        unused=unused if says else None,
        usable=unused + assigned // 20 if says else None,
        major_faults=int(life.ran_s / 30) if says else None,
    )
    disks = tuple(_disk(guest, device, life.ran_s) for device in _devices(guest))
    cards = tuple(_card(guest, f"net{place}", life.ran_s) for place in range(len(guest.nics)))
    return GuestUsage(guest.uuid or "", life.since_ms, memory, disks, cards, halted)


def _devices(guest: Guest) -> Iterator[str]:
    """Disks are vda, vdb, ..., drives sda, sdb, ... in the order of the definition."""
    letters = {"vd": iter(ascii_lowercase), "sd": iter(ascii_lowercase)}
    for disk in guest.disks:
        bus = "vd" if disk.device == "disk" else "sd"
        if letter := next(letters[bus], ""):
            yield bus + letter


def _disk(guest: Guest, device: str, seconds: float) -> DiskTraffic:
    reads = int(waves.counted(12, seconds, guest.uuid, device, "reads"))
    writes = int(waves.counted(6, seconds, guest.uuid, device, "writes"))
    return DiskTraffic(
        device=device, read_bytes=reads * _REQUEST, written_bytes=writes * _REQUEST, reads=reads, writes=writes,
        flushes=writes // 20, read_s=reads * 0.0004, write_s=writes * 0.0009, flush_s=writes // 20 * 0.003,
        capacity=_IMAGE, allocated=min(_IMAGE, _IMAGE // 4 + writes * 512),
    )  # fmt: skip


def _card(guest: Guest, device: str, seconds: float) -> NetTraffic:
    received = int(waves.counted(90, seconds, guest.uuid, device, "received"))
    sent = int(waves.counted(60, seconds, guest.uuid, device, "sent"))
    return NetTraffic(
        device=device, received_bytes=received * _PACKET, sent_bytes=sent * _PACKET, received_packets=received,
        sent_packets=sent,
    )  # fmt: skip
