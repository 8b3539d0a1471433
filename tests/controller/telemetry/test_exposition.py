"""What is of now, by what hosts have sent."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from telemetry_batches import FORKS, LOAD, NOW_MS, StillClock, batch
from telemetry_desk import Desk

from guestwire.controller.telemetry import exposition
from guestwire.controller.text_format import Which

S = 1000
Again = Callable[[], AbstractAsyncContextManager[Desk]]


def names(desk: Desk) -> set[str]:
    """The metrics that are shown."""
    pieces = exposition.pieces(desk.telemetry.known, lambda ref: True, desk.clock().wall_ms, Which())
    return {line.partition("{")[0] for line in "".join(pieces).splitlines() if not line.startswith("#")}


async def test_what_comes_late_is_not_of_now(desk: Desk, clock: StillClock) -> None:
    await desk.take(batch(9, [NOW_MS - S], {LOAD: [1]}))
    await desk.take(batch(3, [NOW_MS - 3600 * S], {LOAD: [2]}, counters={FORKS: [5]}))
    assert names(desk) == {LOAD}
    clock.wall_ms += 60 * S
    await desk.take(batch(4, [NOW_MS - 1800 * S], {LOAD: [2]}))
    assert names(desk) == {LOAD}
    clock.wall_ms += 31 * S
    assert names(desk) == set()
    await desk.take(batch(10, [NOW_MS + 91 * S], {LOAD: [1]}))
    assert names(desk) == {LOAD}


async def test_a_host_whose_clock_is_behind(desk: Desk, clock: StillClock) -> None:
    for n in range(2):
        await desk.take(batch(n + 1, [clock.wall_ms - 500 * S], {LOAD: [1]}))
        assert names(desk) == {LOAD}
        clock.wall_ms += 89 * S


async def test_after_a_start_only_what_is_heard_is_of_now(desk_again: Again, clock: StillClock) -> None:
    async with desk_again() as desk:
        await desk.take(batch(1, [NOW_MS], {LOAD: [1]}))
    async with desk_again() as desk:
        assert names(desk) == set()
        clock.wall_ms += S
        await desk.take(batch(2, [NOW_MS + S], {LOAD: [1]}))
        assert names(desk) == {LOAD}
