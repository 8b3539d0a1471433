"""The ports that services need of a host; drivers implement them and know nothing else of the services.

One contract suite per port runs against every driver (tests/contract/). Methods raise GuestwireError with these codes
and no others: NOT-FOUND (no such guest), WRONG-STATE (`detail["state"]`), NAME-DUP, GUEST-ID-DUP, DRIVER-ERROR
(`detail` = the hypervisor's own code, domain and text), DRIVER-LOST (no connection: nothing was done, or it cannot be
known: then INDETERMINATE), RESOURCE-EXHAUSTED, UNSUPPORTED, CPUSET-SYNTAX and CPUSET-UNKNOWN (define).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from guestwire.model.guest import Guest, GuestThread
from guestwire.model.host import DriverKind, HostFacts
from guestwire.model.topology import Topology

PowerState = Literal["stopped", "running", "paused", "stopping", "crashed", "unknown"]
"""What a hypervisor knows of a guest. `starting` and `ready` are the guest service's: they need `ready_when`."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A guest as the hypervisor has it: its definition (identifiers settled), power state, and the reason for it."""

    guest: Guest
    state: PowerState
    reason: str = ""
    agent_connected: bool = False


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


GuestEvent = Resynced | Lost | Changed | Gone


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

    async def define(self, guest: Guest) -> Observed:
        """Make or replace the definition of guest.uuid (id and uuid are set). A running guest keeps running as it is."""
        ...

    async def undefine(self, uuid: str) -> None:
        """Forget the definition; disks stay. WRONG-STATE while it runs. An unknown uuid is no error."""
        ...

    async def start(self, uuid: str) -> None: ...

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

    async def facts(self) -> HostFacts: ...
