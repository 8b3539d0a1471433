"""How a simulated host behaves: its times, and the faults one can give it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds on the event loop's clock.

    `boot_s`: from power on to the last console line (`up_text`, with the guest's name in it). `shutdown_s`: from the
    power button to power off. `reboot_s`: from the command to reboot (or power off) the host to that. `guest_agent`:
    whether the guests run one; it connects when a guest is up.
    """

    boot_s: float = 1.5
    shutdown_s: float = 0.5
    reboot_s: float = 2.0
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
    disk_full         the host's disk takes no definition, power change, image or snapshot (RESOURCE-EXHAUSTED)
    missing_files     files a start does not find, though they may exist here
    boot_pending      what the host's operating system says waits for a boot, until the host boots
    delay_before_s    every call waits so long before it does anything: lost meanwhile, it did nothing (DRIVER-LOST)
    delay_after_s     every call waits so long after its effect: lost meanwhile, it cannot tell (INDETERMINATE)
    fail_calls        calls of the ports that fail before their effect, with the text of their DRIVER-ERROR. A call is
                      PORT.METHOD or PORT.METHOD:SUBJECT: guests.define:rtlinux, images.create:/disks/a.qcow2,
                      values.write:PATH, control.set:swap_mib, inspection.topology
    fail_after        the same, but after the effect
    fail_times        after so many such failures, counted from `set_faults`, calls fail no more; None: they go on failing
    """

    ignore_acpi: frozenset[str] = frozenset()
    no_agent: frozenset[str] = frozenset()
    slow_shutdown_s: float = 0.0
    hang_boot: frozenset[str] = frozenset()
    crash_after_s: float | None = None
    disk_full: bool = False
    missing_files: frozenset[str] = frozenset()
    boot_pending: tuple[str, ...] = ()
    delay_before_s: float = 0.0
    delay_after_s: float = 0.0
    fail_calls: Mapping[str, str] = field(default_factory=dict, hash=False)
    fail_after: Mapping[str, str] = field(default_factory=dict, hash=False)
    fail_times: int | None = None


EVERY = "every"


def hits(names: frozenset[str], name: str) -> bool:
    """Whether a fault's set of names covers this guest."""
    return name in names or EVERY in names
