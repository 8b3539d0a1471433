"""The HostControl port of a simulated host: settings that are kept, and the power button of the host.

Kept over a restart of the process and over a boot of the host (`control.jsonl`). Huge pages, interrupt affinity and
forwarding are true of its kernel's values too, now and again after each boot.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from guestwire.agent.drivers.simulated.injection import Injection
from guestwire.agent.drivers.simulated.kernel_state import KernelState
from guestwire.agent.drivers.simulated.kernel_tree import DEFAULT_AFFINITY, MM, NODE, movable_interrupts
from guestwire.agent.drivers.simulated.lines import LineLog
from guestwire.model.cpuset import from_libvirt, from_mask, to_libvirt, to_mask
from guestwire.model.errors import GuestwireError
from guestwire.model.settings import HostSettings, HugePool

_FORWARD = "/proc/sys/net/ipv4/ip_forward"
_NEW = HostSettings(
    autologin="", bootloader_timeout=5, removable_media=False, swap_mib=0, ip_forward=False, airgap=False
)


class SimulatedControl:
    """`reboot` and `power_off` are what the host does after `delay_s`, unless the process ends before."""

    __slots__ = ("_delay_s", "_injection", "_kept", "_kernel", "_lines", "_power_off", "_reboot", "_timer")

    def __init__(
        self,
        kernel: KernelState,
        directory: Path | None,
        injection: Injection,
        *,
        delay_s: float,
        reboot: Callable[[], None],
        power_off: Callable[[], None],
    ) -> None:
        self._kernel = kernel
        self._lines = LineLog(None if directory is None else directory / "control.jsonl")
        self._injection = injection
        self._delay_s = delay_s
        self._reboot = reboot
        self._power_off = power_off
        self._kept = _NEW
        self._timer: asyncio.TimerHandle | None = None

    def load(self) -> None:
        for line in self._lines.load():
            self._kept = HostSettings.model_validate_json(json.dumps(line))
        if self._lines.old:
            self._lines.rewrite((self._kept.model_dump(mode="json"),))

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def booted(self) -> None:
        """The host booted: what is kept becomes true of its new kernel, as far as that kernel can."""
        for name in _RUNNING:
            try:
                _RUNNING[name](self._kernel, self._kept)
            except GuestwireError:
                continue  # as systemd does at a boot: the next one is tried

    # -- the HostControl port

    async def settings(self) -> HostSettings:
        with self._injection.call("control.settings"):
            cpus = from_mask(self._kernel.read(DEFAULT_AFFINITY) or "0")
            present = self._kernel.machine.topology.cpu_ids()
            return self._kept.model_copy(
                update={
                    "ip_forward": self._kernel.read(_FORWARD) == "1",
                    "hugepages": tuple(self._pool_now(pool) for pool in self._kept.hugepages),
                    "irq_affinity": to_libvirt(cpus & present),
                }
            )

    async def capture(self, name: str) -> str:
        with self._injection.call("control.capture", name):
            _check_name(name)
            kept = self._kept.model_dump(mode="json", include={name})
            running = {path: self._kernel.read(path) for path in self._touched(name)}
            return json.dumps({"kept": kept, "running": running})

    async def set(self, name: str, wanted: HostSettings) -> None:
        with self._injection.call("control.set", name):
            _check_name(name)
            value = getattr(wanted, name)
            if value is None:
                return
            for adapter in wanted.adapters if name == "adapters" else ():
                if adapter.name not in movable_interrupts(self._kernel.machine).values():
                    raise GuestwireError("UNSUPPORTED", f"the host has no adapter {adapter.name}")
            self._injection.check_disk()
            changed = self._kept.model_copy(update={name: value})
            if name in _RUNNING:
                _RUNNING[name](self._kernel, changed)
            await self._keep(changed)

    async def restore(self, name: str, state: str) -> None:
        with self._injection.call("control.restore", name):
            _check_name(name)
            captured: Mapping[str, Any] = json.loads(state)
            before = HostSettings.model_validate_json(json.dumps(captured["kept"]))
            for path, value in (*captured["running"].items(), *captured["running"].items()):
                # twice: what one pool of huge pages takes, another must have given back before
                if value is not None and self._kernel.read(path) != value:
                    self._kernel.write(path, value)
            await self._keep(self._kept.model_copy(update={name: getattr(before, name)}))

    async def reboot(self, *, force: bool = False) -> None:
        with self._injection.call("control.reboot"):
            self._after(self._reboot)

    async def power_off(self, *, force: bool = False) -> None:
        with self._injection.call("control.power_off"):
            self._after(self._power_off)

    # -- inside

    def _after(self, act: Callable[[], None]) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_later(self._delay_s, act)

    async def _keep(self, settings: HostSettings) -> None:
        if settings != self._kept:
            self._lines.append(settings.model_dump(mode="json"))
            self._kept = settings
            await asyncio.to_thread(self._lines.sync)

    def _pool_now(self, pool: HugePool) -> HugePool:
        return pool.model_copy(update={"pages": int(self._kernel.read(_pool_path(pool)) or "0")})

    def _touched(self, name: str) -> tuple[str, ...]:
        """The kernel's values that a setting changes."""
        machine = self._kernel.machine
        if name == "ip_forward":
            return (_FORWARD,)
        if name == "hugepages":
            return tuple(
                _pool_path(HugePool(size_mib=size, pages=0, node=node.id))
                for size in machine.capabilities.hugepages_mib
                for node in machine.topology.nodes
            )
        if name == "irq_affinity":
            return (DEFAULT_AFFINITY, *map(_irq_path, movable_interrupts(machine)))
        return ()


