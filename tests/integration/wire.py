"""Two hosts and a client with a fault proxy before each, over one real mosquitto: who stands between may do anything."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fleet import Agent, agent_settings, client_context, make_site
from in_process import Inside, inside

from guestwire.agent.host_agent import HostParts
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import Mosquitto, mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.broker_test.proxy import FaultProxy, fault_proxy
from guestwire.link.transport import Options
from guestwire.protocol import operation_models as m
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.host_api import HostApi
from guestwire.site.layout import Layout

RTLINUX = "00000000-0000-4000-8000-000000000001"
"""The uuid of the first guest that a simulated host begins with."""
PLENTY = {"issuer_rate": 10_000, "issuer_burst": 10_000, "failure_rate": 1000, "failure_burst": 1000}
"""No throttling: what is counted here is the effect of each message."""


@dataclass
class Wire:
    """`near` is the proxy before the client, `far[HOST]` that before a host."""

    layout: Layout
    broker: Mosquitto
    near: FaultProxy
    far: dict[str, FaultProxy]
    hosts: dict[str, Inside]
    client: Client

    def api(self, host: str = "h1") -> HostApi:
        return self.client.host(host)

    def resets(self, host: str = "h1") -> int:
        """The effect that these tests count."""
        return self.hosts[host].machine.counters(RTLINUX).resets

    def refused(self, host: str = "h1") -> int:
        """How many messages the host refused, of every code."""
        return sum(self.hosts[host].agent.executor.refused.values())


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
) -> AsyncIterator[Wire]:
    """Hosts with a running guest each, and a client, all of them connected."""
    require_mosquitto()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions(persistence=persistence, verbose=True)))
        near = await stack.enter_async_context(fault_proxy(broker.port))
        far = {host: await stack.enter_async_context(fault_proxy(broker.port)) for host in hosts}
        for proxy in (near, *far.values()):
            proxy.no_v5 = no_v5  # type: ignore[assignment]
        layout = make_site(base, hosts)
        inner = {}
        for host in hosts:
            sections = {"broker": {"transport": transport}, "limits": PLENTY, "log": {"level": "error"}}
            url = f"mqtt://127.0.0.1:{far[host].port}"
            agent = Agent(host, base / host, agent_settings(layout, base / host, host, [url], sections))
            parts = _with_keep_alive(keep_alive_s) if change is None else change
            inner[host] = await stack.enter_async_context(inside(agent.config, parts))
            link = inner[host].agent.link
            assert link is not None
            await link.session.connected(10)
        context = client_context(layout, f"mqtt://127.0.0.1:{near.port}", transport)
        client = await stack.enter_async_context(open_client(context))
        made = Wire(layout, broker, near, far, inner, client)
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
