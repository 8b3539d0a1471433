"""Guests: what a user manages. A guest's libvirt object is its domain.

Identifiers are the System Manager's: GUESTnnnn, lowest free, never renumbered (SM 4.6).
"""

import hashlib
import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from guestwire.model.base import Model

GuestId = Annotated[str, StringConstraints(pattern=r"^GUEST[0-9]{4}$")]
GuestName = Annotated[str, StringConstraints(max_length=255)]
"""What a name may hold is a rule's question (NAME-INVALID, NAME-EMPTY): a document with ten bad names gets ten answers."""
UuidText = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
# no control characters, and nothing else that a domain's XML cannot carry
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f\ufffe\uffff]*$", max_length=4096)]

DeviceAddress = Annotated[
    str,
    StringConstraints(pattern=r"^([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|usb:[0-9a-f]{4}:[0-9a-f]{4})$"),
]

GuestKind = Literal["rt", "gp_comm", "gp"]
GuestState = Literal["stopped", "starting", "running", "ready", "paused", "stopping", "crashed", "unknown"]
"""`ready` only by the guest's `ready_when`; a lost hypervisor connection gives `unknown`, never a guess."""

StateSource = Literal["event", "poll"]
RUNNING_STATES: frozenset[GuestState] = frozenset({"starting", "running", "ready", "stopping"})


class Disk(Model):
    """One block device of a guest.

    `path` None: for a cdrom an empty drive; for a disk a place of its own below the host's first disk root. `size_mib` is the
    size the guest sees: an image that is missing is made with it by the apply, one that is smaller grows, none ever shrinks;
    None: the image must exist. `clone_of`: a missing image is made as a copy of this one. `shareable`: several guests may
    write to it (a cluster file system), so DISK-SHARED does not apply.
    """

    path: AbsolutePath | None = None
    format: Literal["qcow2", "raw"] = "qcow2"
    device: Literal["disk", "cdrom"] = "disk"
    read_only: bool = False
    size_mib: Annotated[int, Field(ge=1, le=1 << 26)] | None = None
    clone_of: AbsolutePath | None = None
    shareable: bool = False


class Nic(Model):
    """A network card. Connected to a virtual network of the project, else to a bridge of the host, else to the host's own
    address translation (QEMU's user network). `mac` None: derived from host, guest number and card number."""

    network: Annotated[str, StringConstraints(max_length=64)] | None = None
    bridge: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,15}$")] | None = None
    mac: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")] | None = None
    model: Literal["virtio", "e1000e", "rtl8139"] = "virtio"


class PortForward(Model):
    """A port of the host that leads to a port of the guest (SM 4.7.2)."""

    protocol: Literal["tcp", "udp"] = "tcp"
    host_port: Annotated[int, Field(ge=1, le=65535)]
    guest_port: Annotated[int, Field(ge=1, le=65535)]


class Share(Model):
    """A folder of the host that the guest may mount by `tag`."""

    path: AbsolutePath
    tag: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,36}$")]
    read_only: bool = True


class Override(Model):
    """One change to the domain XML that we make: RFC 5261's add, replace and remove. `sel` is an XPath as ElementTree has
    it, from the domain element ("devices/disk[1]", "cpu/@mode"); `xml` the element, or the text of an attribute. Applied
    last, at every apply. `optional`: it is passed over where `sel` finds nothing, because what it changes has gone since."""

    op: Literal["add", "replace", "remove"]
    sel: Annotated[str, StringConstraints(max_length=4608)] = "."
    xml: Annotated[str, StringConstraints(max_length=16_384)] = ""
    optional: bool = False


class DirectBoot(Model):
    """Boot a kernel from the host's files, without a boot loader (libvirt <os><kernel>)."""

    kernel: AbsolutePath
    initrd: AbsolutePath | None = None
    cmdline: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f\ufffe\uffff]*$", max_length=2048)] = ""


class ReadyWhen(Model):
    """What makes a running guest `ready`: its guest agent answers, its console shows `text`, or its guest library says so
    (heartbeat: a guest with communication); never: stays running.

    `within_s` bounds a start that waits for ready; later evidence still makes the guest ready.
    """

    by: Literal["guest_agent", "console_text", "heartbeat", "never"] = "never"
    text: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    within_s: Annotated[int, Field(ge=1, le=3600)] = 120

    @model_validator(mode="after")
    def _text_belongs_to_console(self) -> "ReadyWhen":
        if (self.by == "console_text") != (self.text is not None):
            raise ValueError("text goes with by = console_text, and only with it")
        return self


CpuTopology = tuple[
    Annotated[int, Field(ge=1, le=1024)], Annotated[int, Field(ge=1, le=1024)], Annotated[int, Field(ge=1, le=1024)]
]
"""Sockets, cores, threads."""
Service = Literal["log", "ping", "flush", "data"]


