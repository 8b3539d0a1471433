"""The Guests port over libvirt: one method, one libvirt call. Events are `watch`'s, the connection `connection`'s."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext, suppress
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from xml.etree.ElementTree import fromstring

import libvirt

from guestwire.agent.drivers.libvirt import definitions, live
from guestwire.agent.drivers.libvirt.areas import PluggedAreas
from guestwire.agent.drivers.libvirt.connection import Connection
from guestwire.agent.drivers.libvirt.console import open_console
from guestwire.agent.drivers.libvirt.definitions import wrong_state
from guestwire.agent.drivers.libvirt.errors import translate
from guestwire.agent.drivers.libvirt.metrics import LibvirtMetrics, Processes
from guestwire.agent.drivers.libvirt.observe import observe_all
from guestwire.agent.drivers.libvirt.paused_start import start_paused, undo_half_started
from guestwire.agent.drivers.libvirt.read_only import HowMapped, ReadOnly
from guestwire.agent.drivers.libvirt.starts import Starts
from guestwire.agent.drivers.libvirt.states import power
from guestwire.agent.drivers.libvirt.watch import Watch
from guestwire.agent.services.ports import Areas, BeforeItRuns, GuestEvent, Observed
from guestwire.formats.domain_xml import policy
from guestwire.formats.domain_xml.choices import Wiring
from guestwire.formats.domain_xml.communication import comm_devices
from guestwire.formats.domain_xml.writer import to_xml
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestThread
from guestwire.model.host import DriverKind
from guestwire.model.pinning import Pinning

T = TypeVar("T")

_START_S = 120.0
_PREPARE_S = 10.0
_AGENT_S = 10
_UNDO_S = 5.0
_SHUTDOWN_FLAGS: Mapping[str, int] = {
    "default": libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
    "acpi": libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
    "agent": libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
}


class LibvirtGuests:
    """Guests of one libvirt: `async with LibvirtGuests(uri, ...) as guests:`. It opens whether or not libvirt is there.

    threads_of       the threads of the process that runs a domain, by uuid; empty when there is none; may block
    clock            the wall clock in Unix ms
    hypervisor_type  auto | qemu | kvm; kvm_proven: a test boot under KVM passed on this machine
    host             the host's id: its guests carry it, and nothing is done to those of another, which are seen without an id of a
                     guest, but that they may be adopted. "": the guests of every host are ours
    comm_dir         where guestwire-comm has its sockets; None: guests get nothing for communication. `bridges`: then also the
                     bridge of each of the project's networks, at the time
    areas            the memory areas; None: none are plugged. `mapped` tells how QEMU has them: a guest does not get one
                     writable that it may only read
    starting         the folder, which is made, that tells of starts under way: those that the death of a process left half done
                     are undone; None: none are

    A shutdown by `default` or `acpi` presses the power button; `agent` asks the guest agent.
    """

    kind: DriverKind = "libvirt"

    def __init__(
        self,
        uri: str = "qemu:///system",
        *,
        threads_of: Callable[[str], Sequence[GuestThread]],
        clock: Callable[[], int],
        hypervisor_type: policy.HypervisorType = "auto",
        kvm_proven: bool = False,
        areas: Areas | None = None,
        comm_dir: Path | None = None,
        host: str = "",
        bridges: Callable[[], Mapping[str, str]] = dict,
        mapped: HowMapped = lambda _uuid, _file: None,
        starting: Path | None = None,
    ) -> None:
        self._threads_of = threads_of
        self._hypervisor_type = hypervisor_type
        self._kvm_proven = kvm_proven
        self._comm_dir = comm_dir
        self._host = host
        self._bridges = bridges
        self._watch = Watch(clock, host)
        self._starts = Starts(starting)
        self._areas = (
            None
            if areas is None or comm_dir is None
            else PluggedAreas(areas, comm_dir, self._on_domain, self._watch, self._starts, ReadOnly(mapped))
        )
        self._connection = Connection(uri, on_up=self._on_up, on_lost=self._watch.on_lost, check=self._watch.check)
        self._defining = asyncio.Lock()
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._watch)
        await self._open.enter_async_context(self._connection)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._open.aclose()

    async def _on_up(self, connection: Connection, epoch: int) -> None:
        with suppress(GuestwireError):  # a QEMU that hangs must not keep us from all the others
            await connection.call(
                lambda conn: undo_half_started(conn, self._starts, self._host), effect=False, deadline_s=_UNDO_S
            )
        await self._watch.on_up(connection, epoch)

    def metrics(self, processes: Processes) -> LibvirtMetrics:
        """What these guests use, over the same connection."""
        return LibvirtMetrics(self._connection, processes)

    @property
    def connected(self) -> bool:
        return self._connection.connected

    async def list(self) -> Sequence[Observed]:
        return await self._connection.call(lambda conn: observe_all(conn, self._host), effect=False)

    async def define(
        self, guest: Guest, pins: Pinning | None = None, bridges: Mapping[str, str] | None = None
    ) -> Observed:
        uuid = guest.uuid
        if uuid is None or guest.id is None:
            raise ValueError("a definition needs its id and uuid")

        comm, wiring = None, None
        if self._comm_dir is not None:
            comm, wiring = (
                comm_devices(guest, str(self._comm_dir)),
                Wiring(self._host, dict(self._bridges() if bridges is None else bridges)),
            )

        def act(conn: Any) -> Observed:
            kind = policy.hypervisor(self._hypervisor_type, kvm_offered=_offers_kvm(conn), kvm_proven=self._kvm_proven)
            choices = policy.choices(guest, kind, pins, comm=comm, wiring=wiring)
            return definitions.define(conn, guest, to_xml(guest, choices, self._host), self._host)

        async with self._defining:  # between the look for duplicates and the definition no other may slip in
            observed = await self._connection.call(act, effect=True, key=uuid)
        self._watch.defined(observed)
        return observed

    async def undefine(self, uuid: str) -> None:
        def act(domain: Any) -> None:
            if domain.isActive():
                raise wrong_state(domain, "the guest runs")
            definitions.undefine(domain)

        try:
            await self._on_domain(uuid, act)
        except GuestwireError as err:
            if err.code != "NOT-FOUND":
                raise
        self._watch.undefined(uuid)

    async def networks(self) -> frozenset[str]:
        def act(conn: Any) -> frozenset[str]:
            return frozenset(network.name() for network in conn.listAllNetworks())

        return await self._connection.call(act, effect=False)

    async def forget(self, uuid: str) -> None:
        """Remove what is left of a guest that is not defined any more: its UEFI variables and its TPM. They outlive
        `undefine`, as disks do. Idempotent."""
        async with self._defining:
            await self._connection.call(lambda conn: definitions.forget(conn, uuid), effect=True, key=uuid)

    async def definition(self, uuid: str) -> str | None:
        """The inactive XML, passwords included, and the autostart flag, as one JSON text."""

        def act(conn: Any) -> str | None:
            domain = definitions.find(conn, uuid)
            return None if domain is None else definitions.save(domain)

        return await self._connection.call(act, effect=False)

    async def restore(self, uuid: str, definition: str | None) -> None:
        async with self._defining:
            observed = await self._connection.call(
                lambda conn: definitions.restore(conn, uuid, definition, self._host), effect=True, key=uuid
            )
        if observed is not None:
            self._watch.defined(observed)
        else:
            self._watch.undefined(uuid)

    async def adopt(self, guest: Guest) -> None:
        async with self._defining:
            observed = await self._connection.call(
                lambda conn: definitions.adopt(conn, guest, self._host), effect=True, key=guest.uuid
            )
        self._watch.defined(observed)

    async def xml(self, uuid: str) -> str:
        """The inactive domain XML, without passwords. Raises NOT-FOUND."""
        return await self._on_domain(uuid, definitions.inactive_xml, effect=False)

    async def start(self, uuid: str, before_it_runs: BeforeItRuns | None = None) -> None:
        loop = asyncio.get_running_loop()

        def prepare() -> None:
            """In the thread of the start. What takes too long keeps no guest off."""
            if before_it_runs is None:
                return
            preparing = asyncio.run_coroutine_threadsafe(before_it_runs(), loop)
            with suppress(TimeoutError):
                preparing.result(_PREPARE_S)
            preparing.cancel()

        if self._areas is not None and await self._areas.start(uuid, _START_S, prepare):
            return

        def act(domain: Any) -> None:
            state = _power(domain)
            if state == "paused":
                raise wrong_state(domain, "the guest is paused: resume it")
            if state != "running" and before_it_runs is None:
                domain.create()
            elif state != "running":
                start_paused(domain, self._starts, prepare)

        with nullcontext() if before_it_runs is None else self._watch.held(uuid):
            await self._on_domain(uuid, act, deadline_s=_START_S)

    async def shutdown(self, uuid: str, mode: Literal["default", "acpi", "agent"] = "default") -> None:
        def act(domain: Any) -> None:
            if not domain.isActive():
                return
            if _power(domain) == "paused":
                raise wrong_state(domain, "a paused guest hears nothing: resume it")
            if mode == "agent":
                domain.agentSetResponseTimeout(_AGENT_S)
            domain.shutdownFlags(_SHUTDOWN_FLAGS[mode])

        await self._on_domain(uuid, act)

    async def destroy(self, uuid: str) -> None:
        def act(domain: Any) -> None:
            if not domain.isActive():
                return
            try:
                domain.destroy()
            except libvirt.libvirtError:
                # libvirt 9.0 kills QEMU, and where its monitor notices first it says "domain is not running"
                if domain.isActive():
                    raise

        await self._on_domain(uuid, act)

    async def reset(self, uuid: str) -> None:
        def act(domain: Any) -> None:
            if _power(domain) != "running":
                raise wrong_state(domain, "only a running guest is reset")
            domain.reset()

        await self._on_domain(uuid, act)

    async def pause(self, uuid: str) -> None:
        await self._on_domain(uuid, lambda domain: None if _power(domain) == "paused" else domain.suspend())

    async def resume(self, uuid: str) -> None:
        await self._on_domain(uuid, lambda domain: None if _power(domain) == "running" else domain.resume())

    async def threads(self, uuid: str) -> Sequence[GuestThread]:
        def act(domain: Any) -> Sequence[GuestThread]:
            if not domain.isActive() or not (threads := self._threads_of(uuid)):
                raise wrong_state(domain, "the guest has no process")
            return threads

        return await self._on_domain(uuid, act, effect=False)

    async def retune(self, uuid: str) -> None:
        """Pins only: libvirt has no call for the scheduler of vCPUs that run."""
        await self._on_domain(uuid, lambda domain: live.retune(domain.connect(), domain))

    async def plug(self, uuid: str) -> None:
        if self._areas is not None:
            await self._areas.plug(uuid)

    async def change_media(self, uuid: str, disk: int, path: str | None) -> None:
        await self._on_domain(uuid, lambda domain: live.change_media(domain, disk, path))

    async def grow_disk(self, uuid: str, disk: int, size_mib: int) -> None:
        await self._on_domain(uuid, lambda domain: live.grow_disk(domain, disk, size_mib))

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[GuestEvent]]:
        return self._watch.feed.read()

    def console(self, uuid: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return open_console(self._connection, uuid)

    async def version(self) -> str:
        """libvirt's and QEMU's versions, as people write them."""

        def act(conn: Any) -> str:
            return f"libvirt {_dotted(conn.getLibVersion())}, {conn.getType()} {_dotted(conn.getVersion())}"

        return await self._connection.call(act, effect=False)

    async def _on_domain(
        self, uuid: str, act: Callable[[Any], T], *, effect: bool = True, deadline_s: float | None = None
    ) -> T:
        def on_domain(conn: Any) -> T:
            try:
                domain = conn.lookupByUUIDString(uuid)
            except libvirt.libvirtError as err:
                raise translate(err, effect=False) from err  # nothing was done yet
            try:
                if effect:
                    definitions.refuse_of_others(domain, self._host)
                return act(domain)
            except libvirt.libvirtError as err:
                if err.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
                    raise wrong_state(domain, str(err.get_error_message())) from err
                if err.get_error_code() == libvirt.VIR_ERR_AGENT_UNRESPONSIVE:
                    raise wrong_state(domain, str(err.get_error_message()), agent="disconnected") from err
                raise

        try:
            return await self._connection.call(on_domain, effect=effect, key=uuid, deadline_s=deadline_s)
        finally:
            if effect:
                self._watch.touched(uuid)


def _power(domain: Any) -> str:
    return power(*domain.state())[0]


def _offers_kvm(conn: Any) -> bool:
    capabilities = fromstring(conn.getCapabilities())  # noqa: S314 (from libvirt)
    domains = capabilities.findall("guest/arch[@name='x86_64']/domain")
    return any(domain.get("type") == "kvm" for domain in domains)


def _dotted(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
