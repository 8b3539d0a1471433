"""Telling a broker, with real processes. That mosquitto takes up its files at the signal: tests/e2e/test_revocation.py."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.site.broker_control import BrokerControl, hang_up

WAITS = """
import ctypes, signal, sys
signal.signal(signal.SIGHUP, lambda *_: sys.exit(7))
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
print("ready", flush=True)
signal.pause()
"""


def process(name: str) -> subprocess.Popen[bytes]:
    """A process of that name which ends with 7 when it is told to hang up."""
    made = subprocess.Popen([sys.executable, "-c", WAITS, name], stdout=subprocess.PIPE)
    assert made.stdout is not None
    assert made.stdout.readline() == b"ready\n"
    return made


@pytest.fixture(params=["mosquitto", "database"])
def running(request: pytest.FixtureRequest) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    made = process(request.param)
    yield request.param, made
    made.kill()
    made.communicate(timeout=10)


async def test_only_a_mosquitto_is_told(running: tuple[str, subprocess.Popen[bytes]], tmp_path: Path) -> None:
    """A process id that is left over may be anybody's by now, and SIGHUP ends whoever does not expect it."""
    name, made = running
    file = tmp_path / "pid"
    file.write_text(f"{made.pid}\n")
    if name == "mosquitto":
        await BrokerControl(file).reload()
        assert await asyncio.to_thread(made.wait, 10) == 7
        return
    with pytest.raises(GuestwireError, match="database, not mosquitto"):
        await BrokerControl(file).reload()
    assert made.poll() is None


@pytest.mark.parametrize("text", [None, "", "no number", "-1", "0", "99999999999999999999", "4194304999"])
def test_a_pid_file_that_names_nobody(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "pid"
    if text is not None:
        file.write_text(text)
    with pytest.raises(GuestwireError) as refused:
        hang_up(file)
    assert refused.value.code == "SYSTEM-REFUSED"
    assert str(file) in refused.value.message


async def test_a_command_is_run_as_it_is(tmp_path: Path) -> None:
    made = tmp_path / "a b; $(x)"
    await BrokerControl(reloads=("touch", str(made))).reload()
    assert made.exists()


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("/no/such/program",), "No such file"),
        (("sh", "-c", "echo not allowed >&2; exit 3"), "not allowed"),
        (("false",), "status 1"),
    ],
)
async def test_a_command_that_fails_says_why(argv: tuple[str, ...], why: str) -> None:
    with pytest.raises(GuestwireError, match=why) as refused:
        await BrokerControl(restarts=argv).restart()
    assert refused.value.code == "SYSTEM-REFUSED"


async def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"sleep 600 & echo $! > {child}.new; mv {child}.new {child}; wait"
    with pytest.raises(GuestwireError, match="did not end"):
        await BrokerControl(reloads=("sh", "-c", script), deadline_s=0.5).reload()
    pid = int(child.read_text())
    async with asyncio.timeout(10):
        while _alive(pid):
            await asyncio.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