def _check_name(name: str) -> None:
    if name not in HostSettings.model_fields:
        raise GuestwireError("UNSUPPORTED", f"a host has no setting {name!r}")


def _pool_path(pool: HugePool) -> str:
    directory = MM if pool.node is None else f"{NODE}/node{pool.node}/hugepages"
    return f"{directory}/hugepages-{pool.size_mib * 1024}kB/nr_hugepages"


def _irq_path(number: int) -> str:
    return f"/proc/irq/{number}/smp_affinity_list"


def _forward(kernel: KernelState, settings: HostSettings) -> None:
    wanted = str(int(bool(settings.ip_forward)))
    if kernel.read(_FORWARD) != wanted:
        kernel.write(_FORWARD, wanted)


def _pages(kernel: KernelState, settings: HostSettings) -> None:
    for pool in settings.hugepages:
        path = _pool_path(pool)
        if kernel.read(path) is None:
            raise GuestwireError("UNSUPPORTED", f"the kernel has no huge pages of {pool.size_mib} MiB there")
    before = {(path := _pool_path(pool)): kernel.read(path) or "0" for pool in settings.hugepages}
    for pool in settings.hugepages:
        got = int(kernel.write(_pool_path(pool), str(pool.pages)))
        if got < pool.pages:
            for path, value in before.items():
                kernel.write(path, value)
            raise GuestwireError(
                "RESOURCE-EXHAUSTED",
                f"the kernel gave {got} of {pool.pages} huge pages of {pool.size_mib} MiB",
                detail={"resource": "hugepages", "wanted": pool.pages, "got": got, "size_mib": pool.size_mib},
            )


def _interrupts(kernel: KernelState, settings: HostSettings) -> None:
    if settings.irq_affinity is None:
        return
    try:
        cpus = from_libvirt(settings.irq_affinity)
    except GuestwireError:
        cpus = frozenset()
    if not cpus or not cpus <= kernel.machine.topology.cpu_ids():
        raise GuestwireError("UNSUPPORTED", f"{settings.irq_affinity!r} is no list of CPUs of this host")
    kernel.write(DEFAULT_AFFINITY, to_mask(cpus))
    for number in movable_interrupts(kernel.machine):
        kernel.write(_irq_path(number), to_libvirt(cpus))


_RUNNING: Mapping[str, Callable[[KernelState, HostSettings], None]] = {
    "ip_forward": _forward,
    "hugepages": _pages,
    "irq_affinity": _interrupts,
}
