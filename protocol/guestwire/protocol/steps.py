"""What goes into an executor and comes out of it: the time, frames, calls, and the steps to take. Values only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from guestwire.protocol.envelope import Header
from guestwire.protocol.mandates import Allowed
from guestwire.protocol.operations import Operation
from guestwire.protocol.trust import Scope


class Now(NamedTuple):
    """The time: Unix milliseconds for the wire, monotonic seconds for everything inside."""

    wall_ms: int
    mono: float


Way = Literal["mqtt", "socket", "tcp"]
"""How a frame came: over a broker, over the host's Unix socket, or straight over TLS."""


class Inbound(NamedTuple):
    """A frame as it came. `client` and `operation` are the topic's; the broker authenticated the client, over `tcp` its
    certificate did. On a socket `uid` is the peer's, which the kernel authenticated. `path` is where answers go: opaque here,
    handed back in Send."""

    payload: bytes
    client: str
    operation: str
    retained: bool = False
    uid: int | None = None
    path: Any = None
    way: Way = "mqtt"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one executor, rates per second. `look_rate`: how many messages of a client whose failures are beyond its
    budget are looked at; the others are dropped undecoded."""

    reads: int = 64
    issuer_rate: float = 20.0
    issuer_burst: float = 64.0
    failure_rate: float = 1.0
    failure_burst: float = 20.0
    look_rate: float = 50.0


class Call:
    """A request that passed every check. `key` is what a journal knows it by."""

    __slots__ = (
        "accepted_ms", "allowed", "answered", "asked_as", "body", "body_hash", "client", "expires", "inbound_uid", "issuer",
        "key_ids", "mandate", "n", "operation", "path", "request", "request_id", "scopes", "signed", "start_by_ms", "version",
        "way",
    )  # fmt: skip

    def __init__(
        self, operation: Operation, header: Header, inbound: Inbound, issuer: str, *, signed: bool, wall_ms: int
    ) -> None:
        self.operation = operation
        self.request_id = header.request_id
        self.issuer = issuer
        self.asked_as = header.issuer
        self.client = inbound.client
        self.inbound_uid = inbound.uid
        self.path = inbound.path
        self.way = inbound.way
        self.signed = signed
        self.scopes: tuple[Scope, ...] = ()
        """What each signer may do, one per principal; none for a call that was read back from the journal. With a mandate
        they are those who signed it."""
        self.key_ids: tuple[str, ...] = ()
        """The keys that signed the request, hexadecimal; none over the socket."""
        self.allowed: Allowed | None = None
        """What its mandate allows, where it came with one."""
        self.mandate: bytes | None = None
        """The mandate's exact bytes."""
        self.version = header.version
        self.accepted_ms = wall_ms
        self.expires = header.expires
        self.start_by_ms = wall_ms + header.ttl_ms
        self.body_hash = header.body_hash
        self.body = b""
        self.request: Any = None
        self.answered = False
        self.n = 0

    @property
    def key(self) -> tuple[str, bytes]:
        return (self.issuer, self.request_id)

    @property
    def local(self) -> bool:
        """Whether it came over the socket."""
        return self.inbound_uid is not None

    @property
    def brokered(self) -> bool:
        """Whether its answers go over the broker: else they go down a connection, and end with it."""
        return self.inbound_uid is None and self.way == "mqtt"


class Send(NamedTuple):
    """Frames to a client's response topic (or down its socket). `code`: it refuses a message, for this reason."""

    client: str
    frames: Sequence[bytes]
    qos: Literal[0, 1]
    request_id: bytes
    path: Any = None
    code: str | None = None


class Run(NamedTuple):
    """Run the operation's handler."""

    call: Call


class Record(NamedTuple):
    """Insert into the journal, then say the outcome to `recorded`. With `final` it is a refusal, recorded as REJECTED
    so that a replay cannot run it later."""

    call: Call
    final: tuple[bytes, ...] | None = None
    code: str | None = None


class Dropped(NamedTuple):
    """Nothing is sent. `audit`: whether it belongs in the audit log (somebody did what a sound client does not)."""

    code: str
    audit: bool
    client: str


Step = Send | Run | Record | Dropped
Outcome = Literal["new", "running", "stored", "mismatch"]
"""What the journal's INSERT on (issuer, request id) said."""
