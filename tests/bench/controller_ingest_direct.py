"""The part of a controller that takes telemetry, without broker and HTTP: `controller_ingest_direct.py FOLDER DSN`.

Orders: {hosts, rounds, base}. Signed batches go straight into the reception of a link, which checks them against the trust document;
they are committed as ever, with roll-ups and retention beside it, and hosts' acknowledgements end in a counter.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from controller_ingest_batches import SAMPLES, Batch, Hosts
from orders import next_order, say
from plant import SITE, Plant

from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.reception import Reception
from guestwire.controller.links.tallies import Tallies
from guestwire.controller.store.database import open_database
from guestwire.controller.store.migrating import upgrade
from guestwire.controller.store.schema import all_tables
from guestwire.controller.telemetry.service import Telemetry, TelemetryParts
from guestwire.controller.users.access import Access, NoGroups
from guestwire.link.clock import now
from guestwire.link.transport import Incoming
from guestwire.protocol import topics
from guestwire.protocol.telemetry import TelemetryAck

AHEAD_BYTES = 4 << 20
"""So much may wait to be committed."""
AT_ONCE = 8
"""Batches between two turns of the others, as they come out of a socket."""


async def taken(telemetry: Telemetry, reception: Reception, batches: Iterable[Batch]) -> float:
    """Seconds until all of them are committed."""
    ingest = telemetry.ingest
    began = time.monotonic()
    for n, batch in enumerate(batches):
        topic = topics.parse(batch.topic)
        assert topic is not None
        reception.receive(topic, Incoming(batch.topic, batch.frame, 0, False, False, lambda: None))
        if n % AT_ONCE == 0:
            await asyncio.sleep(0)
        while ingest.waiting_bytes > AHEAD_BYTES:
            await asyncio.sleep(0.002)
    await ingest.settled()
    return time.monotonic() - began


async def main(folder: str, dsn: str) -> None:
    gc.set_threshold(50_000, 20, 100)  # as the controller has it
    all_tables()
    plant = Plant(Path(folder))
    trust = plant.trust
    acks = 0

    async def ack(_: HostRef, __: TelemetryAck) -> None:
        nonlocal acks
        acks += 1

    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(dsn))
        await upgrade(database)
        parts = TelemetryParts(database, Access(NoGroups()), ack, lambda _: None, now)
        telemetry = await stack.enter_async_context(Telemetry(parts))
        tallies = Tallies()
        defects: list[BaseException] = []
        reception = Reception(
            SITE, lambda: trust, {"telemetry": (telemetry,)}, lambda _: True, tallies, now,
            lambda _, err: defects.append(err),
        )  # fmt: skip
        say(ready=True)
        while (order := await next_order()) is not None:
            hosts = Hosts(plant, order["hosts"], order["base"])
            await taken(telemetry, reception, list(hosts.signed(range(1))))
            batches = list(hosts.signed(range(1, order["rounds"])))
            used = time.process_time()
            seconds = await taken(telemetry, reception, batches)
            used = time.process_time() - used
            samples = len(batches) * SAMPLES
            lost = order["rounds"] * order["hosts"] * SAMPLES - telemetry.ingest.counts.samples
            say(rate=samples / seconds, cpu_us=used / samples * 1e6, lost=lost, defects=len(defects))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2]))
