"""The HostControl port of a Linux host: a table of settings, and the host's power through systemd."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guestwire.agent.drivers.linux.command import Run, run_checked, run_command
from guestwire.agent.drivers.linux.settings import (
    adapters,
    airgap,
    autologin,
    bootloader,
    forwarding,
    hugepages,
    irq_affinity,
    owned_files,
    removable_media,
    swap,
    systemd,
)
from guestwire.agent.drivers.linux.settings.setting import Place, Setting
from guestwire.model.errors import GuestwireError
from guestwire.model.settings import HostSettings

SETTINGS: Mapping[str, Setting] = {
    "autologin": autologin.SETTING,
    "bootloader_timeout": bootloader.SETTING,
    "removable_media": removable_media.SETTING,
    "swap_mib": swap.SETTING,
    "ip_forward": forwarding.SETTING,
    "airgap": airgap.SETTING,
    "adapters": adapters.SETTING,
    "hugepages": hugepages.SETTING,
    "irq_affinity": irq_affinity.SETTING,
}


class LinuxControl:
    """Settings of the host whose files are below `root`, with commands run by `run`. One change at a time."""

    def __init__(self, root: Path = Path("/"), run: Run = run_command) -> None:
        self._place = Place(root, run)
        self._lock = asyncio.Lock()

    async def settings(self) -> HostSettings:
        return HostSettings(**{name: await setting.read(self._place) for name, setting in SETTINGS.items()})

    async def capture(self, name: str) -> str:
        setting = _setting(name)
        async with self._lock:
            paths = await asyncio.to_thread(setting.files, self._place)
            files = await owned_files.capture(self._place, paths)
            return json.dumps({"files": files, "running": await setting.running(self._place)})

    async def set(self, name: str, wanted: HostSettings) -> None:
        setting = _setting(name)
        if getattr(wanted, name) is None:
            return
        async with self._lock:
            await setting.set(self._place, wanted)

    async def restore(self, name: str, state: str) -> None:
        setting = _setting(name)
        captured: Mapping[str, Any] = json.loads(state)
        async with self._lock:
            paths = await asyncio.to_thread(setting.files, self._place)
            await owned_files.restore(self._place, paths, captured["files"])
            await setting.resume(self._place, captured["running"])

    async def reboot(self, *, force: bool = False) -> None:
        await self._power("reboot", force)

    async def power_off(self, *, force: bool = False) -> None:
        await self._power("poweroff", force)

    async def _power(self, verb: str, force: bool) -> None:
        if not await systemd.runs(self._place):
            raise GuestwireError("UNSUPPORTED", "systemd does not run this host: reboot it by hand")
        await run_checked(self._place.run, "systemctl", *(("--force",) if force else ()), verb)


def _setting(name: str) -> Setting:
    if (setting := SETTINGS.get(name)) is None:
        raise GuestwireError("UNSUPPORTED", f"a host has no setting {name!r}")
    return setting
