"""Waiting for a change."""

import asyncio
from contextlib import suppress

from guestwire.agent.services.changes import Changes


async def test_everybody_who_waits_is_woken_once() -> None:
    changes = Changes()
    waiting = [asyncio.create_task(changes.next()) for _ in range(3)]
    await asyncio.sleep(0)
    changes.happened()
    changes.happened()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


async def test_a_change_before_does_not_count_and_who_goes_leaves_nothing() -> None:
    changes = Changes()
    changes.happened()
    waiting = asyncio.create_task(changes.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    changes.happened()
    assert not changes._wakers
