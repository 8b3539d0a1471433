"""What happens to the guests of a simulated host by themselves and in time: they boot, come up, shut down, crash."""

from collections.abc import Callable
from contextlib import suppress

from guestwire.agent.drivers.simulated import store
from guestwire.agent.drivers.simulated.console import Console
from guestwire.agent.drivers.simulated.injection import Injection
from guestwire.agent.drivers.simulated.process import Process
from guestwire.agent.drivers.simulated.runtime import GuestRuntime
from guestwire.agent.drivers.simulated.settings import Settings, hits
from guestwire.agent.drivers.simulated.store import Power
from guestwire.agent.services.ports import PowerState
from guestwire.model.errors import GuestwireError


class Clockwork:
    """Turns guests on and off. Every change of power goes to `write` before it is made and to `publish` after it.

    write       puts a line of a guest into the log; RESOURCE-EXHAUSTED where the disk does not take it
    publish     tells that a guest changed; its second argument: whether it rebooted
    kernel      the name of the kernel that guests print
    """

    __slots__ = ("_clock", "_injection", "_kernel", "_publish", "_settings", "_write")

    def __init__(
        self,
        settings: Settings,
        injection: Injection,
        *,
        clock: Callable[[], int],
        kernel: Callable[[], str],
        write: Callable[[GuestRuntime, dict[str, object]], None],
        publish: Callable[[GuestRuntime, bool], None],
    ) -> None:
        self._settings = settings
        self._injection = injection
        self._clock = clock
        self._kernel = kernel
        self._write = write
        self._publish = publish

    def set_power(self, runtime: GuestRuntime, power: Power) -> None:
        self._write(runtime, store.powered(power))
        runtime.power = power

    def power_on(self, runtime: GuestRuntime) -> None:
        """A new process, made of the definition as it is now."""
        power = Power("running", "booted", self._clock(), 0, runtime.power.boots + 1, runtime.power.resets)
        process = Process(runtime.guest, runtime.pins)
        self._write(runtime, store.powered(power, started=True))
        runtime.power, runtime.process = power, process
        runtime.console = Console()
        self._boot(runtime, self._settings.boot_s)
        self._publish(runtime, False)

    def restart(self, runtime: GuestRuntime, *, resets: int) -> None:
        self.set_power(runtime, runtime.power._replace(since_ms=self._clock(), button_ms=0, resets=resets))
        runtime.halt()
        self._boot(runtime, self._settings.boot_s)
        self._publish(runtime, True)

    def carry_on(self, runtime: GuestRuntime) -> None:
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

    def press_button(self, runtime: GuestRuntime) -> None:
        """The power button of a guest that is up and hears it."""
        self.set_power(runtime, runtime.power._replace(button_ms=self._clock()))
        self._schedule_off(runtime, 0.0)

    def crash(self, runtime: GuestRuntime) -> None:
        if runtime.power.state in store.ON:
            runtime.write_line("Kernel panic - not syncing: simulated")
            self.power_off(runtime, "crashed", "panicked")

    def shut_off(self, runtime: GuestRuntime) -> None:
        """As QEMU and libvirt tell it: first that the guest shut down, then that its process is gone."""
        runtime.write_line("reboot: Power down")
        runtime.power = runtime.power._replace(state="stopping", reason="guest")
        self._publish(runtime, False)
        self.power_off(runtime, "stopped", "shutdown")

    def power_off(self, runtime: GuestRuntime, state: PowerState, reason: str) -> None:
        power = runtime.power._replace(state=state, reason=reason, since_ms=self._clock(), button_ms=0)
        runtime.power_off()
        # a guest that is off is off, even where the disk does not take it; calls check the disk before their effect
        with suppress(GuestwireError):
            self.set_power(runtime, power)
        runtime.power = power
        self._publish(runtime, False)

    def _boot(self, runtime: GuestRuntime, boot_s: float) -> None:
        runtime.write_line(f"Linux version {self._kernel()} (simulated)")
        faults = self._injection.faults
        if not hits(faults.hang_boot, runtime.guest.name):
            runtime.after("up", boot_s, lambda: self._up(runtime))
        if faults.crash_after_s is not None:
            runtime.after("crash", faults.crash_after_s, lambda: self.crash(runtime))

    def _has_agent(self, runtime: GuestRuntime) -> bool:
        return self._settings.guest_agent and not hits(self._injection.faults.no_agent, runtime.guest.name)

    def _up(self, runtime: GuestRuntime) -> None:
        runtime.up = True
        runtime.write_line(self._settings.up_text.format(name=runtime.guest.name))
        if self._has_agent(runtime):
            runtime.agent = True
            self._publish(runtime, False)

    def _schedule_off(self, runtime: GuestRuntime, passed_s: float) -> None:
        delay_s = self._settings.shutdown_s + self._injection.faults.slow_shutdown_s - passed_s
        runtime.after("off", delay_s, lambda: self.shut_off(runtime))
