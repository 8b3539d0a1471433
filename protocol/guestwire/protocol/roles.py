"""Roles: names of scopes. A role becomes a scope when a key is added to the trust document; the host judges by the scope.

observer    every read
operator    reads, and runs what is configured: guests, events, locks, communication, host power; up to R2
engineer    everything up to R2: configures as well
admin       everything
controller  everything reversible by itself; what disrupts takes a person's mandate
host        speaks for itself and may ask for nothing
"""

from collections.abc import Mapping

from guestwire.protocol.trust import NOTHING, READS, RoleName, Scope

RUNNING: tuple[str, ...] = (
    "guest-console", "guest-start", "guest-shutdown", "guest-destroy", "guest-reset", "guest-pause", "guest-resume",
    "guests-boot", "guests-shutdown", "snapshot-create",
    "config-confirm", "config-cancel",
    "host-reboot", "host-poweroff",
    "job-cancel", "log-level",
    "comm-start", "comm-stop", "comm-restart",
    "event-signal", "event-reset", "event-wait", "lock-break",
    "trust-update",
)  # fmt: skip
"""What an operator may do besides reading: nothing that changes what a host is configured to be. A console is among it, for it may show
secrets. A trust document proves itself, so that everybody may carry one."""

CONFIGURING: tuple[str, ...] = (
    "guest-define", "guest-undefine", "snapshot-revert", "snapshot-delete", "config-apply", "config-adopt",
    "log-clear",
)  # fmt: skip
"""What takes an engineer, or for the class R3 an admin."""

AGENTS: tuple[str, ...] = ("epoch-behind", "audit-ack", "telemetry-ack")
"""What controllers do by themselves; engineers may as well."""

ROLES: Mapping[RoleName, Scope] = {
    "observer": Scope(operations=(READS,), risk=0),
    "operator": Scope(operations=(READS, *RUNNING), risk=2),
    "engineer": Scope(risk=2),
    "admin": Scope(risk=3),
    "controller": Scope(risk=1),
    "host": NOTHING,
}


def scope_of(role: RoleName, hosts: tuple[str, ...] = ("*",)) -> Scope:
    """The scope of a role on some hosts."""
    scope = ROLES[role]
    return scope if scope == NOTHING else scope.model_copy(update={"hosts": hosts})
