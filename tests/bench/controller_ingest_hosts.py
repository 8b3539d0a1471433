"""Many hosts in one process that send telemetry as fast as the controller makes it readable, and hear its acknowledgements.

`controller_ingest_hosts.py FOLDER PORT`. Orders: {order: sign, hosts, rounds, base}, {order: send, rounds: [first, end], url,
token, seconds}, {order: check, series}. The hosts share a connection, each with its own key, number and log.
"""

import asyncio
import random
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import httpx
import uvloop
from controller_ingest_batches import COLUMNS, METRIC, POINTS, SAMPLES, SECOND_MS, TEXTS, Batch, Hosts, host_name, value
from orders import next_order, say
from plant import SITE, Plant

from guestwire.link import mqtt5
from guestwire.link.clock import now
from guestwire.link.transport import Incoming, Options, Subscription, Transport, TransportError
from guestwire.protocol import topics
from guestwire.protocol.executor import Executor
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Inbound, Run, Send
from guestwire.protocol.telemetry import TelemetryAcked
from guestwire.protocol.trust import Trust

ACK = "telemetry-ack"
AHEAD = 400
"""Batches that are sent before one of them was readable: two hundred thousand samples."""
LOOK_S = 0.1
BETWEEN_S = 0.2
"""Between two batches that are looked for."""
AGAIN_S = 30.0
"""A host sends again what was not acknowledged in this time."""
LONGEST_S = 180.0


class Senders:
    """The hosts, their connection and what became of their batches."""

    def __init__(self, plant: Plant, trust: Trust) -> None:
        self._plant = plant
        self._trust = trust
        self._executors: dict[int, Executor] = {}
        self.hosts: Hosts | None = None
        self.batches: dict[int, list[Batch]] = {}
        self.link: Transport | None = None
        self.acked: set[tuple[int, int]] = set()
        """(host, number)."""
        self.acks = 0

    async def connect(self, port: int) -> None:
        self.link = await mqtt5.connect(Options("127.0.0.1", port, "hosts", clean_start=True), self.receive)
        await self.link.subscribe([Subscription(topics.topic_filter("request", site=SITE, operation=ACK), 0)])

    def receive(self, message: Incoming) -> None:
        """A host is told what it may forget."""
        topic = topics.parse(message.topic)
        assert topic is not None
        assert self.link is not None
        host = int(topic["host"].removeprefix("h-"))
        executor = self._executor(host)
        step = executor.receive(Inbound(message.payload, topic["client"], topic["operation"]), now())
        if isinstance(step, Run):
            for first, last in step.call.request.ranges:
                self.acked.update((host, number) for number in range(first, last + 1))
            self.acks += 1
            step = executor.succeed(step.call, TelemetryAcked(forgotten=1, oldest=0, newest=0), now())
        if isinstance(step, Send):
            for frame in step.frames:
                self.link.send(topics.make("response", SITE, step.client, topic["host"]), frame)

    def _executor(self, host: int) -> Executor:
        found = self._executors.get(host)
        if found is None:
            assert self.hosts is not None
            found = Executor(SITE, host_name(host), BY_NAME, self._trust, self.hosts.keys[host])
            self._executors[host] = found
        return found

    async def send(self, batch: Batch) -> None:
        assert self.link is not None
        while True:
            try:
                self.link.send(batch.topic, batch.frame)
            except TransportError as err:
                if err.code != "LINK-BUSY":
                    raise
                await asyncio.sleep(0.002)
            else:
                return


class Readable:
    """Asks the API for what was sent last, again and again: how long each took, and how far all are readable by then."""

    def __init__(self, senders: Senders, url: str, token: str) -> None:
        self._senders = senders
        self._client = httpx.AsyncClient(
            base_url=f"{url}/api/v1", headers={"Authorization": token}, timeout=60.0, trust_env=False
        )
        self.latest: tuple[int, float, Batch] | None = None
        """Of the batch that was sent last: its place, when, itself."""
        self.upto = 0
        """So many were readable."""
        self.took: list[float] = []

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self.latest is None or self.latest[0] <= self.upto:
                await asyncio.sleep(LOOK_S)
                continue
            place, sent, batch = self.latest
            while not await self.there(batch):
                await asyncio.sleep(LOOK_S)
            self.took.append(time.monotonic() - sent)
            self.upto = place
            await asyncio.sleep(BETWEEN_S)

    async def there(self, batch: Batch) -> bool:
        """Whether the newest point of its last series can be read, and is what was sent."""
        point = batch.round * POINTS + POINTS - 1
        found = await self.points(batch.host, COLUMNS - 1, point, point + 1)
        return found == [value(batch.host, COLUMNS - 1, point)]

    async def points(self, host: int, column: int, first: int, end: int) -> list[float]:
        """The samples of a series, each by itself."""
        hosts = self._senders.hosts
        assert hosts is not None
        labels = TEXTS[column].removeprefix(METRIC + "{")
        answer = await self._client.get("/metrics/query", params={
            "selector": f'{METRIC}{{host="{host_name(host)}",{labels}', "aggregate": "last", "step": SECOND_MS,
            "start": hosts.time(first), "end": hosts.time(end),
        })  # fmt: skip
        answer.raise_for_status()
        series = answer.json()["series"]
        return [point for _, point in series[0]["points"]] if series else []


