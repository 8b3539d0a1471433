"""What lives in a simulated guest: attached to guestwire-comm as that guest, it says ready and nothing more.

python -m guestwire.guest.simulated --attach PATH --guest NAME

It stays until SIGTERM, or until its standard input ends where that is a pipe, and attaches again when guestwire-comm comes
back. It speaks the layouts itself: a simulated host needs no compiler.
"""

import argparse
import mmap
import os
import select
import signal
import socket
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from guestwire.shm.layouts import DIRECTORY, NUMBERS, REGION, REPLY, REQUEST, VERSION

AGAIN_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Waits before it attaches again; the last one repeats."""
LOOK_S = 1.0
"""How often it looks whether guestwire-comm still serves it."""
ANSWER_S = 10.0
_ALIVE, _INSTANCE = DIRECTORY.offsets["alive"], DIRECTORY.offsets["instance"]


class Refused(Exception):
    """guestwire-comm does not take this guest now."""


class Attached:
    """A socket whose HELLO was answered."""

    def __init__(self, path: str, guest: str) -> None:
        """Raises OSError, Refused."""
        self._seq = 0
        self._directory: mmap.mmap | None = None
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self.sock.settimeout(ANSWER_S)
            self.sock.connect(path)
            self._ask("HELLO", value=VERSION, text=guest)
            files = self._ask("DIRECTORY")
            try:
                self._directory = mmap.mmap(files[0], 0, prot=mmap.PROT_READ)
            finally:
                for file in files:
                    os.close(file)
            self._instance = self._bytes(_INSTANCE, 8)
            self._ask("READY")
        except BaseException:
            self.close()
            raise

    def _ask(self, op: str, **fields: Any) -> list[int]:
        """The files that came with the answer."""
        self._seq += 1
        self.sock.send(REQUEST.pack(seq=self._seq, op=NUMBERS[f"GW_OP_{op}"], **fields))
        data, files, _, _ = socket.recv_fds(self.sock, REPLY.size, 1)
        if len(data) != REPLY.size or (code := int(REPLY.unpack(data)["code"])) or (op == "DIRECTORY" and not files):
            for file in files:
                os.close(file)
            raise Refused(f"{op}: {'the connection ended' if len(data) != REPLY.size else code}")
        return files

    def _bytes(self, offset: int, count: int) -> bytes:
        assert self._directory is not None
        return self._directory[REGION.size + offset : REGION.size + offset + count]

    @property
    def served(self) -> bool:
        """Whether the instance that answered HELLO still serves."""
        return self._bytes(_ALIVE, 4) != bytes(4) and self._bytes(_INSTANCE, 8) == self._instance

    def close(self) -> None:
        if self._directory is not None:
            self._directory.close()
        self.sock.close()


@contextmanager
def attached(path: str, guest: str) -> Iterator[Attached]:
    one = Attached(path, guest)
    try:
        yield one
    finally:
        one.close()


def _ends_with_input() -> bool:
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _pause(seconds: float, reads: Sequence[Any], *, ends: bool) -> bool:
    """Until something can be read, or the time passed; True: standard input ended."""
    readable, _, _ = select.select([*reads, *([0] if ends else [])], [], [], seconds)
    return 0 in readable and not os.read(0, 4096)


def live(path: str, guest: str, *, ends: bool) -> None:
    """Until standard input ends, where it `ends`; else for ever."""
    tries = 0
    while True:
        try:
            with attached(path, guest) as one:
                tries = 0
                while one.served:
                    if _pause(LOOK_S, [one.sock], ends=ends):
                        return
                    if select.select([one.sock], [], [], 0)[0] and not one.sock.recv(REPLY.size):
                        break
        except (OSError, Refused):
            pass  # not there, not yet, or gone again: it may come
        if _pause(AGAIN_S[min(tries, len(AGAIN_S) - 1)], [], ends=ends):
            return
        tries += 1


def main(argv: Sequence[str] | None = None) -> int:
    """0: it ended as asked."""
    parser = argparse.ArgumentParser(prog="guestwire.guest.simulated", description="What lives in a simulated guest.")
    parser.add_argument("--attach", required=True, metavar="PATH", help="the attach socket of guestwire-comm")
    parser.add_argument("--guest", required=True, metavar="NAME", help="the guest to be")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        live(arguments.attach, arguments.guest, ends=_ends_with_input())
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
