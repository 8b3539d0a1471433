"""The ivshmem server: one socket per guest, so that the path says who connects, and which guests may ring which others
themselves (direct events). ivshmem spec, "The ivshmem server"; ours tells a client of those peers only that it may ring."""

import asyncio
import itertools
import os
import socket
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from guestwire.comm.control_region import ControlRegion
from guestwire.comm.doorbell import VECTORS, Doorbell
from guestwire.comm.peer_ids import PeerIds
from guestwire.comm.ways import Intake
from guestwire.model.errors import GuestwireError

ACCEPT_AGAIN_S = 0.5
SETTLED_S = 0.5
"""After which a waiter is rung once, so that it looks: a signal may have come while its signaller's QEMU did not know it."""
DIRECT_VECTORS = frozenset(range(1, VECTORS))

Pair = tuple[str, str]
"""Who signals and who waits: uuids."""


@dataclass(frozen=True, slots=True)
class _Announced:
    """What a signaller's QEMU knows of a waiter."""

    peer: int
    vectors: frozenset[int]


@dataclass(slots=True)
class _Live:
    """A connection. `rung_as`: the id under which others are told of it; at first its own, another one when what they may
    ring changed (an id is announced to a QEMU once and never again)."""

    number: int
    doorbell: Doorbell
    rung_as: int
    announced: dict[str, _Announced] = field(default_factory=dict)


@dataclass(slots=True)
class _Served:
    party: str
    path: Path
    listener: socket.socket
    later: asyncio.TimerHandle | None = None


