"""Rollouts over a real database, with the controller's own ledger of jobs."""

import asyncio
from dataclasses import replace

import pytest
from rollout_stage import ADMIN, Stage, order

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs import events as e
from guestwire.controller.jobs.machine import ALWAYS, Opening
from guestwire.controller.store import audit_rows
from guestwire.controller.store import hosts as host_rows
from guestwire.controller.store.alarms import AlarmRow
from guestwire.controller.store.audit_rows import Wanted
from guestwire.controller.store.hosts import Attendance
from guestwire.controller.users.person import TokenUse
from guestwire.model.errors import GuestwireError


@pytest.fixture
async def stage(database):
    made = Stage(database)
    await made.add_hosts(6)
    async with made.up():
        yield made


async def test_a_rollout_runs_from_its_start_to_its_end(stage):
    rollout_id = await stage.make(waves={"canary": {"count": 1}, "size": {"count": 3}})
    [canary] = await stage.until_open(1)
    assert (canary.host, canary.wave, canary.rollout_id) == (HostRef("plant", "h0000"), 0, rollout_id)
    stage.ends(canary)
    jobs = await stage.until_open(3)
    assert {job.wave for job in jobs} == {1}
    stage.all_end()
    await stage.until_open(2)
    stage.all_end()
    await stage.until_state(rollout_id, "finished")
    shown = await stage.rollouts.show(ADMIN, rollout_id)
    assert (shown.outcome, shown.hosts, shown.done, shown.counts) == ("succeeded", 6, 6, {"succeeded": 6})
    assert [(wave.wave, wave.hosts) for wave in shown.waves] == [(0, 1), (1, 3), (2, 2)]


async def test_what_hosts_do_is_seen_in_the_database(stage):
    rollout_id = await stage.make()
    first, second, *_ = await stage.until_open(6)
    stage.runs(first)
    stage.ends(second, "failed", "DRIVER-ERROR")
    await stage.until_states(rollout_id, "running", "failed", "queued")
    assert (await stage.targets(rollout_id))[1].code == "DRIVER-ERROR"


async def test_what_goes_wrong_pauses_it_and_a_person_goes_on(stage):
    rollout_id = await stage.make(thresholds={"pause_count": 1}, waves={"size": {"count": 2}})
    first, second = await stage.until_open(2)
    stage.ends(first, "failed", "DRIVER-ERROR")
    row = await stage.until_state(rollout_id, "paused")
    assert row.standing.reason == "1 of 1 hosts failed"

    async def planned_again():
        return (await stage.states(rollout_id))[1] == "planned"

    await stage.until(planned_again)
    assert stage.ledger.get(second.id) is None, "what nobody had was taken back"
    await stage.rollouts.resume(ADMIN, rollout_id)
    await stage.until(lambda: stage.open_jobs())
    stage.answers = ("succeeded",)
    stage.all_end()
    await stage.until_state(rollout_id, "finished")
    assert (await stage.states(rollout_id)).count("succeeded") == 5


async def test_an_abort_takes_back_what_no_host_has(stage):
    rollout_id = await stage.make(waves={"size": {"count": 3}})
    first, second, _third = await stage.until_open(3)
    stage.runs(first)
    stage.sent(second)
    await stage.until_states(rollout_id, "running", "sent")
    await stage.rollouts.abort(ADMIN, rollout_id, "wrong level")
    await stage.until_open(1)
    row = await stage.row(rollout_id)
    assert (row.standing.state, row.standing.reason) == ("aborting", "anna: wrong level")
    stage.ends(first)
    await stage.until_state(rollout_id, "aborted")
    assert await stage.states(rollout_id) == ["succeeded", *["canceled"] * 5]


async def test_the_clock_begins_the_next_hosts(stage):
    rollout_id = await stage.make(waves={"base_rate": 24})
    await stage.until_open(2)
    row = await stage.row(rollout_id)
    assert row.next_at == stage.clock.ms + 5_000
    stage.pass_time(5)
    await stage.until_open(4)
    stage.pass_time(5)
    await stage.until_open(6)


async def test_its_window_is_kept_to(stage):
    stage.windows.openings["night"] = Opening(None, stage.clock.ms + 3_600_000)
    rollout_id = await stage.make(window="night")
    row = await stage.until_state(rollout_id, "running")
    await stage.until(lambda: stage.running._kept[rollout_id].next_at is not None)
    assert (row.standing.wave, stage.open_jobs()) == (None, [])
    stage.windows.openings["night"] = ALWAYS
    stage.pass_time(3600)
    jobs = await stage.until_open(6)
    assert {job.window for job in jobs} == {"night"}


