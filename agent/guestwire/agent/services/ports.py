"""The ports that services need of a host; drivers implement them and know nothing else of the services.

One contract suite per port runs against every driver (tests/contract/). Methods raise GuestwireError with these codes
and no others: NOT-FOUND (no such guest), WRONG-STATE (`detail["state"]`), NAME-DUP, GUEST-ID-DUP, DRIVER-ERROR
(`detail` = the hypervisor's own code, domain and text), DRIVER-LOST (no connection: nothing was done, or it cannot be
known: then INDETERMINATE), RESOURCE-EXHAUSTED, UNSUPPORTED; define and restore also DOCUMENT-INVALID.
"""

from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from guestwire.agent.services.communication import Communication
from guestwire.model.facts import FileFact, ManagementPath
from guestwire.model.guest import Guest, GuestThread
from guestwire.model.host import DriverKind, HostFacts
from guestwire.model.pinning import Pinning
from guestwire.model.settings import HostSettings
from guestwire.model.topology import Topology
from guestwire.model.usage import GuestTimes, GuestUsage, HostCondition, HostLoad, HostTimes, Interrupts

PowerState = Literal["stopped", "running", "paused", "stopping", "crashed", "unknown"]
"""What a hypervisor knows of a guest. `starting` and `ready` are the guest service's: they need `ready_when`."""
OFF: Final = ("stopped", "crashed")
ON: Final = ("running", "paused", "stopping")


@dataclass(frozen=True, slots=True)
class Observed:
    """A guest as the hypervisor has it: its definition (identifiers settled), power state, and the reason for it.
    `of_other`: the id of the other host whose guest it is; "" where it is none."""

    guest: Guest
    state: PowerState
    reason: str = ""
    agent_connected: bool = False
    of_other: str = ""


