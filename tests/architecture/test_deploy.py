"""What is shipped for operators works with the real programs it is for: mosquitto, systemd, sh."""

import asyncio
import configparser
import getpass
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from guestwire.broker_test.child import end_child, start_child
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import find_mosquitto, free_port
from guestwire.cli import run
from guestwire.cli.main import cli
from guestwire.site.layout import Layout


@pytest.fixture(
    params=[
        "guestwire-agent.service",
        "guestwire-undo.service",
        "guestwire-site.service",
        "guestwire-controller.service",
    ]
)
def unit(request, repository, tmp_path) -> Path:
    """A service, with a program that is there in the place of its own."""
    text = repository.text(Path("deploy/systemd") / request.param)
    path = tmp_path / request.param
    path.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={shutil.which('true')}", text))
    return path


def systemd_analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on this machine")
    return subprocess.run(
        [program, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


def test_systemd_understands_the_service(unit):
    done = systemd_analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert done.returncode == 0
    assert not done.stderr


def test_systemd_understands_the_credentials_that_the_service_shows(repository, tmp_path):
    text = repository.text(Path("deploy/systemd/guestwire-agent.service"))
    text, count = re.subn(r"^#(LoadCredential)", r"\1", text, flags=re.MULTILINE)
    assert count == 3
    unit = tmp_path / "guestwire-agent.service"
    unit.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={shutil.which('true')}", text))
    done = systemd_analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert done.returncode == 0
    assert not done.stderr


def test_systemd_understands_the_drop_in_of_the_sites_service(repository, tmp_path):
    program = f"ExecStart={shutil.which('true')}"
    folder = tmp_path / "guestwire-site.service.d"
    folder.mkdir()
    for name, place in (("service", tmp_path / "guestwire-site.service"), ("broker", folder / "broker.conf")):
        source = "guestwire-site.service" if name == "service" else "guestwire-site-broker.conf"
        text = repository.text(Path("deploy/systemd") / source)
        place.write_text(re.sub(r"ExecStart=/\S+", program, text).replace("SupplementaryGroups=mosquitto", ""))
    done = systemd_analyze("verify", "--man=no", "--recursive-errors=no", tmp_path / "guestwire-site.service")
    assert done.returncode == 0
    assert not done.stderr


def test_a_controller_may_enter_where_the_socket_of_its_own_machines_agent_is(repository):
    """With its drop-in; without it the controller starts on machines that have no agent."""
    folder = Path("deploy/systemd")
    texts = [
        repository.text(folder / name)
        for name in (
            "guestwire-agent.service",
            "guestwire-controller.service",
            "guestwire-controller.service.d/local-agent.conf",
        )
    ]
    agent, controller, drop_in = [dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)) for text in texts]
    assert drop_in["SupplementaryGroups"] == agent["Group"]
    assert "SupplementaryGroups" not in controller
    assert Path("/run") / agent["RuntimeDirectory"] == run.DEFAULT_SOCKET.parent
    assert int(agent["RuntimeDirectoryMode"], 8) & 0o050 == 0o050, "the group may enter, and read what is there"
    assert "AF_UNIX" in controller["RestrictAddressFamilies"].split()


def test_the_command_in_the_drop_in_of_the_sites_service_has_options_that_are_there(repository):
    text = repository.text(Path("deploy/systemd/guestwire-site-broker.conf"))
    words = shlex.split(re.search(r"^ExecStart=(/.*?[^\\])$", text, re.MULTILINE | re.DOTALL)[1].replace("\\\n", " "))
    known = {
        option for param in cli.get_command(None, "site").get_command(None, "serve").params for option in param.opts
    }
    assert {word for word in words if word.startswith("--")} <= known
    assert words[1:3] == ["site", "serve"]


def test_systemd_understands_the_timer_of_the_undo(repository, tmp_path):
    for name in ("guestwire-undo.timer", "guestwire-undo.service"):
        text = repository.text(Path("deploy/systemd") / name)
        (tmp_path / name).write_text(re.sub(r"ExecStart=\S+", f"ExecStart={shutil.which('true')}", text))
    done = systemd_analyze("verify", "--man=no", "--recursive-errors=no", tmp_path / "guestwire-undo.timer")
    assert done.returncode == 0
    assert not done.stderr


