"""How a process has a file in its memory, as /proc shows it. The agent need not be allowed to look there; guestwire-comm is,
to find regions again."""

import os
from pathlib import Path

from guestwire.protocol.comm_models import Mapped

PROC = Path("/proc")
_PTRACE = 19
"""CAP_SYS_PTRACE of capability.h."""


def mapped(pid: int, device: int, inode: int, proc: Path = PROC) -> Mapped | None:
    """How the process has the file of that stat(2) mapped, by proc(5); one that it has twice, the worse way. None when it has
    not, when there is no process, or when it is not ours to look into. Reads and blocks."""
    wanted = f"{os.major(device):02x}:{os.minor(device):02x}", str(inode)
    found: Mapped | None = None
    try:
        with (proc / str(pid) / "maps").open(encoding="utf-8", errors="replace") as maps:
            for line in maps:
                _, permissions, _, where, number, *_ = line.split(None, 5)
                if (where, number) != wanted:
                    continue
                if "w" in permissions:
                    return "writable"
                found = "read-only"
    except OSError:
        return None
    return found


def sees_others_memory(proc: Path = PROC) -> bool:
    """Whether this process may look into those of other users, so that `mapped` has an answer."""
    try:
        status = (proc / "self/status").read_text("utf-8", "replace")
    except OSError:
        return False
    capabilities = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(capabilities, 16) >> _PTRACE & 1)
