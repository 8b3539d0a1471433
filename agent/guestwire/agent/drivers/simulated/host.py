"""The simulated host: the Guests and HostInspection ports over a machine that is not there; `images`, `values`, `control`,
`guest_metrics` and `host_metrics` are its other ports.

It behaves as libvirt and QEMU do, to the error codes of a failing start; one contract suite runs against both.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal, Self

from guestwire.agent.drivers.simulated import definitions, inspection, store
from guestwire.agent.drivers.simulated.clockwork import Clockwork
from guestwire.agent.drivers.simulated.connection import Connection
from guestwire.agent.drivers.simulated.control import SimulatedControl
from guestwire.agent.drivers.simulated.defined_guests import DefinedGuests
from guestwire.agent.drivers.simulated.guest_metrics import SimulatedGuestMetrics
from guestwire.agent.drivers.simulated.host_metrics import SimulatedHostMetrics
from guestwire.agent.drivers.simulated.image_registry import ImageRegistry
from guestwire.agent.drivers.simulated.images import SimulatedImages
from guestwire.agent.drivers.simulated.inhabitants import Inhabitants
from guestwire.agent.drivers.simulated.injection import Injection
from guestwire.agent.drivers.simulated.kernel_state import KernelState
from guestwire.agent.drivers.simulated.kernel_values import SimulatedKernelValues
from guestwire.agent.drivers.simulated.memory import pages_free
from guestwire.agent.drivers.simulated.pci_slots import PciSlots
from guestwire.agent.drivers.simulated.process import Process
from guestwire.agent.drivers.simulated.runtime import Counters, GuestRuntime
from guestwire.agent.drivers.simulated.settings import Faults, Settings, hits
from guestwire.agent.drivers.simulated.start_checks import Situation, check_file, check_start, driver_error
from guestwire.agent.drivers.simulated.store import ON, GuestLog
from guestwire.agent.services.ports import Areas, BeforeItRuns, GuestEvent, Observed, Plug
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import ManagementPath
from guestwire.model.guest import Guest, GuestThread
from guestwire.model.host import DriverKind, HostFacts
from guestwire.model.machines import Machine
from guestwire.model.pinning import Pinning
from guestwire.model.topology import Topology


class SimulatedHost:
    """A host made of nothing: `async with SimulatedHost(MACHINES["4-core"], state_dir, clock=unix_ms) as host:`.

    machine     what it is (`machines.MACHINES`)
    state_dir   where all of its state is kept, durably, over a restart of the process (a guest that ran runs on); None
                keeps it in memory
    clock       the wall clock in Unix ms; all waiting is on the event loop's clock
    settings    its times; faults what is wrong with it, changed later by `set_faults`
    hostname    what it calls itself; its boot id follows from it
    areas       what guests with communication are plugged; None: nothing is
    inhabitant  the command of the process in a guest with communication ({name}: the guest's); empty: there is none

    Besides the ports it has what happens to a host by itself: `lose_connection`, `restore_connection`, `crash`,
    `reboot_inside`, `power_off_inside`, `write_console`, `reboot_host`, `power_off_host`, and `counters` to see what was
    done to a guest. Idle, it has no thread, timer or open file, and no task but one for each inhabitant. Opened once.
    """

    kind: DriverKind = "simulated"

    def __init__(
        self,
        machine: Machine,
        state_dir: Path | None = None,
        *,
        clock: Callable[[], int],
        settings: Settings = Settings(),  # noqa: B008 (frozen)
        faults: Faults = Faults(),  # noqa: B008 (frozen)
        hostname: str = "simulated",
        areas: Areas | None = None,
        inhabitant: Sequence[str] = (),
    ) -> None:
        self._injection = Injection(faults)
        self._hostname = hostname
        self._slots = PciSlots(areas)
        self._inhabitants = Inhabitants(inhabitant)
        self._connection = Connection(self._injection, clock=clock, guests=lambda: self._guests.observations())
        self._guests = DefinedGuests(
            GuestLog(state_dir), self._injection, changed=self._publish, gone=self._connection.tell_gone
        )
        self._kernel = KernelState(machine, state_dir, self._guests.processes)
        self._clockwork = Clockwork(
            settings, self._injection, clock=clock, kernel=lambda: self._kernel.machine.kernel,
            write=self._guests.write, publish=self._publish,
        )  # fmt: skip
        self.images = SimulatedImages(
            ImageRegistry(state_dir), self._injection, processes=self._guests.processes, clock=clock
        )
        self.values = SimulatedKernelValues(self._kernel, self._injection)
        self.control = SimulatedControl(
            self._kernel, state_dir, self._injection, delay_s=settings.reboot_s, reboot=self.reboot_host,
            power_off=self.power_off_host,
        )  # fmt: skip
        self.guest_metrics = SimulatedGuestMetrics(self._guests.find, self._call, clock)
        self.host_metrics = SimulatedHostMetrics(self._kernel, self._injection, self._guests.running_vcpus, clock)

    async def __aenter__(self) -> Self:
        self._guests.load()
        self._kernel.load()
        self.control.load()
        for runtime in self._guests:
            if runtime.power.state in ON:
                self._clockwork.carry_on(runtime)
                self._inhabit(runtime)
        self._connection.restore()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.control.close()
        await self._inhabitants.close()
        for runtime in self._guests:
            runtime.power_off()
        self._connection.feed.close()

    # -- the Guests port

    @property
    def connected(self) -> bool:
        return self._connection.up

    async def list(self) -> Sequence[Observed]:
        async with self._call("list"):
            return self._guests.observations()

    async def define(
        self, guest: Guest, pins: Pinning | None = None, bridges: Mapping[str, str] | None = None
    ) -> Observed:
        async with self._call("define", guest.name):
            return await self._guests.define(guest, pins)

    async def undefine(self, uuid: str) -> None:
        async with self._call("undefine", uuid):
            await self._guests.undefine(uuid)

    async def start(self, uuid: str, before_it_runs: BeforeItRuns | None = None) -> None:
        async with self._call("start", uuid):
            runtime = self._guests.get(uuid)
            if runtime.power.state == "running":
                return
            if runtime.power.state == "paused":
                raise runtime.wrong_state("the guest is paused: resume it")
            check_start(Process(runtime.guest, runtime.pins), self._situation())
            self._injection.check_disk()
            plugs = await self._slots.filled(runtime.guest)
            if runtime.power.state not in ON:  # nobody else started it meanwhile
                runtime.plugs = plugs
                self._clockwork.power_on(runtime)
        if before_it_runs is not None:  # its console keeps what nobody has read yet
            await before_it_runs()

    async def shutdown(self, uuid: str, mode: Literal["default", "acpi", "agent"] = "default") -> None:
        async with self._call("shutdown", uuid):
            runtime = self._guests.get(uuid)
            if runtime.power.state not in ON:
                return
            if runtime.power.state == "paused":
                raise runtime.wrong_state("a paused guest hears nothing: resume it")
            if mode == "agent" and not runtime.agent:
                raise runtime.wrong_state("the guest agent is not connected", agent="disconnected")
            deaf = mode != "agent" and hits(self._injection.faults.ignore_acpi, runtime.guest.name)
            # the button pressed before the operating system is up is lost, as on a real machine
            if runtime.up and not deaf and not runtime.is_due("off"):
                self._clockwork.press_button(runtime)

    async def destroy(self, uuid: str) -> None:
        async with self._call("destroy", uuid):
            runtime = self._guests.get(uuid)
            if runtime.power.state in ON:
                self._clockwork.power_off(runtime, "stopped", "destroyed")

    async def reset(self, uuid: str) -> None:
        async with self._call("reset", uuid):
            runtime = self._guests.get(uuid)
            if runtime.power.state != "running":
                raise runtime.wrong_state("only a running guest is reset")
            self._injection.check_disk()
            self._clockwork.restart(runtime, resets=runtime.power.resets + 1)

    async def pause(self, uuid: str) -> None:
        async with self._call("pause", uuid):
            runtime = self._guests.get(uuid)
            if runtime.power.state == "paused":
                return
            if runtime.power.state not in ON:
                raise runtime.wrong_state("the guest does not run")
            self._clockwork.set_power(runtime, runtime.power._replace(state="paused", reason="user"))
            runtime.freeze()
            self._publish(runtime)

    async def resume(self, uuid: str) -> None:
        async with self._call("resume", uuid):
            runtime = self._guests.get(uuid)
            if runtime.power.state == "running":
                return
            if runtime.power.state != "paused":
                raise runtime.wrong_state("the guest does not run")
            self._clockwork.set_power(runtime, runtime.power._replace(state="running", reason="unpaused"))
            runtime.thaw()
            self._publish(runtime)

    async def threads(self, uuid: str) -> Sequence[GuestThread]:
        async with self._call("threads", uuid):
            runtime = self._guests.get(uuid)
            if runtime.process is None:
                raise runtime.wrong_state("the guest has no process")
            first_tid = 10_000 + 1_100 * self._guests.place_of(uuid)
            return inspection.threads(runtime.process, self._kernel.topology(), first_tid)

    async def definition(self, uuid: str) -> str | None:
        async with self._call("definition", uuid):
            runtime = self._guests.find(uuid)
            return None if runtime is None else definitions.to_text(runtime.guest, runtime.pins)

    async def restore(self, uuid: str, definition: str | None) -> None:
        async with self._call("restore", uuid):
            if definition is None:
                await self._guests.undefine(uuid)
            else:
                await self._guests.define(*definitions.from_text(definition))

    async def forget(self, uuid: str) -> None:
        """A simulated guest leaves nothing."""

    async def networks(self) -> frozenset[str]:
        async with self._call("networks"):
            return frozenset({"default"})

    async def adopt(self, guest: Guest) -> None:
        async with self._call("adopt", guest.name):
            runtime = self._guests.get(guest.uuid or "")
            await self._guests.define(guest, runtime.pins)

    async def retune(self, uuid: str) -> None:
        async with self._call("retune", uuid):
            runtime = self._guests.get(uuid)
            if runtime.process is not None and runtime.process.pins != runtime.pins:
                self._guests.write(runtime, store.retuned())
                runtime.process = runtime.process.with_pins(runtime.pins)

    async def plug(self, uuid: str) -> None:
        async with self._call("plug", uuid):
            runtime = self._guests.get(uuid)
            if runtime.process is None or not runtime.process.guest.has_comm:
                return
            boots = runtime.power.boots
            plugs = await self._slots.filled(runtime.process.guest, runtime.plugs)
            if runtime.process is not None and runtime.power.boots == boots:
                runtime.plugs = plugs

    async def change_media(self, uuid: str, disk: int, path: str | None) -> None:
        async with self._call("change_media", uuid):
            runtime = self._guests.get(uuid)
            if runtime.process is None:
                return
            disks = runtime.process.guest.disks
            if not 0 <= disk < len(disks) or disks[disk].device != "cdrom":
                raise driver_error(
                    8, 10, f"invalid argument: disk {disk} of {runtime.guest.name} is no removable drive"
                )
            if path is not None and (error := check_file(path, self._situation())) is not None:
                raise error
            self._guests.write(runtime, store.media(disk, path))
            runtime.process = runtime.process.with_media(disk, path)

    async def xml(self, uuid: str) -> str:
        self._guests.get(uuid)
        raise GuestwireError("UNSUPPORTED", "A simulated host has no domain XML.")

    async def grow_disk(self, uuid: str, disk: int, size_mib: int) -> None:
        async with self._call("grow_disk", uuid):
            runtime = self._guests.get(uuid)
            if runtime.process is None:
                raise runtime.wrong_state("the guest does not run")
            disks = runtime.process.guest.disks
            path = disks[disk].path if 0 <= disk < len(disks) else None
            if path is None:
                raise driver_error(8, 10, f"invalid argument: invalid path {disk} not assigned to domain")
            await self.images.grow(path, size_mib)

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[GuestEvent]]:
        return self._connection.feed.read()

    @asynccontextmanager
    async def console(self, uuid: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._call("console", uuid):
            runtime = self._guests.get(uuid)
            if runtime.console is None:
                raise runtime.wrong_state("the guest does not run")
            console = runtime.console
            console.open()
        try:
            yield console.read()
        finally:
            console.close()

    # -- the HostInspection port

    async def topology(self) -> Topology:
        with self._injection.call("inspection.topology"):
            return self._kernel.topology()

    async def described(self, topology: Topology, broker: str | None) -> Topology:
        with self._injection.call("inspection.described"):
            return inspection.described(topology, self._hostname, inspection.management(broker))

    async def facts(self) -> HostFacts:
        with self._injection.call("inspection.facts"):
            return inspection.facts(self._kernel, self._hostname, self._guests.host_boots, self._injection.faults)

    async def management(self, broker: str | None) -> ManagementPath:
        with self._injection.call("inspection.management"):
            return inspection.management(broker)

    # -- what happens to a host by itself

    def set_faults(self, faults: Faults) -> None:
        """Give the host these faults, and no others, from now on."""
        self._injection.replace(faults)

    def lose_connection(self, reason: str = "the hypervisor's daemon stopped") -> None:
        """Calls fail with DRIVER-LOST, consoles end; the guests run on unseen."""
        if self.connected:
            for runtime in self._guests:
                runtime.cut_console()
            self._connection.lose(reason)

    def restore_connection(self) -> None:
        if not self.connected:
            self._connection.restore()

    def crash(self, uuid: str) -> None:
        """The guest's operating system panics: the guest is crashed."""
        self._clockwork.crash(self._guests.get(uuid))

    def reboot_inside(self, uuid: str) -> None:
        """The guest reboots by itself."""
        runtime = self._guests.get(uuid)
        if runtime.power.state == "running":
            self._clockwork.restart(runtime, resets=runtime.power.resets)

    def power_off_inside(self, uuid: str) -> None:
        """The guest switches itself off."""
        if (runtime := self._guests.get(uuid)).power.state in ON:
            self._clockwork.shut_off(runtime)

    def write_console(self, uuid: str, data: bytes) -> None:
        """The guest writes to its console. Nothing is kept of it beyond what a terminal buffers."""
        if (console := self._guests.get(uuid).console) is not None:
            console.write(data)

    def reboot_host(self, machine: Machine | None = None) -> None:
        """Power-cycle the host, as another machine if one is given (a BIOS change). Its guests are off afterwards."""
        self.power_off_host("the host reboots", "host rebooted")
        self._guests.count_host_boot()
        self._injection.booted()
        self._kernel.boot(machine or self._kernel.machine)
        self.control.booted()
        self.host_metrics.booted()
        self.restore_connection()

    def power_off_host(self, reason: str = "the host is off", guest_reason: str = "host off") -> None:
        """Take the host's power away: nothing answers until `reboot_host`, or a new process that opens it."""
        self.lose_connection(reason)
        for runtime in self._guests:
            if runtime.power.state in ON:
                self._clockwork.power_off(runtime, "stopped", guest_reason)

    def plugged(self, uuid: str) -> tuple[Plug, ...]:
        """What is plugged into a guest, as far as this process knows."""
        return self._guests.get(uuid).plugs

    def counters(self, uuid: str) -> Counters:
        return self._guests.get(uuid).counters()

    # -- inside

    def _call(self, method: str, subject: str = "") -> AbstractAsyncContextManager[None]:
        """One call of the Guests port; `subject` is a guest's uuid, or its name."""
        runtime = self._guests.find(subject)
        return self._connection.call(f"guests.{method}", subject if runtime is None else runtime.guest.name)

    def _inhabit(self, runtime: GuestRuntime) -> None:
        """Whoever lives in the guest comes and goes with it."""
        process, power = runtime.process, runtime.power
        alive = process is not None and process.guest.has_comm and power.state in ON
        life = (power.boots, power.resets, power.since_ms) if alive else None
        self._inhabitants.follow((process or runtime).guest.name, life)

    def _publish(self, runtime: GuestRuntime, rebooted: bool = False) -> None:
        self._inhabit(runtime)
        self._connection.tell_changed(runtime.observed(), rebooted=rebooted)

    def _situation(self) -> Situation:
        return Situation(
            self._kernel.topology(),
            self._injection.faults,
            self._kernel.machine.memory_mib - self._kernel.memory_used_mib(),
            self.images.exists,
            lambda size, nodes: pages_free(self._guests.processes(), self._kernel.pools(), size, nodes),
        )