def test_systemd_understands_the_communication_services(repository, tmp_path):
    text = repository.text(Path("deploy/systemd/guestwire-comm.service"))
    unit = tmp_path / "guestwire-comm.service"
    unit.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={shutil.which('true')}", text))
    done = systemd_analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert done.returncode == 0
    assert not done.stderr


def test_systemd_understands_the_screen_of_standalone_mode(repository, tmp_path):
    text = repository.text(Path("deploy/systemd/guestwire-standalone.service"))
    unit = tmp_path / "guestwire-standalone.service"
    unit.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={shutil.which('true')}", text))
    done = systemd_analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert done.returncode == 0
    assert not done.stderr


@pytest.mark.parametrize(
    ("file", "key"),
    [("systemd/guestwire-standalone.service", "ExecStart"), ("desktop/guestwire-desktop.desktop", "Exec")],
)
def test_what_opens_the_screens_of_guests_is_our_command(file, key, repository):
    """The words after our program are a command line that it takes, at the socket of the agent's service."""
    text = repository.text(Path("deploy") / file)
    (line,) = re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)
    words = shlex.split(line)
    words = words[words.index("/opt/guestwire/bin/guestwire") + 1 :]
    done = CliRunner().invoke(cli, [*words, "--help"], prog_name="guestwire")
    assert done.exit_code == 0, done.output
    assert (words[0], words[-1]) == ("--socket", "desktop")
    assert words[1] == str(run.DEFAULT_SOCKET)


def test_the_desktop_file_is_sound(repository):
    """Desktop Entry Specification 1.5: an application with a name and a program, shown in no menu; a group, keys, comments."""
    text = repository.text(Path("deploy/desktop/guestwire-desktop.desktop"))
    assert next(line for line in text.splitlines() if line and line[0] != "#") == "[Desktop Entry]"
    parser = configparser.RawConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    assert parser.sections() == ["Desktop Entry"]
    entry = dict(parser["Desktop Entry"])
    assert entry.keys() == {"Type", "Name", "Comment", "TryExec", "Exec", "Terminal", "NoDisplay"}
    assert (entry["Type"], entry["Terminal"], entry["NoDisplay"]) == ("Application", "false", "true")
    assert entry["Exec"].split()[0] == entry["TryExec"]


def test_the_undo_may_do_what_the_agent_may(repository):
    """The same sandbox, but for what a process that serves needs besides."""

    def sandbox(name: str) -> set[str]:
        text = repository.text(Path("deploy/systemd") / name)
        return {line for line in text.splitlines() if re.match("[A-Z]", line)}

    agent, undo = sandbox("guestwire-agent.service"), sandbox("guestwire-undo.service")
    assert {line.split("=")[0] for line in undo - agent} <= {
        "Description",
        "After",
        "Type",
        "ExecStart",
        "TimeoutStartSec",
    }
    assert {line.split("=")[0] for line in agent - undo} <= {
        "Description", "Wants", "After", "Before", "Type", "NotifyAccess", "ExecStart", "ExecReload", "WatchdogSec",
        "Restart", "RestartSec", "TimeoutStopSec", "RuntimeDirectory", "RuntimeDirectoryMode", "WantedBy",
        "Environment",
    }  # fmt: skip


