"""What people do with rollouts, and what they may not."""

import pytest
from rollout_stage import ADMIN, Stage, order

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts.spec import RolloutPatch
from guestwire.controller.store import audit_rows
from guestwire.controller.store.audit_rows import Wanted
from guestwire.controller.users.person import Binding, Person, TokenUse
from guestwire.model.errors import GuestwireError

OPERATOR = Person("p-op", "oskar", (Binding("operator", "*"),))
OBSERVER = Person("p-ob", "olga", (Binding("observer", "*"),))
LAB = Person("p-lab", "lars", (Binding("engineer", "site:lab"),))
BOTH = Person("p-both", "bea", (Binding("operator", "site:lab"), Binding("observer", "site:plant")))
NOBODY = Person("p-no", "nora")


@pytest.fixture
async def stage(any_database):
    made = Stage(any_database)
    for person in (OPERATOR, OBSERVER, LAB, BOTH, NOBODY):
        made.people.known[person.id] = person
    await made.add_hosts(4)
    await made.add_hosts(2, "lab")
    async with made.up():
        yield made


async def refused(coroutine):
    with pytest.raises(GuestwireError) as found:
        await coroutine
    return found.value


def patch(text):
    return RolloutPatch.model_validate_json(text)


async def test_a_draft_waits_until_it_is_started(stage):
    draft = await stage.rollouts.create(ADMIN, order())
    assert (draft.state, draft.hosts, draft.person, draft.revision) == ("draft", 0, "anna", 1)
    shown = await stage.rollouts.start(OPERATOR, draft.id)
    assert (shown.state, shown.hosts, shown.person) == ("running", 4, "oskar")
    assert {job.person_id for job in await stage.until_open(4)} == {"p-op"}
    assert (await refused(stage.rollouts.start(OPERATOR, draft.id))).code == "WRONG-STATE"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"operation": "host-ping", "body": {}}, "INVALID-BODY", "operation"),
        ({"operation": "epoch-behind", "body": {"known": 1}}, "DENIED", "operation"),
        ({"operation": "config-confirm", "body": {"plan_id": "x" * 16}}, "INVALID-BODY", "operation"),
        ({"body": {"level": "loud"}}, "INVALID-BODY", "level"),
        ({"body": {"level": "info", "why": 1}}, "INVALID-BODY", "why"),
        ({"targets": {"hosts": ["plant/h0000", "plant/nobody"]}}, "NOT-FOUND", "targets.hosts"),
        ({"targets": {"selection": "colour=red"}}, "SELECTION-INVALID", "q"),
        ({"targets": {"group": "none"}}, "NOT-FOUND", "q"),
        ({"targets": {"selection": "site=moon"}}, "ROLLOUT-EMPTY", "targets"),
        ({"window": "none"}, "NOT-FOUND", "window"),
        ({"waves": {"canary": {"hosts": ["lab/h0000"]}}}, "INVALID-BODY", "waves.canary"),
        ({"operation": None, "body": {}, "project": {"name": "p", "revision": 1}}, "NOT-FOUND", "project"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_made(stage, fields, code, field):
    error = await refused(stage.rollouts.create(ADMIN, order(**fields), start=True))
    assert (error.code, error.field) == (code, field)
    assert await stage.rollouts.page(ADMIN, (), None, 10) == []


async def test_an_empty_rollout_says_why(stage):
    stage.fleet.pending |= {HostRef("plant", "h0000"), HostRef("plant", "h0001")}
    for host in ("h0002", "h0003"):
        await stage.say_capabilities(HostRef("plant", host), "guest-start")
    error = await refused(stage.make())
    assert error.detail == {"hosts": 4, "reasons": {"HOST-NOT-APPROVED": 2, "UNIMPLEMENTED": 2}}


async def test_who_cannot_take_part_is_skipped_and_may_be_tried_again(stage):
    pending = HostRef("plant", "h0001")
    stage.fleet.pending.add(pending)
    await stage.say_capabilities(HostRef("plant", "h0002"), "log-level")
    rollout_id = await stage.make()
    assert await stage.states(rollout_id) == ["queued", "skipped", "queued", "queued"] or await stage.until_open(3)
    await stage.until_open(3)
    skipped = (await stage.targets(rollout_id))[1]
    assert (skipped.code, skipped.attempt) == ("HOST-NOT-APPROVED", 0)
    stage.all_end()
    await stage.until_state(rollout_id, "finished")
    error = await refused(stage.rollouts.retry(ADMIN, rollout_id, None))
    assert (error.code, error.detail["reasons"]) == ("ROLLOUT-EMPTY", {"HOST-NOT-APPROVED": 1})
    stage.fleet.pending.clear()
    await stage.rollouts.retry(ADMIN, rollout_id, None)
    [job] = await stage.until_open(1)
    assert job.host == pending


async def test_retrying_names_hosts_or_takes_all_that_failed(stage):
    rollout_id = await stage.make()
    jobs = await stage.until_open(4)
    stage.ends(jobs[0], "failed", "INTERNAL")
    stage.ends(jobs[1], "indeterminate", "INDETERMINATE")
    stage.ends(jobs[2], "rejected", "DENIED")
    stage.ends(jobs[3])
    await stage.until_state(rollout_id, "finished")
    await stage.rollouts.retry(ADMIN, rollout_id, [jobs[0].host, jobs[3].host])
    [again] = await stage.until_open(1)
    assert again.host == jobs[0].host
    stage.ends(again)
    await stage.until_state(rollout_id, "finished")
    await stage.rollouts.retry(ADMIN, rollout_id, None)
    [again] = await stage.until_open(1)
    assert again.host == jobs[2].host
    assert again.id not in {job.id for job in jobs}


async def test_changes_are_made_to_what_was_read(stage):
    rollout_id = await stage.make(waves={"base_rate": 12})
    shown = await stage.rollouts.change(ADMIN, rollout_id, patch('{"waves": {"base_rate": 1200}, "note": "faster"}'), 1)
    assert (shown.revision, shown.rate, shown.spec.note) == (2, 1200, "faster")
    stage.pass_time(5)
    await stage.until_open(4)
    error = await refused(stage.rollouts.change(ADMIN, rollout_id, patch("{}"), 1))
    assert (error.code, error.detail) == ("REVISION-STALE", {"revision": 2})
    stage.all_end()
    await stage.until_state(rollout_id, "finished")
    assert (await refused(stage.rollouts.change(ADMIN, rollout_id, patch("{}"), 2))).code == "WRONG-STATE"


async def test_closing_a_continuous_rollout_ends_it(stage):
    stage.answers = ("succeeded",)
    rollout_id = await stage.make(mode="continuous")
    await stage.rollouts.change(ADMIN, rollout_id, patch('{"open_s": 0}'), 1)
    await stage.until_state(rollout_id, "finished")


async def test_pausing_and_going_on_are_for_their_states(stage):
    rollout_id = await stage.make()
    assert (await refused(stage.rollouts.resume(ADMIN, rollout_id))).code == "WRONG-STATE"
    shown = await stage.rollouts.pause(OPERATOR, rollout_id, "")
    assert (shown.state, shown.reason) == ("paused", "by oskar")
    assert (await refused(stage.rollouts.pause(ADMIN, rollout_id, ""))).code == "WRONG-STATE"
    assert (await stage.rollouts.resume(ADMIN, rollout_id)).state == "running"
    await stage.rollouts.abort(ADMIN, rollout_id, "")
    await stage.until_state(rollout_id, "aborted")
    for late in (stage.rollouts.abort(ADMIN, rollout_id, ""), stage.rollouts.retry(ADMIN, rollout_id, None)):
        assert (await refused(late)).code in ("WRONG-STATE", "ROLLOUT-EMPTY")


async def test_a_draft_may_be_given_up(stage):
    draft = await stage.rollouts.create(ADMIN, order())
    assert (await stage.rollouts.abort(ADMIN, draft.id, "")).state == "aborted"


async def test_who_may_do_what(stage):
    for nobody in (OBSERVER, NOBODY):
        assert (await refused(stage.rollouts.create(nobody, order()))).code == "DENIED"
    rollout_id = await stage.make()
    for person in (OBSERVER, LAB):
        for asked in (
            stage.rollouts.pause(person, rollout_id, ""),
            stage.rollouts.resume(person, rollout_id),
            stage.rollouts.abort(person, rollout_id, ""),
            stage.rollouts.retry(person, rollout_id, None),
            stage.rollouts.change(person, rollout_id, patch("{}"), 1),
        ):
            assert (await refused(asked)).code == ("DENIED" if person is OBSERVER else "NOT-FOUND")


async def test_named_hosts_must_all_be_allowed(stage):
    spec = order(targets={"hosts": ["lab/h0000", "plant/h0000"]})
    error = await refused(stage.rollouts.create(BOTH, spec, start=True))
    assert (error.code, error.field) == ("DENIED", "targets.hosts")
    assert "plant/h0000" in error.message
    for host in ("plant/h0000", "plant/nobody"):  # who may do nothing there is not told what there is
        error = await refused(stage.rollouts.create(LAB, order(targets={"hosts": ["lab/h0000", host]})))
        assert (error.code, error.field) == ("DENIED", "targets.hosts")


async def test_a_selection_is_of_what_somebody_may_see_and_do(stage):
    shown = await stage.rollouts.create(
        BOTH, order(targets={"selection": ""} | {"selection": "approval=approved"}), start=True
    )
    targets = await stage.targets(shown.id)
    assert [(str(t.host), t.code) for t in targets if t.state == "skipped"] == [
        (f"plant/h000{n}", "DENIED") for n in range(4)
    ]
    shown = await stage.rollouts.create(LAB, order(targets={"selection": "approval=approved"}), start=True)
    assert {t.host.site for t in await stage.targets(shown.id)} == {"lab"}


async def test_lists_show_what_somebody_may_see(stage):
    plant = await stage.make()
    lab = (await stage.rollouts.create(ADMIN, order(targets={"selection": "site=lab"}), start=True)).id
    draft = (await stage.rollouts.create(LAB, order())).id

    async def seen(person):
        return {one.id for one in await stage.rollouts.page(person, (), None, 10)}

    assert await seen(ADMIN) == {plant, lab, draft}
    assert await seen(LAB) == {lab, draft}
    assert await seen(NOBODY) == set()
    assert (await stage.rollouts.show(LAB, draft)).state == "draft"
    assert (await refused(stage.rollouts.show(LAB, plant))).code == "NOT-FOUND"
    assert (await refused(stage.rollouts.show(NOBODY, lab))).code == "NOT-FOUND"
    assert (await refused(stage.rollouts.show(ADMIN, "0" * 36))).code == "NOT-FOUND"


async def test_of_a_rollout_only_visible_hosts_are_listed(stage):
    shown = await stage.rollouts.create(ADMIN, order(targets={"selection": "approval=approved"}), start=True)
    found = await stage.rollouts.targets(LAB, shown.id, (), None, None, 10)
    assert [str(target.host) for target in found] == ["lab/h0000", "lab/h0001"]
    assert (await refused(stage.rollouts.abort(LAB, shown.id, ""))).code == "DENIED"
    assert (await stage.rollouts.pause(LAB, shown.id, "our line stands")).state == "paused", "anybody may stop it"


async def test_a_token_that_may_less_begins_less(stage):
    token = TokenUse("t1", "ci", (Binding("operator", "host:plant/h0002"),))
    person = Person(OPERATOR.id, OPERATOR.name, OPERATOR.bindings, token)
    shown = await stage.rollouts.create(person, order(), start=True)
    assert [str(target.host) for target in await stage.targets(shown.id)] == ["plant/h0002"]
    assert (await stage.row(shown.id)).token == token


async def test_what_people_do_is_audited_with_the_person(stage):
    rollout_id = await stage.make(waves={"base_rate": 12})
    await stage.rollouts.pause(OPERATOR, rollout_id, "look")
    await stage.rollouts.change(ADMIN, rollout_id, patch('{"soak_s": 3}'), 1)
    await stage.rollouts.resume(OPERATOR, rollout_id)
    await stage.rollouts.abort(ADMIN, rollout_id, "enough")
    async with stage.database.read() as tx:
        rows = await audit_rows.oldest(tx, Wanted(target=rollout_id), above=0, limit=100)
    said = [(row.action, row.person) for row in rows if row.person != "controller"]
    assert said == [
        ("rollout-make", "anna"), ("rollout-start", "anna"), ("rollout-pause", "oskar"), ("rollout-change", "anna"),
        ("rollout-resume", "oskar"), ("rollout-abort", "anna"),
    ]  # fmt: skip


async def test_a_draft_is_told(stage):
    with stage.feed.subscribe() as watcher:
        draft = await stage.rollouts.create(ADMIN, order())
        [change] = await watcher.take()
    assert (change.kind, change.key, change.document["state"]) == ("rollout", draft.id, "draft")


async def test_those_who_watch_are_told(stage):
    with stage.feed.subscribe() as watcher:
        rollout_id = await stage.make()
        await stage.until_open(4)
        stage.all_end()
        await stage.until_state(rollout_id, "finished")

        def told():
            found = [change for change in list(watcher._waiting.values()) if change.kind == "rollout"]
            return found[-1] if found and found[-1].document["state"] == "finished" else None

        last = await stage.until(told)
    assert last.key == rollout_id
    assert last.document["counts"] == {"succeeded": 4}
    assert len(last.hosts) == 4
