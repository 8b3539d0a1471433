"""Plans of drafts: made by the host, kept with their revision, reviewed by somebody else."""

from typing import Any

import pytest
from desk import ALICE, BOB, EVE, H1, Desk, changes_of

from guestwire.controller.projects.edits import DraftEdit
from guestwire.controller.projects.plan_models import PlanOptions
from guestwire.controller.store.database import Database
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest


@pytest.fixture
async def desk(database: Database) -> Desk:
    made = Desk(database, review_required=True)
    made.hosts.configs[H1].add(Desired(guests=(Guest(name="web"),)))
    await made.pulling.pull(ALICE, H1)
    return made


def edit(path: str, value: Any) -> list[DraftEdit]:
    return [DraftEdit(path=path, value=value)]


async def refused(doing: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as error:
        await doing
    return error.value


async def test_a_plan_is_kept_with_the_revision_that_it_is_of(desk):
    await desk.drafts.edit(ALICE, H1, edit("guest.web.memory_mib", 700), 1)
    made = await desk.plans.plan(BOB, H1, PlanOptions(restart=True))
    assert (made.origin, made.draft_revision, made.author, made.mandate) == ("apply", 2, "bob", False)
    assert ("guests.web", "memory_mib") in {(one.object, one.field) for one in made.plan.items}
    assert desk.hosts.configs[H1].requests[-1].restart
    assert [one.code for one in made.obstacles] == ["REVIEW-REQUIRED"]
    assert await desk.plans.show(EVE, H1) == made
    assert ("bob", "draft-plan", "plant/h1") in await desk.audit()


async def test_an_edit_makes_a_plan_old(desk):
    await desk.drafts.edit(ALICE, H1, edit("guest.web.memory_mib", 700), 1)
    made = await desk.plans.plan(ALICE, H1, PlanOptions())
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 2), 2)
    shown = await desk.plans.show(ALICE, H1)
    assert shown.plan == made.plan
    assert shown.obstacles[0].code == "PLAN-STALE"
    assert (await refused(desk.plans.review(BOB, H1, made.plan.plan_id, "approve", ""))).code == "PLAN-STALE"
    noted = await desk.plans.review(BOB, H1, made.plan.plan_id, "comment", "why?")
    assert [(one.verb, one.note) for one in noted.review.remarks] == [("comment", "why?")]


async def test_a_plan_tells_that_its_host_has_moved_on(desk):
    await desk.drafts.edit(ALICE, H1, edit("guest.web.memory_mib", 700), 1)
    desk.hosts.configs[H1].add(Desired(guests=(Guest(name="web", vcpus=2),)))
    made = await desk.plans.plan(ALICE, H1, PlanOptions())
    assert [one.code for one in made.obstacles] == ["BASE-REVISION", "REVIEW-REQUIRED"]
    assert (await desk.reading.show(ALICE, H1)).state == "diverged"
    assert (await desk.reading.page(ALICE, None, 5))[0].state == "diverged"


@pytest.mark.parametrize(
    ("words", "state", "codes"),
    [
        ([], "none", ["REVIEW-REQUIRED"]),
        ([(ALICE, "request")], "requested", ["REVIEW-REQUIRED"]),
        ([(ALICE, "request"), (BOB, "approve")], "approved", []),
        ([(BOB, "approve"), (BOB, "comment")], "approved", []),
        ([(BOB, "approve"), (BOB, "reject")], "rejected", ["REVIEW-REQUIRED"]),
        ([(BOB, "reject"), (ALICE, "request")], "requested", ["REVIEW-REQUIRED"]),
    ],
)
async def test_what_a_review_comes_to(desk, words, state, codes):
    await desk.drafts.edit(ALICE, H1, edit("guest.web.memory_mib", 700), 1)
    made = await desk.plans.plan(ALICE, H1, PlanOptions())
    for person, verb in words:
        made = await desk.plans.review(person, H1, made.plan.plan_id, verb, "")
    assert (made.review.state, [one.code for one in made.obstacles]) == (state, codes)


async def test_nobody_approves_what_they_edited_themselves(desk):
    await desk.drafts.edit(ALICE, H1, edit("guest.web.memory_mib", 700), 1)
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 2), 2)
    made = await desk.plans.plan(ALICE, H1, PlanOptions())
    for person in (ALICE, BOB):
        assert (await refused(desk.plans.review(person, H1, made.plan.plan_id, "approve", ""))).code == "REVIEW-OWN"
    assert (await refused(desk.plans.review(EVE, H1, made.plan.plan_id, "approve", ""))).code == "DENIED"
    # what was edited before the draft was made anew is in it no more
    pulled = await desk.pulling.pull(BOB, H1, discard=3)
    await desk.drafts.edit(ALICE, H1, edit("guest.web.memory_mib", 700), pulled.revision)
    made = await desk.plans.plan(ALICE, H1, PlanOptions())
    approved = await desk.plans.review(BOB, H1, made.plan.plan_id, "approve", "")
    assert approved.review.by == "bob"


async def test_going_back_is_planned_like_any_change(desk):
    config = desk.hosts.configs[H1]
    config.add(Desired(guests=(Guest(name="web", memory_mib=700),)))
    made = await desk.plans.rollback(ALICE, H1, None, PlanOptions())
    assert (made.origin, made.to_revision, made.draft_revision) == ("rollback", 1, None)
    assert [(one.object, one.field) for one in made.plan.items] == [("guests.web", "memory_mib")]
    assert (await desk.reading.show(ALICE, H1)).revision == 1
    assert (await desk.plans.show(ALICE, H1, made.plan.plan_id)).to_revision == 1
    assert (await refused(desk.plans.show(ALICE, H1))).code == "NOT-FOUND"
    assert (await refused(desk.plans.rollback(ALICE, H1, 9, PlanOptions()))).code == "NOT-FOUND"
    assert (await refused(desk.plans.review(ALICE, H1, made.plan.plan_id, "approve", ""))).code == "REVIEW-OWN"


async def test_revisions_of_a_host_that_is_away_are_those_it_told_of(desk):
    assert (await desk.plans.revisions(EVE, H1, None, 10))[1]
    desk.hosts.away.add(H1)
    found, live = await desk.plans.revisions(EVE, H1, None, 10)
    assert [one.number for one in found] == [1, 0]
    assert not live
    assert [one.number for one in (await desk.plans.revisions(EVE, H1, 1, 10))[0]] == [0]
    assert (await refused(desk.plans.plan(ALICE, H1, PlanOptions()))).code == "HOST-UNREACHABLE"


async def test_those_who_watch_hear_of_plans(desk):
    changes = await changes_of(desk.feed, lambda: desk.plans.plan(ALICE, H1, PlanOptions()))
    assert [(one.kind, one.key) for one in changes] == [("draft", "plant/h1/plan")]
    assert changes[0].document["review"] == "none"


async def test_old_plans_are_forgotten(desk):
    first = await desk.plans.plan(ALICE, H1, PlanOptions())
    for number in range(20):
        revision = (await desk.reading.show(ALICE, H1)).revision
        await desk.drafts.edit(ALICE, H1, edit("guest.web.memory_mib", 600 + number), revision)
        await desk.plans.plan(ALICE, H1, PlanOptions())
    assert (await refused(desk.plans.show(ALICE, H1, first.plan.plan_id))).code == "NOT-FOUND"
