"""The transport port: one MQTT connection, from CONNECT to its end.

Two implementations pass one contract suite: `mqtt5` (ours, on the mqtt5 codec) and `aiomqtt`. A transport does not
reconnect, remember subscriptions or know what a host is: that is the session's. A new object per connection.

What every implementation promises
- `on_message` is called on the event loop, in the order received, once per PUBLISH. It must not block and must not raise.
- A QoS 1 message is acknowledged only after `Incoming.ack()`, and PUBACKs leave in the order the messages arrived
  ([MQTT-4.6.0-2]): what was not acknowledged is delivered again after a reconnect. With `Options.receive_maximum`
  messages unacknowledged the peer stops sending; that, and not a dropped message, is the answer to "full".
- Every wait has a deadline; every failure is a `TransportError` with a stable code of the error table.
- Payloads above the peer's maximum packet size are refused before they are sent (PACKET-TOO-LARGE).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ssl import SSLContext, SSLObject, SSLSocket
from typing import Literal, Protocol

from guestwire.model.errors import GuestwireError

Level = Literal[4, 5]
"""MQTT protocol level of CONNECT: 4 is version 3.1.1, 5 is version 5."""


@dataclass(frozen=True, slots=True)
class Properties:
    """MQTT 5 properties that mirror the envelope; a 3.1.1 link drops them without a word (PROTOCOL rule 1)."""

    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    expiry_s: int | None = None
    user: tuple[tuple[str, str], ...] = ()


NO_PROPERTIES = Properties()


@dataclass(frozen=True, slots=True)
class Will:
    """The message the broker publishes when this connection ends without DISCONNECT. QoS 1."""

    topic: str
    payload: bytes
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic filter. `retained`: whether stored retained messages are wanted (retain handling 0, else 2).

    Retain-as-published is always set on v5, so that a request that was published retained can be told apart.
    """

    topic_filter: str
    qos: Literal[0, 1] = 1
    retained: bool = False


@dataclass(slots=True)
class Incoming:
    """A received PUBLISH. `ack()` is idempotent and may be called from `on_message` or later, in any order."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    duplicate: bool
    ack: Callable[[], None]
    properties: Properties = NO_PROPERTIES


OnMessage = Callable[[Incoming], None]

PeerCheck = Callable[[SSLObject | SSLSocket], str | None]
"""Looks at the peer of a handshake that went well, before anything is sent to it. Why it is not to be believed, or None.
A thread may call it; it must not raise."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to connect. Times in seconds; sizes in bytes."""

    host: str
    port: int
    client_id: str
    level: Level = 5
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: SSLContext | None = None
    tls_server_name: str | None = None
    check_peer: PeerCheck | None = None
    clean_start: bool = False
    session_expiry_s: int = 72 * 3600
    keep_alive_s: int = 30
    will: Will | None = None
    receive_maximum: int = 20
    max_packet: int = 128 * 1024
    connect_timeout_s: float = 10.0
    publish_timeout_s: float = 20.0
    write_queue_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Connack:
    """What the broker granted. On 3.1.1 everything but `session_present` is the protocol's default."""

    session_present: bool
    level: Level
    keep_alive_s: int
    receive_maximum: int = 65535
    max_packet: int | None = None
    max_qos: int = 2
    retain_available: bool = True
    assigned_client_id: str | None = None


class TransportError(GuestwireError):
    """A connection could not be made, was lost, or an operation on it failed.

    Codes: BROKER-UNREACHABLE (no TCP/TLS, or no CONNACK within the deadline), BROKER-REFUSED (CONNACK with an error
    reason; `detail["reason"]` is its number), BROKER-NO-V5 (refused level 5, or closed without a CONNACK: the caller
    tries level 4), LINK-LOST (the connection ended; `detail["reason"]` = DISCONNECT reason number where there was one),
    SESSION-TAKEN-OVER (0x8E), PUBLISH-REFUSED (PUBACK >= 0x80), PUBLISH-TIMEOUT (no PUBACK in time), SUBSCRIBE-REFUSED,
    PACKET-TOO-LARGE, LINK-BUSY (the bounded write queue is full), PEER-MALFORMED (the broker sent what MQTT forbids).
    """


class Transport(Protocol):
    """One open connection (see the module's promises)."""

    @property
    def connack(self) -> Connack: ...

    @property
    def peer_address(self) -> str | None:
        """The IP address at the other end; None where it is none of IP."""
        ...

    @property
    def closed(self) -> Awaitable[TransportError | None]:
        """Done when the connection has ended: None after `close()`, else why. Never raises; safe to await twice."""
        ...

    async def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Subscribe and wait for SUBACK. Raises SUBSCRIBE-REFUSED naming the first refused filter."""
        ...

    async def unsubscribe(self, topic_filters: Sequence[str]) -> None: ...

    def send(self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES) -> None:
        """Publish at QoS 0: hands the bytes to the socket at the end of this loop tick. Raises LINK-BUSY, LINK-LOST."""
        ...

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, properties: Properties = NO_PROPERTIES
    ) -> Awaitable[int]:
        """Publish at QoS 1, in order, holding to the peer's Receive Maximum (a bounded queue waits for its window).

        The awaitable gives the PUBACK reason: 0, or 0x10 where the broker says that nobody listens (always 0 on
        3.1.1, which cannot refuse). Raises PUBLISH-REFUSED, PUBLISH-TIMEOUT, LINK-LOST, LINK-BUSY. It need not be
        awaited: then its failure is dropped without a warning (the caller re-sends by request id).
        """
        ...

    async def close(self) -> None:
        """Write what is queued, send DISCONNECT (no will), end the TCP connection. Idempotent."""
        ...


class Connect(Protocol):
    """How a session makes a transport. Raises TransportError with one of the connect codes."""

    async def __call__(self, options: Options, on_message: OnMessage) -> Transport: ...
