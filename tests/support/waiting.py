"""Waiting for what another task or process brings about, with a deadline."""

import asyncio
from collections.abc import Callable
from typing import Any


async def until(look: Callable[[], Any], what: object, within_s: float = 30.0, pause_s: float = 0.01) -> Any:
    """What `look` gives, once that is something; it may give a coroutine. AssertionError with `what` when it takes too long."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = look()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(pause_s)
    except TimeoutError:
        raise AssertionError(what) from None
