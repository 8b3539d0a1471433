"""Tells hosts what is committed, so that they may forget it: a while after, so that one word covers much.

What is not told (the host is away, the controller was restarted) is no loss: the host sends it again, and is told then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Self

from guestwire.controller.host_ref import HostRef
from guestwire.link.backoff import Backoff
from guestwire.model.errors import GuestwireError
from guestwire.protocol.number_ranges import NumberRanges, Range
from guestwire.protocol.telemetry import SpoolClass, TelemetryAck

HOLD_S: Final = 12.0
"""How long a number waits for others: of hosts that send every ten seconds, two go into one word. A host sends again what was not
acknowledged in half a minute."""
MANY: Final = 64
"""So many numbers are told at once."""
MOST_RANGES: Final = 256
"""Of one acknowledgement."""
AT_ONCE: Final = 64
"""Hosts that are told at the same time."""
TRIES: Final = 4
LONGEST_WAIT_S: Final = 10.0

Ack = Callable[[HostRef, TelemetryAck], Awaitable[None]]
"""Tells a host. Raises GuestwireError when it did not work; must not take for ever."""
LogOf = tuple[bytes, SpoolClass]


class _Host:
    """What one host is still to be told."""

    __slots__ = ("logs", "n", "task", "timer")

    def __init__(self) -> None:
        self.logs: dict[LogOf, NumberRanges] = {}
        self.n = 0
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None


class Acknowledging:
    """Works while its block lasts. `committed` is told what is in the database; `ack` tells the hosts."""

    def __init__(
        self,
        ack: Ack,
        hold_s: float = HOLD_S,
        at_once: int = AT_ONCE,
        backoff: Callable[[], Backoff] = lambda: Backoff(cap_s=LONGEST_WAIT_S),
    ) -> None:
        self._ack = ack
        self._hold_s = hold_s
        self._gate = asyncio.Semaphore(at_once)
        self._backoff = backoff
        self._hosts: dict[HostRef, _Host] = {}
        self._open = False
        self.told = 0
        """Acknowledgements that a host took."""
        self.untold = 0
        """Those that were given up."""

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        tasks = []
        for host in self._hosts.values():
            if host.timer is not None:
                host.timer.cancel()
            if host.task is not None:
                host.task.cancel()
                tasks.append(host.task)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._hosts.clear()

    def committed(self, ref: HostRef, log: bytes, spool_class: SpoolClass, ranges: NumberRanges) -> None:
        """These numbers are in the database. Never blocks."""
        if not self._open:
            return
        host = self._hosts.get(ref)
        if host is None:
            host = self._hosts[ref] = _Host()
        known = host.logs.setdefault((log, spool_class), NumberRanges())
        for first, last in ranges:
            known.add(first, last)
            host.n += 1
        if host.task is not None:
            return
        if host.n >= MANY:
            self._begin(ref, host)
        elif host.timer is None:
            host.timer = asyncio.get_running_loop().call_later(self._hold_s, self._begin, ref, host)

    def _begin(self, ref: HostRef, host: _Host) -> None:
        if host.timer is not None:
            host.timer.cancel()
            host.timer = None
        if host.task is None:
            host.task = asyncio.create_task(self._tell(ref, host), name=f"telemetry-ack-{ref}")

    async def _tell(self, ref: HostRef, host: _Host) -> None:
        try:
            while host.logs:
                logs, host.logs, host.n = host.logs, {}, 0
                for (log, spool_class), ranges in logs.items():
                    for part in _parts(tuple(ranges)):
                        await self._tell_one(ref, TelemetryAck(log=log, spool_class=spool_class, ranges=part))
                if host.n < MANY:
                    break
        finally:
            host.task = None
            if not host.logs:
                self._hosts.pop(ref, None)
            elif self._open:
                host.timer = asyncio.get_running_loop().call_later(self._hold_s, self._begin, ref, host)

    async def _tell_one(self, ref: HostRef, ack: TelemetryAck) -> None:
        backoff = self._backoff()
        for tries in range(1, TRIES + 1):
            try:
                async with self._gate:
                    await self._ack(ref, ack)
            except GuestwireError:
                if tries < TRIES:
                    await asyncio.sleep(backoff.failed(0))
            else:
                self.told += 1
                return
        self.untold += 1


def _parts(ranges: tuple[Range, ...]) -> list[tuple[Range, ...]]:
    return [ranges[at : at + MOST_RANGES] for at in range(0, len(ranges), MOST_RANGES)]
