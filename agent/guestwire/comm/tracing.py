"""The host's trace through tracefs: marks for what guests ask, and snapshots of them into files.

We have an instance of our own (`instances/guestwire`): its buffer and its events are nobody else's, and whoever looks for
more than our marks enables events in it. Its clock is `mono`, the clock of every stamp that a guest gets. What a kernel
does not have or refuses (lockdown, a container, no root) is said in `missing`, and nothing is raised for it.
"""

import asyncio
import contextlib
import ctypes
import errno
import itertools
import os
import re
import struct
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")

INSTANCE = "guestwire"
MOUNT_POINT = Path("/sys/kernel/tracing")
MOUNTS = Path("/proc/self/mounts")
RAW_ID = int.from_bytes(b"GWDT", "little")
"""The id of our binary marks: the kernel wants one in front."""
RAW_HEAD = struct.Struct("<IIHH")
"""In front of the bytes of a binary mark: RAW_ID, the mark's number, which part this is, of how many."""
RAW_PART = 2048
"""Bytes in one binary mark: kernels take at least 3 KiB."""
TEXT_MAX = 1000
"""Bytes of a text mark: kernels take at least 1 KiB."""
UNOPENED = "the host's trace was not opened"
_CHUNK = 64 << 10
_MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8


class TraceRefused(Exception):
    """No snapshot, and why."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """`buffer_kib` for each CPU; `file_bytes` of a snapshot; files kept for each guest and in all; seconds for one."""

    buffer_kib: int = 256
    file_bytes: int = 4 << 20
    files_of_guest: int = 8
    files: int = 64
    snapshot_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file of the host's trace. `cut`: its beginning is missing, there was more than a file takes."""

    path: Path
    size: int
    cut: bool


