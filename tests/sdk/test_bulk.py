"""The same for many: bounded, every outcome kept."""

import asyncio

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.sdk.bulk import each


async def test_outcomes_keep_their_order_and_their_errors() -> None:
    async def action(number: int) -> int:
        await asyncio.sleep(0)
        if number % 2:
            raise GuestwireError("NOT-FOUND", str(number))
        return number * 10

    ended: list[int] = []
    outcomes = await each([0, 1, 2, 3], action, on_end=lambda outcome: ended.append(outcome.target))
    assert [(o.target, o.result, o.error and o.error.message) for o in outcomes] == [
        (0, 0, None), (1, None, "1"), (2, 20, None), (3, None, "3"),
    ]  # fmt: skip
    assert sorted(ended) == [0, 1, 2, 3]


async def test_never_more_at_a_time() -> None:
    running = highest = 0
    turn = asyncio.Event()

    async def action(_: int) -> None:
        nonlocal running, highest
        running += 1
        highest = max(highest, running)
        if running == 3:
            turn.set()
        async with asyncio.timeout(5):
            await turn.wait()
        running -= 1

    await each(range(10), action, at_a_time=3)
    assert highest == 3


async def test_a_defect_ends_the_whole() -> None:
    async def action(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup):
        await each([1, 2], action)
