"""The socket that processes of the host attach to: SOCK_SEQPACKET, one gw_request or gw_reply in each datagram, files by
SCM_RIGHTS. The kernel says who is at the other end (SO_PEERCRED). Files that a peer sends to us never become ours: they are
received without room for them, so the kernel lets go of them."""

import asyncio
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from guestwire.comm.ways import Intake, WayKind
from guestwire.shm.layouts import NUMBERS, REPLY, REQUEST

MAX_CONNECTIONS = 256
MAX_OF_ONE_USER = 128
RESERVED = 32
"""Of all connections, those that only trusted users get: whoever else may attach does not keep the agent out."""
AT_ONCE = 64
"""Datagrams taken from one peer before the others have their turn."""
UNSENT = 256
"""Replies kept for a peer that does not read: what comes after is dropped."""
UNSENT_FILES = 16
"""Of them, those with a file: it stays open until it is sent."""
SEND_BUFFER = 16 << 10
"""Bytes that wait in the kernel for one peer: some forty replies, and their files."""
ACCEPT_AGAIN_S = 0.2
LONGEST = REQUEST.size + NUMBERS["GW_PAYLOAD_MAX"] + 1
"""Bytes read of a datagram: one more than there may be, to tell those that are too long."""
HOST = "HOST"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the kernel says is at the other end."""

    pid: int
    uid: int
    gid: int


class SocketWay:
    """One process. Its party is HOST, unless a HELLO made it a guest (where guests are simulated)."""

    kind: WayKind = "socket"

    def __init__(self, server: "AttachServer", sock: socket.socket, who: Credentials) -> None:
        self._server = server
        self._sock = sock
        self._unsent: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._paused: asyncio.TimerHandle | None = None
        self.who = who
        self.party = HOST
        self.dropped = 0

    @property
    def pid(self) -> int | None:
        return self.who.pid

    def reply(self, reply: bytes, fds: Sequence[int] = ()) -> None:
        if self._sock.fileno() < 0:
            return
        if not self._unsent and self._send(reply, fds):
            return
        if len(self._unsent) >= UNSENT:
            self.dropped += 1
            return
        if not self._unsent:
            self._server.loop.add_writer(self._sock, self._writable)
        self._unsent.append(self._kept(reply, fds))

    def _kept(self, reply: bytes, fds: Sequence[int]) -> tuple[bytes, tuple[int, ...]]:
        """What to send later. The owner of a file may close it until then; where no more can be kept, who asked for one is
        told to ask again."""
        if fds and sum(bool(files) for _, files in self._unsent) >= UNSENT_FILES:
            return _busy(reply), ()
        copies: list[int] = []
        try:
            copies.extend(os.dup(fd) for fd in fds)
        except OSError:
            _close(copies)
            return _busy(reply), ()
        return reply, tuple(copies)

    def _send(self, reply: bytes, fds: Sequence[int]) -> bool:
        """False: not now. What the kernel does not take for another reason is gone: so is the peer, or it reads nothing."""
        try:
            if fds:
                socket.send_fds(self._sock, [reply], list(fds), socket.MSG_DONTWAIT)
            else:
                self._sock.send(reply, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as err:
            # too many files are on their way to peers that do not read (unix(7)); else it left, which is read as its end
            return not (fds and err.errno == errno.ETOOMANYREFS) or self._send(_busy(reply), ())
        return True

    def _writable(self) -> None:
        while self._unsent:
            reply, fds = self._unsent[0]
            if not self._send(reply, fds):
                return
            self._unsent.popleft()
            _close(fds)
        self._server.loop.remove_writer(self._sock)

    def flush(self) -> None:
        """Every reply was a datagram of its own."""

    def pause(self, seconds: float) -> None:
        if self._paused is None and self._sock.fileno() >= 0:
            self._server.loop.remove_reader(self._sock)
            self._paused = self._server.loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._paused = None
        if self._sock.fileno() >= 0:
            self._server.loop.add_reader(self._sock, self.readable)

    def readable(self) -> None:
        requests: list[bytes] = []
        wrong, gone = 0, False
        for _ in range(AT_ONCE):
            try:
                data = self._sock.recv(LONGEST, socket.MSG_DONTWAIT)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                gone = True
                break
            if not data:
                gone = True
                break
            if len(data) == REQUEST.size:
                requests.append(data)
            elif REQUEST.size < len(data) < LONGEST:
                self._deliver(requests)
                self._server.intake.requests(self, [data[: REQUEST.size]], data[REQUEST.size :])
            else:
                wrong += 1
        self._deliver(requests)
        for _ in range(wrong):
            self._server.intake.woken(self)
        if gone:
            self.close()

    def _deliver(self, requests: list[bytes]) -> None:
        if requests:
            self._server.intake.requests(self, requests.copy())
            requests.clear()

    def close(self) -> None:
        if self._sock.fileno() < 0:
            return
        loop = self._server.loop
        loop.remove_reader(self._sock)
        loop.remove_writer(self._sock)
        if self._paused is not None:
            self._paused.cancel()
        self._sock.close()
        for _, fds in self._unsent:
            _close(fds)
        self._unsent.clear()
        self._server.left(self)


class AttachServer:
    """Listens while `async with` lasts. Who may connect is the file's business (`mode`, `group`); `trusted` users (by uid) find
    room when others took all that they may."""

    def __init__(
        self, path: Path, intake: Intake, *, trusted: Container[int] = (), mode: int = 0o660, group: int = -1
    ) -> None:
        self.intake = intake
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._path = path
        self._trusted = trusted
        self._mode = mode
        self._group = group
        self._ways: set[SocketWay] = set()
        self._later: asyncio.TimerHandle | None = None
        self._listener = socket.socket(
            socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )

    async def __aenter__(self) -> "AttachServer":
        # bound beside its name and renamed: nobody meets a socket that may not be opened yet, and a killed one is replaced
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with suppress(FileNotFoundError):
            fresh.unlink()
        self._listener.bind(str(fresh))
        fresh.chmod(self._mode)
        if self._group >= 0:
            os.chown(fresh, -1, self._group)
        self._listener.listen(64)
        fresh.rename(self._path)
        self.loop.add_reader(self._listener, self._connected)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._later is not None:
            self._later.cancel()
        self.loop.remove_reader(self._listener)
        self._listener.close()
        for way in tuple(self._ways):
            way.close()
        with suppress(FileNotFoundError):
            self._path.unlink()

    def _connected(self) -> None:
        for _ in range(AT_ONCE):
            try:
                sock, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # out of files: whoever waits is taken later, and nobody spins until then
                self.loop.remove_reader(self._listener)
                self._later = self.loop.call_later(
                    ACCEPT_AGAIN_S, self.loop.add_reader, self._listener, self._connected
                )
                return
            who = Credentials(*struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)))
            if not self._room(who):
                sock.close()
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            way = SocketWay(self, sock, who)
            self._ways.add(way)
            self.intake.attached(way)
            self.loop.add_reader(sock, way.readable)

    def _room(self, who: Credentials) -> bool:
        if who.uid in self._trusted:
            return len(self._ways) < MAX_CONNECTIONS
        others = sum(way.who.uid not in self._trusted for way in self._ways)
        same = sum(way.who.uid == who.uid for way in self._ways)
        return others < MAX_CONNECTIONS - RESERVED and same < MAX_OF_ONE_USER

    def left(self, way: SocketWay) -> None:
        self._ways.discard(way)
        self.intake.detached(way)


def _busy(reply: bytes) -> bytes:
    """The same reply as a refusal for now."""
    return REPLY.pack(seq=int.from_bytes(reply[:4], "little"), code=NUMBERS["GW_BUSY"])


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        with suppress(OSError):
            os.close(fd)
