"""A controller's projects over a real database, with hosts that plan and apply by the real diff and rules (fake_config). Jobs are
carried out as soon as they are ordered, unless they are held back."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from fake_config import FakeConfig

from guestwire.controller.feed import Change, Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job, NewJob, Result, new_id
from guestwire.controller.jobs.states import BY_CODE
from guestwire.controller.projects.applying import Applying
from guestwire.controller.projects.draft_reading import DraftReading
from guestwire.controller.projects.drafts import Drafts
from guestwire.controller.projects.following import Following
from guestwire.controller.projects.host_reading import HostReading
from guestwire.controller.projects.keeping import DraftKeeping
from guestwire.controller.projects.opening import Opening
from guestwire.controller.projects.plans import Plans
from guestwire.controller.projects.ports import JobSeen
from guestwire.controller.projects.projects import Projects
from guestwire.controller.projects.pulling import Pulling
from guestwire.controller.projects.remapping import Remapping
from guestwire.controller.store import audit_rows
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.users.access import Access, NoGroups
from guestwire.controller.users.person import Binding, Person
from guestwire.model.errors import GuestwireError
from guestwire.model.host import Host, HostFacts
from guestwire.model.machines import MACHINES
from guestwire.protocol.bodies import from_bytes
from guestwire.protocol.json_bodies import to_json
from guestwire.protocol.operation_models import HostShow
from guestwire.protocol.operations import BY_NAME, Operation
from guestwire.protocol.pending import Done

H1 = HostRef("plant", "h1")
H2 = HostRef("plant", "h2")
ALICE = Person("u-alice", "alice", (Binding("engineer", "*"),))
BOB = Person("u-bob", "bob", (Binding("engineer", "*"),))
EVE = Person("u-eve", "eve", (Binding("observer", "*"),))
GUEST = Person("u-guest", "guest", (Binding("engineer", "host:plant/h2"),))
_MACHINE = MACHINES["4-core"]


class Hosts:
    """The hosts of a site, as `HostCalls` has them. `away`: those that do not answer; `asked`: what was asked of which."""

    def __init__(self, *refs: HostRef) -> None:
        self.configs = {ref: FakeConfig(ref.host) for ref in refs}
        self.away: set[HostRef] = set()
        self.asked: list[tuple[HostRef, str]] = []

    async def call(self, ref: HostRef, operation: Operation, request: Any, **_: Any) -> Done:
        self.asked.append((ref, operation.name))
        if ref in self.away or ref not in self.configs:
            raise GuestwireError("HOST-UNREACHABLE", f"{ref} does not answer.")
        config = self.configs[ref]
        if operation.name == "host-show":
            return Done(None, HostShow(host=about(ref)), verified=True)  # type: ignore[arg-type]
        handler = {**config.reads(), **config.effects()}[operation.name]
        call: Any = SimpleNamespace(request=request)
        return Done(None, handler(call), verified=True)  # type: ignore[arg-type]

    def reachable(self, ref: HostRef) -> bool:
        return ref not in self.away


class Jobs:
    """`ChangeJobs`. `hold`: jobs wait until `run`. `listeners` hear of those that ended."""

    def __init__(self, database: Database, hosts: Hosts, clock: Callable[[], int]) -> None:
        self._database = database
        self._hosts = hosts
        self._clock = clock
        self.made: dict[str, tuple[NewJob, Job]] = {}
        self.results: dict[str, Result] = {}
        self.hold = False
        self.listeners: list[Callable[[Sequence[Job]], None]] = []

    async def order(self, person: Person | None, wanted: NewJob, also: Callable[[Tx, Job], Awaitable[None]]) -> Job:
        job = Job(
            new_id(self._clock()), wanted.host, wanted.operation, wanted.risk or 1, "", self._clock(),
            self._clock() + wanted.deadline_ms, plan_id=wanted.plan_id, approval_id=wanted.approval_id,
            person="" if person is None else person.name,
        )  # fmt: skip
        async with self._database.write() as tx:
            await also(tx, job)
        self.made[job.id] = wanted, job
        if not self.hold:
            await self.run(job.id)
        return job

    async def run(self, job_id: str) -> None:
        """Carry a job out."""
        wanted, job = self.made[job_id]
        row = BY_NAME[wanted.operation]
        try:
            done = await self._hosts.call(wanted.host, row, from_bytes(row.request, wanted.body))
        except GuestwireError as err:
            state = BY_CODE.get(err.code, "failed")
            job = replace(job, state=state, code=err.code, message=err.message)
        else:
            self.results[job_id] = Result(job_id, reply=to_json(done.reply))
            job = replace(job, state="succeeded")
        self.made[job_id] = wanted, job
        for hears in self.listeners:
            hears([job])

    async def seen(self, job_id: str) -> JobSeen | None:
        if job_id not in self.made:
            return None
        return JobSeen(self.made[job_id][1], self.results.get(job_id))

    def of(self, operation: str) -> list[Job]:
        return [job for wanted, job in self.made.values() if wanted.operation == operation]


class Desk:
    """All of it. `told`: what the feed was told; `troubles`: what following could not do."""

    def __init__(
        self, database: Database, *refs: HostRef, review_required: bool = False, access: Access | None = None
    ) -> None:
        self.database = database
        self.feed = Feed()
        self.hosts = Hosts(*(refs or (H1, H2)))
        self.troubles: list[GuestwireError] = []
        ticks = itertools.count(1_700_000_000_000, 1000)
        self.clock = lambda: next(ticks)
        self.access = access or Access(NoGroups())
        self.jobs = Jobs(database, self.hosts, self.clock)
        self.reading_hosts = HostReading(database, self.hosts, self.clock)
        self.keeping = DraftKeeping(database, self.feed, self.clock)
        self.drafts = Drafts(database, self.access, self.keeping)
        self.reading = DraftReading(database, self.access, self.keeping, self.clock)
        self.pulling = Pulling(self.access, self.reading_hosts, self.keeping, self.reading)
        self.remapping = Remapping(self.access, self.reading_hosts, self.keeping)
        self.plans = Plans(
            database, self.access, self.feed, self.reading_hosts, self.keeping, self.clock,
            review_required=review_required,
        )  # fmt: skip
        self.applying = Applying(database, self.access, self.reading_hosts, self.plans, self.jobs, self.clock)
        self.following = Following(
            database, self.jobs, self.reading_hosts, self.keeping, self.pulling, self.applying, self.clock,
            self.troubles.append,
        )  # fmt: skip

        self.projects = Projects(database, self.access, self.feed, self.keeping, self.clock)
        self.opening = Opening(self.access, self.projects, self.reading_hosts, self.keeping)

    async def audit(self) -> list[tuple[str, str, str]]:
        """Who did what to what."""
        async with self.database.read() as tx:
            rows = await audit_rows.oldest(tx, audit_rows.Wanted(), above=0, limit=1000)
        return [(row.person, row.action, row.target) for row in rows]


def changes_of(feed: Feed, until: Callable[[], Awaitable[Any]]) -> Any:
    """What the feed was told while something was done."""

    async def run() -> list[Change]:
        with feed.subscribe() as subscriber:
            await until()
            return list(await subscriber.take())

    return run()


def about(ref: HostRef) -> Host:
    facts = HostFacts(
        hostname=ref.host, kernel="6.1", boot_id="b", machine=_MACHINE.machine, cpus=4, memory_mib=_MACHINE.memory_mib,
        memory_free_mib=4096, capabilities=_MACHINE.capabilities, topology_fingerprint="f",
    )  # fmt: skip
    return Host(
        id=ref.host, site=ref.site, label=ref.host, driver="simulated", agent_version="0.1", epoch=1, started_at=0, now=0,
        clock="synchronised", hypervisor_connected=True, facts=facts, guests=0, guests_running=0, messages_last_seq=0,
    )  # fmt: skip
