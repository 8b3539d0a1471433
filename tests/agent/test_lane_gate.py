"""Waiting for a lane in a loop: turns, deadlines, cancelling, hanging, and nothing made for a free lane."""

import asyncio

import pytest

from guestwire.agent.lane_gate import LaneGate
from guestwire.agent.lanes import Lanes
from guestwire.model.errors import GuestwireError


def _monotonic_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)


def _gate(**limits: int) -> LaneGate:
    return LaneGate(Lanes(**limits), _monotonic_ms)


async def test_a_free_lane_needs_no_loop() -> None:
    gate = LaneGate(Lanes(), lambda: 0)
    place = await asyncio.to_thread(gate.enter, ("a",), wait_ms=1000)  # there is no loop in that thread
    assert place.granted
    await place.wait()
    place.leave()
    place.leave()


async def test_the_next_in_line_is_woken() -> None:
    gate = _gate()
    first = gate.enter(("a",), wait_ms=60_000)
    second = gate.enter(("a",), wait_ms=60_000)
    assert (second.granted, second.position) == (False, 0)
    first.leave()
    async with asyncio.timeout(5):
        await second.wait()
    assert not second.cancel()
    gate.close()


async def test_start_by_ends_a_waiting_job() -> None:
    gate = _gate()
    first = gate.enter(("a",), wait_ms=60_000)
    long = gate.enter(("a",), wait_ms=60_000)
    short = gate.enter(("a",), wait_ms=20)
    async with asyncio.timeout(5):
        with pytest.raises(GuestwireError) as late:
            await short.wait()
    assert late.value.code == "DEADLINE"
    short.leave()
    first.leave()
    await long.wait()
    gate.close()


async def test_one_timer_serves_deadline_after_deadline() -> None:
    gate = _gate()
    gate.enter(("a",), wait_ms=60_000)
    waiting = [gate.enter(("a",), wait_ms=wait_ms).wait() for wait_ms in (40, 10, 25)]
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [end.code for end in ends if isinstance(end, GuestwireError)] == ["DEADLINE"] * 3
    assert gate.lanes.waiting == 0
    gate.close()


async def test_giving_up_leaves_the_job_in_line_until_it_leaves() -> None:
    gate = _gate()
    first = gate.enter(("a",), wait_ms=60_000)
    second = gate.enter(("a",), wait_ms=60_000)
    third = gate.enter(("a",), wait_ms=60_000)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await second.wait()
    assert gate.lanes.waiting == 2
    second.leave()
    first.leave()
    await third.wait()
    gate.close()


async def test_cancel_reaches_only_those_who_wait() -> None:
    gate = _gate()
    first = gate.enter(("a",), wait_ms=60_000)
    second = gate.enter(("a",), wait_ms=60_000)
    waiting = asyncio.ensure_future(second.wait())
    await asyncio.sleep(0)
    assert not first.cancel()
    assert second.cancel()
    assert not second.cancel()
    with pytest.raises(GuestwireError) as ended:
        await waiting
    assert ended.value.code == "CANCELED"
    assert gate.lanes.waiting == 0
    gate.close()


async def test_a_full_queue_is_busy_but_not_for_recovery() -> None:
    gate = _gate(max_queued=0)
    gate.enter(("a",), wait_ms=60_000)
    with pytest.raises(GuestwireError) as busy:
        gate.enter(("a",), wait_ms=60_000)
    assert busy.value.code == "BUSY"
    assert busy.value.after_ms
    assert not gate.enter(("a",), wait_ms=60_000, forced=True).granted
    gate.close()


async def test_a_hung_job_holds_its_lane_until_it_leaves() -> None:
    gate = _gate(max_running=1)
    hung = gate.enter(("a",), wait_ms=60_000)
    same = gate.enter(("a",), wait_ms=60_000)
    other = gate.enter(("b",), wait_ms=60_000)
    hung.hang()
    await other.wait()
    assert list(gate.lanes.hung()) == ["a"]
    other.leave()
    waiting = asyncio.ensure_future(same.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    hung.leave()
    await waiting
    gate.close()


async def test_closing_ends_those_who_wait() -> None:
    gate = _gate()
    gate.enter(("a",), wait_ms=60_000)
    waiting = gate.enter(("a",), wait_ms=60_000)
    gate.close()
    with pytest.raises(GuestwireError) as ended:
        await waiting.wait()
    assert ended.value.code == "CANCELED"


async def test_two_hundred_jobs_on_shared_lanes_all_get_their_turn() -> None:
    gate = _gate(max_running=3, max_queued=300)
    inside: set[str] = set()
    done = []

    async def job(number: int) -> None:
        mine = tuple(sorted({"abcd"[number % 4], "abcd"[number % 3]}))
        place = gate.enter(mine, wait_ms=60_000)
        await place.wait()
        assert not inside & set(mine)
        inside.update(mine)
        await asyncio.sleep(0)
        inside.difference_update(mine)
        place.leave()
        done.append(number)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(job(number))
    assert len(done) == 200
    assert (gate.lanes.running, gate.lanes.waiting) == (0, 0)
    gate.close()
