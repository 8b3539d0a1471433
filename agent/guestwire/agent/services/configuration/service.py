"""What is active, whether the host still agrees, what a document would change, and its apply. DOMAIN "How a change reaches
a host"."""

from collections.abc import Callable, Sequence

from guestwire.agent.services.configuration.active import Active, shown
from guestwire.agent.services.configuration.applying import Applying
from guestwire.agent.services.configuration.options import Options
from guestwire.agent.services.configuration.ports import Power
from guestwire.agent.services.configuration.prepared import Preparer
from guestwire.agent.services.configuration.reboot_reasons import RebootReasons
from guestwire.agent.services.running import Running
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import Plan, PlanItem, Revision, SyncState
from guestwire.model.planning import Circumstances, diff
from guestwire.protocol import config_models as c
from guestwire.protocol.steps import Call


class Configuration:
    """The configuration of one host: config-show, -history, -plan, -apply. `shared`: what of the communication services is
    not as it should be, as it is known."""

    def __init__(
        self,
        *,
        active: Active,
        preparer: Preparer,
        applying: Applying,
        power: Power,
        reboot: RebootReasons,
        shared: Callable[[], Sequence[PlanItem]] = tuple,
    ) -> None:
        self._active = active
        self._preparer = preparer
        self._applying = applying
        self._records = applying.records
        self._power = power
        self._reboot = reboot
        self._shared = shared

    # -- reads

    async def show(self, call: Call) -> c.ConfigShown:
        request: c.ConfigRef = call.request
        drift = await self.drift()
        if request.revision is not None and request.revision != self._active.number:
            revision, desired = await self._active.earlier(request.revision)
            return c.ConfigShown(desired=desired, revision=revision, state=self.state(drift))
        desired = await self._active.desired()
        change = self._records.under_way
        return c.ConfigShown(
            desired=desired.model_copy(update={"base_revision": self._active.number}),
            revision=await self._active.revision(),
            state=self.state(drift),
            drift=drift,
            waits=self._applying.waits,
            reboot_required=await self._reboot.read(),
            confirm_by=change.confirm_by_ms if change is not None and change.phase == "confirm" else None,
            plan_id=change.plan_id if change is not None else None,
            last_failure=self._applying.last_failure,
        )

    async def history(self, call: Call) -> c.ConfigHistory:
        request: c.ConfigQuery = call.request
        rows = await self._records.revisions(request.limit, request.before)
        return c.ConfigHistory(revisions=tuple(shown(row) for row in rows))

    async def plan(self, call: Call) -> Plan:
        request: c.ConfigPlan = call.request
        _check_hash(request)
        if (change := self._records.under_way) is not None:
            text = "A change is under way: what would come after it cannot be told yet."
            raise GuestwireError("HOST-BUSY", text, detail={"phase": change.phase, "plan_id": change.plan_id})
        if not await self._power.connected(0.0):
            raise GuestwireError("DRIVER-LOST", "The hypervisor is away: what the host has cannot be told.")
        return (await self._preparer.prepare(request.desired, _options(request))).plan

    async def drift(self) -> tuple[PlanItem, ...]:
        """What would take back what was changed behind our back; nothing while the hypervisor is away."""
        if self._records.under_way is not None or not await self._power.connected(0.0):
            return ()
        shared = tuple(self._shared())
        active, current = await self._preparer.current()
        if current == active:
            return shared
        behind = frozenset(guest.uuid or "" for guest in active.guests)
        return (*diff(current, active, Circumstances(running=self._power.running(), changed_behind=behind)), *shared)

    def state(self, drift: Sequence[PlanItem]) -> SyncState:
        """How the host and its configuration stand to each other; `drift` as `drift()` just gave it."""
        change = self._records.under_way
        if change is not None:
            states: dict[str, SyncState] = {"confirm": "confirm_wait", "reboot": "waiting_reboot"}
            return states.get(change.phase, "applying")
        if failure := self._applying.last_failure:
            return "failed" if failure.startswith("ROLLBACK-INCOMPLETE") else "rolled_back"
        return "drifted" if drift else "in_sync"

    def peek(self) -> Desired:
        """The active document, for those who cannot wait."""
        return self._active.peek()

    async def revision(self) -> Revision:
        """The active revision."""
        return await self._active.revision()

    async def desired(self) -> Desired:
        """The active document."""
        return await self._active.desired()

    # -- lanes

    def lanes(self, call: Call) -> tuple[str, ...]:
        """The host's lane, that of definitions, and those of the guests that a document changes, or may."""
        request = call.request
        if isinstance(request, c.ConfigApply):
            return self.lanes_of(request.desired)
        return self._applying.every_lane()

    def lanes_of(self, desired: Desired) -> tuple[str, ...]:
        """Likewise of the change to this document."""
        return ("host", "guests", *(f"guest:{uuid}" for uuid in sorted(self._preparer.touched(desired))))

    # -- apply

    async def apply(self, running: Running) -> c.ConfigApplied:
        request: c.ConfigApply = running.call.request
        if (again := await self._applying.taken_up(running)) is not None:
            return again
        if running.again:  # it may have been cancelled, or failed: it does not begin a second time by itself
            text = "The agent stopped before the change had begun, or when it had been undone: apply it again."
            raise GuestwireError("ROLLED-BACK", text)
        _check_hash(request)
        if request.base_revision != self._active.number:
            raise GuestwireError("BASE-REVISION", detail={"active": self._active.number, "base": request.base_revision})
        prepared = await self._preparer.prepare(request.desired, _options(request))
        if prepared.plan.plan_id != request.plan_id:
            raise GuestwireError("PLAN-STALE", detail={"plan_id": prepared.plan.plan_id})
        if missing := [path for path in prepared.plan.destructive if path not in request.destroy]:
            raise GuestwireError("DESTROY-DISK", detail={"disks": missing})
        return await self._applying.make_true(
            running, prepared, origin=request.origin, comment=request.comment, confirm_s=request.confirm_s
        )

    async def edit(self, running: Running, change: Callable[[Desired], tuple[Desired, str]], comment: str) -> Desired:
        """Change one guest of the active document and apply that: what a verb such as `guest define` is. `change` gives the
        document and the guest's uuid; what drifted of other guests stays as it is. The document as it is then. Raises what
        `change` raises, and what an apply does."""
        if await self._applying.taken_up(running) is None:
            edited, uuid = change(await self._active.desired())
            prepared = await self._preparer.prepare(edited, Options(), named=uuid)
            await self._applying.make_true(running, prepared, origin="apply", comment=comment, confirm_s=None)
        return await self._active.desired()

    def stopped(self, uuid: str) -> None:
        """A guest is off: what waited for that waits no more."""
        guest = self._power.known().get(uuid)
        if guest is not None:
            self._applying.starts.off(guest.name)


def _options(request: c.ConfigPlan) -> Options:
    return Options(request.restart, request.include_disabled, tuple(request.remove_disks))


def _check_hash(request: c.ConfigPlan) -> None:
    if content_hash(request.desired) != request.hash:
        raise GuestwireError(
            "UNSUPPORTED",
            "The document says more than this host's version knows, or it was altered: update the host, or the client.",
            field="desired",
        )
