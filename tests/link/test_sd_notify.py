"""What systemd hears, on a real datagram socket."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from guestwire.link.sd_notify import service_manager
from guestwire.settings.loading import service_environment


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


async def _next(manager: socket.socket) -> str:
    async with asyncio.timeout(5):
        return (await asyncio.get_running_loop().sock_recv(manager, 4096)).decode()


async def test_ready_status_stopping(manager: socket.socket) -> None:
    async with service_manager({"NOTIFY_SOCKET": manager.getsockname()}) as told:
        assert await _next(manager) == "READY=1"
        told.status("2 guests\nREADY=0")
        assert await _next(manager) == "STATUS=2 guests READY=0"
    assert await _next(manager) == "STOPPING=1"


async def test_the_watchdog_is_fed_in_half_its_time(manager: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "77"}
    async with service_manager(environment, pid=77):
        assert [await _next(manager) for _ in range(4)] == ["READY=1"] + ["WATCHDOG=1"] * 3
    async with service_manager(environment, pid=78):
        pass
    heard = [await _next(manager)]
    while heard[-1] != "STOPPING=1":  # what the first block sent last
        heard.append(await _next(manager))
    assert [await _next(manager) for _ in range(2)] == ["READY=1", "STOPPING=1"]


async def test_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the kernel gives it an abstract name
        listening.setblocking(False)
        name = "@" + listening.getsockname()[1:].decode()
        async with service_manager({"NOTIFY_SOCKET": name}):
            assert await _next(listening) == "READY=1"


@pytest.mark.parametrize("address", [None, "", "relative", "/no/such/socket"])
async def test_without_a_manager_nothing_happens(address: str | None) -> None:
    environment = {} if address is None else {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"}
    async with service_manager(environment) as told:
        told.status("x")


def test_the_environment_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert service_environment() == {"NOTIFY_SOCKET": "/run/x"}
