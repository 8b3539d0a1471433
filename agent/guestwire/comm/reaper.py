"""Lets go of the locks of peers that died. Between guests there is no robust futex: a guest that is killed leaves its number
in the owner word, and only we know that it is gone.

An owner word is changed here by a load and a store. That is safe for a dead owner: nobody else takes the word from it, and
a waiter that sets its bit in between loses the bit but not its wake-up, because every lock that is let go is signalled."""

from collections.abc import Callable, Container, Iterable
from typing import NamedTuple

from guestwire.comm.contents import WAITERS
from guestwire.comm.placement import PlacedLock
from guestwire.comm.region import Region
from guestwire.model.errors import GuestwireError
from guestwire.shm.layouts import LOCK, LOCK_EVENT

_OWNER, _DIED = LOCK.offsets["owner"], LOCK.offsets["died"]


class Reaped(NamedTuple):
    """`freed`: the locks that were let go. `wake`: the hidden events to signal, those of `freed` among them."""

    freed: tuple[str, ...]
    wake: tuple[str, ...]


class Reaper:
    """Over the locks that `locks` tells of, each with its region; those of the kind robust are the kernel's business."""

    def __init__(self, locks: Callable[[], Iterable[tuple[PlacedLock, Region]]]) -> None:
        self._locks = locks

    def release(self, peer: int) -> Reaped:
        """The peer died: each lock that it holds is free, marked as left by a dead holder. `wake` has also the locks whose
        waiters' bit is not set: the peer may have been woken and died before it took the lock, and its wake-up with it.
        Who is woken looks again, and waits again where somebody else holds the lock."""
        freed: list[str] = []
        wake: list[str] = []
        for lock, region in self._shared():
            word = region.load32(lock.offset + _OWNER)
            if 0 < peer == word & ~WAITERS:
                _let_go(lock, region)
                freed.append(lock.name)
            elif word & WAITERS:
                continue
            wake.append(LOCK_EVENT + lock.name)
        return Reaped(tuple(freed), tuple(wake))

    def owners(self) -> frozenset[int]:
        """The numbers in the owner words, whoever wrote them: after our restart, those of them that no living peer has are
        to be released."""
        words = (region.load32(lock.offset + _OWNER) & ~WAITERS for lock, region in self._shared())
        return frozenset(words) - {0}

    def break_lock(self, name: str, alive: Container[int], force: bool = False) -> Reaped:
        """Let a lock go for a person. `alive`: the numbers of the peers that live. Raises NOT-FOUND, UNSUPPORTED for a
        robust lock, LOCK-HELD when its holder lives and `force` is not given. With `force`, a holder that lets go in the
        same moment can have its follower's hold broken instead: the fencing token tells those two apart as well."""
        found = next(((lock, region) for lock, region in self._locks() if lock.name == name), None)
        if found is None:
            raise GuestwireError("NOT-FOUND", f"there is no lock {name!r}", field="name")
        lock, region = found
        if lock.kind != "shared":
            raise GuestwireError(
                "UNSUPPORTED",
                f"{name} is a lock between processes of the host: the kernel lets it go when its holder ends",
            )
        owner = region.load32(lock.offset + _OWNER) & ~WAITERS
        if owner == 0:
            return Reaped((), (LOCK_EVENT + name,))
        if owner in alive and not force:
            raise GuestwireError("LOCK-HELD", field="name", detail={"lock": name, "peer": owner})
        _let_go(lock, region)
        return Reaped((name,), (LOCK_EVENT + name,))

    def _shared(self) -> Iterable[tuple[PlacedLock, Region]]:
        return ((lock, region) for lock, region in self._locks() if lock.kind == "shared")


def _let_go(lock: PlacedLock, region: Region) -> None:
    """`died` first: who takes the lock then finds it."""
    region.store32(lock.offset + _DIED, 1)
    region.store32(lock.offset + _OWNER, 0)
