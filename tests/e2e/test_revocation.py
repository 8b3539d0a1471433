"""Keys that are lost while everything runs: the broker, every host and every client refuse them, on what is open as well.

`guestwire site serve` carries the news; the site's commands only change the trust document.
"""

import asyncio
import getpass
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from controller_process import Api, ControllerProcess
from fleet import PATIENCE_S, SITE, Agent, Cli, Following, agent_settings, unix_ms
from tests.support.forked import start_forked

from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import Mosquitto, free_port, mosquitto
from guestwire.broker_test.options import BrokerOptions, Listener, Tls
from guestwire.link import mqtt5
from guestwire.link.transport import Options, Transport
from guestwire.model.errors import GuestwireError
from guestwire.protocol import topics
from guestwire.protocol.operation_models import GuestStart, TrustKnown
from guestwire.sdk import context_file
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.contexts import Context
from guestwire.sdk.links import tls_context
from guestwire.site.authority import read_trust
from guestwire.site.layout import Layout

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHUT_OUT_WITHIN_S = 60.0
"""The promise; it takes a second or two."""
BRIEFLY = CallOptions(timeout_s=1.0)


@dataclass
class Plant:
    """A site whose service keeps its broker and hosts in step. Host h1 is the root's, h2 enrolled."""

    base: Path
    layout: Layout
    cli: Cli
    serving: Following
    broker: Mosquitto
    agents: dict[str, Agent]
    listeners: dict[str, int]
    authority: str

    def context(
        self, principal: str, *, host: str | None = None, certificate: str | None = None, called: str = ""
    ) -> Context:
        """By MQTT, or straight to a host. Each has a trust document of its own, as it is now. `called`: for the command line."""
        name = principal.partition(":")[2]
        document = self.base / f"{len(list(self.base.glob('*.trust')))}.trust"
        shutil.copy(self.layout.trust, document)
        by = certificate or name
        values: dict[str, object] = {
            "site": SITE, "trust": str(document), "root": str(self.layout.root_public), "client": by,
            "key": str(self.layout.key(principal)), "ca": str(self.layout.ca_certificate), "authority": self.authority,
            "certificate": str(self.layout.certificate(by)), "certificate_key": str(self.layout.certificate_key(by)),
        }  # fmt: skip
        if host is None:
            values |= {"brokers": (f"mqtts://127.0.0.1:{self.broker.tls_port}",), "transport": "mqtt5"}
        else:
            values |= {"via": "tcp", "address": f"127.0.0.1:{self.listeners[host]}", "host": host}
        context = Context.model_validate(values)
        if called:
            context_file.put(self.cli.config, called, context, make_current=False)
        return context

    async def site(self, *arguments: str) -> None:
        said = await self.cli("site", *arguments)
        assert said.code == 0, said


