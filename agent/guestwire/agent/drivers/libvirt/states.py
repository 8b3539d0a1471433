"""libvirt's states, reasons and lifecycle events as power states. Tables only; what is not in them is `unknown`."""

from collections.abc import Mapping

import libvirt

from guestwire.agent.services.ports import PowerState

_STATES: Mapping[int, PowerState] = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "stopping",
    libvirt.VIR_DOMAIN_SHUTOFF: "stopped",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "paused",
}

_REASONS: Mapping[tuple[int, int], str] = {
    (getattr(libvirt, f"VIR_DOMAIN_{state}"), getattr(libvirt, f"VIR_DOMAIN_{state}_{reason}")): (
        reason.lower().replace("_", " ")
    )
    for state, reasons in {
        "RUNNING": (
            "BOOTED",
            "MIGRATED",
            "RESTORED",
            "FROM_SNAPSHOT",
            "UNPAUSED",
            "SAVE_CANCELED",
            "WAKEUP",
            "CRASHED",
        ),
        "PAUSED": (
            "USER",
            "SAVE",
            "DUMP",
            "IOERROR",
            "WATCHDOG",
            "FROM_SNAPSHOT",
            "SHUTTING_DOWN",
            "SNAPSHOT",
            "CRASHED",
            "STARTING_UP",
        ),
        "SHUTDOWN": ("USER",),
        "SHUTOFF": ("SHUTDOWN", "DESTROYED", "CRASHED", "MIGRATED", "SAVED", "FAILED", "FROM_SNAPSHOT", "DAEMON"),
        "CRASHED": ("PANICKED",),
    }.items()
    for reason in reasons
}


def power(state: int, reason: int) -> tuple[PowerState, str]:
    """What virDomainGetState said. A domain that is off because it crashed is `crashed`, not `stopped`."""
    if (state, reason) == (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED):
        return "crashed", "crashed"
    return _STATES.get(state, "unknown"), _REASONS.get((state, reason), "")


LIFECYCLE: Mapping[int, PowerState] = {
    libvirt.VIR_DOMAIN_EVENT_STARTED: "running",
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: "paused",
    libvirt.VIR_DOMAIN_EVENT_RESUMED: "running",
    libvirt.VIR_DOMAIN_EVENT_SHUTDOWN: "stopping",
    libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED: "paused",
    libvirt.VIR_DOMAIN_EVENT_CRASHED: "crashed",
}
"""The state an event leads to. DEFINED, UNDEFINED and STOPPED are not here: what they mean is asked anew."""

EVENT_REASONS: Mapping[tuple[int, int], str] = {
    (libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_BOOTED): "booted",
    (libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_RESTORED): "restored",
    (libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT): "from snapshot",
    (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED): "user",
    (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_IOERROR): "ioerror",
    (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG): "watchdog",
    (libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED): "unpaused",
    (libvirt.VIR_DOMAIN_EVENT_SHUTDOWN, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_GUEST): "guest",
    (libvirt.VIR_DOMAIN_EVENT_SHUTDOWN, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_HOST): "host",
    (libvirt.VIR_DOMAIN_EVENT_CRASHED, libvirt.VIR_DOMAIN_EVENT_CRASHED_PANICKED): "panicked",
}
