"""adapters: how the host's network adapters get their addresses (SM 13.1.3).

A file of systemd-networkd for each, whose name sorts before what netplan makes. Addresses are set at once; DHCP is
networkd's work, so it needs networkd to run. Only adapters that have such a file are ours.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from guestwire.agent.drivers.linux.command import run_checked
from guestwire.agent.drivers.linux.settings import addresses, owned_files, systemd
from guestwire.agent.drivers.linux.settings.setting import Place, Setting
from guestwire.model.errors import GuestwireError
from guestwire.model.networks import Adapter
from guestwire.model.settings import HostSettings

_FOLDER = "/etc/systemd/network"
_PREFIX, _SUFFIX = "05-guestwire-", ".network"


def file_of(name: str) -> str:
    return f"{_FOLDER}/{_PREFIX}{name}{_SUFFIX}"


async def _read(place: Place) -> tuple[Adapter, ...]:
    found = []
    for path in await asyncio.to_thread(_files, place):
        name = path.removeprefix(f"{_FOLDER}/{_PREFIX}").removesuffix(_SUFFIX)
        found.append(_parse(name, await owned_files.read(place, path) or ""))
    return tuple(found)


async def _set(place: Place, wanted: HostSettings) -> None:
    for adapter in wanted.adapters:
        if not await asyncio.to_thread(place.file(f"/sys/class/net/{adapter.name}").exists):
            raise GuestwireError("UNSUPPORTED", f"the host has no adapter {adapter.name}")
        if adapter.dhcp and not await systemd.networkd_runs(place):
            raise GuestwireError("UNSUPPORTED", f"{adapter.name}: DHCP needs systemd-networkd, which does not run here")
    ours = {file_of(adapter.name) for adapter in wanted.adapters}
    for path in await asyncio.to_thread(_files, place):
        if path not in ours:
            await owned_files.remove(place, path)
    for adapter in wanted.adapters:
        await owned_files.write(place, file_of(adapter.name), _format(adapter))
    await systemd.reload_networkd(place)
    for adapter in wanted.adapters:
        if adapter.dhcp:
            await run_checked(place.run, "networkctl", "reconfigure", adapter.name)
        else:
            await addresses.replace(place, adapter.name, adapter.addresses, adapter.gateway)


def _format(adapter: Adapter) -> str:
    lines = [f"DHCP={'yes' if adapter.dhcp else 'no'}"]
    lines += [f"Address={address}" for address in adapter.addresses]
    lines += [f"Gateway={adapter.gateway}"] if adapter.gateway is not None else []
    lines += [f"DNS={server}" for server in adapter.dns]
    return f"{owned_files.HEADER}[Match]\nName={adapter.name}\n\n[Network]\n" + "".join(f"{line}\n" for line in lines)


def _parse(name: str, text: str) -> Adapter:
    pairs = [line.partition("=")[::2] for line in text.splitlines()]

    def values(key: str) -> tuple[str, ...]:
        return tuple(value for found, value in pairs if found == key)

    return Adapter(
        name=name,
        dhcp="yes" in values("DHCP"),
        addresses=values("Address"),
        gateway=next(iter(values("Gateway")), None),
        dns=values("DNS"),
    )


def _files(place: Place) -> Sequence[str]:
    return [f"{_FOLDER}/{path.name}" for path in sorted(place.file(_FOLDER).glob(f"{_PREFIX}*{_SUFFIX}"))]


async def _running(place: Place) -> Sequence[Mapping[str, Any]]:
    return await addresses.capture(place, await addresses.uplinks(place))


async def _resume(place: Place, running: Sequence[Mapping[str, Any]]) -> None:
    await systemd.reload_networkd(place)
    await addresses.put_back(place, running)


SETTING = Setting(_read, _set, _files, _running, _resume)
