"""From a plan to a changed host: what is in the way is said before anything is sent, and what came of it is followed to its end,
whoever follows it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from desk import ALICE, BOB, EVE, H1, Desk

from guestwire.controller.jobs.job import Job
from guestwire.controller.projects.edits import DraftEdit
from guestwire.controller.projects.following import LOOK_EVERY_S, Following
from guestwire.controller.projects.plan_models import ApplyOptions, PlanOptions
from guestwire.controller.store import plans
from guestwire.controller.store.database import Database
from guestwire.controller.users.person import Binding, Person
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

OPERATOR = Person("u-op", "op", (Binding("operator", "*"),))
PATIENCE_S = 10.0


@pytest.fixture
async def desk(database: Database) -> Desk:
    made = Desk(database)
    made.hosts.configs[H1].add(Desired(guests=(Guest(name="web"), Guest(name="old"))))
    await made.pulling.pull(ALICE, H1)
    return made


async def planned(desk: Desk, *edits: DraftEdit, **options: Any) -> str:
    """The id of a plan of the draft after edits."""
    revision = (await desk.reading.show(ALICE, H1)).revision
    await desk.drafts.edit(ALICE, H1, edits or [DraftEdit(path="guest.web.memory_mib", value=700)], revision)
    return (await desk.plans.plan(ALICE, H1, PlanOptions(**options))).plan.plan_id


async def refused(doing: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as error:
        await doing
    return error.value


def passed_s(desk: Desk, seconds: float) -> None:
    now = desk.clock()
    while desk.clock() < now + seconds * 1000:
        pass


async def open_jobs(desk: Desk) -> int:
    async with desk.database.read() as tx:
        return len(await plans.ended_jobs(tx))


async def test_an_apply_does_what_was_planned_and_the_draft_is_of_the_new_revision(desk):
    plan_id = await planned(desk)
    ordered = await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id, comment="more memory"))
    assert (ordered.plan_id, ordered.risk) == (plan_id, 1)
    config = desk.hosts.configs[H1]
    assert (config.revision.number, config.revision.comment) == (2, "alice: more memory")
    await desk.following.look()
    shown = await desk.reading.show(ALICE, H1)
    assert (shown.base_revision, shown.state, shown.items) == (2, "clean", ())
    entry = (await desk.reading.history(ALICE, H1, None, 1))[0]
    assert (entry.kind, entry.author, entry.base_revision) == ("apply", "the controller", 2)
    assert entry.summary == "alice applied it: revision 2 of the host"
    assert await open_jobs(desk) == 0
    found, _ = await desk.plans.revisions(EVE, H1, None, 10)
    assert [(one.number, one.person, one.job_id) for one in found] == [
        (2, "alice", ordered.job_id), (1, None, None), (0, None, None),
    ]  # fmt: skip
    assert (await desk.plans.show(ALICE, H1)).job_id == ordered.job_id
    assert ("alice", "config-apply", "plant/h1") in await desk.audit()


async def test_a_new_guest_has_the_identifier_that_its_host_gave_it(desk):
    plan_id = await planned(desk, DraftEdit(op="add", path="guest.new", value={"vcpus": 1}))
    await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id))
    await desk.following.look()
    shown = await desk.reading.show(ALICE, H1)
    new = next(guest for guest in shown.document.guests if guest.name == "new")
    assert (new.id, new.uuid is not None, shown.state) == ("GUEST0003", True, "clean")


async def test_what_is_in_the_way_is_said_before_anything_is_sent(desk):
    plan_id = await planned(desk)
    options = ApplyOptions(plan_id=plan_id)
    assert (await refused(desk.applying.apply(EVE, H1, options))).code == "DENIED"
    assert (await refused(desk.applying.apply(OPERATOR, H1, options))).code == "DENIED"
    assert (await refused(desk.applying.apply(ALICE, H1, ApplyOptions(plan_id="0" * 32)))).code == "NOT-FOUND"
    await desk.drafts.edit(BOB, H1, [DraftEdit(path="guest.web.vcpus", value=2)], 2)
    assert (await refused(desk.applying.apply(ALICE, H1, options))).code == "PLAN-STALE"
    broken = await planned(desk, DraftEdit(path="guest.web.cpuset", value="99"))
    error = await refused(desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=broken)))
    assert error.code == "VALIDATION-FAILED"
    assert "CPUSET-UNKNOWN" in {one["code"] for one in error.detail["issues"]}
    assert not desk.jobs.made


async def test_a_disk_is_only_lost_when_it_is_named(desk):
    plan_id = await planned(desk, remove_disks=("/disks/old.qcow2",))
    error = await refused(desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id)))
    assert (error.code, error.detail["disks"]) == ("DESTROY-DISK", ["/disks/old.qcow2"])
    named = ApplyOptions(plan_id=plan_id, destroy=("/disks/old.qcow2",))
    await desk.applying.apply(ALICE, H1, named)
    assert desk.hosts.configs[H1].requests[-1].destroy == ("/disks/old.qcow2",)


async def test_a_plan_that_disrupts_goes_with_its_risk_and_whose_mandate_it_is(desk):
    plan_id = await planned(desk, DraftEdit(op="remove", path="guest.old"))
    assert (await desk.plans.show(ALICE, H1)).mandate
    ordered = await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id, approval_id="a1"))
    wanted, _ = desk.jobs.made[ordered.job_id]
    assert (wanted.risk, wanted.plan_id, wanted.approval_id) == (2, plan_id, "a1")


async def test_a_host_that_moved_on_refuses_and_the_draft_stays_as_it_is(desk):
    plan_id = await planned(desk)
    desk.hosts.configs[H1].add(Desired(guests=(Guest(name="web", vcpus=3), Guest(name="old"))))
    ordered = await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id))
    await desk.following.look()
    async with desk.database.read() as tx:
        [noted] = await plans.jobs_of(tx, H1, 10)
    assert noted.job_id == ordered.job_id
    assert (noted.state, noted.code, noted.done_at is not None) == (None, "BASE-REVISION", True)
    assert (await desk.reading.show(ALICE, H1)).revision == 2


async def test_an_apply_that_is_to_be_confirmed_is_confirmed_by_the_controller(desk):
    desk.hosts.configs[H1].wants_confirmation = True
    plan_id = await planned(desk)
    assert (await refused(desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id)))).code == "CONFIRM-REQUIRED"
    await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id, confirm_s=60))
    assert desk.hosts.configs[H1].state == "confirm_wait"
    await desk.following.look()
    assert desk.hosts.configs[H1].state == "in_sync"
    (confirming,) = desk.jobs.of("config-confirm")
    assert (confirming.plan_id, confirming.person) == (plan_id, "")
    await desk.following.look()
    await desk.following.look()
    assert (await desk.reading.show(ALICE, H1)).base_revision == 2
    assert await open_jobs(desk) == 0
    assert len(desk.jobs.of("config-confirm")) == 1


@pytest.mark.parametrize("verb", ["confirm", "cancel"])
async def test_a_person_confirms_or_cancels(desk, verb):
    plan_id = await planned(desk)
    await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id, confirm_s=60, confirm="manual"))
    await desk.following.look()
    assert (await open_jobs(desk), desk.jobs.of("config-confirm")) == (1, [])
    assert (await desk.reading.show(ALICE, H1)).base_revision == 1
    ordered = await getattr(desk.applying, verb)(OPERATOR, H1, None)
    assert ordered.plan_id == plan_id
    await desk.following.look()
    await desk.following.look()
    shown = await desk.reading.show(ALICE, H1)
    assert (shown.base_revision, shown.state) == ((2, "clean") if verb == "confirm" else (1, "dirty"))
    assert await open_jobs(desk) == 0
    assert (await refused(getattr(desk.applying, verb)(OPERATOR, H1, None))).code == "NOT-FOUND"
    assert (await refused(getattr(desk.applying, verb)(EVE, H1, None))).code == "DENIED"


async def test_a_change_that_nobody_confirmed_was_undone_by_its_host(desk):
    plan_id = await planned(desk)
    ordered = await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id, confirm_s=60, confirm="manual"))
    await desk.following.look()
    desk.hosts.asked.clear()
    for _ in range(5):  # because of other jobs that have ended
        await desk.following.look()
    assert desk.hosts.asked == [], "it was asked just now"
    config = desk.hosts.configs[H1]
    config.kept.pop()
    config.waiting, config.state = None, "rolled_back"
    passed_s(desk, LOOK_EVERY_S)
    await desk.following.look()
    async with desk.database.read() as tx:
        [noted] = await plans.jobs_of(tx, H1, 10)
    assert noted.job_id == ordered.job_id
    assert (noted.state, noted.code) == ("rolled_back", "ROLLED-BACK")
    assert (await desk.reading.show(ALICE, H1)).base_revision == 1


async def test_a_change_that_was_done_elsewhere_can_be_confirmed_from_here(desk):
    config = desk.hosts.configs[H1]
    config.add(config.active)
    config.waiting, config.state = ("c0ffee" * 5, 1), "confirm_wait"
    ordered = await desk.applying.confirm(ALICE, H1, None)
    assert ordered.plan_id == "c0ffee" * 5
    assert config.state == "in_sync"


async def test_going_back_leaves_the_draft_as_it_is(desk):
    first = await planned(desk)
    await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=first))
    await desk.following.look()
    made = await desk.plans.rollback(BOB, H1, 1, PlanOptions())
    await desk.applying.apply(BOB, H1, ApplyOptions(plan_id=made.plan.plan_id))
    config = desk.hosts.configs[H1]
    assert (config.revision.number, config.revision.origin, config.revision.comment) == (
        3, "rollback", "bob: rollback to revision 1",
    )  # fmt: skip
    await desk.following.look()
    shown = await desk.reading.show(ALICE, H1)
    assert (shown.base_revision, shown.host_revision, shown.state) == (2, 3, "behind")
    found, _ = await desk.plans.revisions(EVE, H1, None, 1)
    assert found[0].person == "bob"


async def test_what_was_edited_during_an_apply_stays_edited(desk):
    desk.jobs.hold = True
    plan_id = await planned(desk)
    ordered = await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id))
    await desk.following.look()
    assert await open_jobs(desk) == 1
    await desk.drafts.edit(BOB, H1, [DraftEdit(path="guest.web.vcpus", value=2)], 2)
    await desk.jobs.run(ordered.job_id)
    await desk.following.look()
    shown = await desk.reading.show(ALICE, H1)
    assert (shown.base_revision, shown.state) == (2, "dirty")
    assert [(one.object, one.field) for one in shown.items] == [("guests.web", "vcpus")]


@asynccontextmanager
async def followed(desk: Desk) -> AsyncIterator[Following]:
    async with desk.following as following:
        desk.jobs.listeners.append(following.jobs_changed)
        yield following
        assert not following.task.done()


async def until(question: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await question():
            await asyncio.sleep(0.01)


async def test_a_job_is_followed_as_soon_as_it_ends(desk):
    desk.jobs.hold = True
    plan_id = await planned(desk)
    ordered = await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id))
    async with followed(desk):
        await desk.jobs.run(ordered.job_id)

        async def rebased() -> bool:
            return (await desk.reading.show(ALICE, H1)).base_revision == 2

        await until(rebased)


async def test_another_controller_goes_on_from_the_database(desk, database):
    plan_id = await planned(desk)
    await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id))
    desk.hosts.away.add(H1)
    await desk.following.look()
    assert await open_jobs(desk) == 1
    other = Desk(database)
    other.hosts, other.jobs.made = desk.hosts, desk.jobs.made
    desk.hosts.away.clear()
    following = Following(
        database, desk.jobs, desk.reading_hosts, other.keeping, desk.pulling, desk.applying, other.clock, print
    )
    await following.look()
    assert await open_jobs(desk) == 0
    assert (await desk.reading.show(ALICE, H1)).base_revision == 2


async def test_a_host_that_does_not_answer_is_asked_ever_more_seldom(desk):
    plan_id = await planned(desk)
    await desk.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan_id))
    desk.hosts.away.add(H1)
    for _ in range(200):
        await desk.following.look()
    asked = len([one for one in desk.hosts.asked if one[1] == "config-show"])
    assert asked < 20


async def test_only_jobs_of_plans_wake_it(desk):
    def job(operation: str, plan_id: str | None, state: Any) -> Job:
        return Job("j", H1, operation, 1, "", 0, 0, plan_id=plan_id, state=state)

    woken = []
    for one in (
        job("config-apply", "p" * 16, "succeeded"), job("config-apply", "p" * 16, "running"),
        job("config-apply", None, "succeeded"), job("guest-start", "p" * 16, "succeeded"),
    ):  # fmt: skip
        desk.following._some.clear()
        desk.following.jobs_changed([one])
        woken.append(desk.following._some.is_set())
    assert woken == [True, False, False, False]
