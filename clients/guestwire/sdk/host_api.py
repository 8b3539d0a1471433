"""The operations of one host as typed methods. Made by `host_api_source` from the operations table: do not edit.

Every method raises GuestwireError: the host's own errors, HOST-UNREACHABLE, NO-ANSWER, UNSIGNED-RESPONSE, the link's.
"""

from typing import Protocol, TypeVar

from guestwire.model.base import Model
from guestwire.model.guest import GuestView
from guestwire.model.plan import Plan
from guestwire.protocol.audit import AuditAck, AuditList, AuditQuery
from guestwire.protocol.comm_models import (
    AreaBytes,
    AreaDump,
    AreaList,
    AreaView,
    CommStatus,
    CommStop,
    EventList,
    EventView,
    EventWait,
    EventWaited,
    LockBreak,
    LockList,
    LockView,
    NameRef,
    NetList,
    NetView,
    QueueList,
    QueueView,
)
from guestwire.protocol.config_models import (
    ConfigAdopt,
    ConfigAdopted,
    ConfigApplied,
    ConfigApply,
    ConfigCancel,
    ConfigConfirm,
    ConfigHistory,
    ConfigPlan,
    ConfigQuery,
    ConfigRef,
    ConfigShown,
    GuestOutcomes,
    GuestsBoot,
    GuestsShutdown,
    GuestXml,
    HostPower,
    HostTopology,
    HostTuning,
    SnapshotList,
    SnapshotRef,
)
from guestwire.protocol.operation_models import (
    ConsoleOutput,
    ConsoleQuery,
    Empty,
    EpochBehind,
    GuestDefine,
    GuestList,
    GuestRef,
    GuestShutdown,
    GuestStart,
    HostShow,
    Job,
    JobGet,
    JobList,
    JobQuery,
    JobRef,
    LogCleared,
    LogLevel,
    LogLevelSet,
    LogLines,
    LogQuery,
    MessageList,
    MessageQuery,
    Ping,
    Pong,
    Threads,
    TrustFileGiven,
    TrustKnown,
    TrustShown,
    TrustTaken,
)
from guestwire.protocol.telemetry import TelemetryAck, TelemetryAcked
from guestwire.sdk.answers import DEFAULT, Answer, CallOptions

T = TypeVar("T", bound=Model)


class Invoke(Protocol):
    """Calls an operation by its row of the table."""

    async def __call__(self, operation: str, request: Model, reply: type[T], options: CallOptions) -> Answer[T]: ...


