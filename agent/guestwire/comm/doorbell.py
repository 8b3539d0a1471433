"""One QEMU at the ivshmem server: its control region, its vectors' eventfds, and what it still has to be told."""

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from guestwire.comm.control_region import ControlRegion
from guestwire.comm.ivshmem_wire import Message, introduction, left, vectors
from guestwire.comm.ways import Intake, WayKind
from guestwire.shm.layouts import NUMBERS

SERVER_PEER = NUMBERS["GW_SERVER_PEER"]
VECTORS = NUMBERS["GW_VECTORS"]
MAX_PAUSE_S = 10.0
LOOKS = 4
"""How often a control region is looked at before others have their turn."""
TOO_MANY_S = 0.05
"""After which a file descriptor is sent again that the kernel refused: too many were on their way (unix(7))."""


class Doorbell:
    """A way of kind "doorbell". `start` it once; it tells the intake `attached` then, and `detached` exactly once, however
    it ends: the other end closed or said something, the greeting was not taken in time, or `close`.

    `gone` is called after `detached` and before its eventfds are closed.
    """

    kind: WayKind = "doorbell"

    def __init__(
        self,
        sock: socket.socket,
        party: str,
        peer: int,
        region: Callable[[], ControlRegion],
        intake: Intake,
        gone: Callable[["Doorbell"], None],
    ) -> None:
        """Takes the socket over if it returns. Raises OSError: no file descriptor or memory left."""
        self.party = party
        self.peer = peer
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._intake = intake
        self._gone = gone
        self._unsent: deque[Message] = deque()
        self._told: set[int] = set()
        self._reply_put = False
        self._deadline: asyncio.TimerHandle | None = None
        self._paused: asyncio.TimerHandle | None = None
        self._again: asyncio.TimerHandle | None = None
        self._nudge: asyncio.TimerHandle | None = None
        self._nudged: frozenset[int] = frozenset()
        self.pid: int | None = _pid(sock)
        with contextlib.ExitStack() as made:
            self._region = made.enter_context(contextlib.closing(region()))
            self._wake = _eventfd(made)
            self.vectors = tuple(_eventfd(made) for _ in range(VECTORS))
            self._files = made.pop_all()

    @property
    def corrupt(self) -> int:
        """Looks at the control region that found indices which cannot be."""
        return self._region.corrupt

    @property
    def dropped(self) -> int:
        """Replies that the guest had no slot for."""
        return self._region.dropped

    def set_instance(self, instance: int) -> None:
        """What the guest finds in its control region: who answers it, 0 nobody."""
        self._region.set_instance(instance)

    def renew(self, instance: int) -> None:
        """Its control region is sound again, and served by `instance`: who opened it before is told that it is not served."""
        self._region.renew(instance)
        self.ring((0,))

    def start(self, dummy: int, greeting_s: float) -> None:
        """Greets the client and listens to it. `dummy` is the eventfd of vectors that nobody hears; what the socket does
        not take of the greeting within `greeting_s` seconds ends the connection."""
        self._sock.setblocking(False)
        self._loop.add_reader(self._sock.fileno(), self._socket_readable)
        self._loop.add_reader(self._wake, self._rung)
        self._intake.attached(self)
        if self.closed:
            return
        self._tell(introduction(self.peer, self._region.fd))
        self._tell(vectors(SERVER_PEER, (self._wake, *(dummy,) * (VECTORS - 1))))
        self._tell(vectors(self.peer, self.vectors))
        if self._unsent:
            self._deadline = self._loop.call_later(greeting_s, self.close)

    def tell_vectors(self, peer: int, eventfds: Sequence[int]) -> None:
        """Lets the client ring a peer, which no message on this connection has named before. The eventfds stay the
        caller's, and open until `tell_left`."""
        self._tell(vectors(peer, eventfds))

    def tell_left(self, peer: int) -> None:
        """Takes that back. What was not sent yet never is: a client that reads nothing has no more than that waiting."""
        self._unsent = deque(message for message in self._unsent if message.value != peer)
        if peer in self._told:
            self._told.discard(peer)
            self._tell([left(peer)])

    def _tell(self, messages: Iterable[Message]) -> None:
        if self.closed:
            return
        waiting = bool(self._unsent)
        self._unsent.extend(messages)
        if not waiting:
            self._send()

    def _send(self) -> None:
        """Sends what the socket takes, each message by itself."""
        while self._unsent:
            message = self._unsent[0]
            rights = (
                () if message.fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", message.fd))]
            )
            try:
                self._sock.sendmsg([message.encode()], rights, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(self._sock.fileno(), self._send)
                return
            except OSError as err:
                self._loop.remove_writer(self._sock.fileno())
                if err.errno == errno.ETOOMANYREFS:
                    self._again = self._loop.call_later(TOO_MANY_S, self._send)
                else:  # not now: whoever told us something is not done with it
                    self._unsent.clear()
                    self._loop.call_soon(self.close)
                return
            self._unsent.popleft()
            if message.fd is not None:
                self._told.add(message.value)
        self._loop.remove_writer(self._sock.fileno())
        if self._deadline is not None:
            self._deadline.cancel()

    def _socket_readable(self) -> None:
        """A client of an ivshmem server says nothing: it left, or it is none."""
        try:
            self._sock.recv(64)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass  # reset: it left as well
        if self._paused is None:
            self._rung()  # what it asked for before it left still counts
        self.close()

    def _rung(self) -> None:
        """Answers first, for somebody waits for it. The eventfd is read between two looks at the region: what is put after
        the last look rings again. Its lock is the barrier that ControlRegion.taken wants."""
        found, corrupt = False, self._region.corrupt
        for _ in range(LOOKS):
            if requests := self._region.take():
                found = True
                self._intake.requests(self, requests)
                if self.closed:
                    return
            self._region.taken()
            if self._paused is not None:
                return
            try:
                rings = os.eventfd_read(self._wake)
            except BlockingIOError:
                rings = 0
            if not self._region.waiting:
                if (rings or self._region.corrupt != corrupt) and not found:
                    self._intake.woken(self)
                return
        if not found:  # an index that never rests: looking costs, as a ring for nothing does
            self._intake.woken(self)
        if not self.closed:
            os.eventfd_write(self._wake, 1)  # others have their turn

    def reply(self, reply: bytes, fds: Sequence[int] = ()) -> None:
        if not self.closed:
            self._region.put(reply)
            self._reply_put = True

    def flush(self) -> None:
        if self._reply_put:
            self._reply_put = False
            self.ring((0,))

    def ring(self, numbers: Iterable[int]) -> None:
        """Interrupts the guest at these vectors."""
        if self.closed:
            return
        for number in numbers:
            try:
                os.eventfd_write(self.vectors[number], 1)
            except BlockingIOError:  # rung 2^64 times: it is awake
                continue

    def ring_later(self, numbers: frozenset[int], seconds: float) -> None:
        """Interrupts it once more by then."""
        self._nudged |= numbers
        if self._nudge is None and not self.closed:
            self._nudge = self._loop.call_later(seconds, self._ring_nudged)

    def _ring_nudged(self) -> None:
        numbers, self._nudged, self._nudge = self._nudged, frozenset(), None
        self.ring(numbers)

    def pause(self, seconds: float) -> None:
        """At most MAX_PAUSE_S; the last word counts."""
        if self.closed:
            return
        if self._paused is None:
            self._loop.remove_reader(self._wake)
        else:
            self._paused.cancel()
        self._paused = self._loop.call_later(min(max(seconds, 0.0), MAX_PAUSE_S), self._go_on)

    def _go_on(self) -> None:
        self._paused = None
        self._loop.add_reader(self._wake, self._rung)
        self._rung()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._unsent.clear()
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._loop.remove_reader(self._wake)
        for timer in (self._deadline, self._paused, self._again, self._nudge):
            if timer is not None:
                timer.cancel()
        with self._files, self._sock:
            try:
                self._intake.detached(self)
            finally:
                self._gone(self)


def _eventfd(owner: contextlib.ExitStack) -> int:
    fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    owner.callback(os.close, fd)
    return fd


def _pid(sock: socket.socket) -> int | None:
    pid: int = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return pid or None
