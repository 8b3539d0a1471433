"""Jobs driven to their ends: what is stored before what is sent, hosts that are away, fall silent or come back, restarts, turns."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from called_hosts import CalledHosts
from job_world import ADMIN, PATIENCE_S, Clock, World, job_world

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.in_flight import DriveLimits
from guestwire.controller.jobs.job import NewJob
from guestwire.controller.store import jobs as store
from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.envelope import decode

HOUR = 3_600_000


class Witness(CalledHosts):
    """Looks into the database at the moment of a call."""

    def __init__(self, database: Database, *names: str) -> None:
        super().__init__(*names)
        self.database = database
        self.seen: list[tuple[str, str | None, bytes | None]] = []

    async def call(self, ref: HostRef, operation: Any, request: Any, **options: Any) -> Any:
        async with self.database.read() as tx:
            for job in await store.unfinished(tx):
                self.seen.append((job.state, job.request_id, options.get("request_id")))
        return await super().call(ref, operation, request, **options)


async def test_a_job_is_stored_as_sent_before_it_is_sent(database: Database) -> None:
    async with job_world(database, Witness(database, "h1")) as world:
        job = await world.ended(await world.start())
    hosts: Any = world.hosts
    state, stored_id, sent_id = hosts.seen[0]
    assert (state, stored_id) == ("sent", sent_id.hex())
    assert (job.state, job.attempts, job.verified, job.code) == ("succeeded", 1, True, None)
    assert job.finished_at is not None
    assert ids.is_request_id(bytes.fromhex(job.request_id or ""))


@pytest.mark.parametrize("whole", [True, False])
async def test_what_came_of_it_is_kept_with_the_signed_answer(database: Database, *, whole: bool) -> None:
    """As it came, with no further question; where a link did not pass it on, the host is asked for it."""
    hosts = CalledHosts("h1")
    hosts.whole = whole
    async with job_world(database, hosts) as world:
        job = await world.start()
        await world.ended(job)
        async with asyncio.timeout(10):
            while (result := await _result(world, job.id)) is None or result.final is None:
                assert not whole, "it is there with the end of the job"
                await asyncio.sleep(0.01)
    assert [name for name, _ in hosts["h1"].asked] == ["guest-start"] + ["job-get"] * (not whole)
    assert result.reply is not None
    assert result.reply["status"]["state"] == "running"
    assert decode(result.final[0]).header.status == "ok"


async def test_what_failed_is_told_in_the_hosts_own_words(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].fails = GuestwireError("WRONG-STATE", "The guest is paused.", detail={"state": "paused"})
    async with job_world(database, hosts) as world:
        job = await world.ended(await world.start())
        result = await _result(world, job.id)
    assert (job.state, job.code, job.message) == ("failed", "WRONG-STATE", "The guest is paused.")
    assert result is not None
    assert result.error is not None
    assert result.error["detail"] == {"state": "paused"}
    assert result.final is not None


@pytest.mark.parametrize(("code", "state"), [("INDETERMINATE", "indeterminate"), ("ROLLED-BACK", "rolled-back")])
async def test_a_host_that_cannot_tell_is_believed(database: Database, code: str, state: str) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].fails = GuestwireError(code)
    async with job_world(database, hosts) as world:
        assert (await world.ended(await world.start())).state == state


async def test_a_host_that_is_away_is_waited_for(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].there = False
    async with job_world(database, hosts) as world:
        job = await world.start()
        assert (await world.stored(job.id)).state == "queued"
        assert world.driver.standing()["away"] == 1
        assert hosts.calls == []
        hosts["h1"].there = True
        world.driver.host_came(job.host)
        assert (await world.ended(job)).state == "succeeded"
        assert world.driver.standing() == {"unfinished": 0, "ready": 0, "sending": 0, "running": 0, "away": 0}


async def test_two_controllers_of_one_database_do_not_do_it_twice(database: Database) -> None:
    """Which nobody should run; the one that was later lets go of it, and changes nothing of what the other one noted."""
    hosts = CalledHosts("h1")
    hosts["h1"].there = False
    async with job_world(database, hosts) as one:
        job = await one.reset(deadline_ms=600_000)
        late = await one.reset(deadline_ms=600_000)
        async with job_world(database, hosts, Clock()) as other:
            hosts["h1"].there = True
            one.driver.host_came(job.host)
            for each in (job, late):
                assert (await one.ended(each)).state == "succeeded"
            other.forward(300_000)
            other.driver.host_came(job.host)
            async with asyncio.timeout(PATIENCE_S):
                while other.ledger.get(job.id) is not None or other.ledger.get(late.id) is not None:
                    await asyncio.sleep(0.01)
            other.forward(600_000)
        assert len(hosts["h1"].requests("guest-reset")) == 2
        assert {(await one.stored(each.id)).state for each in (job, late)} == {"succeeded"}


async def test_a_host_that_says_nothing_is_sent_the_same_again(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].silent = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.reset(), lambda one: one.code == "HOST-UNREACHABLE")
        assert (job.state, job.attempts) == ("sent", 1)
        hosts["h1"].silent = False
        world.forward(2_000)
        job = await world.ended(job)
    assert (job.state, job.attempts) == ("succeeded", 2)
    assert len(set(hosts["h1"].requests("guest-reset"))) == 1
    assert hosts["h1"].effects.total() == 1
    assert len(hosts["h1"].bodies) == 1


async def test_a_host_that_comes_back_is_sent_it_at_once(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].silent = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.reset(), lambda one: one.silent == 1)
        hosts["h1"].silent = False
        world.driver.host_came(job.host)
        assert (await world.ended(job)).attempts == 2


async def test_a_restart_in_the_middle_goes_on_with_the_same_request(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].held = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.reset(), lambda one: one.state == "running")
    assert job.reached
    async with job_world(database, hosts) as world:
        hosts["h1"].came.clear()
        await asyncio.wait_for(hosts["h1"].came.wait(), 10)
        hosts["h1"].finish()
        after = await world.ended(job)
    assert (after.state, after.request_id, after.attempts) == ("succeeded", job.request_id, 2)
    assert hosts["h1"].effects.total() == 1


async def test_a_restart_after_the_end_at_the_host_finds_the_result(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].silent = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.reset(), lambda one: one.silent == 1)
    hosts["h1"].silent = False
    async with job_world(database, hosts, world.clock) as again:
        again.forward(2_000)
        assert (await again.ended(job)).state == "succeeded"
    assert hosts["h1"].effects.total() == 1


async def test_progress_is_told_while_it_runs(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].held = True
    async with job_world(database, hosts) as world:
        with world.feed.subscribe() as watcher:
            job = await world.until(await world.start(), lambda one: one.state == "running")
            progress = world.ledger.progress(job.id)
            assert progress is not None
            assert (progress.percent, progress.step) == (10, "work")
            changes = await watcher.take()
        assert changes[-1].kind == "job"
        assert changes[-1].hosts == (HostRef("plant", "h1"),)
        assert changes[-1].document is not None
        assert changes[-1].document["progress"]["percent"] == 10
        hosts["h1"].finish()
        await world.ended(job)


async def test_a_refusal_for_good_ends_it(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].refuses = GuestwireError("KEY-UNKNOWN")
    async with job_world(database, hosts) as world:
        job = await world.ended(await world.start())
    assert (job.state, job.code) == ("rejected", "KEY-UNKNOWN")


async def test_busy_is_tried_again(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].refuses = GuestwireError("BUSY", after_ms=500)
    async with job_world(database, hosts) as world:
        job = await world.until(await world.start(), lambda one: one.code == "BUSY")
        assert job.state == "sent"
        hosts["h1"].refuses = None
        world.forward(2_000)
        assert (await world.ended(job)).state == "succeeded"


async def test_a_refusal_of_a_copy_ends_nothing_that_the_host_has(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].silent = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.reset(), lambda one: one.silent == 1)
        hosts["h1"].silent, hosts["h1"].refuses = False, GuestwireError("KEY-UNKNOWN")
        world.forward(2_000)
        assert (await world.ended(job)).state == "succeeded"


async def test_a_lost_journal_leaves_doubt_once_it_was_sent_before(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].silent = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.reset(), lambda one: one.silent == 1)
        hosts["h1"].journal.clear()
        hosts["h1"].refuses = GuestwireError("JOURNAL-LOST")
        world.forward(2_000)
        job = await world.ended(job)
    assert (job.state, job.code, job.verified) == ("indeterminate", "JOURNAL-LOST", False)


async def test_a_deadline_that_passes_before_it_was_sent_ends_it(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].there = False
    async with job_world(database, hosts) as world:
        job = await world.start(deadline_ms=60_000)
        world.forward(60_000)
        job = await world.ended(job)
    assert (job.state, job.code, job.attempts) == ("timed-out", "HOST-NOT-REACHED", 0)
    assert hosts.calls == []


async def test_a_late_result_wins_over_the_deadline(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].held = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.start(deadline_ms=60_000), lambda one: one.state == "running")
        world.forward(60_000)
        job = await world.until(job, lambda one: one.state == "overdue")
        hosts["h1"].finish()
        assert (await world.ended(job)).state == "succeeded"


async def test_an_overdue_job_is_asked_for_when_its_host_comes_back(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].silent = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.start(deadline_ms=60_000), lambda one: one.silent == 1)
        hosts["h1"].there = hosts["h1"].silent = False
        world.forward(3 * HOUR)
        job = await world.until(job, lambda one: one.state == "overdue")
        sent = len(hosts["h1"].requests("guest-start"))
        hosts["h1"].there = True
        world.driver.host_came(job.host)
        assert (await world.ended(job)).state == "succeeded"
    assert len(hosts["h1"].requests("guest-start")) == sent, "past the deadline nothing is sent any more"


async def test_an_overdue_job_that_no_host_ever_had_ends(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].refuses = GuestwireError("LINK-LOST")
    async with job_world(database, hosts) as world:
        job = await world.until(await world.start(deadline_ms=60_000), lambda one: one.silent == 1)
        world.forward(61_000)
        job = await world.until(job, lambda one: one.state == "overdue" and one.silent == 1)
        assert job.message == "The host knows nothing of it.", "by its clock a copy might come yet"
        hosts["h1"].clock_ms = 3 * HOUR
        world.forward(2_000)
        job = await world.ended(job)
    assert (job.state, job.code) == ("timed-out", "EXPIRED")
    assert "host-ping" in [name for name, _ in hosts["h1"].asked], "by the host's own clock no copy counts any more"


async def test_nothing_is_believed_that_nobody_vouches_for(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].fails = GuestwireError("WRONG-STATE")
    hosts.verified = False
    async with job_world(database, hosts) as world:
        job = await world.ended(await world.start())
        # the final itself was believed by the link; what is asked for afterwards was not
        assert (job.state, job.code, job.verified) == ("rejected", "WRONG-STATE", False)


async def test_a_job_goes_as_whom_it_went_first(database: Database) -> None:
    """A host knows a request by its id and by who asked: by another way, as another principal, it would do it once more."""
    hosts = CalledHosts("h1")
    host = hosts["h1"]
    host.silent = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.reset(deadline_ms=60_000), lambda one: one.silent == 1)
        assert (job.issuer, host.effects.total()) == ("controller:main", 1)
        host.silent = False
        host.ways[:] = ["local:990"]
        world.forward(2_000)
        job = await world.until(job, lambda one: one.silent == 2)
        assert (job.state, job.code, len(hosts.calls)) == ("sent", "HOST-UNREACHABLE", 1)
    async with job_world(database, hosts, world.clock) as world:  # nor after a restart, nor when it is only asked about
        world.forward(3 * HOUR)
        job = await world.until(job, lambda one: one.state == "overdue" and one.silent == 1)
        assert len(hosts.calls) == 1
        host.ways.append("controller:main")
        world.driver.host_came(job.host)
        job = await world.ended(job)
    assert (job.state, job.issuer, host.effects.total()) == ("succeeded", "controller:main", 1)


async def test_a_host_to_which_nothing_leads_is_waited_for_and_asked_as_whoever_can(database: Database) -> None:
    """What needed nobody while nothing led there needs a mandate by a socket; the host would not ask for one."""
    hosts = CalledHosts("h1")
    hosts["h1"].ways.clear()
    async with job_world(database, hosts, trust=Leading(hosts)) as world:
        stop, start = await world.reset(), await world.start()
        start = await world.until(start, lambda one: one.silent == 1)
        assert (start.state, start.request_id, start.code) == ("queued", None, "HOST-UNREACHABLE")
        hosts["h1"].ways.append("local:990")
        world.forward(2_000)
        start, stop = await world.ended(start), await world.ended(stop)
    assert (start.state, start.issuer) == ("succeeded", "local:990")
    assert (stop.state, stop.code, hosts["h1"].requests("guest-reset")) == ("rejected", "OUT-OF-SCOPE", [])


class Leading:
    """A SiteTrust of the ways there are, which knows no trust document."""

    def __init__(self, hosts: CalledHosts) -> None:
        self.issuer = hosts.issuer

    def trust(self, site: str) -> None:
        return None


async def test_what_waits_is_cancelled_at_once(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].there = False
    async with job_world(database, hosts) as world:
        job = await world.start()
        view = await world.jobs.cancel(ADMIN, job.id)
        assert (view.state, view.cancel_by) == ("canceled", "ann")
        assert (await world.jobs.cancel(ADMIN, job.id)).state == "canceled"


async def test_what_runs_is_cancelled_at_its_host(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].held = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.start(), lambda one: one.state == "running")
        view = await world.jobs.cancel(ADMIN, job.id)
        assert view.cancel_at is not None
        assert (await world.ended(job)).state == "canceled"
    assert hosts["h1"].requests("job-cancel")


async def test_what_its_host_never_accepted_is_cancelled_once_that_is_certain(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].refuses = GuestwireError("LINK-LOST")
    async with job_world(database, hosts) as world:
        job = await world.until(await world.start(), lambda one: one.silent == 1)
        await world.jobs.cancel(ADMIN, job.id)
        job = await world.until(job, lambda one: one.silent == 1 and one.cancel_at is not None)
        assert job.state == "sent", "a copy that is under way might still be accepted"
        hosts["h1"].clock_ms = HOUR
        world.forward(35_000)
        assert (await world.ended(job)).state == "canceled"


async def test_hosts_take_turns_and_a_few_jobs_go_at_once(database: Database) -> None:
    hosts = CalledHosts("h1", "h2")
    hosts["h1"].held = True
    limits = DriveLimits(sending=8, sending_per_host=2, running_per_host=3)
    async with job_world(database, hosts, limits=limits) as world:
        many = [NewJob(HostRef("plant", "h1"), "guest-start", b"\x82\xa5guest\xa3web\xa4wait\xa7running", HOUR)] * 20
        await world.jobs.create(ADMIN, many)
        assert (await world.ended(await world.start("h2"))).state == "succeeded"
        assert len(hosts["h1"].journal) <= 3
        hosts["h1"].held = False
        hosts["h1"].finish()
        async with asyncio.timeout(20):
            while len(world.ledger):
                await world.changed()
    assert len(hosts["h1"].journal) == 20
    assert hosts["h1"].effects.total() == 20


async def test_a_thousand_hosts_in_one_wave(database: Database) -> None:
    names = [f"h{n}" for n in range(1_000)]
    hosts = CalledHosts(*names)
    async with job_world(database, hosts) as world:
        wanted = NewJob(HostRef("plant", "h0"), "guest-reset", b"\x81\xa5guest\xa3web", HOUR, rollout_id="r1", wave=0)
        jobs = await world.jobs.create(ADMIN, [replace(wanted, host=HostRef("plant", name)) for name in names])
        async with asyncio.timeout(60):
            while len(world.ledger):
                await world.changed()
        async with database.read() as tx:
            kept = await store.page(tx, store.Wanted(rollout_id="r1"), None, 2_000)
        assert [job.state for job in kept] == ["succeeded"] * 1_000
    assert len({job.id for job in jobs}) == 1_000
    assert all(host.effects.total() == 1 for host in hosts.hosts.values())


async def test_a_defect_in_one_drive_ends_no_other(database: Database) -> None:
    class Broken(CalledHosts):
        async def call(self, ref: HostRef, operation: Any, request: Any, **options: Any) -> Any:
            if ref.host == "h1":
                raise ZeroDivisionError
            return await super().call(ref, operation, request, **options)

    async with job_world(database, Broken("h1", "h2")) as world:
        job = await world.start("h1")
        assert (await world.ended(await world.start("h2"))).state == "succeeded"
        job = await world.until(job, lambda one: one.code == "INTERNAL")
        assert job.state == "sent"
        assert world.log.named("job-drive-defect")[0]["job"] == job.id


async def test_jobs_keep_their_places_when_time_is_wrong_for_them(database: Database) -> None:
    clock = Clock()
    async with job_world(database, CalledHosts("h1"), clock) as world:
        later = clock().wall_ms + 600_000
        job = await world.until(await world.start(not_before=later), lambda one: one.state == "waiting-window")
        world.forward(600_001)
        assert (await world.ended(job)).state == "succeeded"


async def _result(world: World, job_id: str) -> store.Result | None:
    async with world.database.read() as tx:
        return await store.result(tx, job_id)
