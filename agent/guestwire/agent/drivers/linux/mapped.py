"""How the process of a guest has a file in its memory, as /proc shows it."""

import os
from pathlib import Path
from typing import Literal

from guestwire.agent.drivers.linux.threads import find_process

_PTRACE = 19
"""CAP_SYS_PTRACE of capability.h."""


def mapped(uuid: str, file: int, root: Path = Path("/")) -> Literal["read-only", "writable"] | None:
    """How the process that runs the domain has the file of a descriptor mapped, by proc(5); one that it has twice, the worse
    way. None when it has not, when there is no process, or when it is not ours to look into."""
    pid = find_process(uuid, root)
    if pid is None:
        return None
    stat = os.fstat(file)
    wanted = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}", str(stat.st_ino)
    found: Literal["read-only"] | None = None
    try:
        with (root / "proc" / str(pid) / "maps").open(encoding="utf-8", errors="replace") as maps:
            for line in maps:
                _, permissions, _, device, inode, *_ = line.split(None, 5)
                if (device, inode) != wanted:
                    continue
                if "w" in permissions:
                    return "writable"
                found = "read-only"
    except OSError:
        return None
    return found


def sees_others_memory(root: Path = Path("/")) -> bool:
    """Whether this process may look into those of other users, so that `mapped` has an answer."""
    try:
        status = (root / "proc/self/status").read_text("utf-8", "replace")
    except OSError:
        return False
    capabilities = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(capabilities, 16) >> _PTRACE & 1)