class HostApi:
    """One host's operations."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def host_ping(self, request: Ping, options: CallOptions = DEFAULT) -> Answer[Pong]:
        """Answer at once, with the payload and the host's clock."""
        return await self._invoke("host-ping", request, Pong, options)

    async def host_show(self, options: CallOptions = DEFAULT) -> Answer[HostShow]:
        """What the host is, can do and needs."""
        return await self._invoke("host-show", Empty(), HostShow, options)

    async def guest_list(self, options: CallOptions = DEFAULT) -> Answer[GuestList]:
        """Every guest with its identifiers and state."""
        return await self._invoke("guest-list", Empty(), GuestList, options)

    async def guest_show(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """One guest: its definition and state."""
        return await self._invoke("guest-show", request, GuestView, options)

    async def guest_threads(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[Threads]:
        """The threads of the guest's process: role, CPU affinity, scheduler."""
        return await self._invoke("guest-threads", request, Threads, options)

    async def guest_console(self, request: ConsoleQuery, options: CallOptions = DEFAULT) -> Answer[ConsoleOutput]:
        """What the guest wrote to its serial console last. It may show secrets, so that reading is not enough for it."""
        return await self._invoke("guest-console", request, ConsoleOutput, options)

    async def guest_define(self, request: GuestDefine, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Make a guest or replace its definition; a running guest keeps running as it is."""
        return await self._invoke("guest-define", request, GuestView, options)

    async def guest_undefine(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[Empty]:
        """Forget a stopped guest's definition; its disks stay."""
        return await self._invoke("guest-undefine", request, Empty, options)

    async def guest_start(self, request: GuestStart, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Turn the guest on."""
        return await self._invoke("guest-start", request, GuestView, options)

    async def guest_shutdown(self, request: GuestShutdown, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Ask the guest to shut down and wait until it has."""
        return await self._invoke("guest-shutdown", request, GuestView, options)

    async def guest_destroy(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Take the power away at once; the guest cannot save anything."""
        return await self._invoke("guest-destroy", request, GuestView, options)

    async def guest_reset(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Press the guest's reset button."""
        return await self._invoke("guest-reset", request, GuestView, options)

    async def guest_pause(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Stop the guest's vCPUs where they are."""
        return await self._invoke("guest-pause", request, GuestView, options)

    async def guest_resume(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestView]:
        """Let a paused guest go on."""
        return await self._invoke("guest-resume", request, GuestView, options)

    async def guest_xml(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[GuestXml]:
        """The guest's domain XML, as libvirt keeps it."""
        return await self._invoke("guest-xml", request, GuestXml, options)

    async def guests_boot(self, request: GuestsBoot, options: CallOptions = DEFAULT) -> Answer[GuestOutcomes]:
        """Start guests in their order, and tune those that run."""
        return await self._invoke("guests-boot", request, GuestOutcomes, options)

    async def guests_shutdown(self, request: GuestsShutdown, options: CallOptions = DEFAULT) -> Answer[GuestOutcomes]:
        """Shut guests down, all at once or one after the other."""
        return await self._invoke("guests-shutdown", request, GuestOutcomes, options)

    async def snapshot_list(self, request: GuestRef, options: CallOptions = DEFAULT) -> Answer[SnapshotList]:
        """The snapshots of a guest's disks."""
        return await self._invoke("snapshot-list", request, SnapshotList, options)

    async def snapshot_create(self, request: SnapshotRef, options: CallOptions = DEFAULT) -> Answer[SnapshotList]:
        """Keep the content of a stopped guest's disks under a name."""
        return await self._invoke("snapshot-create", request, SnapshotList, options)

    async def snapshot_revert(self, request: SnapshotRef, options: CallOptions = DEFAULT) -> Answer[SnapshotList]:
        """Put a stopped guest's disks back to a snapshot; what was written since is lost."""
        return await self._invoke("snapshot-revert", request, SnapshotList, options)

    async def snapshot_delete(self, request: SnapshotRef, options: CallOptions = DEFAULT) -> Answer[SnapshotList]:
        """Forget a snapshot of a stopped guest's disks."""
        return await self._invoke("snapshot-delete", request, SnapshotList, options)

    async def config_show(self, request: ConfigRef, options: CallOptions = DEFAULT) -> Answer[ConfigShown]:
        """The active configuration, whether the host still agrees with it, or an earlier one."""
        return await self._invoke("config-show", request, ConfigShown, options)

    async def config_history(self, request: ConfigQuery, options: CallOptions = DEFAULT) -> Answer[ConfigHistory]:
        """The revisions the host keeps."""
        return await self._invoke("config-history", request, ConfigHistory, options)

    async def config_plan(self, request: ConfigPlan, options: CallOptions = DEFAULT) -> Answer[Plan]:
        """What an apply of a document would change, with effects and issues. Changes nothing."""
        return await self._invoke("config-plan", request, Plan, options)

    async def config_apply(self, request: ConfigApply, options: CallOptions = DEFAULT) -> Answer[ConfigApplied]:
        """Make a document true as it was planned, or leave the host as it was."""
        return await self._invoke("config-apply", request, ConfigApplied, options)

    async def config_confirm(self, request: ConfigConfirm, options: CallOptions = DEFAULT) -> Answer[ConfigApplied]:
        """Keep what the last apply did; without it that apply is undone."""
        return await self._invoke("config-confirm", request, ConfigApplied, options)

    async def config_cancel(self, request: ConfigCancel, options: CallOptions = DEFAULT) -> Answer[ConfigApplied]:
        """Undo the last apply, which waits for a confirmation or a reboot."""
        return await self._invoke("config-cancel", request, ConfigApplied, options)

    async def config_adopt(self, request: ConfigAdopt, options: CallOptions = DEFAULT) -> Answer[ConfigAdopted]:
        """Take domains of other tools, and edits made by hand, into the active configuration."""
        return await self._invoke("config-adopt", request, ConfigAdopted, options)

    async def host_topology(self, options: CallOptions = DEFAULT) -> Answer[HostTopology]:
        """The machine: packages, nodes, caches, cores, CPUs and devices."""
        return await self._invoke("host-topology", Empty(), HostTopology, options)

    async def host_tuning(self, options: CallOptions = DEFAULT) -> Answer[HostTuning]:
        """What the host is tuned to while real-time guests run: shield, interrupts, siblings."""
        return await self._invoke("host-tuning", Empty(), HostTuning, options)

    async def host_reboot(self, request: HostPower, options: CallOptions = DEFAULT) -> Answer[Empty]:
        """Reboot the host; refused while guests run."""
        return await self._invoke("host-reboot", request, Empty, options)

    async def host_poweroff(self, request: HostPower, options: CallOptions = DEFAULT) -> Answer[Empty]:
        """Switch the host off; refused while guests run."""
        return await self._invoke("host-poweroff", request, Empty, options)

    async def job_get(self, request: JobRef, options: CallOptions = DEFAULT) -> Answer[JobGet]:
        """An accepted request's state and, once final, its result."""
        return await self._invoke("job-get", request, JobGet, options)

    async def job_list(self, request: JobQuery, options: CallOptions = DEFAULT) -> Answer[JobList]:
        """Accepted requests, newest first."""
        return await self._invoke("job-list", request, JobList, options)

    async def job_cancel(self, request: JobRef, options: CallOptions = DEFAULT) -> Answer[Job]:
        """Cancel a request that waits, or at its next step when it runs."""
        return await self._invoke("job-cancel", request, Job, options)

    async def log_level(self, request: LogLevel, options: CallOptions = DEFAULT) -> Answer[LogLevelSet]:
        """Set how much the agent says, for a time."""
        return await self._invoke("log-level", request, LogLevelSet, options)

    async def message_list(self, request: MessageQuery, options: CallOptions = DEFAULT) -> Answer[MessageList]:
        """What the agent said, by level and sequence number."""
        return await self._invoke("message-list", request, MessageList, options)

    async def log_query(self, request: LogQuery, options: CallOptions = DEFAULT) -> Answer[LogLines]:
        """Lines of the agent's log."""
        return await self._invoke("log-query", request, LogLines, options)

    async def log_clear(self, options: CallOptions = DEFAULT) -> Answer[LogCleared]:
        """Forget what the agent said until now, messages and log files alike; the audit log stays."""
        return await self._invoke("log-clear", Empty(), LogCleared, options)

    async def epoch_behind(self, request: EpochBehind, options: CallOptions = DEFAULT) -> Answer[Empty]:
        """Tell a host that its epoch is older than one it used: it connects again above it."""
        return await self._invoke("epoch-behind", request, Empty, options)

    async def trust_show(self, request: TrustKnown, options: CallOptions = DEFAULT) -> Answer[TrustShown]:
        """The trust document in force at the host."""
        return await self._invoke("trust-show", request, TrustShown, options)

    async def trust_update(self, request: TrustFileGiven, options: CallOptions = DEFAULT) -> Answer[TrustTaken]:
        """Have the host take up a newer trust document, which proves itself."""
        return await self._invoke("trust-update", request, TrustTaken, options)

    async def comm_status(self, options: CallOptions = DEFAULT) -> Answer[CommStatus]:
        """The communication services: state, who is attached, what this kernel lacks."""
        return await self._invoke("comm-status", Empty(), CommStatus, options)

    async def comm_start(self, options: CallOptions = DEFAULT) -> Answer[CommStatus]:
        """Start the communication services."""
        return await self._invoke("comm-start", Empty(), CommStatus, options)

    async def comm_stop(self, request: CommStop, options: CallOptions = DEFAULT) -> Answer[CommStatus]:
        """Stop the communication services; refused while guests are attached."""
        return await self._invoke("comm-stop", request, CommStatus, options)

    async def comm_restart(self, request: CommStop, options: CallOptions = DEFAULT) -> Answer[CommStatus]:
        """Stop and start the communication services; refused while guests are attached."""
        return await self._invoke("comm-restart", request, CommStatus, options)

    async def area_list(self, options: CallOptions = DEFAULT) -> Answer[AreaList]:
        """Memory areas: regions, sizes, who has them how."""
        return await self._invoke("area-list", Empty(), AreaList, options)

    async def area_show(self, request: NameRef, options: CallOptions = DEFAULT) -> Answer[AreaView]:
        """One memory area."""
        return await self._invoke("area-show", request, AreaView, options)

    async def area_dump(self, request: AreaDump, options: CallOptions = DEFAULT) -> Answer[AreaBytes]:
        """Bytes of a memory area that the caller may read; with a digest, once they change."""
        return await self._invoke("area-dump", request, AreaBytes, options)

    async def event_list(self, options: CallOptions = DEFAULT) -> Answer[EventList]:
        """Named events: state, rights, waiters, signals."""
        return await self._invoke("event-list", Empty(), EventList, options)

    async def event_show(self, request: NameRef, options: CallOptions = DEFAULT) -> Answer[EventView]:
        """One named event."""
        return await self._invoke("event-show", request, EventView, options)

    async def event_signal(self, request: NameRef, options: CallOptions = DEFAULT) -> Answer[EventView]:
        """Set an event that REMOTE may signal."""
        return await self._invoke("event-signal", request, EventView, options)

    async def event_reset(self, request: NameRef, options: CallOptions = DEFAULT) -> Answer[EventView]:
        """Unset an event that REMOTE may signal."""
        return await self._invoke("event-reset", request, EventView, options)

    async def event_wait(self, request: EventWait, options: CallOptions = DEFAULT) -> Answer[EventWaited]:
        """Wait until one of the events is set that REMOTE may wait for."""
        return await self._invoke("event-wait", request, EventWaited, options)

    async def queue_list(self, options: CallOptions = DEFAULT) -> Answer[QueueList]:
        """Queues: their rings and how full they are."""
        return await self._invoke("queue-list", Empty(), QueueList, options)

    async def queue_show(self, request: NameRef, options: CallOptions = DEFAULT) -> Answer[QueueView]:
        """One queue."""
        return await self._invoke("queue-show", request, QueueView, options)

    async def lock_list(self, options: CallOptions = DEFAULT) -> Answer[LockList]:
        """Locks: who holds them, fencing tokens."""
        return await self._invoke("lock-list", Empty(), LockList, options)

    async def lock_break(self, request: LockBreak, options: CallOptions = DEFAULT) -> Answer[LockView]:
        """Take a lock from its holder and let the next waiter have it."""
        return await self._invoke("lock-break", request, LockView, options)

    async def net_list(self, options: CallOptions = DEFAULT) -> Answer[NetList]:
        """Virtual networks: bridges, ports, counters."""
        return await self._invoke("net-list", Empty(), NetList, options)

    async def net_show(self, request: NameRef, options: CallOptions = DEFAULT) -> Answer[NetView]:
        """One virtual network."""
        return await self._invoke("net-show", request, NetView, options)

    async def audit_list(self, request: AuditQuery, options: CallOptions = DEFAULT) -> Answer[AuditList]:
        """Rows of the audit log, and where it ends, signed by the host."""
        return await self._invoke("audit-list", request, AuditList, options)

    async def audit_ack(self, request: AuditAck, options: CallOptions = DEFAULT) -> Answer[AuditAck]:
        """Tell a host up to which row its audit log is kept elsewhere, so that it may drop those first."""
        return await self._invoke("audit-ack", request, AuditAck, options)

    async def telemetry_ack(self, request: TelemetryAck, options: CallOptions = DEFAULT) -> Answer[TelemetryAcked]:
        """Tell a host which telemetry and notices are in a database, so that it may forget them."""
        return await self._invoke("telemetry-ack", request, TelemetryAcked, options)
