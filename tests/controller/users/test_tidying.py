"""Forgetting what is over."""

import asyncio

import pytest
from api_world import SaidLog

from guestwire.controller.users.tidying import Tidying
from guestwire.model.errors import GuestwireError

DEADLINE_S = 20


async def test_each_forgets_again_and_again_whatever_the_others_do() -> None:
    counts = [0, 0, 0]
    often = asyncio.Event()
    log = SaidLog()

    async def first() -> int:
        counts[0] += 1
        return 1

    async def fails() -> int:
        counts[1] += 1
        raise GuestwireError("DATABASE-UNAVAILABLE")

    async def last() -> int:
        counts[2] += 1
        if counts[2] == 3:
            often.set()
        return 0

    async with Tidying((first, fails, last), log, every_s=0.001, first_s=0) as tidying:
        async with asyncio.timeout(DEADLINE_S):
            await often.wait()
        assert not tidying.task.done()
    assert tidying.task.cancelled()
    assert min(counts) >= 3
    assert log.lines[0] == ("warning", "what is over is not forgotten", {"reason": "DATABASE-UNAVAILABLE"})


async def test_a_defect_ends_it_for_all_to_see() -> None:
    async def defect() -> int:
        raise ZeroDivisionError

    async with Tidying((defect,), SaidLog(), first_s=0) as tidying:
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(ZeroDivisionError):
                await asyncio.shield(tidying.task)
