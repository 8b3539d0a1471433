"""The HostMetrics port over procfs and sysfs. Nothing that is read sends an interrupt to another CPU."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from guestwire.agent.drivers.calls import Calls, Overdue
from guestwire.agent.drivers.linux import host_condition, host_load
from guestwire.agent.drivers.linux.interrupt_counts import parse_interrupts
from guestwire.agent.drivers.linux.kept_files import KeptFiles
from guestwire.agent.drivers.linux.processor_times import cpu_times, parse_stat
from guestwire.model.errors import GuestwireError
from guestwire.model.usage import HostCondition, HostLoad, HostTimes, Interrupts

T = TypeVar("T")

DEADLINE_S = 30.0
_OFTEN_BACK = ("iowait", "idle")
"""proc(5): iowait may decrease, and idle with it."""


class LinuxHostMetrics:
    """Reads in threads of its own, each question in one at a time: while a file system hangs `condition` is refused, and nothing
    else. `folders`: whose file systems are told of. `close` lets go of the files that are kept open."""

    def __init__(self, root: Path = Path("/"), *, folders: Sequence[Path] = (), ticks_per_s: int | None = None) -> None:
        self._root = root
        self._folders = tuple(dict.fromkeys(folders))
        self._per_second = ticks_per_s or os.sysconf("SC_CLK_TCK")
        self._calls = Calls(threads=4, name="host-metrics")
        self._out: set[str] = set()
        self._files = KeptFiles()
        self._stat = str(root / "proc/stat")
        self._highest: dict[str, int] = {}
        self._boot_ms: int | None = None

    def close(self) -> None:
        self._files.close()

    async def times(self) -> HostTimes:
        return await self._look("times", self._times)

    async def load(self) -> HostLoad:
        return await self._look("load", self._load)

    async def interrupts(self) -> Interrupts:
        def read() -> Interrupts:
            return Interrupts(self._since(), parse_interrupts((self._root / "proc/interrupts").read_bytes()))

        return await self._look("interrupts", read)

    async def condition(self) -> HostCondition:
        root = self._root

        def read() -> HostCondition:
            return HostCondition(
                self._since(), host_condition.read_temperatures(root),
                dict(host_condition.read_file_systems(root, self._folders)), dict(host_condition.read_allocations(root)),
            )  # fmt: skip

        return await self._look("condition", read)

    async def _look(self, name: str, read: Callable[[], T]) -> T:
        """Raises DRIVER-ERROR."""
        if name in self._out:
            raise GuestwireError("DRIVER-ERROR", f"an earlier look at the host's {name} has not come back")

        def guarded() -> T:
            try:
                return read()
            finally:
                self._out.discard(name)

        self._out.add(name)
        try:
            return await self._calls.run(guarded, DEADLINE_S)
        except (OSError, ValueError, Overdue) as err:
            raise GuestwireError("DRIVER-ERROR", f"the host's {name} cannot be read: {err or 'it hangs'}") from err

    # -- in a thread

    def _since(self) -> int:
        """The boot, as it was seen first: the kernel reckons it anew when the clock is set."""
        if self._boot_ms is None:
            self._boot_ms = parse_stat((self._root / "proc/stat").read_bytes()).boot_s * 1000
        return self._boot_ms

    def _times(self) -> HostTimes:
        stat = parse_stat(self._files.read(self._stat))
        if self._boot_ms is None:
            self._boot_ms = stat.boot_s * 1000
        ticks = dict(stat.modes)
        for mode in _OFTEN_BACK:
            ticks[mode] = self._highest[mode] = max(ticks[mode], self._highest.get(mode, 0))
        modes = {mode: count / self._per_second for mode, count in ticks.items()}
        return HostTimes(self._boot_ms, modes, cpu_times(stat, self._per_second))

    def _load(self) -> HostLoad:
        root = self._root
        stat = parse_stat((root / "proc/stat").read_bytes())
        return HostLoad(
            since_ms=self._since(), memory=host_load.read_memory(root), load=host_load.read_load(root), running=stat.running,
            blocked=stat.blocked, context_switches=stat.context_switches, forks=stat.forks,
            pressure=tuple(host_load.read_pressure(root)), disks=tuple(host_load.read_disks(root)),
            adapters=tuple(host_load.read_adapters(root)), nodes=tuple(host_load.read_nodes(root)),
        )  # fmt: skip
