"""A bare echo over aiomqtt, as its documentation has it: `peer_aiomqtt.py responder|caller PORT`."""

import asyncio
import itertools
import logging
import socket
import sys

import aiomqtt
import uvloop
from orders import ready, serve_orders
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

REQUEST, RESPONSE = "bench/aiomqtt/request", "bench/aiomqtt/response"
PAYLOAD = b"x" * 128


logging.getLogger("mqtt").setLevel(logging.ERROR)  # it warns of more than ten publishes under way


def client(port: int) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1",
        port,
        protocol=aiomqtt.ProtocolVersion.V5,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )


async def responder(port: int) -> None:
    async with client(port) as link:
        await link.subscribe(REQUEST)
        ready()
        async for message in link.messages:
            asked = message.properties
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = asked.CorrelationData
            await link.publish(asked.ResponseTopic, message.payload, properties=properties)


async def caller(port: int) -> None:
    waiting: dict[bytes, asyncio.Future[bytes]] = {}
    numbers = itertools.count()
    loop = asyncio.get_running_loop()
    async with client(port) as link:
        await link.subscribe(RESPONSE)

        async def listen() -> None:
            async for message in link.messages:
                waiting.pop(message.properties.CorrelationData).set_result(message.payload)

        async def call() -> bytes:
            correlation = next(numbers).to_bytes(8)
            future = waiting[correlation] = loop.create_future()
            properties = Properties(PacketTypes.PUBLISH)
            properties.ResponseTopic = RESPONSE
            properties.CorrelationData = correlation
            await link.publish(REQUEST, PAYLOAD, properties=properties)
            return await future

        listening = asyncio.create_task(listen())
        try:
            await serve_orders(call)
        finally:
            listening.cancel()


if __name__ == "__main__":
    uvloop.run({"responder": responder, "caller": caller}[sys.argv[1]](int(sys.argv[2])))
