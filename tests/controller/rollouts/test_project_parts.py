"""Saved projects rolled out: hosts plan and apply their parts by the real diff and rules, and the jobs are followed like any other."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "projects"))

from desk import ALICE, H1, H2, Desk
from rollout_stage import Stage, order

from guestwire.controller.projects.plan_models import ApplyOptions, PlanOptions
from guestwire.controller.projects.project_models import OpenWanted, ProjectWanted
from guestwire.controller.rollouts.project_parts import ProjectParts
from guestwire.controller.rollouts.spec import ProjectPart
from guestwire.controller.store import hosts as host_rows
from guestwire.controller.store import jobs as job_rows
from guestwire.controller.store import plans
from guestwire.controller.store.host_tables import HostRow, PeoplesWords
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


@pytest.fixture
async def desk(any_database):
    made = Desk(any_database)
    await made.projects.put(ALICE, "line", ProjectWanted(site="plant", text=TEXT), None)
    return made


@pytest.fixture
async def stage(any_database, desk):
    made = Stage(any_database)
    made.projects = ProjectParts(any_database, desk.reading_hosts, desk.plans, lambda: made.clock.ms)
    made.people.known[ALICE.id] = ALICE
    async with any_database.write() as tx:
        await host_rows.add(tx, [HostRow(ref, 1, True, words=PeoplesWords(approval="approved")) for ref in (H1, H2)])
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
        followed = await plans.open_jobs(tx, 10)
    assert [(one.job_id, one.ref, one.verb, one.author) for one in followed] == [
        (job.id, job.host, "apply", "alice") for job in jobs
    ]


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
