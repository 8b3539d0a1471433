"""Has the hosts of a project's rollout plan their parts: all of them early, so that what must be approved is known at once, and
again where a plan was used up or got stale. Planning changes nothing on a host.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Self

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts.making import Making
from guestwire.controller.rollouts.ports import Fleet, HostPlan, People, ProjectApplies
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.standing import Target
from guestwire.controller.store.rollouts import Rollout
from guestwire.model.error_codes.row import Kind
from guestwire.model.errors import GuestwireError

AT_ONCE = 8
"""Hosts that plan at once, of all rollouts."""
AGAIN_MS = 30_000
"""How long a host is left in peace that could not plan now."""
_PASSING = frozenset({Kind.BUSY, Kind.TIMEOUT, Kind.RESOURCE})
Planned = Callable[[str, Target], Awaitable[None]]


class Planning:
    """`async with` it. `planned` takes a host that has planned, as its target is then, by the id of its rollout; it raises
    GuestwireError where that could not be kept."""

    def __init__(
        self,
        projects: ProjectApplies,
        people: People,
        fleet: Fleet,
        making: Making,
        planned: Planned,
        clock_ms: Callable[[], int],
    ) -> None:
        self._projects = projects
        self._people = people
        self._fleet = fleet
        self._making = making
        self._planned = planned
        self._clock_ms = clock_ms
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[tuple[str, HostRef], asyncio.Task[None]] = {}
        self._not_before: dict[tuple[str, HostRef], int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in tuple(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def want(self, rollout: Rollout, targets: list[Target]) -> int | None:
        """Have these hosts plan which are there. When to be asked again for those that could not, Unix ms; None: there are
        none."""
        again: list[int] = []
        now_ms = self._clock_ms()
        for target in targets:
            key = (rollout.id, target.host)
            if key in self._tasks:
                continue
            not_before = max(self._not_before.get(key, 0), target.retry_at or 0)
            if not_before <= now_ms and self._fleet.there(target.host):
                task = asyncio.create_task(self._plan(rollout, target), name=f"plan {target.host}")
                self._tasks[key] = task
                task.add_done_callback(lambda _, key=key: self._tasks.pop(key, None))  # type: ignore[misc]
            else:
                again.append(not_before if not_before > now_ms else now_ms + AGAIN_MS)
        return min(again, default=None)

    def forget(self, rollout_id: str) -> None:
        """The rollout has ended."""
        for key in [key for key in self._tasks if key[0] == rollout_id]:
            self._tasks[key].cancel()
        for key in [key for key in self._not_before if key[0] == rollout_id]:
            del self._not_before[key]

    async def _plan(self, rollout: Rollout, target: Target) -> None:
        async with self._turns:
            try:
                found = await self._asked(rollout, target)
            except GuestwireError as err:
                if err.kind in _PASSING:
                    self._not_before[rollout.id, target.host] = self._clock_ms() + (err.after_ms or AGAIN_MS)
                    return
                found = HostPlan("", 0, 0, (err.code, err.message.replace("\0", "")))  # it may be the host's own words
        key = (rollout.id, target.host)
        self._not_before.pop(key, None)
        try:
            await self._planned(rollout.id, self._after(rollout.spec, target, found))
        except GuestwireError as err:  # it could not be written down: the host plans again
            self._not_before[key] = self._clock_ms() + (err.after_ms or AGAIN_MS)

    async def _asked(self, rollout: Rollout, target: Target) -> HostPlan:
        assert rollout.spec.project is not None
        person = await self._people.person(rollout.person_id, rollout.token)
        if person is None:
            raise GuestwireError("DENIED", f"{rollout.person}, who started it, may not log in any more.")
        return await self._projects.plan(person, target.host, rollout.spec.project, rollout.pin)

    def _after(self, spec: RolloutSpec, target: Target, plan: HostPlan) -> Target:
        now_ms = self._clock_ms()
        if plan.problem is not None:
            code, text = plan.problem
            return replace(target, state="failed", reached=True, settled_at=now_ms, code=code, message=text)
        if plan.items == 0:
            return replace(target, state="succeeded", reached=True, settled_at=now_ms, plan_id=plan.plan_id, code=None)
        ready = not self._making.needs_approval(spec, target.host, plan.risk)
        return replace(target, plan_id=plan.plan_id, plan_risk=plan.risk, ready=ready, approval=None)
