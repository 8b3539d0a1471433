"""`guestwire guest console`: what a guest wrote, in a pipe and for programs; following, as a process that Ctrl-C ends."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from fake_host import FakeFleet

from guestwire.agent.services.scrollback import Scrollback
from guestwire.protocol.operations import BY_NAME


def written(fleet: FakeFleet, data: bytes, run: int = 7, keep: int = 1000, guest: str = "web") -> None:
    async def write() -> None:
        kept = fleet.hosts["h1"].consoles.get(guest)
        if kept is None or kept.run != run:
            kept = fleet.hosts["h1"].consoles[guest] = Scrollback(keep, run)
        kept.add(data)

    fleet.run(write)


def test_the_last_lines_go_into_a_pipe_as_they_are(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    written(fleet, b"one\r\n\x1b[31mtwo\xff\r\nlogin: ")
    result = run("guest", "console", "h1/web")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout_bytes == b"one\r\n\x1b[31mtwo\xff\r\nlogin: "
    assert run("guest", "console", "h1/web", "--lines", "1").stdout_bytes == b"login: "
    assert run("guest", "console", "h1/GUEST0001", "-n", "0").stdout_bytes == b""


def test_for_programs(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    written(fleet, b"ab\ncd\n")
    said = json.loads(run("guest", "console", "h1/web", "-n", "1", "-o", "json").stdout)
    assert (said["data"], said["start"], said["end"], said["run"], said["state"]) == (b"cd\n".hex(), 3, 6, 7, "open")


def test_one_that_is_off_is_told(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    written(fleet, b"panic\n", guest="db")
    result = run("guest", "console", "h1/db")
    assert result.stdout_bytes == b"panic\n"
    assert "does not run" in result.stderr
    assert run("guest", "console", "h1/nobody").exit_code != 0


def test_reading_it_is_signed(run, fleet: FakeFleet) -> None:  # type: ignore[no-untyped-def]
    assert BY_NAME["guest-console"].signed
    assert (result := run("guest", "console", "h1/web")).exit_code == 0, result.stderr
    assert "guest-console" in fleet.hosts["h1"].calls


async def test_following(fleet: FakeFleet, config: Path) -> None:
    """Each byte once; a gap and a new run are told beside them."""
    await asyncio.to_thread(written, fleet, b"first\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guestwire.cli.main", "guest", "console", "h1/web", "-f",
        env={**os.environ, "GUESTWIRE_CONFIG": str(config)},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"first\n"
            await asyncio.to_thread(written, fleet, b"second\n")
            assert await process.stdout.readline() == b"second\n"
            await asyncio.to_thread(written, fleet, b"x" * 2000 + b"\n")
            assert b"missing" in await process.stderr.readline()
            assert await process.stdout.readline() == b"x" * 999 + b"\n"
            await asyncio.to_thread(written, fleet, b"again\n", 8)
            assert b"begun anew" in await process.stderr.readline()
            assert await process.stdout.readline() == b"again\n"
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
