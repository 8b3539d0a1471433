"""irq_affinity: the CPUs that serve interrupts (KVM-RT 1: irqaffinity=, irq-affinity --set).

Those that exist are moved and new ones go there. The kernel does not let managed interrupts be moved (HYPERVISOR 2.7):
they are skipped, which is no error.
"""

import asyncio
from collections.abc import Mapping, Sequence

from guestwire.agent.drivers.linux.settings import grub, owned_files
from guestwire.agent.drivers.linux.settings.kernel import boot_lines, read_all, read_kernel, write_kernel
from guestwire.agent.drivers.linux.settings.setting import Place, Setting
from guestwire.model.cpuset import from_libvirt, from_mask, to_libvirt, to_mask
from guestwire.model.errors import GuestwireError
from guestwire.model.settings import HostSettings

FILE = "/etc/tmpfiles.d/90-guestwire-irq.conf"
GRUB_FILE = "/etc/default/grub.d/92-guestwire-irq.cfg"
_DEFAULT = "/proc/irq/default_smp_affinity"
_PRESENT = "/sys/devices/system/cpu/present"


async def _read(place: Place) -> str | None:
    mask = await read_kernel(place, _DEFAULT)
    if mask is None:
        return None
    cpus = from_mask(mask)
    present = await read_kernel(place, _PRESENT)
    return to_libvirt(cpus & from_libvirt(present) if present else cpus)


async def _set(place: Place, wanted: HostSettings) -> None:
    if wanted.irq_affinity is None:
        return
    try:
        cpus = from_libvirt(wanted.irq_affinity)
    except GuestwireError as err:
        raise GuestwireError("UNSUPPORTED", f"{wanted.irq_affinity!r} is no list of CPUs") from err
    present = await read_kernel(place, _PRESENT)
    if not cpus or (present and not cpus <= from_libvirt(present)):
        raise GuestwireError("UNSUPPORTED", f"{wanted.irq_affinity!r} is no list of CPUs of this host")
    await write_kernel(place, _DEFAULT, to_mask(cpus))
    await _write_each(place, dict.fromkeys(await _interrupts(place), to_libvirt(cpus)))
    text = owned_files.HEADER + boot_lines({_DEFAULT: to_mask(cpus)})
    await owned_files.write(place, FILE, text)
    if await grub.has_grub(place):
        await grub.write_fragment(place, GRUB_FILE, grub.with_options(f"irqaffinity={to_libvirt(cpus)}"))


def _files(place: Place) -> Sequence[str]:
    return (FILE, GRUB_FILE)


async def _running(place: Place) -> Mapping[str, str]:
    return await read_all(place, [_DEFAULT, *await _interrupts(place)])


async def _resume(place: Place, running: Mapping[str, str]) -> None:
    now = await read_all(place, list(running))
    await _write_each(place, {path: value for path, value in running.items() if now.get(path) not in (None, value)})
    if await grub.has_grub(place):
        await grub.update(place)


async def _interrupts(place: Place) -> list[str]:
    def paths() -> list[str]:
        numbers = (entry.name for entry in place.file("/proc/irq").iterdir() if entry.name.isdecimal())
        return [f"/proc/irq/{number}/smp_affinity_list" for number in sorted(numbers, key=int)]

    return await asyncio.to_thread(paths)


async def _write_each(place: Place, values: Mapping[str, str]) -> None:
    for path, value in values.items():
        try:
            await write_kernel(place, path, value)
        except GuestwireError as err:
            if err.code not in ("UNSUPPORTED", "NOT-FOUND", "DRIVER-ERROR"):
                raise  # those: managed, gone meanwhile, or its controller has no vector free


SETTING = Setting(_read, _set, _files, _running, _resume)
