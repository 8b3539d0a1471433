"""A supervised connection to libvirtd: it comes back by itself, and nobody waits longer than a deadline for it.

Open, keepalive, close callback, then `on_up`, which registers for events and lists everything; on loss `on_lost`, and
again with full-jitter back-off. The epoch counts connections.

A daemon that is frozen is found by asking it something (`check`) every few seconds: libvirt's keepalive notices too, but
does not wake a single waiting call (libvirt 9.0). libvirtd serves 5 calls of one client at once, so when several hang the
link is given up with them.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Self, TypeVar

import libvirt

from guestwire.agent.drivers.calls import Calls, Overdue
from guestwire.agent.drivers.libvirt.errors import is_lost, translate
from guestwire.agent.drivers.libvirt.event_loop import ensure_event_loop
from guestwire.agent.drivers.libvirt.link import Link
from guestwire.model.errors import GuestwireError

T = TypeVar("T")

READ_S = 10.0
EFFECT_S = 60.0
_OPEN_S = 15.0
_CHECK_EVERY_S = 5.0
_KEEPALIVE_S, _KEEPALIVE_COUNT = 5, 3
_BACKOFF_FIRST_S, _BACKOFF_MOST_S = 0.2, 15.0
_HUNG_CALLS = 4


class Connection:
    """One connection, kept up. `async with Connection(...)` returns after the first attempt, whether it succeeded.

    `on_up(connection, epoch)` runs on each new link before it counts as connected; what it raises ends this attempt.
    `on_lost(epoch, reason)` follows every loss, and a first attempt that failed. `check(connection)` runs every few
    seconds; a GuestwireError from it ends the link. `on_close` holds what must know that a
    link ended: libvirt tells its streams nothing when the daemon dies.
    """

    def __init__(
        self,
        uri: str,
        *,
        on_up: Callable[["Connection", int], Awaitable[None]],
        on_lost: Callable[[int, str], None],
        check: Callable[["Connection"], Awaitable[None]],
        jitter: Callable[[float, float], float] = random.uniform,
        check_every_s: float = _CHECK_EVERY_S,
    ) -> None:
        self._uri = uri
        self._on_up = on_up
        self._on_lost = on_lost
        self._check = check
        self._jitter = jitter
        self._check_every_s = check_every_s
        self._opener = Calls(threads=1)
        self._opening: asyncio.Future[Any] | None = None
        self._ended = False
        self._link: Link | None = None
        self._gone: asyncio.Future[str] | None = None
        self._unanswered: set[str] = set()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.on_close: set[Callable[[], None]] = set()
        self.epoch = 0
        self.connected = False

    async def __aenter__(self) -> Self:
        ensure_event_loop()
        self._task = asyncio.create_task(self._supervise(), name="libvirt-connection")
        await self._tried.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._retire()

    async def call(
        self,
        act: Callable[[Any], T],
        *,
        effect: bool,
        key: str | None = None,
        deadline_s: float | None = None,
    ) -> T:
        """`act(virConnect)` in a thread. `key` names what it acts on: while a call with an effect on it is unanswered,
        the next one is refused. Raises what `errors.translate` makes; at the deadline INDETERMINATE, or DRIVER-LOST for
        a call without effect.
        """
        link = self._link
        if link is None:
            raise GuestwireError("DRIVER-LOST")
        held = key if effect and key is not None else ""
        if held in self._unanswered:
            raise GuestwireError("INDETERMINATE", "an earlier call to the hypervisor is still unanswered")
        limit = deadline_s or (EFFECT_S if effect else READ_S)
        try:
            return await link.calls.run(link.guarded(act), limit, late=lambda: self._unanswered.discard(held))
        except libvirt.libvirtError as err:
            if is_lost(err):
                self._lose(link, err.get_error_message() or "the connection broke")
            raise translate(err, effect=effect) from err
        except (Overdue, asyncio.CancelledError) as err:
            if held:
                self._unanswered.add(held)
            if link.calls.overdue >= _HUNG_CALLS:
                self._lose(link, f"{link.calls.overdue} calls hang")
            if isinstance(err, asyncio.CancelledError):
                raise
            code = "INDETERMINATE" if effect else "DRIVER-LOST"
            raise GuestwireError(code, f"the hypervisor gave no answer in {limit:g} s") from err

    async def release(self, act: Callable[[], None]) -> None:
        """Let go of something that belongs to the link, in a thread. Waits a little, and raises nothing of libvirt's."""
        if (link := self._link) is not None:
            with suppress(Overdue, GuestwireError, libvirt.libvirtError):
                await link.calls.run(link.guarded(lambda _conn: act()), READ_S)

    async def on_event(self, event_id: int, callback: Callable[..., None]) -> None:
        """Register a callback for an event of all domains, on this link only. It runs on the asyncio loop."""
        loop = asyncio.get_running_loop()
        link = self._link

        def arrived(*arguments: Any) -> None:
            if self._link is link:  # a link that was given up may still speak
                callback(*arguments)

        def deliver(_conn: object, *arguments: Any) -> None:
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(arrived, *arguments[:-1])

        number = await self.call(lambda conn: conn.domainEventRegisterAny(None, event_id, deliver, None), effect=False)
        if link is not None:
            link.registered(number)

    def give_up(self, reason: str) -> None:
        """End this link: the next one lists everything anew."""
        if self._link is not None:
            self._lose(self._link, reason)

    def _lose(self, link: Link, reason: str) -> None:
        if link is self._link and self._gone is not None and not self._gone.done():
            self._gone.set_result(reason)

    async def _supervise(self) -> None:
        failures = 0
        while True:
            try:
                await self._open()
            except Exception as err:  # noqa: BLE001 (supervision outlives any defect of what it supervises)
                failures += 1
                if not self._tried.is_set():
                    self._on_lost(self.epoch, err.message if isinstance(err, GuestwireError) else repr(err))
            else:
                failures = 0
                self._tried.set()
                reason = await self._until_gone()
                self.connected = False
                self._on_lost(self.epoch, reason)
            self._tried.set()
            self._retire()
            await asyncio.sleep(self._jitter(0.0, min(_BACKOFF_MOST_S, _BACKOFF_FIRST_S * 2**failures)))

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        # an attempt that hangs is waited for again, not started again: a thread for each would have no bound
        opening = self._opening = self._opening or self._opener.submit(self._connect)
        done, _ = await asyncio.wait({opening}, timeout=_OPEN_S)
        if not done:
            raise GuestwireError("DRIVER-LOST", f"libvirt did not open in {_OPEN_S:g} s")
        self._opening = None
        try:
            conn = opening.result()
        except libvirt.libvirtError as err:
            raise translate(err, effect=False) from err
        gone = self._gone = loop.create_future()
        self._link = Link(conn)

        def closed(_conn: object, reason: int, _opaque: object) -> None:
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(
                    lambda: (
                        None if gone.done() else gone.set_result(_CLOSED.get(reason, "libvirt closed the connection"))
                    )
                )

        await self.call(lambda conn: conn.registerCloseCallback(closed, None), effect=False)
        await self._on_up(self, self.epoch + 1)
        self.epoch += 1
        self.connected = True

    def _connect(self) -> Any:
        """In a thread."""
        conn = libvirt.open(self._uri)
        with suppress(libvirt.libvirtError):  # a driver in this process (test:///) has no keepalive and needs none
            conn.setKeepAlive(_KEEPALIVE_S, _KEEPALIVE_COUNT)
        if self._ended:
            conn.close()
        return conn

    async def _until_gone(self) -> str:
        """Why the link ended."""
        assert self._gone is not None
        while True:
            done, _ = await asyncio.wait({self._gone}, timeout=self._check_every_s)
            if done:
                return self._gone.result()
            try:
                await self._check(self)
            except GuestwireError as err:
                return self._gone.result() if self._gone.done() else err.message

    def _retire(self) -> None:
        link, self._link = self._link, None
        self.connected = False
        if link is not None:
            for told in tuple(self.on_close):
                told()
            link.retire()


_CLOSED = {
    libvirt.VIR_CONNECT_CLOSE_REASON_ERROR: "the connection to libvirtd broke",
    libvirt.VIR_CONNECT_CLOSE_REASON_EOF: "libvirtd closed the connection",
    libvirt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE: "libvirtd does not answer",
    libvirt.VIR_CONNECT_CLOSE_REASON_CLIENT: "closed by us",
}
