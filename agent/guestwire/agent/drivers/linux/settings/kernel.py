"""Values of the kernel that a setting changes, from a coroutine; and lines that systemd-tmpfiles writes at each boot."""

import asyncio
from collections.abc import Mapping, Sequence

from guestwire.agent.drivers.linux.kernel_values import read_value, write_value
from guestwire.agent.drivers.linux.settings.setting import Place


async def read_kernel(place: Place, path: str) -> str | None:
    return await asyncio.to_thread(read_value, place.root, path)


async def read_all(place: Place, paths: Sequence[str]) -> dict[str, str]:
    """The values that can be read."""
    values = await asyncio.to_thread(lambda: {path: read_value(place.root, path) for path in paths})
    return {path: value for path, value in values.items() if value is not None}


async def write_kernel(place: Place, path: str, value: str) -> str:
    """The value read back. Raises as the KernelValues port does."""
    return await asyncio.to_thread(write_value, place.root, path, value)


def boot_lines(values: Mapping[str, str]) -> str:
    """What a file of tmpfiles.d(5) says to write these values."""
    return "".join(f"w {path} - - - - {value}\n" for path, value in values.items())
