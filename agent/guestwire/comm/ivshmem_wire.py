"""What an ivshmem server says to a client, and how a client understands it. No I/O, and no file descriptor is opened or
closed here: they are numbers that come with messages.

Source: QEMU docs/specs/ivshmem-spec, "The ivshmem Client-Server Protocol". Every message is one signed 8-byte little-endian
number, with a file descriptor (SCM_RIGHTS) or without one. The client never says anything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

VERSION = 0
MEMORY = -1
MAX_PEER = 65535
"""The Doorbell register has 16 bits for the peer (ivshmem spec, "PCI device registers")."""
MESSAGE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Message:
    """One message: it is sent by itself, so that its file descriptor comes with its bytes."""

    value: int
    fd: int | None = None

    def encode(self) -> bytes:
        return self.value.to_bytes(MESSAGE_BYTES, "little", signed=True)


def introduction(peer: int, memory: int) -> tuple[Message, ...]:
    """The first messages to a client: version, its own id, its shared memory (steps 1 to 3)."""
    return (Message(VERSION), Message(peer), Message(MEMORY, memory))


def vectors(peer: int, eventfds: Sequence[int]) -> tuple[Message, ...]:
    """The eventfds of a peer's vectors 0, 1, ... in order. Another's: to ring it (steps 4 and 6); the client's own: to be
    rung (step 5)."""
    return tuple(Message(peer, fd) for fd in eventfds)


def left(peer: int) -> Message:
    """A peer is gone (step 6). QEMU 7.2 dies some time after the same id was announced to it again: never do that."""
    return Message(peer)


class WireError(Exception):
    """The server said something that the protocol does not know. The connection is of no use any more."""


@dataclass(frozen=True, slots=True)
class OwnId:
    peer: int


@dataclass(frozen=True, slots=True)
class SharedMemory:
    fd: int


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector's eventfd: to ring `peer`, or to be rung where `peer` is the client's own id."""

    peer: int
    number: int
    fd: int


@dataclass(frozen=True, slots=True)
class PeerLeft:
    peer: int


Event = OwnId | SharedMemory | Vector | PeerLeft


class Client:
    """A client's side. Feed it what was read; it returns what that means, and refuses what makes no sense with WireError,
    from then on for ever. All file descriptors stay the caller's: also those that came with a refused message.
    """

    def __init__(self, max_vectors: int = 2048) -> None:
        """`max_vectors` of one peer: MSI-X has no more than 2,048."""
        self._max_vectors = max_vectors
        self._partial = b""
        self._fd: int | None = None
        self._messages = 0
        self._mapped = False
        self._refused = False
        self._vectors: dict[int, int] = {}
        self.own: int | None = None

    def feed(self, data: bytes, fds: Sequence[int] = ()) -> list[Event]:
        """`data` and `fds` as one recvmsg gave them. The kernel ends a read with the message that has a file descriptor, so
        `fds` belong to the last message that has a byte in `data`."""
        events: list[Event] = []
        if self._refused:
            raise WireError("refused before")
        try:
            understood = (self._understand(message) for message in self._messages_in(data, fds))
            events.extend(event for event in understood if event is not None)
        except WireError:
            self._refused = True
            raise
        return events

    def _messages_in(self, data: bytes, fds: Sequence[int]) -> Iterator[Message]:
        if len(fds) > 1 or (fds and not data):
            raise WireError(f"{len(fds)} file descriptors with {len(data)} bytes")
        whole = self._partial + data
        last = (len(whole) - 1) // MESSAGE_BYTES if data else -1
        for n, at in enumerate(range(0, len(whole), MESSAGE_BYTES)):
            if fds and n == last:
                if self._fd is not None:
                    raise WireError("two file descriptors with one message")
                self._fd = fds[0]
            piece = whole[at : at + MESSAGE_BYTES]
            if len(piece) < MESSAGE_BYTES:
                break
            fd, self._fd = self._fd, None
            yield Message(int.from_bytes(piece, "little", signed=True), fd)
        self._partial = whole[len(whole) - len(whole) % MESSAGE_BYTES :]

    def _understand(self, message: Message) -> Event | None:
        self._messages += 1
        if self._messages == 1:
            if message != Message(VERSION):
                raise WireError(f"not version {VERSION}: {message}")
            return None
        if self._messages == 2:
            if message.fd is not None or not 0 <= message.value <= MAX_PEER:
                raise WireError(f"no id of ours: {message}")
            self.own = message.value
            return OwnId(message.value)
        if message.value == MEMORY:
            if message.fd is None or self._mapped:
                raise WireError(f"no shared memory: {message}")
            self._mapped = True
            return SharedMemory(message.fd)
        if not 0 <= message.value <= MAX_PEER or not self._mapped:
            raise WireError(f"out of place: {message}")
        return self._of_peer(message.value, message.fd)

    def _of_peer(self, peer: int, fd: int | None) -> Event:
        if fd is None:
            if peer == self.own:
                raise WireError("we are told that we left")
            self._vectors.pop(peer, None)
            return PeerLeft(peer)
        number = self._vectors.get(peer, 0)
        if number >= self._max_vectors:
            raise WireError(f"more than {self._max_vectors} vectors of {peer}")
        self._vectors[peer] = number + 1
        return Vector(peer, number, fd)
