"""A host that measures ten times a second, and controllers that come to it by every way there is: for tests of what goes between
them. The host runs in this process; its clock for sending stands until the test moves it."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from fleet import PATIENCE_S, SITE, agent_settings, toml, unix_ms
from telemetry_reader import TelemetryReader, telemetry_reader

from guestwire.agent import compose
from guestwire.agent.config import load
from guestwire.agent.host_agent import RunningHost, host_agent
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.telemetry.class_log import ClassLog
from guestwire.broker_test.running import RunningBroker
from guestwire.link import brokers
from guestwire.link.clock import now
from guestwire.link.local_client import LocalConnect
from guestwire.link.tcp_client import TcpConnect
from guestwire.link.transport import Connect, OnMessage, Options, Transport
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import unseal
from guestwire.sdk.credentials import read_public_key
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout

Link = Literal["mosquitto", "tls", "socket"]
LINKS: tuple[Link, ...] = ("mosquitto", "tls", "socket")
HOST = "h1"
OFTEN: dict[str, Any] = {"tiers": ["fast"], "fast_s": 0.1, "live_s": 0, "idle_s": 0, "link_kbit_s": 1_000_000}
NEVER: dict[str, Any] = {"tiers": []}


class StillClock:
    """The time of the host's sending: it stands, and is moved."""

    def __init__(self) -> None:
        self.mono = now().mono

    def __call__(self) -> Now:
        return Now(now().wall_ms, self.mono)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def make_site(folder: Path) -> Layout:
    """A site with two controllers, an operator, and an observer."""
    plan = SitePlan(
        SITE, hosts=(HOST, "h2"), operators=("admin", "olga"), controllers=("main", "other"), tls=True,
        roles={"olga": "observer"}, local_uids=(os.getuid(),),
    )  # fmt: skip
    return create(folder / "site", plan, unix_ms())


async def by_mqtt(options: Options, on_message: OnMessage) -> Transport:
    return await brokers.connect(options, on_message, "auto", brokers.BrokerMemory())


@dataclass
class Stage:
    """`link`: how the host is reached. `host`: the one that runs, if any."""

    layout: Layout
    folder: Path
    link: Link
    broker: RunningBroker | None = None
    clock: StillClock = field(default_factory=StillClock)
    port: int = field(default_factory=free_port)

    @property
    def trust(self) -> Trust:
        return unseal(self.layout.trust.read_bytes(), read_public_key(self.layout.root_public))

    def key(self, principal: str) -> SigningKey:
        return read_signing_key(self.layout.key(principal))

    def write_config(self, telemetry: dict[str, Any]) -> Path:
        """The host's settings in a file."""
        listener = {
            "address": f"127.0.0.1:{self.port}", "cert": str(self.layout.certificate(HOST)),
            "key": str(self.layout.certificate_key(HOST)), "ca": str(self.layout.ca_certificate),
        }  # fmt: skip
        sections: dict[str, dict[str, Any]] = {"telemetry": telemetry, "log": {"level": "error"}}
        if self.link == "tls":
            sections["listener"] = listener
        urls = [self.broker.url] if self.broker is not None else []
        settings = agent_settings(self.layout, self.folder, HOST, urls, sections)
        path = self.folder / "agent.toml"
        path.write_text(toml(settings), encoding="utf-8")
        return path

    @asynccontextmanager
    async def host(self, **telemetry: Any) -> AsyncIterator[RunningHost]:
        """The host, while the block lasts."""
        settings = load(self.write_config({**OFTEN, **telemetry}))
        async with AsyncExitStack() as stack:
            settings.host.state_dir.mkdir(exist_ok=True)
            speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=False)
            driver = await stack.enter_async_context(compose.driver(settings))
            writer = await stack.enter_async_context(JournalWriter())
            parts = compose.host_parts(settings, driver, writer, speaking)
            parts = replace(parts, telemetry=replace(parts.telemetry, clock=self.clock))
            host = await stack.enter_async_context(host_agent(parts))
            if host.link is not None:
                await host.link.session.connected(PATIENCE_S)
            yield host

    @asynccontextmanager
    async def client(
        self, principal: str = "controller:main", *, key: SigningKey | None = None, signs: bool = True
    ) -> AsyncIterator[TelemetryReader]:
        """Somebody who listens to what the host measures; with the principal's own key, or another one, or none."""
        connect, options = self._way(self.link, principal.partition(":")[2])
        own = key or self.key(principal)
        async with telemetry_reader(
            connect, options, self.trust, principal=principal, key=own if signs else None, host=HOST
        ) as reader:
            yield reader

    def _way(self, link: Link, name: str) -> tuple[Connect, Options]:
        if link == "socket":
            return LocalConnect(self.folder / "agent.sock"), Options("socket", 0, name)
        if link == "mosquitto":
            assert self.broker is not None
            return by_mqtt, Options(self.broker.host, self.broker.port, name)
        site = self.layout
        tls = ssl.create_default_context(cafile=site.ca_certificate)
        tls.load_cert_chain(site.certificate(name), site.certificate_key(name))
        return TcpConnect(), Options("127.0.0.1", self.port, name, tls=tls, tls_server_name=HOST)

    @asynccontextmanager
    async def controller(self, name: str = "main") -> AsyncIterator[TelemetryReader]:
        """A client that says that it is a controller, where that can be said."""
        async with self.client(f"controller:{name}") as reader:
            if self.link == "mosquitto":
                await reader.say()
            yield reader

    async def later(self, seconds: float, *beating: TelemetryReader) -> None:
        """So much later; these controllers are still there, and have the host look what is due."""
        self.clock.mono += seconds
        for one in beating:
            if self.link == "mosquitto":
                await one.say()
            else:
                await one.acknowledge(bytes(16), "metric", (1, 1))


def metrics(host: RunningHost) -> ClassLog:
    """What the host holds of measurements."""
    return host.spool.logs[-1].classes["metric"]


def held(host: RunningHost) -> list[int]:
    """Numbers of measurements that nobody has acknowledged."""
    of = metrics(host)
    return [number for first, last in of.held(1, of.used) for number in range(first, last + 1)]


async def until(true: Callable[[], object], what: str = "") -> None:
    """Wait for it."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(what or "it did not come about") from None
