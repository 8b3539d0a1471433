"""The simulated host: the Guests and HostInspection ports over a machine that is not there.

It behaves as libvirt and QEMU do, to the error codes of a failing start; one contract suite runs against both.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Literal, Self

from guestwire.agent.drivers.duplicates import refuse_duplicates
from guestwire.agent.drivers.feed import Feed
from guestwire.agent.drivers.simulated import inspection
from guestwire.agent.drivers.simulated.console import Console
from guestwire.agent.drivers.simulated.machines import Machine
from guestwire.agent.drivers.simulated.runtime import Counters, GuestRuntime
from guestwire.agent.drivers.simulated.settings import Faults, Settings, hits
from guestwire.agent.drivers.simulated.start_checks import Situation, check_start
from guestwire.agent.drivers.simulated.store import GuestLog, Power, Stored
from guestwire.agent.services.ports import Changed, Gone, GuestEvent, Lost, Observed, PowerState, Resynced
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestThread
from guestwire.model.host import DriverKind, HostFacts
from guestwire.model.pinning import pinning
from guestwire.model.topology import Topology

_ON: frozenset[PowerState] = frozenset({"running", "paused", "stopping"})


class SimulatedHost:
    """A host made of nothing: `async with SimulatedHost(MACHINES["4-core"], state_dir, clock=unix_ms) as host:`.

    machine     what it is (`machines.MACHINES`)
    state_dir   where definitions, power states and counters are kept, durably, over a restart of the process (a guest
                that ran runs on); None keeps them in memory
    clock       the wall clock in Unix ms; all waiting is on the event loop's clock
    settings    its times; faults what is wrong with it, changed later by `set_faults`
    hostname    what it calls itself; its boot id follows from it

    Besides the ports it has what happens to a host by itself: `lose_connection`, `restore_connection`, `crash`,
    `reboot_inside`, `power_off_inside`, `write_console`, `reboot_host`, and `counters` to see what was done to a guest.
    An idle host has no thread, no task, no timer and no open file. It may be opened once.
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
    ) -> None:
        self._machine = machine
        self._log = GuestLog(state_dir)
        self._clock = clock
        self._settings = settings
        self._faults = faults
        self._hostname = hostname
        self._host_boots = 1
        self._guests: dict[str, GuestRuntime] = {}
        self._epoch = 0
        self._lost: str | None = "not opened"
        self._feed = Feed(self._present)

    async def __aenter__(self) -> Self:
        stored = self._log.load()
        self._host_boots = stored.host_boots
        for uuid, (guest, power) in stored.guests.items():
            self._guests[uuid] = runtime = GuestRuntime(guest, power)
            if power.state in _ON:
                self._carry_on(runtime)
        self.restore_connection()
        return self

    async def __aexit__(self, *_: object) -> None:
        for runtime in self._guests.values():
            runtime.power_off()
        self._feed.close()

    # -- the Guests port

    @property
    def connected(self) -> bool:
        return self._lost is None

    async def list(self) -> Sequence[Observed]:
        async with self._call():
            return self._observations()

    async def define(self, guest: Guest) -> Observed:
        async with self._call():
            uuid = guest.uuid
            if uuid is None or guest.id is None:
                raise ValueError("a definition needs its id and uuid")
            refuse_duplicates(guest, (runtime.guest for runtime in self._guests.values()))
            pinning(guest, self._machine.topology)  # a CPU set that means nothing here is refused
            runtime = self._guests.get(uuid)
            if runtime is not None and runtime.guest.name != guest.name and runtime.power.state in _ON:
                raise runtime.wrong_state("a running guest keeps its name")
            self._check_disk()
            self._log.append(uuid, guest=guest)
            if runtime is None:
                self._guests[uuid] = runtime = GuestRuntime(guest, Power())
            runtime.guest = guest
            self._publish(runtime)
            self._compact()
            await asyncio.to_thread(self._log.sync)
            return runtime.observed()

    async def undefine(self, uuid: str) -> None:
        async with self._call():
            if (runtime := self._guests.get(uuid)) is None:
                return
            if runtime.power.state in _ON:
                raise runtime.wrong_state("the guest runs")
            self._check_disk()
            self._log.append(uuid)
            del self._guests[uuid]
            if self.connected:
                self._feed.publish(Gone(self._epoch, self._clock(), uuid))
            await asyncio.to_thread(self._log.sync)

    async def start(self, uuid: str) -> None:
        async with self._call():
            runtime = self._guest(uuid)
            if runtime.power.state == "running":
                return
            if runtime.power.state == "paused":
                raise runtime.wrong_state("the guest is paused: resume it")
            free = self._machine.memory_mib - self._memory_used()
            check_start(runtime.guest, Situation(self._machine, self._faults, free))
            self._check_disk()
            self._power_on(runtime)

    async def shutdown(self, uuid: str, mode: Literal["default", "acpi", "agent"] = "default") -> None:
        async with self._call():
            runtime = self._guest(uuid)
            if runtime.power.state not in _ON:
                return
            if runtime.power.state == "paused":
                raise runtime.wrong_state("a paused guest hears nothing: resume it")
            if mode == "agent" and not runtime.agent:
                raise runtime.wrong_state("the guest agent is not connected", agent="disconnected")
            deaf = mode != "agent" and hits(self._faults.ignore_acpi, runtime.guest.name)
            # the button pressed before the operating system is up is lost, as on a real machine
            if runtime.up and not deaf and not runtime.is_due("off"):
                self._set_power(runtime, runtime.power._replace(button_ms=self._clock()))
                self._schedule_off(runtime, 0.0)

    async def destroy(self, uuid: str) -> None:
        async with self._call():
            runtime = self._guest(uuid)
            if runtime.power.state in _ON:
                self._power_off(runtime, "stopped", "destroyed")

    async def reset(self, uuid: str) -> None:
        async with self._call():
            runtime = self._guest(uuid)
            if runtime.power.state != "running":
                raise runtime.wrong_state("only a running guest is reset")
            self._check_disk()
            self._restart(runtime, resets=runtime.power.resets + 1)

    async def pause(self, uuid: str) -> None:
        async with self._call():
            runtime = self._guest(uuid)
            if runtime.power.state == "paused":
                return
            if runtime.power.state not in _ON:
                raise runtime.wrong_state("the guest does not run")
            self._set_power(runtime, runtime.power._replace(state="paused", reason="user"))
            runtime.freeze()
            self._publish(runtime)

    async def resume(self, uuid: str) -> None:
        async with self._call():
            runtime = self._guest(uuid)
            if runtime.power.state == "running":
                return
            if runtime.power.state != "paused":
                raise runtime.wrong_state("the guest does not run")
            self._set_power(runtime, runtime.power._replace(state="running", reason="unpaused"))
            runtime.thaw()
            self._publish(runtime)

    async def threads(self, uuid: str) -> Sequence[GuestThread]:
        async with self._call():
            runtime = self._guest(uuid)
            if runtime.power.state not in _ON:
                raise runtime.wrong_state("the guest has no process")
            first_tid = 10_000 + 1_100 * sorted(self._guests).index(uuid)
            return inspection.threads(runtime.guest, self._machine, first_tid)

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[GuestEvent]]:
        return self._feed.read()

    @asynccontextmanager
    async def console(self, uuid: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._call():
            runtime = self._guest(uuid)
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
        return self._machine.topology

    async def facts(self) -> HostFacts:
        return inspection.facts(self._machine, self._hostname, self._host_boots, self._memory_used())

    # -- what happens to a host by itself

    def set_faults(self, faults: Faults) -> None:
        """Give the host these faults, and no others, from now on."""
        self._faults = faults

    def lose_connection(self, reason: str = "the hypervisor's daemon stopped") -> None:
        """Calls fail with DRIVER-LOST, consoles end; the guests run on unseen."""
        if self._lost is None:
            self._lost = reason
            for runtime in self._guests.values():
                runtime.cut_console()
            self._feed.publish(Lost(self._epoch, reason))

    def restore_connection(self) -> None:
        if self._lost is not None:
            self._lost = None
            self._epoch += 1
            self._feed.publish(Resynced(self._epoch, self._observations()))

    def crash(self, uuid: str) -> None:
        """The guest's operating system panics: the guest is crashed."""
        runtime = self._guest(uuid)
        if runtime.power.state in _ON:
            runtime.write_line("Kernel panic - not syncing: simulated")
            self._power_off(runtime, "crashed", "panicked")

    def reboot_inside(self, uuid: str) -> None:
        """The guest reboots by itself."""
        runtime = self._guest(uuid)
        if runtime.power.state == "running":
            self._restart(runtime, resets=runtime.power.resets)

    def power_off_inside(self, uuid: str) -> None:
        """The guest switches itself off."""
        runtime = self._guest(uuid)
        if runtime.power.state in _ON:
            self._shut_off(runtime)

    def write_console(self, uuid: str, data: bytes) -> None:
        """The guest writes to its console. Nothing is kept of it beyond what a terminal buffers."""
        if (console := self._guest(uuid).console) is not None:
            console.write(data)

    def reboot_host(self, machine: Machine | None = None) -> None:
        """Power-cycle the host, as another machine if one is given (a BIOS change); autostart guests start again."""
        self.lose_connection("the host reboots")
        self._machine = machine or self._machine
        self._host_boots += 1
        self._log.append_host_boot(self._host_boots)
        for runtime in self._guests.values():
            if runtime.power.state in _ON:
                self._power_off(runtime, "stopped", "host rebooted")
            if runtime.guest.autostart != "off":
                self._power_on(runtime)
        self.restore_connection()

    def counters(self, uuid: str) -> Counters:
        return self._guest(uuid).counters()

    # -- inside

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        """One call to the hypervisor: lost before its effect it did nothing, lost after it nobody can tell."""
        self._check_connection()
        if self._faults.delay_before_s:
            await asyncio.sleep(self._faults.delay_before_s)
            self._check_connection()
        epoch = self._epoch
        yield
        if self._faults.delay_after_s:
            await asyncio.sleep(self._faults.delay_after_s)
        if self._lost is not None or self._epoch != epoch:
            raise GuestwireError("INDETERMINATE", "the hypervisor's connection went before it answered")

    def _check_connection(self) -> None:
        if self._lost is not None:
            raise GuestwireError("DRIVER-LOST", self._lost)

    def _check_disk(self) -> None:
        if self._faults.disk_full:
            raise GuestwireError(
                "RESOURCE-EXHAUSTED", "the host's disk is full", detail={"resource": "disk", "errno": 28}
            )

    def _guest(self, uuid: str) -> GuestRuntime:
        if (runtime := self._guests.get(uuid)) is None:
            raise GuestwireError("NOT-FOUND", f"no guest has the uuid {uuid}", detail={"uuid": uuid})
        return runtime

    def _observations(self) -> tuple[Observed, ...]:
        return tuple(
            runtime.observed()
            for runtime in sorted(self._guests.values(), key=lambda r: (r.guest.id or "~", r.guest.name))
        )

    def _present(self) -> Resynced | Lost:
        return Lost(self._epoch, self._lost) if self._lost is not None else Resynced(self._epoch, self._observations())

    def _publish(self, runtime: GuestRuntime, *, rebooted: bool = False) -> None:
        if self.connected:
            self._feed.publish(Changed(self._epoch, self._clock(), runtime.observed(), rebooted))

    def _memory_used(self) -> int:
        return sum(r.guest.memory_mib for r in self._guests.values() if r.power.state in _ON)

    def _set_power(self, runtime: GuestRuntime, power: Power) -> None:
        self._log.append(runtime.guest.uuid or "", power=power)
        runtime.power = power
        self._compact()

    def _compact(self) -> None:
        if self._log.worn:
            guests = {uuid: (runtime.guest, runtime.power) for uuid, runtime in self._guests.items()}
            self._log.rewrite(Stored(self._host_boots, guests))

    def _power_on(self, runtime: GuestRuntime) -> None:
        now = self._clock()
        self._set_power(runtime, Power("running", "booted", now, 0, runtime.power.boots + 1, runtime.power.resets))
        runtime.console = Console()
        self._boot(runtime, self._settings.boot_s)
        self._publish(runtime)

    def _restart(self, runtime: GuestRuntime, *, resets: int) -> None:
        self._set_power(runtime, runtime.power._replace(since_ms=self._clock(), button_ms=0, resets=resets))
        runtime.halt()
        self._boot(runtime, self._settings.boot_s)
        self._publish(runtime, rebooted=True)

    def _boot(self, runtime: GuestRuntime, boot_s: float) -> None:
        runtime.write_line(f"Linux version {self._machine.kernel} (simulated)")
        if not hits(self._faults.hang_boot, runtime.guest.name):
            runtime.after("up", boot_s, lambda: self._up(runtime))
        if self._faults.crash_after_s is not None:
            runtime.after("crash", self._faults.crash_after_s, lambda: self.crash(runtime.guest.uuid or ""))

    def _carry_on(self, runtime: GuestRuntime) -> None:
        """A guest of an earlier process runs on, from where it would be by now."""
        runtime.console = Console()
        ran_s = (self._clock() - runtime.power.since_ms) / 1000
        if ran_s < self._settings.boot_s:
            self._boot(runtime, self._settings.boot_s - max(0.0, ran_s))
            return
        runtime.up = True
        runtime.agent = self._has_agent(runtime)
        if runtime.power.button_ms:
            self._schedule_off(runtime, (self._clock() - runtime.power.button_ms) / 1000)

    def _has_agent(self, runtime: GuestRuntime) -> bool:
        return self._settings.guest_agent and not hits(self._faults.no_agent, runtime.guest.name)

    def _up(self, runtime: GuestRuntime) -> None:
        runtime.up = True
        runtime.write_line(self._settings.up_text.format(name=runtime.guest.name))
        if self._has_agent(runtime):
            runtime.agent = True
            self._publish(runtime)

    def _schedule_off(self, runtime: GuestRuntime, passed_s: float) -> None:
        delay_s = self._settings.shutdown_s + self._faults.slow_shutdown_s - passed_s
        runtime.after("off", delay_s, lambda: self._shut_off(runtime))

    def _shut_off(self, runtime: GuestRuntime) -> None:
        """As QEMU and libvirt tell it: first that the guest shut down, then that its process is gone."""
        runtime.write_line("reboot: Power down")
        runtime.power = runtime.power._replace(state="stopping", reason="guest")
        self._publish(runtime)
        self._power_off(runtime, "stopped", "shutdown")

    def _power_off(self, runtime: GuestRuntime, state: PowerState, reason: str) -> None:
        power = runtime.power._replace(state=state, reason=reason, since_ms=self._clock(), button_ms=0)
        runtime.power_off()
        # a guest that is off is off, even where the disk does not take it; calls check the disk before their effect
        with suppress(GuestwireError):
            self._set_power(runtime, power)
        runtime.power = power
        self._publish(runtime)