async def test_alarms_are_looked_at_while_a_wave_is_watched(stage):
    rollout_id = await stage.make(waves={"size": {"count": 3}, "base_rate": 24}, soak_s=600)
    jobs = await stage.until_open(2)
    stage.pass_time(5)
    jobs = await stage.until_open(3)
    stage.all_end()
    await stage.until(lambda: stage.alarms.asked)
    stage.alarms.all = [
        _alarm(jobs[2].host, "before its turn", stage.clock.ms - 1_000),
        _alarm(jobs[0].host, "an old one", stage.clock.ms - 5_001),
        _alarm(jobs[1].host, "guest-crashed", stage.clock.ms + 1),
        _alarm(jobs[2].host, "for the books", stage.clock.ms + 1, severity="info"),
    ]
    stage.pass_time(6)
    await stage.until_state(rollout_id, "paused")
    assert [target.alarm for target in await stage.targets(rollout_id)][:3] == [None, "guest-crashed", None]


def _alarm(host, rule, at, severity="warning"):
    return AlarmRow("a1", rule, host, "", severity, "active", "", None, at, at, at)


async def test_a_continuous_rollout_takes_hosts_in(stage):
    stage.answers = ("succeeded",)
    rollout_id = await stage.make(mode="continuous", open_s=3600)

    async def done():
        return (await stage.states(rollout_id)).count("succeeded")

    await stage.until(lambda: _is(done(), 6))
    await stage.add_hosts(8)
    stage.fleet.pending.add(HostRef("plant", "h0007"))
    stage.pass_time(11)
    await stage.until(lambda: _is(done(), 7))
    stage.fleet.pending.clear()
    stage.pass_time(11)
    await stage.until(lambda: _is(done(), 8))
    assert (await stage.row(rollout_id)).standing.state == "running"
    stage.pass_time(3600)
    await stage.until_state(rollout_id, "finished")


class _Asked(dict):
    """Who may log in; `asked` is set when somebody wants to know."""

    def __init__(self, *known):
        super().__init__(*known)
        self.asked = asyncio.Event()

    def get(self, person_id):
        self.asked.set()
        return super().get(person_id)


async def test_a_continuous_rollout_takes_no_host_in_for_who_may_no_longer(stage):
    """However long nothing had to be done in their name."""
    stage.answers = ("succeeded",)
    rollout_id = await stage.make(mode="continuous", open_s=3600)

    async def done():
        return (await stage.states(rollout_id)).count("succeeded")

    await stage.until(lambda: _is(done(), 6))
    stage.people.known = _Asked({ADMIN.id: replace(ADMIN, bindings=(ADMIN.bindings[0]._replace(role="observer"),))})
    await stage.add_hosts(8)
    stage.pass_time(11)
    async with asyncio.timeout(20):
        await stage.people.known.asked.wait()
    assert len(await stage.states(rollout_id)) == 6
    stage.people.known = {ADMIN.id: ADMIN}
    stage.pass_time(11)
    await stage.until(lambda: _is(done(), 8))


async def test_who_matches_no_longer_takes_no_part(stage):
    rollout_id = await stage.make(
        mode="continuous", targets={"selection": "site=plant state=online"}, waves={"size": {"count": 1}}
    )
    [first] = await stage.until_open(1)
    gone = HostRef("plant", "h0001")
    async with stage.database.write() as tx:
        await host_rows.put_attendance(tx, {gone: Attendance("offline"), first.host: Attendance("offline")})
    stage.pass_time(11)

    async def skipped():
        return [t.host for t in await stage.targets(rollout_id) if t.state == "skipped"] == [gone]

    await stage.until(skipped)
    stage.all_end()
    await stage.until(lambda: [job.host.host for job in stage.open_jobs()] == ["h0002"])


async def _is(coroutine, expected):
    return await coroutine == expected


