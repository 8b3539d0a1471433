"""The threads of a guest's QEMU process, as /proc shows them: affinity, scheduler, priority, processor time.

libvirt starts QEMU with `-uuid` and with debug threads, so the process is found by its command line and a thread's role
follows from its name. Given the thread ids that QMP's query-cpus-fast reports, those decide instead.
"""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

from guestwire.model.guest import GuestThread

Role = Literal["vcpu", "emulator", "iothread", "vhost", "worker"]
Policy = Literal["other", "fifo", "rr", "batch", "idle", "deadline"]

_POLICIES: Mapping[int, Policy] = {0: "other", 1: "fifo", 2: "rr", 3: "batch", 5: "idle", 6: "deadline"}
_VCPU = re.compile(r"CPU (\d+)/")
_ROLES: Sequence[tuple[re.Pattern[str], Role]] = (
    (_VCPU, "vcpu"),
    (re.compile(r"IO |iothread"), "iothread"),
    (re.compile(r"vhost-"), "vhost"),
    (re.compile(r"worker|pool"), "worker"),
)


class _Stat(NamedTuple):
    """What is used of /proc/PID/task/TID/stat."""

    name: str
    ticks: int
    priority: int
    policy: int


def find_processes(uuids: Collection[str], root: Path = Path("/")) -> dict[str, int]:
    """The processes that run these domains; those that have none are left out."""
    wanted = {uuid.encode(): uuid for uuid in uuids}
    found: dict[str, int] = {}
    for directory in (root / "proc").iterdir():
        if not directory.name.isdigit():
            continue
        try:
            arguments = (directory / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile, or is not ours to see
        for flag, value in pairwise(arguments):
            if flag == b"-uuid" and value in wanted:
                found[wanted[value]] = int(directory.name)
    return found


def find_process(uuid: str, root: Path = Path("/")) -> int | None:
    """The process that runs the domain; None when there is none."""
    return find_processes((uuid,), root).get(uuid)


def vcpu_of(thread: str) -> int | None:
    """Which vCPU a thread of that name is; None: it is none."""
    found = _VCPU.match(thread)
    return None if found is None else int(found[1])


def threads_of(uuid: str, root: Path = Path("/")) -> Sequence[GuestThread]:
    """The threads of the process that runs the domain, in order of id; empty when there is none."""
    pid = find_process(uuid, root)
    return () if pid is None else read_threads(pid, root)


def read_threads(
    pid: int, root: Path = Path("/"), *, vcpus: Mapping[int, int] | None = None, ticks_per_s: int | None = None
) -> Sequence[GuestThread]:
    """The threads of a process. `vcpus` maps thread ids to vCPU numbers where QEMU told them."""
    per_second = ticks_per_s or os.sysconf("SC_CLK_TCK")
    found = []
    tasks = root / "proc" / str(pid) / "task"
    try:
        names = sorted(int(task.name) for task in tasks.iterdir())
    except OSError:
        return ()
    for tid in names:
        try:
            stat = _parse_stat((tasks / str(tid) / "stat").read_text("utf-8", "replace"))
            cpus = _allowed((tasks / str(tid) / "status").read_text("utf-8", "replace"))
        except OSError:
            continue  # the thread ended meanwhile
        role, vcpu = _role(tid, pid, stat.name, vcpus)
        policy = _POLICIES.get(stat.policy, "other")
        found.append(
            GuestThread(
                tid=tid,
                name=stat.name,
                role=role,
                vcpu=vcpu,
                cpus=cpus,
                policy=policy,
                priority=stat.priority if policy in {"fifo", "rr"} else 0,
                cpu_ms=stat.ticks * 1000 // per_second,
            )
        )
    return tuple(found)


def _role(tid: int, pid: int, name: str, vcpus: Mapping[int, int] | None) -> tuple[Role, int | None]:
    if vcpus is not None and tid in vcpus:
        return "vcpu", vcpus[tid]
    if tid == pid:
        return "emulator", None
    for pattern, role in _ROLES:
        if (match := pattern.match(name)) is not None:
            if role != "vcpu":
                return role, None
            if vcpus is None:
                return role, int(match[1])
    return "emulator", None


def _parse_stat(text: str) -> _Stat:
    """proc(5): the name stands in parentheses and may contain anything; the fields after it are counted from 3."""
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    return _Stat(name, int(fields[14 - 3]) + int(fields[15 - 3]), int(fields[40 - 3]), int(fields[41 - 3]))


def _allowed(text: str) -> str:
    for line in text.splitlines():
        if line.startswith("Cpus_allowed_list:"):
            return line.split(":", 1)[1].strip()
    return ""
