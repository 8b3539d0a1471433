"""Rollouts as people deal with them: make, look at, start, stop, change. What goes on by itself is `running`'s matter."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.job import new_id
from guestwire.controller.rollouts.course import Course
from guestwire.controller.rollouts.gathering import Gathering
from guestwire.controller.rollouts.keeping import Keeping, Kept, Outdated
from guestwire.controller.rollouts.running import Running
from guestwire.controller.rollouts.spec import RolloutPatch, RolloutSpec, patched
from guestwire.controller.rollouts.standing import Target
from guestwire.controller.rollouts.telling import Telling
from guestwire.controller.rollouts.views import RolloutDetail, RolloutSummary, detail, summary
from guestwire.controller.store import audit_rows
from guestwire.controller.store import rollouts as store
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database
from guestwire.controller.store.rollouts import Rollout, Wanted
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

START: Final = "rollout-start"
CONTROL: Final = "rollout-control"
_TRIES: Final = 5
Change = Callable[[Kept, int], dict[str, object]]
"""Changes a rollout at a moment (Unix ms); what the audit log says of it. Raises what forbids it."""


class Rollouts:
    """Raises DENIED for what a person may not do, NOT-FOUND for rollouts that are not there or about no host that the person
    may see."""

    def __init__(
        self,
        database: Database,
        keeping: Keeping,
        running: Running,
        gathering: Gathering,
        telling: Telling,
        access: Access,
        clock: Callable[[], Now],
    ) -> None:
        self._database = database
        self._keeping = keeping
        self._running = running
        self._gathering = gathering
        self._telling = telling
        self._access = access
        self._clock = clock

    # -- looking

    async def page(
        self, person: Person, states: Sequence[str], before: str | None, limit: int
    ) -> Sequence[RolloutSummary]:
        """Rollouts that the person may see, newest first, from the one before that id on."""
        visible = self._access.visible(person)
        if visible.nothing:
            return ()
        wanted = Wanted(tuple(states))
        if not visible.all:
            wanted = Wanted(tuple(states), visible.sites, visible.hosts, person.id)
        async with self._database.read() as tx:
            found = await store.page(tx, wanted, before, limit)
            counts = await store.counts(tx, [rollout.id for rollout in found])
        return [summary(rollout, counts[rollout.id]) for rollout in found]

    async def show(self, person: Person, rollout_id: str) -> RolloutDetail:
        """A rollout."""
        async with self._database.read() as tx:
            rollout = await store.get(tx, rollout_id)
            if rollout is None:
                raise _unknown(rollout_id)
            counts = await store.counts(tx, [rollout_id])
            if not self._access.visible(person).all:
                self._may_see(person, rollout, await store.hosts_of(tx, rollout_id))
        return detail(rollout, counts[rollout_id])

    async def targets(
        self,
        person: Person,
        rollout_id: str,
        states: Sequence[str],
        wave: int | None,
        after: HostRef | None,
        limit: int,
    ) -> Sequence[Target]:
        """Hosts of a rollout that the person may see, by name, from the one after that on; those in these states (none: in
        any)."""
        await self.show(person, rollout_id)
        visible = self._access.visible(person)
        sites, hosts = (None, None) if visible.all else (visible.sites, visible.hosts)
        async with self._database.read() as tx:
            return await store.targets_page(
                tx, rollout_id, states=states, wave=wave, after=after, limit=limit, sites=sites, hosts=hosts
            )

    # -- making and starting

    async def create(self, person: Person, spec: RolloutSpec, *, start: bool = False) -> RolloutDetail:
        """Make a rollout; it begins with `start`, now or later. Raises INVALID-BODY, SELECTION-INVALID, NOT-FOUND, and with
        `start` what that does; then nothing is made."""
        self._access.require(person, START)
        now_ms = self._clock().wall_ms
        rollout = Rollout(new_id(now_ms), spec, person.id, person.name, now_ms, token=person.token)
        async with self._database.read() as tx:
            await self._gathering.check(tx, person, spec, now_ms)
        if start:
            await self._gathered(person, spec, None)
        async with self._database.write() as tx:
            rollout = replace(rollout, pin=await self._gathering.pinned(tx, spec))
            await store.insert(tx, rollout)
            said = {"name": spec.name, "action": spec.action, "mode": spec.mode}
            await audit_rows.add(tx, AuditEntry(now_ms, person, "rollout-make", rollout.id, detail=said))
        if start:
            return await self.start(person, rollout.id)
        self._telling.changed(Kept(rollout, Course(spec, rollout.standing, ())))
        return detail(rollout, {})

    async def start(self, person: Person, rollout_id: str) -> RolloutDetail:
        """Begin a draft, with the hosts that match now, in this person's name. Raises WRONG-STATE, ROLLOUT-EMPTY where no host
        can take part, and HOST-UNREACHABLE where approvals are needed and no connection leads to the hosts."""
        self._access.require(person, START)
        rollout = await self._visible(person, rollout_id)
        found = await self._gathered(person, rollout.spec, rollout.pin)

        def begin(kept: Kept, now_ms: int) -> dict[str, object]:
            kept.course.start(found, now_ms)
            _in_the_name_of(kept, person)
            return {"hosts": len(found), "skipped": sum(target.state == "skipped" for target in found)}

        return await self._changed(person, rollout_id, START, begin)

    # -- what people do with one that goes on

    async def pause(self, person: Person, rollout_id: str, reason: str) -> RolloutDetail:
        """Begin no more hosts until `resume`; what no host has yet is taken back. Raises WRONG-STATE."""
        await self._controlled(person, rollout_id, some=True)

        def stop(kept: Kept, _now_ms: int) -> dict[str, object]:
            kept.course.pause(_by(person, reason))
            return {"reason": reason}

        return await self._changed(person, rollout_id, "rollout-pause", stop)

    async def resume(self, person: Person, rollout_id: str) -> RolloutDetail:
        """Go on: what failed so far counts no more for a pause, and a wave that fell short is accepted. Where nobody answers for it
        any more, it goes on in this person's name. Raises WRONG-STATE."""
        await self._controlled(person, rollout_id)
        abandoned = await self._gathering.abandoned(await self._visible(person, rollout_id))
        if abandoned:
            self._access.require(person, START)

        def go_on(kept: Kept, now_ms: int) -> dict[str, object]:
            kept.course.resume(now_ms)
            if not abandoned:
                return {}
            before = kept.rollout.person
            _in_the_name_of(kept, person)
            return {"instead_of": before}

        return await self._changed(person, rollout_id, "rollout-resume", go_on)

    async def abort(self, person: Person, rollout_id: str, reason: str) -> RolloutDetail:
        """End it: nothing more begins, what no host has is taken back, what runs is waited for. Raises WRONG-STATE."""
        await self._controlled(person, rollout_id)

        def end(kept: Kept, now_ms: int) -> dict[str, object]:
            kept.course.abort(_by(person, reason), now_ms)
            return {"reason": reason}

        return await self._changed(person, rollout_id, "rollout-abort", end)

    async def retry(self, person: Person, rollout_id: str, hosts: Collection[HostRef] | None) -> RolloutDetail:
        """Try again what failed or took no part: these hosts, or (None) all but those of which nobody can tell whether it
        happened. Raises WRONG-STATE, DENIED, and ROLLOUT-EMPTY where there is none that can take part."""
        await self._controlled(person, rollout_id)
        async with self._running.holding(rollout_id) as kept:
            spec, pin, wanted = kept.course.spec, kept.rollout.pin, kept.course.retriable(hosts)
        async with self._database.read() as tx:
            now = await self._gathering.targets(tx, person, spec, wanted, pin)
        fit = {target.host: target.ready for target in now if target.state != "skipped"}
        if not fit:
            raise _empty("There is no host to try again that can take part.", now)

        def again(kept: Kept, now_ms: int) -> dict[str, object]:
            chosen = {host: fit[host] for host in kept.course.retriable(hosts) if host in fit}
            kept.course.retry(chosen, now_ms)
            return {"hosts": len(chosen)}

        return await self._changed(person, rollout_id, "rollout-retry", again)

    async def change(self, person: Person, rollout_id: str, patch: RolloutPatch, revision: int) -> RolloutDetail:
        """Change how it goes on. Raises REVISION-STALE, INVALID-BODY, WRONG-STATE when it has ended."""
        await self._controlled(person, rollout_id)

        def patching(kept: Kept, _now_ms: int) -> dict[str, object]:
            if kept.rollout.spec_revision != revision:
                raise GuestwireError("REVISION-STALE", detail={"revision": kept.rollout.spec_revision})
            if kept.course.standing.state not in ("draft", "running", "paused"):
                raise GuestwireError("WRONG-STATE", f"The rollout is {kept.course.standing.state}: it changes no more.")
            kept.course.spec_changed(patched(kept.course.spec, patch))
            kept.rollout = replace(kept.rollout, spec_revision=revision + 1)
            return {"changed": sorted(patch.model_fields_set), "revision": revision + 1}

        return await self._changed(person, rollout_id, "rollout-change", patching)

    # -- pieces

    async def _gathered(self, person: Person, spec: RolloutSpec, pin: str | None) -> list[Target]:
        """The hosts that match now. Raises ROLLOUT-EMPTY, INVALID-BODY."""
        now_ms = self._clock().wall_ms
        async with self._database.read() as tx:
            await self._gathering.check(tx, person, spec, now_ms, pin)
            hosts = await self._gathering.matching(tx, spec, now_ms, pin)
            found = await self._gathering.targets(tx, person, spec, hosts, pin)
        if not spec.continuous and all(target.state == "skipped" for target in found):
            raise _empty("No host can take part.", found)
        canary = spec.waves.canary
        if canary is not None and canary.hosts and not {target.host for target in found}.intersection(canary.named):
            raise GuestwireError("INVALID-BODY", "No host of the canary is among the targets.", field="waves.canary")
        return found

    async def _changed(self, person: Person, rollout_id: str, action: str, change: Change) -> RolloutDetail:
        for _ in range(_TRIES):
            try:
                async with self._running.holding(rollout_id) as kept:
                    now_ms = self._clock().wall_ms
                    said = change(kept, now_ms)
                    await self._keeping.write(kept, (AuditEntry(now_ms, person, action, rollout_id, detail=said),))
                    self._telling.changed(kept)
            except Outdated:
                continue
            return await self.show(person, rollout_id)
        raise GuestwireError("BUSY", "Another controller changes this rollout all the time: ask again.", after_ms=1000)

    async def _controlled(self, person: Person, rollout_id: str, *, some: bool = False) -> None:
        """Raises DENIED unless the person may control all (`some`: any) of its hosts."""
        self._access.require(person, CONTROL)
        await self._visible(person, rollout_id)
        may = self._access.visible(person, CONTROL)
        if may.all:
            return
        async with self._database.read() as tx:
            hosts = await store.hosts_of(tx, rollout_id)
        if not (may.sees_any(hosts) if some else may.sees_all(hosts)):
            text = f"{person.name} may not do that to all hosts of this rollout: an admin gives roles."
            raise GuestwireError("DENIED", text, detail={"action": CONTROL, "target": rollout_id})

    async def _visible(self, person: Person, rollout_id: str) -> Rollout:
        async with self._database.read() as tx:
            rollout = await store.get(tx, rollout_id)
            if rollout is None:
                raise _unknown(rollout_id)
            if not self._access.visible(person).all:
                self._may_see(person, rollout, await store.hosts_of(tx, rollout_id))
        return rollout

    def _may_see(self, person: Person, rollout: Rollout, hosts: Collection[HostRef]) -> None:
        if rollout.person_id != person.id and not self._access.visible(person).sees_any(hosts):
            raise _unknown(rollout.id)


def _in_the_name_of(kept: Kept, person: Person) -> None:
    kept.rollout = replace(kept.rollout, person_id=person.id, person=person.name, token=person.token)
    kept.starter = person


def _by(person: Person, reason: str) -> str:
    return f"{person.name}: {reason}" if reason else f"by {person.name}"


def _empty(text: str, found: Sequence[Target]) -> GuestwireError:
    """With the reasons: how many hosts for each."""
    why: dict[str, int] = {}
    for target in found:
        why[target.code or ""] = why.get(target.code or "", 0) + 1
    detail = {"hosts": len(found), "reasons": dict(sorted(why.items()))}
    return GuestwireError("ROLLOUT-EMPTY", text, field="targets", detail=detail)


def _unknown(rollout_id: str) -> GuestwireError:
    return GuestwireError("NOT-FOUND", f"There is no rollout {rollout_id[:40]}.")
