"""The presences of many hosts in one process, over one connection, each with a key of its own: `dashboard_hosts.py FOLDER PORT COUNT`.

It says when all of them were said to be there, and says it again as hosts do. Orders: {rate, seconds}: so many `reported` a second, of
one host after the other, each with another number of running guests.
"""

import asyncio
import sys
import time
from pathlib import Path

import uvloop
from controller_ingest_batches import host_name
from orders import next_order, ready, say
from plant import SITE, Plant

from guestwire.link import mqtt5
from guestwire.link.clock import now
from guestwire.link.transport import Incoming, Options, Transport, TransportError
from guestwire.protocol import topics
from guestwire.protocol.key_files import parse_private
from guestwire.protocol.presence import HEARTBEAT_S, HostPresence
from guestwire.protocol.reported import ReportedBody
from guestwire.protocol.statements import state

GUESTS = 4
EVERY_S = 0.01
"""How evenly changes come."""


class Host:
    """What one host says."""

    def __init__(self, plant: Plant, name: str) -> None:
        self._name = name
        self._key = parse_private(plant.layout.key(f"host:{name}").read_text())
        self._presence = HostPresence(SITE, name, self._key, 1, f"boot-{name}", "0.1.0", now())
        self._n = 0

    def there(self) -> tuple[str, bytes]:
        return topics.make("presence", SITE, self._name), self._presence.heartbeat(now())

    def changed(self) -> tuple[str, bytes]:
        """Another number of guests runs than before."""
        self._n += 1
        body = ReportedBody(
            epoch=1, n=self._n, hypervisor_connected=True, guests=GUESTS, guests_running=self._n % (GUESTS + 1), revision=1,
        )  # fmt: skip
        frame = state("reported", SITE, f"host:{self._name}", body, self._key, now().wall_ms, n=self._n)
        return topics.make("reported", SITE, self._name), frame


async def send(link: Transport, topic: str, frame: bytes) -> None:
    while True:
        try:
            link.send(topic, frame)
        except TransportError as err:
            if err.code != "LINK-BUSY":
                raise
            await asyncio.sleep(EVERY_S)
        else:
            return


async def stay(link: Transport, hosts: list[Host]) -> None:
    """Each says anew that it is there, spread over the time in which it has to."""
    while True:
        for host in hosts:
            await send(link, *host.there())
            await asyncio.sleep(HEARTBEAT_S / len(hosts))


async def change(link: Transport, hosts: list[Host], rate: float, seconds: float) -> int:
    """How many changes were said, at an even rate."""
    began = time.monotonic()
    done = 0
    while (passed := time.monotonic() - began) < seconds:
        while done < passed * rate:
            await send(link, *hosts[done * 7919 % len(hosts)].changed())
            done += 1
        await asyncio.sleep(EVERY_S)
    return done


def hear(_: Incoming) -> None:
    """These hosts do what nobody asks of them."""


async def main(folder: str, port: int, count: int) -> None:
    hosts = [Host(Plant(Path(folder)), host_name(n)) for n in range(count)]
    link = await mqtt5.connect(Options("127.0.0.1", port, "hosts", clean_start=True), hear)
    for host in hosts:
        await send(link, *host.there())
        await send(link, *host.changed())
    staying = asyncio.create_task(stay(link, hosts))
    ready()
    while (order := await next_order()) is not None:
        say(changes=await change(link, hosts, order["rate"], order["seconds"]))
    staying.cancel()
    await link.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
