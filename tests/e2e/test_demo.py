"""`guestwire demo` as a person runs it: a fleet at once, used from other processes, and nothing left of it afterwards."""

import asyncio
import json
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fleet import PATIENCE_S, Cli, Following

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.sdk.contexts import load

READY_S = 90.0
"""A demo with libvirt boots daemons; one without is ready in a second or two."""


@dataclass
class Demo:
    """A running demo, the commands of its users, and what it must take away again."""

    process: Following
    ready: dict[str, Any]
    cli: Cli
    temporary: Path

    def family(self) -> set[int]:
        """Every process below the demo's."""
        return descendants(self.process.process.pid)


def descendants(pid: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        parents[int(entry.name)] = int(fields[1])
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


@pytest.fixture
def short() -> Iterator[Path]:
    """A temporary directory whose path leaves room for the names of sockets."""
    path = Path(tempfile.mkdtemp(prefix="gwd", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@asynccontextmanager
async def running(short: Path, *arguments: str) -> AsyncIterator[Demo]:
    temporary = short / "tmp"
    temporary.mkdir()
    cli = Cli(short / "client.toml", TMPDIR=str(temporary))
    async with cli.following("demo", "-o", "json", *arguments) as process:
        ready = json.loads(await process.line(r"^\{", READY_S))
        yield Demo(process, ready, cli, temporary)


async def leaves_nothing(demo: Demo) -> None:
    """Ctrl-C: no process, no file, no context of the demo is there any more."""
    family = demo.family()
    assert len(family) >= 1 + len(demo.ready["hosts"])
    assert await demo.process.end(signal.SIGINT) == 0, demo.process.remarks
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
    assert list(demo.temporary.iterdir()) == []
    assert load(demo.cli.config).contexts == {}
    assert load(demo.cli.config).current is None


@pytest.mark.parametrize("embedded", [False, True], ids=["mosquitto", "embedded"])
async def test_a_fleet_is_used_from_other_processes(embedded: bool, short: Path) -> None:
    if not embedded:
        require_mosquitto()
    extra = ("--embedded",) if embedded else ()
    async with running(short, "--hosts", "2", "--driver", "simulated", *extra) as demo:
        assert demo.ready["hosts"] == ["h1", "h2"]
        over_mqtt = demo.cli
        by_socket = demo.cli.by("--context", f"{demo.ready['context']}-h2")
        hosts, far, near = await asyncio.gather(
            over_mqtt.good("host", "list"),
            over_mqtt.good("guest", "start", "h1/rtlinux", "--wait", "ready"),
            by_socket.good("guest", "start", "h2/rtlinux", "--wait", "ready"),
        )
        assert {one["host"]: one["state"] for one in hosts} == {"h1": "online", "h2": "online"}
        assert [one["status"]["state"] for one in (*far, *near)] == ["ready", "ready"]
        listed = await over_mqtt.good("guest", "list", "--state", "ready")
        assert [f"{one['host']}/{one['guest']['name']}" for one in listed] == ["h1/rtlinux", "h2/rtlinux"]
        off = await asyncio.gather(
            over_mqtt.good("guest", "shutdown", "h1/rtlinux"), by_socket.good("guest", "shutdown", "h2/rtlinux")
        )
        assert {one["status"]["state"] for both in off for one in both} == {"stopped"}
        await leaves_nothing(demo)


async def test_a_demo_that_is_killed_takes_its_children_with_it(short: Path) -> None:
    """Nobody can tidy up after kill -9, but no broker and no agent may run on."""
    async with running(short, "--hosts", "1", "--driver", "simulated", "--embedded", "--no-controller") as demo:
        family = demo.family()
        await demo.process.end(signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            while [pid for pid in family if Path(f"/proc/{pid}").exists()]:
                await asyncio.sleep(0)


@pytest.mark.libvirt
async def test_the_real_host_is_among_them(short: Path, libvirt_host: Any, guest_files: tuple[str, str]) -> None:
    """This machine itself, by libvirt, beside the simulated ones; with a guest of the user's, as `make demo` has one."""
    require_mosquitto()
    name = f"gwt-{uuid4().hex[:8]}"
    kernel, initrd = guest_files
    guest = short / "guest.toml"
    guest.write_text(
        f'name = "{name}"\nmemory_mib = 128\n[boot]\nkernel = "{kernel}"\ninitrd = "{initrd}"\n'
        f'cmdline = "console=ttyS0 quiet guestwire.name={name}"\n'
        f'[ready_when]\nby = "console_text"\ntext = "guestwire-guest: up {name}"\n'
    )
    async with running(short, "--hosts", "1", "--guest", str(guest), "--no-controller") as demo:
        assert demo.ready["hosts"] == ["h1", "real"]
        started = await demo.cli.good("guest", "start", f"real/{name}", "--wait", "ready")
        assert [one["status"]["state"] for one in started] == ["ready"]
        shown, listed = await asyncio.gather(
            demo.cli.good("host", "show", "real"), demo.cli.good("guest", "list", "real")
        )
        assert shown["driver"] == "libvirt"
        assert shown["hypervisor_connected"] is True
        assert all(one["verified"] for one in listed)
        await leaves_nothing(demo)
