"""What is around a rollout and decides about it: its window, alarms of its hosts, hosts that come to match, approvals, plans, and
whether who started it still may. Asks for each no more often than it can matter.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.rollouts import engine
from guestwire.controller.rollouts.gathering import Gathering
from guestwire.controller.rollouts.keeping import Kept
from guestwire.controller.rollouts.making import Making
from guestwire.controller.rollouts.planning import Planning
from guestwire.controller.rollouts.ports import Alarms, Fleet, People, Windows
from guestwire.controller.rollouts.standing import Target
from guestwire.controller.store.database import Database
from guestwire.controller.users.person import Person
from guestwire.protocol.operations import BY_NAME

JOINS_MS: Final = 10_000
ALARMS_MS: Final = 5_000
APPROVALS_MS: Final = 10_000
STARTER_MS: Final = 10_000
WINDOW_MS: Final = 60_000
"""How often it is looked whether somebody changed the window."""


class Looking:
    """Looks around."""

    def __init__(
        self,
        database: Database,
        gathering: Gathering,
        making: Making,
        planning: Planning,
        fleet: Fleet,
        windows: Windows,
        alarms: Alarms,
        people: People,
    ) -> None:
        self._database = database
        self._gathering = gathering
        self._making = making
        self._planning = planning
        self._fleet = fleet
        self._windows = windows
        self._alarms = alarms
        self._people = people

    async def look(self, kept: Kept, now_ms: int) -> tuple[engine.Around, int | None]:
        """What is around now, told to the course where it is about hosts; and when to look again (None: nothing of it can
        change)."""
        course = kept.course
        if course.standing.state not in ("running", "paused"):
            self._planning.forget(kept.id)
            return engine.Around(), None
        times = [
            await self._starter(kept, now_ms),
            await self._joins(kept, now_ms),
            await self._approvals(kept, now_ms),
            self._plans(kept),
            await self._soaking(kept, now_ms),
        ]
        around = self._around(kept, now_ms)
        if around.window_changes_at is not None and course.spec.window is not None:
            times.append(min(around.window_changes_at, now_ms + WINDOW_MS))
        return around, min((at for at in times if at is not None), default=None)

    def abandoned(self, kept: Kept) -> str | None:
        """Why nothing more may be begun, or planned, in the name of who started it; None: it may, or there is nothing more."""
        rollout = kept.rollout
        if kept.starter is not None or kept.course.standing.state != "running" or not _planned(kept):
            return None
        revoked = "" if rollout.token is None else f", or the token {rollout.token.name} was revoked"
        return f"{rollout.person}, who started it, may not log in any more{revoked}: who resumes it goes on in their own name"

    def forbidden(self, kept: Kept, hosts: Iterable[HostRef]) -> str | None:
        """Why nothing may be begun on these hosts in the name of who started it; None: it may."""
        rollout = kept.rollout
        if kept.starter is None:
            return self.abandoned(kept)
        action = rollout.spec.action
        for host in hosts:
            risk = kept.course.targets[host].plan_risk
            if not self._people.may(kept.starter, action, host, risk=BY_NAME[action].risk if risk is None else risk):
                return f"{rollout.person}, who started it, may not do {action} on {host} any more"
        return None

    async def gathered(self, kept: Kept, person: Person, now_ms: int) -> Sequence[Target]:
        """The hosts that match now, as targets."""
        async with self._database.read() as tx:
            hosts = await self._gathering.matching(tx, kept.course.spec, now_ms, kept.rollout.pin)
            return await self._gathering.targets(tx, person, kept.course.spec, hosts, kept.rollout.pin)

    # -- pieces: each says when it wants to look again

    def _around(self, kept: Kept, now_ms: int) -> engine.Around:
        name = kept.course.spec.window
        if name is None:
            return engine.Around(reachable=self._fleet.there)
        opening = self._windows.opening(name, now_ms)
        if opening.until is not None:
            return engine.Around(window_changes_at=opening.until, reachable=self._fleet.there)
        changes_at = opening.opens_at or now_ms + WINDOW_MS
        return engine.Around(window_open=False, window_changes_at=changes_at, reachable=self._fleet.there)

    async def _starter(self, kept: Kept, now_ms: int) -> int | None:
        if not _planned(kept):
            return None
        if kept.due("starter", now_ms, STARTER_MS):
            kept.starter = await self._people.person(kept.rollout.person_id, kept.rollout.token)
        return None

    async def _joins(self, kept: Kept, now_ms: int) -> int | None:
        course = kept.course
        if not course.joining(now_ms):
            return None
        if not kept.due("joins", now_ms, JOINS_MS):
            return now_ms + JOINS_MS
        # what they might when something was last begun may be long ago
        kept.starter = await self._people.person(kept.rollout.person_id, kept.rollout.token)
        if kept.starter is not None:
            found = await self.gathered(kept, kept.starter, now_ms)
            matching = {target.host for target in found}
            course.left([host for host in course.targets if host not in matching])
            course.joined([target for target in found if target.state != "skipped"], now_ms)
        return now_ms + JOINS_MS

    async def _approvals(self, kept: Kept, now_ms: int) -> int | None:
        if not any(target.approval is not None for target in _planned(kept)):
            return None
        if kept.due("approvals", now_ms, APPROVALS_MS):
            async with self._database.read() as tx:
                kept.course.prepared(await self._making.decided(tx, kept.course, now_ms))
        return now_ms + APPROVALS_MS

    def _plans(self, kept: Kept) -> int | None:
        if kept.course.spec.project is None or kept.course.standing.state != "running" or kept.starter is None:
            return None
        unplanned = [target for target in _planned(kept) if target.plan_id is None]
        return self._planning.want(kept.rollout, unplanned)

    async def _soaking(self, kept: Kept, now_ms: int) -> int | None:
        standing = kept.course.standing
        if standing.soak_until is None or standing.state != "running":
            return None
        if kept.due("alarms", now_ms, ALARMS_MS) or now_ms >= standing.soak_until:
            begun = {
                t.host: t.started_at for t in kept.course.targets.values() if t.state == "succeeded" and t.started_at
            }
            since = min(begun.values(), default=now_ms)
            raised = await self._alarms.raised(sorted(begun), since)
            counting = [one for one in raised if one.severity != "info" and one.raised_at >= (begun[one.host] or 0)]
            kept.course.alarms({one.host: one.rule for one in counting})
        return min(now_ms + ALARMS_MS, standing.soak_until if standing.soak_until > now_ms else now_ms + ALARMS_MS)


def _planned(kept: Kept) -> list[Target]:
    return [target for target in kept.course.targets.values() if target.state == "planned"]
