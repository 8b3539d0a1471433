"""Making a prepared change true: from its record to the revision that keeps it, over crashes and boots."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import NoReturn

from guestwire.agent.config_records_schema import ChangeRow, Origin, RevisionRow, StepRow
from guestwire.agent.services.communication import serving
from guestwire.agent.services.configuration.active import Active, Kept, shown, unpack_kept
from guestwire.agent.services.configuration.engine import Engine, Failure
from guestwire.agent.services.configuration.plan_issues import communication
from guestwire.agent.services.configuration.ports import ManagementLink, Power, Records
from guestwire.agent.services.configuration.prepared import Prepared
from guestwire.agent.services.configuration.step_kinds import Tools
from guestwire.agent.services.configuration.steps import Step
from guestwire.agent.services.configuration.waits import Waits
from guestwire.agent.services.running import Running
from guestwire.model.desired import content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.issues import Issue
from guestwire.model.plan import PlanItem, Risk, SyncState
from guestwire.protocol.config_models import ConfigApplied
from guestwire.protocol.packing import unpack
from guestwire.protocol.steps import Call

CONNECT_PATIENCE_S = 60.0
FAILURE = "config-failure"
"""The note that keeps `last_failure`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service is given of the agent. `authorise` raises OUT-OF-SCOPE where a request's signers may not cause that
    class of risk; `changed` is called when the state of the configuration is another one; `hold` waits for lanes and keeps
    them while the block lasts, for work that no request asked for; `note`, `set_note`: small values that outlive the agent;
    `keep`: revisions."""

    clock_ms: Callable[[], int]
    boot_id: Callable[[], Awaitable[str]]
    authorise: Callable[[Call, Risk], None]
    link: ManagementLink
    changed: Callable[[str, str], None]
    hold: Callable[[tuple[str, ...]], AbstractAsyncContextManager[None]]
    note: Callable[[str], bytes | None]
    set_note: Callable[[str, bytes], Awaitable[None]]
    keep: int = 50


class Applying:
    """The one change that a host has under way. `last_failure`: why the last one came to nothing, "" when it did not.
    `starts`: what waits for guests to be started."""

    def __init__(self, records: Records, active: Active, tools: Tools, power: Power, around: Surroundings) -> None:
        self.records = records
        self.active = active
        self.engine = Engine(records, tools)
        self.around = around
        self.last_failure = (around.note(FAILURE) or b"").decode()
        self.starts = Waits(records, active, power, around.note, around.set_note)
        self.orphaned: Callable[[], None] = _nobody
        """Called when a change is half done and nobody works on it."""
        self.moved: Callable[[], None] = _nobody
        """Called when the change under way has come to wait for something, or waits no more, and when it has ended."""
        self.ended: Callable[[], None] = _nobody
        """Called when no change is under way any more."""
        self._tools = tools
        self._power = power

    @property
    def waits(self) -> tuple[PlanItem, ...]:
        """What takes effect when a guest is next started."""
        return self.starts.now

    async def make_true(
        self,
        running: Running,
        prepared: Prepared,
        *,
        origin: Origin,
        comment: str,
        confirm_s: int | None,
        trusted: bool = False,
    ) -> ConfigApplied:
        """Apply what was prepared; `trusted`: the host asks itself. Raises VALIDATION-FAILED, CONFIRM-REQUIRED,
        COMM-UNAVAILABLE, COMM-NOT-STARTED, OUT-OF-SCOPE, HOST-BUSY, ROLLED-BACK, ROLLBACK-INCOMPLETE."""
        plan = prepared.plan
        if errors := prepared.errors():
            raise validation_failed(errors, plan.more_issues)
        if plan.confirm and confirm_s is None:
            raise GuestwireError("CONFIRM-REQUIRED", detail={"issues": [issue.code for issue in plan.issues][:16]})
        communicates = await self._can_communicate(prepared)
        if not trusted:
            self.around.authorise(running.call, plan.risk)
        if not plan.items and prepared.target == prepared.active:
            return ConfigApplied(revision=await self.active.revision(), state="in_sync")
        call = running.call
        kept = Kept(
            prepared.target, call.request_id, call.issuer, plan.plan_id, tuple(prepared.options.remove_disks),
            len(plan.items), prepared.forgotten(), self.starts.after(plan.items), communicates,
        )  # fmt: skip
        change = ChangeRow(
            request_id=call.request_id, issuer=call.issuer, plan_id=plan.plan_id, base_revision=self.active.number,
            target=kept.pack(), origin=origin, author=call.issuer, comment=comment, phase="forward",
            confirm_s=confirm_s,
            confirm_by_ms=None if confirm_s is None else self.around.clock_ms() + confirm_s * 1000,
            boot_id=await self.around.boot_id(), started_ms=self.around.clock_ms(),
            options=b"reboot" if plan.requires_reboot else b"", risk=plan.risk,
        )  # fmt: skip
        return await self.begun(running, change, prepared.steps, plan.items)

    async def _can_communicate(self, prepared: Prepared) -> bool:
        """Whether the change is one of guestwire-comm's too. Raises COMM-UNAVAILABLE where the host has none, and
        COMM-NOT-STARTED, COMM-LOST while it does not serve."""
        comm = self._tools.comm
        if comm is None:
            if places := communication(prepared.current, prepared.target):
                raise GuestwireError("COMM-UNAVAILABLE", detail={"places": list(places)[:64]})
            return False
        if all(step.kind != "communicate" for step in prepared.steps):
            return False
        await serving(comm)
        return True

    async def begun(
        self, running: Running, change: ChangeRow, steps: Sequence[Step], items: Sequence[PlanItem] = ()
    ) -> ConfigApplied:
        """Write the change down and make it true, as one effect: from here on it ends kept, waiting, or undone."""
        await self._keep_first()
        await self.tidy()  # what is still set aside is known to the revision that this change replaces

        async def work() -> ConfigApplied:
            await self.engine.begin(change, steps)
            self.starts.begun(items)
            return await self._go_on(running)

        return await running.effect(work)

    async def _keep_first(self) -> None:
        """Before the first change: what the host had until then is revision 0, to go back to."""
        if self.records.newest is None:
            first, at = await self.active.desired(), self.around.clock_ms()
            row = RevisionRow(number=0, hash=content_hash(first), author="", applied_ms=at, origin="first", comment="")
            await self.records.put_revision(row, Kept(first).pack(), self.around.keep)

    async def taken_up(self, running: Running) -> ConfigApplied | None:
        """What became of this request before a crash: gone on with, or known to be done; None: it has not begun."""
        call = running.call
        change = self.records.under_way
        if change is not None:
            if (change.request_id, change.issuer) != (call.request_id, call.issuer):
                if change.phase in ("forward", "undoing"):
                    self.orphaned()  # whoever worked on it would have the host's lane, which is ours
                raise GuestwireError("HOST-BUSY", detail={"phase": change.phase, "plan_id": change.plan_id})
            await self.connected(running)
            if change.phase in ("confirm", "reboot"):
                return await self._result(change)
            return await running.effect(lambda: self._go_on(running))
        await self.connected(running)
        if not running.again:
            return None
        kept = await self.active.kept()
        if (kept.request_id, kept.issuer) != (call.request_id, call.issuer):
            return None
        await self.tidy()
        return ConfigApplied(revision=await self.active.revision(), state="in_sync", items=kept.items)

    async def _go_on(self, running: Running) -> ConfigApplied:
        """Forward from where the journal says (or back, where it says that)."""
        change = self.records.under_way
        assert change is not None
        self.around.changed("applying", change.plan_id)

        def tell(n: int, total: int, text: str) -> None:
            running.progress(text, percent=round(100 * n / max(1, total)))

        try:
            if change.phase == "undoing":
                raise Failure(GuestwireError("CANCELED", "It was being undone when the agent stopped."), "")
            await self.engine.forward(tell)
            return await self._arrived(change)
        except Failure as failure:
            await self._failed(failure)
        except GuestwireError as err:  # the records were full at the end
            await self._failed(Failure(err, ""))
        except Exception as err:  # a defect: it is undone like any failure, and told by whoever runs the request
            await self.undone(f"a defect, {type(err).__name__}", await self.engine.back())
            raise

    async def _failed(self, failure: Failure) -> NoReturn:
        left = await self.engine.back()
        error = failure.error(left)
        self.starts.undone()
        await self._ended(f"{error.code}: {error.message}")
        self.around.changed("failed" if left else "rolled_back", self.last_failure)
        raise error from failure

    async def _arrived(self, change: ChangeRow) -> ConfigApplied:
        """Every step is done: wait for a boot or a confirmation, or keep it."""
        if change.options == b"reboot" and await self.around.boot_id() == change.boot_id:
            await self.records.set_phase("reboot")
        elif change.confirm_s is not None:
            by_ms = self.around.clock_ms() + change.confirm_s * 1000
            await self.records.set_phase("confirm", confirm_by_ms=by_ms)
            self.around.link.reconnect()
        else:
            if short := await self.short():
                raise Failure(short, "")
            return await self.keep(change)
        self.moved()
        waiting = self.records.under_way
        assert waiting is not None
        self.around.changed("confirm_wait" if waiting.phase == "confirm" else "waiting_reboot", change.plan_id)
        return await self._result(waiting)

    async def keep(self, change: ChangeRow) -> ConfigApplied:
        """The commit: what was done is the active revision, and nothing will undo it."""
        kept = unpack_kept(change.target)
        row = RevisionRow(
            number=self.active.number + 1, hash=content_hash(kept.desired), author=change.author,
            applied_ms=self.around.clock_ms(), origin=change.origin, comment=change.comment,
        )  # fmt: skip
        if not await self.records.commit(row, change.target, keep=self.around.keep):
            raise GuestwireError("PLAN-STALE", "The change was undone before it was kept.")
        await self._ended("")
        self.around.changed("in_sync", f"revision {row.number}")
        await self.tidy()
        return ConfigApplied(revision=shown(row), state="in_sync", items=kept.items)

    async def tidy(self) -> None:
        """Remove the disk images and areas that the active revision took away, now that nothing can undo it. Where that fails
        they stay aside, and the next change or start tries again: the revision is kept all the same."""
        try:
            kept = await self.active.kept()
            if kept.set_aside:
                await self._discard(kept.set_aside)
            for uuid in kept.forgotten:
                if uuid not in self._power.known():
                    await self._tools.guests.forget(uuid)
            if kept.communicated and self._tools.comm is not None:
                await self._tools.comm.settle()
        except GuestwireError as err:
            text = f"what the change took away is not cleared away yet: {err.code} {err.message}"
            self.around.changed("in_sync", text)

    async def _discard(self, paths: Sequence[str]) -> None:
        images = self._tools.images
        for path, fact in (await images.probe(paths)).items():
            if fact.exists:
                continue  # another image by now
            try:
                await images.remove(await images.set_aside(path))
            except GuestwireError as err:
                if err.code != "NOT-FOUND":  # removed before a crash
                    raise

    async def _result(self, change: ChangeRow) -> ConfigApplied:
        """What an apply that waits answers: the revision it is going to be."""
        desired = unpack_kept(change.target).desired
        row = RevisionRow(
            number=change.base_revision + 1, hash=content_hash(desired), author=change.author,
            applied_ms=change.started_ms, origin=change.origin, comment=change.comment,
        )  # fmt: skip
        waits: SyncState = "confirm_wait" if change.phase == "confirm" else "waiting_reboot"
        return ConfigApplied(
            revision=shown(row), state=waits, items=unpack_kept(change.target).items,
            confirm_by=change.confirm_by_ms if change.phase == "confirm" else None,
        )  # fmt: skip

    async def short(self) -> GuestwireError | None:
        """What the kernel has less of than the change under way set: huge pages of 1 GiB that were to come with a boot."""
        found = await self.records.change()
        if found is None or not any(_sets(step, "hugepages") for step in found[1]):
            return None
        now = {(p.size_mib, p.node): p.pages for p in (await self._tools.control.settings()).hugepages or ()}
        for pool in unpack_kept(found[0].target).desired.settings.hugepages or ():
            got = now.get((pool.size_mib, pool.node), 0)
            if got < pool.pages:
                return GuestwireError(
                    "RESOURCE-EXHAUSTED",
                    f"the kernel gave {got} of {pool.pages} huge pages of {pool.size_mib} MiB: ask for fewer",
                    detail={"resource": "hugepages", "wanted": pool.pages, "got": got, "size_mib": pool.size_mib},
                )
        return None

    async def _ended(self, failure: str) -> None:
        """No change is under way; remember why the last one came to nothing, over a restart too."""
        self.last_failure = failure
        self.ended()
        self.moved()
        if (self.around.note(FAILURE) or b"") != failure.encode():
            with suppress(GuestwireError):  # the disk is full: whoever asks before a restart is told all the same
                await self.around.set_note(FAILURE, failure.encode())

    async def undone(self, why: str, left: Iterable[str]) -> None:
        """Remember that a change was undone, and what of it was not."""
        left = tuple(left)
        self.starts.undone()
        await self._ended(came_to_nothing(why, left))
        self.around.changed("failed" if left else "rolled_back", self.last_failure)

    def every_lane(self) -> tuple[str, ...]:
        """Every lane that a change of this host can touch."""
        return ("host", "guests", *(f"guest:{uuid}" for uuid in sorted(self._power.known())))

    async def connected(self, running: Running) -> None:
        """Raises DRIVER-LOST; work that a crash interrupted waits for the hypervisor first."""
        if not await self._power.connected(CONNECT_PATIENCE_S if running.patient else 0.0):
            raise GuestwireError("DRIVER-LOST")


def came_to_nothing(why: str, left: Sequence[str]) -> str:
    """`last_failure` of a change that was undone, but for what is `left`."""
    code = "ROLLBACK-INCOMPLETE" if left else "ROLLED-BACK"
    return f"{code}: {why}" + "".join(f"; {text}" for text in left)


def _nobody() -> None:
    """Nobody waits."""


def _sets(step: StepRow, name: str) -> bool:
    return step.kind == "set-host" and unpack(step.args)["name"] == name


def validation_failed(issues: Iterable[Issue], left_out: int) -> GuestwireError:
    """Every issue, in the error's detail, and in short in its text. `left_out`: at least so many more there are."""
    found = tuple(issues)
    first = found[0]
    others = len(found) - 1 + left_out
    more = f" (and {'at least ' if left_out else ''}{others} more)" if others else ""
    return GuestwireError(
        "VALIDATION-FAILED",
        f"{first.code} at {first.path}: {first.message}{more}",
        field=first.path,
        detail={"issues": [issue.model_dump(mode="json") for issue in found[:200]]},
    )
