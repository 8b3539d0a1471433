"""swap_mib: the size of the swap file; 0 is none (SM 13.1.2). Other swap space of the host is left alone.

A unit of systemd switches it on at boot. What is in a swap file means nothing once it is off, so a restored swap file has
its size and no content.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from guestwire.agent.drivers.linux.command import run_checked
from guestwire.agent.drivers.linux.image_files import disk_error
from guestwire.agent.drivers.linux.settings import owned_files, systemd
from guestwire.agent.drivers.linux.settings.setting import Place, Setting
from guestwire.model.errors import GuestwireError
from guestwire.model.settings import HostSettings

SWAP_FILE = "/var/lib/guestwire/swapfile"
UNIT = f"{systemd.UNITS}/var-lib-guestwire-swapfile.swap"
_WANTED = f"{systemd.UNITS}/swap.target.wants/var-lib-guestwire-swapfile.swap"
_TEXT = f"[Unit]\nDescription=Swap file of Guestwire\n\n[Swap]\nWhat={SWAP_FILE}\n\n[Install]\nWantedBy=swap.target\n"
_MIB = 1 << 20
_OFF_S = 600.0


async def _read(place: Place) -> int:
    return await asyncio.to_thread(_size_mib, place.file(SWAP_FILE))


async def _set(place: Place, wanted: HostSettings) -> None:
    size = wanted.swap_mib or 0
    await _make(place, size, active=size > 0)
    if size:
        await owned_files.write(place, UNIT, owned_files.HEADER + _TEXT)
        await owned_files.link(place, _WANTED, UNIT)
    else:
        for path in (_WANTED, UNIT):
            await owned_files.remove(place, path)
    await systemd.reload(place)


async def _make(place: Place, size_mib: int, *, active: bool) -> None:
    """A swap file of that size, on or off."""
    file = place.file(SWAP_FILE)
    if await _is_on(place) and (not active or await _read(place) != size_mib):
        await run_checked(place.run, "swapoff", str(file), deadline_s=_OFF_S)
    if await _read(place) != size_mib:
        await owned_files.remove(place, SWAP_FILE)
        if size_mib:
            await _format(place, file, size_mib)
    if active and not await _is_on(place):
        ended = await place.run("swapon", str(file))
        if ended.code != 0:
            await owned_files.remove(place, SWAP_FILE)
            raise GuestwireError("UNSUPPORTED", f"this host takes no swap file: {ended.words}")


async def _format(place: Place, file: Path, size_mib: int) -> None:
    fresh = file.with_name(f".{file.name}.guestwire-new")
    try:
        try:
            await asyncio.to_thread(_fill, fresh, size_mib)
        except OSError as err:
            raise disk_error(file, err) from err
        await run_checked(place.run, "mkswap", str(fresh))
        fresh.rename(file)
    finally:
        fresh.unlink(missing_ok=True)


def _fill(file: Path, size_mib: int) -> None:
    """A file without holes, which the kernel wants of a swap file, that nobody else may read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size_mib * _MIB)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size_mib(file: Path) -> int:
    try:
        return file.stat().st_size // _MIB
    except OSError:
        return 0


async def _is_on(place: Place) -> bool:
    lines = (await owned_files.read(place, "/proc/swaps") or "").splitlines()[1:]
    return str(place.file(SWAP_FILE)) in {line.split()[0] for line in lines if line}


def _files(place: Place) -> Sequence[str]:
    return (UNIT, _WANTED)


async def _running(place: Place) -> Mapping[str, int | bool]:
    return {"mib": await _read(place), "on": await _is_on(place)}


async def _resume(place: Place, running: Mapping[str, int | bool]) -> None:
    await _make(place, int(running["mib"]), active=bool(running["on"]))
    await systemd.reload(place)


SETTING = Setting(_read, _set, _files, _running, _resume)
