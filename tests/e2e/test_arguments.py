"""Nobody on the machine reads a secret from the process table: no program of ours is started with one in its arguments or
its environment."""

import base64
import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from fleet import fleet
from test_demo import running

from guestwire.broker_test.options import BrokerOptions, Listener
from guestwire.broker_test.running import RunningBroker
from guestwire.protocol.key_files import parse_private
from guestwire.sdk import context_file

Start = Callable[[BrokerOptions], Awaitable[RunningBroker]]


def secrets_of(base: Path) -> set[bytes]:
    """Every private key below a directory: in hexadecimal, in base64, and as its PEM file has it."""
    found: set[bytes] = set()
    for path in base.rglob("*.key"):
        data = path.read_bytes()
        if data.startswith(b"guestwire-key 1 private"):
            raw = parse_private(data.decode()).raw
            found |= {raw.hex().encode(), base64.b64encode(raw)[:40], raw}
        elif data.startswith(b"-----BEGIN"):
            found.add(data.split(b"\n")[2])
    return found


def shown(pids: set[int]) -> Iterator[tuple[int, str, bytes]]:
    """What the process table tells of each: to everybody its arguments, to its user and root its environment too."""
    for pid in pids:
        for name in ("cmdline", "environ"):
            try:
                yield pid, name, Path(f"/proc/{pid}/{name}").read_bytes()
            except OSError:  # it ended meanwhile
                continue


def assert_hidden(pids: set[int], hidden: set[bytes]) -> None:
    seen = list(shown(pids))
    assert {pid for pid, _, _ in seen} == pids
    assert all(data for _, name, data in seen if name == "cmdline")
    assert not [(pid, name) for pid, name, data in seen for secret in hidden if secret in data]


def password_file(path: Path) -> str:
    """A new password in a file of that name, closed to others."""
    password = secrets.token_urlsafe(18)
    path.touch(mode=0o600)
    path.write_text(f"{password}\n")
    return password


def hashed(user: str, password: str) -> str:
    """A line of mosquitto's password file."""
    salt, rounds = secrets.token_bytes(12), 101
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"{user}:$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


async def test_of_a_fleet(mosquitto_factory: Start, tmp_path: Path) -> None:
    """Its passwords are in no argument either, and a wrong one is in no error."""
    password = password_file(tmp_path / "h1.password")
    (tmp_path / "hashed").write_text(hashed("h1", password))
    listeners = (Listener(), Listener(passwords=tmp_path / "hashed"))
    broker = await mosquitto_factory(BrokerOptions(listeners=listeners))
    closed = f"mqtt://127.0.0.1:{broker.addresses[1].port}"
    sections = {
        "broker": {"urls": [closed], "username": "h1", "password_file": str(tmp_path / "h1.password")},
    }
    async with (
        fleet(tmp_path, broker, {"h1": sections, "h2": {}}) as site,
        site.cli.following("notices", "-f") as notices,
    ):
        pids = {broker.pid, notices.process.pid, *(agent.pid for agent in site.agents.values())}
        hidden = secrets_of(tmp_path) | {password.encode()}
        assert len(hidden) >= 3 * 4
        assert_hidden(pids, hidden)
        wrong = password_file(tmp_path / "eve.password")
        changed = {"brokers": (closed,), "username": "eve", "password_file": str(tmp_path / "eve.password")}
        eve = site.context.model_copy(update=changed)
        context_file.put(site.cli.config, "eve", eve)
        refused = await site.cli.by("--context", "eve")("host", "list", "-o", "json")
        assert refused.error["code"] == "BROKER-REFUSED"
        assert wrong not in refused.out + refused.err


@pytest.fixture
def short() -> Iterator[Path]:
    """A temporary directory whose path leaves room for the names of sockets."""
    path = Path(tempfile.mkdtemp(prefix="gwa", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


async def test_of_a_demo(short: Path) -> None:
    """With the agents and services that it starts, and the broker."""
    async with running(short, "--hosts", "1", "--driver", "simulated", "--embedded") as demo:
        family = demo.family() | {demo.process.process.pid}
        assert len(family) >= 3
        hidden = secrets_of(demo.temporary)
        assert hidden
        assert_hidden(family, hidden)
