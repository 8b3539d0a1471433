"""The daemon as a process: check, run, stop; a fleet of many hosts."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from site_files import SiteFiles, site_files

from guestwire.agent.main import main
from guestwire.broker_test.embedded import embedded
from guestwire.link.local_client import connect_local


@pytest.fixture
def site(tmp_path: Path) -> SiteFiles:
    return site_files(tmp_path, os.getuid(), ("h", "h-1", "h-2", "h-3"))


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guestwire.agent.main", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.returncode is None:
            os.kill(child.pid, signal.SIGKILL)
        await child.communicate()


async def line_with(stream: asyncio.StreamReader | None, text: bytes) -> bytes:
    assert stream is not None
    async with asyncio.timeout(20):
        async for line in stream:
            if text in line:
                return line
    raise AssertionError(f"the process ended without saying {text!r}")


def test_check_says_that_all_is_sound(site: SiteFiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(site.config)]) == 0
    assert "host h of site plant" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "code", "says"),
    [
        (lambda text: text + "\n[host2]\n", 2, "CONFIG-INVALID: host2: no such setting"),
        (lambda text: text.replace('"simulated"', '"xen"'), 2, "CONFIG-INVALID: host.driver"),
        (lambda text: text.replace("h.key", "missing.key"), 1, "KEY-FILE-INVALID"),
        (lambda text: text.replace('site = "plant"', 'site = "mill"'), 1, "TRUST-INVALID"),
    ],
)
def test_check_says_what_is_not(
    site: SiteFiles, capsys: pytest.CaptureFixture[str], damage: object, code: int, says: str
) -> None:
    site.config.write_text(damage(site.config.read_text()))  # type: ignore[operator]
    assert main(["check", "--config", str(site.config)]) == code
    assert says in capsys.readouterr().err


async def test_an_agent_serves_until_it_is_told_to_stop_and_takes_its_socket_with_it(site: SiteFiles) -> None:
    async with process("run", "--config", str(site.config)) as child:
        await line_with(child.stderr, b'"serving"')
        transport = await connect_local(site.folder / "agent.sock", lambda message: None)
        assert transport.hello.result().host == "h"
        await transport.close()
        os.kill(child.pid, signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await child.wait() == 0
    assert not (site.folder / "agent.sock").exists()


async def test_a_socket_left_by_a_killed_agent_is_replaced(site: SiteFiles) -> None:
    async with process("run", "--config", str(site.config)) as child:
        await line_with(child.stderr, b'"serving"')
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
    assert (site.folder / "agent.sock").exists()
    async with process("run", "--config", str(site.config)) as child:
        await line_with(child.stderr, b'"serving"')
        transport = await connect_local(site.folder / "agent.sock", lambda message: None)
        await transport.close()


async def test_a_fleet_of_simulated_hosts_lives_in_one_process(site: SiteFiles) -> None:
    async with embedded() as broker:
        arguments = (
            "--host-socket",
            "",
            "--broker-urls",
            broker.url,
            "--trust-host-key",
            f"{site.folder}/{{host}}.key",
        )
        async with process("fleet", "--hosts", "3", "--config", str(site.config), *arguments) as child:
            said = await line_with(child.stdout, b"serving 3 hosts")
            assert b"connected in" in said
            clients = sum("New client connected" in line for line in broker.log)
            assert clients == 3
            os.kill(child.pid, signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await child.wait() == 0
