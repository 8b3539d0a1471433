"""Approvals from the asking to the job that goes on: who may sign, how many must, rejecting, time running out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from called_hosts import CalledHosts
from job_world import ADMIN, OBSERVER, OPERATOR, Clock, NoTrust, World, job_world
from trusted_people import People, enrol, signature, signed_file

from guestwire.controller.approvals.service import Approvals, Made
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.store import approvals as store
from guestwire.controller.store import audit_rows, users
from guestwire.controller.store.database import Database
from guestwire.controller.users.person import Binding, Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol import mandates
from guestwire.protocol.envelope import body_hash
from guestwire.protocol.packing import pack
from guestwire.protocol.signing import SigningKey

HOUR = 3_600_000
EAST = Person("u-dan", "dan", (Binding("admin", "host:plant/h1"),))


class Stage:
    """Jobs, approvals and people with keys."""

    def __init__(self, world: World, people: People, approvals: Approvals) -> None:
        self.world = world
        self.people = people
        self.approvals = approvals
        self.ann = people.keys["operator:ann"]
        self.bob = people.keys["operator:bob"]

    async def text(self, approval_id: str) -> bytes:
        async with self.world.database.read() as tx:
            return (await store.texts(tx, approval_id))[0].text

    async def made(self, key: SigningKey, approval_id: str) -> list[Made]:
        async with self.world.database.read() as tx:
            texts = await store.texts(tx, approval_id)
        return [Made(one.n, key.id, signature(key, one.text)) for one in texts]

    async def waiting(self, **changes: Any) -> tuple[Job, str]:
        """A job that waits, and its approval."""
        job = await self.world.reset(**changes)
        assert job.state == "waiting-approval"
        assert job.approval_id is not None
        return job, job.approval_id

    async def audit(self) -> list[tuple[str, str]]:
        async with self.world.database.read() as tx:
            rows = await audit_rows.newest(tx, audit_rows.Wanted(), below=None, limit=50)
        return [(row.person, row.action) for row in reversed(rows)]


@asynccontextmanager
async def stage(database: Database, people: People | None = None, clock: Clock | None = None) -> AsyncIterator[Stage]:
    """Ann and Bob have keys, and the controller's own reaches R1."""
    people = people or People()
    for name, person in (("operator:ann", ADMIN), ("operator:bob", OPERATOR)):
        if name not in people.keys:
            await enrol(database, person, people.add(name))
    hosts = CalledHosts("h1", "h2")
    trust = NoTrust({"plant": people.trust()})
    async with job_world(database, hosts, clock, trust=trust) as world:
        service = Approvals(database, world.access, world.approvals, trust, world.log, world.clock)
        async with service:
            yield Stage(world, people, service)


async def refused(work: Any) -> str:
    with pytest.raises(GuestwireError) as caught:
        await work
    return caught.value.code


async def test_a_job_goes_on_with_the_mandate_that_was_signed(database: Database) -> None:
    async with stage(database) as on:
        job, approval_id = await on.waiting()
        assert on.world.hosts.calls == []
        shown = await on.approvals.show(ADMIN, approval_id)
        assert (shown.state, shown.operations, shown.hosts, shown.yours) == (
            "open",
            ("guest-reset",),
            ("plant/h1",),
            True,
        )
        assert shown.jobs == (job.id,)
        signed = await on.approvals.sign(ADMIN, approval_id, await on.made(on.ann, approval_id))
        assert (signed.state, signed.signed_by, signed.decided_by) == ("approved", ("operator:ann",), "ann")
        assert (await on.world.ended(job)).state == "succeeded"
        [given] = on.world.hosts["h1"].mandates
        assert given is not None
        allowed = mandates.allowed(
            given, on.people.trust(), site="plant", host="h1", holder="controller:main", operation="guest-reset", risk=2,
            body_hash=body_hash(on.world.hosts["h1"].bodies[0]), now_ms=on.world.clock().wall_ms + 1,
        )  # fmt: skip
        assert allowed.signers == ("operator:ann",)
        assert await on.audit() == [("ann", "guest-reset"), ("ann", "job-approve")]


async def test_what_is_reversible_waits_for_nobody(database: Database) -> None:
    async with stage(database) as on:
        job = await on.world.ended(await on.world.start())
        assert (job.state, job.approval_id) == ("succeeded", None)
        assert on.world.hosts["h1"].mandates == [None]