async def remark(following: Following, text: str, since: int = 0) -> str:
    """A line on stderr, once it is there."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for line in following.remarks[since:]:
                if text in line:
                    return line
            assert following.process.returncode is None, following.remarks
            await asyncio.sleep(0.02)


async def until(refused: Callable[[], Awaitable[object]], *codes: str) -> GuestwireError:
    """Try until it is refused with one of the codes. Its caller says within what time."""
    while True:
        try:
            await refused()
        except GuestwireError as err:
            if err.code in codes:
                return err
        await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    require_mosquitto()
    base = tmp_path_factory.mktemp("revocation")
    layout, cli, port = Layout(base / SITE), Cli(base / "client.toml"), free_port()
    operators = [word for name in ("admin", "keeper=operator", "rex") for word in ("--operator", name)]
    made = await cli("site", "init", str(layout.base), "--tls", "--host", "h1", *operators)
    assert made.code == 0, made
    (base / "data").mkdir()
    async with AsyncExitStack() as stack:
        plant = Plant(base, layout, cli, None, None, {}, {}, "")  # type: ignore[arg-type]
        keeper = Context(
            site=SITE, brokers=(f"mqtts://127.0.0.1:{port}",), trust=str(base / "keeper.trust"),
            root=str(layout.root_public), key=str(layout.key("operator:keeper")), ca=str(layout.ca_certificate),
            certificate=str(layout.certificate("keeper")), certificate_key=str(layout.certificate_key("keeper")),
        )  # fmt: skip
        shutil.copy(layout.trust, base / "keeper.trust")
        context_file.put(cli.config, "keeper", keeper, make_current=False)
        plant.serving = await stack.enter_async_context(
            cli.by("--context", "keeper").following(
                "site", "serve", str(layout.base), "--listen", "127.0.0.1:0", "--name", "127.0.0.1",
                "--broker-dir", str(base / "broker"), "--broker-listen", f"127.0.0.1:{port}",
                "--broker-user", getpass.getuser(), "--broker-data", str(base / "data"),
                "--broker-pid-file", str(base / "mosquitto.pid"),
            )
        )  # fmt: skip
        plant.authority = (await plant.serving.line("serving the site")).split()[-1]
        await remark(plant.serving, "No broker runs")
        tls = Tls(layout.certificate("broker"), layout.certificate_key("broker"))
        options = BrokerOptions(listeners=(Listener(port, tls=tls),), config=base / "broker" / "mosquitto.conf")
        plant.broker = await stack.enter_async_context(mosquitto(options))
        (base / "mosquitto.pid").write_text(f"{plant.broker.pid}\n")
        await remark(plant.serving, "broker: reads its files again")
        for agent in await asyncio.gather(_by_the_root(plant, "h1"), _enrolled(plant, "h2")):
            plant.agents[agent.host] = agent
            stack.push_async_callback(agent.stop)
        await asyncio.gather(*(agent.start() for agent in plant.agents.values()))
        await remark(plant.serving, "hosts: trust document 1.1: every host has it (2)")
        yield plant


async def _by_the_root(plant: Plant, host: str) -> Agent:
    home, layout = plant.base / host, plant.layout
    home.mkdir()
    shutil.copy(layout.trust, home / "trust")
    plant.listeners[host] = free_port()
    tls = {
        "ca": str(layout.ca_certificate), "cert": str(layout.certificate(host)), "key": str(layout.certificate_key(host)),
    }  # fmt: skip
    sections = {
        "broker": tls,
        "listener": {"address": f"127.0.0.1:{plant.listeners[host]}"},
        "trust": {"document": str(home / "trust")},
        "telemetry": {"tiers": ["normal"], "normal_s": 1.0},
    }
    url = f"mqtts://127.0.0.1:{plant.broker.tls_port}"
    return Agent(host, home, agent_settings(layout, home, host, [url], sections))


async def _enrolled(plant: Plant, host: str) -> Agent:
    home, since = plant.base / host, len(plant.serving.remarks)
    url = f"mqtts://127.0.0.1:{plant.broker.tls_port}"
    code = await plant.cli("host", "enrol", str(plant.layout.base), host, "--broker", url)
    status, said = await _agent_command(
        plant, home, "enrol", "-", "--dir", str(home / "identity"), text=code.out.strip()
    )
    assert status == 0, said
    plant.listeners[host] = free_port()
    config = (home / "agent.toml").read_text()
    more = f'driver = "simulated"\nclock = "trusted"\nstate_dir = "{home}/state"\nsocket = "{home}/agent.sock"\n'
    agent = Agent(host, home, {"host": {"socket": str(home / "agent.sock"), "state_dir": str(home / "state")}})
    agent.config.write_text(
        config.replace("[host]\n", f"[host]\n{more}").replace("[broker]\n", "[broker]\nboot_delay_s = 0\n")
        + f'\n[listener]\naddress = "127.0.0.1:{plant.listeners[host]}"\n'
    )
    await remark(plant.serving, "broker: reads its files again", since)
    return agent


async def _agent_command(plant: Plant, home: Path, *words: str, text: str | None = None) -> tuple[int, str]:
    """`guestwire-agent`: its status, and all that it said."""
    process = await start_forked(
        "agent", *words, "--config", str(home / "agent.toml"),
        environment=plant.cli.environment, stdin=PIPE if text is not None else DEVNULL, stderr=STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        out, _ = await process.communicate(f"{text}\n".encode() if text is not None else None)
    assert process.returncode is not None
    return process.returncode, out.decode()


@asynccontextmanager
async def connection(plant: Plant, certificate: Path, key: Path) -> AsyncIterator[Transport]:
    """A connection to the broker by a certificate, and nothing else of ours."""
    names = {"ca": str(plant.layout.ca_certificate), "certificate": str(certificate), "certificate_key": str(key)}
    tls = tls_context(Context.model_validate({"site": SITE, "brokers": ("mqtts://127.0.0.1",), **names}))
    options = Options("127.0.0.1", plant.broker.tls_port or 0, "raw", tls=tls, tls_server_name="127.0.0.1",
                      clean_start=True, session_expiry_s=0)  # fmt: skip
    transport = await mqtt5.connect(options, lambda message: message.ack())
    try:
        yield transport
    finally:
        await transport.close()


async def refusal(way: AbstractAsyncContextManager[object]) -> GuestwireError:
    """Why a new connection is refused."""
    with pytest.raises(GuestwireError) as why:
        async with way:
            raise AssertionError
    return why.value


async def revision(client: Client, host: str) -> tuple[int, int]:
    shown = await client.host(host).trust_show(TrustKnown(), CallOptions(timeout_s=5.0))
    return shown.reply.revision


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(plant: Plant) -> AsyncIterator[Api]:
    """A user of a controller that goes by its certificate, and has let h1 in."""
    way = {
        "brokers": [f"mqtts://127.0.0.1:{plant.broker.tls_port}"], "ca": str(plant.layout.ca_certificate),
        "certificate": str(plant.layout.certificate("main")), "certificate_key": str(plant.layout.certificate_key("main")),
        "key": str(plant.layout.key("controller:main")),
    }  # fmt: skip
    controller = ControllerProcess(plant.base, plant.layout, "", way=way)
    try:
        await controller.make_user()
        await controller.start()
        async with controller.user() as api:
            await api.approve("h1")
            yield api
    finally:
        await controller.stop()


async def test_a_controller_works_within_the_access_list_that_was_made_for_it(plant: Plant, office: Api) -> None:
    ask = f"/hosts/{SITE}/h1/operations/guest-start"
    started = await office.post(ask, {"guest": "rtlinux", "wait": "running"}, wait_s=30)
    assert started["verified"]
    [connection] = (await office.get("/connections"))["items"]
    assert (connection["state"], connection["client"]) == ("up", "main")


async def test_a_host_that_was_away_gets_the_document_when_it_is_back(plant: Plant) -> None:
    before = read_trust(plant.layout).revision
    async with open_client(plant.context("operator:admin")) as client:
        await plant.agents["h1"].stop()
        since = len(plant.serving.remarks)
        await plant.site("signers-needed", str(plant.layout.base), "R3=1", "R2=1")
        await plant.site("mandate-revoke", str(plant.layout.base), "ab" * 16)
        await plant.site("trust", "publish", str(plant.layout.base))
        after = read_trust(plant.layout).revision
        assert after[0] == before[0] + 1
        line = await remark(plant.serving, f"hosts: trust document {after[0]}.{after[1]}: 1 of 2 have it", since)
        assert "missing h1" in line
        assert await revision(client, "h2") == after
        await plant.agents["h1"].start()
        await remark(plant.serving, f"hosts: trust document {after[0]}.{after[1]}: every host has it (2)", since)
        assert await revision(client, "h1") == after


async def test_what_a_host_measures_is_stored_and_acknowledged_within_the_access_list(office: Api) -> None:
    async def told() -> bool:
        at = unix_ms()
        found = await office.get(
            "/metrics/query", selector="guestwire_agent_spool_acknowledged_total", start=at - 300_000, end=at, step=1000,
            aggregate="last",
        )  # fmt: skip
        return any(value > 0 for one in found["series"] for _, value in one["points"])

    await office.until(told, "by its own word h1 was told that it may forget")


@pytest.mark.parametrize("principal", ["operator:rex", "controller:main"])
async def test_a_key_that_is_revoked_is_of_no_use_on_any_way(plant: Plant, principal: str) -> None:
    """At the broker and straight at the host, open and new; and the host judges by itself: a key that comes by somebody
    else's connection is refused too."""
    name = principal.partition(":")[2]
    by_broker, direct = plant.context(principal), plant.context(principal, host="h1")
    carried = plant.context(principal, certificate="admin")
    certificate, key = plant.layout.certificate(name), plant.layout.certificate_key(name)
    request = topics.make("request", SITE, "h1", name, "guest-list")
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(open_client(each)) for each in (by_broker, direct, carried)]
        raw = await stack.enter_async_context(connection(plant, certificate, key))
        for client in clients:
            assert (await client.host("h1").guest_list(CallOptions(timeout_s=10))).verified
        await raw.publish(request, b"")
        link = clients[1]._way._caller.session.transport
        assert link is not None
        await plant.site("signer", "revoke", str(plant.layout.base), principal)
        await plant.site("trust", "publish", str(plant.layout.base))
        start = GuestStart(guest="linux1")
        async with asyncio.timeout(SHUT_OUT_WITHIN_S):  # all of it, from the publish on
            closed = await link.closed
            assert closed is not None
            assert closed.code == "CLIENT-UNKNOWN"
            await until(lambda: raw.publish(request, b""), "PUBLISH-REFUSED")
            await until(lambda: clients[0].host("h1").guest_start(start, BRIEFLY), "PUBLISH-REFUSED")
            await until(lambda: clients[2].host("h1").guest_list(BRIEFLY), "KEY-UNKNOWN")
    refusals = [await refusal(way) for way in (connection(plant, certificate, key), open_client(by_broker))]
    assert all("certificate revoked" in str(err.detail) for err in refusals), refusals
    assert (await refusal(open_client(direct))).code in ("CLIENT-UNKNOWN", "KEY-UNKNOWN")


