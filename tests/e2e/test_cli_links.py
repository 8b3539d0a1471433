"""Every command about hosts, guests and jobs, as a user runs it, by every way to a real agent.

MQTT on both transports over mosquitto and over the embedded broker, and the Unix socket with the broker gone. h1 boots
in a moment; h2 boots for an hour, so what waits for its guests can be watched, and cancelled.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fleet import PATIENCE_S, Cli, Fleet, Following, fleet

from guestwire.broker_test.embedded import embedded
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.broker_test.running import RunningBroker

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAYS = ("mosquitto-mqtt5", "mosquitto-aiomqtt", "embedded-mqtt5", "embedded-aiomqtt", "socket")
HOSTS = {"h1": {}, "h2": {"simulated": {"boot_s": 3600}}}


@dataclass
class Way:
    """A fleet and how commands reach each of its hosts."""

    fleet: Fleet
    by_socket: bool

    def to(self, host: str) -> Cli:
        return self.fleet.by_socket(host) if self.by_socket else self.fleet.cli


async def started(stack: AsyncExitStack, kind: str) -> RunningBroker:
    if kind == "embedded":
        return await stack.enter_async_context(embedded(BrokerOptions()))
    require_mosquitto()
    return await stack.enter_async_context(mosquitto(BrokerOptions()))


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WAYS)
async def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Way]:
    kind, _, transport = request.param.partition("-")
    async with AsyncExitStack() as stack:
        broker = await started(stack, "mosquitto" if kind == "socket" else kind)
        base = tmp_path_factory.mktemp("site")
        made = await stack.enter_async_context(fleet(base, broker, HOSTS, transport=transport or "auto"))
        if kind == "socket":
            await broker.stop()
        yield Way(made, kind == "socket")


def states(documents: list[dict[str, Any]]) -> dict[str, str]:
    return {f"{one['host']}/{one['guest']['name']}": one["status"]["state"] for one in documents}


async def test_hosts(way: Way) -> None:
    cli = way.to("h1")
    listed, shown, pinged, level = await asyncio.gather(
        cli.good("host", "list"),
        cli.good("host", "show", "h1"),
        cli.good("host", "ping", "h1", "-c", "2", "--bytes", "1000"),
        cli.good("host", "log-level", "h1", "debug", "--for", "60"),
    )
    there = {one["host"]: one["state"] for one in listed}
    assert there == ({"h1": "online"} if way.by_socket else {"h1": "online", "h2": "online"})
    assert all(one["verified"] for one in listed)
    assert (shown["id"], shown["driver"], shown["guests"], shown["verified"]) == ("h1", "simulated", 2, True)
    assert pinged[0]["host"] == "h1"
    assert len(pinged[0]["times_ms"]) == 2
    assert level["level"] == "debug"
    assert level["until"] is not None


async def test_the_life_of_a_guest(way: Way, tmp_path: Path) -> None:
    cli = way.to("h1")
    file = tmp_path / "web.toml"
    file.write_text('name = "web"\nmemory_mib = 64\n[ready_when]\nby = "console_text"\ntext = "guestwire-guest: up web"\n')
    defined = (await cli.good("guest", "define", "h1", "-f", str(file), "--vcpus", "2", "--kind", "rt"))[0]
    assert (defined["guest"]["name"], defined["guest"]["vcpus"], defined["guest"]["kind"]) == ("web", 2, "rt")
    assert defined["guest"]["id"] == "GUEST0003"
    assert defined["verified"] is True
    started = await cli.good("guest", "start", "h1/web", "--wait", "ready")
    assert states(started) == {"h1/web": "ready"}
    threads, paused = await asyncio.gather(
        cli.good("guest", "threads", "h1/GUEST0003"), cli.good("guest", "list", "h1", "--state", "ready")
    )
    assert {thread["role"] for thread in threads} >= {"vcpu", "emulator"}
    assert states(paused) == {"h1/web": "ready"}
    assert states(await cli.good("guest", "pause", "h1/web")) == {"h1/web": "paused"}
    assert states(await cli.good("guest", "resume", "h1/web"))["h1/web"] in ("running", "ready")
    assert states(await cli.good("guest", "reset", "h1/web"))["h1/web"] in ("running", "ready")
    await cli.good("guest", "start", "h1/web", "--wait", "ready")  # a power button pressed before that would be lost
    assert states(await cli.good("guest", "shutdown", "h1/web", "--within", "20")) == {"h1/web": "stopped"}
    both = await cli.good("guest", "start", "h1/web", "h1/rtlinux")
    assert set(states(both).values()) <= {"running", "ready"}
    assert len(both) == 2
    off = await cli.good("guest", "destroy", "h1/*", "--yes")
    assert set(states(off).values()) == {"stopped"}
    await cli.good("guest", "undefine", "h1/web")
    gone = await cli("guest", "show", "h1/web", "-o", "json")
    assert (gone.code, gone.error["code"]) == (3, "NOT-FOUND")


async def test_a_job_is_watched_and_cancelled(way: Way) -> None:
    cli = way.to("h2")
    assert states(await cli.good("guest", "start", "h2/linux1"))["h2/linux1"] == "running"
    async with cli.following("guest", "shutdown", "h2/linux1", "-o", "json") as waiting:
        job = await _running_job(cli)
        shown = await cli.good("job", "show", job)
        assert (shown["operation"], shown["state"]) == ("guest-shutdown", "running")
        cancelled = (await cli.good("job", "cancel", job))[0]
        assert cancelled["state"] in ("running", "canceled")
        assert await waiting.ended() == 1
        assert '"CANCELED"' in "\n".join(waiting.remarks)
    assert (await cli.good("job", "show", job))["state"] == "canceled"
    table = await cli("job", "list", "h2", "--state", "canceled")
    assert job in table.out
    await cli.good("guest", "destroy", "h2/linux1")


async def _running_job(cli: Cli) -> str:
    """The id of the one job that runs, once the host has it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            said = await cli("job", "list", "h2", "--state", "running", "-o", "name")
            assert said.code == 0, said
            if said.lines:
                return said.lines[0]


async def test_what_happens_is_told(way: Way) -> None:
    cli = way.to("h1")
    async with cli.following("notices", "-f", "h1") as following:
        await following.line(r"h1\s+online")
        await cli.good("guest", "start", "h1/linux1", "--wait", "ready")
        await following.line(r"h1\s+guest\s+linux1 .*-> ready")
        assert await following.end() == 130
    async with cli.following("notices", "-f", "-o", "json", "--class", "guest") as following:
        await _heard_something(following, cli)
        assert await following.end() == 130
    messages, log = await asyncio.gather(cli.good("messages", "h1", "--level", "info"), cli.good("log", "h1"))
    assert "serving" in {message["event"] for message in messages}
    assert any("serving" in line for line in log["lines"])
    sequence = [message["seq"] for message in messages]
    assert sequence == sorted(sequence)


async def _heard_something(following: Following, cli: Cli) -> None:
    """A follower of one class says nothing when it begins: change the guest until it has heard of it."""
    heard = asyncio.create_task(following.line('"class": "guest"'))
    async with asyncio.timeout(PATIENCE_S):
        while not heard.done():
            await cli.good("guest", "destroy", "h1/linux1")
            await cli.good("guest", "start", "h1/linux1")
    await heard
    await cli.good("guest", "destroy", "h1/linux1")
