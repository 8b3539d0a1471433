"""What every driver of the KernelValues port promises: Linux on a tree of files that stands for a kernel (a small virtual
machine has no huge pages to spare and no CPU to take offline), and the simulated host.
"""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from guestwire.agent.drivers.linux.kernel_values import LinuxKernelValues
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.services.ports import KernelValues
from guestwire.model.errors import GuestwireError
from guestwire.model.machines import MACHINES

ONLINE = "/sys/devices/system/cpu/cpu1/online"
PAGES = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"


@pytest.fixture(params=["simulated", "linux"])
async def values(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KernelValues]:
    if request.param == "simulated":
        clock = lambda: time.time_ns() // 1_000_000  # noqa: E731
        async with SimulatedHost(MACHINES["4-core"], tmp_path, clock=clock) as host:
            yield host.values
        return
    for path, text in ((ONLINE, "1\n"), (PAGES, "0\n"), ("/proc/cmdline", "quiet\n")):
        (tmp_path / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path[1:]).write_text(text)
    yield LinuxKernelValues(tmp_path)


async def refused(call: Any) -> str:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value.code


async def test_what_is_written_is_read(values: KernelValues) -> None:
    assert await values.read([ONLINE, PAGES]) == {ONLINE: "1", PAGES: "0"}
    assert await values.write(ONLINE, "0") == "0"
    assert await values.write(PAGES, "16") == "16"
    assert await values.write(PAGES, "8") == "8"
    assert await values.read([ONLINE, PAGES]) == {ONLINE: "0", PAGES: "8"}


async def test_what_is_not_there_is_none_and_is_never_made(values: KernelValues) -> None:
    missing = "/sys/devices/system/cpu/cpu4096/online"
    assert await values.read([missing, ONLINE]) == {missing: None, ONLINE: "1"}
    assert await refused(values.write(missing, "1")) == "NOT-FOUND"
    assert await values.read([missing]) == {missing: None}


@pytest.mark.parametrize("path", ["/etc/hostname", "sys/devices/system/cpu/cpu1/online", "/proc/../etc/hostname", ""])
async def test_only_values_of_the_kernel_are_touched(values: KernelValues, path: str) -> None:
    assert await values.read([path]) == {path: None}
    assert await refused(values.write(path, "1")) in ("UNSUPPORTED", "NOT-FOUND")
