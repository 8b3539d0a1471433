"""A bare echo over gRPC's asyncio API, bytes in and out, no generated code: `peer_grpc.py responder|caller [PORT]`."""

import asyncio
import sys

import grpc
import grpc.aio
import uvloop
from orders import ready, serve_orders

PAYLOAD = b"x" * 128


async def _echo(request: bytes, _context: object) -> bytes:
    return request


async def responder() -> None:
    server = grpc.aio.server()
    handlers = {"Echo": grpc.unary_unary_rpc_method_handler(_echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ready(port=port)
    await asyncio.Event().wait()


async def caller(port: int) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        echo = channel.unary_unary("/bench/Echo")

        async def call() -> bytes:
            reply: bytes = await echo(PAYLOAD)
            return reply

        await serve_orders(call)


if __name__ == "__main__":
    uvloop.run(responder() if sys.argv[1] == "responder" else caller(int(sys.argv[2])))
