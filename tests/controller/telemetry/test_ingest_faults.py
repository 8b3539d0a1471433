"""A database that is locked, full or gone for a while: nothing that was acknowledged is lost, and nothing is stored twice."""

import asyncio
import sqlite3
from pathlib import Path

from postgres_server import postgres_server
from small_disk import fill, mounted
from telemetry_batches import HOST, LOAD, LOG, NOW_MS, StillClock, batch
from telemetry_desk import Desk

from guestwire.controller.store.database import open_database
from guestwire.controller.store.schema import all_tables
from guestwire.protocol.telemetry import TelemetryBatch

DEADLINE_S = 20.0


def load(seq: int) -> TelemetryBatch:
    return batch(seq, [NOW_MS - 1000 * seq], {f'{LOAD}{{n="{n}"}}': [n] for n in range(20)})


async def until_failing(desk: Desk, code: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while desk.telemetry.ingest.failure is None:
            await asyncio.sleep(0)
    assert desk.telemetry.ingest.failure.code == code


async def test_a_locked_file(tmp_path: Path, clock: StillClock) -> None:
    all_tables()
    path = tmp_path / "controller.db"
    async with open_database(f"sqlite:///{path}") as database:
        await database.create_tables()
        async with Desk(database, clock) as desk:
            await desk.take(load(1))
            async with database.write() as tx:
                await tx.exec_driver_sql("PRAGMA busy_timeout = 20")
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            desk.offer(load(2))
            await until_failing(desk, "DATABASE-UNAVAILABLE")
            assert 2 not in desk.acked.get((HOST, LOG, "metric"), ())
            other.close()
            await desk.until_acked([1, 2])
            assert {len(points) for points in (await desk.stored()).values()} == {2}


async def test_a_full_disk(tmp_path: Path, clock: StillClock) -> None:
    all_tables()
    with mounted(tmp_path / "disk", 4096) as disk:
        async with open_database(f"sqlite:///{disk / 'controller.db'}") as database:
            await database.create_tables()
            async with Desk(database, clock) as desk:
                await desk.take(load(1))
                await desk.until_acked([1])
                filler = fill(disk)
                sent = 1
                async with asyncio.timeout(DEADLINE_S):
                    while desk.telemetry.ingest.failure is None:  # the log of the database may have room of its own
                        sent += 1
                        desk.offer(load(sent))
                        await asyncio.sleep(0)
                assert desk.telemetry.ingest.failure.code == "DATABASE-FULL"
                filler.unlink()
                await desk.until_acked(range(1, sent + 1))
                assert {len(points) for points in (await desk.stored()).values()} == {sent}


async def test_a_server_that_is_gone_for_a_while(clock: StillClock) -> None:
    all_tables()
    with postgres_server() as server:
        async with open_database(server.dsn()) as database:
            await database.create_tables()
            async with Desk(database, clock) as desk:
                await desk.take(load(1))
                await desk.until_acked([1])
                server.stop()
                desk.offer(load(2))
                await until_failing(desk, "DATABASE-UNAVAILABLE")
                server.start()
                await desk.until_acked([1, 2])
                assert {len(points) for points in (await desk.stored()).values()} == {2}
                assert desk.telemetry.ingest.dropped == 0
