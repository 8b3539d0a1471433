"""A machine with nothing on it becomes a host of a site, and stays one: with the programs as people start them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from fleet import PATIENCE_S, Agent, Cli, Following
from tests.support.forked import start_forked

from guestwire.agent.certificate_dates import certificates
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import Mosquitto, free_port, mosquitto
from guestwire.broker_test.options import BrokerOptions, Listener, Tls
from guestwire.protocol.key_files import parse_public
from guestwire.protocol.trust_file import unseal
from guestwire.site.layout import Layout

LIFE_DAYS = 0.01
"""A quarter of an hour, and an hour that certificates are backdated by: two thirds are over when it is issued."""


class Enrolling:
    """A site whose root key is away, its broker and its service, and one empty folder for a host."""

    def __init__(self, cli: Cli, layout: Layout, broker: Mosquitto, serving: Following, base: Path) -> None:
        self.cli = cli
        self.layout = layout
        self.broker = broker
        self.serving = serving
        self.base = base
        self.home = base / "h1"

    async def code(self, *more: str) -> str:
        url = f"mqtts://127.0.0.1:{self.broker.tls_port}"
        said = await self.cli("host", "enrol", str(self.layout.base), "h1", "--broker", url, *more)
        assert said.code == 0, said
        return said.out.strip()

    async def enrol(self, code: str) -> tuple[int, str]:
        """`guestwire-agent enrol` with the code on standard input; its status and what it said."""
        process = await start_forked(
            "agent", "enrol", "-", "--config", str(self.home / "agent.toml"), "--dir", str(self.home / "identity"),
            environment=self.cli.environment, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_S):
            out, _ = await process.communicate(code.encode() + b"\n")
        assert process.returncode is not None
        return process.returncode, out.decode()


@pytest.fixture
async def enrolling(tmp_path: Path) -> AsyncIterator[Enrolling]:
    require_mosquitto()
    port = free_port()
    cli = Cli(tmp_path / "client.toml")
    made = await cli("site", "init", str(tmp_path / "plant"), "--tls", "--broker", f"mqtts://127.0.0.1:{port}")
    assert made.code == 0, made
    layout = Layout(tmp_path / "plant")
    layout.root_key.parent.rename(tmp_path / "safe")  # the root's keys are somewhere else, as they should be
    tls = Tls(
        layout.certificate("broker"),
        layout.certificate_key("broker"),
        layout.ca_certificate,
        require_client_certificate=True,
    )
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions(listeners=(Listener(port=port, tls=tls),))))
        serving = await stack.enter_async_context(
            cli.following(
                "site",
                "serve",
                str(layout.base),
                "--listen",
                "127.0.0.1:0",
                "--name",
                "127.0.0.1",
                "--days",
                str(LIFE_DAYS),
            )
        )
        await serving.line("serving the site plant")
        yield Enrolling(cli, layout, broker, serving, tmp_path)


async def test_a_fresh_machine_becomes_a_host_and_renews_its_certificate(enrolling: Enrolling) -> None:
    """The certificate is short, so that the agent renews it as soon as it runs; commands are answered before and after."""
    code = await enrolling.code()
    status, said = await enrolling.enrol(code)
    assert status == 0, said
    assert code not in said
    identity = enrolling.home / "identity"
    first = certificates(identity / "tls.pem")[0]
    agent = _agent(enrolling)
    try:
        await agent.start()
        shown = await enrolling.cli.good("host", "show", "h1")
        assert (shown["id"], shown["verified"]) == ("h1", True)
        await agent.log.wait_for("certificate renewed", PATIENCE_S)
        assert certificates(identity / "tls.pem")[0] != first
        await agent.log.wait_for("the certificates for the broker read again", PATIENCE_S)
        assert (await enrolling.cli("host", "ping", "h1", "-c", "1")).code == 0
    finally:
        await agent.stop()
    _no_secret_anywhere(enrolling, code, "\n".join(agent.log))
    rows = [json.loads(line) for line in enrolling.layout.service_log.read_text().splitlines()]
    assert [(row["what"], row["outcome"]) for row in rows] == [("enrol", "ok"), ("renew", "ok")]
    root = parse_public(enrolling.layout.root_public.read_text())
    trust = unseal(enrolling.layout.trust.read_bytes(), root)
    assert trust.members is not None
    assert [member.host for member in trust.members.hosts] == ["h1"]


async def test_what_is_refused_leaves_no_host(enrolling: Enrolling) -> None:
    code = await enrolling.code()
    status, said = await enrolling.enrol(code[:-3] + ("aaa" if not code.endswith("aaa") else "bbb"))
    assert (status, "ENROLMENT-CODE-INVALID" in said) == (1, True), said
    later = await enrolling.code()  # the one before does not count any more
    status, said = await enrolling.enrol(code)
    assert (status, "ENROLMENT-CODE-UNKNOWN" in said) == (1, True), said
    assert not (enrolling.home / "identity").exists()
    assert not (enrolling.home / "agent.toml").exists()
    status, said = await enrolling.enrol(later)
    assert status == 0, said
    assert any("ENROLMENT-CODE-UNKNOWN" in line for line in enrolling.serving.remarks)


def _agent(enrolling: Enrolling) -> Agent:
    """An agent over the settings that the enrolment wrote, and what makes the host a simulated one."""
    home = enrolling.home
    config = home / "agent.toml"
    written = config.read_text()
    agent = Agent("h1", home, {"host": {"socket": str(home / "agent.sock"), "state_dir": str(home / "state")}})
    host = f'driver = "simulated"\nclock = "trusted"\nstate_dir = "{home}/state"\nsocket = "{home}/agent.sock"\n'
    config.write_text(
        written.replace("[host]\n", f"[host]\n{host}").replace("[broker]\n", "[broker]\nboot_delay_s = 0\n")
    )
    return agent


def _no_secret_anywhere(enrolling: Enrolling, code: str, log: str) -> None:
    """The code is in nothing that was said or kept, and no private key is but in its own file."""
    texts = [log, *enrolling.serving.remarks, *enrolling.serving.lines]
    texts += [
        path.read_text("utf-8", "replace")
        for path in (enrolling.layout.base / "issuing").iterdir()
        if path.suffix != ".key"
    ]
    for text in texts:
        assert code not in text
        assert "PRIVATE KEY" not in text