@dataclass(frozen=True, slots=True)
class Resynced:
    """The connection stands (again). `epoch` counts connections from 1; `guests` is everything, listed anew."""

    epoch: int
    guests: tuple[Observed, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection to the hypervisor went; until the next `Resynced` every state is unknown."""

    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A guest was defined, changed its state, or its guest agent came or went. Carries the whole new observation."""

    epoch: int
    at_ms: int
    observed: Observed
    rebooted: bool = False
    """The guest rebooted by itself or was reset: it must earn `ready` again."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A guest was undefined."""

    epoch: int
    at_ms: int
    uuid: str


@dataclass(frozen=True, slots=True)
class ImageSnapshot:
    """A snapshot inside a disk image. `at` in Unix ms."""

    name: str
    at: int


GuestEvent = Resynced | Lost | Changed | Gone


@dataclass(frozen=True, slots=True)
class Plug:
    """A memory area's device in a guest: its acpi-index, the area's name, the region's size in bytes, and which region of that
    name it is."""

    index: int
    name: str
    backing: int
    writable: bool
    generation: int


class Areas(Protocol):
    """The memory areas of a host, as guestwire-comm has them. Raises COMM-NOT-STARTED, COMM-LOST."""

    async def wanted(self, uuid: str) -> Sequence[Plug]:
        """What the guest is to have, the directory first; nothing for one that has no communication."""
        ...

    def opened(self, uuid: str, plug: Plug) -> AbstractAsyncContextManager[int]:
        """The area's region as a file descriptor, read-only unless the plug is writable; closed on leaving."""
        ...


BeforeItRuns = Callable[[], Coroutine[Any, Any, None]]


class Guests(Protocol):
    """Guests of one hypervisor. Opened with `async with driver:`; every method is safe to call from one loop at once.

    start, shutdown, destroy, pause, resume, define and undefine are idempotent: in the wanted state already they do
    nothing and return. shutdown only asks (ACPI or guest agent) and returns; the state follows by event.
    """

    @property
    def kind(self) -> DriverKind: ...

    @property
    def connected(self) -> bool: ...

    async def list(self) -> Sequence[Observed]:
        """Every guest that is defined, in order of id. Guests made by other tools have `id` None until adopted."""
        ...

    async def define(
        self, guest: Guest, pins: Pinning | None = None, bridges: Mapping[str, str] | None = None
    ) -> Observed:
        """Make or replace the definition of guest.uuid (id and uuid are set; disks have paths). A running guest keeps
        running as it is. `pins`: where its threads and memory go, as `model.pinning` found; None: anywhere. `bridges`: of the
        networks of the project that its cards are on, by name; None: as the driver was told of them."""
        ...

    async def undefine(self, uuid: str) -> None:
        """Forget the definition; disks, UEFI variables and TPM stay. WRONG-STATE while it runs. An unknown uuid is no error."""
        ...

    async def start(self, uuid: str, before_it_runs: BeforeItRuns | None = None) -> None:
        """`before_it_runs`, which raises nothing, is awaited, for some seconds at most, when the guest's console can be
        opened and has lost nothing of what the guest says. Not for a guest that is on."""
        ...

    async def shutdown(self, uuid: str, mode: Literal["default", "acpi", "agent"] = "default") -> None: ...

    async def destroy(self, uuid: str) -> None:
        """Take the power away, at once."""
        ...

    async def reset(self, uuid: str) -> None:
        """Press the reset button: once per call, never repeated by the driver. WRONG-STATE unless it runs."""
        ...

    async def pause(self, uuid: str) -> None: ...

    async def resume(self, uuid: str) -> None: ...

    async def threads(self, uuid: str) -> Sequence[GuestThread]:
        """The threads of the guest's process; WRONG-STATE when it has none."""
        ...

    async def definition(self, uuid: str) -> str | None:
        """The definition as the hypervisor keeps it, opaque (libvirt: the inactive XML); None: there is none."""
        ...

    async def restore(self, uuid: str, definition: str | None) -> None:
        """Make the definition what `definition` once gave: None undefines. A running guest keeps running. Idempotent."""
        ...

    async def xml(self, uuid: str) -> str:
        """The definition as domain XML, for people and other tools. NOT-FOUND."""
        ...

    async def forget(self, uuid: str) -> None:
        """Remove what is left of a guest that is not defined any more (UEFI variables, TPM). Idempotent."""
        ...

    async def networks(self) -> frozenset[str]:
        """The names of the networks that the hypervisor has by itself."""
        ...

    async def adopt(self, guest: Guest) -> None:
        """Give a domain of another tool our identifiers: from now on it is seen as `guest`. Nothing else of its definition
        changes. NOT-FOUND when there is no such domain. Idempotent."""
        ...

    async def retune(self, uuid: str) -> None:
        """Make the threads of a running guest run where and how its definition says (pins, scheduler), at once. A guest
        that does not run needs nothing."""
        ...

    async def plug(self, uuid: str) -> None:
        """Make the memory areas' devices of a running guest what `Areas.wanted` says: plug, unplug, and plug anew with another
        access or generation. A guest that is off, or has no communication, needs nothing. AREA-NOT-PLUGGED when a device did
        not come or go in time, or there is no place for it: all others are as they should be. Raises as `Areas` does, too.
        Idempotent."""
        ...

    async def change_media(self, uuid: str, disk: int, path: str | None) -> None:
        """Put another medium into a cdrom drive of a running guest (`disk` counts the definition's disks), or take it out
        (None). A guest that does not run needs nothing: its definition says it."""
        ...

    async def grow_disk(self, uuid: str, disk: int, size_mib: int) -> None:
        """Make a disk of a running guest larger, at once. WRONG-STATE unless it runs."""
        ...

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[GuestEvent]]:
        """Everything that happens, from a `Resynced` (or `Lost`) on. One bounded queue per reader: a reader that falls
        behind is given a fresh `Resynced` in place of what it missed, never a gap it cannot see."""
        ...

    def console(self, uuid: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """What the guest writes to its first serial console, from now on; ends when the guest stops.

        Does not take the console away from a person who has it open (then: UNSUPPORTED with the reason).
        """
        ...


class HostInspection(Protocol):
    """What the operating system says of the machine."""

    async def topology(self) -> Topology: ...

    async def described(self, topology: Topology, broker: str | None) -> Topology:
        """The topology with what is told of its devices besides: names, network adapters with their links and addresses,
        and USB devices. `broker` as for `management`, which says what adapters the host is managed over."""
        ...

    async def facts(self) -> HostFacts: ...

    async def management(self, broker: str | None) -> ManagementPath:
        """What the host's management hangs on, as the kernel's routes and block devices tell it. `broker`: the IP address
        that the broker is reached at, None where there is none."""
        ...


class Images(Protocol):
    """Disk images of the host, by absolute path. Raises NOT-FOUND, EXISTS, IMAGE-IN-USE (a running guest has it open),
    RESOURCE-EXHAUSTED (disk), UNSUPPORTED (snapshots of a raw image), DRIVER-ERROR (`detail` = the tool's words). A call
    that fails leaves nothing half made behind. Every call may block for as long as the disk takes."""

    async def probe(self, paths: Sequence[str]) -> Mapping[str, FileFact]:
        """What is known of each path. A path that is missing has `exists` False."""
        ...

    async def create(self, path: str, format: Literal["qcow2", "raw"], size_mib: int) -> None:
        """Make an empty image; its folder is made too. EXISTS when there is a file."""
        ...

    async def clone(self, source: str, path: str, format: Literal["qcow2", "raw"]) -> None:
        """Make a full, independent copy. EXISTS when there is a file."""
        ...

    async def resize(self, path: str, size_mib: int, *, shrink: bool = False) -> None:
        """Make the image as large as that. `shrink` allows a smaller size: only to take back a growth nobody used yet."""
        ...

    async def set_aside(self, path: str) -> str:
        """Rename it to a hidden name beside itself, and return that: the content is kept until `remove`. Idempotent: for a
        path that was set aside already, the same name."""
        ...

    async def put_back(self, aside: str, path: str) -> None:
        """Undo `set_aside`. Idempotent."""
        ...

    async def remove(self, path: str) -> None:
        """Delete it. A path that is missing is no error."""
        ...

    async def snapshots(self, path: str) -> Sequence[ImageSnapshot]: ...

    async def snapshot(self, path: str, name: str) -> None:
        """Keep the content as it is under a name (EXISTS when there is one). The guest must be off."""
        ...

    async def revert(self, path: str, name: str) -> None: ...

    async def delete_snapshot(self, path: str, name: str) -> None: ...


class KernelValues(Protocol):
    """Values of procfs, sysfs and cgroupfs, by absolute path."""

    async def read(self, paths: Sequence[str]) -> Mapping[str, str | None]:
        """The text of each file without its last newline; None where there is none or it cannot be read."""
        ...

    async def write(self, path: str, value: str) -> str:
        """Write, and read back: a kernel may take less than it was given. Raises NOT-FOUND, UNSUPPORTED (the kernel refuses
        the write, for one the affinity of a managed interrupt), DRIVER-ERROR."""
        ...


class HostControl(Protocol):
    """Settings of the host (`model.settings`, by field name) and its power. Raises UNSUPPORTED where the host has no such
    thing, DRIVER-ERROR where a tool failed, RESOURCE-EXHAUSTED (huge pages, swap)."""

    async def settings(self) -> HostSettings:
        """What is set now, as far as it can be read; None where it cannot."""
        ...

    async def capture(self, name: str) -> str:
        """The exact state of one setting (files and running values), opaque, for `restore`."""
        ...

    async def set(self, name: str, wanted: HostSettings) -> None:
        """Make one setting true, now and after a boot. Idempotent."""
        ...

    async def restore(self, name: str, state: str) -> None:
        """Put back what `capture` gave. Idempotent."""
        ...

    async def reboot(self, *, force: bool = False) -> None:
        """Begin a reboot of the host and return."""
        ...

    async def power_off(self, *, force: bool = False) -> None: ...


class GuestMetrics(Protocol):
    """What guests use. Looking must not disturb them: no vCPU is interrupted, and nothing waits for a guest that hangs. Guests
    that are off, or not there, are left out. Raises DRIVER-LOST, also while an earlier look has not come back."""

    async def times(self, uuids: Collection[str]) -> Sequence[GuestTimes]:
        """Processor times. Cheap: asked every second."""
        ...

    async def usage(self, uuids: Collection[str]) -> Sequence[GuestUsage]:
        """Memory, disks and network cards. Asked every ten seconds."""
        ...


class HostMetrics(Protocol):
    """What the host uses. Looking interrupts no CPU but the one it is done on. Raises DRIVER-ERROR."""

    async def times(self) -> HostTimes:
        """Processor times. Cheap: asked every second."""
        ...

    async def load(self) -> HostLoad:
        """Memory, load, pressure, disks, network adapters, nodes. Asked every ten seconds, and so is `interrupts`."""
        ...

    async def interrupts(self) -> Interrupts: ...

    async def condition(self) -> HostCondition:
        """Temperatures, file systems, where pages come from. Asked every minute."""
        ...


@dataclass(frozen=True, slots=True)
class Drivers:
    """The drivers of one host, open."""

    guests: Guests
    inspection: HostInspection
    images: Images
    control: HostControl
    kernel: KernelValues
    comm: Communication | None = None
    """None: this host has no communication services."""
    guest_metrics: GuestMetrics | None = None
    host_metrics: HostMetrics | None = None
    """None: this driver measures nothing of it."""
