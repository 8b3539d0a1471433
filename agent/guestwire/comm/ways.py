"""How a peer is attached: the ports between what carries requests (doorbell, serial channel, socket) and what answers them."""

from collections.abc import Sequence
from typing import Literal, Protocol

WayKind = Literal["doorbell", "serial", "socket"]


class Way(Protocol):
    """One attachment of a peer. `party` is who it is by what cannot be forged: a guest's name by the path of its socket,
    HOST for a process of the host. Replies are put in order; a way whose peer does not take them drops them and counts."""

    @property
    def kind(self) -> WayKind: ...

    @property
    def party(self) -> str: ...

    @property
    def pid(self) -> int | None:
        """Of the process at the other end, where the kernel says so."""
        ...

    def reply(self, reply: bytes, fds: Sequence[int] = ()) -> None:
        """Put one gw_reply (64 bytes) into the way; `fds` go with it over a socket and nowhere else. Does not take them over.
        Never blocks, never raises."""
        ...

    def flush(self) -> None:
        """Wake the peer for what was put since (one doorbell for many replies)."""
        ...

    def pause(self, seconds: float) -> None:
        """Take nothing from the peer for that long: it asked faster than it may."""
        ...

    def close(self) -> None: ...


class Intake(Protocol):
    """What ways give their requests to."""

    def attached(self, way: Way) -> None: ...

    def requests(self, way: Way, requests: Sequence[bytes], payload: bytes = b"") -> None:
        """gw_requests (128 bytes each) in order; a serial frame has one, with its payload. Calls `way.flush` itself."""
        ...

    def woken(self, way: Way) -> None:
        """The peer rang, and there was nothing: counted against its bucket like a request."""
        ...

    def detached(self, way: Way) -> None:
        """The way is gone: the other end closed it, or died."""
        ...
