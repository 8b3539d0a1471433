"""What a host of a rollout gets, and whose allowance it needs: the jobs, and the approvals by whose mandates they go.

An operation is the same body for all; of a project each host gets its own part, by a plan that it made itself.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from guestwire.controller.approvals.keeping import AskedBy
from guestwire.controller.approvals.needs import Need
from guestwire.controller.approvals.needs import Target as NeedTarget
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job, NewJob
from guestwire.controller.jobs.orders import effective
from guestwire.controller.rollouts.course import Course
from guestwire.controller.rollouts.ports import Approvals, ProjectApplies
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.standing import Target
from guestwire.controller.store.approvals import Approval
from guestwire.controller.store.database import Tx
from guestwire.controller.store.rollouts import Rollout
from guestwire.model.errors import GuestwireError
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.json_bodies import from_json
from guestwire.protocol.mandates import MAX_WINDOW_MS
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.trust import Risk

OWN_WAY = frozenset({"config-apply", "config-confirm", "config-cancel"})
"""What carries out a plan, which every host has its own of."""
SPARE_MS = 60_000
"""A mandate that ends so soon is asked for anew: the host must still take the request."""
REJECTED = "APPROVAL-REJECTED"


class Making:
    """Makes what hosts get."""

    def __init__(self, approvals: Approvals, projects: ProjectApplies, clock_ms: Callable[[], int]) -> None:
        self._approvals = approvals
        self._projects = projects
        self._clock_ms = clock_ms

    def check(self, spec: RolloutSpec) -> None:
        """Raises INVALID-BODY for a body that does not fit its operation, and for operations that only read or that rollouts do
        not run, DENIED for what only the controller does."""
        if spec.operation in OWN_WAY:
            text = "Every host has a plan of its own: roll out a project instead."
            raise GuestwireError("INVALID-BODY", text, field="operation")
        if spec.operation is not None:
            effective(spec.operation)
            body_of(spec)

    def needs_approval(self, spec: RolloutSpec, host: HostRef, risk: int) -> bool:
        """Whether somebody must allow it at that host's site."""
        return self._approvals.needed(host, spec.action, risk)

    def target(self, spec: RolloutSpec, host: HostRef) -> Target:
        """A host that takes part. For a project nothing is known before it has planned."""
        if spec.operation is None:
            return Target(host, ready=False)
        return Target(host, ready=not self.needs_approval(spec, host, BY_NAME[spec.operation].risk))

    async def job(self, tx: Tx, rollout: Rollout, target: Target) -> NewJob:
        """The job of a host whose turn it is. Raises PLAN-STALE when its plan is kept no more."""
        spec = rollout.spec
        deadline_ms = spec.deadline_s * 1000
        if spec.operation is not None:
            made = NewJob(target.host, spec.operation, body_of(spec), deadline_ms, risk=BY_NAME[spec.operation].risk)
        else:
            assert target.plan_id is not None
            made = await self._projects.job(tx, rollout.person, target.host, target.plan_id)
        return replace(
            made, deadline_ms=deadline_ms, window=spec.window, approval_id=target.approval, origin="rollout",
            rollout_id=rollout.id, wave=target.wave, note=spec.note or spec.name, person_id=rollout.person_id,
        )  # fmt: skip

    async def ordered(self, tx: Tx, rollout: Rollout, jobs: Sequence[Job]) -> None:
        """These jobs were made: those that carry plans out are followed like any apply."""
        if rollout.spec.project is not None:
            for job in jobs:
                await self._projects.ordered(tx, rollout.person_id, rollout.person, job)

    async def ask(self, tx: Tx, rollout: Rollout, course: Course, changed: Iterable[Target]) -> list[Approval]:
        """Ask for the approvals that targets need which changed just now. Those that were asked for: tell `told`."""
        wanting = [course.targets[target.host] for target in changed if _wants_approval(rollout.spec, target)]
        asked: list[Approval] = []
        for risk in sorted({_risk(rollout.spec, target) for target in wanting}):
            of_risk = [target for target in wanting if _risk(rollout.spec, target) == risk]
            by = AskedBy(rollout.person_id, rollout.person, rollout.id)
            asked.append(await self._approvals.ask(tx, self._need(rollout.spec, risk, of_risk), by))
            course.asked(asked[-1].id, [target.host for target in of_risk])
        return asked

    async def decided(self, tx: Tx, course: Course, now_ms: int) -> Sequence[Target]:
        """The targets of which an approval was decided, or ends before its host could take a job, as they are then."""
        waiting = [t for t in course.targets.values() if t.state == "planned" and t.approval is not None]
        if not waiting:
            return ()
        known = await self._approvals.now(tx, {target.approval for target in waiting if target.approval is not None})
        found: list[Target] = []
        for target in waiting:
            approval = known.get(target.approval or "")
            state = "withdrawn" if approval is None else approval.state
            if state in ("rejected", "withdrawn"):
                text = "Nobody is to approve it any more." if approval is None else f"It was {state}. {approval.reason}"
                gone = replace(target, state="skipped", ready=False, approval=None, code=REJECTED, message=text.strip())
                found.append(gone)
            elif state == "expired" or (approval is not None and approval.expires_at - now_ms < SPARE_MS):
                found.append(replace(target, ready=False, approval=None))
            elif state == "approved" and not target.ready:
                found.append(replace(target, ready=True))
        return found

    async def withdraw(self, tx: Tx, changed: Iterable[Target]) -> Sequence[Approval]:
        """The rollout has ended: the approvals that these waited for are not waited for any more. Tell `told` what comes back."""
        asked = {target.approval for target in changed if target.approval is not None and not target.ready}
        return await self._approvals.withdraw(tx, asked) if asked else ()

    def told(self, asked: Iterable[Approval], withdrawn: Sequence[Approval]) -> None:
        """What was asked for and withdrawn is committed."""
        for approval in asked:
            self._approvals.publish(approval)
        if withdrawn:
            self._approvals.announce(withdrawn)

    def _need(self, spec: RolloutSpec, risk: Risk, targets: Sequence[Target]) -> Need:
        body_hash = hashlib.sha256(b"" if spec.operation is None else body_of(spec)).digest()
        now_ms = self._clock_ms()
        return Need(
            spec.action, risk, tuple(NeedTarget(target.host, body_hash, target.plan_id) for target in targets), now_ms,
            now_ms + MAX_WINDOW_MS, uses=spec.attempts.most, note=spec.note or spec.name,
        )  # fmt: skip


def body_of(spec: RolloutSpec) -> bytes:
    """The body that every host gets. Raises INVALID-BODY."""
    assert spec.operation is not None
    return to_bytes(from_json(BY_NAME[spec.operation].request, spec.body))


def _wants_approval(spec: RolloutSpec, target: Target) -> bool:
    planned = target.state == "planned" and not target.ready and target.approval is None
    return planned and (spec.operation is not None or target.plan_id is not None)


def _risk(spec: RolloutSpec, target: Target) -> Risk:
    return BY_NAME[spec.operation].risk if spec.operation is not None else target.plan_risk or 0