async def send(senders: Senders, order: dict[str, Any]) -> None:
    """Send what is signed for so long, then wait until the last is readable, then until all are acknowledged."""
    queue = deque(batch for n in range(*order["rounds"]) for batch in senders.batches[n])
    readable = Readable(senders, order["url"], order["token"])
    looking = asyncio.create_task(readable.run())
    began, half = time.monotonic(), None
    until = began + order["seconds"]
    sent: list[Batch] = []
    while queue and time.monotonic() < until:
        if looking.done():
            looking.result()
        if len(sent) - readable.upto >= AHEAD:
            await asyncio.sleep(0.001)
            continue
        batch = queue.popleft()
        await senders.send(batch)
        sent.append(batch)
        readable.latest = len(sent), time.monotonic(), batch
        if half is None and time.monotonic() > began + order["from_s"]:
            half = readable.upto, time.monotonic()
        if len(sent) % 4 == 0:
            await asyncio.sleep(0)
    # what was sent at last may be lost to a broker's full queue: then a host sends it again
    deadline = time.monotonic() + LONGEST_S
    while readable.upto < len(sent):
        if time.monotonic() > deadline or looking.done():
            looking.cancel()
            raise TimeoutError(f"{len(sent) - readable.upto} batches were never readable")
        await asyncio.sleep(LOOK_S)
    ended = time.monotonic()
    looking.cancel()
    since, at = half or (0, began)
    say(
        batches=len(sent), seconds=ended - began, steady=(len(sent) - since) * SAMPLES / (ended - at), took=readable.took,
        **await acknowledged(senders, sent),
    )  # fmt: skip


async def acknowledged(senders: Senders, sent: list[Batch]) -> dict[str, Any]:
    """Wait for the acknowledgement of everything; send again what has none."""
    began = again_at = time.monotonic()
    again = 0
    while missing := [one for one in sent if (one.host, one.round + 1) not in senders.acked]:
        if time.monotonic() - began > LONGEST_S:
            break
        if time.monotonic() - again_at > AGAIN_S:
            again_at = time.monotonic()
            again += len(missing)
            for one in missing:
                await senders.send(one)
        await asyncio.sleep(0.25)
    return {"unacknowledged": len(missing), "again": again, "acks": senders.acks, "acked_s": time.monotonic() - began}


async def check(senders: Senders, order: dict[str, Any]) -> None:
    """Read some series whole, and compare every value with what was sent."""
    readable = Readable(senders, order["url"], order["token"])
    assert senders.hosts is not None
    chance = random.Random(1)
    end = order["rounds"] * POINTS
    right = 0
    for _ in range(order["series"]):
        host, column = chance.randrange(senders.hosts.count), chance.randrange(COLUMNS)
        found = await readable.points(host, column, 0, end)
        # the last round may have ended before this host's turn
        wanted = [value(host, column, point) for point in range(end)]
        right += found == wanted[: len(found)] and len(found) >= end - POINTS
    say(right=right, of=order["series"])


async def main(folder: str, port: int) -> None:
    plant = Plant(Path(folder))
    senders = Senders(plant, plant.trust)
    say(ready=True)
    while (order := await next_order()) is not None:
        match order["order"]:
            case "sign":
                hosts = senders.hosts = Hosts(plant, order["hosts"], order["base"])
                for batch in hosts.signed(range(order["rounds"])):
                    senders.batches.setdefault(batch.round, []).append(batch)
                say(bytes=len(senders.batches[0][0].frame))
            case "send":
                if senders.link is None:  # not while it signs, and answers no broker
                    await senders.connect(port)
                await send(senders, order)
            case "check":
                await check(senders, order)
    if senders.link is not None:
        await senders.link.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
