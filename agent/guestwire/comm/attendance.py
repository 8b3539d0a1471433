"""Who comes and goes, and what follows for others: who rings a guest directly learns its id, and locks are let go when
nobody is left who may hold them."""

from collections.abc import Callable

from guestwire.comm.conversation import HOST
from guestwire.comm.conversations import Conversations
from guestwire.comm.directories import Directories
from guestwire.comm.holdings import Holdings
from guestwire.comm.stranded import Stranded
from guestwire.comm.telling import Telling
from guestwire.protocol.steps import Now


class Attendance:
    """Hears of QEMUs from the doorbells (`attached_as`) and of those of an instance before from `stranded`."""

    def __init__(
        self, holdings: Holdings, talks: Conversations, stranded: Stranded, directories: Directories, telling: Telling,
        clock: Callable[[], Now],
    ) -> None:  # fmt: skip
        self._holdings = holdings
        self._talks = talks
        self._stranded = stranded
        self._directories = directories
        self._telling = telling
        self._clock = clock
        stranded.gone = self._stranded_gone

    @property
    def guests(self) -> tuple[str, ...]:
        """Guests that are attached by their doorbell, or as a process; with those of an instance before."""
        now = {talk.way.party for talk in self._talks.all if talk.way.party != HOST and talk.way.kind != "serial"}
        return tuple(sorted(now | set(self._stranded.names)))

    def attached_as(self, uuid: str, peer: int | None) -> None:
        """A guest's QEMU came under that ivshmem id (or is rung under it from now on), or went."""
        name = next((name for name, known in self._holdings.held.uuids.items() if known == uuid), None)
        if name is None:
            return
        if peer is None:
            self._holdings.ids.pop(name, None)
        else:
            self._holdings.ids[name] = peer
            self._stranded.guest_came(name)
        if self._holdings.serving:
            self._directories.write_of(name)

    def free_orphans(self) -> None:
        """Locks whose holder talked to an instance before: free, once nobody is left who did."""
        if self._stranded.left:
            return
        for number in self._holdings.reaper.owners() - self._numbers():
            reaped = self._holdings.release_locks(number)
            for lock in reaped.freed:
                self._telling.reaped("", lock)
            self._wake(reaped.wake)

    def break_lock(self, name: str, *, force: bool) -> None:
        """Raises NOT-FOUND, UNSUPPORTED, LOCK-HELD: also while somebody of an instance before may hold it."""
        live = self._numbers() | (self._holdings.reaper.owners() if self._stranded.left else frozenset())
        self._wake(self._holdings.reaper.break_lock(name, live, force=force).wake)

    def _stranded_gone(self) -> None:
        """One that was left from an instance before ended, or came back."""
        if self._holdings.serving:
            self._directories.write()
            self.free_orphans()

    def _numbers(self) -> frozenset[int]:
        return frozenset(talk.number for talk in self._talks.all)

    def _wake(self, events: tuple[str, ...]) -> None:
        for event in events:
            self._talks.signal(event, self._clock())
