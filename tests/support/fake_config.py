"""The configuration of a fake host: revisions in a list, plans by the real diff and rules, and an apply that only remembers.

`state`, `drift` and `last_failure` are what it says of itself; `on_apply` hears each apply before it happens;
`loses_answers` makes an apply that happens look like a lost link; `observed` is what it has, where that is not what is
active; `reboots` makes it wait for a boot, which is over when it is next asked; `after_boot` and `last_failure` say what it
came to, and `on_boot` hears it.
"""

from collections.abc import Callable
from typing import Any

from guestwire.link.clock import now
from guestwire.model.base import Model
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import Facts
from guestwire.model.machines import MACHINES
from guestwire.model.plan import Plan, PlanItem, Revision, SyncState
from guestwire.model.planning import Circumstances, diff, plan_id
from guestwire.model.rules.table import validate
from guestwire.model.settling import settle
from guestwire.model.topology import Topology
from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m
from guestwire.protocol.steps import Call

Handler = Callable[[Call], Model]
DISKS = "/var/lib/guestwire/disks"


class FakeConfig:
    """What a host answers about its configuration."""

    def __init__(self, host: str) -> None:
        self.tuned: tuple[c.TuningRow, ...] = ()
        self.host = host
        self.kept: list[tuple[Revision, Desired]] = []
        self.state: SyncState = "in_sync"
        self.drift: tuple[PlanItem, ...] = ()
        self.last_failure = ""
        self.observed: Desired | None = None
        self.topology: Topology | None = MACHINES["4-core"].topology
        self.wants_confirmation = False
        self.loses_answers = False
        self.reboots = False
        self.after_boot: SyncState = "in_sync"
        self.on_boot: Callable[[], None] = lambda: None
        self.waiting: tuple[str, int] | None = None
        self.requests: list[Any] = []
        self.on_apply: Callable[[], None] = lambda: None
        self.outcomes: tuple[c.GuestOutcome, ...] = ()
        self.snapshots: list[c.Snapshot] = []
        self.add(Desired(), "first")

    @property
    def active(self) -> Desired:
        return self._standing[1]

    @property
    def revision(self) -> Revision:
        return self._standing[0]

    @property
    def _standing(self) -> tuple[Revision, Desired]:
        """What is active: not yet what waits to be confirmed."""
        return self.kept[-1 if self.waiting is None else -2]

    def add(self, desired: Desired, origin: Any = "apply", comment: str = "") -> Revision:
        """The next revision."""
        settled = settle(desired, self.kept[-1][1] if self.kept else Desired(), host=self.host, disk_root=DISKS)
        settled = settled.model_copy(update={"base_revision": None})
        revision = Revision(
            number=len(self.kept), hash=content_hash(settled), author="operator:admin", applied_at=now().wall_ms,
            origin=origin, comment=comment,
        )  # fmt: skip
        self.kept.append((revision, settled))
        return revision

    def reads(self) -> dict[str, Handler]:
        """Operations without an effect."""
        return {
            "config-show": self._show,
            "config-history": lambda _: c.ConfigHistory(revisions=tuple(one for one, _ in reversed(self.kept))),
            "config-plan": lambda call: self.plan(call.request),
            "host-topology": self._topology,
            "host-tuning": lambda _: c.HostTuning(values=self.tuned, left_out=("siblings: cgroup v1",)),
            "guest-xml": lambda call: c.GuestXml(xml=f"<domain><name>{call.request.guest}</name></domain>"),
            "snapshot-list": lambda _: c.SnapshotList(snapshots=tuple(self.snapshots)),
        }

    def effects(self) -> dict[str, Handler]:
        """Operations with one."""
        return {
            "config-apply": self._apply,
            "config-confirm": self._confirm,
            "config-cancel": self._cancel,
            "config-adopt": self._adopt,
            "guests-boot": self._outcomes,
            "guests-shutdown": self._outcomes,
            "host-reboot": self._power,
            "host-poweroff": self._power,
            "snapshot-create": lambda call: self._snapshot(call, add=True),
            "snapshot-revert": lambda call: self._snapshot(call, add=True),
            "snapshot-delete": lambda call: self._snapshot(call, add=False),
        }

    def plan(self, request: c.ConfigPlan) -> Plan:
        """As a host makes it, with the machine as its only fact."""
        self.requests.append(request)
        if content_hash(request.desired) != request.hash:
            raise GuestwireError("UNSUPPORTED", "The document is not what its sender hashed.")
        target = settle(request.desired, self.active, host=self.host, disk_root=DISKS)
        items = diff(self.observed or self.active, target, Circumstances(restart=request.restart))
        found = validate(target, Facts(topology=self.topology), include_disabled=request.include_disabled)
        return Plan(
            host=self.host, base_revision=self.revision.number, target_hash=content_hash(target),
            plan_id=plan_id(self.active, self.revision.number, target, [], [request.restart]), items=items,
            issues=found.issues, more_issues=found.more, not_checked=found.not_checked, risk=max((item.risk for item in items), default=0),
            destructive=request.remove_disks, confirm=self.wants_confirmation,
        )  # fmt: skip

    def _show(self, call: Call) -> Model:
        wanted = call.request.revision
        if wanted is not None and not 0 <= wanted < len(self.kept):
            raise GuestwireError("NOT-FOUND", f"The host keeps no revision {wanted}.")
        if self.state == "waiting_reboot":
            self.state = self.after_boot
            self.on_boot()
            if self.state in ("failed", "rolled_back"):
                self.kept.pop()
        revision, desired = self._standing if wanted is None else self.kept[wanted]
        return c.ConfigShown(
            desired=desired, revision=revision, state=self.state, drift=self.drift, last_failure=self.last_failure,
            confirm_by=self.waiting[1] if self.waiting else None, plan_id=self.waiting[0] if self.waiting else None,
        )  # fmt: skip

    def _topology(self, _call: Call) -> Model:
        if self.topology is None:
            raise GuestwireError("UNSUPPORTED", "This host does not tell.")
        return c.HostTopology(topology=self.topology)

    def _apply(self, call: Call) -> Model:
        request: c.ConfigApply = call.request
        self.on_apply()
        if request.base_revision != self.revision.number:
            raise GuestwireError("BASE-REVISION")
        made = self.plan(request)
        self.requests[-1] = request
        if made.plan_id != request.plan_id:
            raise GuestwireError("PLAN-STALE")
        revision = self.add(request.desired, request.origin, request.comment)
        if request.confirm_s is not None:
            self.state, self.waiting = "confirm_wait", (request.plan_id, now().wall_ms + 1000 * request.confirm_s)
            if self.loses_answers:
                raise GuestwireError("LINK-LOST")
            return c.ConfigApplied(
                revision=revision, state=self.state, items=len(made.items), confirm_by=self.waiting[1]
            )
        if self.reboots:
            self.state = "waiting_reboot"
        return c.ConfigApplied(revision=revision, state=self.state, items=len(made.items))

    def _confirm(self, call: Call) -> Model:
        if self.waiting is None or self.waiting[0] != call.request.plan_id:
            raise GuestwireError("NOT-FOUND", "No apply of that plan waits.")
        self.state, self.waiting = "in_sync", None
        return c.ConfigApplied(revision=self.revision, state=self.state)

    def _cancel(self, call: Call) -> Model:
        self._confirm(call)
        self.kept.pop()
        return c.ConfigApplied(revision=self.revision, state="rolled_back")

    def _adopt(self, call: Call) -> Model:
        self.requests.append(call.request)
        return c.ConfigAdopted(revision=self.add(self.active, "adopt"), adopted=call.request.guests, skipped=("old",))

    def _outcomes(self, call: Call) -> Model:
        self.requests.append(call.request)
        return c.GuestOutcomes(guests=self.outcomes)

    def _power(self, call: Call) -> Model:
        self.requests.append(call.request)
        return m.Empty()

    def _snapshot(self, call: Call, *, add: bool) -> Model:
        others = [one for one in self.snapshots if one.name != call.request.name]
        self.snapshots = [*others, c.Snapshot(name=call.request.name, at=now().wall_ms, disks=1)] if add else others
        return c.SnapshotList(snapshots=tuple(self.snapshots))