async def test_as_many_sign_as_the_class_takes(database: Database) -> None:
    async with stage(database, People(needed={"2": 2})) as on:
        job, approval_id = await on.waiting()
        first = await on.approvals.sign(ADMIN, approval_id, await on.made(on.ann, approval_id))
        assert (first.state, first.yours, first.mandates[0].needed) == ("open", False, 2)
        again = await on.approvals.sign(ADMIN, approval_id, await on.made(on.ann, approval_id))
        assert again.state == "open", "the same key again is no second signer"
        assert (await on.approvals.show(OPERATOR, approval_id)).yours
        second = await on.approvals.sign(OPERATOR, approval_id, await on.made(on.bob, approval_id))
        assert (second.state, second.signed_by) == ("approved", ("operator:ann", "operator:bob"))
        assert (await on.world.ended(job)).state == "succeeded"


async def test_a_key_that_is_not_the_persons_own_is_refused(database: Database) -> None:
    async with stage(database) as on:
        _, approval_id = await on.waiting()
        assert (
            await refused(on.approvals.sign(ADMIN, approval_id, await on.made(on.bob, approval_id))) == "KEY-NOT-YOURS"
        )
        stranger = on.people.add("operator:eve")
        assert (
            await refused(on.approvals.sign(ADMIN, approval_id, await on.made(stranger, approval_id)))
            == "KEY-NOT-YOURS"
        )
        assert await refused(on.approvals.sign(ADMIN, approval_id, [])) == "INVALID-BODY"
        forged = [Made(0, on.ann.id, b"s" * 64)]
        assert await refused(on.approvals.sign(ADMIN, approval_id, forged)) == "MANDATE-INVALID"
        assert await refused(on.approvals.sign(ADMIN, approval_id, [Made(7, on.ann.id, b"s" * 64)])) == "INVALID-BODY"


async def test_who_may_not_do_it_may_not_allow_it(database: Database) -> None:
    async with stage(database) as on:
        _, approval_id = await on.waiting(host="h2")
        await enrol(database, EAST, on.people.add("operator:dan"))
        key = on.people.keys["operator:dan"]
        assert await refused(on.approvals.sign(OBSERVER, approval_id, await on.made(on.ann, approval_id))) == "DENIED"
        assert await refused(on.approvals.sign(EAST, approval_id, await on.made(key, approval_id))) == "NOT-FOUND"
        assert await refused(on.approvals.show(EAST, approval_id)) == "NOT-FOUND"
        assert await refused(on.approvals.reject(OBSERVER, approval_id, "no")) == "DENIED"


async def test_a_whole_signed_mandate_is_taken_from_whoever_carries_it(database: Database) -> None:
    async with stage(database, People(needed={"2": 2})) as on:
        job, approval_id = await on.waiting()
        text = await on.text(approval_id)
        data = pack((text, ((on.ann.id, signature(on.ann, text)),)))
        data = signed_file(data, on.bob)
        signed = await on.approvals.sign_with(OPERATOR, approval_id, [data])
        assert signed.state == "approved"
        assert sorted(one.person for one in signed.mandates[0].signatures) == ["ann", "bob"]
        assert (await on.world.ended(job)).state == "succeeded"
        _, other = await on.waiting()
        assert await refused(on.approvals.sign_with(ADMIN, other, [data])) == "MANDATE-INVALID"
        assert await refused(on.approvals.sign_with(ADMIN, other, [b"junk"])) == "MANDATE-INVALID"
        assert await refused(on.approvals.sign_with(ADMIN, other, [])) == "INVALID-BODY"


async def test_the_key_of_somebody_who_was_disabled_counts_no_more(database: Database) -> None:
    async with stage(database, People(needed={"2": 2})) as on:
        _, approval_id = await on.waiting()
        data = pack((await on.text(approval_id), ((on.bob.id, signature(on.bob, await on.text(approval_id))),)))
        async with database.write() as tx:
            bob = await users.by_name(tx, "bob")
            assert bob is not None
            bob = await users.change(tx, bob, disabled=True)
        assert await refused(on.approvals.sign_with(ADMIN, approval_id, [data])) == "KEY-NOT-YOURS"
        async with database.write() as tx:
            await users.change(tx, bob, disabled=False)
        assert (await on.approvals.sign_with(ADMIN, approval_id, [data])).signed_by == ("operator:bob",)


async def test_what_is_rejected_is_not_done(database: Database) -> None:
    async with stage(database) as on:
        job, approval_id = await on.waiting()
        shown = await on.approvals.reject(OPERATOR, approval_id, "not on a Friday")
        assert (shown.state, shown.decided_by, shown.reason) == ("rejected", "bob", "not on a Friday")
        job = await on.world.ended(job)
        assert (job.state, job.code) == ("rejected", "APPROVAL-REJECTED")
        assert (
            await refused(on.approvals.sign(ADMIN, approval_id, await on.made(on.ann, approval_id)))
            == "APPROVAL-CLOSED"
        )
        assert await refused(on.approvals.reject(ADMIN, approval_id, "")) == "APPROVAL-CLOSED"
        assert on.world.hosts.calls == []
        assert ("bob", "job-reject") in await on.audit()


