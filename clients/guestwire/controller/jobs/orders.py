"""Making jobs: what is asked for is checked, what takes a mandate gets an approval, and all of it is stored in one transaction.

Whether a person may is `service`'s matter; what happens to a job then, `machine`'s.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from guestwire.controller.approvals.keeping import ApprovalKeeping, AskedBy
from guestwire.controller.approvals.needs import Need, Target
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.exact_body import sound_body
from guestwire.controller.jobs.job import DeadlineOf, Job, NewJob, new_id
from guestwire.controller.jobs.ledger import Ledger
from guestwire.controller.jobs.ports import FleetView, Reviews
from guestwire.controller.jobs.risks import Risks, as_risk
from guestwire.controller.jobs.window_book import WindowBook
from guestwire.controller.store import approvals as approval_rows
from guestwire.controller.store import jobs as store
from guestwire.controller.store.approvals import Approval
from guestwire.controller.store.database import Tx
from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import body_hash
from guestwire.protocol.mandates import PLANNED
from guestwire.protocol.operations import BY_NAME, Operation
from guestwire.protocol.roles import AGENTS
from guestwire.protocol.steps import Now

LEAST_DEADLINE_MS: Final = 1_000
MOST_DEADLINE_MS: Final = 30 * 86_400_000
_ASKED: Final[DeadlineOf] = "order"
_APPROVAL: Final[DeadlineOf] = "approval"
MOST_NAMED: Final = 64
"""Hosts that an error names."""
AFTER_DEADLINE_MS: Final = 60_000
"""A mandate lasts longer than the job it is for: the clocks of hosts differ a little."""


class By(NamedTuple):
    """Who orders. `person_id` None: the controller by itself."""

    person_id: str | None
    person: str


@dataclass(slots=True)
class Ordered:
    """What was stored: tell `Orders.inserted` once it is committed."""

    jobs: list[Job]
    new: list[Job] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)


class Orders:
    """Makes jobs."""

    def __init__(
        self,
        ledger: Ledger,
        fleet: FleetView,
        windows: WindowBook,
        approvals: ApprovalKeeping,
        risks: Risks,
        reviews: Reviews,
        clock: Callable[[], Now],
    ) -> None:
        self._ledger = ledger
        self._fleet = fleet
        self._windows = windows
        self._approvals = approvals
        self._risks = risks
        self._reviews = reviews
        self._clock = clock

    async def checked(self, wanted: Iterable[NewJob]) -> list[NewJob]:
        """The jobs as they can be stored: bodies that the models have taken, risks found out. Raises HOST-NOT-APPROVED, NOT-FOUND
        (an operation, a window), INVALID-BODY, DENIED for what only the controller itself does, and what `Risks.of` says."""
        bodies: dict[tuple[str, bytes], bytes] = {}
        found = []
        for one in wanted:
            operation = effective(one.operation)
            if not self._fleet.approved(one.host):
                raise GuestwireError("HOST-NOT-APPROVED", f"Nobody has let {one.host} in.", field="host")
            self._in_time(one)
            key = (one.operation, one.body)
            body = bodies.get(key) or bodies.setdefault(key, sound_body(operation, one.body))
            risk, plan_id = one.risk, one.plan_id
            if risk is None or (plan_id is None and operation.name in PLANNED):
                risk, plan_id = await self._risks.of(one.host, operation, body)
            found.append(replace(one, body=body, risk=max(risk, operation.risk), plan_id=plan_id))
        return found

    async def insert(self, tx: Tx, wanted: Sequence[NewJob], by: By, mandate: bytes | None = None) -> Ordered:
        """Store jobs that were checked, and the approvals that they take. `mandate`: a signed one that allows all of them. One
        whose id is there already is not made again. Raises JOBS-FULL, REVIEW-REQUIRED, APPROVAL-CLOSED, MANDATE-SCOPE, and
        what `ApprovalKeeping.given` says."""
        self._ledger.room(len(wanted))
        now_ms = self._clock().wall_ms
        there = await store.some(tx, [one.id for one in wanted if one.id is not None])
        todo = [one for one in wanted if one.id not in there]
        await self._reviewed(tx, todo)
        approvals, asked = await self._allowed(tx, todo, by, mandate, now_ms)
        made = [self._job(one, by, approvals.get(_about(one)), now_ms) for one in todo]
        await store.insert(tx, made, {body_hash(one.body).hex(): one.body for one in todo})
        new = iter(made)
        jobs = [there[one.id] if one.id is not None and one.id in there else next(new) for one in wanted]
        return Ordered(jobs, made, asked)

    def inserted(self, ordered: Ordered) -> None:
        """The transaction is committed: they may be sent."""
        self._ledger.added(ordered.new)
        for approval in ordered.approvals:
            self._approvals.publish(approval)

    # -- pieces

    def _in_time(self, one: NewJob) -> None:
        if not LEAST_DEADLINE_MS <= one.deadline_ms <= MOST_DEADLINE_MS:
            raise GuestwireError("INVALID-BODY", "A deadline is from one second to thirty days.", field="deadline_s")
        if one.not_before is not None and one.not_before >= self._clock().wall_ms + one.deadline_ms:
            raise GuestwireError("INVALID-BODY", "Its deadline is over before it may begin.", field="not_before")
        if one.window is not None:
            self._windows.require(one.window)

    def _job(self, one: NewJob, by: By, approval: Approval | None, now_ms: int) -> Job:
        deadline_at, of = now_ms + one.deadline_ms, _ASKED
        if approval is not None and approval.expires_at < deadline_at:
            deadline_at, of = approval.expires_at, _APPROVAL
        waits = approval is not None and approval.state == "open"
        assert one.risk is not None
        return Job(
            one.id or new_id(now_ms), one.host, one.operation, one.risk, body_hash(one.body).hex(), now_ms, deadline_at,
            one.person_id or by.person_id, by.person, "waiting-approval" if waits else "queued", one.origin,
            one.rollout_id, one.wave, one.project_id, one.plan_id, one.not_before, one.window,
            None if approval is None else approval.id, one.retry_of, one.note, of,
        )  # fmt: skip

    async def _allowed(
        self, tx: Tx, wanted: Sequence[NewJob], by: By, mandate: bytes | None, now_ms: int
    ) -> tuple[dict["_About", Approval], list[Approval]]:
        """The approval of each job that goes by one."""
        allowed: dict[_About, Approval] = {}
        missing: dict[tuple[str, int], list[NewJob]] = {}
        standing: dict[str, _Standing] = {}
        for one in wanted:
            assert one.risk is not None
            named = one.approval_id or await self._of_plan(tx, one)
            if named is not None:
                allowed[_about(one)] = await self._named(tx, standing, named, one)
            elif self._approvals.needed(one.host, one.operation, one.risk):
                missing.setdefault((one.operation, one.risk), []).append(one)
        asked = []
        for (operation, risk), jobs in missing.items():
            need = _need(operation, risk, jobs, now_ms)
            asked_by = AskedBy(by.person_id, by.person, jobs[0].rollout_id)
            if mandate is None:
                approval = await self._approvals.ask(tx, need, asked_by)
            else:
                approval = await self._approvals.given(tx, need, asked_by, mandate)
            asked.append(approval)
            allowed.update((_about(one), approval) for one in jobs)
        return allowed, asked

    async def _reviewed(self, tx: Tx, wanted: Sequence[NewJob]) -> None:
        """Raises REVIEW-REQUIRED, with the hosts (`detail`) whose plans somebody must look at first."""
        found = [(one.host, await self._reviews.unreviewed(tx, one.host, one.operation, one.plan_id)) for one in wanted]
        lacking = [(host, error) for host, error in found if error is not None]
        if lacking:
            first = lacking[0][1]
            detail = {**first.detail, "hosts": [str(host) for host, _ in lacking[:MOST_NAMED]]}
            raise GuestwireError(first.code, first.message, field=first.field, detail=detail)

    async def _of_plan(self, tx: Tx, one: NewJob) -> str | None:
        """Who allowed a plan to be carried out allowed its end."""
        if one.operation not in ("config-confirm", "config-cancel") or one.plan_id is None:
            return None
        applied = await store.by_plan(tx, one.host, one.plan_id, "config-apply")
        if applied is None or applied.approval_id is None:
            return None
        fits = await self._approvals.allows(tx, applied.approval_id, one.host, one.operation)
        return applied.approval_id if fits else None

    async def _named(self, tx: Tx, standing: dict[str, "_Standing"], approval_id: str, one: NewJob) -> Approval:
        if approval_id not in standing:
            found = (await self._approvals.now(tx, [approval_id])).get(approval_id)
            if found is None:
                raise GuestwireError("NOT-FOUND", "There is no such approval.", field="approval")
            standing[approval_id] = _Standing(found, frozenset(await approval_rows.hosts(tx, approval_id)))
        approval, hosts = standing[approval_id]
        if approval.state not in ("open", "approved"):
            raise GuestwireError("APPROVAL-CLOSED", detail={"state": approval.state}, field="approval")
        if one.host not in hosts or one.operation not in approval.operations or (one.risk or 0) > approval.risk:
            raise GuestwireError("MANDATE-SCOPE", f"The approval is not for {one.operation} on {one.host}.")
        return approval


class _Standing(NamedTuple):
    approval: Approval
    hosts: frozenset[HostRef]


_About = tuple[HostRef, str, bytes]


def _about(one: NewJob) -> _About:
    return one.host, one.operation, one.body


def effective(name: str) -> Operation:
    """The operation of that name, which a job can be. Raises NOT-FOUND, INVALID-BODY for one that only reads, and DENIED for what
    the controller does by itself."""
    operation = BY_NAME.get(name)
    if operation is None:
        raise GuestwireError("NOT-FOUND", f"There is no operation {name[:64]}.", field="operation")
    if name in AGENTS:
        raise GuestwireError("DENIED", f"{name} is what the controller does by itself.", field="operation")
    if operation.effect == "none":
        raise GuestwireError("INVALID-BODY", f"{name} only reads: its answer comes at once.", field="operation")
    return operation


def _need(operation: str, risk: int, jobs: Sequence[NewJob], now_ms: int) -> Need:
    targets = tuple(Target(one.host, body_hash(one.body), one.plan_id) for one in jobs)
    not_after = now_ms + max(one.deadline_ms for one in jobs) + AFTER_DEADLINE_MS
    return Need(operation, as_risk(risk), targets, now_ms, not_after, 1, jobs[0].note)
