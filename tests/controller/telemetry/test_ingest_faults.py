"""A database that is locked, full or gone for a while: nothing that was acknowledged is lost, and nothing is stored twice."""

import asyncio
import sqlite3
from pathlib import Path

from postgres_server import PostgresServer, postgres_server
from small_disk import fill, mounted
from telemetry_batches import HOST, LOAD, LOG, NOW_MS, StillClock, batch
from telemetry_desk import Desk

from guestwire.controller.store.database import Database, open_database
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


class Unheard:
    """Stands before a PostgreSQL server. `armed`: the next transaction with samples commits, and nobody who asked for that hears of it."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._tasks: set[asyncio.Task[None]] = set()
        self.armed = False
        self.unheard = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(self._socket)
        cut = asyncio.Event()

        async def asked() -> None:
            samples = False
            while data := await reader.read(65536):
                samples = samples or b"COPY " in data
                if self.armed and samples and b"COMMIT;" in data:
                    self.armed = False
                    cut.set()
                ours.write(data)
                await ours.drain()

        async def answered() -> None:
            while data := await theirs.read(65536):
                if cut.is_set():
                    assert b"COMMIT" in data
                    self.unheard += 1
                    return
                writer.write(data)
                await writer.drain()

        tasks = [asyncio.create_task(asked()), asyncio.create_task(answered())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()
            ours.close()


async def test_a_commit_that_nobody_heard_of_is_not_made_twice(clock: StillClock, postgres: PostgresServer) -> None:
    """The connection breaks between the server's commit and its word of it: what is tried again is there already."""
    all_tables()
    postgres.sql("CREATE DATABASE unheard")
    between = Unheard(postgres.folder / ".s.PGSQL.5432")
    server = await asyncio.start_server(between, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_database(f"postgresql://guestwire@127.0.0.1:{port}/unheard") as database:
        await database.create_tables()
        async with Desk(database, clock) as desk:
            await desk.take(load(1))
            between.armed = True
            await desk.take(load(2), load(3))
            await desk.until_acked([1, 2, 3])
            assert between.unheard == 1
            assert {len(points) for points in (await desk.stored()).values()} == {3}


async def test_two_connections_and_a_restart_store_a_batch_once(database: Database, clock: StillClock) -> None:
    """The same batch by the broker and by a direct connection at once, again later, and to a controller that was started anew."""
    for _ in range(2):
        async with Desk(database, clock) as desk:
            for _ in range(3):
                desk.offer(load(1))
                desk.offer(load(2))
            await desk.take(load(1), load(2))
            await desk.until_acked([1, 2])
            assert {len(points) for points in (await desk.stored()).values()} == {2}


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
