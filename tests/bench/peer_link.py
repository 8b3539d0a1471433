"""A bare echo over our own transport, without our protocol: `peer_link.py responder|caller PORT`."""

import asyncio
import itertools
import sys

import uvloop
from orders import ready, serve_orders

from guestwire.link import mqtt5
from guestwire.link.transport import Incoming, Options, Properties, Subscription, Transport

REQUEST, RESPONSE = "bench/link/request", "bench/link/response"
PAYLOAD = b"x" * 128


def options(port: int, name: str) -> Options:
    return Options("127.0.0.1", port, f"bench-link-{name}", clean_start=True)


async def responder(port: int) -> None:
    link: Transport

    def echo(message: Incoming) -> None:
        asked = message.properties
        if asked.response_topic is not None:
            properties = Properties(correlation_data=asked.correlation_data)
            link.send(asked.response_topic, message.payload, properties=properties)

    link = await mqtt5.connect(options(port, "responder"), echo)
    await link.subscribe([Subscription(REQUEST, qos=0)])
    ready()
    await link.closed


async def caller(port: int) -> None:
    waiting: dict[bytes, asyncio.Future[bytes]] = {}
    numbers = itertools.count()
    loop = asyncio.get_running_loop()

    def heard(message: Incoming) -> None:
        waiting.pop(message.properties.correlation_data or b"").set_result(message.payload)

    link = await mqtt5.connect(options(port, "caller"), heard)
    await link.subscribe([Subscription(RESPONSE, qos=0)])

    def call() -> asyncio.Future[bytes]:
        correlation = next(numbers).to_bytes(8)
        future = waiting[correlation] = loop.create_future()
        link.send(REQUEST, PAYLOAD, properties=Properties(response_topic=RESPONSE, correlation_data=correlation))
        return future

    await serve_orders(call)
    await link.close()


if __name__ == "__main__":
    uvloop.run({"responder": responder, "caller": caller}[sys.argv[1]](int(sys.argv[2])))
