"""The loop's lag is seen where the loop is held up."""

import asyncio
import time

from guestwire.agent.telemetry.loop_lag import LoopLag


async def test_a_loop_that_is_held_up_is_late() -> None:
    async with LoopLag(7, every_s=0.001) as lag:
        async with asyncio.timeout(10):
            while lag.seconds.total < 0.05:
                held_until = time.monotonic() + 0.03
                while time.monotonic() < held_until:
                    pass
                await asyncio.sleep(0.001)
        assert lag.seconds.count >= 1
    counted = lag.seconds.count
    async with LoopLag(7, every_s=0.001) as other, asyncio.timeout(10):
        while other.seconds.count < 5:
            await asyncio.sleep(0.001)
    assert lag.seconds.count == counted, "it looks no more"
