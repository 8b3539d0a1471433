"""Keeps all rollouts going: one task that hears how jobs change, knows what the clock brings, and takes the actions of the
engine, each in one transaction.

Everything is in the database before it is done. A controller that is killed reads it again and goes on; what it was not told
of jobs meanwhile, the jobs themselves say.
"""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import Job
from guestwire.controller.logs import Log
from guestwire.controller.rollouts import engine
from guestwire.controller.rollouts.keeping import Keeping, Kept, Outdated, PlansGone, change_of
from guestwire.controller.rollouts.looking import Looking
from guestwire.controller.rollouts.settling import JobChange
from guestwire.controller.rollouts.standing import Target
from guestwire.controller.rollouts.telling import Telling
from guestwire.controller.store import pinned_projects
from guestwire.controller.store import rollouts as store
from guestwire.controller.store.approvals import Approval
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database
from guestwire.link.vital import OwnTask
from guestwire.model.error_codes.row import Kind
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

BREATH_S: Final = 0.05
"""What happens within that time is written down together."""
MOST_HEARD: Final = 50_000
"""Changes of jobs that wait; beyond that they are forgotten, and the jobs are read again."""
AGAIN_MS: Final = 2_000
DEFECT_MS: Final = 60_000
LOOK_S: Final = 60.0
DAY_MS: Final = 86_400_000
KEEP_MS: Final = 400 * DAY_MS
"""How long a rollout is kept after it ended."""
PRUNE_S: Final = 3600.0
CLOSED: Final = "APPROVAL-CLOSED"
"""An approval ended in the last moment: it is looked at again."""
_PASSING = frozenset({Kind.BUSY, Kind.TIMEOUT, Kind.RESOURCE})


