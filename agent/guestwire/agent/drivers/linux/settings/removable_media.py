"""removable_media: USB storage is watched for and offered to guests (SM 13.1.2).

A udev rule names each USB disk and partition below /dev/guestwire/media and keeps the desktop's automounter off it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from guestwire.agent.drivers.linux.command import run_checked
from guestwire.agent.drivers.linux.settings import owned_files
from guestwire.agent.drivers.linux.settings.setting import Place, Setting, nothing_runs
from guestwire.model.settings import HostSettings

FILE = "/etc/udev/rules.d/90-guestwire-media.rules"
_RULE = (
    'ACTION!="remove", SUBSYSTEM=="block", ENV{ID_BUS}=="usb", TAG+="guestwire-media", '
    'SYMLINK+="guestwire/media/$kernel", ENV{UDISKS_AUTO}="0"\n'
)


async def _read(place: Place) -> bool:
    return await asyncio.to_thread(place.file(FILE).exists)


async def _set(place: Place, wanted: HostSettings) -> None:
    if wanted.removable_media:
        await owned_files.write(place, FILE, owned_files.HEADER + _RULE)
    else:
        await owned_files.remove(place, FILE)
    await _reload(place)


def _files(place: Place) -> Sequence[str]:
    return (FILE,)


async def _resume(place: Place, running: Any) -> None:
    await _reload(place)


async def _reload(place: Place) -> None:
    """Where udev runs: for the disks that are plugged in too."""
    if await asyncio.to_thread(place.file("/run/udev/control").exists):
        await run_checked(place.run, "udevadm", "control", "--reload")
        await run_checked(place.run, "udevadm", "trigger", "--subsystem-match=block", "--property-match=ID_BUS=usb")


SETTING = Setting(_read, _set, _files, nothing_runs, _resume)
