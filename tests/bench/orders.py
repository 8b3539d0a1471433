"""The child's side of `children`: orders from stdin, load from a coroutine, answers to stdout."""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rows import percentile

Call = Callable[[], Awaitable[object]]


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def ready(**fields: object) -> None:
    """Say that this end serves. What was made until now is not looked at by the garbage collector again: the same for
    every Python peer."""
    gc.collect()
    gc.freeze()
    say(ready=True, **fields)


async def next_order() -> dict[str, Any] | None:
    """The next order; None when the bench has left."""
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    order: dict[str, Any] | None = json.loads(line) if line else None
    return order


async def serve_orders(call: Call) -> None:
    """Answer every order {in_flight, seconds} with what the calls did."""
    ready()
    while (order := await next_order()) is not None:
        say(**await load(call, order["in_flight"], order["seconds"]))


async def load(call: Call, in_flight: int, seconds: float) -> dict[str, float]:
    """Keep so many calls under way for so long: calls per second, own processor time; latencies with one in flight."""
    took: list[float] = []
    count = 0
    clock = time.perf_counter
    end = clock() + seconds

    async def worker() -> None:
        nonlocal count
        while clock() < end:
            await call()
            count += 1

    async def alone() -> None:
        while (began := clock()) < end:
            await call()
            took.append(clock() - began)

    began, used = clock(), time.process_time()
    if in_flight == 1:
        await alone()
        count = len(took)
    else:
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(worker())
    lasted, used = clock() - began, time.process_time() - used
    return summary(count, lasted, used, took)


def summary(count: int, lasted: float, used: float, took: list[float]) -> dict[str, float]:
    """The answer to a load order."""
    said = {"calls_s": count / lasted, "cpu_us": used / max(count, 1) * 1e6}
    if took:
        said |= {"p50_us": percentile(took, 0.5) * 1e6, "p99_us": percentile(took, 0.99) * 1e6}
    return said
