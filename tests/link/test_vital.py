"""Tasks that an agent cannot do without: which ends are a defect, and that the wait for `stop` ends with them."""

import asyncio
from typing import Any

import pytest

from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError


async def forever() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise ValueError("a defect")


async def returns() -> None:
    return


def recording() -> tuple[Vital, list[tuple[str, BaseException]]]:
    told: list[tuple[str, BaseException]] = []
    return Vital(lambda name, error: told.append((name, error))), told


@pytest.mark.parametrize(("work", "error"), [(broken, ValueError), (returns, RuntimeError)])
async def test_a_task_that_ends_unasked_is_told_and_ends_the_wait(work: Any, error: type[Exception]) -> None:
    vital, told = recording()
    vital.watch(asyncio.create_task(work(), name="pump"))
    async with asyncio.timeout(5):
        await vital.until(asyncio.Event())
    with pytest.raises(GuestwireError) as caught:
        vital.check()
    assert (caught.value.code, caught.value.detail["task"], vital.dead) == ("INTERNAL", "pump", "pump")
    assert [(name, type(reason)) for name, reason in told] == [("pump", error)]


async def test_a_task_may_be_allowed_to_return_and_never_to_fail() -> None:
    vital, told = recording()
    for work in (returns, broken):
        task = asyncio.create_task(work(), name=work.__name__)
        vital.watch(task, may_return=True)
        await asyncio.wait({task})
    await asyncio.sleep(0)
    assert [name for name, _ in told] == ["broken"]


async def test_a_task_that_its_owner_cancels_has_ended_well() -> None:
    vital, told = recording()
    task = asyncio.create_task(forever())
    vital.watch(task)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert (told, vital.dead) == ([], None)


async def test_a_task_that_dies_of_somebody_elses_cancellation_is_dead() -> None:
    vital, told = recording()
    inner: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def waits() -> None:
        await inner

    task = asyncio.create_task(waits(), name="waits")
    vital.watch(task, may_return=True)
    await asyncio.sleep(0)
    inner.cancel()
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert [name for name, _ in told] == ["waits"]


async def test_the_wait_ends_with_stop() -> None:
    vital, _ = recording()
    task = asyncio.create_task(forever())
    vital.watch(task)
    stop = asyncio.Event()
    waiting = asyncio.create_task(vital.until(stop))
    await asyncio.sleep(0)
    stop.set()
    async with asyncio.timeout(5):
        await waiting
    vital.check()
    task.cancel()
