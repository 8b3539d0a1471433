"""Rollouts with everything that is theirs, over a real database and the controller's real ledger of jobs. Nobody drives the jobs:
a test says how each goes on. The clock stands until a test moves it.
"""

from contextlib import AsyncExitStack, asynccontextmanager

from rollout_world import START_MS, hosts, spec
from waiting import until

from guestwire.controller.approvals.keeping import ApprovalKeeping
from guestwire.controller.feed import Feed
from guestwire.controller.fleet.expansion import expanded
from guestwire.controller.fleet.selection import parse
from guestwire.controller.jobs import events as e
from guestwire.controller.jobs.job import NewJob
from guestwire.controller.jobs.ledger import Ledger
from guestwire.controller.jobs.machine import ALWAYS
from guestwire.controller.jobs.orders import By, Orders
from guestwire.controller.jobs.risks import Risks
from guestwire.controller.jobs.states import WAITING
from guestwire.controller.jobs.window_book import WindowBook
from guestwire.controller.projects.reviewing import Reviewing
from guestwire.controller.rollouts.gathering import Gathering
from guestwire.controller.rollouts.keeping import Keeping
from guestwire.controller.rollouts.looking import Looking
from guestwire.controller.rollouts.making import Making
from guestwire.controller.rollouts.planning import Planning
from guestwire.controller.rollouts.ports import HostPlan
from guestwire.controller.rollouts.preview import Previewing
from guestwire.controller.rollouts.running import Running
from guestwire.controller.rollouts.service import Rollouts
from guestwire.controller.rollouts.telling import Telling
from guestwire.controller.store import hosts as host_rows
from guestwire.controller.store import jobs as job_rows
from guestwire.controller.store import rollouts as store
from guestwire.controller.store.host_tables import Attendance, HostRow, PeoplesWords, StoredDocument
from guestwire.controller.users.access import Access, NoGroups
from guestwire.controller.users.person import Binding, Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.packing import pack
from guestwire.protocol.steps import Now

ADMIN = Person("p-admin", "anna", (Binding("admin", "*"),))
OPERATION = {"operation": "log-level", "body": {"level": "debug"}}
WITHIN_S = 10


def order(**fields):
    """A rollout of something harmless."""
    return spec(**(OPERATION | {"targets": {"selection": "site=plant"}} | fields))


class Clock:
    def __init__(self):
        self.ms = START_MS

    def __call__(self):
        return Now(self.ms, self.ms / 1000)


class Fleet:
    """Hosts that are approved and there, but for those that are named."""

    def __init__(self):
        self.pending, self.away = set(), set()

    def approved(self, ref):
        return ref not in self.pending

    def there(self, ref):
        return ref not in self.away


class Windows(WindowBook):
    """Windows as a test opens them."""

    def __init__(self):
        super().__init__()
        self.openings = {}

    def require(self, name):
        self.openings[name]

    def opening(self, name, now_ms):
        return self.openings.get(name, ALWAYS if name == "always" else super().opening(name, now_ms))


class People:
    """`known`: who may log in."""

    def __init__(self):
        self.known = {ADMIN.id: ADMIN}
        self.access = Access(NoGroups())

    async def person(self, person_id, token):
        return self.known.get(person_id)

    def may(self, person, action, host, *, risk=None):
        return self.access.may(person, action, host, risk=risk)


class Selections:
    def __init__(self):
        self.groups = {}

    def expanded(self, text):
        return expanded(parse(text), {name: parse(selection) for name, selection in self.groups.items()})


class Alarms:
    def __init__(self):
        self.all, self.asked = [], 0

    async def raised(self, hosts, since_ms):
        self.asked += 1
        return [one for one in self.all if one.host in hosts and one.raised_at >= since_ms]


class Projects:
    """Projects as a test has them. `plans`: what a host plans; an error: what asking it raises. `gone`: plans that are kept no
    more; the host makes `again` then."""

    def __init__(self):
        self.parts, self.plans, self.planned, self.followed = {}, {}, [], []
        self.gone, self.again = set(), None

    async def pin(self, tx, project):
        return "pin" if await self.hosts(tx, project) is not None else None

    async def hosts(self, tx, project, pin=None):
        return self.parts.get((project.name, project.revision))

    async def plan(self, person, host, project, pin=None):
        self.planned.append(host)
        plan = self.plans.get(host, HostPlan(f"plan-of-{host.host}-1", 1, 3))
        if isinstance(plan, Exception):
            raise plan
        return plan

    async def job(self, tx, person, host, plan_id):
        if plan_id in self.gone:
            self.plans[host] = self.again
            raise GuestwireError("PLAN-STALE")
        planned = self.plans.get(host)
        risk = 1 if planned is None else planned.risk
        return NewJob(host, "config-apply", plan_id.encode(), 1, risk=risk, plan_id=plan_id)

    async def ordered(self, tx, person_id, person, job):
        self.followed.append(job.id)


class NoKeys:
    """The controller asks without a key of its own, so that nothing takes a mandate."""

    def issuer(self, ref):
        return None

    def trust(self, site):
        return None


class Log:
    def __init__(self):
        self.said = []

    def _say(self, event, **fields):
        self.said.append((event, fields))

    info = warning = error = _say


