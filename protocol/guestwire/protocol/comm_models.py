"""Requests and replies of the communication services: what guestwire-comm serves, and what the agent asks of it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guestwire.model.base import Model
from guestwire.model.communication import CommDocument

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
CommState = Literal["stopped", "starting", "running", "stopping", "degraded"]
DUMP_MAX = 32 << 10
WAIT_MAX_S = 600.0


class NameRef(Model):
    """An area, event, queue, lock or network by name."""

    name: Name


# -- the process


class CommPeer(Model):
    """Who is attached: a guest (through its doorbell, its serial channel, or as a process where guests are simulated) or a
    process of the host. `since` in Unix ms. `requests` since then; `denied`: of a guest since the services run, of a
    process since then; `throttled`: how often it was made to wait."""

    name: str
    kind: Literal["guest", "process"]
    ways: tuple[Literal["doorbell", "serial", "socket"], ...] = ()
    peer: int = 0
    pid: int | None = None
    since: int = 0
    ready: bool = False
    requests: int = 0
    denied: int = 0
    throttled: int = 0


class Stranded(Model):
    """A guest that is attached to an instance that is gone, and what to do."""

    guest: str
    remedy: str


class CommStatus(Model):
    """`instance` changes with every start of the services. `revision_hash`: sha256 of the document that holds. `regions`:
    how many, `region_bytes`: what they may take at most. `counts`: rows of the document by kind. `capabilities`: what this
    kernel lacks, by name and reason."""

    state: CommState
    instance: int = 0
    started_at: int = 0
    document_hash: str = ""
    peers: tuple[CommPeer, ...] = ()
    stranded: tuple[Stranded, ...] = ()
    regions: int = 0
    region_bytes: int = 0
    counts: dict[str, int] = {}
    missing: dict[str, str] = {}


class CommStop(Model):
    """`force`: also while guests are attached; their calls fail with COMM-NOT-STARTED from then on."""

    force: bool = False


# -- areas


class AreaAccess(Model):
    """Who has an area how. `attached`: the device is plugged into a guest that runs, or a process has it open."""

    name: str
    access: str
    attached: bool = False


class AreaView(Model):
    """An area and its region. Sizes in bytes; `data_size` is what is the user's, in front of queues and locks. `index`: the
    acpi-index of its devices."""

    name: str
    kind: str
    size: int
    data_size: int
    backing_size: int
    index: int
    generation: int
    default_access: str
    access: tuple[AreaAccess, ...] = ()
    queues: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()


class AreaList(Model):
    areas: tuple[AreaView, ...]


class AreaDump(Model):
    """Bytes of an area. With `digest` (of an earlier answer) the answer waits until they are others, at most `wait_s`."""

    name: Name
    offset: Annotated[int, Field(ge=0)] = 0
    length: Annotated[int, Field(ge=1, le=DUMP_MAX)] = 256
    digest: bytes = b""
    wait_s: Annotated[float, Field(ge=0, le=30)] = 0.0


class AreaBytes(Model):
    """`digest`: sha256 of the whole area's data, or of the bytes where it is larger than 1 MiB."""

    name: str
    offset: int
    data: bytes
    digest: bytes
    at: int


# -- events


class EventView(Model):
    """An event at run time. `set` None: a direct or native event whose state the kernel keeps alone. `signals` and `denied`
    since the services started, `rate` signals per second over the last seconds. `waiters`: who waits now."""

    name: str
    reset: Literal["auto", "manual"]
    delivery: Literal["arbitrated", "direct", "native"]
    declared: bool
    set: bool | None = None
    signal: tuple[str, ...] = ()
    wait: tuple[str, ...] = ()
    signals: int = 0
    rate: float = 0.0
    denied: int = 0
    waiters: tuple[str, ...] = ()
    last_by: str = ""
    last_at: int = 0


class EventList(Model):
    events: tuple[EventView, ...]


class EventWait(Model):
    """Wait until one of the events is set, at most `timeout_s`."""

    names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)]
    timeout_s: Annotated[float, Field(gt=0, le=WAIT_MAX_S)] = 30.0


class EventWaited(Model):
    """Which event ended the wait; None: the time passed."""

    name: str | None = None
    at: int


# -- queues and locks


class RingView(Model):
    writer: str
    depth: int
    put: int
    taken: int
    refused: int
    sound: bool
    """Whether its words make sense: a guest may write anything over them."""


class QueueView(Model):
    """A queue. `depth`: messages that wait, over all rings."""

    name: str
    area: str
    slots: int
    slot_bytes: int
    reader: str
    depth: int = 0
    rings: tuple[RingView, ...] = ()


class QueueList(Model):
    queues: tuple[QueueView, ...]


