"""Blocking calls in threads: deadlines, calls that hang, and nothing left behind."""

import asyncio
import threading

import pytest

from guestwire.agent.drivers.calls import Calls, Overdue
from guestwire.model.errors import GuestwireError


async def test_a_call_gives_its_result_or_its_exception() -> None:
    calls = Calls()
    assert await calls.run(lambda: 7, 5) == 7
    with pytest.raises(ZeroDivisionError):
        await calls.run(lambda: 1 // 0, 5)
    assert calls.overdue == 0


async def test_a_call_that_hangs_ends_at_its_deadline_and_others_go_on() -> None:
    calls, hold, late = Calls(), threading.Event(), asyncio.Event()
    try:
        with pytest.raises(Overdue):
            await calls.run(hold.wait, 0.01, late=late.set)
        assert calls.overdue == 1
        assert await calls.run(lambda: 7, 5) == 7
        assert not late.is_set()
    finally:
        hold.set()
    async with asyncio.timeout(5):
        await late.wait()
    assert calls.overdue == 0


async def test_a_cancelled_caller_leaves_the_call_running() -> None:
    calls, hold, late = Calls(), threading.Event(), asyncio.Event()
    try:
        caller = asyncio.create_task(calls.run(hold.wait, 60, late=late.set))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert calls.overdue == 1
    finally:
        hold.set()
    async with asyncio.timeout(5):
        await late.wait()


async def test_when_every_thread_hangs_the_next_call_is_refused_at_once() -> None:
    calls, hold = Calls(threads=2), threading.Event()
    try:
        hung = [asyncio.create_task(calls.run(hold.wait, 60)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(GuestwireError) as caught:
            await calls.run(lambda: 7, 5)
        assert caught.value.code == "DRIVER-LOST"
    finally:
        hold.set()
    assert await asyncio.gather(*hung) == [True, True]
    assert await calls.run(lambda: 7, 5) == 7


async def test_many_calls_share_few_threads() -> None:
    calls = Calls(threads=16)
    before = threading.active_count()
    for _ in range(50):
        assert await calls.run(lambda: 7, 5) == 7
    assert threading.active_count() - before <= 2


def test_a_loop_that_is_gone_does_not_disturb_the_thread() -> None:
    calls, hold = Calls(), threading.Event()

    async def leave() -> None:
        with pytest.raises(Overdue):
            await calls.run(hold.wait, 0.01)

    asyncio.run(leave())
    hold.set()

    async def again() -> int:
        return await calls.run(lambda: 7, 5)

    assert asyncio.run(again()) == 7
