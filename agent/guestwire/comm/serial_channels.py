"""The serial channel way: a guest's virtio-serial port, whose other end is a Unix socket that QEMU binds.

The socket is there while QEMU is, so a channel tries to connect until it can, and begins anew when QEMU has gone. That is
all a channel can see: a port gives no sign of a program in the guest that opens or closes it, nor of the guest's reset.
The sign is in the requests: HELLO begins a new conversation, and whoever takes requests ends the one before
(conversations.py). A reply to a program that is gone stays in the port for the next one, which knows it by its seq.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from guestwire.comm.frames import FrameReader, encode_reply
from guestwire.comm.ways import Intake, WayKind

_UCRED = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a channel waits for what, in seconds, and what it holds at most, in bytes."""

    first_retry_s: float = 0.05
    last_retry_s: float = 2.0
    connect_s: float = 5.0
    silence_s: float = 0.5
    """A frame whose rest does not come for that long is given up."""
    unsent: int = 64 << 10
    """Replies that wait for a guest that does not read; what comes then is dropped."""
    noise_per_s: float = float(1 << 20)
    """Bytes of no frame that a guest may send in a second: more makes it wait."""


class SerialWay(asyncio.Protocol):
    """One connection to a guest's port. Made by a channel."""

    def __init__(
        self, party: str, intake: Intake, patience: Patience, loop: asyncio.AbstractEventLoop, gone: Callable[[], None]
    ) -> None:
        self._party = party
        self._intake = intake
        self._patience = patience
        self._loop = loop
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._frames = FrameReader()
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self._paused_until = 0.0
        self._resume: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None
        self.dropped = 0
        """Replies that the guest did not take."""

    @property
    def kind(self) -> WayKind:
        return "serial"

    @property
    def party(self) -> str:
        return self._party

    @property
    def pid(self) -> int | None:
        """Nobody knows it: who made the socket that QEMU listens on (SO_PEERCRED) is libvirt's daemon."""
        return None

    @property
    def connected(self) -> bool:
        return self._transport is not None

    @property
    def skipped(self) -> int:
        """Bytes from the guest that were no frame."""
        return self._frames.skipped

    def reply(self, reply: bytes, fds: Sequence[int] = ()) -> None:
        transport = self._transport
        frame = encode_reply(reply)
        if (
            transport is None
            or transport.is_closing()
            or transport.get_write_buffer_size() + len(frame) > self._patience.unsent
        ):
            self.dropped += 1
        else:
            transport.write(frame)

    def flush(self) -> None:
        """Nothing: a port wakes its reader by itself."""

    def pause(self, seconds: float) -> None:
        if self._transport is None or self._transport.is_closing() or seconds <= 0:
            return
        until = self._loop.time() + seconds
        if until <= self._paused_until:
            return
        self._paused_until = until
        if self._resume is None:
            self._transport.pause_reading()
        else:
            self._resume.cancel()
        self._stop_silence()
        self._resume = self._loop.call_at(until, self._go_on)

    def close(self) -> None:
        """Ends the connection; the channel connects again as long as it is served."""
        self._closed = True
        transport, self._transport = self._transport, None
        if transport is None:
            return
        for timer in (self._resume, self._silence):
            if timer is not None:
                timer.cancel()
        self._waiting.clear()
        transport.abort()
        self._intake.detached(self)

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes
        connection = cast("asyncio.Transport", transport)
        if self._closed:
            connection.abort()
            return
        self._transport = connection
        self._intake.attached(self)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        skipped = self._frames.skipped
        self._waiting.extend(self._frames.feed(data))
        self._deliver()
        self._noise(self._frames.skipped - skipped)
        self._watch_silence()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()
        self._gone()

    # -- inside

    def _deliver(self) -> None:
        """Hand requests on until one of them makes the guest wait, or the way is closed; the others stay."""
        while self._waiting and self._resume is None:
            request, payload = self._waiting.popleft()
            try:
                self._intake.requests(self, (request,), payload)
            except Exception:
                # a defect: whoever waits for a reply must not wait for ever
                self.close()
                raise

    def _noise(self, skipped: int) -> None:
        """Bytes that mean nothing cost time to look through: they are paid for with waiting."""
        if skipped:
            self._intake.woken(self)
            self.pause(skipped / self._patience.noise_per_s)

    def _go_on(self) -> None:
        self._resume = None
        self._deliver()
        if self._resume is None and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._watch_silence()

    def _watch_silence(self) -> None:
        self._stop_silence()
        if self._frames.partial and self._resume is None and self._transport is not None:
            self._silence = self._loop.call_later(self._patience.silence_s, self._fell_silent)

    def _stop_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _fell_silent(self) -> None:
        skipped = self._frames.skipped
        self._waiting.extend(self._frames.abandon())
        self._deliver()
        self._noise(self._frames.skipped - skipped)
        self._watch_silence()


class _Channel:
    """One guest's channel: connects, waits for the end, and connects again, until it is cancelled."""

    def __init__(self, party: str, path: Path, intake: Intake, patience: Patience) -> None:
        self.party = party
        self.path = path
        self.way: SerialWay | None = None
        self._intake = intake
        self._patience = patience

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        wait = self._patience.first_retry_s
        while True:
            began = loop.time()
            await self._connection(loop)
            if loop.time() - began > self._patience.last_retry_s:
                wait = self._patience.first_retry_s
            await asyncio.sleep(wait)
            wait = min(2 * wait, self._patience.last_retry_s)

    async def _connection(self, loop: asyncio.AbstractEventLoop) -> None:
        """Until it ends; at once when there is none to be had."""
        if not self.path.exists():
            # the guest is off: cheaper than a socket for each try
            return
        gone = asyncio.Event()
        self.way = way = SerialWay(self.party, self._intake, self._patience, loop, gone.set)
        try:
            async with asyncio.timeout(self._patience.connect_s):
                await loop.create_unix_connection(lambda: way, str(self.path))
            await gone.wait()
        except OSError:
            return
        finally:
            self.way = None
            way.close()


class SerialChannels:
    """The channels of the guests of one host. Use as `async with`: the end closes all."""

    def __init__(self, intake: Intake, patience: Patience | None = None) -> None:
        self._intake = intake
        self._patience = patience or Patience()
        self._channels: dict[str, tuple[_Channel, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def ways(self) -> Mapping[str, SerialWay]:
        """The connections that stand, by the guest's uuid."""
        return {
            uuid: channel.way for uuid, (channel, _) in self._channels.items() if channel.way and channel.way.connected
        }

    def serve(self, uuid: str, party: str, path: Path) -> None:
        """From now on the guest `party` is connected whenever QEMU has bound `path`. Once more with the same: nothing."""
        if (known := self._channels.get(uuid)) is not None:
            if (known[0].party, known[0].path) == (party, path):
                return
            self.unserve(uuid)
        channel = _Channel(party, path, self._intake, self._patience)
        self._channels[uuid] = channel, asyncio.create_task(channel.run(), name=f"serial channel of {party}")

    def unserve(self, uuid: str) -> None:
        """No more: its connection is closed when this returns."""
        channel, task = self._channels.pop(uuid, (None, None))
        if channel is None or task is None:
            return
        if channel.way is not None:
            channel.way.close()
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for uuid in tuple(self._channels):
            self.unserve(uuid)
        await asyncio.gather(*self._ending, return_exceptions=True)
