"""Every command about hosts, guests and jobs, as a user runs it, by every way to a real agent.

MQTT on both transports over mosquitto, the embedded broker, and the Unix socket with the broker gone. h1 boots in a
moment; h2 boots for an hour, so what waits for its guests can be watched, and cancelled.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fleet import PATIENCE_S, Cli, Fleet, fleet
from quick_cli import QuickCli

from guestwire.broker_test.embedded import embedded
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.broker_test.running import RunningBroker
from guestwire.protocol import ids
from guestwire.protocol.operation_models import JobQuery
from guestwire.sdk.client import Client, context_of_socket, open_client

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAYS = (
    "mosquitto-mqtt5",
    "socket",
    # brokers and libraries are told apart by tests/link/test_transport_contract.py
    pytest.param("mosquitto-aiomqtt", marks=pytest.mark.soak),
    pytest.param("embedded-auto", marks=pytest.mark.soak),
)
# h1 has CPUs for two real-time guests
HOSTS = {"h1": {"simulated": {"machine": "64-thread-4-node"}}, "h2": {"simulated": {"boot_s": 3600}}}


@dataclass
class Way:
    """A fleet, and how commands reach each of its hosts."""

    fleet: Fleet
    by_socket: bool
    clients: dict[str, Client]

    def to(self, host: str) -> Cli:
        return self.fleet.by_socket(host) if self.by_socket else self.fleet.cli


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WAYS)
async def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Way]:
    kind, _, transport = request.param.partition("-")
    async with AsyncExitStack() as stack:
        broker = await _broker(stack, kind)
        base = tmp_path_factory.mktemp("site")
        made = await stack.enter_async_context(fleet(base, broker, HOSTS, transport=transport or "auto", cli=QuickCli))
        clients = dict.fromkeys(HOSTS, made.client)
        if kind == "socket":
            await broker.stop()
            for host, agent in made.agents.items():
                context = await context_of_socket(agent.socket)
                clients[host] = await stack.enter_async_context(open_client(context))
        yield Way(made, kind == "socket", clients)


async def _broker(stack: AsyncExitStack, kind: str) -> RunningBroker:
    if kind == "embedded":
        return await stack.enter_async_context(embedded(BrokerOptions()))
    require_mosquitto()
    return await stack.enter_async_context(mosquitto(BrokerOptions()))


async def test_every_command(way: Way, tmp_path: Path) -> None:
    await hosts_are_listed_and_asked(way)
    await a_guest_lives(way, tmp_path)
    await a_job_is_watched_and_cancelled(way)
    await what_happens_is_told(way)


def states(documents: list[dict[str, Any]]) -> dict[str, str]:
    return {f"{one['host']}/{one['guest']['name']}": one["status"]["state"] for one in documents}


async def hosts_are_listed_and_asked(way: Way) -> None:
    cli = way.to("h1")
    listed = await cli.good("host", "list")
    there = {one["host"]: one["state"] for one in listed}
    assert there == ({"h1": "online"} if way.by_socket else {"h1": "online", "h2": "online"})
    assert all(one["verified"] for one in listed)
    shown = await cli.good("host", "show", "h1")
    assert (shown["id"], shown["driver"], shown["verified"]) == ("h1", "simulated", True)
    pinged = await cli.good("host", "ping", "h1", "-c", "2", "--bytes", "1000")
    assert (pinged[0]["host"], len(pinged[0]["times_ms"]), pinged[0]["verified"]) == ("h1", 2, True)
    level = await cli.good("host", "log-level", "h1", "debug", "--for", "60")
    assert level["level"] == "debug"
    assert level["until"] is not None
    messages = await cli.good("messages", "h1", "--level", "info")
    assert "serving" in {message["event"] for message in messages}
    log = await cli.good("log", "h1")
    assert any("serving" in line for line in log["lines"])


async def a_guest_lives(way: Way, tmp_path: Path) -> None:
    cli = way.to("h1")
    file = tmp_path / "web.toml"
    file.write_text(
        'name = "web"\nmemory_mib = 64\n[ready_when]\nby = "console_text"\ntext = "guestwire-guest: up web"\n'
    )
    defined = (await cli.good("guest", "define", "h1", "-f", str(file), "--vcpus", "2", "--kind", "rt"))[0]
    assert (defined["guest"]["id"], defined["guest"]["vcpus"], defined["guest"]["kind"]) == ("GUEST0003", 2, "rt")
    assert defined["guest"]["cpuset"] == "27-29", "below those of rtlinux, by the host"
    assert defined["verified"] is True
    assert states(await cli.good("guest", "start", "h1/web", "--wait", "ready")) == {"h1/web": "ready"}
    threads = await cli.good("guest", "threads", "h1/GUEST0003")
    assert {thread["role"] for thread in threads} >= {"vcpu", "emulator"}
    assert "h1/web" in states(await cli.good("guest", "list", "h1", "--state", "ready"))
    assert states(await cli.good("guest", "pause", "h1/web")) == {"h1/web": "paused"}
    assert states(await cli.good("guest", "resume", "h1/web"))["h1/web"] in ("running", "ready")
    assert states(await cli.good("guest", "reset", "h1/web"))["h1/web"] in ("running", "ready")
    # a power button pressed before the guest is up again would be lost
    assert states(await cli.good("guest", "start", "h1/web", "--wait", "ready")) == {"h1/web": "ready"}
    assert states(await cli.good("guest", "shutdown", "h1/web", "--within", "20")) == {"h1/web": "stopped"}
    both = states(await cli.good("guest", "start", "h1/web", "h1/rtlinux"))
    assert both.keys() == {"h1/web", "h1/rtlinux"}
    assert set(both.values()) <= {"running", "ready"}
    off = states(await cli.good("guest", "destroy", "h1/web", "h1/rtlinux", "--yes"))
    assert off == {"h1/web": "stopped", "h1/rtlinux": "stopped"}
    await cli.good("guest", "undefine", "h1/web")
    gone = await cli("guest", "show", "h1/web", "-o", "json")
    assert (gone.code, gone.error["code"]) == (3, "NOT-FOUND")


async def a_job_is_watched_and_cancelled(way: Way) -> None:
    cli = way.to("h2")
    assert states(await cli.good("guest", "start", "h2/linux1")) == {"h2/linux1": "running"}
    async with cli.following("guest", "shutdown", "h2/linux1", "-o", "json") as waiting:
        job = await _running_job(way.clients["h2"])
        assert job in (await cli("job", "list", "h2", "--state", "running", "-o", "name")).lines
        shown = await cli.good("job", "show", job)
        assert (shown["operation"], shown["state"]) == ("guest-shutdown", "running")
        cancelled = (await cli.good("job", "cancel", job))[0]
        assert cancelled["state"] in ("running", "canceled")
        assert await waiting.ended() == 1
        assert '"CANCELED"' in "\n".join(waiting.remarks)
    assert (await cli.good("job", "show", job))["state"] == "canceled"


async def _running_job(client: Client) -> str:
    """The address of the shutdown that runs, once the host has it."""
    async with asyncio.timeout(PATIENCE_S):
        while not (jobs := (await client.host("h2").job_list(JobQuery(states=("running",)))).reply.jobs):
            await asyncio.sleep(0)
    return f"h2/{ids.text(jobs[0].request_id)}"


async def what_happens_is_told(way: Way) -> None:
    cli = way.to("h1")
    async with cli.following("notices", "-f", "h1") as following:
        await following.line(r"h1\s+online")
        await cli.good("guest", "start", "h1/linux1", "--wait", "ready")
        await following.line(r"h1\s+guest\s+linux1 .*-> ready")
        assert await following.end() == 130
