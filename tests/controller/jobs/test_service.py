"""Jobs for people: what is refused at the door, trying again, lists by what one may see, and plans that carry their own risk."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from called_hosts import CalledHosts
from job_world import ADMIN, OBSERVER, OPERATOR, START, NoTrust, World, job_world
from trusted_people import People

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.for_rollouts import JobsForRollouts
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.jobs.ledger import MOST
from guestwire.controller.jobs.service import JobFilter
from guestwire.controller.rollouts.course import TakenBack
from guestwire.controller.store import audit_rows, plans, users
from guestwire.controller.store import jobs as store
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.plans import Remark
from guestwire.controller.store.users import User
from guestwire.controller.users.person import Binding, Person
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.plan import Plan
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.config_models import ConfigApply, ConfigConfirm
from guestwire.protocol.operation_models import GuestDefine
from guestwire.protocol.packing import pack
from guestwire.protocol.pending import Done

HOUR = 3_600_000
H1, H2 = HostRef("plant", "h1"), HostRef("plant", "h2")
WANTED = NewJob(H1, "guest-start", START, HOUR)
HERE = Person("u-dan", "dan", (Binding("operator", "host:plant/h1"),))


async def refused(work: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as caught:
        await work
    return caught.value


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"operation": "guest-dance"}, "NOT-FOUND", "operation"),
        ({"operation": "guest-list"}, "INVALID-BODY", "operation"),
        ({"operation": "epoch-behind"}, "DENIED", "operation"),
        ({"operation": "telemetry-ack"}, "DENIED", "operation"),
        ({"host": HostRef("plant", "nobody")}, "HOST-NOT-APPROVED", "host"),
        ({"body": b"\xc1"}, "INVALID-BODY", None),
        ({"body": pack({})}, "INVALID-BODY", "guest"),
        ({"deadline_ms": 999}, "INVALID-BODY", "deadline_s"),
        ({"deadline_ms": 31 * 24 * HOUR}, "INVALID-BODY", "deadline_s"),
        ({"not_before": 1 << 50}, "INVALID-BODY", "not_before"),
        ({"window": "night"}, "NOT-FOUND", "window"),
    ],
)
async def test_what_is_no_job(database: Database, changes: dict[str, Any], code: str, field: str | None) -> None:
    hosts = CalledHosts("h1", "h2")
    async with job_world(database, hosts) as world:
        error = await refused(world.jobs.create(ADMIN, [WANTED, replace(WANTED, **changes)]))
        assert (error.code, error.field) == (code, field)
        assert await world.jobs.page(ADMIN, JobFilter(), None, 10) == [], "all or none"
        assert hosts.calls == []


async def test_a_host_that_nobody_let_in_gets_no_work(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].approved = False
    async with job_world(database, hosts) as world:
        assert (await refused(world.start())).code == "HOST-NOT-APPROVED"


async def test_who_may_not_is_denied(database: Database) -> None:
    async with job_world(database, CalledHosts("h1", "h2")) as world:
        assert (await refused(world.jobs.create(OBSERVER, [WANTED]))).code == "DENIED"
        assert (await refused(world.jobs.create(HERE, [WANTED, replace(WANTED, host=H2)]))).code == "DENIED"
        define = replace(WANTED, operation="guest-define", body=pack({"guest": {"name": "web"}}))
        assert (await refused(world.jobs.create(OPERATOR, [define]))).code == "DENIED"
        [job] = await world.jobs.create(HERE, [WANTED])
        assert (await refused(world.jobs.cancel(OBSERVER, job.id))).code == "DENIED"
        await world.ended(job)
        assert (await refused(world.jobs.retry(OBSERVER, job.id))).code == "DENIED"
        async with database.read() as tx:
            [row] = await audit_rows.newest(tx, audit_rows.Wanted(), below=None, limit=9)
        assert (row.person, row.action, row.target) == ("dan", "guest-start", "plant/h1")


async def test_lists_and_jobs_are_those_one_may_see(database: Database) -> None:
    async with job_world(database, CalledHosts("h1", "h2")) as world:
        here, there = await world.start(), await world.start("h2")
        await world.ended(here)
        await world.ended(there)
        assert [view.id for view in await world.jobs.page(HERE, JobFilter(), None, 10)] == [here.id]
        assert len(await world.jobs.page(ADMIN, JobFilter(), None, 10)) == 2
        assert [view.host for view in await world.jobs.page(ADMIN, JobFilter(host=H2), None, 10)] == ["plant/h2"]
        assert (await refused(world.jobs.show(HERE, there.id))).code == "NOT-FOUND"
        assert (await refused(world.jobs.show(ADMIN, "nobody"))).code == "NOT-FOUND"
        shown = await world.jobs.show(HERE, here.id)
        assert (shown.state, shown.finished, shown.reached, shown.origin) == ("succeeded", True, False, "person")
        assert shown.reply is not None
        seen = await world.jobs.seen(here.id)
        assert seen is not None
        assert (seen.job.id, seen.result is not None) == (here.id, True)
        assert await world.jobs.seen("nobody") is None


async def test_who_begins_to_watch_sees_what_goes_on(database: Database) -> None:
    hosts = CalledHosts("h1", "h2")
    hosts["h1"].held = True
    async with job_world(database, hosts) as world:
        running = await world.until(await world.start(), lambda one: one.state == "running")
        done = await world.ended(await world.start("h2"))
        changes = {change.key: change for change in await world.jobs.snapshot(ADMIN)}
        assert set(changes) == {running.id, done.id}
        document = changes[running.id].document
        assert document is not None
        assert (document["state"], document["progress"]["percent"], changes[done.id].hosts) == ("running", 10, (H2,))
        assert [change.key for change in await world.jobs.snapshot(HERE)] == [running.id]
        hosts["h1"].finish()
        await world.ended(running)


async def test_who_waits_is_told_the_end(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].held = True
    async with job_world(database, hosts) as world:
        job = await world.until(await world.start(), lambda one: one.state == "running")
        assert (await world.jobs.show(ADMIN, job.id, 0.01)).state == "running"
        waiting = asyncio.create_task(world.jobs.show(ADMIN, job.id, 30))
        await asyncio.sleep(0)
        hosts["h1"].finish()
        assert (await asyncio.wait_for(waiting, 10)).state == "succeeded"
        assert (await world.jobs.show(ADMIN, job.id, 30)).state == "succeeded"


async def test_a_failure_is_tried_again_as_a_job_of_its_own(database: Database) -> None:
    hosts = CalledHosts("h1")
    hosts["h1"].fails = GuestwireError("WRONG-STATE")
    async with job_world(database, hosts) as world:
        first = await world.ended(await world.reset(note="why"))
        hosts["h1"].fails = None
        second = await world.jobs.retry(ADMIN, first.id)
        second = await world.ended(second)
        assert (second.state, second.retry_of, second.note) == ("succeeded", first.id, "why")
        assert second.request_id != first.request_id
        assert (await world.stored(first.id)).retried_by == second.id
        error = await refused(world.jobs.retry(ADMIN, first.id))
        assert (error.code, error.detail) == ("JOB-RETRIED", {"job": second.id})
        assert (await refused(world.jobs.retry(ADMIN, second.id))).code == "JOB-SUCCEEDED"
        assert (await refused(world.jobs.retry(ADMIN, "nobody"))).code == "NOT-FOUND"
        hosts["h1"].there = False
        third = await world.start()
        assert (await refused(world.jobs.retry(ADMIN, third.id))).code == "JOB-UNFINISHED"


async def test_another_part_orders_in_its_own_transaction(database: Database) -> None:
    async with job_world(database, CalledHosts("h1")) as world:
        told: list[Job] = []

        async def also(tx: Tx, job: Job) -> None:
            assert await store.get(tx, job.id) == job
            told.append(job)

        job = await world.jobs.order(None, WANTED, also)
        assert told == [job]
        assert (job.person_id, job.person) == (None, "the controller")
        assert (await world.ended(job)).state == "succeeded"

        async def fails(tx: Tx, job: Job) -> None:
            raise GuestwireError("EXISTS")

        assert (await refused(world.jobs.order(ADMIN, WANTED, fails))).code == "EXISTS"
        assert (await refused(world.jobs.order(OBSERVER, WANTED, also))).code == "DENIED"
        assert len(await world.jobs.page(ADMIN, JobFilter(), None, 10)) == 1


async def test_old_jobs_are_forgotten(database: Database) -> None:
    async with job_world(database, CalledHosts("h1")) as world:
        job = await world.ended(await world.start())
        assert await world.jobs.prune(HOUR) == 0
        world.forward(2 * HOUR)
        assert await world.jobs.prune(HOUR) == 1
        assert await world.jobs.seen(job.id) is None


# -- rollouts


async def test_rollouts_order_in_their_own_transactions_and_take_back(database: Database) -> None:
    hosts = CalledHosts("h1", "h2")
    hosts["h1"].there = False
    hosts["h2"].held = True
    async with job_world(database, hosts) as world:
        async with database.write() as tx:
            await users.insert(tx, User(ADMIN.id, ADMIN.name, "", "", False, False, 0))
        ordering = JobsForRollouts(world.jobs, world.orders)
        wanted = [
            replace(WANTED, host=host, id=f"r1-{host.host}", origin="rollout", rollout_id="r1", wave=0, person_id=ADMIN.id)
            for host in (H1, H2)
        ]  # fmt: skip
        with pytest.raises(ZeroDivisionError):
            async with database.write() as tx:
                await ordering.insert(tx, wanted)
                raise ZeroDivisionError
        assert len(world.ledger) == 0
        async with database.write() as tx:
            jobs = await ordering.insert(tx, wanted)
        ordering.inserted(jobs)
        assert [(job.id, job.person, job.rollout_id) for job in jobs] == [
            ("r1-h1", "ann", "r1"),
            ("r1-h2", "ann", "r1"),
        ]
        await world.until(jobs[1], lambda one: one.state == "running")
        async with database.write() as tx:
            again = await ordering.insert(tx, wanted)
            assert [job.id for job in again] == ["r1-h1", "r1-h2"], "none is made twice"
            assert await ordering.insert(tx, []) == ()
        ordering.inserted(again)
        ordering.inserted([])
        ordering.take_back([TakenBack("r1-h1", False), TakenBack("r1-h2", False), TakenBack("nobody", True)])
        assert (await world.ended(jobs[0])).cancel_by == "a rollout"
        assert (await world.stored("r1-h2")).state == "running"
        ordering.take_back([TakenBack("r1-h2", True)])
        assert (await world.ended(jobs[1])).state == "canceled"
        async with database.read() as tx:
            assert {name: job.state for name, job in (await ordering.now(tx, ["r1-h1", "r1-h2"])).items()} == {
                "r1-h1": "canceled", "r1-h2": "canceled",
            }  # fmt: skip
            with pytest.raises(GuestwireError, match="JOBS-FULL"):
                await ordering.insert(tx, [WANTED] * (MOST + 1))


# -- plans


class Planning(CalledHosts):
    """Hosts that plan: an apply is of the class `risk`."""

    def __init__(self, risk: int) -> None:
        super().__init__("h1")
        self.risk = risk

    async def call(self, ref: HostRef, operation: Any, request: Any, **options: Any) -> Any:
        if operation.name == "config-plan":
            plan = Plan(host="h1", base_revision=1, target_hash="0" * 64, plan_id="p" * 64, risk=self.risk)  # type: ignore[arg-type]
            return Done(None, plan, True)  # type: ignore[arg-type]
        return await super().call(ref, operation, request, **options)


def apply(plan_id: str = "p" * 64) -> NewJob:
    desired = Desired()
    body = ConfigApply(desired=desired, hash=content_hash(desired), plan_id=plan_id, base_revision=1)
    return replace(WANTED, operation="config-apply", body=to_bytes(body))


@pytest.mark.parametrize(("risk", "state"), [(1, "queued"), (2, "waiting-approval"), (3, "waiting-approval")])
async def test_an_apply_is_of_the_class_of_its_plan(database: Database, risk: int, state: str) -> None:
    trust = NoTrust({"plant": People().trust()})
    hosts = Planning(risk)
    async with job_world(database, hosts, trust=trust) as world:
        hosts["h1"].there = False
        [job] = await world.jobs.create(ADMIN, [apply()])
        assert (job.risk, job.state, job.plan_id) == (risk, state, "p" * 64)
        error = await refused(world.jobs.create(ADMIN, [apply("q" * 64)]))
        assert (error.code, error.field) == ("PLAN-STALE", "plan_id")


async def said(database: Database, verb: str, plan_id: str = "p" * 64) -> None:
    async with database.write() as tx:
        await plans.add_remark(tx, Remark(H1, plan_id, verb, "u-bob", "bob", 1, ""))


async def ways(world: World, *, plan: bool) -> list[tuple[str, str, object]]:
    """What the ways on which an apply can come say: a job (as POST jobs and POST operations make one), another part's order, a
    retry, a rollout."""

    async def also(tx: Tx, job: Job) -> None: ...

    async def as_rollout() -> None:
        one = replace(apply(), risk=1, plan_id="p" * 64 if plan else None, rollout_id="r1", person_id=ADMIN.id)
        async with database.write() as tx:
            await JobsForRollouts(world.jobs, world.orders).insert(tx, [one])

    database, found = world.database, []
    for name, work in (
        ("job", world.jobs.create(ADMIN, [apply()])),
        ("order", world.jobs.order(ADMIN, apply(), also)),
        ("rollout", as_rollout()),
    ):
        try:
            await work
        except GuestwireError as err:
            found.append((name, err.code, err.detail["hosts"]))
    return found


EVERY_WAY = [(name, "REVIEW-REQUIRED", ["plant/h1"]) for name in ("job", "order", "rollout")]


async def test_where_reviews_are_required_no_way_leads_around_them(database: Database) -> None:
    hosts = Planning(1)
    async with job_world(database, hosts, review_required=True) as world:
        hosts["h1"].there = False
        assert await ways(world, plan=True) == EVERY_WAY
        await said(database, "request")
        assert await ways(world, plan=True) == EVERY_WAY
        assert await ways(world, plan=False) == EVERY_WAY, "a plan that nobody knows is one that nobody looked at"
        define = replace(WANTED, operation="guest-define", body=to_bytes(GuestDefine(guest=Guest(name="web"))))
        error = await refused(world.jobs.create(ADMIN, [define]))
        assert (error.code, error.field) == ("REVIEW-REQUIRED", "operation")
        assert await world.jobs.page(ADMIN, JobFilter(), None, 10) == []
        await said(database, "approve")
        assert await ways(world, plan=True) == []
        await said(database, "reject")
        assert await ways(world, plan=True) == EVERY_WAY
        [first, *_] = [one for one in await world.jobs.page(ADMIN, JobFilter(), None, 10) if one.rollout is None]
        await world.jobs.cancel(ADMIN, first.id)
        assert (await refused(world.jobs.retry(ADMIN, first.id))).code == "REVIEW-REQUIRED"
        assert (await world.start()).state == "queued", "what configures nothing takes no review"


async def test_a_plan_that_was_rejected_is_not_applied_even_where_no_review_is_required(database: Database) -> None:
    hosts = Planning(1)
    async with job_world(database, hosts) as world:
        hosts["h1"].there = False
        assert await ways(world, plan=True) == []
        await said(database, "reject")
        assert await ways(world, plan=True) == EVERY_WAY


async def test_an_engineer_may_not_apply_what_destroys(database: Database) -> None:
    engineer = Person("u-eng", "eng", (Binding("engineer", "*"),))
    async with job_world(database, Planning(3)) as world:
        assert (await refused(world.jobs.create(engineer, [apply()]))).code == "DENIED"


async def test_the_end_of_an_apply_goes_by_its_mandate(database: Database) -> None:
    trust = NoTrust({"plant": People().trust()})
    hosts = Planning(2)
    async with job_world(database, hosts, trust=trust) as world:
        hosts["h1"].there = False
        confirm = replace(WANTED, operation="config-confirm", body=to_bytes(ConfigConfirm(plan_id="p" * 64)))
        [unknown] = await world.jobs.create(ADMIN, [confirm])
        assert (unknown.risk, unknown.approval_id) == (1, None), "nobody knows the plan: the host will say"
        [applied] = await world.jobs.create(ADMIN, [apply()])
        [confirmed] = await world.jobs.create(ADMIN, [confirm])
        assert (confirmed.risk, confirmed.approval_id) == (2, applied.approval_id)
        await world.jobs.cancel(ADMIN, applied.id)
