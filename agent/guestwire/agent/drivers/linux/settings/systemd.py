"""systemd, where it runs: made to read its files anew, and its units switched on by the links that `enable` makes."""

import asyncio

from guestwire.agent.drivers.linux.command import run_checked
from guestwire.agent.drivers.linux.settings.setting import Place

UNITS = "/etc/systemd/system"


async def runs(place: Place) -> bool:
    """sd_booted(3)."""
    return await asyncio.to_thread(place.file("/run/systemd/system").is_dir)


async def reload(place: Place) -> None:
    if await runs(place):
        await run_checked(place.run, "systemctl", "daemon-reload")


async def networkd_runs(place: Place) -> bool:
    return await asyncio.to_thread(place.file("/run/systemd/netif/links").is_dir)


async def reload_networkd(place: Place) -> None:
    """systemd-networkd reads its files and configures anew the interfaces whose files changed."""
    if await networkd_runs(place):
        await run_checked(place.run, "networkctl", "reload")
