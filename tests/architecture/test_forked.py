"""What tests start by forking is a process like any other, of the program that it says."""

import asyncio
import ctypes
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forked import start_forked

from guestwire.broker_test.fixtures import require

CLONE_NEWNET = 0x40000000


async def ended(process: asyncio.subprocess.Process, text: bytes | None = None) -> tuple[int | None, str, str]:
    async with asyncio.timeout(30):
        out, err = await process.communicate(text)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("program", ["agent", "comm", "controller"])
async def test_it_says_what_the_program_says_and_ends_as_it_does(program: str) -> None:
    code, out, err = await ended(await start_forked(program, "--help"))
    assert (code, err) == (0, "")
    assert f"guestwire-{program}" in out
    code, out, err = await ended(await start_forked(program, "check", "--nothing-like-it"))
    assert (code, out) == (2, "")
    assert "--nothing-like-it" in err


async def test_it_has_its_own_environment_and_input(tmp_path: Path) -> None:
    environment = {"GUESTWIRE_AGENT_HOST__ID": "from-the-environment", "PATH": os.environ["PATH"]}
    process = await start_forked("agent", "enrol", "-", "--dir", str(tmp_path), environment=environment, stdin=PIPE)
    code, _, err = await ended(process, b"no code\n")
    assert code == 1
    assert "no enrolment code" in err.casefold() or "code" in err


async def test_a_signal_ends_it(tmp_path: Path) -> None:
    process = await start_forked("agent", "enrol", "-", "--dir", str(tmp_path), stdin=PIPE)  # it waits for a code
    assert process.returncode is None
    assert os.getsid(process.pid) == process.pid
    process.send_signal(signal.SIGKILL)
    await ended(process)
    assert process.returncode == -signal.SIGKILL
    assert not Path(f"/proc/{process.pid}").exists()


@contextmanager
def network_of_its_own() -> Iterator[None]:
    require("mount", os.geteuid() == 0, "a network of one's own needs root")
    system = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as before:
        assert system.unshare(CLONE_NEWNET) == 0
        try:
            yield
        finally:
            assert system.setns(before.fileno(), CLONE_NEWNET) == 0


async def test_it_is_in_the_network_of_who_starts_it(tmp_path: Path) -> None:
    before = Path("/proc/thread-self/ns/net").readlink()
    first = await start_forked("agent", "enrol", "-", "--dir", str(tmp_path), stdin=PIPE)
    with network_of_its_own():
        here = Path("/proc/thread-self/ns/net").readlink()
        second = await start_forked("agent", "enrol", "-", "--dir", str(tmp_path), stdin=PIPE)
    for process, wanted in ((first, before), (second, here)):
        assert Path(f"/proc/{process.pid}/ns/net").readlink() == wanted != (here if wanted == before else before)
        process.kill()
        await ended(process)
