"""Viewers of a controller's stream, each with a connection of its own: `controller_stream_viewers.py URL TOKEN...`.

Orders: {order: open, viewers}, then {order: told, changes}: what they were told since, once they have read so many.
"""

import asyncio
import json
import sys
import time

import uvloop
from orders import next_order, ready, say
from rows import percentile
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S = 20.0


class Viewers:
    """`took`: from published to read, seconds, of each change of each viewer. A change that stands for several counts once."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.resyncs = 0

    async def follow(self, connection: ClientConnection) -> None:
        async for text in connection:
            message = json.loads(text)
            at = time.time()
            if message["type"] == "delta":
                self.took += [at - change["document"]["published"] for change in message["changes"]]
            elif message["type"] == "resync":
                self.resyncs += 1


async def opened(url: str, token: str) -> ClientConnection:
    """A connection that was sent the whole, and is told of changes from now on."""
    address = url.replace("http", "ws", 1) + "/api/v1/stream"
    headers = {"Authorization": f"Bearer {token}"}
    connection = await connect(address, additional_headers=headers, compression=None, max_size=None)
    await connection.send(json.dumps({"subscribe": {"kinds": ["host"]}}))
    while json.loads(await connection.recv())["type"] != "ready":
        pass
    return connection


async def main(url: str, tokens: list[str]) -> None:
    viewers = Viewers()
    tasks: list[asyncio.Task[None]] = []
    ready()
    while (order := await next_order()) is not None:
        if order["order"] == "open":
            for n in range(order["viewers"]):
                connection = await opened(url, tokens[n % len(tokens)])
                tasks.append(asyncio.create_task(viewers.follow(connection)))
            say(open=len(tasks))
            continue
        until = time.monotonic() + PATIENCE_S
        while len(viewers.took) < order["changes"] and time.monotonic() < until:
            await asyncio.sleep(0.05)
        took = [one * 1000 for one in viewers.took]
        say(
            read=len(took), resyncs=viewers.resyncs, p50_ms=percentile(took, 0.5), p95_ms=percentile(took, 0.95),
            longest_ms=max(took),
        )  # fmt: skip
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2:]))
