"""A request under way at the client, and what comes of it: the values that an invoker and its driver pass each other."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models
from guestwire.protocol.envelope import Header
from guestwire.protocol.operations import Operation

FIRST_RESEND_S = 1.0
MAX_CHALLENGES = 3


class Pending:
    """A request under way. `context` is its driver's (a future, a callback); this module never looks at it."""

    __slots__ = (
        "_final",
        "about",
        "accepted",
        "answered_at",
        "asking",
        "body",
        "challenges",
        "context",
        "deadline",
        "done",
        "expires_ms",
        "frames",
        "header",
        "host",
        "mandates",
        "operation",
        "pause",
        "refusal",
        "request_id",
        "resend_at",
        "signed",
        "topic",
        "unbelieved",
    )  # fmt: skip

    def __init__(
        self, host: str, operation: Operation, header: Header, body: bytes, topic: str, deadline: float
    ) -> None:
        self.host = host
        self.operation = operation
        self.header = header
        self.request_id = header.request_id
        self.body = body
        self.topic = topic
        self.deadline = deadline
        self.expires_ms = header.expires
        self.frames: list[bytes] = []
        self._final: tuple[bytes, dict[int, bytes]] = (b"", {})
        self.mandates: tuple[bytes, ...] = ()
        self.signed = False
        self.about = b""
        self.resend_at = 0.0
        self.pause = FIRST_RESEND_S
        self.accepted = False
        self.done = False
        self.challenges = 0
        self.asking: Pending | None = None
        self.refusal: GuestwireError | None = None
        self.answered_at = 0
        """What the host's clock showed at its last answer."""
        self.unbelieved: GuestwireError | None = None
        self.context: Any = None

    def keep_final(self, header: Header, frame: bytes) -> None:
        """A frame of its final, which the host signed. Those of one answer are kept, the newest."""
        if self._final[0] != header.body_hash:
            self._final = (header.body_hash, {})
        self._final[1][header.part[0]] = frame

    def final(self, header: Header) -> tuple[bytes, ...]:
        """All frames of the answer that this is the header of; none where one of them came before this request was made again."""
        of = range(1, header.part[1] + 1)
        kept = self._final[1] if self._final[0] == header.body_hash else {}
        return tuple(kept[i] for i in of) if all(i in kept for i in of) else ()


class Accepted(NamedTuple):
    """The host has it: nothing it accepted is lost by a crash."""

    pending: Pending


class Progressed(NamedTuple):
    pending: Pending
    progress: operation_models.Progress


class Done(NamedTuple):
    """The result. `verified`: the host's signature vouches for it. `final`: of an operation with an effect the frames of the
    host's final, as they came: proof for whoever has the trust document."""

    pending: Pending
    reply: Any
    verified: bool
    final: tuple[bytes, ...] = ()


class Failed(NamedTuple):
    """The error: of the host, or of this side when nothing came in time."""

    pending: Pending
    error: GuestwireError
    verified: bool


class Transmit(NamedTuple):
    """Send `pending.frames` to `pending.topic` at `pending.operation.qos` (again)."""

    pending: Pending


Event = Accepted | Progressed | Done | Failed | Transmit


@dataclass(frozen=True, slots=True)
class AskedFor:
    """The context of an inquiry: the job it asks about. Not a tuple: drivers put tuples into contexts."""

    job: Pending


def asks_for_proof(pending: Pending, header: Header) -> bool:
    """Whether that is a host which cannot trust its clock, and asks whether the request is new. It signs no such question, and
    the question decides nothing."""
    return (
        header.status == "CLOCK-UNSYNCHRONISED"
        and header.phase == "refused"
        and header.nonce is not None
        and pending.challenges < MAX_CHALLENGES
    )
