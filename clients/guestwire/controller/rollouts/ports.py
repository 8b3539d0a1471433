"""What rollouts need of the rest of the controller. Protocols and their values only; a test gives its own."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from guestwire.controller.approvals.keeping import AskedBy
from guestwire.controller.approvals.needs import Need
from guestwire.controller.fleet.selection import Selection
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.jobs.machine import Opening
from guestwire.controller.rollouts.course import TakenBack
from guestwire.controller.rollouts.spec import ProjectPart
from guestwire.controller.store.alarms import AlarmRow
from guestwire.controller.store.approvals import Approval
from guestwire.controller.store.database import Tx
from guestwire.controller.users.person import Person, TokenUse
from guestwire.protocol.trust import Risk


class RolloutJobs(Protocol):
    """Makes jobs and ends them. How they go on is heard by `Running.jobs_changed`."""

    async def insert(self, tx: Tx, wanted: Sequence[NewJob]) -> Sequence[Job]:
        """Make jobs, in the order in which they are wanted, in the caller's transaction. Raises JOBS-FULL, APPROVAL-CLOSED."""
        ...

    def inserted(self, jobs: Sequence[Job]) -> None:
        """The transaction of these jobs is committed: they may be sent."""
        ...

    def take_back(self, jobs: Sequence[TakenBack]) -> None:
        """Have jobs end without an effect, as far as that can be: they end canceled then. Never blocks; saying it again does
        no harm, and a job that has ended stays as it is."""
        ...

    async def now(self, tx: Tx, job_ids: Collection[str]) -> Mapping[str, Job]:
        """Those jobs as the database has them."""
        ...


class Fleet(Protocol):
    """The hosts there are."""

    def approved(self, ref: HostRef) -> bool:
        """Whether somebody let the host in."""
        ...

    def there(self, ref: HostRef) -> bool:
        """Whether the host is there now."""
        ...


class Selections(Protocol):
    """What people mean by a selection."""

    def expanded(self, text: str) -> Selection:
        """The selection that somebody wrote, without groups. Raises SELECTION-INVALID, NOT-FOUND."""
        ...


class Windows(Protocol):
    """The maintenance windows."""

    def opening(self, name: str, now_ms: int) -> Opening:
        """When the window of that name is open. One that is not there: never."""
        ...


class Alarms(Protocol):
    """What is wrong with hosts."""

    async def raised(self, hosts: Sequence[HostRef], since_ms: int) -> Sequence[AlarmRow]:
        """Alarms of these hosts that were raised since then, cleared or not."""
        ...


class People(Protocol):
    """Who may do what, now: a rollout goes on for weeks, and a person may have lost their role meanwhile."""

    async def person(self, person_id: str, token: TokenUse | None) -> Person | None:
        """The person as they are now, with no more than the token they came with was for; None: they may not log in any more, or
        that token was revoked."""
        ...

    def may(self, person: Person, action: str, host: HostRef, *, risk: int | None = None) -> bool:
        """Whether the person may do that to the host."""
        ...


class Approvals(Protocol):
    """Mandates of people, for what the controller's own key may not do."""

    def needed(self, ref: HostRef, operation: str, risk: int) -> bool:
        """Whether the controller needs somebody's mandate for that."""
        ...

    async def ask(self, tx: Tx, need: Need, by: AskedBy) -> Approval:
        """Ask for what is needed, in the caller's transaction; `publish` what comes back once that is committed."""
        ...

    async def now(self, tx: Tx, approval_ids: Collection[str]) -> Mapping[str, Approval]:
        """How approvals stand."""
        ...

    async def withdraw(self, tx: Tx, approval_ids: Collection[str]) -> list[Approval]:
        """They are needed no more. `announce` what comes back once that is committed."""
        ...

    def publish(self, approval: Approval) -> None:
        """Tell those who watch of a new one."""
        ...

    def announce(self, decided: Sequence[Approval]) -> None:
        """Tell everybody of decisions."""
        ...


class HostPlan(NamedTuple):
    """What an apply of a project would do on a host. `items`: how many changes; none: the host is so already. `problem`: what
    is in the way, as code and text."""

    plan_id: str
    risk: Risk
    items: int
    problem: tuple[str, str] | None = None


class ProjectApplies(Protocol):
    """Projects, applied host by host."""

    async def pin(self, tx: Tx, project: ProjectPart) -> str | None:
        """Keep a revision of a project for a rollout, in the caller's transaction: what it is found by, whatever becomes of the
        project. None: there is no such revision."""
        ...

    async def hosts(self, tx: Tx, project: ProjectPart, pin: str | None = None) -> frozenset[HostRef] | None:
        """The hosts that a revision of a project (`pin`: as it was pinned) has a part for. None: there is no such revision."""
        ...

    async def plan(self, person: Person, host: HostRef, project: ProjectPart, pin: str | None = None) -> HostPlan:
        """Have the host plan its part (`pin`: as it was pinned). Raises what the host answers, HOST-UNREACHABLE."""
        ...

    async def job(self, tx: Tx, person: str, host: HostRef, plan_id: str) -> NewJob:
        """The job that carries a plan out in the name of somebody, in the caller's transaction. Raises PLAN-STALE when the plan is kept no more."""
        ...

    async def ordered(self, tx: Tx, person_id: str, person: str, job: Job) -> None:
        """That job was made, in the caller's transaction: it is followed like any apply."""
        ...
