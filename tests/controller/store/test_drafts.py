"""What the database keeps of drafts, plans and configurations, and what it lets go of."""

from dataclasses import replace

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job
from guestwire.controller.store import drafts, host_configs, jobs, plans, projects
from guestwire.controller.store.database import Database
from guestwire.controller.store.drafts import DraftRevision
from guestwire.controller.store.host_configs import HostConfig
from guestwire.controller.store.plans import PlanJob, PlanRow, Remark
from guestwire.controller.store.projects import ProjectRevision
from guestwire.model.desired import Desired
from guestwire.model.machines import MACHINES
from guestwire.model.plan import Plan, Revision
from guestwire.protocol.config_models import ConfigShown

H1, H2 = HostRef("plant", "h1"), HostRef("plant", "h2")


async def test_the_oldest_revisions_of_a_draft_go(database: Database) -> None:
    async with database.write() as tx:
        for ref in (H1, H2):
            for number in range(1, 8):
                row = DraftRevision(ref, number, "u", "anna", number, "edit", "s", None, "[]", "text")
                await drafts.add_revision(tx, row, 7 if ref == H2 else 3)
        kept = [row.revision for row in await drafts.revisions(tx, H1, None, 10)]
        assert kept == [7, 6, 5]
        assert len(await drafts.revisions(tx, H2, None, 10)) == 7
        assert [row.revision for row in await drafts.revisions(tx, H2, 5, 2)] == [4, 3]
        assert [row.revision for row in await drafts.revisions(tx, H2, None, 10, since=5)] == [7, 6]
        assert await drafts.revision(tx, H1, 4) is None
        assert (await drafts.standing(tx, H1), await drafts.find(tx, H1)) == (0, None)


async def test_the_oldest_revisions_of_a_project_go(database: Database) -> None:
    async with database.write() as tx:
        for number in range(1, 6):
            await projects.add_revision(tx, ProjectRevision("p", number, "u", "anna", number, "s", "[]", "text"), 2)
        assert [row.revision for row in await projects.revisions(tx, "p", None, 10)] == [5, 4]


def shown(number: int, hash: str = "a") -> ConfigShown:
    revision = Revision(number=number, hash=hash * 64, author="operator:a", applied_at=number)
    return ConfigShown(desired=Desired(), revision=revision, state="in_sync")


async def test_what_was_asked_later_counts_whoever_is_faster(database: Database) -> None:
    async with database.write() as tx:
        await host_configs.put(tx, HostConfig(H1, shown(2), None, None, 20))
        await host_configs.put(tx, HostConfig(H1, shown(1), None, None, 10))
        found = await host_configs.find(tx, H1)
        assert found is not None
        assert (found.shown.revision.number, found.at) == (2, 20)


async def test_the_machine_that_a_host_was_is_kept_until_it_is_another_one_again(database: Database) -> None:
    a, b, c = (MACHINES[name].topology for name in ("bios-8-cpu", "bios-4-cpu", "4-core"))
    seen = []
    async with database.write() as tx:
        for at, machine in enumerate((None, a, a, b, None, b, c)):
            await host_configs.put(tx, HostConfig(H1, shown(1), machine, None, at))
            found = await host_configs.find(tx, H1)
            assert found is not None
            assert found.topology == machine
            seen.append(found.earlier)
    assert seen == [None, None, None, a, b, b, b]


async def test_a_number_that_a_host_uses_again_is_the_new_revision(database: Database) -> None:
    async with database.write() as tx:
        await host_configs.put_revisions(tx, H1, [shown(1).revision, shown(2).revision])
        await host_configs.put_revisions(tx, H1, [shown(2, "b").revision])
        await host_configs.put_revisions(tx, H1, [])
        found = await host_configs.revisions(tx, H1, None, 10)
    assert [(one.number, one.hash[0]) for one in found] == [(2, "b"), (1, "a")]


async def test_a_plan_that_is_being_carried_out_is_not_forgotten(database: Database) -> None:
    def plan(number: int) -> PlanRow:
        made = Plan(host="h1", base_revision=1, target_hash="t", plan_id=f"{number:032x}")
        return PlanRow(H1, made, "apply", Desired(), "{}", "u", "anna", number, number)

    async with database.write() as tx:
        await plans.put(tx, plan(1), 2)
        await plans.add_remark(tx, Remark(H1, f"{1:032x}", "comment", "u", "anna", 1, "hm"))
        job = PlanJob("j1", H1, f"{1:032x}", "apply", "u", "anna", 1)
        await plans.add_job(tx, job, 10)
        for number in range(2, 6):
            await plans.put(tx, plan(number), 2)
        kept = [number for number in range(1, 6) if await plans.find(tx, H1, f"{number:032x}") is not None]
        assert kept == [1, 4, 5]
        newest = await plans.newest(tx, H1)
        assert newest is not None
        assert newest.draft_revision == 5
        await plans.put_job(tx, replace(job, ended_at=2, done_at=2, state="in_sync"))
        await plans.put(tx, plan(6), 2)
        assert await plans.find(tx, H1, f"{1:032x}") is None
        assert await plans.remarks(tx, H1, f"{1:032x}") == []


async def test_the_oldest_jobs_that_are_done_go(database: Database) -> None:
    async with database.write() as tx:
        for number in range(6):
            job = PlanJob(f"j{number}", H1, "p" * 16, "apply", "u", "anna", number)
            await plans.add_job(tx, job, 2)
            if number != 1:
                await plans.put_job(tx, replace(job, done_at=number, ended_at=number))
        assert {job.job_id for job in await plans.jobs_of(tx, H1, 10)} == {"j1", "j3", "j4", "j5"}
        assert [job.job_id for job in await plans.ended_jobs(tx)] == ["j1"]


async def test_jobs_that_have_not_ended_are_not_looked_at(database: Database) -> None:
    """However many wait for hosts that are away: what has ended, or is kept no more, is not behind them."""
    queued = [Job(f"q{n}", H1, "config-apply", 1, "aa", n, n + 1) for n in range(20)]
    ended = Job("e", H1, "config-apply", 1, "aa", 20, 21, state="succeeded", finished_at=21)
    async with database.write() as tx:
        await jobs.insert(tx, [*queued, ended], {"aa": b""})
        for job_id in (*(job.id for job in queued), "e", "gone", "waits"):
            await plans.add_job(tx, PlanJob(job_id, H1, "p" * 16, "apply", "u", "anna", 1), 100)
        await plans.put_job(
            tx, PlanJob("waits", H1, "p" * 16, "apply", "u", "anna", 1, state="confirm_wait", ended_at=2)
        )
        assert {job.job_id for job in await plans.ended_jobs(tx)} == {"e", "gone", "waits"}
