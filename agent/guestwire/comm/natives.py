"""The eventfds of native events: between processes of the host the kernel keeps the state, and nobody is in between.

A counter above zero is set; an auto event is taken by reading it, a manual one only looked at (eventfd(2)). The eventfds
block, so that a process waits by one read and nothing else; guestwire-comm itself must never sleep in one: `signal` and
`take` are for that.
"""

import os
import select
import threading
from collections.abc import Mapping
from contextlib import suppress

from guestwire.comm.directs import DirectPlace
from guestwire.comm.region import no_room

ADDED_S = 0.05
"""How long to wait for a write that sleeps: a counter that is full is set."""


def signal(fd: int) -> None:
    """Sets it. One that is set stays so: writing to it could sleep, where another process has filled its counter."""
    if not _readable(fd):
        add(fd)


def add(fd: int) -> None:
    """Writes to it, and does not sleep when another process fills its counter at that moment: there is no write to an eventfd
    of others that cannot sleep (its flags are theirs too), so a thread does it, and sleeps until they read."""
    own = os.dup(fd)
    writing = threading.Thread(target=_write, args=(own,), daemon=True)
    writing.start()
    writing.join(ADDED_S)


def _write(own: int) -> None:
    try:
        os.eventfd_write(own, 1)
    finally:
        os.close(own)


def take(fd: int) -> bool:
    """Unsets it, without sleeping: whether it was set, and nobody was faster. Raises OSError (EOPNOTSUPP) before Linux 5.8."""
    try:
        os.preadv(fd, [bytearray(8)], -1, os.RWF_NOWAIT)  # -1: it has no position
    except BlockingIOError:
        return False
    return True


def _readable(fd: int) -> bool:
    looked = select.poll()  # select(2) takes no descriptor above 1023
    looked.register(fd, select.POLLIN)
    return bool(looked.poll(0))


class NativeEvents:
    """One eventfd for each native event, as long as it is declared. Owns them."""

    def __init__(self) -> None:
        self._fds: dict[str, tuple[bool, int]] = {}

    def find(self, event: str) -> int | None:
        """Its eventfd; it stays ours."""
        found = self._fds.get(event)
        return None if found is None else found[1]

    def is_set(self, event: str) -> bool:
        """Whether it is set now; it stays as it is."""
        fd = self.find(event)
        return fd is not None and _readable(fd)

    def prepare(self, places: Mapping[str, DirectPlace]) -> Mapping[str, tuple[bool, int]]:
        """Eventfds for those that are new, for `take`. Raises REGION-FULL when there are no files left."""
        made: dict[str, tuple[bool, int]] = {}
        try:
            for name, place in places.items():
                if place.vector == 0 and self._fds.get(name, (None, -1))[0] != place.manual:
                    with no_room(name):
                        fd = os.eventfd(int(place.initial), os.EFD_CLOEXEC)
                    made[name] = (place.manual, fd)
        except BaseException:
            self.drop(made)
            raise
        return made

    def take(self, places: Mapping[str, DirectPlace], made: Mapping[str, tuple[bool, int]]) -> None:
        """From now on these: the new ones, and those that stay."""
        for name in list(self._fds):
            if name in made or name not in places or places[name].vector:
                os.close(self._fds.pop(name)[1])
        self._fds.update(made)

    def drop(self, made: Mapping[str, tuple[bool, int]]) -> None:
        for _, fd in made.values():
            with suppress(OSError):
                os.close(fd)

    def close(self) -> None:
        self.drop(self._fds)
        self._fds.clear()