class Guest(Model):
    """A guest as it is configured. What is None and can be settled (identifiers, MACs, a disk's place) is given by the host
    when the guest is applied, and stays.

    topology      auto: one socket, as many cores as vCPUs, one thread (KVM-RT 3)
    memory_mib    what the guest boots with; heap_mib: memory of an rt guest from a shared area (SM 7.1)
    hugepages_mib size of the pages its memory is made of; 0: ordinary pages
    lock_memory   all pages stay in RAM; auto: for rt guests
    numatune      NUMA nodes its memory comes from, an ID set; auto: those of its cpuset; "": none
    rtos_id       0..4, its number in the communication of rt and gp_comm guests; gpos_id: 1..9 of gp and gp_comm guests
    devices       PCI addresses (0000:01:00.0) or usb:VENDOR:PRODUCT, given to it exclusively
    autostart     console: with a viewer on the host; order: lower first
    disabled      never started, and left out of what asks whether guests fit the machine, unless asked for (KVM-RT 3)
    persistence   ephemeral: what it writes to its disks is forgotten when it stops
    tags          `edge`: the one that faces the outside network
    """

    name: GuestName
    id: GuestId | None = None
    uuid: UuidText | None = None
    kind: GuestKind = "gp"
    os_type: Annotated[str, StringConstraints(max_length=32)] = "linux"
    title: Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00-\x1f\x7f\ufffe\uffff]*$")] = ""
    description: Annotated[str, StringConstraints(max_length=4096)] = ""
    comments: Annotated[str, StringConstraints(max_length=4096)] = ""
    tags: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")], ...], Field(max_length=16)
    ] = ()
    image: Annotated[str, StringConstraints(max_length=64)] | None = None
    arch: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,16}$")] | None = None
    vcpus: Annotated[int, Field(ge=1, le=1024)] = 1
    topology: Literal["auto"] | CpuTopology = "auto"
    memory_mib: Annotated[int, Field(ge=16, le=1 << 24)] = 512
    heap_mib: Annotated[int, Field(ge=0, le=1 << 20)] = 0
    hugepages_mib: Literal[0, 2, 1024] = 0
    lock_memory: Literal["auto"] | bool = "auto"
    cpuset: Annotated[str, StringConstraints(max_length=1024)] | None = None
    numatune: Annotated[str, StringConstraints(max_length=1024)] = "auto"
    hide_kvm: bool = False
    firmware: Literal["bios", "uefi"] = "bios"
    disks: Annotated[tuple[Disk, ...], Field(max_length=32)] = ()
    boot: DirectBoot | None = None
    nics: Annotated[tuple[Nic, ...], Field(max_length=16)] = ()
    devices: Annotated[tuple[DeviceAddress, ...], Field(max_length=32)] = ()
    port_forwards: Annotated[tuple[PortForward, ...], Field(max_length=64)] = ()
    shares: Annotated[tuple[Share, ...], Field(max_length=16)] = ()
    comm_enabled: bool = True
    rtos_id: int | None = None
    gpos_id: int | None = None
    services: tuple[Service, ...] = ()
    ready_when: ReadyWhen = ReadyWhen()
    autostart: Literal["off", "headless", "console"] = "off"
    order: Annotated[int, Field(ge=0, le=9999)] = 0
    disabled: bool = False
    persistence: Literal["persistent", "ephemeral"] = "persistent"
    overrides: Annotated[tuple[Override, ...], Field(max_length=512)] = ()

    @property
    def has_comm(self) -> bool:
        """Whether it takes part in the communication services: rt guests always, gp_comm ones unless switched off (SM 4.3)."""
        return self.kind == "rt" or (self.kind == "gp_comm" and self.comm_enabled)

    @property
    def locks_memory(self) -> bool:
        return self.kind == "rt" if self.lock_memory == "auto" else self.lock_memory


class GuestStatus(Model):
    """What is known of a guest's state: when it was learnt (Unix ms) and how."""

    state: GuestState
    as_of: int
    source: StateSource
    reason: str = ""


class GuestView(Model):
    """A guest with its identifiers settled and its state: what list and show answer."""

    guest: Guest
    status: GuestStatus


class GuestThread(Model):
    """One thread of a guest's QEMU process, as /proc shows it.

    `cpus` is its affinity as a CPU list ("0-3,7"); `policy` its scheduler; `priority` 1..99 under fifo and rr, else 0;
    `cpu_ms` the processor time used.
    """

    tid: int
    name: str
    role: Literal["vcpu", "emulator", "iothread", "vhost", "worker"]
    vcpu: int | None = None
    cpus: str
    policy: Literal["other", "fifo", "rr", "batch", "idle", "deadline"]
    priority: int = 0
    cpu_ms: int = 0


_ID = re.compile(r"^GUEST([0-9]{4})$")


def lowest_free_id(taken: frozenset[str]) -> str | None:
    """The lowest GUESTnnnn from GUEST0001 that is not taken; None when all 9,999 are."""
    for number in range(1, 10_000):
        if (candidate := f"GUEST{number:04d}") not in taken:
            return candidate
    return None


def is_guest_id(text: str) -> bool:
    """Whether `text` is an identifier rather than a name; a reference is looked up as identifier first, then name."""
    return _ID.match(text) is not None


def derived_uuid(seed: bytes) -> str:
    """The uuid of a guest that was given none: the same for the same seed. RFC 9562, version 8."""
    digest = bytearray(hashlib.sha256(seed).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(digest)))
