"""Sends numbered QoS 1 messages as fast as they are confirmed, then end marks until it is stopped: `burst_sender.py PORT`."""

import asyncio
import contextlib
import sys

import uvloop
from orders import next_order, say

from guestwire.link import mqtt5
from guestwire.link.transport import Options, Transport, TransportError

TOPIC = "bench/burst"
FILL = b"x" * 120
MARK = b"end"
TOGETHER = 1000


async def send(link: Transport, count: int) -> int:
    """How many were confirmed."""
    confirmed = 0
    for first in range(0, count, TOGETHER):
        numbers = range(first, min(first + TOGETHER, count))
        outcomes = [link.publish(TOPIC, number.to_bytes(8) + FILL) for number in numbers]
        for outcome in outcomes:
            with contextlib.suppress(TransportError):
                confirmed += await outcome == 0
    return confirmed


async def mark(link: Transport) -> None:
    """The consumer's queue may be full: a mark can be lost like anything else, so it is sent again and again."""
    while True:
        with contextlib.suppress(TransportError):
            await link.publish(TOPIC, MARK)
        await asyncio.sleep(0.3)


async def main(port: int) -> None:
    link = await mqtt5.connect(Options("127.0.0.1", port, "sender", clean_start=True), lambda _: None)
    say(ready=True)
    order = await next_order()
    assert order is not None
    say(confirmed=await send(link, order["count"]))
    marking = asyncio.create_task(mark(link))
    await next_order()
    marking.cancel()
    await link.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