class HostTrace:
    """The trace instance of this process. `open` before anything else, `close` at the end."""

    def __init__(
        self, directory: Path, *, instance: str = INSTANCE, bounds: Bounds | None = None,
        mounts: Path = MOUNTS, mount_point: Path = MOUNT_POINT,
    ) -> None:  # fmt: skip
        self._directory = directory
        self._instance = instance
        self._bounds = bounds or Bounds()
        self._mounts = mounts
        self._mount_point = mount_point
        self._mounted = False
        self._root: Path | None = None
        self._marker = -1
        self._raw = -1
        self._numbers = itertools.count(1)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="trace")
        self._stopping = False
        self.missing = UNOPENED
        """Why there are no marks and no snapshots; empty when there are."""

    async def open(self) -> str:
        """Makes the instance; once more: nothing, or another try. Why not, or an empty text."""
        if self.missing:
            self.missing = await self._run(self._open)
        return self.missing

    async def close(self) -> None:
        """Removes the instance, and the mount when it is ours and nobody else uses it."""
        self._stopping = True
        self.missing = "the host's trace was closed"
        if self._root is not None or self._mounted:
            await self._run(self._close)
        self._pool.shutdown()

    def mark(self, text: str) -> str:
        """A line in the trace, cut at TEXT_MAX bytes. Why it is not there, or an empty text. Takes microseconds."""
        return self.missing or _written(self._marker, text.encode("utf-8", "replace")[:TEXT_MAX])

    def mark_bytes(self, text: str, data: bytes) -> str:
        """A line that says `mark=NUMBER parts=COUNT` behind `text`, and binary marks of that number with the bytes (RAW_HEAD
        in front of each). Why they are not there, or an empty text."""
        parts = [data[at : at + RAW_PART] for at in range(0, len(data), RAW_PART)]
        number = next(self._numbers) & 0xFFFFFFFF
        refused = self.mark(f"{text} mark={number} parts={len(parts)}")
        for n, part in enumerate(parts):
            refused = refused or _written(self._raw, RAW_HEAD.pack(RAW_ID, number, n, len(parts)) + part)
        return refused

    async def snapshot(self, guest: str, cpus: Collection[int] | None) -> Snapshot:
        """What the trace holds now, into a file of `directory`; of those CPUs only, or (None) of all, in order. Raises
        TraceRefused."""
        if self.missing:
            raise TraceRefused(self.missing)
        return await self._run(lambda: self._snapshot(guest, cpus))

    # -- in the thread

    async def _run(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def _open(self) -> str:
        try:
            root = mounted_at(self._mounts)
            if root is None:
                root = self._mount()
            self._root = root / "instances" / self._instance
            # it may be there: of a process of ours that was killed
            self._root.mkdir(exist_ok=True)
            (self._root / "buffer_size_kb").write_text(str(self._bounds.buffer_kib))
            (self._root / "trace_clock").write_text("mono")
            (self._root / "tracing_on").write_text("1")
            self._marker = os.open(self._root / "trace_marker", os.O_WRONLY | os.O_CLOEXEC)
            self._raw = os.open(self._root / "trace_marker_raw", os.O_WRONLY | os.O_CLOEXEC)
        except OSError as err:
            self._close()
            return f"tracefs: {err.strerror or err}{f': {err.filename}' if err.filename else ''}"
        return ""

    def _mount(self) -> Path:
        if os.geteuid() != 0:
            raise PermissionError(
                errno.EPERM,
                "it is not mounted, and mounting it takes root (mount -t tracefs nodev /sys/kernel/tracing)",
            )
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"nodev", os.fsencode(self._mount_point), b"tracefs", _MS_NOSUID_NODEV_NOEXEC, None):
            code = ctypes.get_errno()
            raise OSError(code, f"it cannot be mounted: {os.strerror(code)}", str(self._mount_point))
        self._mounted = True
        return self._mount_point

    def _close(self) -> None:
        for fd in (self._marker, self._raw):
            if fd >= 0:
                os.close(fd)
        self._marker = self._raw = -1
        if self._root is not None:
            # somebody may read it, or another process of ours use it: then it stays
            with contextlib.suppress(OSError):
                self._root.rmdir()
            self._root = None
        if self._mounted:
            # in use: it stays
            ctypes.CDLL(None).umount2(os.fsencode(self._mount_point), 0)
            self._mounted = False

    def _snapshot(self, guest: str, cpus: Collection[int] | None) -> Snapshot:
        if self._root is None:
            raise TraceRefused(self.missing)
        sources = [self._root / "trace"]
        if cpus is not None:
            each = (self._root / "per_cpu" / f"cpu{cpu}" / "trace" for cpu in sorted(cpus))
            sources = [source for source in each if source.exists()]
        if not sources:
            raise TraceRefused(f"this host has no CPU {', '.join(map(str, sorted(cpus or ())))}")
        until = time.monotonic() + self._bounds.snapshot_s
        try:
            tails = [self._tail(source, self._bounds.file_bytes // len(sources), until) for source in sources]
            path = self._keep(guest, b"".join(text for text, _ in tails))
        except OSError as err:
            raise TraceRefused(f"{err.strerror or err}: {err.filename or self._directory}") from err
        return Snapshot(path, path.stat().st_size, any(cut for _, cut in tails))

    def _tail(self, source: Path, most: int, until: float) -> tuple[bytes, bool]:
        """The last bytes of a trace, from the beginning of a line on, and whether there were more. A trace grows while it is
        read: the read ends with `until`."""
        chunks: deque[bytes] = deque()
        held, cut = 0, False
        with source.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                if self._stopping or time.monotonic() > until:
                    raise TraceRefused("it took too long to read")
                chunks.append(chunk)
                held += len(chunk)
                while held - len(chunks[0]) >= most:
                    held -= len(chunks.popleft())
                    cut = True
        text = b"".join(chunks)
        if len(text) > most:
            text, cut = text[-most:], True
        return (text[text.find(b"\n") + 1 :] if cut else text), cut

    def _keep(self, guest: str, text: bytes) -> Path:
        """Write a file, and remove the oldest ones beyond the bounds. Nobody sees a half one."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        stem = re.sub(r"[^A-Za-z0-9_.-]", "_", guest)[:64]
        path = self._directory / f"{stem}@{time.monotonic_ns()}.trace"
        part = path.with_suffix(".part")
        try:
            part.touch(mode=0o600)
            part.write_bytes(text)
            # the kernel's own stamp is as coarse as its tick: files of the same tick would have no order
            os.utime(part, ns=(time.time_ns(),) * 2)
            part.rename(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        # who removes files here at the same time does no harm
        with contextlib.suppress(OSError):
            for pattern, most in ((f"{stem}@*.trace", self._bounds.files_of_guest), ("*@*.trace", self._bounds.files)):
                for old in sorted(self._directory.glob(pattern), key=lambda old: old.stat().st_mtime_ns)[:-most]:
                    old.unlink(missing_ok=True)
        return path


def mounted_at(mounts: Path = MOUNTS) -> Path | None:
    """Where tracefs is mounted, by the table of mounts (proc(5)); None: nowhere."""
    for line in mounts.read_text().splitlines():
        fields = line.split()
        if len(fields) > 2 and fields[2] == "tracefs":
            return Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
    return None


def cpus_of_process(pid: int) -> frozenset[int]:
    """The CPUs that the threads of a process may run on: for QEMU, those of the guest. Empty: it is gone, or not ours to
    see."""
    cpus: set[int] = set()
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                cpus |= os.sched_getaffinity(int(thread.name))
    return frozenset(cpus)


def current_cpu() -> int:
    """The CPU that the caller runs on."""
    stat = Path("/proc/thread-self/stat").read_text()
    # proc(5): the 39th field; the second one, in parentheses, may have spaces
    return int(stat[stat.rindex(")") + 1 :].split()[36])


def _written(fd: int, data: bytes) -> str:
    try:
        os.write(fd, data)
    except OSError as err:
        # EBADF: somebody switched `tracing_on` off
        return "tracing is switched off" if err.errno == errno.EBADF else f"the trace takes no mark: {err.strerror}"
    return ""