async def test_a_host_that_is_expelled_is_believed_by_nobody(plant: Plant) -> None:
    identity = plant.base / "h2" / "identity" / "tls.pem"
    presence = topics.make("presence", SITE, "h2")
    by_broker = plant.context("operator:admin", called="by-broker")
    direct = plant.context("operator:admin", host="h2", called="direct")
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(by_broker, look_every_s=0.5))
        straight = await stack.enter_async_context(open_client(direct, look_every_s=0.5))
        host = await stack.enter_async_context(connection(plant, identity, identity))
        for each in (client, straight):
            assert (await each.host("h2").guest_list(CallOptions(timeout_s=10))).verified
        await host.publish(presence, b"")
        expelled = await plant.cli("host", "expel", str(plant.layout.base), "h2", "-y")
        assert expelled.code == 0, expelled
        async with asyncio.timeout(SHUT_OUT_WITHIN_S):
            await until(lambda: host.publish(presence, b""), "PUBLISH-REFUSED")
            await until(lambda: client.host("h2").guest_list(BRIEFLY), "HOST-UNREACHABLE")
            await until(lambda: straight.host("h2").guest_list(BRIEFLY), "UNSIGNED-RESPONSE")
        assert (await client.host("h1").guest_list(CallOptions(timeout_s=10))).verified
    assert "certificate revoked" in str((await refusal(connection(plant, identity, identity))).detail)
    by_command, directly, (status, said) = await asyncio.gather(
        plant.cli.by("--context", "by-broker")("guest", "list", "h2", "--timeout", "2", "-o", "json"),
        plant.cli.by("--context", "direct")("guest", "list", "h2", "--timeout", "2", "-o", "json"),
        _agent_command(plant, plant.base / "h2", "renew"),
    )
    assert (by_command.error["code"], directly.error["code"]) == ("HOST-UNREACHABLE", "UNSIGNED-RESPONSE")
    assert (status != 0, "KEY-UNKNOWN" in said) == (True, True), said