class LockView(Model):
    """A lock. `owner`: who holds it, empty when it is free. `token`: the fencing token of the last acquisition. `sound`:
    whether the owner word names anybody."""

    name: str
    area: str
    kind: Literal["shared", "robust"]
    owner: str = ""
    token: int = 0
    waiters: bool = False
    died: bool = False
    sound: bool = True


class LockBreak(Model):
    """`force`: also when its holder lives."""

    name: Name
    force: bool = False


class LockList(Model):
    locks: tuple[LockView, ...]


# -- networks


class PortView(Model):
    """A guest's end of a network. `tap`: its interface on the host, empty while the guest is off."""

    guest: str
    mac: str
    ip: str | None = None
    tap: str = ""
    isolated: bool = False
    up: bool = False
    rx_bytes: int = 0
    tx_bytes: int = 0


class NetView(Model):
    name: str
    mode: str
    bridge: str
    cidr: str | None = None
    dhcp: bool
    uplink: str | None = None
    up: bool
    airgap: bool
    acl_rules: int
    dropped: int
    ports: tuple[PortView, ...] = ()


class NetList(Model):
    networks: tuple[NetView, ...]


# -- between the agent and guestwire-comm


class CommApply(Model):
    """Make a document true, or leave everything as it was. What the document has no more is set aside, with its content,
    until `comm-settle`: the document before brings it back."""

    document: CommDocument


class CommHeld(Model):
    """The document that holds; None: none was ever given."""

    document: CommDocument | None = None


class WantedPlug(Model):
    """An area's device in a guest. `backing` in bytes."""

    index: int
    name: str
    backing: int
    writable: bool
    generation: int


class GuestRefName(Model):
    """A guest by name."""

    guest: Annotated[str, StringConstraints(min_length=1, max_length=63)]


class CommPlugs(Model):
    """What a guest's domain has of ours: its areas' devices, the directory first."""

    plugs: tuple[WantedPlug, ...]


Mapped = Literal["read-only", "writable"]


class MappedRef(Model):
    """A file, as stat(2) names it, in the memory of a guest's QEMU."""

    uuid: str
    device: int
    inode: int


class CommMapped(Model):
    """How the QEMU has it mapped; None: it has not, or cannot be looked into."""

    mapped: Mapped | None = None


class CommMetricsAsked(Model):
    """`filtered`: also what the rules of networks kept back, which takes a process of its own to find out."""

    filtered: bool = False


class CommMetrics(Model):
    """Counters of everything at one moment, in rows without names of fields: they are asked for again and again. What a guest
    wrote over, so that it makes no sense, is left out; -1: the kernel alone knows. `began_at`: of the process, Unix ms, since
    which its counters count; those in shared memory, of interfaces and of rules began at their own times.

    areas    name, bytes, guests that run and have it plugged
    events   name, signals, denied, waiters, whether it is set: those of the document
    queues   name, messages that wait, slots, put, taken, refused, over all rings
    locks    name, held, waited for, times it was taken
    ports    network, guest, then as the guest counts them bytes and packets received, bytes and packets sent, and those that
             were dropped on the way to it and from it
    filtered network, packets
    guests   name, requests, denied, throttled: of those that are attached
    attached guests and processes"""

    began_at: int
    cpu_s: float
    resident_bytes: int
    region_bytes: int
    areas: tuple[tuple[str, int, int], ...] = ()
    events: tuple[tuple[str, int, int, int, int], ...] = ()
    queues: tuple[tuple[str, int, int, int, int, int], ...] = ()
    locks: tuple[tuple[str, int, int, int], ...] = ()
    ports: tuple[tuple[str, str, int, int, int, int, int, int], ...] = ()
    filtered: tuple[tuple[str, int], ...] = ()
    guests: tuple[tuple[str, int, int, int], ...] = ()
    attached: tuple[int, int] = (0, 0)


class CommFollow(Model):
    """Happenings after `seq` of `log`; waits up to `wait_s` for the next one."""

    log: bytes = b""
    seq: int = 0
    wait_s: Annotated[float, Field(ge=0, le=50)] = 25.0


class Happening(Model):
    """`kind`: ready (a guest said it is up), attached, detached, denied, throttled (a storm began), calm (it is over), log,
    data, flush, reaped, state; signalled, reset, broken (the cloud did that to the event or lock `name`; `guest`: who
    asked). `code` of the error table where there is one; `count`: how many of the same are in it, of throttled and calm how
    often the guest was made to wait in the storm. A denied one without a name: of other names than those told."""

    seq: int
    at: int
    kind: str
    guest: str = ""
    name: str = ""
    code: str = ""
    text: str = ""
    level: str = "info"
    truncated: bool = False
    count: int = 1
    data: bytes = b""


class Happenings(Model):
    """`log` names the numbering; `missed`: happenings that were dropped before they were read."""

    log: bytes
    missed: int
    happenings: tuple[Happening, ...]
