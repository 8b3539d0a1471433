"""Where everything goes that the host says without being asked: presence, capabilities, reported, notices, telemetry.

To the broker while there is one, to every socket that watches. What is retained is kept here and said again after each
reconnect, and when the broker did not take it. Notices are numbered and kept by the spool, from where controllers that
missed them are given them; each is said once here, whether a controller is there or not: it waits in a bounded queue, in
order, until the broker has confirmed it. When that is full the oldest are left to the spool.
"""

import asyncio
from bisect import insort
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from guestwire.agent.telemetry.loose import Kept, Make
from guestwire.link.transport import TransportError
from guestwire.model.base import Model
from guestwire.protocol import topics
from guestwire.protocol.notices import MODELS, NoticeClass
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import state
from guestwire.protocol.steps import Now

WAITING_NOTICES = 1024
IN_FLIGHT = 64
"""Notices that the broker has and did not confirm yet, at most."""
NEVER_TAKEN = frozenset({"PUBLISH-REFUSED", "PACKET-TOO-LARGE"})
"""Answers of a broker that will be the same the next time."""


class Outlet(Protocol):
    """A way out: the session with the broker, or the socket server. Raises TransportError when it takes nothing now.
    What is awaited is the broker's confirmation, and fails with TransportError; None: there is none to wait for."""

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> Awaitable[int] | None: ...


class BrokerOutlet(Outlet, Protocol):
    """The session with the broker."""

    def offer(self, topic: str, frame: bytes) -> None:
        """Once, without a confirmation (QoS 0). Raises TransportError."""
        ...


class DirectOutlet(Outlet, Protocol):
    """A server of the host's own."""

    def room(self, topic: str) -> int | None:
        """Bytes that those who watch a topic can take; None: nobody watches it."""
        ...


class Numbering(Protocol):
    """Numbers notices and keeps them: the spool."""

    def append(self, kind: str, make: Make, now: Now) -> Kept: ...


class _Notice(NamedTuple):
    """`n` is its place in the order of all notices."""

    n: int
    topic: str
    kept: Kept


