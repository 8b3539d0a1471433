"""Round trips to hosts, and what they tell of the clocks at both ends."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from guestwire.model.errors import GuestwireError
from guestwire.protocol.operation_models import Ping
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.bulk import each
from guestwire.sdk.client import Client


@dataclass(frozen=True, slots=True)
class Pings:
    """What `sent` pings to a host gave. `clock_ms`: how far its wall clock is ahead of ours, by the quickest of them."""

    host: str
    sent: int
    times_ms: tuple[float, ...]
    clock_ms: float | None
    epoch: int | None
    verified: bool
    error: GuestwireError | None

    median = staticmethod(statistics.median)

    def milliseconds(self, of: Callable[[Sequence[float]], float]) -> str:
        return f"{of(self.times_ms):.2f} ms" if self.times_ms else "-"

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "host": self.host,
            "sent": self.sent,
            "times_ms": [round(t, 3) for t in self.times_ms],
            "clock_ms": self.clock_ms,
            "epoch": self.epoch,
            "verified": self.verified,
            "error": self.error.code if self.error else None,
        }


async def measure(
    client: Client, hosts: Sequence[str], count: int, size: int, options: CallOptions
) -> tuple[Pings, ...]:
    """Pings every host at once, one ping after the other for each; a host's first failure ends its row."""

    async def one(host: str) -> Pings:
        return await ping_host(client, host, count, size, options)

    outcomes = await each(hosts, one)
    return tuple(o.result for o in outcomes if o.result is not None)


async def ping_host(client: Client, host: str, count: int, size: int, options: CallOptions) -> Pings:
    """Pings one host. An error is part of the result."""
    api, request = client.host(host), Ping(payload=bytes(size))
    times: list[float] = []
    clock: float | None = None
    epoch: int | None = None
    verified = True
    error: GuestwireError | None = None
    for _ in range(count):
        began_wall, began = time.time_ns() / 1e6, time.perf_counter()
        try:
            answer = await api.host_ping(request, options)
        except GuestwireError as err:
            error = err
            break
        took = (time.perf_counter() - began) * 1000
        if not times or took < min(times):
            clock = round(answer.reply.now - (began_wall + took / 2), 1)
        times.append(took)
        epoch, verified = answer.reply.epoch, verified and answer.verified
    return Pings(host, count, tuple(times), clock, epoch, verified and bool(times), error)
