"""How a simulated host behaves: its times, and the faults one can give it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds on the event loop's clock.

    `boot_s`: from power on to the last console line (`up_text`, with the guest's name in it). `shutdown_s`: from the
    power button to power off. `guest_agent`: whether the guests run one; it connects when a guest is up.
    """

    boot_s: float = 1.5
    shutdown_s: float = 0.5
    guest_agent: bool = True
    up_text: str = "guestwire-guest: up {name}"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a simulated host just now. Guests are named; `every` in a set means all of them.

    ignore_acpi       the guest does nothing when its power button is pressed
    no_agent          its guest agent does not come up
    slow_shutdown_s   added to the time a shutdown takes
    hang_boot         it starts and prints its first lines, but never comes up
    crash_after_s     it crashes so long after each start
    disk_full         the host's disk takes no definition and no power change (RESOURCE-EXHAUSTED)
    missing_files     files a start does not find, though they may exist here
    delay_before_s    every call waits so long before it does anything: lost meanwhile, it did nothing (DRIVER-LOST)
    delay_after_s     every call waits so long after its effect: lost meanwhile, it cannot tell (INDETERMINATE)
    """

    ignore_acpi: frozenset[str] = frozenset()
    no_agent: frozenset[str] = frozenset()
    slow_shutdown_s: float = 0.0
    hang_boot: frozenset[str] = frozenset()
    crash_after_s: float | None = None
    disk_full: bool = False
    missing_files: frozenset[str] = frozenset()
    delay_before_s: float = 0.0
    delay_after_s: float = 0.0


EVERY = "every"


def hits(names: frozenset[str], name: str) -> bool:
    """Whether a fault's set of names covers this guest."""
    return name in names or EVERY in names
