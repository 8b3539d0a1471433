"""bootloader_timeout: how long GRUB waits at its menu, in seconds (SM 13.1.1)."""

import re
from collections.abc import Sequence
from typing import Any

from guestwire.agent.drivers.linux.settings import grub, owned_files
from guestwire.agent.drivers.linux.settings.setting import Place, Setting, nothing_runs
from guestwire.model.settings import HostSettings

FILE = "/etc/default/grub.d/90-guestwire.cfg"
_TIMEOUT = re.compile(r"^\s*GRUB_TIMEOUT=[\"']?(\d+)", re.MULTILINE)


async def _read(place: Place) -> int | None:
    for path in (FILE, "/etc/default/grub"):
        if found := _TIMEOUT.findall(await owned_files.read(place, path) or ""):
            return int(found[-1])
    return None


async def _set(place: Place, wanted: HostSettings) -> None:
    # GRUB's own default hides the menu, and a hidden menu has no time to choose
    await grub.write_fragment(place, FILE, f"GRUB_TIMEOUT={wanted.bootloader_timeout}\nGRUB_TIMEOUT_STYLE=menu\n")


def _files(place: Place) -> Sequence[str]:
    return (FILE,)


async def _resume(place: Place, running: Any) -> None:
    await grub.update(place)


SETTING = Setting(_read, _set, _files, nothing_runs, _resume)
