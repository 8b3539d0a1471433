"""Saved projects rolled out: hosts plan and apply their parts by the real diff and rules, and the jobs are followed like any other."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "projects"))

from desk import ALICE, BOB, H1, H2, Desk
from rollout_stage import Stage, order

from guestwire.controller.jobs.machine import ALWAYS, Opening
from guestwire.controller.projects.plan_models import ApplyOptions, PlanOptions
from guestwire.controller.projects.project_models import OpenWanted, ProjectWanted
from guestwire.controller.rollouts.project_parts import KEPT_PARSED, ProjectParts
from guestwire.controller.rollouts.spec import ProjectPart
from guestwire.controller.store import hosts as host_rows
from guestwire.controller.store import jobs as job_rows
from guestwire.controller.store import pinned_projects, plans
from guestwire.controller.store import rollouts as store
from guestwire.controller.store.host_tables import HostRow, PeoplesWords
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import from_bytes
from guestwire.protocol.config_models import ConfigApply
from guestwire.protocol.operations import BY_NAME

TEXT = """
schema = 1
name = "line"

[hosts.h1.guests.web]
vcpus = 2

[hosts.h2.guests.web]
vcpus = 3
"""
PROJECT = {"operation": None, "body": {}, "project": {"name": "line", "revision": 1}}
PART = ProjectPart(name="line", revision=1)


async def made_desk(database):
    made = Desk(database)
    await made.projects.put(ALICE, "line", ProjectWanted(site="plant", text=TEXT), None)
    return made


async def made_stage(database, desk):
    made = Stage(database)
    made.projects = ProjectParts(database, desk.reading_hosts, desk.plans, lambda: made.clock.ms)
    made.people.known[ALICE.id] = ALICE
    async with database.write() as tx:
        await host_rows.add(tx, [HostRow(ref, 1, True, words=PeoplesWords(approval="approved")) for ref in (H1, H2)])
    return made


@pytest.fixture
async def desk(any_database):
    return await made_desk(any_database)


@pytest.fixture
async def stage(any_database, desk):
    made = await made_stage(any_database, desk)
    async with made.up():
        yield made


async def carried_out(stage, desk, job):
    """The host does what the job says."""
    async with stage.database.read() as tx:
        body = await job_rows.body(tx, job.body_hash)
    request = from_bytes(ConfigApply, body)
    await desk.hosts.call(job.host, BY_NAME["config-apply"], request)
    stage.ends(job)
    return request


async def test_each_host_gets_its_part_as_it_planned_it(stage, desk):
    rollout = await stage.rollouts.create(ALICE, order(**PROJECT), start=True)
    jobs = await stage.until_open(2)
    requests = [await carried_out(stage, desk, job) for job in jobs]
    assert [request.desired.guests[0].vcpus for request in requests] == [2, 3]
    assert [request.plan_id for request in requests] == [job.plan_id for job in jobs]
    assert requests[0].comment == "alice: a rollout"
    await stage.until_state(rollout.id, "finished")
    assert (await stage.rollouts.show(ALICE, rollout.id)).outcome == "succeeded"
    async with stage.database.read() as tx:
        followed = await plans.ended_jobs(tx)
    assert [(one.job_id, one.ref, one.verb, one.author) for one in followed] == [
        (job.id, job.host, "apply", "alice") for job in jobs
    ]


async def test_what_becomes_of_the_project_changes_nothing_of_its_rollout(database):
    """Renamed, edited and removed while hosts are away and while a rollout is a draft: what was pinned is applied."""
    desk = await made_desk(database)
    stage = await made_stage(database, desk)
    stage.fleet.away = {H1, H2}
    async with stage.up():
        under_way = await stage.rollouts.create(ALICE, order(**PROJECT), start=True)
        draft = await stage.rollouts.create(ALICE, order(**PROJECT))
        await desk.projects.rename(ALICE, "line", "works", 1)
        await desk.projects.put(ALICE, "works", ProjectWanted(site="plant", text=TEXT.replace("= 2", "= 1")), 2)
        await desk.projects.put(ALICE, "line", ProjectWanted(site="plant", text=TEXT.replace("= 3", "= 1")), None)
        await desk.projects.remove(ALICE, "works", 3)
        async with database.write() as tx:
            assert await pinned_projects.prune(tx, stage.clock.ms + 1) == 0, "two rollouts need it"
        stage.fleet.away = set()
        stage.running.wake()
        for rollout_id, vcpus in ((under_way.id, [2, 3]), (draft.id, [])):
            if rollout_id == draft.id:
                await stage.rollouts.start(ALICE, rollout_id)
            else:
                jobs = await stage.until_open(2)
                requests = [await carried_out(stage, desk, job) for job in jobs]
                assert [request.desired.guests[0].vcpus for request in requests] == vcpus
            await stage.until_state(rollout_id, "finished")
            assert await stage.states(rollout_id) == ["succeeded", "succeeded"]
        async with database.write() as tx:
            await store.prune(tx, 1 << 60)
            assert await pinned_projects.prune(tx, 0) == 0, "what was pinned just now may be about to be needed"
            assert await pinned_projects.prune(tx, 1 << 60) == 1


async def test_what_was_pinned_is_read_once_for_all_hosts(stage, desk):
    async with stage.database.write() as tx:
        pin = await stage.projects.pin(tx, PART)
        assert await stage.projects.hosts(tx, PART, pin) == {H1, H2}
        assert await pinned_projects.prune(tx, 1 << 60) == 1
    for host in (H1, H2):
        assert (await stage.projects.plan(ALICE, host, PART, pin)).items == 1
    for number in range(KEPT_PARSED):
        text = TEXT.replace("= 3", f"= {number + 1}")
        await desk.projects.put(ALICE, f"other{number}", ProjectWanted(site="plant", text=text), None)
        async with stage.database.read() as tx:
            assert await stage.projects.hosts(tx, ProjectPart(name=f"other{number}", revision=1)) == {H1, H2}
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await stage.projects.plan(ALICE, H1, PART, pin)


async def test_what_is_so_already_takes_no_job(stage, desk):
    for _ in range(2):
        rollout = await stage.rollouts.create(ALICE, order(**PROJECT), start=True)
        await stage.until_planned(rollout.id)
        for job in stage.open_jobs():
            await carried_out(stage, desk, job)
        await stage.until_state(rollout.id, "finished")
    assert await stage.jobs(rollout.id) == []
    assert await stage.states(rollout.id) == ["succeeded", "succeeded"]


async def test_a_project_that_is_not_there(stage, desk):
    async with stage.database.read() as tx:
        assert await stage.projects.hosts(tx, PART) == {H1, H2}
        assert await stage.projects.hosts(tx, ProjectPart(name="line", revision=2)) is None
        assert await stage.projects.hosts(tx, ProjectPart(name="other", revision=1)) is None


async def test_a_plan_of_a_draft_stays_the_drafts(stage, desk):
    """The same change, planned by somebody for their draft: they may still apply it."""
    await desk.opening.open(ALICE, "line", OpenWanted())
    shown = await desk.plans.plan(ALICE, H1, PlanOptions())
    found = await stage.projects.plan(ALICE, H1, PART)
    assert found.plan_id == shown.plan.plan_id
    assert (await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=found.plan_id))).plan_id == found.plan_id


async def test_a_plan_that_is_rejected_before_its_turn_fails_on_that_host_alone(stage, desk):
    stage.windows.openings["night"] = Opening(None, stage.clock.ms + 3_600_000)
    rollout = await stage.rollouts.create(ALICE, order(**PROJECT, window="night"), start=True)

    async def planned():
        return all(target.ready for target in await stage.targets(rollout.id))

    await stage.until(planned)
    [plan_id, _] = [target.plan_id for target in await stage.targets(rollout.id)]
    await desk.plans.review(BOB, H1, plan_id, "reject", "not now")
    stage.windows.openings["night"] = ALWAYS
    stage.running.wake()
    await stage.until_planned(rollout.id)
    first, second = await stage.targets(rollout.id)
    assert (first.state, first.code) == ("failed", "REVIEW-REQUIRED")
    assert second.code is None
    assert [job.host for job in await stage.jobs(rollout.id)] == [H2]


async def test_what_breaks_rules_is_a_problem(any_database):
    desk = Desk(any_database)
    broken = TEXT.replace("vcpus = 2", "vcpus = 64")
    await desk.projects.put(ALICE, "line", ProjectWanted(site="plant", text=broken), None)
    parts = ProjectParts(any_database, desk.reading_hosts, desk.plans, lambda: 1)
    assert (await parts.plan(ALICE, H1, PART)).problem[0] == "VALIDATION-FAILED"
    assert (await parts.plan(ALICE, H2, PART)).problem is None


async def test_where_reviews_are_required_it_takes_one(any_database):
    desk = Desk(any_database, review_required=True)
    await desk.projects.put(ALICE, "line", ProjectWanted(site="plant", text=TEXT), None)
    parts = ProjectParts(any_database, desk.reading_hosts, desk.plans, lambda: 1)
    assert (await parts.plan(ALICE, H1, PART)).problem[0] == "REVIEW-REQUIRED"
