"""Where everything goes that the host says without being asked: presence, capabilities, reported, notices.

To the broker while there is one, to every socket that watches; what is retained is kept here and said again after each
reconnect. Notices are numbered; those said while there was no broker wait in a bounded queue, oldest dropped and counted.
"""

import secrets
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from guestwire.link.transport import TransportError
from guestwire.model.base import Model
from guestwire.protocol import topics
from guestwire.protocol.executor import Now
from guestwire.protocol.notices import MODELS, NoticeClass
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import state

WAITING_NOTICES = 1024


class Outlet(Protocol):
    """A way out: the session with the broker, or the socket server. Raises TransportError when it takes nothing now."""

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> None: ...


class Announcer:
    """The voice of one host."""

    def __init__(self, site: str, host: str, key: SigningKey, clock: Callable[[], Now]) -> None:
        self._site = site
        self._host = host
        self._key = key
        self._clock = clock
        self._log = secrets.token_bytes(16)
        self._seqs: dict[NoticeClass, int] = {}
        self._retained: dict[str, bytes] = {}
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=WAITING_NOTICES)
        self._broker: Outlet | None = None
        self._local: list[Outlet] = []
        self.lost_notices = 0

    def add_local(self, outlet: Outlet) -> None:
        """Another socket server."""
        self._local.append(outlet)
        for topic, frame in self._retained.items():
            outlet.announce(topic, frame, retained=True)

    def broker_up(self, outlet: Outlet) -> None:
        """The broker is there (again): capabilities and reported are said again, then what waited. Presence is not: the
        new connection has an epoch of its own, and its first heartbeat is the caller's."""
        self._broker = outlet
        presence = topics.make("presence", self._site, self._host)
        for topic, frame in self._retained.items():
            if topic != presence:
                outlet.announce(topic, frame, retained=True)
        while self._waiting:
            topic, frame = self._waiting.popleft()
            outlet.announce(topic, frame, retained=False)

    def broker_down(self) -> None:
        self._broker = None

    def presence(self, frame: bytes) -> None:
        """A heartbeat or farewell, made by HostPresence."""
        self._say(topics.make("presence", self._site, self._host), frame, retained=True)

    def state(self, kind: str, body: Model, n: int) -> None:
        """`capabilities` or `reported`, whole."""
        frame = state(kind, self._site, f"host:{self._host}", body, self._key, self._clock().wall_ms, n=n)
        self._say(topics.make(kind, self._site, self._host), frame, retained=True)

    def notice(self, notice_class: NoticeClass, **fields: Any) -> None:
        """One notice: the fields of the class's model without log, seq and at."""
        at = self._clock().wall_ms
        seq = self._seqs[notice_class] = self._seqs.get(notice_class, 0) + 1
        body = MODELS[notice_class](log=self._log, seq=seq, at=at, **fields)
        frame = state("notice", self._site, f"host:{self._host}", body, self._key, at, n=seq)
        self._say(topics.make("notice", self._site, self._host, notice_class), frame, retained=False)

    def _say(self, topic: str, frame: bytes, *, retained: bool) -> None:
        if retained:
            self._retained[topic] = frame
        for outlet in self._local:
            outlet.announce(topic, frame, retained=retained)
        if self._broker is not None:
            try:
                self._broker.announce(topic, frame, retained=retained)
            except TransportError:
                self._keep(topic, frame, retained=retained)
        else:
            self._keep(topic, frame, retained=retained)

    def _keep(self, topic: str, frame: bytes, *, retained: bool) -> None:
        if retained:
            return
        if len(self._waiting) == WAITING_NOTICES:
            self.lost_notices += 1
        self._waiting.append((topic, frame))
