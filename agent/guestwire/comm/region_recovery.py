"""Finds the memory of regions again in the QEMU processes that hold it, where no service manager kept it for us. What nobody
holds is lost: it is never made again in silence."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from guestwire.comm.region import RegionRow, is_region, read_region_word

PROC = Path("/proc")
_LINK = "/memfd:"
_DELETED = " (deleted)"
_MOST_PROCESSES = 4096


def qemu_processes(proc: Path = PROC) -> tuple[int, ...]:
    """The pids of the QEMU processes of the host, by the names that the kernel has of them."""
    found = []
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text(errors="replace").startswith(("qemu-", "kvm")):
                    found.append(int(entry.name))
    return tuple(sorted(found))


def find_regions(rows: Iterable[RegionRow], pids: Iterable[int], proc: Path = PROC) -> dict[str, int]:
    """Of the rows, the memory that one of the processes holds: new fds for reading and writing, by the rows' words, which
    are the caller's. Whatever a process calls its memory, it must be the inode of the row, of its size and seals. Needs the
    right to look into the processes (the same user, or CAP_SYS_PTRACE)."""
    wanted = {row.word: row for row in rows}
    found: dict[str, int] = {}
    for pid, _ in zip(pids, range(_MOST_PROCESSES), strict=False):
        if len(found) == len(wanted):
            break
        for word, link in _memories(proc / str(pid) / "fd"):
            row = wanted.get(word)
            if row is not None and word not in found and (fd := _open(link, row)) is not None:
                found[word] = fd
    return found


def _memories(folder: Path) -> Iterator[tuple[str, Path]]:
    """The memfds of a process that have a region's name; none for one that ended or may not be looked into."""
    try:
        links = sorted(folder.iterdir())
    except OSError:
        return
    for link in links:
        try:
            target = str(link.readlink())
        except OSError:
            continue
        word = target.removeprefix(_LINK).removesuffix(_DELETED)
        if target.startswith(_LINK) and read_region_word(word) is not None:
            yield word, link


def _open(link: Path, row: RegionRow) -> int | None:
    try:
        fd = os.open(link, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    if is_region(row, fd):
        return fd
    os.close(fd)
    return None
