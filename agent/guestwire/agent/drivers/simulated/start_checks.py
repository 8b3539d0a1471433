"""What a start finds wrong: the errors libvirt and QEMU give only then, with the codes and words they use (HYPERVISOR 2.4).

libvirt takes nearly any definition; these come at start. Each check is a function that returns an error or None.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from guestwire.agent.drivers.simulated.machines import Machine
from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.pinning import pinning

SIMULATED_FILES = "/simulated/"
"""Paths under it exist on every simulated host; any other file must exist on the machine that simulates."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a start depends on besides the guest."""

    machine: Machine
    faults: Faults
    memory_free_mib: int


def check_start(guest: Guest, situation: Situation) -> None:
    """Raise the first thing that keeps the guest from starting, as DRIVER-ERROR."""
    for check in _CHECKS:
        if (error := check(guest, situation)) is not None:
            raise error


def _cpus(guest: Guest, situation: Situation) -> GuestwireError | None:
    try:
        pins = pinning(guest, situation.machine.topology)
    except GuestwireError as err:  # it was there when the guest was defined
        return driver_error(38, 29, f"Unable to write to 'cpuset.cpus': Numerical result out of range ({err.message})")
    if pins is None or pins.emulator & situation.machine.topology.online():
        return None
    return driver_error(38, 29, "Unable to write to 'cpuset.cpus': Invalid argument")


def _memory(guest: Guest, situation: Situation) -> GuestwireError | None:
    if guest.memory_mib <= situation.memory_free_mib:
        return None
    return driver_error(1, 10, "internal error: cannot set up guest memory 'pc.ram': Cannot allocate memory")


def _files(guest: Guest, situation: Situation) -> GuestwireError | None:
    paths = [disk.path for disk in guest.disks]
    if guest.boot is not None:
        paths += [path for path in (guest.boot.kernel, guest.boot.initrd) if path is not None]
    for path in paths:
        if path in situation.faults.missing_files or not (path.startswith(SIMULATED_FILES) or Path(path).exists()):
            return driver_error(38, 24, f"Cannot access storage file '{path}': No such file or directory")
    return None


_CHECKS: tuple[Callable[[Guest, Situation], GuestwireError | None], ...] = (_files, _cpus, _memory)


def driver_error(code: int, domain: int, text: str) -> GuestwireError:
    """DRIVER-ERROR as the libvirt driver makes it from libvirt's own code, domain and text."""
    return GuestwireError("DRIVER-ERROR", text, detail={"code": code, "domain": domain, "text": text})
