"""From a draft to a changed host with everything real but the links: agents on simulated hosts, a broker, jobs and approvals, two
people who edit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from desk import ALICE, BOB
from fleet import SITE, Fleet, fleet
from job_world import NoTrust, job_world

from guestwire.broker_test.embedded import embedded
from guestwire.broker_test.options import BrokerOptions
from guestwire.controller.approvals.service import Approvals, Made
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job
from guestwire.controller.projects.applying import Applying
from guestwire.controller.projects.draft_reading import DraftReading
from guestwire.controller.projects.drafts import Drafts
from guestwire.controller.projects.edits import DraftEdit
from guestwire.controller.projects.following import Following
from guestwire.controller.projects.host_reading import HostReading
from guestwire.controller.projects.keeping import DraftKeeping
from guestwire.controller.projects.plan_models import ApplyOptions, PlanOptions, PlanShown
from guestwire.controller.projects.plans import Plans
from guestwire.controller.projects.pulling import Pulling
from guestwire.controller.store import approvals as approval_rows
from guestwire.controller.store import user_keys
from guestwire.controller.store.database import open_database
from guestwire.controller.store.schema import all_tables
from guestwire.link.clock import now
from guestwire.link.invoke import Caller
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operations import Operation
from guestwire.protocol.pending import Done
from guestwire.protocol.signing import Domain
from guestwire.sdk import credentials, links
from guestwire.site.files import read_signing_key

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATIENCE_S = 30.0
H1 = HostRef(SITE, "h1")


class Linked:
    """The controller's way to the hosts of a site, over one client with its own key: HostCalls, FleetView and Speaker."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def call(self, ref: HostRef, operation: Operation, request: Any, **more: Any) -> Done:
        more.pop("issuer", None)  # there is one way
        return await self._caller.call(ref.host, operation, request, **more)

    def reachable(self, ref: HostRef) -> bool:
        return True

    def approved(self, ref: HostRef) -> bool:
        return True

    def there(self, ref: HostRef) -> bool:
        return True

    def issuer(self, ref: HostRef) -> str | None:
        return "controller:main"


