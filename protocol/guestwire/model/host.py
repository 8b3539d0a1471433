"""A host: the machine an agent manages, what it can do, and what it needs."""

from typing import Literal

from guestwire.model.base import Model

DriverKind = Literal["libvirt", "simulated"]
ClockQuality = Literal["synchronised", "unsynchronised", "unknown"]


class Capabilities(Model):
    """What this host can do, probed and never assumed. `notes` says why something is missing."""

    kvm: bool = False
    tcg: bool = False
    iommu: bool = False
    cgroup: Literal["v1", "v2", "none"] = "none"
    resctrl: bool = False
    rt_kernel: bool = False
    hugepages_mib: tuple[int, ...] = ()
    hypervisor: str = ""
    notes: tuple[str, ...] = ()


class RebootRequired(Model):
    """Whether the host must be rebooted, and why: for its configuration to be true, or because its operating system says
    so (`HostFacts.boot_pending`)."""

    required: bool = False
    reasons: tuple[str, ...] = ()


class HostFacts(Model):
    """What the operating system and the hypervisor say of the host at one moment. Sizes in MiB, times in Unix ms.
    `boot_pending`: what waits for a boot, a text each."""

    hostname: str
    kernel: str
    boot_id: str
    machine: str
    cpus: int
    memory_mib: int
    memory_free_mib: int
    capabilities: Capabilities
    topology_fingerprint: str
    boot_pending: tuple[str, ...] = ()


class Host(Model):
    """What `host-show` answers."""

    id: str
    site: str
    label: str
    driver: DriverKind
    agent_version: str
    epoch: int
    started_at: int
    now: int
    clock: ClockQuality
    hypervisor_connected: bool
    facts: HostFacts
    reboot_required: RebootRequired = RebootRequired()
    guests: int
    guests_running: int
    messages_last_seq: int
    refused: dict[str, int] = {}
    """How many messages were refused since the agent started, by error code."""