def test_the_service_is_hardened(unit):
    """An exposure of 2.0 of 10 at most, as `systemd-analyze security` counts it."""
    done = systemd_analyze("security", "--offline=yes", "--no-pager", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout


CONNECT = bytes.fromhex("100e 0004 4d515454 05 02 003c 00 0001 78")
"""Version 5, a clean start, keep alive 60 s, no properties, the client id x."""


async def connack(port: int, tls: ssl.SSLContext) -> bytes:
    """What the broker answers to a CONNECT; nothing when it closes instead."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost")
            writer.write(CONNECT)
            try:
                return await reader.read(4)
            finally:
                writer.transport.abort()
    except (OSError, ssl.SSLError):
        return b""


@dataclass(frozen=True)
class Plant:
    """The site of the pages: host press1, operator eve, and a mosquitto as it is shipped for it."""

    layout: Layout
    port: int
    context: Path


@pytest.fixture
async def plant(repository, tmp_path) -> AsyncIterator[Plant]:
    """Made and started with the commands and files of deploy/docs/first-run.md and broker.md."""
    require_mosquitto()
    port, context = free_port(), tmp_path / "config.toml"
    base = tmp_path / "plant"
    await guestwire(
        context, "site", "init", str(base), "--host", "press1", "--operator", "eve", "--tls",
        "--broker-name", "localhost", "--broker", f"mqtts://localhost:{port}",
    )  # fmt: skip
    site = Layout(base)
    files, data = tmp_path / "mosquitto", tmp_path / "data"
    data.mkdir()
    await guestwire(
        context, "site", "broker-config", str(base), "--for", "mosquitto", "--out", str(files),
        "--listen", f"127.0.0.1:{port}", "--user", getpass.getuser(),
    )  # fmt: skip
    conf = files / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("/var/lib/mosquitto", str(data)))
    async with process(" running", find_mosquitto() or "", "-c", str(files / "mosquitto.conf")):
        yield Plant(site, port, context)


@asynccontextmanager
async def process(ready: str, *argv: str) -> AsyncIterator[None]:
    """A child process that has said this; ended after the block."""
    child = await start_child(argv)
    assert child.stdout is not None
    try:
        said = ""
        async with asyncio.timeout(20):
            while ready not in said:
                line = (await child.stdout.readline()).decode()
                said += line
                assert line, said
        yield
    finally:
        await end_child(child, 10)


async def guestwire(context: Path, *arguments: str) -> str:
    """What the command says on stdout; it must end with 0."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guestwire.cli.main", *arguments, env={**os.environ, "GUESTWIRE_CONFIG": str(context)},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, err = await child.communicate()
    assert child.returncode == 0, err.decode()
    return out.decode()


async def test_the_shipped_broker_lets_in_the_site_and_nobody_else(plant):
    tls = ssl.create_default_context(cafile=str(plant.layout.ca_certificate))
    assert await connack(plant.port, tls) == b""
    tls.load_cert_chain(plant.layout.certificate("press1"), plant.layout.certificate_key("press1"))
    answer = await connack(plant.port, tls)
    assert (answer[0], answer[3]) == (0x20, 0)


async def test_a_site_works_as_the_pages_say(repository, plant, tmp_path):
    """The example configuration, the files where the pages put them, TLS and the access list; a simulated host."""
    page = repository.text(Path("deploy/docs/agent-configuration.md"))
    example = re.search(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert example is not None
    etc, site = tmp_path / "etc", plant.layout
    etc.mkdir()
    for source, name in (
        (site.ca_certificate, "ca.crt"), (site.certificate("press1"), "press1.crt"), (site.trust, "trust"),
        (site.certificate_key("press1"), "press1.tls.key"), (site.key("host:press1"), "press1.key"),
        (site.root_public, "root.pub"),
    ):  # fmt: skip
        shutil.copy(source, etc / name)
    text = example[1].replace("/etc/guestwire", str(etc)).replace("broker.example:8883", f"localhost:{plant.port}")
    (etc / "agent.toml").write_text(text)
    agent = (
        sys.executable, "-m", "guestwire.agent.main", "run", "--config", str(etc / "agent.toml"),
        "--host-driver", "simulated", "--host-state-dir", str(tmp_path / "state"), "--broker-boot-delay-s", "0",
        "--host-socket", str(tmp_path / "agent.sock"), "--host-clock", "trusted",
        "--trust-document", str(etc / "trust"), "--trust-root-key", str(etc / "root.pub"),
    )  # fmt: skip
    async with process("broker connected", *agent):
        listed = await guestwire(plant.context, "guest", "list", "press1", "-o", "name")
        name = listed.split()[0]
        assert name.startswith("press1/")
        assert '"running"' in await guestwire(plant.context, "guest", "start", name, "-o", "json")
        assert listed == await guestwire(
            plant.context, "--socket", str(tmp_path / "agent.sock"), "guest", "list", "-o", "name"
        )  # fmt: skip


def test_the_scripts_are_sound(repository):
    scripts = [
        path for path in repository.files() if repository.base.joinpath(path).read_bytes()[:15] == b"#!/usr/bin/env "
    ]
    assert len(scripts) >= 3
    for path in scripts:
        text = repository.text(path)
        if "bash" not in text.splitlines()[0]:
            continue
        assert "set -euo pipefail" in text, path
        assert os.access(repository.base / path, os.X_OK), path
        subprocess.run(["bash", "-n", str(repository.base / path)], check=True, timeout=30)