@dataclass
class Office:
    """A controller's projects, with jobs that real hosts carry out."""

    site: Fleet
    hosts: HostReading
    drafts: Drafts
    reading: DraftReading
    pulling: Pulling
    plans: Plans
    applying: Applying
    jobs: Any
    sign: Callable[[str], Awaitable[None]]

    async def changed(self, *edits: DraftEdit, by: Any = ALICE) -> PlanShown:
        """A plan of the draft as the host has it, with edits."""
        revision = (await self.pulling.pull(by, H1, discard=await self._revision())).revision
        await self.drafts.edit(by, H1, edits, revision)
        return await self.plans.plan(by, H1, PlanOptions())

    async def applied(self, plan: PlanShown, by: Any = ALICE, **options: Any) -> Job:
        """The job that carried the plan out, once it has ended."""
        ordered = await self.applying.apply(by, H1, ApplyOptions(plan_id=plan.plan.plan_id, **options))
        return await self.ended(ordered.job_id)

    async def ended(self, job_id: str) -> Job:
        async with asyncio.timeout(PATIENCE_S):
            while (found := await self.jobs.seen(job_id)) is None or not found.job.finished:
                await asyncio.sleep(0.02)
        return found.job

    async def clean(self, base: int) -> None:
        """Wait until the draft is one of that revision of the host."""
        async with asyncio.timeout(PATIENCE_S):
            while (shown := await self.reading.show(ALICE, H1)).base_revision != base or shown.state != "clean":
                await asyncio.sleep(0.02)

    async def revision(self) -> int:
        """The active revision of the host, as it says itself."""
        return (await self.hosts.fetch(H1)).shown.revision.number

    async def _revision(self) -> int | None:
        try:
            return (await self.reading.show(ALICE, H1)).revision
        except GuestwireError:
            return None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    all_tables()
    base = tmp_path_factory.mktemp("site")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(embedded(BrokerOptions()))
        site = await stack.enter_async_context(fleet(base, broker, {"h1": {}}))
        database = await stack.enter_async_context(open_database(f"sqlite:///{base / 'controller.db'}"))
        await database.create_tables()
        key = str(site.layout.key("controller:main"))
        context = site.context.model_copy(update={"key": key})
        who = credentials.read(context, now().wall_ms)
        assert who.trust is not None
        caller = await stack.enter_async_context(links.mqtt_link(context, who, PATIENCE_S))
        hosts, trust = Linked(caller), NoTrust({SITE: who.trust})
        world = await stack.enter_async_context(job_world(database, hosts, trust=trust))  # type: ignore[arg-type]
        approvals = Approvals(database, world.access, world.approvals, trust, world.log, world.clock)
        await stack.enter_async_context(approvals)

        def clock() -> int:
            return now().wall_ms

        reading_hosts = HostReading(database, hosts, clock)
        keeping = DraftKeeping(database, world.feed, clock)
        reading = DraftReading(database, world.access, keeping, clock)
        pulling = Pulling(world.access, reading_hosts, keeping, reading)
        plans = Plans(database, world.access, world.feed, reading_hosts, keeping, clock)
        applying = Applying(database, world.access, reading_hosts, plans, world.jobs, clock)
        following = Following(database, world.jobs, reading_hosts, keeping, pulling, applying, clock, print)
        world.ledger.listen(following)
        await stack.enter_async_context(following)
        admin = read_signing_key(site.layout.key("operator:admin"))
        async with database.write() as tx:
            await user_keys.insert(
                tx, user_keys.UserKey(admin.id.hex(), BOB.id, admin.public.raw.hex(), "laptop", clock())
            )

        async def sign(approval_id: str) -> None:
            async with database.read() as tx:
                texts = await approval_rows.texts(tx, approval_id)
            made = [Made(one.n, admin.id, admin.sign(Domain.MANDATE, one.text)) for one in texts]
            await approvals.sign(BOB, approval_id, made)

        yield Office(
            site,
            reading_hosts,
            Drafts(database, world.access, keeping),
            reading,
            pulling,
            plans,
            applying,
            world.jobs,
            sign,
        )


def edit(path: str, value: Any = None, op: Any = "set") -> DraftEdit:
    return DraftEdit(op=op, path=path, value=value)


async def test_two_people_edit_plan_apply_and_go_back(office: Office) -> None:
    pulled = await office.pulling.pull(ALICE, H1)
    begun = await office.revision()
    await office.drafts.edit(ALICE, H1, [edit("guest.rtlinux.memory_mib", 320)], pulled.revision)
    both = await office.drafts.edit(BOB, H1, [edit("guest.linux1.comments", "two")], pulled.revision, merge=True)
    assert both.merged
    plan = await office.plans.plan(BOB, H1, PlanOptions())
    places = {(one.object, one.field) for one in plan.plan.items}
    assert {("guests.rtlinux", "memory_mib"), ("guests.linux1", "comments")} <= places
    assert (plan.obstacles, plan.mandate) == ((), False)
    job = await office.applied(plan, BOB, comment="both")
    assert (job.state, job.verified) == ("succeeded", True)
    await office.clean(begun + 1)
    shown = await office.site.cli.good("guest", "show", "h1/rtlinux")
    assert shown["guest"]["memory_mib"] == 320
    newest = (await office.plans.revisions(ALICE, H1, None, 2))[0][0]
    assert (newest.author, newest.comment, newest.person, newest.job_id) == (
        "controller:main", "bob: both", "bob", job.id,
    )  # fmt: skip
    back = await office.plans.rollback(ALICE, H1, begun, PlanOptions())
    assert (await office.applied(back)).state == "succeeded"
    assert (await office.site.cli.good("guest", "show", "h1/rtlinux"))["guest"]["memory_mib"] != 320
    async with asyncio.timeout(PATIENCE_S):
        while (await office.reading.show(ALICE, H1)).state != "behind":
            await asyncio.sleep(0.02)


