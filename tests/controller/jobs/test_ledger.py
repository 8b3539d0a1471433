"""The ledger: one commit for what waits, nothing told before it is stored, and a database that is away, full or at odds."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from job_world import ADMIN, Clock, Logged

from guestwire.controller.feed import Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs import events as e
from guestwire.controller.jobs.job import Job, Progress, Result
from guestwire.controller.jobs.ledger import MOST, Ledger
from guestwire.controller.store import audit_rows
from guestwire.controller.store import jobs as store
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.model.errors import GuestwireError

T0 = 1_760_000_000_000
JOB = Job("job-1", HostRef("plant", "h1"), "guest-reset", 1, "ab" * 32, T0, T0 + (1 << 45))
DONE = e.Ended("succeeded", None, None, True)


class Flaky:
    """A database whose writes fail while `error` is set. `writes` counts those that went well."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.error: Exception | None = None
        self.failed = asyncio.Event()
        self.writes = 0

    def read(self) -> Any:
        return self._database.read()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        if self.error is not None:
            self.failed.set()
            raise self.error
        async with self._database.write() as tx:
            yield tx
        self.writes += 1


class Told:
    """A listener that says for each change whether it was in the database by then."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def jobs_changed(self, jobs: Sequence[Job]) -> None:
        self.jobs += jobs


async def keep(database: Database, *jobs: Job) -> None:
    async with database.write() as tx:
        await store.insert(tx, jobs, {job.body_hash: b"x" for job in jobs})


async def stored(database: Database, job_id: str = "job-1") -> Job | None:
    async with database.read() as tx:
        return await store.get(tx, job_id)


def ledger(database: Any, told: Told | None = None, log: Logged | None = None, feed: Feed | None = None) -> Ledger:
    return Ledger(database, feed or Feed(), log or Logged(), Clock(), [told or Told()])


async def test_it_begins_with_what_is_unfinished(database: Database) -> None:
    await keep(database, JOB, replace(JOB, id="job-2", state="succeeded"), replace(JOB, id="job-3", state="overdue"))
    async with ledger(database) as jobs:
        assert {job.id for job in jobs.all()} == {"job-1", "job-3"}
        assert [job.id for job in jobs.of_host(JOB.host)] == ["job-1", "job-3"]
        assert await jobs.apply("job-2", DONE) is None


async def test_many_changes_are_one_commit_and_the_last_one_counts(database: Database) -> None:
    many = [replace(JOB, id=f"job-{n}") for n in range(300)]
    await keep(database, *many)
    flaky, told = Flaky(database), Told()
    async with ledger(flaky, told) as jobs:
        waiting = [jobs.apply(job.id, e.Sending("ab" * 16, T0, "controller:main")) for job in many]
        waiting += [jobs.apply(job.id, e.AtHost("running")) for job in many]
        assert told.jobs == [], "nothing is told before it is stored"
        assert all(job is not None and job.state == "running" for job in await asyncio.gather(*waiting))
        assert flaky.writes <= 2
        assert len(told.jobs) == 300
        jobs.apply("job-7", DONE, result=Result("job-7", reply={"a": 1}))
    after = await stored(database, "job-7")
    assert after is not None
    assert (after.state, after.attempts, after.revision) == ("succeeded", 1, 4)
    async with database.read() as tx:
        assert await store.result(tx, "job-7") == Result("job-7", {"a": 1})


@pytest.mark.parametrize("code", ["DATABASE-UNAVAILABLE", "DATABASE-FULL"])
async def test_a_database_that_is_away_is_waited_for(database: Database, code: str) -> None:
    await keep(database, JOB)
    flaky, told, log = Flaky(database), Told(), Logged()
    async with ledger(flaky, told, log) as jobs:
        flaky.error = GuestwireError(code)
        first = jobs.apply("job-1", e.Sending("ab" * 16, T0, "controller:main"))
        await asyncio.wait_for(flaky.failed.wait(), 10)
        later = jobs.apply("job-1", DONE, result=Result("job-1", reply={}))
        noted = AuditEntry(T0, ADMIN, "job-cancel", JOB.host)
        jobs.apply("job-1", e.CancelAsked("ann"), audit=[noted])
        assert not first.done()
        assert told.jobs == []
        flaky.error = None
        assert (await asyncio.wait_for(first, 10)) is not None
        assert (await later) == await stored(database)
        assert jobs.get("job-1") is None, "what has ended and is stored is forgotten"
    assert log.named("jobs-not-stored")[0] == {"code": code, "jobs": 1}
    async with database.read() as tx:
        assert [row.action for row in await audit_rows.newest(tx, audit_rows.Wanted(), below=None, limit=9)] == [
            "job-cancel"
        ]


async def test_a_job_that_cannot_be_stored_keeps_nobody_else_from_it(database: Database) -> None:
    await keep(database, JOB, replace(JOB, id="job-2"))
    log = Logged()
    async with ledger(database, log=log) as jobs:
        bad = jobs.apply("job-1", e.Silent("X" * 10, "y", not_before=1 << 70))
        good = jobs.apply("job-2", DONE)
        assert (await good) is not None
        with pytest.raises(GuestwireError, match="INTERNAL"):
            await bad
        assert jobs.get("job-1") is None, "as the database has it, it is taken up by the next start"
    assert log.named("job-not-stored")[0]["job"] == "job-1"
    for name, state in (("job-1", "queued"), ("job-2", "succeeded")):
        job = await stored(database, name)
        assert job is not None
        assert job.state == state


async def test_more_of_a_result_can_come_later(database: Database) -> None:
    await keep(database, JOB)
    async with ledger(database) as jobs:
        await jobs.apply("job-1", DONE, result=Result("job-1", reply={"a": 1}))
        jobs.note(Result("job-1", final=(b"frame",)))
    async with database.read() as tx:
        assert await store.result(tx, "job-1") == Result("job-1", {"a": 1}, None, (b"frame",))


async def test_a_second_final_changes_nothing(database: Database) -> None:
    await keep(database, JOB)
    async with ledger(database) as jobs:
        jobs.apply("job-1", DONE, result=Result("job-1", reply={"first": 1}))
        failed = e.Ended("failed", "X", "y", True)
        second = await jobs.apply("job-1", failed, result=Result("job-1", error={"code": "X"}))
        assert second is not None
        assert second.state == "succeeded"
    async with database.read() as tx:
        assert await store.result(tx, "job-1") == Result("job-1", {"first": 1})


async def test_leaving_stores_what_waits(database: Database) -> None:
    await keep(database, JOB)
    async with ledger(database) as jobs:
        jobs.apply("job-1", DONE)
    job = await stored(database)
    assert job is not None
    assert job.finished


async def test_progress_is_told_once_a_second(database: Database) -> None:
    await keep(database, replace(JOB, state="running"))
    feed, clock = Feed(), Clock()
    async with Ledger(database, feed, Logged(), clock) as jobs:
        with feed.subscribe() as watcher:
            for percent in (1, 2, 3):
                jobs.hear("job-1", Progress(percent))
            jobs.hear("nobody", Progress(9))
            [change] = await watcher.take()
            assert change.document is not None
            assert change.document["progress"]["percent"] == 1
            clock.ahead_ms = 1_000
            jobs.hear("job-1", Progress(4))
            [change] = await watcher.take()
            assert change.document is not None
            assert change.document["progress"]["percent"] == 4
        known = jobs.progress("job-1")
        assert known is not None
        assert known.percent == 4


async def test_there_is_an_end_to_how_many_there_may_be(database: Database) -> None:
    async with ledger(database) as jobs:
        jobs.room(MOST)
        with pytest.raises(GuestwireError) as caught:
            jobs.room(MOST + 1)
        assert caught.value.code == "JOBS-FULL"
