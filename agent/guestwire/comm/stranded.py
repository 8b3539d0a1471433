"""Who was attached to an instance of guestwire-comm that is gone. QEMU's doorbell does not connect again, so its guests are
named until their QEMU ends; processes of the host may hold locks until they end, or come back. The end of a process is
watched by a file for it (pidfd_open(2)), not guessed."""

import asyncio
import os
import select
from collections.abc import Callable, Iterable
from contextlib import suppress

from guestwire.comm.state_file import AttachedPeer, process_started

AGAIN_S = 1.0
"""After which a process is looked at again for which there was no file (EMFILE)."""


class Stranded:
    """`async with` it. `gone` is called after each that ended or came back."""

    def __init__(self, before: Iterable[AttachedPeer], *, again_s: float = AGAIN_S) -> None:
        self._before = tuple(before)
        self._again_s = again_s
        self._peers: dict[int, AttachedPeer] = {}
        self._files: dict[int, int] = {}
        self._later: dict[int, asyncio.TimerHandle] = {}
        self.gone: Callable[[], None] = _nobody

    async def __aenter__(self) -> "Stranded":
        for peer in self._before:
            if peer.pid not in self._peers and self._watched(peer):
                self._peers[peer.pid] = peer
        return self

    async def __aexit__(self, *_: object) -> None:
        for pid in list(self._peers):
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

    def _watched(self, peer: AttachedPeer) -> bool:
        """False: it has ended. Of whom that cannot be said now, it is asked again."""
        loop = asyncio.get_running_loop()
        try:
            file = os.pidfd_open(peer.pid)
        except ProcessLookupError:
            return False
        except OSError:
            self._later[peer.pid] = loop.call_later(self._again_s, self._look_again, peer)
            return True
        started = process_started(peer.pid)
        if started == peer.started:
            self._files[peer.pid] = file
            loop.add_reader(file, self._ended, peer.pid)
            return True
        unknown = started is None and not _has_ended(file)
        os.close(file)
        if unknown:
            self._later[peer.pid] = loop.call_later(self._again_s, self._look_again, peer)
        return unknown

    def _look_again(self, peer: AttachedPeer) -> None:
        if not self._watched(peer):
            self._ended(peer.pid)

    def _ended(self, pid: int) -> None:
        self._forget(pid)
        self.gone()

    def _forget(self, pid: int) -> None:
        self._peers.pop(pid, None)
        if (timer := self._later.pop(pid, None)) is not None:
            timer.cancel()
        file = self._files.pop(pid, None)
        if file is not None:
            asyncio.get_running_loop().remove_reader(file)
            with suppress(OSError):
                os.close(file)


def _has_ended(file: int) -> bool:
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(0))


def _nobody() -> None:
    """Nobody listens yet."""