async def test_what_nobody_signs_in_time_ends(database: Database) -> None:
    clock = Clock()
    async with stage(database, clock=clock) as on:
        job, approval_id = await on.waiting()
        on.world.forward(job.deadline_at - clock().wall_ms + 61_000)
        job = await on.world.ended(job)
        assert (job.state, job.code) == ("timed-out", "APPROVAL-EXPIRED")
        assert (await on.approvals.show(ADMIN, approval_id)).state == "expired"
        assert (
            await refused(on.approvals.sign(ADMIN, approval_id, await on.made(on.ann, approval_id)))
            == "APPROVAL-CLOSED"
        )
    async with stage(database, on.people, clock) as on:
        async with asyncio.timeout(10):
            while not on.world.log.named("approval-expired"):
                await asyncio.sleep(0.01)
        async with database.read() as tx:
            found = await store.get(tx, approval_id)
            assert found is not None
            assert found.state == "expired"


async def test_a_job_waits_no_longer_than_its_mandate_lasts_and_says_so(database: Database) -> None:
    async with stage(database) as on:
        job, approval_id = await on.waiting(deadline_ms=20 * 24 * HOUR)
        shown = await on.approvals.show(ADMIN, approval_id)
        assert job.deadline_at == shown.expires_at == job.created_at + 7 * 24 * HOUR
        assert shown.mandates[0].not_after == shown.expires_at
        soon, _ = await on.waiting()
        views = [await on.world.jobs.show(ADMIN, one.id) for one in (job, soon)]
        assert [(one.deadline_of, one.deadline_at) for one in views] == [
            ("approval", shown.expires_at), ("order", soon.created_at + HOUR),
        ]  # fmt: skip
        signed, other = await on.waiting(deadline_ms=20 * 24 * HOUR)
        on.world.hosts["h1"].there = False
        await on.approvals.sign(ADMIN, other, await on.made(on.ann, other))
        on.world.forward(7 * 24 * HOUR)
        ended = [await on.world.ended(one) for one in (job, soon, signed)]
        assert [(one.state, one.code) for one in ended] == [
            ("timed-out", "APPROVAL-EXPIRED"), ("timed-out", "APPROVAL-EXPIRED"), ("timed-out", "HOST-NOT-REACHED"),
        ]  # fmt: skip
        assert ["seven days at most" in (one.message or "") for one in ended] == [True, False, True]


async def test_what_is_cancelled_need_not_be_signed(database: Database) -> None:
    async with stage(database) as on:
        job, approval_id = await on.waiting()
        await on.world.jobs.cancel(ADMIN, job.id)
        assert (await on.approvals.show(ADMIN, approval_id)).state == "withdrawn"


async def test_many_hosts_are_one_approval_with_as_many_texts_as_it_takes(database: Database) -> None:
    async with stage(database) as on:
        names = [f"h{n}" for n in range(150)]
        on.world.hosts.hosts.update(CalledHosts(*names).hosts)
        wanted = NewJob(HostRef("plant", "h0"), "guest-reset", b"\x81\xa5guest\xa3web", HOUR)
        jobs = await on.world.jobs.create(ADMIN, [replace(wanted, host=HostRef("plant", name)) for name in names])
        [approval_id] = {job.approval_id for job in jobs}
        assert approval_id is not None
        shown = await on.approvals.show(ADMIN, approval_id)
        assert (shown.hosts_total, len(shown.hosts), len(shown.mandates)) == (150, 100, 2)
        made = await on.made(on.ann, approval_id)
        half = await on.approvals.sign(ADMIN, approval_id, made[:1])
        assert (half.state, half.yours) == ("open", True)
        await on.approvals.sign(ADMIN, approval_id, made[1:])
        async with asyncio.timeout(20):
            while len(on.world.ledger):
                await on.world.changed()
        assert all(host.effects.total() == 1 for host in on.world.hosts.hosts.values())
        assert len({host.mandates[0] for host in on.world.hosts.hosts.values()}) == 2


