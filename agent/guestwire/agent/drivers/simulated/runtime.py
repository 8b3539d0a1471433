"""One guest of a simulated host while the process runs: its definition, its power, and its clockwork.

The clockwork is at most three timers of the event loop (up, off, crash); a guest that is up and left alone has none.
"""

import asyncio
from collections.abc import Callable
from typing import Literal, NamedTuple

from guestwire.agent.drivers.simulated.console import Console
from guestwire.agent.drivers.simulated.process import Process
from guestwire.agent.drivers.simulated.store import Power
from guestwire.agent.services.ports import Observed, Plug
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning

Due = Literal["up", "off", "crash"]


class Counters(NamedTuple):
    """How often a guest was switched on, and how often its reset button was pressed, since it was defined."""

    boots: int
    resets: int


class GuestRuntime:
    """A guest's state in memory. `process` while it has one. `up`: its operating system runs, hears the power button and
    has its agent, if any. `plugs`: the devices of what it shares, while it has a process."""

    __slots__ = ("_frozen", "_timers", "agent", "console", "guest", "pins", "plugs", "power", "process", "up")

    def __init__(self, guest: Guest, power: Power, pins: Pinning | None = None, process: Process | None = None) -> None:
        self.guest = guest
        self.pins = pins
        self.power = power
        self.process = process
        self.plugs: tuple[Plug, ...] = ()
        self.up = False
        self.agent = False
        self.console: Console | None = None
        self._timers: dict[Due, tuple[asyncio.TimerHandle, Callable[[], None]]] = {}
        self._frozen: dict[Due, tuple[float, Callable[[], None]]] = {}

    def observed(self) -> Observed:
        return Observed(self.guest, self.power.state, self.power.reason, self.agent)

    def wrong_state(self, why: str, **detail: str) -> GuestwireError:
        return GuestwireError("WRONG-STATE", why, detail={"state": self.power.state, **detail})

    def write_line(self, line: str) -> None:
        """Onto the console, if the guest runs."""
        if self.console is not None:
            self.console.write(line.encode() + b"\r\n")

    def cut_console(self) -> None:
        """Whoever reads the console sees its end; the guest writes on."""
        if self.console is not None:
            self.console.end()
            self.console = Console()

    def counters(self) -> Counters:
        return Counters(self.power.boots, self.power.resets)

    def after(self, due: Due, delay_s: float, act: Callable[[], None]) -> None:
        """Do `act` after a delay, in place of what was due under that name; a paused guest's time stands still."""
        self.cancel(due)
        if self.power.state == "paused":
            self._frozen[due] = (delay_s, act)
            return

        def fire() -> None:
            self._timers.pop(due, None)
            act()

        self._timers[due] = (asyncio.get_running_loop().call_later(max(0.0, delay_s), fire), act)

    def is_due(self, due: Due) -> bool:
        return due in self._timers or due in self._frozen

    def cancel(self, due: Due) -> None:
        if (timer := self._timers.pop(due, None)) is not None:
            timer[0].cancel()
        self._frozen.pop(due, None)

    def freeze(self) -> None:
        """Stop the guest's time."""
        now = asyncio.get_running_loop().time()
        for due, (handle, act) in self._timers.items():
            handle.cancel()
            self._frozen[due] = (handle.when() - now, act)
        self._timers.clear()

    def thaw(self) -> None:
        """Let the guest's time run on."""
        frozen, self._frozen = self._frozen, {}
        for due, (delay_s, act) in frozen.items():
            self.after(due, delay_s, act)

    def halt(self) -> None:
        """The guest runs no longer, or starts anew: nothing is due any more and its operating system is not up."""
        for due in (*self._timers, *self._frozen):
            self.cancel(due)
        self.up = self.agent = False

    def power_off(self) -> None:
        """Halt, and end the console."""
        self.halt()
        self.process = None
        self.plugs = ()
        if self.console is not None:
            self.console.end()
            self.console = None
