"""What a call takes and gives: its options, and the answer with how far it can be believed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from guestwire.model.base import Model
from guestwire.protocol.operation_models import Progress

ReplyT_co = TypeVar("ReplyT_co", bound=Model, covariant=True)


@dataclass(frozen=True, slots=True)
class Answer(Generic[ReplyT_co]):
    """A host's reply. `verified`: the host's signature vouches for it (on a Unix socket the kernel does)."""

    host: str
    reply: ReplyT_co
    verified: bool
    request_id: bytes


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How to call. `timeout_s` bounds everything, `accept_within_s` how long the host may take to accept (both default
    to the operation's own). `request_id` asks again for a job that was begun before. `on_accepted` hears the request id
    once the host has journalled the request, `on_progress` what it says while it works. `mandate`: what others allowed this
    client to do, for an operation with an effect. `unsigned`: read without the key, for an answer that proves itself: the host
    may sign with a key, or know this client's no more, of which only its answer can tell."""

    timeout_s: float | None = None
    accept_within_s: float | None = None
    request_id: bytes | None = field(default=None, repr=False)
    mandate: bytes | None = field(default=None, repr=False)
    unsigned: bool = False
    on_accepted: Callable[[bytes], None] | None = None
    on_progress: Callable[[Progress], None] | None = None

    def hearing(self, on_progress: Callable[[Progress], None]) -> "CallOptions":
        """The same, with somebody who hears the progress."""
        return replace(self, on_progress=on_progress)


DEFAULT = CallOptions()
