"""A bare echo over nats-py and its own server: `peer_nats.py responder|caller PORT`."""

import asyncio
import sys

import nats
import uvloop
from nats.aio.msg import Msg
from orders import ready, serve_orders

SUBJECT = "bench.request"
PAYLOAD = b"x" * 128


async def responder(port: int) -> None:
    link = await nats.connect(f"nats://127.0.0.1:{port}")

    async def echo(message: Msg) -> None:
        await message.respond(message.data)

    await link.subscribe(SUBJECT, cb=echo)
    await link.flush()
    ready()
    await asyncio.Event().wait()


async def caller(port: int) -> None:
    link = await nats.connect(f"nats://127.0.0.1:{port}")

    async def call() -> bytes:
        return (await link.request(SUBJECT, PAYLOAD, timeout=10)).data

    await serve_orders(call)
    await link.close()


if __name__ == "__main__":
    uvloop.run({"responder": responder, "caller": caller}[sys.argv[1]](int(sys.argv[2])))
