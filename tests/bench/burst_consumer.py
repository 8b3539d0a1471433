"""Takes 100 messages, then works for 20 ms: at most 5,000 a second. `burst_consumer.py ours|aiomqtt PORT`."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import aiomqtt
import uvloop
from burst_sender import MARK, TOPIC
from orders import next_order, say

from guestwire.link import mqtt5
from guestwire.link.transport import Incoming, Options, Subscription

RECEIVE_MAXIMUM = 20
PAUSE_EVERY, PAUSE_S = 100, 0.02
Messages = AsyncIterator[tuple[bytes, Callable[[], None]]]


async def ours(port: int) -> Messages:
    """Not more than Receive Maximum can be in the queue: the broker keeps the rest."""
    queue: asyncio.Queue[Incoming] = asyncio.Queue(RECEIVE_MAXIMUM)
    options = Options("127.0.0.1", port, "consumer", receive_maximum=RECEIVE_MAXIMUM)
    link = await mqtt5.connect(options, queue.put_nowait)
    await link.subscribe([Subscription(TOPIC)])
    say(ready=True)
    while True:
        message = await queue.get()
        yield message.payload, message.ack


async def with_aiomqtt(port: int) -> Messages:
    """As its documentation has it; it acknowledges before the application sees a message."""
    async with aiomqtt.Client("127.0.0.1", port, identifier="consumer") as link:
        await link.subscribe(TOPIC, qos=1)
        say(ready=True)
        async for message in link.messages:
            yield message.payload, lambda: None


async def main(kind: str, port: int) -> None:
    consumed: set[bytes] = set()
    async for payload, done in {"ours": ours, "aiomqtt": with_aiomqtt}[kind](port):
        if payload == MARK:
            break
        consumed.add(payload[:8])
        if len(consumed) % PAUSE_EVERY == 0:
            await asyncio.sleep(PAUSE_S)
        done()
    await next_order()
    say(consumed=len(consumed))
    await next_order()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
