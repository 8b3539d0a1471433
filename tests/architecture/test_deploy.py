"""What is shipped for operators works with the real programs it is for: mosquitto, systemd, sh."""

import asyncio
import getpass
import os
import re
import shutil
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from guestwire.broker_test.child import end_child, start_child
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import find_mosquitto, free_port
from guestwire.site.enrolment import SitePlan, create


@pytest.fixture
def unit(repository, tmp_path) -> Path:
    """The service, with a program that is there in the place of the agent."""
    text = repository.text(Path("deploy/systemd/guestwire-agent.service"))
    path = tmp_path / "guestwire-agent.service"
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


def test_the_service_is_hardened(unit):
    """An exposure of 2.0 of 10 at most, as `systemd-analyze security` counts it."""
    done = systemd_analyze("security", "--offline=yes", "--no-pager", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout


CONNECT = bytes.fromhex("100d 0004 4d515454 05 02 003c 00 0000")
"""MQTT 5, clean start, keep alive 60 s, no properties, an empty client id."""


async def connack(port: int, tls: ssl.SSLContext) -> bytes:
    """What the broker answers to a CONNECT; nothing when it closes instead."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
            writer.write(CONNECT)
            try:
                return await reader.read(4)
            finally:
                writer.transport.abort()
    except (OSError, ssl.SSLError):
        return b""


async def test_mosquitto_runs_with_the_shipped_configuration(repository, tmp_path):
    """With the certificates of a site: a client of the site is let in, one without a certificate is not."""
    require_mosquitto()
    site = create(tmp_path / "plant", SitePlan(site="plant", hosts=("h1",), tls=True), time.time_ns() // 1_000_000)
    port = free_port()
    files = tmp_path / "mosquitto"
    files.mkdir()
    for source in (site.ca_certificate, site.certificate("broker"), site.certificate_key("broker")):
        shutil.copy(source, files)
    shutil.copy(repository.base / "deploy/broker/guestwire.acl", files)
    text = repository.text(Path("deploy/broker/guestwire.conf"))
    text = text.replace("/etc/mosquitto/guestwire", str(files)).replace("listener 8883", f"listener {port} 127.0.0.1")
    assert "/etc/mosquitto/" not in re.sub("^#.*", "", text, flags=re.MULTILINE)
    (files / "mosquitto.conf").write_text(f"{text}\nlog_dest stderr\nuser {getpass.getuser()}\n")
    broker = await start_child([find_mosquitto() or "", "-c", str(files / "mosquitto.conf")])
    assert broker.stdout is not None
    try:
        log = b""
        async with asyncio.timeout(10):
            while b" running" not in log:
                line = await broker.stdout.readline()
                log += line
                assert line, log.decode()
        known = ssl.create_default_context(cafile=str(site.ca_certificate))
        assert await connack(port, known) == b""
        known.load_cert_chain(site.certificate("h1"), site.certificate_key("h1"))
        answer = await connack(port, known)
        assert (answer[0], answer[3]) == (0x20, 0)
    finally:
        await end_child(broker, 5)


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
