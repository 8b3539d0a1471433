"""What a rule may know besides the document. None means: not known here, and the rules that need it say `not checked`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from guestwire.model.desired import Desired
from guestwire.model.host import Capabilities
from guestwire.model.topology import Topology


@dataclass(frozen=True, slots=True)
class FileFact:
    """A file of the host. `format` and `virtual_mib` only for disk images (virtual: the size a guest sees)."""

    exists: bool
    format: str | None = None
    virtual_mib: int | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class ManagementPath:
    """What the host's management hangs on: interfaces (the route to the broker, its bridge's ports included), their PCI
    addresses, and the PCI addresses behind the disk the host boots from."""

    interfaces: frozenset[str] = frozenset()
    nics: frozenset[str] = frozenset()
    boot_disks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one host at one moment. Sizes in MiB.

    running      uuids of the guests that run now
    networks     names of the networks that the hypervisor has by itself (libvirt's own)
    foreign      names of domains on the host that the active document does not have, by uuid
    foreign_disks  names of such domains by the images and media that they have (`host_paths.normal`)
    files        what is known of files, by path; a path that is not in it was not looked at
    disk_roots, share_roots, boot_roots  folders that images, shared folders and boot files may be in
    modified     generated files that somebody edited by hand or removed
    """

    topology: Topology | None = None
    capabilities: Capabilities | None = None
    machine: str | None = None
    memory_mib: int | None = None
    memory_free_mib: int | None = None
    simulated: bool | None = None
    active: Desired | None = None
    running: frozenset[str] | None = None
    networks: frozenset[str] | None = None
    foreign: Mapping[str, str] | None = None
    foreign_disks: Mapping[str, str] | None = None
    files: Mapping[str, FileFact] | None = None
    disk_roots: tuple[str, ...] | None = None
    share_roots: tuple[str, ...] | None = None
    boot_roots: tuple[str, ...] | None = None
    management: ManagementPath | None = None
    unsafe_interrupts: bool | None = None
    modified: tuple[str, ...] | None = None
    remapped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Guests whose cpuset was mapped to another topology: name -> (before, after)."""
