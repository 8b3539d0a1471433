"""The operations table: dispatch, SDK, CLI, documents and conformance coverage are loops over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from guestwire.model.base import Model
from guestwire.model.guest import GuestView
from guestwire.model.plan import Plan
from guestwire.protocol import audit as a
from guestwire.protocol import comm_models as w
from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m
from guestwire.protocol import telemetry as t
from guestwire.protocol.trust import Risk

Effect = Literal["none", "idempotent", "once"]
Lane = Literal["none", "host", "guest", "new-guest", "touched"]


@dataclass(frozen=True, slots=True)
class Operation:
    """A row. `effect`: none = no disk, may run twice; idempotent = journalled, may rerun after a crash; once = journalled,
    never runs twice. `risk`: the class a key's scope must reach. `lane`: what it holds while it runs: nothing, the host's
    lane, its guest's, for a definition that of the name it gives, or every lane that a change touches. `timeout_s`
    bounds the running. `proven`: people decide by the answer, so that it counts only with the host's signature, as that of
    an operation with an effect does. An operation of a class above R0 is signed, whatever its effect."""

    name: str
    request: type[Model]
    reply: type[Model]
    effect: Effect
    risk: Risk
    timeout_s: float
    summary: str
    lane: Lane = "none"
    served_by: Literal["agent", "comm"] = "agent"
    proven: bool = False

    @property
    def signed(self) -> bool:
        """Whether nobody may ask it without a signature."""
        return self.effect != "none" or self.risk > 0

    @property
    def qos(self) -> Literal[0, 1]:
        return 0 if self.effect == "none" else 1


OPERATIONS: tuple[Operation, ...] = (
    Operation("host-ping", m.Ping, m.Pong, "none", 0, 5, "Answer at once, with the payload and the host's clock."),
    Operation("host-show", m.Empty, m.HostShow, "none", 0, 15, "What the host is, can do and needs."),
    Operation("guest-list", m.Empty, m.GuestList, "none", 0, 15, "Every guest with its identifiers and state."),
    Operation("guest-show", m.GuestRef, GuestView, "none", 0, 15, "One guest: its definition and state."),
    Operation("guest-threads", m.GuestRef, m.Threads, "none", 0, 15,
              "The threads of the guest's process: role, CPU affinity, scheduler."),
    Operation("guest-console", m.ConsoleQuery, m.ConsoleOutput, "none", 1, 15,
              "What the guest wrote to its serial console last. It may show secrets, so that reading is not enough for it."),
    Operation("guest-define", m.GuestDefine, GuestView, "idempotent", 1, 60,
              "Make a guest or replace its definition; a running guest keeps running as it is.", "new-guest"),
    Operation("guest-undefine", m.GuestRef, m.Empty, "idempotent", 2, 60,
              "Forget a stopped guest's definition; its disks stay.", "guest"),
    Operation("guest-start", m.GuestStart, GuestView, "idempotent", 1, 3700, "Turn the guest on.", "guest"),
    Operation("guest-shutdown", m.GuestShutdown, GuestView, "idempotent", 2, 1830,
              "Ask the guest to shut down and wait until it has.", "guest"),
    Operation("guest-destroy", m.GuestRef, GuestView, "idempotent", 2, 60,
              "Take the power away at once; the guest cannot save anything.", "guest"),
    Operation("guest-reset", m.GuestRef, GuestView, "once", 2, 60, "Press the guest's reset button.", "guest"),
    Operation("guest-pause", m.GuestRef, GuestView, "idempotent", 2, 60, "Stop the guest's vCPUs where they are.", "guest"),
    Operation("guest-resume", m.GuestRef, GuestView, "idempotent", 1, 60, "Let a paused guest go on.", "guest"),
    Operation("guest-xml", m.GuestRef, c.GuestXml, "none", 0, 15, "The guest's domain XML, as libvirt keeps it."),
    Operation("guests-boot", c.GuestsBoot, c.GuestOutcomes, "idempotent", 1, 3700,
              "Start guests in their order, and tune those that run.", "touched"),
    Operation("guests-shutdown", c.GuestsShutdown, c.GuestOutcomes, "idempotent", 2, 3700,
              "Shut guests down, all at once or one after the other.", "touched"),
    Operation("snapshot-list", m.GuestRef, c.SnapshotList, "none", 0, 30, "The snapshots of a guest's disks."),
    Operation("snapshot-create", c.SnapshotRef, c.SnapshotList, "idempotent", 1, 600,
              "Keep the content of a stopped guest's disks under a name.", "guest"),
    Operation("snapshot-revert", c.SnapshotRef, c.SnapshotList, "idempotent", 3, 600,
              "Put a stopped guest's disks back to a snapshot; what was written since is lost.", "guest"),
    Operation("snapshot-delete", c.SnapshotRef, c.SnapshotList, "idempotent", 2, 600,
              "Forget a snapshot of a stopped guest's disks.", "guest"),
    Operation("config-show", c.ConfigRef, c.ConfigShown, "none", 0, 30,
              "The active configuration, whether the host still agrees with it, or an earlier one."),
    Operation("config-history", c.ConfigQuery, c.ConfigHistory, "none", 0, 15, "The revisions the host keeps."),
    Operation("config-plan", c.ConfigPlan, Plan, "none", 0, 60,
              "What an apply of a document would change, with effects and issues. Changes nothing.", proven=True),
    Operation("config-apply", c.ConfigApply, c.ConfigApplied, "idempotent", 1, 3700,
              "Make a document true as it was planned, or leave the host as it was.", "touched"),
    Operation("config-confirm", c.ConfigConfirm, c.ConfigApplied, "idempotent", 1, 60,
              "Keep what the last apply did; without it that apply is undone.", "host"),
    Operation("config-cancel", c.ConfigCancel, c.ConfigApplied, "idempotent", 1, 3700,
              "Undo the last apply, which waits for a confirmation or a reboot.", "touched"),
    Operation("config-adopt", c.ConfigAdopt, c.ConfigAdopted, "idempotent", 1, 120,
              "Take domains of other tools, and edits made by hand, into the active configuration.", "touched"),
    Operation("host-topology", m.Empty, c.HostTopology, "none", 0, 15,
              "The machine: packages, nodes, caches, cores, CPUs and devices."),
    Operation("host-tuning", m.Empty, c.HostTuning, "none", 0, 15,
              "What the host is tuned to while real-time guests run: shield, interrupts, siblings."),
    Operation("host-reboot", c.HostPower, m.Empty, "once", 2, 60, "Reboot the host; refused while guests run.", "touched"),
    Operation("host-poweroff", c.HostPower, m.Empty, "once", 2, 60,
              "Switch the host off; refused while guests run.", "touched"),
    Operation("job-get", m.JobRef, m.JobGet, "none", 0, 15, "An accepted request's state and, once final, its result."),
    Operation("job-list", m.JobQuery, m.JobList, "none", 0, 15, "Accepted requests, newest first."),
    Operation("job-cancel", m.JobRef, m.Job, "idempotent", 1, 15,
              "Cancel a request that waits, or at its next step when it runs."),
    Operation("log-level", m.LogLevel, m.LogLevelSet, "idempotent", 1, 15,
              "Set how much the agent says, for a time.", "host"),
    Operation("message-list", m.MessageQuery, m.MessageList, "none", 0, 15,
              "What the agent said, by level and sequence number."),
    Operation("log-query", m.LogQuery, m.LogLines, "none", 0, 15, "Lines of the agent's log."),
    Operation("log-clear", m.Empty, m.LogCleared, "idempotent", 1, 15,
              "Forget what the agent said until now, messages and log files alike; the audit log stays.", "host"),
    Operation("epoch-behind", m.EpochBehind, m.Empty, "idempotent", 1, 15,
              "Tell a host that its epoch is older than one it used: it connects again above it."),
    Operation("trust-show", m.TrustKnown, m.TrustShown, "none", 0, 15, "The trust document in force at the host."),
    Operation("trust-update", m.TrustFileGiven, m.TrustTaken, "idempotent", 1, 15,
              "Have the host take up a newer trust document, which proves itself."),
    Operation("comm-status", m.Empty, w.CommStatus, "none", 0, 15,
              "The communication services: state, who is attached, what this kernel lacks.", served_by="comm"),
    Operation("comm-start", m.Empty, w.CommStatus, "idempotent", 1, 60, "Start the communication services.", "host",
              served_by="comm"),
    Operation("comm-stop", w.CommStop, w.CommStatus, "idempotent", 2, 60,
              "Stop the communication services; refused while guests are attached.", "host", served_by="comm"),
    Operation("comm-restart", w.CommStop, w.CommStatus, "once", 2, 60,
              "Stop and start the communication services; refused while guests are attached.", "host", served_by="comm"),
    Operation("area-list", m.Empty, w.AreaList, "none", 0, 15, "Memory areas: regions, sizes, who has them how.",
              served_by="comm"),
    Operation("area-show", w.NameRef, w.AreaView, "none", 0, 15, "One memory area.", served_by="comm"),
    Operation("area-dump", w.AreaDump, w.AreaBytes, "none", 0, 45,
              "Bytes of a memory area that the caller may read; with a digest, once they change.", served_by="comm"),
    Operation("event-list", m.Empty, w.EventList, "none", 0, 15, "Named events: state, rights, waiters, signals.",
              served_by="comm"),
    Operation("event-show", w.NameRef, w.EventView, "none", 0, 15, "One named event.", served_by="comm"),
    Operation("event-signal", w.NameRef, w.EventView, "once", 1, 15, "Set an event that REMOTE may signal.",
              served_by="comm"),
    Operation("event-reset", w.NameRef, w.EventView, "idempotent", 1, 15, "Unset an event that REMOTE may signal.",
              served_by="comm"),
    Operation("event-wait", w.EventWait, w.EventWaited, "once", 1, 620,
              "Wait until one of the events is set that REMOTE may wait for.", served_by="comm"),
    Operation("queue-list", m.Empty, w.QueueList, "none", 0, 15, "Queues: their rings and how full they are.",
              served_by="comm"),
    Operation("queue-show", w.NameRef, w.QueueView, "none", 0, 15, "One queue.", served_by="comm"),
    Operation("lock-list", m.Empty, w.LockList, "none", 0, 15, "Locks: who holds them, fencing tokens.", served_by="comm"),
    Operation("lock-break", w.LockBreak, w.LockView, "once", 2, 15,
              "Take a lock from its holder and let the next waiter have it.", served_by="comm"),
    Operation("net-list", m.Empty, w.NetList, "none", 0, 15, "Virtual networks: bridges, ports, counters.",
              served_by="comm"),
    Operation("net-show", w.NameRef, w.NetView, "none", 0, 15, "One virtual network.", served_by="comm"),
    Operation("audit-list", a.AuditQuery, a.AuditList, "none", 0, 15,
              "Rows of the audit log, and where it ends, signed by the host.", proven=True),
    Operation("audit-ack", a.AuditAck, a.AuditAck, "idempotent", 1, 15,
              "Tell a host up to which row its audit log is kept elsewhere, so that it may drop those first."),
    Operation("telemetry-ack", t.TelemetryAck, t.TelemetryAcked, "none", 1, 15,
              "Tell a host which telemetry and notices are in a database, so that it may forget them."),
)  # fmt: skip

INTERNAL: tuple[Operation, ...] = (
    Operation("comm-apply", w.CommApply, w.CommStatus, "idempotent", 2, 60,
              "The agent's: make a document true, or leave everything as it was.", served_by="comm"),
    Operation("comm-settle", m.Empty, w.CommStatus, "idempotent", 2, 60,
              "The agent's: let go of what the last documents set aside.", served_by="comm"),
    Operation("comm-guest-reset", w.GuestRefName, m.Empty, "idempotent", 1, 15,
              "The agent's: a guest rebooted without leaving, so whoever talked in it is gone.", served_by="comm"),
    Operation("comm-held", m.Empty, w.CommHeld, "none", 0, 15, "The agent's: the document that holds.", served_by="comm"),
    Operation("comm-plugs", w.GuestRefName, w.CommPlugs, "none", 0, 15, "The agent's: what a guest's domain has of ours.",
              served_by="comm"),
    Operation("comm-mapped", w.MappedRef, w.CommMapped, "none", 0, 15,
              "The agent's: how a guest's QEMU has a file mapped.", served_by="comm"),
    Operation("comm-metrics", w.CommMetricsAsked, w.CommMetrics, "none", 0, 15,
              "The agent's: counters of everything, in one answer.", served_by="comm"),
    Operation("comm-follow", w.CommFollow, w.Happenings, "none", 0, 60, "The agent's: what happened since.",
              served_by="comm"),
)  # fmt: skip
"""Between the agent and guestwire-comm on one host; nobody else is served them."""

BY_NAME: Mapping[str, Operation] = {operation.name: operation for operation in OPERATIONS}
