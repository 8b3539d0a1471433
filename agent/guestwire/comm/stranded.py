"""Who was attached to an instance of guestwire-comm that is gone. QEMU's doorbell does not connect again, so its guests are named
until their QEMU ends; processes of the host may hold locks until they end, or come back. The end of a process is watched by a
file for it (pidfd_open(2)), not guessed."""

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from guestwire.comm.state_file import AttachedPeer, process_started


class Stranded:
    """`async with` it. `gone` is called after each that ended or came back."""

    def __init__(self, before: Iterable[AttachedPeer]) -> None:
        self._before = tuple(before)
        self._peers: dict[int, AttachedPeer] = {}
        self._files: dict[int, int] = {}
        self.gone: Callable[[], None] = _nobody

    async def __aenter__(self) -> "Stranded":
        for peer in self._before:
            self._watch(peer)
        return self

    async def __aexit__(self, *_: object) -> None:
        for pid in list(self._files):
            self._forget(pid)

    @property
    def left(self) -> tuple[AttachedPeer, ...]:
        """All that live still."""
        return tuple(self._peers.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The guests among them."""
        return tuple(sorted({peer.name for peer in self._peers.values() if peer.name}))

    def guest_came(self, name: str) -> None:
        """A guest is attached to us: its QEMU is another one, and the one before has ended or is about to."""
        self._came([pid for pid, peer in self._peers.items() if peer.name == name])

    def process_came(self, pid: int | None) -> None:
        """A process of the host talks to us: what it held before it knows to be gone."""
        self._came([known for known, peer in self._peers.items() if known == pid and not peer.name])

    def _came(self, pids: Iterable[int]) -> None:
        for pid in pids:
            self._ended(pid)

    def _watch(self, peer: AttachedPeer) -> None:
        if peer.pid in self._files:
            return
        try:
            file = os.pidfd_open(peer.pid)
        except OSError:
            return  # it ended while we were away
        if process_started(peer.pid) != peer.started:
            os.close(file)
            return
        self._peers[peer.pid] = peer
        self._files[peer.pid] = file
        asyncio.get_running_loop().add_reader(file, self._ended, peer.pid)

    def _ended(self, pid: int) -> None:
        self._forget(pid)
        self.gone()

    def _forget(self, pid: int) -> None:
        self._peers.pop(pid, None)
        file = self._files.pop(pid, None)
        if file is not None:
            asyncio.get_running_loop().remove_reader(file)
            with suppress(OSError):
                os.close(file)


def _nobody() -> None:
    """Nobody listens yet."""
