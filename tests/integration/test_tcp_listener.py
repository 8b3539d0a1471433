"""The TCP listener of an agent of its own process: the same command line over it, and revocation while connected."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from guestwire.cli.main import cli
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.protocol.audit import AuditQuery
from guestwire.protocol.operation_models import GuestStart
from guestwire.protocol.signing import key_id
from guestwire.protocol.trust_file import seal, unseal
from guestwire.sdk.client import open_client
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import read_public_key
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout

LIMIT_S = 20.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Agent:
    """A host without a broker, that listens; and its site."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        plan = SitePlan("plant", hosts=("h1", "h2"), operators=("admin", "eve"), tls=True, local_uids=())
        self.layout = create(folder / "site", plan, now().wall_ms)
        self.config = folder / "agent.toml"
        site = self.layout
        self.config.write_text(
            f"""
[host]
id = "h1"
site = "plant"
driver = "simulated"
state_dir = "{folder}/state"
socket = ""
clock = "trusted"
[listener]
address = "127.0.0.1:{self.port}"
cert = "{site.certificate("h1")}"
key = "{site.certificate_key("h1")}"
ca = "{site.ca_certificate}"
[trust]
document = "{site.trust}"
root_key = "{site.root_public}"
host_key = "{site.key("host:h1")}"
[simulated]
boot_s = 0.02
shutdown_s = 0.01
"""
        )
        self._log = folder / "agent.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "guestwire.agent.main", "run", "--config", str(self.config)], stderr=log
            )
        self.said('"serving"')

    def said(self, text: str) -> None:
        """Wait until it has."""
        assert self._process is not None
        ends = time.monotonic() + LIMIT_S
        while text not in self._log.read_text():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < ends, self._log.read_text()
            time.sleep(0.02)

    def reload(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGHUP)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                assert self._process.wait(LIMIT_S) == 0
            finally:
                self._process.kill()

    def context(self, operator: str, **changes: str) -> Context:
        site = self.layout
        values = {
            "trust": str(site.trust), "root": str(site.root_public), "key": str(site.key(f"operator:{operator}")),
            "ca": str(site.ca_certificate), "certificate": str(site.certificate(operator)),
            "certificate_key": str(site.certificate_key(operator)),
        }  # fmt: skip
        return Context(site="plant", via="tcp", address=f"127.0.0.1:{self.port}", host="h1", **(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    it = Agent(tmp_path)
    it.start()
    yield it
    it.stop()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("GUESTWIRE_CONFIG", str(tmp_path / "config" / "config.toml"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("GUESTWIRE_CONTEXT", raising=False)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, prog_name="guestwire", catch_exceptions=False)

    return call


def files(site: Layout, operator: str) -> list[str]:
    return [
        "--ca", str(site.ca_certificate), "--certificate", str(site.certificate(operator)),
        "--certificate-key", str(site.certificate_key(operator)), "--key", str(site.key(f"operator:{operator}")),
        "--trust", str(site.trust), "--root", str(site.root_public),
    ]  # fmt: skip


def test_the_same_command_line_goes_straight_to_the_host(agent: Agent, run: Callable[..., Result]) -> None:
    where = ("--via", "tcp", "--site", "plant", "--address", f"127.0.0.1:{agent.port}")
    for name, host in (("direct", "h1"), ("other", "h2")):
        added = run("context", "add", name, *where, "--host", host, *files(agent.layout, "admin"))
        assert added.exit_code == 0, added.stderr
    assert f"127.0.0.1:{agent.port}" in run("context", "list").stdout

    started = run("guest", "start", "h1/linux1", "--context", "direct", "--wait", "ready", "-o", "json")
    assert started.exit_code == 0, started.stderr
    listed = json.loads(run("guest", "list", "--context", "direct", "-o", "json").stdout)
    assert {one["guest"]["name"]: one["verified"] for one in listed} == {"rtlinux": True, "linux1": True}
    jobs = json.loads(run("job", "list", "h1", "--context", "direct", "-o", "json").stdout)
    assert [(job["issuer"], job["operation"], job["state"]) for job in jobs] == [
        ("operator:admin", "guest-start", "succeeded")
    ]

    healthy = run("doctor", "--context", "direct")
    assert "it knows us as admin" in healthy.stdout, healthy.stdout
    wrong = run("guest", "list", "--context", "other")
    assert (wrong.exit_code, "CERTIFICATE-NAME" in wrong.stderr) == (5, True), wrong.stderr
    assert run("doctor", "--context", "other").exit_code == 1


async def test_whoever_is_revoked_is_out_at_once(agent: Agent) -> None:
    async with open_client(agent.context("eve")) as eve, open_client(agent.context("admin")) as admin:
        assert (await eve.host("h1").guest_start(GuestStart(guest="linux1", wait="ready"))).verified
        link = eve._way._caller.session.transport
        assert link is not None
        revoke(agent.layout, "operator:eve")
        await asyncio.to_thread(agent.reload)
        async with asyncio.timeout(LIMIT_S):
            error = await link.closed
        assert error is not None
        assert error.code == "CLIENT-UNKNOWN"
        assert (await admin.host("h1").guest_list()).verified
        async with asyncio.timeout(LIMIT_S):
            while "CLIENT-UNKNOWN" not in str((await admin.host("h1").audit_list(AuditQuery())).reply.rows):
                await asyncio.sleep(0.02)
    with pytest.raises(GuestwireError) as refused:
        async with open_client(agent.context("eve", trust=str(agent.layout.trust))):
            raise AssertionError
    assert refused.value.code in ("CLIENT-UNKNOWN", "KEY-UNKNOWN")


def revoke(site: Layout, principal: str) -> None:
    """The next trust document, without the keys of a principal."""
    document = unseal(site.trust.read_bytes(), read_public_key(site.root_public)).document
    keys = [key_id(bytes.fromhex(one.public_key)).hex() for one in document.signers if one.principal == principal]
    document = document.model_copy(update={"rev": document.rev + 1, "revoked": (*document.revoked, *keys)})
    site.trust.write_bytes(seal(document, read_signing_key(site.root_key)))
