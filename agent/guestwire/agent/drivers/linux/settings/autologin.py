"""autologin: who is logged in on the first console at boot; "" is nobody (SM 13.1.1)."""

import re
from collections.abc import Sequence
from typing import Any

from guestwire.agent.drivers.linux.settings import owned_files, systemd
from guestwire.agent.drivers.linux.settings.setting import Place, Setting, nothing_runs
from guestwire.model.errors import GuestwireError
from guestwire.model.settings import HostSettings

FILE = "/etc/systemd/system/getty@tty1.service.d/guestwire.conf"
_USER = re.compile(r"--autologin (\S+)")


async def _read(place: Place) -> str:
    found = _USER.search(await owned_files.read(place, FILE) or "")
    return found[1] if found else ""


async def _set(place: Place, wanted: HostSettings) -> None:
    if user := wanted.autologin:
        users = {line.split(":", 1)[0] for line in (await owned_files.read(place, "/etc/passwd") or "").splitlines()}
        if user not in users:
            raise GuestwireError("UNSUPPORTED", f"the host has no user {user}", detail={"user": user})
        start = f"-/sbin/agetty --autologin {user} --noclear %I $TERM"
        text = f"{owned_files.HEADER}[Service]\nExecStart=\nExecStart={start}\n"
        await owned_files.write(place, FILE, text)
    else:
        await owned_files.remove(place, FILE)
    await systemd.reload(place)


def _files(place: Place) -> Sequence[str]:
    return (FILE,)


async def _resume(place: Place, running: Any) -> None:
    await systemd.reload(place)


SETTING = Setting(_read, _set, _files, nothing_runs, _resume)
