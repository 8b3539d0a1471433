"""Hosts and a client with a fault proxy before each, over one real mosquitto: who stands between may do anything."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from fleet import PATIENCE_S, Agent, Sections, agent_settings, client_context, make_site
from in_process import Inside, inside
from packets import Publish, publish

from guestwire.agent.host_parts import HostParts
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import Mosquitto, mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.broker_test.proxy import FaultProxy, fault_proxy
from guestwire.link.transport import Options
from guestwire.protocol import operation_models as m
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.contexts import Context
from guestwire.sdk.host_api import HostApi
from guestwire.site.layout import Layout

RTLINUX = "00000000-0000-4000-8000-000000000001"
"""The uuid of the first guest that a simulated host begins with."""
PLENTY = {"issuer_rate": 10_000, "issuer_burst": 10_000, "failure_rate": 1000, "failure_burst": 1000}
"""No throttling: what is counted here is the effect of each message."""


class Housed:
    """A host's agent in a task of its own, so that any test may end it and begin it again."""

    def __init__(self, config: Path, change: Callable[[HostParts], HostParts]) -> None:
        self._config = config
        self._change = change
        self._leave = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.now: Inside | None = None

    async def begin(self) -> Inside:
        self._leave = asyncio.Event()
        ready: asyncio.Future[Inside] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(ready))
        async with asyncio.timeout(PATIENCE_S):
            self.now = await ready
            if (link := self.now.agent.link) is not None:
                await link.session.connected(PATIENCE_S)
        return self.now

    async def end(self) -> None:
        if self._task is not None:
            self._leave.set()
            await self._task
            self._task = None

    async def _run(self, ready: asyncio.Future[Inside]) -> None:
        try:
            async with inside(self._config, self._change) as host:
                ready.set_result(host)
                await self._leave.wait()
        except Exception as err:
            if ready.done():
                raise
            ready.set_exception(err)


@dataclass
class Wire:
    """`near` is the proxy before the client, `far[HOST]` that before a host. `level`: of MQTT that they speak, 5 or 4 (3.1.1)."""

    layout: Layout
    broker: Mosquitto
    near: FaultProxy
    far: dict[str, FaultProxy]
    housed: dict[str, Housed]
    context: Context
    client: Client
    level: int = 5
    folders: dict[str, Path] = field(default_factory=dict)

    @property
    def hosts(self) -> dict[str, Inside]:
        return {host: housed.now for host, housed in self.housed.items() if housed.now is not None}

    def api(self, host: str = "h1") -> HostApi:
        return self.client.host(host)

    def resets(self, host: str = "h1") -> int:
        """The effect that these tests count."""
        return self.hosts[host].machine.counters(RTLINUX).resets

    def refused(self, host: str = "h1") -> int:
        """How many messages the host refused, of every code."""
        return sum(self.hosts[host].agent.executor.refused.values())

    def publish(self, packet: bytes) -> Publish | None:
        """The PUBLISH in a packet on this wire."""
        return publish(packet, level=self.level)

    async def deliver(self, proxy: FaultProxy, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """What a broker does that makes up a message, or gives one again that it has kept. At QoS 0: a packet's number would
        be the session's own business."""
        properties = b"\x00" if self.level == 5 else b""
        assert await proxy.inject("down", Publish(int(retain), topic, b"", properties, payload).packet()) > 0

    async def restart(self, host: str, meanwhile: Callable[[Path], None] = lambda _: None) -> None:
        """End a host's agent and begin it again. `meanwhile` is given its state directory."""
        await self.housed[host].end()
        meanwhile(self.folders[host])
        await self.housed[host].begin()


async def _nothing(_host: str, _state: Path) -> None:
    """Nothing to prepare."""


@asynccontextmanager
async def wire(
    base: Path,
    *,
    hosts: tuple[str, ...] = ("h1",),
    transport: str = "auto",
    persistence: Path | None = None,
    no_v5: str | None = None,
    keep_alive_s: int | None = None,
    change: Callable[[HostParts], HostParts] | None = None,
    site: Callable[[Layout], None] = lambda _: None,
    prepare: Callable[[str, Path], Awaitable[None]] = _nothing,
) -> AsyncIterator[Wire]:
    """Hosts with a running guest each, and a client, all of them connected. `site` may change the site's files, `prepare` the
    state directory of a host, before anything reads them."""
    require_mosquitto()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions(persistence=persistence, verbose=True)))
        near = await stack.enter_async_context(fault_proxy(broker.port))
        far = {host: await stack.enter_async_context(fault_proxy(broker.port)) for host in hosts}
        for proxy in (near, *far.values()):
            proxy.no_v5 = no_v5  # type: ignore[assignment]
        layout = make_site(base, hosts)
        site(layout)
        housed, folders = {}, {}
        for host in hosts:
            sections: Sections = {"broker": {"transport": transport}, "limits": PLENTY, "log": {"level": "error"}}
            url = f"mqtt://127.0.0.1:{far[host].port}"
            agent = Agent(host, base / host, agent_settings(layout, base / host, host, [url], sections))
            agent.state_dir.mkdir(parents=True, exist_ok=True)
            await prepare(host, agent.state_dir)
            housed[host] = Housed(agent.config, _with_keep_alive(keep_alive_s) if change is None else change)
            folders[host] = agent.state_dir
            stack.push_async_callback(housed[host].end)
            await housed[host].begin()
        context = client_context(layout, f"mqtt://127.0.0.1:{near.port}", transport)
        client = await stack.enter_async_context(open_client(context))
        level = 4 if no_v5 else 5
        made = Wire(layout, broker, near, far, housed, context, client, level, folders)
        for host in hosts:
            await made.api(host).guest_start(m.GuestStart(guest="rtlinux"))
        yield made


def _with_keep_alive(seconds: int | None) -> Callable[[HostParts], HostParts]:
    """A shorter keep alive than a user may set, so that silence is noticed soon."""

    def change(parts: HostParts) -> HostParts:
        if seconds is None or parts.broker is None:
            return parts
        options, connect = parts.broker

        def shorter() -> Options:
            return replace(options(), keep_alive_s=seconds)

        return replace(parts, broker=(shorter, connect))

    return change
