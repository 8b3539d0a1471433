"""What people have done on hosts: jobs, approvals, windows, projects, rollouts."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from guestwire.controller.approvals.keeping import ApprovalKeeping
from guestwire.controller.approvals.service import Approvals
from guestwire.controller.composing.base import Base
from guestwire.controller.composing.hosts import HostSide
from guestwire.controller.jobs.asking import Asking
from guestwire.controller.jobs.driver import JobDriver
from guestwire.controller.jobs.drives import Drives
from guestwire.controller.jobs.for_rollouts import JobsForRollouts
from guestwire.controller.jobs.in_flight import DriveLimits
from guestwire.controller.jobs.ledger import Ledger
from guestwire.controller.jobs.orders import Orders
from guestwire.controller.jobs.risks import Risks
from guestwire.controller.jobs.service import Jobs
from guestwire.controller.jobs.window_book import WindowBook
from guestwire.controller.jobs.window_service import WindowService
from guestwire.controller.projects.applying import Applying
from guestwire.controller.projects.catching_up import CatchingUp
from guestwire.controller.projects.draft_reading import DraftReading
from guestwire.controller.projects.drafts import Drafts
from guestwire.controller.projects.following import Following
from guestwire.controller.projects.host_reading import HostReading
from guestwire.controller.projects.keeping import DraftKeeping
from guestwire.controller.projects.opening import Opening
from guestwire.controller.projects.plans import Plans
from guestwire.controller.projects.projects import Projects
from guestwire.controller.projects.pulling import Pulling
from guestwire.controller.projects.remapping import Remapping
from guestwire.controller.projects.reviewing import Reviewing
from guestwire.controller.rollouts.gathering import Gathering
from guestwire.controller.rollouts.keeping import Keeping
from guestwire.controller.rollouts.looking import Looking
from guestwire.controller.rollouts.making import Making
from guestwire.controller.rollouts.planning import Planning
from guestwire.controller.rollouts.preview import Previewing
from guestwire.controller.rollouts.project_parts import ProjectParts
from guestwire.controller.rollouts.running import Running
from guestwire.controller.rollouts.service import Rollouts
from guestwire.controller.rollouts.standing import Target
from guestwire.controller.rollouts.starters import Starters
from guestwire.controller.rollouts.telling import Telling


@dataclass(frozen=True, slots=True)
class JobSide:
    """Jobs and what they wait for."""

    ledger: Ledger
    driver: JobDriver
    jobs: Jobs
    orders: Orders
    asking: Asking
    keeping: ApprovalKeeping
    approvals: Approvals
    book: WindowBook
    windows: WindowService


@dataclass(frozen=True, slots=True)
class ProjectSide:
    """Drafts, plans, projects."""

    reading_hosts: HostReading
    drafts: Drafts
    reading: DraftReading
    pulling: Pulling
    remapping: Remapping
    plans: Plans
    applying: Applying
    projects: Projects
    opening: Opening


@dataclass(frozen=True, slots=True)
class RolloutSide:
    """Rollouts."""

    rollouts: Rollouts
    previewing: Previewing


async def job_side(stack: AsyncExitStack, base: Base, side: HostSide) -> JobSide:
    """Jobs. They are driven once `side.driver` is entered, after whoever hears of them is there."""
    database, clock, links, fleet = base.database, base.clock, side.links, side.core.registry
    book = WindowBook()
    await book.load(database)
    keeping = ApprovalKeeping(database, links, base.feed, clock)
    ledger = await stack.enter_async_context(Ledger(database, base.feed, base.log, clock))
    drives = Drives(ledger, database, links, links, keeping, clock)
    section = base.settings.jobs
    limits = DriveLimits(sending=section.sending, sending_per_host=section.sending_per_host)
    driver = JobDriver(ledger, drives, fleet, book, keeping, base.log, clock, limits)
    reviews = Reviewing(required=section.review_required)
    orders = Orders(ledger, fleet, book, keeping, Risks(database, links), reviews, clock)
    jobs = Jobs(database, side.access, ledger, driver, orders, keeping, clock)
    windows = WindowService(database, side.access, book, ledger, driver, base.feed, clock)
    approvals = Approvals(database, side.access, keeping, links, base.log, clock)
    return JobSide(
        ledger, driver, jobs, orders, Asking(side.access, links), keeping, approvals, book, windows
    )  # fmt: skip


async def project_side(stack: AsyncExitStack, base: Base, side: HostSide, work: JobSide) -> ProjectSide:
    """Projects, and what follows their jobs to the end."""
    database, feed, access, clock_ms = base.database, base.feed, side.access, base.clock_ms
    reading_hosts = HostReading(database, side.links, clock_ms)
    keeping = DraftKeeping(database, feed, clock_ms)
    reading = DraftReading(database, access, keeping, clock_ms)
    pulling = Pulling(access, reading_hosts, keeping, reading)
    plans = Plans(
        database, access, feed, reading_hosts, keeping, clock_ms,
        review_required=base.settings.jobs.review_required,
    )  # fmt: skip
    applying = Applying(database, access, reading_hosts, plans, work.jobs, clock_ms)
    following = Following(database, work.jobs, reading_hosts, keeping, pulling, applying, clock_ms, base.on_trouble)
    work.ledger.listen(following)
    await stack.enter_async_context(following)
    catching_up = await stack.enter_async_context(
        CatchingUp(database, reading_hosts, keeping, clock_ms, base.on_trouble)
    )
    base.vital.watch(following.task, catching_up.task)
    projects = Projects(database, access, feed, keeping, clock_ms)
    return ProjectSide(
        reading_hosts, Drafts(database, access, keeping), reading, pulling,
        Remapping(access, reading_hosts, keeping), plans, applying, projects,
        Opening(access, projects, reading_hosts, keeping),
    )  # fmt: skip


async def rollout_side(
    stack: AsyncExitStack, base: Base, side: HostSide, work: JobSide, drafts: ProjectSide
) -> RolloutSide:
    """Rollouts, going on from where they were."""
    database, clock, fleet, access = base.database, base.clock, side.core.registry, side.access
    projects = ProjectParts(database, drafts.reading_hosts, drafts.plans, base.clock_ms)
    people = Starters(database, access)
    making = Making(work.keeping, projects, base.clock_ms)
    gathering = Gathering(side.core.membership, fleet, work.book, people, making, projects)
    keeping = Keeping(database, JobsForRollouts(work.jobs, work.orders), making, base.clock_ms)
    late = _Late()
    planning = await stack.enter_async_context(Planning(projects, people, fleet, making, late.planned, base.clock_ms))
    looking = Looking(database, gathering, making, planning, fleet, work.book, side.alarms, people)
    telling = Telling(base.feed, clock)
    running = late.running = Running(database, keeping, looking, telling, base.log, clock)
    work.keeping.listen(running)
    work.ledger.listen(running)
    side.core.registry.arrivals.append(running)
    await stack.enter_async_context(running)
    base.vital.watch(running.task)
    return RolloutSide(
        Rollouts(database, keeping, running, gathering, telling, access, clock),
        Previewing(database, gathering, making, fleet, work.book, access, clock),
    )


class _Late:
    """What runs rollouts, for who is made before it."""

    running: Running | None = None

    async def planned(self, rollout_id: str, target: Target) -> None:
        assert self.running is not None
        await self.running.planned(rollout_id, target)