async def test_a_plan_of_a_host_that_moved_on_is_refused_and_the_edits_go_on_top(office: Office) -> None:
    plan = await office.changed(edit("guest.rtlinux.comments", "mine"))
    cli = office.site.cli
    cli.environment["XDG_DATA_HOME"] = str(office.site.base / "data")
    assert (await cli("project", "pull", "h1")).code == 0
    assert (await cli("project", "set", "h1", "guest.linux1.comments=theirs")).code == 0
    await cli.good("project", "apply", "h1", "--yes")
    job = await office.applied(plan)
    assert (job.state, job.code) == ("failed", "BASE-REVISION")
    again = await office.plans.plan(ALICE, H1, PlanOptions())
    assert [one.code for one in again.obstacles] == ["BASE-REVISION"]
    with pytest.raises(GuestwireError) as refused:
        await office.applied(again)
    assert refused.value.code == "BASE-REVISION"
    merged = await office.pulling.pull(ALICE, H1, "merge")
    comments = {guest.name: guest.comments for guest in merged.document.guests}
    assert (comments["rtlinux"], comments["linux1"]) == ("mine", "theirs")
    plan = await office.plans.plan(ALICE, H1, PlanOptions())
    assert {(one.object, one.field) for one in plan.plan.items} >= {("guests.rtlinux", "comments")}
    assert (await office.applied(plan)).state == "succeeded"
    await office.clean(await office.revision())


async def test_what_disrupts_waits_for_a_mandate_of_that_very_plan(office: Office) -> None:
    plan = await office.changed(edit("guest.linux1", op="remove"))
    assert (plan.plan.risk, plan.mandate) == (2, True)
    ordered = await office.applying.apply(ALICE, H1, ApplyOptions(plan_id=plan.plan.plan_id))
    assert (ordered.state, ordered.approval_id is not None) == ("waiting-approval", True)
    assert (await office.site.cli.good("guest", "show", "h1/linux1"))["guest"]["name"] == "linux1"
    assert ordered.approval_id is not None
    await office.sign(ordered.approval_id)
    assert (await office.ended(ordered.job_id)).state == "succeeded"
    assert (await office.site.cli("guest", "show", "h1/linux1")).code == 3
    await office.clean(await office.revision())


async def test_a_change_is_confirmed_by_the_controller_or_undone_by_the_host(office: Office) -> None:
    before = await office.revision()
    plan = await office.changed(edit("guest.rtlinux.comments", "confirmed"))
    assert (await office.applied(plan, confirm_s=30)).state == "succeeded"
    await office.clean(before + 1)
    status = await office.site.cli.good("project", "status", "h1")
    assert status[0]["state"] == "in_sync"
    plan = await office.changed(edit("guest.rtlinux.comments", "undone"))
    assert (await office.applied(plan, confirm_s=30, confirm="manual")).state == "succeeded"
    ordered = await office.applying.cancel(BOB, H1, None)
    assert (await office.ended(ordered.job_id)).state == "succeeded"
    assert await office.revision() == before + 1
    shown = await office.site.cli.good("guest", "show", "h1/rtlinux")
    assert shown["guest"]["comments"] == "confirmed"


async def test_a_draft_that_breaks_rules_is_applied_by_nobody(office: Office) -> None:
    plan = await office.changed(edit("guest.rtlinux.cpuset", "99"))
    assert plan.obstacles[0].code == "VALIDATION-FAILED"
    with pytest.raises(GuestwireError) as refused:
        await office.applied(plan)
    assert refused.value.code == "VALIDATION-FAILED"
    here = (await office.reading.show(ALICE, H1)).findings
    assert "CPUSET-UNKNOWN" in {one.code for one in here.issues} & {one.code for one in plan.plan.issues}
