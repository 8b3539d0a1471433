"""Processor times of guests and their vCPUs, as /proc shows them of QEMU's threads.

libvirt could be asked too, and would ask QEMU: QEMU 7.1 to 8.0 stops every vCPU to answer (8.1 has "kvm: reuse per-vcpu stats fd
to avoid vcpu interruption"), which a real-time guest feels at each look. The scheduler's own counters cost nobody anything.
"""

import asyncio
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import NamedTuple, TypeVar

from guestwire.agent.drivers.calls import Calls, Overdue
from guestwire.agent.drivers.linux.kept_files import KeptFiles
from guestwire.agent.drivers.linux.processor_times import parse_stat
from guestwire.agent.drivers.linux.threads import find_processes, vcpu_of
from guestwire.model.errors import GuestwireError
from guestwire.model.usage import GuestTimes, VcpuTimes

T = TypeVar("T")

DEADLINE_S = 30.0
SEARCH_EVERY_S = 2.0
"""Looking for a process means to look at every one there is."""


class _Stat(NamedTuple):
    """What is used of /proc/PID/stat (proc(5)): the state's letter, ticks of processor time, and when it began, in ticks since
    the boot."""

    state: bytes
    ticks: int
    began: int


class _Thread(NamedTuple):
    """A thread's number and its files."""

    name: str
    stat: str
    schedstat: str


@dataclass(slots=True)
class _Process:
    """A guest's QEMU. `vcpus`: each one's thread, by its number."""

    folder: Path
    stat: str
    since_ms: int
    vcpus: dict[int, _Thread] = field(default_factory=dict)

    def files(self) -> Iterator[str]:
        """All that are read of it."""
        yield self.stat
        for thread in self.vcpus.values():
            yield from (thread.stat, thread.schedstat)


@dataclass(frozen=True, slots=True)
class Slept:
    """Which vCPUs of a guest, whose process began at `since_ms`, slept when they were looked at."""

    since_ms: int
    halted: Mapping[int, bool]


class GuestProcesses:
    """Guests by uuid. One look at a time, in a thread; a guest without a process is left out. Raises DRIVER-LOST while an earlier
    look has not come back. `close` lets go of the files that are kept open."""

    def __init__(
        self, root: Path = Path("/"), *, ticks_per_s: int | None = None, search_every_s: float = SEARCH_EVERY_S
    ) -> None:
        self._root = root
        self._per_second = ticks_per_s or os.sysconf("SC_CLK_TCK")
        self._calls = Calls(threads=1, name="guest-processes")
        self._turn = asyncio.Lock()
        self._files = KeptFiles()
        self._known: dict[str, _Process] = {}
        self._search_every_s = search_every_s
        self._searched_at = float("-inf")

    def close(self) -> None:
        self._files.close()
        self._known.clear()

    async def times(self, uuids: Collection[str]) -> Sequence[GuestTimes]:
        asked = frozenset(uuids)
        return await self._look(lambda: tuple(self._times(asked)))

    async def slept(self, uuids: Collection[str]) -> Mapping[str, Slept]:
        asked = frozenset(uuids)
        return await self._look(lambda: dict(self._slept(asked)))

    async def _look(self, read: Callable[[], T]) -> T:
        try:
            async with self._turn:
                return await self._calls.run(read, DEADLINE_S)
        except (Overdue, OSError, ValueError) as err:
            raise GuestwireError("DRIVER-LOST", f"the processes of guests cannot be looked at: {err}") from err

    # -- in the thread

    def _times(self, uuids: frozenset[str]) -> Iterator[GuestTimes]:
        for uuid, process in self._processes(uuids):
            try:
                ticks = self._stat(process.stat).ticks
                vcpus = tuple(self._vcpu(number, thread) for number, thread in process.vcpus.items())
            except OSError:
                self._forget(uuid)  # it ended, or a vCPU was taken out
                continue
            yield GuestTimes(uuid, process.since_ms, ticks / self._per_second, vcpus)

    def _slept(self, uuids: frozenset[str]) -> Iterator[tuple[str, Slept]]:
        for uuid, process in self._processes(uuids):
            try:
                self._find_vcpus(process)
                halted = {number: self._stat(thread.stat).state != b"R" for number, thread in process.vcpus.items()}
            except OSError:
                self._forget(uuid)
                continue
            yield uuid, Slept(process.since_ms, halted)

    def _vcpu(self, number: int, thread: _Thread) -> VcpuTimes:
        """By schedstat (Documentation/scheduler/sched-stats.rst): ns that it ran, ns that it waited, how often it ran. A kernel
        that does not keep them, or says that it never ran, has ticks."""
        try:
            ran, waited, runs = self._files.read_line(thread.schedstat).split()
        except FileNotFoundError:
            runs = b"0"
        if runs == b"0":
            return VcpuTimes(number, self._stat(thread.stat).ticks / self._per_second)
        return VcpuTimes(number, int(ran) / 1e9, int(waited) / 1e9, int(runs))

    def _stat(self, file: str) -> _Stat:
        """The name stands in parentheses and may contain anything; the fields after it are counted from 3."""
        fields = self._files.read_line(file).rpartition(b")")[2].split(None, 21)
        return _Stat(fields[0], int(fields[14 - 3]) + int(fields[15 - 3]), int(fields[22 - 3]))

    # -- which process is whose

    def _processes(self, uuids: frozenset[str]) -> Iterator[tuple[str, _Process]]:
        for uuid in self._known.keys() - uuids:
            self._forget(uuid)
        if (unknown := uuids - self._known.keys()) and monotonic() - self._searched_at >= self._search_every_s:
            self._searched_at = monotonic()
            for uuid, pid in find_processes(unknown, self._root).items():
                with suppress(OSError):  # it ended meanwhile
                    self._known[uuid] = self._found(pid)
        yield from tuple(self._known.items())

    def _found(self, pid: int) -> _Process:
        boot_s = parse_stat((self._root / "proc/stat").read_bytes()).boot_s
        folder = self._root / "proc" / str(pid)
        stat = str(folder / "stat")
        process = _Process(folder, stat, boot_s * 1000 + self._stat(stat).began * 1000 // self._per_second)
        self._find_vcpus(process)
        return process

    def _find_vcpus(self, process: _Process) -> None:
        """They come with the process, and later too; a thread has its name a moment after it began."""
        known = {thread.name for thread in process.vcpus.values()}
        for folder in (process.folder / "task").iterdir():
            if folder.name in known:
                continue
            with suppress(OSError):  # it ended meanwhile
                number = vcpu_of((folder / "comm").read_text("utf-8", "replace"))
                if number is not None:
                    process.vcpus[number] = _Thread(folder.name, str(folder / "stat"), str(folder / "schedstat"))

    def _forget(self, uuid: str) -> None:
        self._files.forget(self._known.pop(uuid).files())
