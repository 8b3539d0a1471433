"""Request and reply models of the operations that change or show a host's configuration. Only shapes."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guestwire.model.base import Model
from guestwire.model.desired import Desired
from guestwire.model.guest import AbsolutePath
from guestwire.model.host import RebootRequired
from guestwire.model.plan import PlanItem, Revision, SyncState
from guestwire.model.topology import Topology
from guestwire.protocol.operation_models import GuestRef, GuestRefText

HashText = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
SnapshotName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,63}$")]


class ConfigRef(Model):
    """The active configuration, or an earlier one that the host still keeps."""

    revision: Annotated[int, Field(ge=0)] | None = None


class ConfigShown(Model):
    """`drift`: what was changed on the host behind our back. `waits`: what takes effect when a guest is next started.
    `plan_id`: of the change under way, if there is one; `confirm_by` (Unix ms): until then it must be confirmed or it is
    undone."""

    desired: Desired
    revision: Revision
    state: SyncState
    drift: tuple[PlanItem, ...] = ()
    waits: tuple[PlanItem, ...] = ()
    reboot_required: RebootRequired = RebootRequired()
    plan_id: str | None = None
    confirm_by: int | None = None
    last_failure: str = ""


class ConfigQuery(Model):
    """Revisions, newest first; `before` continues."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    before: Annotated[int, Field(ge=0)] | None = None


class ConfigHistory(Model):
    revisions: tuple[Revision, ...]


class ConfigPlan(Model):
    """What would an apply of this document do? `hash` is its `content_hash` as the sender makes it: a host that knows fewer
    fields finds another one, and refuses (UNSUPPORTED) instead of dropping them. `restart`: running guests are restarted
    where a change needs it; else the change waits for their next start. `include_disabled`: disabled guests too must fit
    the machine. `remove_disks`: images that this change takes from a guest and that are to go with it; no other image ever
    does."""

    desired: Desired
    hash: HashText
    restart: bool = False
    include_disabled: bool = False
    remove_disks: Annotated[tuple[AbsolutePath, ...], Field(max_length=64)] = ()


class ConfigApply(ConfigPlan):
    """Make a document true, as planned. `base_revision`: the active revision that it was edited from (BASE-REVISION).
    `confirm_s`: undo everything unless `config-confirm` comes within that time. `destroy`: disk images whose loss is
    agreed to, each of `remove_disks` once more. `origin` and `comment` go into the history."""

    plan_id: Annotated[str, StringConstraints(min_length=16, max_length=64)]
    base_revision: Annotated[int, Field(ge=0)]
    confirm_s: Annotated[int, Field(ge=10, le=3600)] | None = None
    destroy: Annotated[tuple[AbsolutePath, ...], Field(max_length=64)] = ()
    origin: Literal["apply", "rollback"] = "apply"
    comment: Annotated[str, StringConstraints(max_length=512)] = ""


class ConfigApplied(Model):
    """`state`: in_sync; confirm_wait (until `confirm_by`, Unix ms); waiting_reboot."""

    revision: Revision
    state: SyncState
    items: int = 0
    confirm_by: int | None = None


class ConfigConfirm(Model):
    """Keep what the apply with this plan id did."""

    plan_id: Annotated[str, StringConstraints(min_length=16, max_length=64)]


class ConfigCancel(ConfigConfirm):
    """Undo the apply with this plan id, which waits for its confirmation or for a reboot."""


class ConfigAdopt(Model):
    """Take what is on the host into the active configuration: domains of other tools, by name or uuid (none named: all
    but guests of other hosts), and with `update` also what was changed on guests that are ours already."""

    guests: Annotated[tuple[GuestRefText, ...], Field(max_length=256)] = ()
    update: bool = False


class ConfigAdopted(Model):
    """`adopted`, `updated` and `removed` name guests; `removed`: gone from the host, so from the configuration too, and their
    folders are set aside; `skipped`: known already and left as they are."""

    revision: Revision
    adopted: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


class HostTopology(Model):
    topology: Topology


class TuningRow(Model):
    """A kernel value that real-time guests want otherwise. set: it is as wanted; refused: the kernel does not take it,
    `reason` says why; changed: somebody else wrote to it since; observed: only shown. `original`: what it was."""

    path: str
    why: str
    wanted: str | None = None
    now: str | None = None
    original: str | None = None
    state: Literal["set", "refused", "changed", "observed"]
    reason: str = ""


class HostTuning(Model):
    """`left_out`: what the rt guests that run do without on this host, and why."""

    values: tuple[TuningRow, ...] = ()
    left_out: tuple[str, ...] = ()


class HostPower(Model):
    """`force`: though guests run, and without waiting for them."""

    force: bool = False


class GuestsBoot(Model):
    """Start guests in their order: those named, else every one whose autostart is on, or with `all` every one that is not
    disabled; a disabled one that is named fails (WRONG-STATE). Running ones are tuned anew and their errors ignored, as
    kvmrt-boot does; `clean`: none may be running, and no error is tolerated."""

    guests: Annotated[tuple[GuestRefText, ...], Field(max_length=256)] = ()
    all: bool = False
    clean: bool = False
    wait: Literal["running", "ready"] = "running"


class GuestsShutdown(Model):
    """Shut guests down, all that run or those named, in the reverse of their order; at once, or `serial` one after the
    other. `force`: take the power of those that are not off within `within_s`."""

    guests: Annotated[tuple[GuestRefText, ...], Field(max_length=256)] = ()
    serial: bool = False
    force: bool = False
    within_s: Annotated[int, Field(ge=1, le=1800)] = 90


class GuestOutcome(Model):
    """What became of one guest of many. `code` is an error's; None: done."""

    guest: str
    name: str
    result: Literal["started", "retuned", "stopped", "destroyed", "unchanged", "failed"]
    code: str | None = None
    message: str = ""


class GuestOutcomes(Model):
    guests: tuple[GuestOutcome, ...]


class SnapshotRef(GuestRef):
    """A snapshot of all disks of a guest, by name."""

    name: SnapshotName


class Snapshot(Model):
    """`disks`: how many of the guest's disks have it. `at` in Unix ms."""

    name: str
    at: int
    disks: int


class SnapshotList(Model):
    snapshots: tuple[Snapshot, ...]


class GuestXml(Model):
    """The domain XML as libvirt keeps it (inactive)."""

    xml: str
