"""ip_forward: the host routes between its adapters, IPv4 and IPv6 (SM 13.1.3)."""

from collections.abc import Mapping, Sequence

from guestwire.agent.drivers.linux.settings import owned_files
from guestwire.agent.drivers.linux.settings.kernel import read_all, read_kernel, write_kernel
from guestwire.agent.drivers.linux.settings.setting import Place, Setting
from guestwire.model.errors import GuestwireError
from guestwire.model.settings import HostSettings

FILE = "/etc/sysctl.d/90-guestwire.conf"
_IPV4 = "/proc/sys/net/ipv4/ip_forward"
_IPV6 = "/proc/sys/net/ipv6/conf/all/forwarding"


async def _read(place: Place) -> bool | None:
    value = await read_kernel(place, _IPV4)
    return None if value is None else value == "1"


async def _set(place: Place, wanted: HostSettings) -> None:
    value = str(int(bool(wanted.ip_forward)))
    if await read_kernel(place, _IPV4) is None:
        raise GuestwireError("UNSUPPORTED", f"this kernel does not route: there is no {_IPV4}")
    lines = f"net.ipv4.ip_forward = {value}\n-net.ipv6.conf.all.forwarding = {value}\n"
    await owned_files.write(place, FILE, owned_files.HEADER + lines)
    for path in (_IPV4, _IPV6):  # a kernel without IPv6 has only the first
        if await read_kernel(place, path) not in (None, value):
            await write_kernel(place, path, value)


def _files(place: Place) -> Sequence[str]:
    return (FILE,)


async def _running(place: Place) -> Mapping[str, str]:
    return await read_all(place, (_IPV4, _IPV6))


async def _resume(place: Place, running: Mapping[str, str]) -> None:
    for path, value in running.items():
        if await read_kernel(place, path) != value:
            await write_kernel(place, path, value)


SETTING = Setting(_read, _set, _files, _running, _resume)