class Announcer:
    """The voice of one host. `said`, if somebody sets it, hears of each notice that has left the host."""

    def __init__(self, site: str, host: str, key: SigningKey, clock: Callable[[], Now], numbering: Numbering) -> None:
        self._site = site
        self._host = host
        self._key = key
        self._clock = clock
        self._numbering = numbering
        self.said: Callable[[Kept], None] = _nobody_asked
        self._retained: dict[str, bytes] = {}
        self._dirty: set[str] = set()
        self._said = 0
        self._waiting: list[_Notice] = []
        self._in_flight = 0
        self._broker: BrokerOutlet | None = None
        self._local: list[DirectOutlet] = []
        self.lost_notices = 0
        """Those that were not said, and are not in the spool either."""

    @property
    def waiting_notices(self) -> int:
        """Those that the broker has not confirmed."""
        return len(self._waiting) + self._in_flight

    def add_local(self, outlet: DirectOutlet) -> None:
        """Another socket server."""
        self._local.append(outlet)
        for topic, frame in self._retained.items():
            outlet.announce(topic, frame, retained=True)

    def broker_up(self, outlet: BrokerOutlet) -> None:
        """The broker is there (again): capabilities and reported are said again, then what waited. Presence is not: the
        new connection has an epoch of its own, and its first heartbeat is the caller's."""
        self._broker = outlet
        self._dirty = self._retained.keys() - {topics.make("presence", self._site, self._host)}
        self._say_dirty()
        self._say_waiting()

    def broker_down(self) -> None:
        self._broker = None

    def presence(self, frame: bytes) -> None:
        """A heartbeat or farewell, made by HostPresence."""
        self._say(topics.make("presence", self._site, self._host), frame)

    def state(self, kind: str, body: Model, n: int) -> None:
        """`capabilities` or `reported`, whole."""
        frame = state(kind, self._site, f"host:{self._host}", body, self._key, self._clock().wall_ms, n=n)
        self._say(topics.make(kind, self._site, self._host), frame)

    def say_again(self) -> None:
        """Somebody asks who is there: capabilities and reported, as they were said last."""
        self._dirty |= self._retained.keys() - {topics.make("presence", self._site, self._host)}
        self._say_dirty()

    def notice(self, notice_class: NoticeClass, **fields: Any) -> None:
        """One notice: the fields of the class's model without log, seq and at."""
        now = self._clock()

        def make(log: bytes, seq: int) -> bytes:
            body = MODELS[notice_class](log=log, seq=seq, at=now.wall_ms, **fields)
            return state("notice", self._site, f"host:{self._host}", body, self._key, now.wall_ms, n=seq)

        kept = self._numbering.append(notice_class, make, now)
        topic = topics.make("notice", self._site, self._host, notice_class)
        for outlet in self._local:
            outlet.announce(topic, kept.frame, retained=False)
        if self._local:
            self.said(kept)
        self._said += 1
        self._keep(_Notice(self._said, topic, kept))
        self._say_waiting()

    # -- telemetry, which others keep and decide about

    @property
    def brokered(self) -> bool:
        """Whether there is a broker at this moment."""
        return self._broker is not None

    def direct_room(self, topic: str) -> int | None:
        """Bytes that the clients connected to the host itself which watch this topic can take; None: nobody does."""
        rooms = [room for outlet in self._local if (room := outlet.room(topic)) is not None]
        return min(rooms, default=None)

    def offer(self, topic: str, frame: bytes, *, brokered: bool) -> bool:
        """Say it once, to the broker too or not. Whether it left."""
        for outlet in self._local:
            outlet.announce(topic, frame, retained=False)
        if self._broker is None or not brokered:
            return bool(self._local)
        try:
            self._broker.offer(topic, frame)
        except TransportError:
            return False
        return True

    def deliver(self, topic: str, frame: bytes, *, brokered: bool) -> Awaitable[int] | None:
        """Say it, and have the broker confirm it. Raises TransportError."""
        if brokered and self._broker is None:
            raise TransportError("LINK-LOST")
        confirmed = self._broker.announce(topic, frame, retained=False) if brokered and self._broker else None
        for outlet in self._local:
            if outlet.room(topic):  # one that does not read is not given old things, and holds nobody up
                outlet.announce(topic, frame, retained=False)
        return confirmed

    # -- what is retained

    def _say(self, topic: str, frame: bytes) -> None:
        """Something retained, to all who listen."""
        self._retained[topic] = frame
        for outlet in self._local:
            outlet.announce(topic, frame, retained=True)
        self._dirty.add(topic)
        if self._broker is not None:
            self._say_retained(self._broker, topic)

    # -- to the broker

    def _say_dirty(self) -> None:
        for topic in tuple(self._dirty):
            if self._broker is not None:
                self._say_retained(self._broker, topic)

    def _say_retained(self, broker: Outlet, topic: str) -> None:
        frame = self._retained[topic]
        self._dirty.discard(topic)

        def ended(error: BaseException | None) -> None:
            if error is None:
                self._taken()
            elif self._retained[topic] is frame and not _never_taken(error):
                self._dirty.add(topic)

        try:
            confirmed = broker.announce(topic, frame, retained=True)
        except TransportError as err:
            ended(err)
        else:
            _tell(confirmed, ended)

    def _say_waiting(self) -> None:
        """As many as may be in flight, oldest first."""
        while self._broker is not None and self._waiting and self._in_flight < IN_FLIGHT:
            notice = self._waiting.pop(0)
            try:
                confirmed = self._broker.announce(notice.topic, notice.kept.frame, retained=False)
            except TransportError:
                self._keep(notice)
                return
            self.said(notice.kept)
            if confirmed is not None:
                self._in_flight += 1
                _tell(confirmed, partial(self._notice_ended, notice))

    def _notice_ended(self, notice: _Notice, error: BaseException | None) -> None:
        self._in_flight -= 1
        if error is None:
            self._taken()
        elif _never_taken(error):
            self._leave(notice)
        else:
            self._keep(notice)

    def _taken(self) -> None:
        """The broker took something: the opportunity for what it did not take before."""
        self._say_dirty()
        self._say_waiting()

    def _keep(self, notice: _Notice) -> None:
        insort(self._waiting, notice)
        if len(self._waiting) > WAITING_NOTICES:
            self._leave(self._waiting.pop(0))

    def _leave(self, notice: _Notice) -> None:
        """It is not said here any more: if the spool has it, a controller is given it."""
        self.lost_notices += not notice.kept.kept


def _nobody_asked(_kept: Kept) -> None:
    """Nobody keeps up with what was said."""


def _tell(confirmed: Awaitable[int] | None, ended: Callable[[BaseException | None], None]) -> None:
    if confirmed is None:
        return
    asyncio.ensure_future(confirmed).add_done_callback(
        lambda done: ended(asyncio.CancelledError() if done.cancelled() else done.exception())
    )


def _never_taken(error: BaseException) -> bool:
    return isinstance(error, TransportError) and error.code in NEVER_TAKEN