class Running(OwnTask):
    """`async with` it. It is a JobListener of the jobs' ledger."""

    def __init__(
        self,
        database: Database,
        keeping: Keeping,
        looking: Looking,
        telling: Telling,
        log: Log,
        clock: Callable[[], Now],
        breath_s: float = BREATH_S,
    ) -> None:
        self._database = database
        self._keeping = keeping
        self._looking = looking
        self._telling = telling
        self._log = log
        self._clock = clock
        self._breath_s = breath_s
        self._kept: dict[str, Kept] = {}
        self._heard: dict[str, dict[str, JobChange]] = {}
        self._woken: set[str] = set()
        self._unread: dict[str, int] = {}
        self._some = asyncio.Event()
        super().__init__("rollouts")
        self._pruned_at = float("-inf")

    # -- what others tell

    def jobs_changed(self, jobs: Sequence[Job]) -> None:
        """A JobListener. Never blocks."""
        for job in jobs:
            if job.rollout_id is not None:
                self._heard.setdefault(job.rollout_id, {})[job.id] = change_of(job)
                self._some.set()
        if sum(len(changes) for changes in self._heard.values()) > MOST_HEARD:
            for rollout_id, changes in self._heard.items():
                changes.clear()
                if rollout_id in self._kept:
                    self._kept[rollout_id].lost = True

    def approval_decided(self, approval: Approval) -> None:
        """Hears of approvals. Never blocks."""
        if approval.rollout_id is not None:
            self.wake(approval.rollout_id)

    def host_came(self, ref: HostRef) -> None:
        """An Arrivals port: whoever waits for that host to plan its part need not. Never blocks."""
        for kept in self._kept.values():
            target = kept.course.targets.get(ref)
            if kept.course.spec.project is not None and target is not None and target.state == "planned":
                self.wake(kept.id)

    def wake(self, rollout_id: str | None = None) -> None:
        """Something around a rollout, or (None) around any of them, changed: look at once. Never blocks."""
        self._woken.update(self._kept if rollout_id is None else (rollout_id,))
        self._some.set()

    async def planned(self, rollout_id: str, target: Target) -> None:
        """A host has planned, or could not. Raises what the database does."""
        try:
            async with self.holding(rollout_id) as kept:
                known = kept.course.targets.get(target.host)
                if known is not None and known.attempt == target.attempt:
                    kept.course.prepared([replace(target, wave=known.wave, due_at=known.due_at)])
                    await self._keeping.write(kept)
        except Outdated:
            self.wake(rollout_id)  # it plans again, if it still has to
        else:
            self._telling.changed(kept)

    @asynccontextmanager
    async def holding(self, rollout_id: str) -> AsyncIterator[Kept]:
        """A rollout as the database has it, for as long as the block lasts; nobody else in this controller changes it then.
        What is changed must be written in the block. Raises NOT-FOUND."""
        kept = await self._found(rollout_id)
        async with kept.lock:
            if kept.lost and not await self._keeping.reread(kept):
                raise _unknown(rollout_id)
            try:
                self._take_in(kept)
                yield kept
            except BaseException:
                kept.lost = True
                raise
        self.wake(rollout_id)

    # -- the task

    async def _run(self) -> None:
        await self._take_up()
        while True:
            now = self._clock()
            await self._prune(now)
            for rollout_id in self._due(now.wall_ms):
                await self._guarded(rollout_id)
            wait_s = self._wait_s(self._clock().wall_ms)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._some.wait()
            self._some.clear()
            await asyncio.sleep(self._breath_s)

    async def _take_up(self) -> None:
        """Every rollout that something may still come of."""
        while True:
            try:
                async with self._database.read() as tx:
                    self._woken.update(await store.live(tx), await store.ended_with_open_jobs(tx))
            except GuestwireError as err:
                self._log.warning("rollouts-not-read", code=err.code)
                await asyncio.sleep(AGAIN_MS / 1000)
            else:
                return

    def _due(self, now_ms: int) -> list[str]:
        waiting = {kept.id for kept in self._kept.values() if kept.next_at is not None and kept.next_at <= now_ms}
        waiting |= {rollout_id for rollout_id, at in self._unread.items() if at <= now_ms}
        for rollout_id in self._woken:
            if rollout_id in self._kept:
                self._kept[rollout_id].look_anew()
        due = sorted(waiting | self._woken | self._heard.keys())
        self._woken.clear()
        return due

    def _wait_s(self, now_ms: int) -> float:
        times = [kept.next_at for kept in self._kept.values() if kept.next_at is not None]
        next_at = min((*times, *self._unread.values()), default=None)
        waits = [LOOK_S] if next_at is None else [LOOK_S, max(0.0, (next_at - now_ms) / 1000)]
        tell_s = self._telling.tell()
        return min(waits if tell_s is None else [*waits, max(0.0, tell_s)])

    async def _guarded(self, rollout_id: str) -> None:
        """Let a rollout go on. What stops one stops no other."""
        try:
            await self._go_on(rollout_id)
        except Outdated:
            self.wake(rollout_id)
        except PlansGone as err:
            await self._plan_again(rollout_id, err.hosts)
        except GuestwireError as err:
            if err.kind in _PASSING or err.code == CLOSED:
                self._log.warning("rollout-waits", rollout=rollout_id, code=err.code)
                self._later(rollout_id, err.after_ms or AGAIN_MS)
            else:
                await self._stopped(rollout_id, err)
        except Exception as err:  # noqa: BLE001 - the entry point of this task: a defect in one must not end all of them
            self._log.error("rollout-defect", rollout=rollout_id, error=repr(err), trace=traceback.format_exc())
            self._later(rollout_id, DEFECT_MS)

    async def _go_on(self, rollout_id: str) -> None:
        self._unread.pop(rollout_id, None)
        try:
            kept = await self._found(rollout_id)
        except GuestwireError as err:
            if err.code != "NOT-FOUND":
                raise
            self._heard.pop(rollout_id, None)
            return
        async with kept.lock:
            now_ms = self._clock().wall_ms
            if kept.lost and not await self._keeping.reread(kept):
                self._kept.pop(rollout_id, None)
                return
            try:
                self._take_in(kept)
                await self._act(kept, now_ms)
            except BaseException:
                kept.lost = True
                raise
            if not kept.course.standing.live:
                self._kept.pop(rollout_id, None)

    async def _act(self, kept: Kept, now_ms: int) -> None:
        """Take every action there is."""
        around, look_at = await self._looking.look(kept, now_ms)
        acted = False
        while True:
            action = kept.course.decide(now_ms, around)
            why = self._forbidden(kept, action)
            if why is not None:
                action = engine.pause(why, kept.course.targets)
            if action is not None:
                kept.course.take(action, now_ms)
            own_at = kept.course.next_at(now_ms, around)
            kept.step_at = own_at
            acted = acted or action is not None
            # after an action other things around it matter: look again at once
            kept.next_at = now_ms if acted else min((at for at in (own_at, look_at) if at is not None), default=None)
            wrote = await self._keeping.write(kept, _noted(kept, action, now_ms))
            if wrote:
                self._telling.changed(kept)
            if action is None:
                return

    def _forbidden(self, kept: Kept, action: engine.Action | None) -> str | None:
        """Why it must not go on so in the name of who started it."""
        if isinstance(action, engine.Start):
            return self._looking.forbidden(kept, action.hosts)
        return self._looking.abandoned(kept) if action is None else None

    def _take_in(self, kept: Kept) -> None:
        """What was heard of its jobs. Were it not written down, the jobs would say it again."""
        now_ms = self._clock().wall_ms
        for change in self._heard.pop(kept.id, {}).values():
            kept.course.job_changed(change, now_ms)

    async def _found(self, rollout_id: str) -> Kept:
        kept = self._kept.get(rollout_id)
        if kept is None:
            read = await self._keeping.read(rollout_id)
            if read is None:
                raise _unknown(rollout_id)
            kept = self._kept.setdefault(rollout_id, read)
        return kept

    # -- when something is wrong

    def _later(self, rollout_id: str, wait_ms: int) -> None:
        if rollout_id in self._kept:
            self._kept[rollout_id].next_at = self._clock().wall_ms + wait_ms
        else:
            self._unread[rollout_id] = self._clock().wall_ms + wait_ms

    async def _plan_again(self, rollout_id: str, hosts: Sequence[HostRef]) -> None:
        with suppress(GuestwireError):
            async with self.holding(rollout_id) as kept:
                stale = [kept.course.targets[host] for host in hosts]
                unplanned = [replace(one, plan_id=None, plan_risk=None, ready=False, approval=None) for one in stale]
                kept.course.prepared(unplanned)
                await self._keeping.write(kept)

    async def _stopped(self, rollout_id: str, error: GuestwireError) -> None:
        """It cannot go on as it is: a person must look."""
        self._log.warning("rollout-stopped", rollout=rollout_id, code=error.code)
        try:
            async with self.holding(rollout_id) as kept:
                if kept.course.standing.state == "running":
                    kept.course.pause(error.message)
                    action = engine.Pause(error.message)
                    await self._keeping.write(kept, _noted(kept, action, self._clock().wall_ms))
                    self._telling.changed(kept)
        except (GuestwireError, Outdated):
            self._later(rollout_id, AGAIN_MS)

    async def _prune(self, now: Now) -> None:
        if now.mono - self._pruned_at < PRUNE_S:
            return
        self._pruned_at = now.mono
        with suppress(GuestwireError):  # within the hour it is tried again
            async with self._database.write() as tx:
                await store.prune(tx, now.wall_ms - KEEP_MS)
                await pinned_projects.prune(tx, now.wall_ms - DAY_MS)


def _noted(kept: Kept, action: engine.Action | None, now_ms: int) -> tuple[AuditEntry, ...]:
    """What the controller did by itself, for its audit log."""
    standing = kept.course.standing
    match action:
        case engine.BeginWave(wave, hosts):
            detail: dict[str, object] = {"wave": wave, "hosts": len(hosts)}
            return (AuditEntry(now_ms, None, "rollout-wave", kept.id, detail=detail),)
        case engine.Pause(reason):
            return (AuditEntry(now_ms, None, "rollout-pause", kept.id, detail={"reason": reason}),)
        case engine.Abort(reason):
            return (AuditEntry(now_ms, None, "rollout-abort", kept.id, detail={"reason": reason}),)
        case engine.Finish():
            return (AuditEntry(now_ms, None, "rollout-end", kept.id, detail={"state": standing.state}),)
        case _:
            return ()


def _unknown(rollout_id: str) -> GuestwireError:
    return GuestwireError("NOT-FOUND", f"There is no rollout {rollout_id[:40]}.")
