"""The service manager's store of file descriptors (sd_notify(3), sd_listen_fds(3)): it keeps the regions' memory while we
restart. The unit needs FileDescriptorStoreMax=."""

import fcntl
import os
import re
import socket
import time
from collections.abc import Mapping

AGAIN_S = 10.0
"""After which a manager that did not read is waited for again."""
FIRST_FD = 3
"""SD_LISTEN_FDS_START."""
_COUNT = re.compile(r"[0-9]{1,5}")
_WORD = re.compile(r"[\x20-\x39\x3b-\x7e]{1,255}")
"""What systemd takes as FDNAME: printable ASCII without a colon."""


class FdStore:
    """Asks the manager behind NOTIFY_SOCKET to keep fds; a `Keeper` of regions. Without an address nothing is kept."""

    def __init__(self, address: str | None, *, timeout_s: float = 0.25) -> None:
        """`address` as in NOTIFY_SOCKET: a path, or a name that begins with @. `timeout_s`: how long a manager that does
        not read is waited for, in all of AGAIN_S: whoever asks waits too, once for each region."""
        known = address is not None and address.startswith(("/", "@"))
        self._address = ("\0" + address[1:] if address.startswith("@") else address) if known and address else None
        self._timeout_s = timeout_s
        self._kept: set[str] = set()
        self._waited_since = 0.0
        self._waited_s = 0.0

    @property
    def kept(self) -> frozenset[str]:
        """What the manager was told to keep. It does not answer: whether it had room shows at the next start."""
        return frozenset(self._kept)

    def keep(self, word: str, fd: int) -> bool:
        """Keep a duplicate of `fd` under `word`, which another keep of the same memory does not double. False: the manager
        could not be told. Raises ValueError for a word that is none."""
        self._check(word)
        told = self._tell(f"FDSTORE=1\nFDNAME={word}", fd)
        if told:
            self._kept.add(word)
        return told

    def drop(self, word: str) -> None:
        """Keep it no longer. A manager that cannot be told keeps memory that nobody wants until the next start, where the
        store has no row for it."""
        self._check(word)
        self._tell(f"FDSTOREREMOVE=1\nFDNAME={word}")
        self._kept.discard(word)

    def _tell(self, state: str, *fds: int) -> bool:
        if self._address is None:
            return False
        began = time.monotonic()
        if began - self._waited_since > AGAIN_S:
            self._waited_since, self._waited_s = began, 0.0
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.settimeout(max(0.0, self._timeout_s - self._waited_s))
                out.connect(self._address)
                socket.send_fds(out, [state.encode()], list(fds))
        except OSError:
            return False
        finally:
            self._waited_s += time.monotonic() - began
        return True

    @staticmethod
    def _check(word: str) -> None:
        if not _WORD.fullmatch(word):
            raise ValueError(f"{word!r} is no name for the manager's store")


def adopt_fds(environment: Mapping[str, str], pid: int, first: int = FIRST_FD) -> dict[str, int]:
    """What the manager handed over at our start (LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, as config hands them over): fds by
    the words they were kept under; of two with one word the first, the other is closed. All are closed on exec from then
    on. Nothing, where the numbers make no sense or are meant for another process. Call it once, before fds are opened."""
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID", "") != str(pid) or not _COUNT.fullmatch(count):
        return {}
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, int] = {}
    for n in range(int(count)):
        fd = first + n
        try:
            fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        except OSError:
            continue
        word = names[n] if n < len(names) else ""
        if word in found:
            os.close(fd)
        else:
            found[word] = fd
    return found
