"""Guests that are attached to an instance of guestwire-comm that is gone. QEMU's doorbell does not connect again, so they
are named until their QEMU ends: that is watched by a file for its process (pidfd_open(2)), not guessed."""

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from guestwire.comm.state_file import AttachedGuest, process_started


class StrandedGuests:
    """`async with` it. `gone` is called with the name of each whose QEMU ended."""

    def __init__(self, before: Iterable[AttachedGuest]) -> None:
        self._before = tuple(before)
        self._guests: dict[str, AttachedGuest] = {}
        self._files: dict[str, int] = {}
        self.gone: Callable[[str], None] = _nobody

    async def __aenter__(self) -> "StrandedGuests":
        for guest in self._before:
            self._watch(guest)
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in list(self._files):
            self._forget(name)

    @property
    def guests(self) -> tuple[AttachedGuest, ...]:
        return tuple(self._guests.values())

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._guests)

    def came_back(self, name: str) -> None:
        """It is attached to us now: its QEMU is another one."""
        self._forget(name)

    def remembered(self, attached: Iterable[tuple[str, str, int]]) -> tuple[AttachedGuest, ...]:
        """What to know after our restart: who is attached (name, uuid, pid of QEMU), and who is left from before."""
        found = dict(self._guests)
        for name, uuid, pid in attached:
            started = process_started(pid)
            if started is not None:
                found[name] = AttachedGuest(name=name, uuid=uuid, pid=pid, started=started)
        return tuple(found.values())

    def _watch(self, guest: AttachedGuest) -> None:
        try:
            file = os.pidfd_open(guest.pid)
        except OSError:
            return  # it ended while we were away
        if process_started(guest.pid) != guest.started:
            os.close(file)
            return
        self._guests[guest.name] = guest
        self._files[guest.name] = file
        asyncio.get_running_loop().add_reader(file, self._ended, guest.name)

    def _ended(self, name: str) -> None:
        self._forget(name)
        self.gone(name)

    def _forget(self, name: str) -> None:
        self._guests.pop(name, None)
        file = self._files.pop(name, None)
        if file is not None:
            asyncio.get_running_loop().remove_reader(file)
            with suppress(OSError):
                os.close(file)


def _nobody(_name: str) -> None:
    """Nobody listens yet."""