class Stage:
    """One controller, which `up` starts and a test may kill."""

    def __init__(self, database, **parts):
        self.database = database
        self.clock, self.fleet, self.windows, self.people = Clock(), Fleet(), Windows(), People()
        self.selections, self.alarms, self.log, self.feed = Selections(), Alarms(), Log(), Feed()
        self.projects, self.trust = parts.get("projects") or Projects(), parts.get("trust") or NoKeys()
        self.rollout_database = parts.get("rollout_database") or database
        self.reviews = parts.get("reviews") or Reviewing()
        self.answers = None
        """How jobs end by themselves, as soon as they are made; None: as the test says."""

    async def add_hosts(self, count, site="plant"):
        found = hosts(count, site)
        words, there = PeoplesWords(approval="approved"), Attendance("online")
        async with self.database.write() as tx:
            await host_rows.add(tx, [HostRow(ref, START_MS, True, words=words, attendance=there) for ref in found])
        return found

    async def say_capabilities(self, ref, *operations):
        body = pack({"operations": {name: bytes(16) for name in operations}})
        async with self.database.write() as tx:
            await host_rows.put_documents(tx, [(ref, "capabilities", StoredDocument(START_MS, body, 1, 1, START_MS))])

    # -- the controller

    @asynccontextmanager
    async def up(self):
        async with AsyncExitStack() as stack:
            await self._start(stack)
            yield self

    async def _start(self, stack):
        self.ledger = await stack.enter_async_context(Ledger(self.database, self.feed, self.log, self.clock))
        approvals = ApprovalKeeping(self.database, self.trust, self.feed, self.clock)
        self.approvals = approvals
        risks = Risks(self.database, None)
        self.orders = Orders(self.ledger, self.fleet, self.windows, approvals, risks, self.reviews, self.clock)
        making = Making(approvals, self.projects, lambda: self.clock.ms)
        gathering = Gathering(self.selections, self.fleet, self.windows, self.people, making, self.projects)
        keeping = Keeping(self.rollout_database, self, making, lambda: self.clock.ms)
        planning = await stack.enter_async_context(
            Planning(self.projects, self.people, self.fleet, making, self._planned, lambda: self.clock.ms)
        )
        looking = Looking(
            self.database, gathering, making, planning, self.fleet, self.windows, self.alarms, self.people
        )
        telling = Telling(self.feed, self.clock)
        self.running = Running(self.rollout_database, keeping, looking, telling, self.log, self.clock, breath_s=0)
        access = self.people.access
        self.rollouts = Rollouts(self.database, keeping, self.running, gathering, telling, access, self.clock)
        self.previewing = Previewing(self.database, gathering, making, self.fleet, self.windows, access, self.clock)
        approvals.listen(self.running)
        self.ledger.listen(self.running)
        if self.answers is not None:
            self._answer(self.ledger.all())
        await stack.enter_async_context(self.running)

    async def _planned(self, rollout_id, target):
        await self.running.planned(rollout_id, target)

    # -- the RolloutJobs port

    async def insert(self, tx, wanted):
        self._ordered = await self.orders.insert(tx, wanted, By(None, "anna"))
        return self._ordered.jobs

    def inserted(self, jobs):
        if jobs:
            self.orders.inserted(self._ordered)
            self._answer(jobs)

    def take_back(self, taken_back):
        for job_id, even_sent in taken_back:
            job = self.ledger.get(job_id)
            if job is not None and (even_sent or job.state in WAITING):
                self.ledger.apply(job_id, e.CancelAsked("the rollout"))
                if job.state not in WAITING:
                    self.ledger.apply(job_id, e.NotAccepted("HOST-UNREACHABLE", "It was not there."))

    async def now(self, tx, job_ids):
        return await job_rows.some(tx, job_ids)

    def _answer(self, jobs):
        for job in jobs:
            if self.answers is not None and self.ledger.get(job.id) is not None:
                self.ends(job, *self.answers)

    # -- jobs

    def sent(self, job):
        if self.ledger.get(job.id).state == "queued":
            self.ledger.apply(job.id, e.Sending(job.id.replace("-", ""), self.clock.ms + 30_000, "controller:main"))

    def ends(self, job, state="succeeded", code=None):
        self.sent(job)
        self.ledger.apply(job.id, e.Ended(state, code, None, True))

    def runs(self, job):
        self.sent(job)
        self.ledger.apply(job.id, e.AtHost("running"))

    def open_jobs(self):
        return sorted(self.ledger.all(), key=lambda job: job.host)

    def all_end(self, state="succeeded", code=None):
        for job in self.open_jobs():
            self.ends(job, state, code)

    # -- looking

    def pass_time(self, seconds):
        self.clock.ms += round(seconds * 1000)
        self.running.wake()

    async def make(self, **fields):
        return (await self.rollouts.create(ADMIN, order(**fields), start=True)).id

    async def targets(self, rollout_id):
        async with self.database.read() as tx:
            return await store.targets(tx, rollout_id)

    async def states(self, rollout_id):
        return [target.state for target in await self.targets(rollout_id)]

    async def jobs(self, rollout_id):
        async with self.database.read() as tx:
            newest_first = await job_rows.page(tx, job_rows.Wanted(rollout_id=rollout_id), None, 1000)
        return newest_first[::-1]

    async def row(self, rollout_id):
        async with self.database.read() as tx:
            return await store.get(tx, rollout_id)

    async def until(self, question):
        """Wait until the answer is yes; it may be a coroutine's."""
        return await until(question, "it did not come about", WITHIN_S, 0.005)

    async def until_state(self, rollout_id, state):
        async def there():
            row = await self.row(rollout_id)
            return row if row.standing.state == state else None

        return await self.until(there)

    async def until_states(self, rollout_id, *states):
        """The first hosts are in these."""

        async def so():
            return (await self.states(rollout_id))[: len(states)] == list(states)

        await self.until(so)

    async def until_planned(self, rollout_id):
        """Every host has planned its part, and what that leaves to do is begun."""

        async def so():
            return not any(t.state == "planned" for t in await self.targets(rollout_id))

        await self.until(so)

    async def until_open(self, count):
        await self.until(lambda: len(self.open_jobs()) == count)
        return self.open_jobs()
