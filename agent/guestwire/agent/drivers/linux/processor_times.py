"""/proc/stat: what the CPUs did since the boot (proc(5)). Pure: bytes in, values out."""

from collections.abc import Mapping
from dataclasses import dataclass

from guestwire.model.usage import CpuTimes

MODES = ("user", "nice", "system", "guest", "irq", "softirq", "steal", "iowait", "idle")
_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")


@dataclass(frozen=True, slots=True)
class Stat:
    """`modes`: ticks of all CPUs; what they ran guests for is told once, not within user and nice too."""

    modes: Mapping[str, int]
    cpus: tuple[tuple[int, int, int], ...]
    """Number, busy ticks, ticks for guests."""
    boot_s: int
    context_switches: int
    forks: int
    running: int
    blocked: int


def parse_stat(text: bytes) -> Stat:
    """Raises ValueError for what is no such file."""
    modes: Mapping[str, int] = {}
    cpus: list[tuple[int, int, int]] = []
    rest: dict[bytes, int] = {}
    for line in text.splitlines():
        if line.startswith((b"intr", b"softirq")):
            continue  # long, and not for us
        name, *fields = line.split()
        if name == b"cpu":
            modes = _modes([int(field) for field in fields])
        elif name.startswith(b"cpu"):
            ticks = [int(field) for field in fields[:10]]
            guest = sum(ticks[8:10])
            cpus.append((int(name[3:]), sum(ticks[:8]) - ticks[3] - ticks[4], guest))
        else:
            rest[name] = int(fields[0])
    try:
        return Stat(
            modes, tuple(cpus), rest[b"btime"], rest[b"ctxt"], rest[b"processes"], rest[b"procs_running"],
            rest[b"procs_blocked"],
        )  # fmt: skip
    except KeyError as err:
        raise ValueError(f"/proc/stat has no {err}") from err


def cpu_times(stat: Stat, per_second: int) -> tuple[CpuTimes, ...]:
    """In seconds; `per_second`: ticks of a second."""
    return tuple(CpuTimes(cpu, busy / per_second, guest / per_second) for cpu, busy, guest in stat.cpus)


def _modes(ticks: list[int]) -> Mapping[str, int]:
    found = dict(zip(_FIELDS, ticks + [0] * (len(_FIELDS) - len(ticks)), strict=False))
    found["user"] -= found["guest"]
    found["nice"] -= found["guest_nice"]
    found["guest"] += found.pop("guest_nice")
    return {mode: found[mode] for mode in MODES}
