"""Projects on many hosts: each plans its own part, what it says decides, and a plan that is stale is made anew."""

import pytest
from rollout_stage import ADMIN, Stage

from guestwire.controller.rollouts.planning import AGAIN_MS
from guestwire.controller.rollouts.ports import HostPlan
from guestwire.model.errors import GuestwireError

PROJECT = {"operation": None, "body": {}, "project": {"name": "line", "revision": 3}}


@pytest.fixture
async def stage(any_database):
    made = Stage(any_database)
    made.hosts = await made.add_hosts(4)
    made.projects.parts["line", 3] = frozenset(made.hosts[:3])
    async with made.up():
        yield made


async def test_hosts_without_a_part_are_no_targets(stage):
    rollout_id = await stage.make(**PROJECT)
    assert [target.host for target in await stage.targets(rollout_id)] == stage.hosts[:3]
    jobs = await stage.until_open(3)
    assert [job.plan_id for job in jobs] == [f"plan-of-h000{n}-1" for n in range(3)]
    assert {job.rollout_id for job in jobs} == {rollout_id}


async def test_a_named_host_without_a_part_is_skipped(stage):
    rollout_id = await stage.make(**PROJECT, targets={"hosts": ["plant/h0000", "plant/h0003"]})
    await stage.until_open(1)
    skipped = (await stage.targets(rollout_id))[1]
    assert (skipped.state, skipped.message) == ("skipped", "The project has no part for this host.")


async def test_nothing_to_change_is_done_and_an_obstacle_is_a_failure(stage):
    first, second, third = stage.hosts[:3]
    stage.projects.plans = {
        first: HostPlan("plan-of-first-01", 0, 0),
        second: HostPlan("plan-of-second-1", 1, 2, ("VALIDATION-FAILED", "CPU-OVERLAP on guests.rt1")),
        third: GuestwireError("UNSUPPORTED", "Its agent is too old."),
    }
    rollout_id = await stage.make(**PROJECT)
    await stage.until_state(rollout_id, "finished")
    assert [(t.state, t.code) for t in await stage.targets(rollout_id)] == [
        ("succeeded", None), ("failed", "VALIDATION-FAILED"), ("failed", "UNSUPPORTED"),
    ]  # fmt: skip
    assert await stage.jobs(rollout_id) == []


async def test_hosts_that_are_away_plan_when_they_come(stage):
    stage.fleet.away.add(stage.hosts[0])
    stage.projects.plans[stage.hosts[1]] = GuestwireError("HOST-UNREACHABLE")
    await stage.make(**PROJECT)
    await stage.until_open(1)
    assert stage.hosts[0] not in stage.projects.planned
    stage.fleet.away.clear()
    stage.projects.plans.clear()
    stage.pass_time(AGAIN_MS / 1000 + 1)
    await stage.until_open(3)


async def test_a_host_that_comes_plans_at_once(stage):
    stage.fleet.away.add(stage.hosts[0])
    await stage.make(**PROJECT)
    await stage.until_open(2)
    stage.fleet.away.clear()
    stage.running.host_came(stage.hosts[3])
    stage.running.host_came(stage.hosts[0])
    await stage.until_open(3)


async def test_what_could_not_be_written_down_is_planned_again(stage):
    host = stage.hosts[0]
    stage.fleet.away.add(host)
    rollout_id = await stage.make(**PROJECT)
    await stage.until_open(2)
    working, failed = stage.database.write, []

    def away():
        failed.append(1)
        raise GuestwireError("DATABASE-UNAVAILABLE", after_ms=2_000)

    stage.database.write = away
    stage.fleet.away.clear()
    stage.running.host_came(host)
    await stage.until(lambda: stage.projects.planned.count(host) == 1 and failed)
    stage.database.write = working
    stage.pass_time(3)
    await stage.until_open(3)
    assert stage.projects.planned.count(host) == 2
    assert (await stage.targets(rollout_id))[0].plan_id == "plan-of-h0000-1"


async def test_who_never_comes_is_not_reached(stage):
    stage.fleet.away.add(stage.hosts[0])
    rollout_id = await stage.make(**PROJECT, deadline_s=600, patience_s=60)
    await stage.until_open(2)
    stage.all_end()
    stage.pass_time(601)
    await stage.until_state(rollout_id, "finished")
    target = (await stage.targets(rollout_id))[0]
    assert (target.state, target.code, target.reached) == ("overdue", "HOST-NOT-REACHED", False)


async def test_a_stale_plan_is_made_anew(stage):
    rollout_id = await stage.make(**PROJECT)
    jobs = await stage.until_open(3)
    stage.projects.plans[jobs[0].host] = HostPlan("plan-of-h0000-2", 1, 3)
    stage.ends(jobs[0], "failed", "PLAN-STALE")
    again = (await stage.until(lambda: [job for job in stage.open_jobs() if job.plan_id == "plan-of-h0000-2"]))[0]
    stage.ends(again)
    stage.all_end()
    await stage.until_state(rollout_id, "finished")
    assert await stage.states(rollout_id) == ["succeeded"] * 3


async def test_a_plan_that_is_kept_no_more_is_made_anew(stage):
    stage.projects.gone.add("plan-of-h0001-1")
    stage.projects.again = HostPlan("plan-of-h0001-2", 1, 3)
    await stage.make(**PROJECT)
    jobs = await stage.until_open(3)
    assert [job.plan_id for job in jobs] == ["plan-of-h0000-1", "plan-of-h0001-2", "plan-of-h0002-1"]


async def test_after_a_restart_only_what_is_missing_is_planned(any_database):
    stage = Stage(any_database)
    stage.hosts = await stage.add_hosts(3)
    stage.projects.parts["line", 3] = frozenset(stage.hosts)
    stage.fleet.away.add(stage.hosts[2])
    async with stage.up():
        rollout_id = await stage.make(**PROJECT, waves={"base_rate": 1})

        async def planned():
            return [t.plan_id is not None for t in await stage.targets(rollout_id)] == [True, True, False]

        await stage.until(planned)
    stage.projects.planned.clear()
    stage.fleet.away.clear()
    async with stage.up():
        await stage.until(lambda: stage.projects.planned)

        async def all_planned():
            return all(t.plan_id is not None for t in await stage.targets(rollout_id))

        await stage.until(all_planned)
    assert stage.projects.planned == [stage.hosts[2]]


async def test_what_is_planned_for_an_ended_rollout_is_dropped(stage):
    stage.fleet.away.update(stage.hosts)
    rollout_id = await stage.make(**PROJECT)
    await stage.rollouts.abort(ADMIN, rollout_id, "")
    await stage.until_state(rollout_id, "aborted")
    [target, *_] = await stage.targets(rollout_id)
    await stage.running.planned(rollout_id, target)
    assert (await stage.targets(rollout_id))[0].state == "canceled"


async def test_hosts_plan_for_nobody_who_is_gone(stage):
    """It pauses, though no host could begin yet: none of them has failed for that."""
    stage.fleet.away.update(stage.hosts)
    rollout_id = await stage.make(**PROJECT)
    await stage.until_state(rollout_id, "running")
    del stage.people.known[ADMIN.id]
    stage.fleet.away.clear()
    stage.pass_time(AGAIN_MS / 1000 + 1)
    row = await stage.until_state(rollout_id, "paused")
    assert "may not log in any more" in row.standing.reason
    assert await stage.states(rollout_id) == ["planned"] * 3
    assert stage.projects.planned == []
    stage.people.known[ADMIN.id] = ADMIN
    await stage.rollouts.resume(ADMIN, rollout_id)
    await stage.until_open(3)
