"""Which ivshmem peer id is free. Pure.

A QEMU remembers every id that it was told, and QEMU 7.2 dies some time after one of them was given to another peer. So ids
count up, and one is taken again only when no connection that lives has ever seen it.
"""

from collections import Counter

from guestwire.comm.ivshmem_wire import MAX_PEER
from guestwire.model.errors import GuestwireError
from guestwire.shm.layouts import NUMBERS

FIRST = NUMBERS["GW_SERVER_PEER"] + 1
"""0 says "not there" in gw_direct_row, and guestwire-comm has one for itself."""


class PeerIds:
    """Ids FIRST to `last`. A connection is any number that is not used again while it lives."""

    def __init__(self, last: int = MAX_PEER) -> None:
        self._last = last
        self._next = FIRST
        self._seen: dict[int, set[int]] = {}
        self._holders: Counter[int] = Counter()

    def take(self, connection: int) -> int:
        """An id that no living connection has seen; from now on this one has. Raises PEERS-EXHAUSTED."""
        for _ in range(self._last - FIRST + 1 if len(self._holders) <= self._last - FIRST else 0):
            peer, self._next = self._next, self._next + 1 if self._next < self._last else FIRST
            if peer not in self._holders:
                self.seen(connection, peer)
                return peer
        raise GuestwireError("PEERS-EXHAUSTED")

    def seen(self, connection: int, peer: int) -> None:
        """The connection was told this id: its own, or another peer's."""
        told = self._seen.setdefault(connection, set())
        if peer not in told:
            told.add(peer)
            self._holders[peer] += 1

    def has_seen(self, connection: int, peer: int) -> bool:
        return peer in self._seen.get(connection, ())

    def gone(self, connection: int) -> None:
        """The connection ended, and with it what its other end knew."""
        for peer in self._seen.pop(connection, ()):
            self._holders[peer] -= 1
            if not self._holders[peer]:
                del self._holders[peer]