async def test_who_brings_a_signed_mandate_waits_for_nobody(database: Database) -> None:
    async with stage(database) as on:
        now_ms = on.world.clock().wall_ms
        mandate = mandates.Mandate(
            id=b"m" * 16, site="plant", holder="controller:main", operations=("guest-reset",), hosts=("h1",), risk=2,
            not_before=now_ms - 1000, not_after=now_ms + HOUR,
        )  # fmt: skip
        data = mandates.issue(mandate, [on.ann])
        wanted = NewJob(HostRef("plant", "h1"), "guest-reset", b"\x81\xa5guest\xa3web", 60_000)
        [job] = await on.world.jobs.create(OPERATOR, [wanted], data)
        assert (await on.world.ended(job)).state == "succeeded"
        assert on.world.hosts["h1"].mandates == [data]
        elsewhere = replace(wanted, host=HostRef("plant", "h2"))
        assert await refused(on.world.jobs.create(OPERATOR, [elsewhere], data)) == "MANDATE-SCOPE"
        assert await refused(on.world.jobs.create(OPERATOR, [wanted], b"junk")) == "MANDATE-INVALID"


async def test_a_decision_that_nobody_told_is_found_at_the_next_start(database: Database) -> None:
    people = People()
    async with stage(database, people) as on:
        approved, first = await on.waiting()
        rejected, second = await on.waiting()
        kept, third = await on.waiting()
    async with database.write() as tx:
        for approval_id, state in ((first, "approved"), (second, "rejected")):
            found = await store.get(tx, approval_id)
            assert found is not None
            await store.decide(tx, found.decided(state, 1, "ann", ""))  # type: ignore[arg-type]
        text = (await store.texts(tx, first))[0].text
        ann = people.keys["operator:ann"]
        one = store.Signature(0, ann.id.hex(), "operator:ann", ADMIN.id, "ann", signature(ann, text), 1)
        await store.add_signature(tx, first, one)
    async with stage(database, people) as on:
        assert (await on.world.ended(approved)).state == "succeeded"
        assert (await on.world.ended(rejected)).code == "APPROVAL-REJECTED"
        assert (await on.world.stored(kept.id)).state == "waiting-approval"
        assert third


async def test_lists_show_what_waits_for_whom(database: Database) -> None:
    async with stage(database, People(needed={"2": 2})) as on:
        _, first = await on.waiting()
        _, second = await on.waiting(host="h2")
        await on.approvals.sign(ADMIN, first, await on.made(on.ann, first))

        async def ids(person: Person, **options: Any) -> list[str]:
            wanted = {"states": (), "mine": False, "before": None, "limit": 10} | options
            views, _ = await on.approvals.page(person, wanted.pop("states"), **wanted)
            return [view.id for view in views]

        assert await ids(ADMIN) == [second, first]
        assert await ids(ADMIN, before=second) == [first]
        assert (await on.approvals.page(ADMIN, (), mine=False, before=None, limit=1))[1] == second
        assert (await on.approvals.page(ADMIN, (), mine=False, before=None, limit=2))[1] is None
        assert await ids(ADMIN, mine=True) == [second]
        assert await ids(OPERATOR, mine=True) == [second, first]
        assert await ids(OBSERVER, mine=True) == []
        assert await ids(EAST) == [first]
        assert await ids(ADMIN, states=("approved",)) == []
        seen = await on.approvals.snapshot(EAST)
        assert [(change.kind, change.key, change.hosts) for change in seen] == [
            ("approval", first, (HostRef("plant", "h1"),))
        ]
        assert len(await on.approvals.snapshot(ADMIN)) == 2
        wanted = NewJob(HostRef("plant", "h1"), "guest-reset", b"\x81\xa5guest\xa3web", HOUR)
        both = await on.world.jobs.create(ADMIN, [wanted, replace(wanted, host=HostRef("plant", "h2"))])
        assert len(await ids(ADMIN)) == 3
        assert await ids(EAST) == [first], "one that names a host which they do not see is not theirs to see"
        assert await refused(on.approvals.show(EAST, both[0].approval_id or "")) == "NOT-FOUND"


async def test_an_approval_that_is_there_can_be_named(database: Database) -> None:
    async with stage(database) as on:
        _, approval_id = await on.waiting()
        second, same = await on.waiting(approval_id=approval_id)
        assert same == approval_id
        wanted = NewJob(HostRef("plant", "h2"), "guest-reset", b"\x81\xa5guest\xa3web", HOUR, approval_id=approval_id)
        assert await refused(on.world.jobs.create(ADMIN, [wanted])) == "MANDATE-SCOPE"
        assert await refused(on.world.jobs.create(ADMIN, [replace(wanted, approval_id="nobody")])) == "NOT-FOUND"
        await on.approvals.reject(ADMIN, approval_id, "")
        assert (await on.world.ended(second)).state == "rejected"
        closed = replace(wanted, host=HostRef("plant", "h1"))
        assert await refused(on.world.jobs.create(ADMIN, [closed])) == "APPROVAL-CLOSED"
