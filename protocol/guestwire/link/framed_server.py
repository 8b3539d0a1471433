"""The host's end of a connection of frames: the same envelopes, the same executor, whatever carries them.

A server knows who the peer is, by what the kernel or a certificate says; what it may do then is the same for all.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from guestwire.link.clock import now
from guestwire.link.frames import Close, Frame, FrameError, FrameReader, Hello, Publish, Watch, Watching, encode
from guestwire.link.topic_filters import matches
from guestwire.link.wires import Wire
from guestwire.protocol import topics
from guestwire.protocol.steps import Inbound, Send, Way

WRITE_LIMIT = 1 << 20
"""Bytes a client may leave unread: after that it is cut off (its requests' results stay in the journal)."""
MAX_FILTERS = 256

Receive = Callable[[Inbound, Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end: a user of this host, whom the kernel vouches for, or a client, whose certificate does and who
    may ask under its own name only."""

    way: Way
    uid: int | None = None
    client: str | None = None

    @property
    def key(self) -> Hashable:
        """What its connections are counted by."""
        return self.uid if self.client is None else self.client


class Connection:
    """One client. It is the `Path` of its requests' answers."""

    def __init__(self, clients: "Clients", peer: Peer, wire: Wire) -> None:
        self._clients = clients
        self._wire = wire
        self._reader = FrameReader()
        self._filters: list[str] = []
        self._clock = asyncio.get_running_loop().time
        self.peer = peer
        self.made_ms = now().wall_ms
        self.made_at = self.heard_at = self._clock()
        """When it was made, and when the client was heard last, by the loop's clock."""
        self.asked = False
        """Whether a whole frame has come."""
        self.partial_since: float | None = None
        """Since when the rest of a frame is missing."""

    def receive(self, data: bytes) -> None:
        """Bytes of the client. One that is no frame, or that it may not send, ends the connection."""
        self.heard_at = self._clock()
        try:
            frames = self._reader.feed(data)
            for frame in frames:
                if self._wire.closing:
                    return
                self._received(frame)
        except FrameError:
            if self.peer.client is not None:
                self._clients.on_refused("MALFORMED", self.peer.client)
            self.refuse("MALFORMED")
            return
        if frames:
            self.asked, self.partial_since = True, None
        if self._reader.partial and self.partial_since is None:
            self.partial_since = self.heard_at

    def _received(self, frame: Frame) -> None:
        match frame:
            case Publish(topic, payload, retained):
                self._request(topic, payload, retained)
            case Watch(number, filters):
                if self._clients.may_watch(self.peer):
                    self._watch(filters)
                self.write(Watching(number))  # who may not watch hears answers to requests, and nothing else
            case _:
                raise FrameError("not a client's frame")

    def _watch(self, filters: tuple[str, ...]) -> None:
        self._filters = list(dict.fromkeys((*self._filters, *filters)))[-MAX_FILTERS:]
        for topic, kept in self._clients.retained.items():
            if any(matches(f, topic) for f in filters):
                self.write(Publish(topic, kept, True))

    def _request(self, text: str, payload: bytes, retained: bool) -> None:
        topic = topics.parse(text)
        clients, peer = self._clients, self.peer
        if topic is None or topic.kind != "request" or (topic["site"], topic["host"]) != (clients.site, clients.host):
            raise FrameError("not a request to this host")
        if peer.client is not None and topic["client"] != peer.client:
            clients.on_refused("CLIENT-MISMATCH", peer.client)
            self.refuse("CLIENT-MISMATCH")
            return
        inbound = Inbound(payload, topic["client"], topic["operation"], retained, peer.uid, self, peer.way)
        clients.receive(inbound, _nothing)

    def answer(self, send: Send) -> None:
        """A Path: to this connection, whatever client id it named. A client that left asks again, or job-get."""
        topic = topics.make("response", self._clients.site, send.client, self._clients.host)
        for frame in send.frames:
            self.write(Publish(topic, frame))

    def room(self, topic: str) -> int | None:
        """Bytes that it can be given of a topic before it counts as one that does not read; None: it does not watch it."""
        if not any(matches(f, topic) for f in self._filters):
            return None
        return max(0, WRITE_LIMIT // 2 - self._wire.unsent)

    def heard(self, topic: str, frame: bytes) -> None:
        """What the host says to everybody who wants to know."""
        if any(matches(f, topic) for f in self._filters):
            self.write(Publish(topic, frame))

    def write(self, frame: Frame) -> None:
        if self._wire.closing:
            return
        if self._wire.unsent > WRITE_LIMIT:
            self._wire.abort()
            return
        self._wire.write(encode(frame))

    def refuse(self, code: str) -> None:
        """End it, and say why."""
        self.write(Close(code))
        self._wire.close()

    def close(self) -> None:
        self._wire.close()


def _nothing() -> None:
    """A connection has no acknowledgement: the client asks again until it hears `accepted`."""


class Clients:
    """The connections of one server. `may_watch`: who may hear what the host says by itself; `left` hears of connections that
    ended (nobody hears answers on that path any more); `on_refused` of what no sound client does, by code and client."""

    def __init__(
        self,
        site: str,
        host: str,
        receive: Receive,
        *,
        may_watch: Callable[[Peer], bool],
        most: int,
        most_of_one: int,
        left: Callable[[Connection], None] = lambda _: None,
        on_refused: Callable[[str, str], None] = lambda _code, _client: None,
    ) -> None:
        self.site = site
        self.host = host
        self.receive = receive
        self.may_watch = may_watch
        self.on_refused = on_refused
        self.retained: dict[str, bytes] = {}
        self._most = most
        self._most_of_one = most_of_one
        self._left = left
        self._connections: set[Connection] = set()

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._connections))

    def __len__(self) -> int:
        return len(self._connections)

    def greet(self, connection: Connection) -> bool:
        """Take a new connection and say who answers; or say that there are too many, of this peer or in all."""
        same = sum(other.peer.key == connection.peer.key for other in self._connections)
        if len(self._connections) >= self._most or same >= self._most_of_one:
            connection.refuse("BUSY")
            return False
        self._connections.add(connection)
        connection.write(Hello(self.site, self.host))
        return True

    def leave(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            self._left(connection)

    def room(self, topic: str) -> int | None:
        """Bytes that all who watch a topic can be given; None: nobody watches it."""
        return min((room for one in self._connections if (room := one.room(topic)) is not None), default=None)

    def announce(self, topic: str, frame: bytes, *, retained: bool) -> None:
        """A message of the host's own: to every connection that watches its topic; kept when retained."""
        if retained:
            self.retained[topic] = frame
        for connection in self:
            connection.heard(topic, frame)