async def test_a_late_result_after_the_end_counts(stage):
    rollout_id = await stage.make(deadline_s=60)
    jobs = await stage.until_open(6)
    stage.sent(jobs[0])
    for job in jobs[1:]:
        stage.ends(job)
    stage.clock.ms += 61_000
    stage.ledger.apply(jobs[0].id, e.DeadlinePassed())
    await stage.until_state(rollout_id, "finished")
    assert (await stage.rollouts.show(ADMIN, rollout_id)).outcome == "partly"
    stage.ends(jobs[0])

    async def succeeded():
        return (await stage.rollouts.show(ADMIN, rollout_id)).outcome == "succeeded"

    await stage.until(succeeded)


async def test_who_may_no_longer_begins_nothing_more(stage):
    rollout_id = await stage.make(waves={"size": {"count": 2}})
    await stage.until_open(2)
    del stage.people.known[ADMIN.id]
    stage.clock.ms += 60_000
    stage.all_end()
    row = await stage.until_state(rollout_id, "paused")
    assert row.standing.reason.startswith("anna, who started it, may not log in any more: who resumes it")
    stage.people.known[ADMIN.id] = replace(ADMIN, bindings=(ADMIN.bindings[0]._replace(role="observer"),))
    stage.clock.ms += 60_000
    await stage.rollouts.resume(ADMIN, rollout_id)
    row = await stage.until_state(rollout_id, "paused")
    assert "may not do log-level on plant/h0002 any more" in row.standing.reason


async def test_who_resumes_what_nobody_answers_for_does(stage):
    ci = replace(ADMIN, token=TokenUse("t1", "ci", None))
    bruno = replace(ADMIN, id="p-bruno", name="bruno")
    rollout_id = (await stage.rollouts.create(ci, order(waves={"size": {"count": 2}}), start=True)).id
    await stage.until_open(2)
    del stage.people.known[ADMIN.id]
    stage.people.known[bruno.id] = bruno
    stage.clock.ms += 60_000
    stage.all_end()
    row = await stage.until_state(rollout_id, "paused")
    assert "or the token ci was revoked" in row.standing.reason
    resumed = await stage.rollouts.resume(bruno, rollout_id)
    assert resumed.person == "bruno"
    assert {job.person_id for job in await stage.until_open(2)} == {bruno.id}
    row = await stage.row(rollout_id)
    assert (row.person_id, row.token) == (bruno.id, None)


async def test_what_it_does_by_itself_is_in_the_audit_log(stage):
    rollout_id = await stage.make(waves={"size": {"count": 3}}, thresholds={"abort_count": 1})
    stage.ends((await stage.until_open(3))[0], "failed", "INTERNAL")
    await stage.until_state(rollout_id, "aborted")
    async with stage.database.read() as tx:
        rows = await audit_rows.oldest(tx, Wanted(target=rollout_id), above=0, limit=100)
    assert [(row.action, row.person) for row in rows] == [
        ("rollout-make", "anna"), ("rollout-start", "anna"), ("rollout-wave", "controller"), ("rollout-abort", "controller"),
        ("rollout-end", "controller"),
    ]  # fmt: skip


async def test_two_controllers_do_not_begin_a_host_twice(stage):
    """Each goes on as if it were alone; the database lets one of them."""
    stage.answers = None
    other = Stage(stage.database)
    other.clock = stage.clock
    async with other.up():
        rollout_id = await stage.make(waves={"size": {"count": 2}})
        other.running.wake(rollout_id)
        stage.running.wake(rollout_id)
        await stage.until_open(2)

        async def both_rest():
            row = await stage.row(rollout_id)
            return row.standing.wave == 1 and (await stage.states(rollout_id)).count("queued") == 2

        await stage.until(both_rest)
    jobs = await stage.jobs(rollout_id)
    assert len(jobs) == len({job.host for job in jobs}) == 2


async def test_a_database_that_is_away_is_waited_for(stage):
    rollout_id = await stage.make(waves={"base_rate": 24})
    await stage.until_open(2)
    working, failed = stage.database.write, []

    def away():
        failed.append(1)
        raise GuestwireError("DATABASE-UNAVAILABLE", after_ms=1_000)

    stage.database.write = away
    stage.pass_time(5)
    await stage.until(
        lambda: ("rollout-waits", {"rollout": rollout_id, "code": "DATABASE-UNAVAILABLE"}) in stage.log.said
    )
    await stage.until(lambda: stage.running._kept[rollout_id].next_at == stage.clock.ms + 1_000)
    assert failed, "and it is not tried again before the time that the error says"
    assert len(stage.open_jobs()) == 2
    stage.database.write = working
    stage.pass_time(1)
    await stage.until_open(4)