class Doorbells:
    """Serves guests while `async with` lasts.

    `on_ids(uuid, id)`: signallers of this guest ring it under that id from now on, None: not at all.
    `on_refused(uuid, error)`: a QEMU was turned away (PEERS-EXHAUSTED, or an OSError: no file or memory left), and its start
    fails; or a guest's direct events changed and there is no new id for it: those that changed ring it after its restart.
    `generation` gives a new number for every region.
    """

    def __init__(
        self,
        intake: Intake,
        ids: PeerIds,
        *,
        instance: int,
        generation: Callable[[], int],
        on_ids: Callable[[str, int | None], None],
        on_refused: Callable[[str, Exception], None],
        mode: int = 0o660,
        group: int = -1,
        greeting_s: float = 30.0,
    ) -> None:
        """`mode` and `group` of the sockets: QEMU's user must be able to connect."""
        self._loop = asyncio.get_running_loop()
        self._intake = intake
        self._ids = ids
        self._instance = instance
        self._generation = generation
        self._on_ids = on_ids
        self._on_refused = on_refused
        self._mode = mode
        self._group = group
        self._greeting_s = greeting_s
        self._numbers = itertools.count(1)
        self._served: dict[str, _Served] = {}
        self._live: dict[str, _Live] = {}
        self._direct: Mapping[Pair, frozenset[int]] = {}
        self._dummy = -1

    async def __aenter__(self) -> "Doorbells":
        self._dummy = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return self

    async def __aexit__(self, *_: object) -> None:
        for uuid in tuple(self._served):
            self.unserve(uuid)
        os.close(self._dummy)

    def serve(self, uuid: str, party: str, path: Path) -> None:
        """Listens for this guest's QEMU. Again with the same path: only the party may change, for the next connection.
        Raises OSError."""
        served = self._served.get(uuid)
        if served is not None and served.path == path:
            served.party = party
            return
        self.unserve(uuid)
        self._served[uuid] = _Served(party, path, _listen(path, self._mode, self._group))
        self._accept(uuid)

    def unserve(self, uuid: str) -> None:
        """Ends that, and the connection that stands: its QEMU cannot come back before it starts anew."""
        served = self._served.pop(uuid, None)
        if served is None:
            return
        self._loop.remove_reader(served.listener.fileno())
        if served.later is not None:
            served.later.cancel()
        served.listener.close()
        with suppress(FileNotFoundError):
            served.path.unlink()
        self._drop(uuid)

    def set_instance(self, instance: int) -> None:
        """Another instance of the services answers from now on, to those who are attached too; 0: none does."""
        self._instance = instance
        for live in self._live.values():
            live.doorbell.set_instance(instance)

    def renew(self, uuid: str) -> None:
        """This guest was reset: whatever it wrote over its control region, its next library finds a sound one. A library that
        works on all the same finds another instance there: it is not served until it attaches again."""
        live = self._live.get(uuid)
        if live is not None:
            live.doorbell.renew(self._generation() if self._instance else 0)

    @property
    def served(self) -> frozenset[str]:
        """The guests that are served, by uuid."""
        return frozenset(self._served)

    def attached(self, uuid: str) -> Doorbell | None:
        """The connection of this guest's QEMU."""
        live = self._live.get(uuid)
        return None if live is None else live.doorbell

    def set_direct(self, pairs: Mapping[Pair, frozenset[int]]) -> None:
        """Who may ring whom at which vectors (1 and above), from now on and as QEMUs come and go. Where that changes what
        a running QEMU was told of a guest, this guest gets a new id."""
        if wrong := [pair for pair, vectors in pairs.items() if not vectors <= DIRECT_VECTORS or pair[0] == pair[1]]:
            raise ValueError(f"no direct events: {wrong}")
        fresh: dict[str, int] = {}
        for uuid in sorted(self._outdated(pairs)):
            live = self._live[uuid]
            try:
                live.rung_as = fresh[uuid] = self._ids.take(live.number)
            except GuestwireError as err:
                self._on_refused(uuid, err)
        changed = sorted({*self._direct, *pairs})
        self._direct = dict(pairs)
        for signaller, waiter in changed:
            self._agree(signaller, waiter)
        for uuid, peer in fresh.items():
            self._on_ids(uuid, peer)

    def _outdated(self, pairs: Mapping[Pair, frozenset[int]]) -> set[str]:
        """Waiters of whom a signaller's QEMU knows other vectors under their id, or knew some before."""
        outdated = set()
        for (signaller, waiter), vectors in pairs.items():
            teller, target = self._live.get(signaller), self._live.get(waiter)
            if not vectors or teller is None or target is None:
                continue
            known = teller.announced.get(waiter) == _Announced(target.rung_as, vectors)
            if not known and self._ids.has_seen(teller.number, target.rung_as):
                outdated.add(waiter)
        return outdated

    def _agree(self, signaller: str, waiter: str) -> None:
        """Makes what the signaller's QEMU knows of the waiter what it should know."""
        teller, target = self._live.get(signaller), self._live.get(waiter)
        if teller is None:
            return
        known = teller.announced.pop(waiter, None)
        wanted = None
        if target is not None and (vectors := self._direct.get((signaller, waiter))):
            wanted = _Announced(target.rung_as, vectors)
            if wanted != known and self._ids.has_seen(teller.number, wanted.peer):
                wanted = None  # there was no new id
        if wanted is not None and target is not None:
            teller.announced[waiter] = wanted
            if wanted != known:  # the new id before the old one leaves: there is no moment without one
                self._announce(teller, target, wanted)
        if known is not None and known != wanted:
            teller.doorbell.tell_left(known.peer)

    def _announce(self, teller: _Live, target: _Live, announced: _Announced) -> None:
        real = target.doorbell.vectors
        eventfds = [real[n] if n in announced.vectors else self._dummy for n in range(VECTORS)]
        teller.doorbell.tell_vectors(announced.peer, eventfds)
        self._ids.seen(teller.number, announced.peer)
        target.doorbell.ring_later(announced.vectors, SETTLED_S)

    def _accept(self, uuid: str) -> None:
        served = self._served[uuid]
        served.later = None
        self._loop.add_reader(served.listener.fileno(), self._connected, uuid)

    def _connected(self, uuid: str) -> None:
        served = self._served[uuid]
        try:
            sock, _ = served.listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError as err:  # out of files: it waits, and nobody spins until then
            self._loop.remove_reader(served.listener.fileno())
            served.later = self._loop.call_later(ACCEPT_AGAIN_S, self._accept, uuid)
            self._on_refused(uuid, err)
            return
        self._drop(uuid)  # QEMU starts anew before the end of the old one was read
        if self._served.get(uuid) is not served:  # whoever heard that it left ended the service
            sock.close()
            return
        number = next(self._numbers)
        try:
            peer = self._ids.take(number)
            region = partial(ControlRegion, served.party, self._instance, self._generation())
            doorbell = Doorbell(sock, served.party, peer, region, self._intake, partial(self._gone, uuid))
        except (OSError, GuestwireError) as err:
            sock.close()
            self._ids.gone(number)
            self._on_refused(uuid, err)
            return
        self._live[uuid] = _Live(number, doorbell, peer)
        doorbell.start(self._dummy, self._greeting_s)
        if doorbell.closed:
            return
        for signaller, waiter in self._direct:
            if uuid in (signaller, waiter):
                self._agree(signaller, waiter)
        self._on_ids(uuid, peer)

    def _drop(self, uuid: str) -> None:
        if uuid in self._live:
            self._live[uuid].doorbell.close()

    def _gone(self, uuid: str, _: Doorbell) -> None:
        """Before its eventfds are closed: nobody may be sent one of them any more."""
        live = self._live.pop(uuid)
        for signaller, waiter in self._direct:
            if waiter == uuid:
                self._agree(signaller, waiter)
        self._ids.gone(live.number)
        self._on_ids(uuid, None)


def _listen(path: Path, mode: int, group: int) -> socket.socket:
    """Nobody can connect before `listen`, so nobody meets it with the wrong mode."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()  # of one that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        listener.bind(str(path))
        path.chmod(mode)
        os.chown(path, -1, group)
        listener.listen(8)
    except BaseException:
        listener.close()
        raise
    return listener
