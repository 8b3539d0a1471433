"""What it takes for a change to be true, field by field: the table that plans are made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from guestwire.model.plan import Effect, Risk

RESTART_OUTAGE_S = 30
"""An estimate of a guest's shutdown and boot; what a plan shows where nothing better is known."""
REBOOT_OUTAGE_S = 180


@dataclass(frozen=True, slots=True)
class Impact:
    """`effect` on a guest that runs; `waits`: without a restart the change lies in the definition until the next start (else
    it cannot be made while the guest runs); `risk`: 1 reversible, 2 disruptive."""

    effect: Effect
    waits: bool = True
    risk: Risk = 1


_NOTED = Impact("live")
_RESTART = Impact("guest_restart")

GUEST_FIELDS: Mapping[str, Impact] = {
    "name": Impact("guest_restart", waits=False),
    "uuid": Impact("guest_restart", waits=False),
    "id": _NOTED,
    "kind": Impact("guest_restart", risk=2),
    "os_type": _NOTED,
    "title": _NOTED,
    "description": _NOTED,
    "comments": _NOTED,
    "tags": _NOTED,
    "image": _RESTART,
    "arch": _RESTART,
    "vcpus": _RESTART,
    "topology": _RESTART,
    "memory_mib": _RESTART,
    "heap_mib": _NOTED,
    "hugepages_mib": _RESTART,
    "lock_memory": _RESTART,
    "cpuset": Impact("live", risk=2),
    "numatune": _RESTART,
    "hide_kvm": _RESTART,
    "firmware": _RESTART,
    "disks": _RESTART,
    "boot": _RESTART,
    "nics": _RESTART,
    "devices": Impact("guest_restart", risk=2),
    "port_forwards": _RESTART,
    "shares": _RESTART,
    "comm_enabled": _RESTART,
    "rtos_id": _NOTED,
    "gpos_id": _NOTED,
    "services": _NOTED,
    "ready_when": _NOTED,
    "autostart": _NOTED,
    "order": _NOTED,
    "disabled": _NOTED,
    "persistence": _RESTART,
    "overrides": _RESTART,
}

SETTING_FIELDS: Mapping[str, Impact] = {
    "autologin": _NOTED,
    "bootloader_timeout": _NOTED,
    "removable_media": _NOTED,
    "swap_mib": _NOTED,
    "ip_forward": Impact("live", risk=2),
    "airgap": Impact("live", risk=2),
    "adapters": Impact("live", risk=2),
    "hugepages": _NOTED,
    "irq_affinity": _NOTED,
}

COLLECTIONS: Mapping[str, Impact] = {
    "areas": _NOTED,
    "events": _NOTED,
    "queues": _NOTED,
    "locks": _NOTED,
    "networks": Impact("live", risk=2),
    "images": _NOTED,
    "templates": _NOTED,
}

COMMUNICATION: frozenset[str] = frozenset({"areas", "events", "queues", "locks", "networks"})
"""Collections that guestwire-comm makes true, while everybody runs on: what guests are given devices for is plugged in and
out. Deleting one is disruptive, and so is taking something away from somebody (`communication_items`)."""
