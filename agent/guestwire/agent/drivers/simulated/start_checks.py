"""What a start finds wrong: the errors libvirt and QEMU give only then, with the codes and words they use (HYPERVISOR 2.4).

libvirt takes nearly any definition; these come at start. Each check is a function that returns an error or None.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from guestwire.agent.drivers.simulated.process import Process
from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.model.errors import GuestwireError
from guestwire.model.topology import Topology


@dataclass(frozen=True, slots=True)
class Situation:
    """What a start depends on besides the guest. A file exists where `has_image` says so, or on the machine that
    simulates; `pages_free`: huge pages of a size (MiB) on some nodes (none: any)."""

    topology: Topology
    faults: Faults
    memory_free_mib: int
    has_image: Callable[[str], bool]
    pages_free: Callable[[int, frozenset[int]], int]


def check_start(process: Process, situation: Situation) -> None:
    """Raise the first thing that keeps the guest from starting, as DRIVER-ERROR."""
    for check in _CHECKS:
        if (error := check(process, situation)) is not None:
            raise error


def check_file(path: str, situation: Situation) -> GuestwireError | None:
    if path in situation.faults.missing_files or not (situation.has_image(path) or Path(path).exists()):
        return driver_error(38, 24, f"Cannot access storage file '{path}': No such file or directory")
    return None


def _files(process: Process, situation: Situation) -> GuestwireError | None:
    paths = [disk.path for disk in process.guest.disks]
    if (boot := process.guest.boot) is not None:
        paths += [boot.kernel, boot.initrd]
    errors = (check_file(path, situation) for path in paths if path is not None)
    return next((error for error in errors if error is not None), None)


def _cpus(process: Process, situation: Situation) -> GuestwireError | None:
    if (pins := process.pins) is None:
        return None
    if not pins.emulator.union(*pins.vcpus) <= situation.topology.cpu_ids():
        return driver_error(38, 29, "Unable to write to 'cpuset.cpus': Numerical result out of range")
    if all(cpus & situation.topology.online() for cpus in (pins.emulator, *pins.vcpus)):
        return None
    return driver_error(38, 29, "Unable to write to 'cpuset.cpus': Invalid argument")


def _nodes(process: Process, situation: Situation) -> GuestwireError | None:
    known = {node.id for node in situation.topology.nodes}
    missing = sorted(process.pins.nodes - known) if process.pins is not None else []
    if not missing:
        return None
    return driver_error(67, 10, f"unsupported configuration: NUMA node {missing[0]} is unavailable")


def _memory(process: Process, situation: Situation) -> GuestwireError | None:
    wanted, size = process.guest.memory_mib, process.guest.hugepages_mib
    if not size:
        if wanted <= situation.memory_free_mib:
            return None
        return driver_error(1, 10, "internal error: cannot set up guest memory 'pc.ram': Cannot allocate memory")
    nodes = process.pins.nodes if process.pins is not None else frozenset[int]()
    if wanted <= situation.pages_free(size, nodes) * size:
        return None
    return driver_error(1, 10, "internal error: unable to map backing store for guest RAM: Cannot allocate memory")


_CHECKS: tuple[Callable[[Process, Situation], GuestwireError | None], ...] = (_files, _cpus, _nodes, _memory)


def driver_error(code: int, domain: int, text: str) -> GuestwireError:
    """DRIVER-ERROR as the libvirt driver makes it from libvirt's own code, domain and text."""
    return GuestwireError("DRIVER-ERROR", text, detail={"code": code, "domain": domain, "text": text})
