"""The demo's controller: its files, its process, its one user, and the context by which that user gets in."""

import asyncio
import json
import secrets
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guestwire.cli.child_processes import Child, Children
from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import Domain
from guestwire.sdk.contexts import Context
from guestwire.site.files import read_signing_key
from guestwire.site.layout import Layout

if TYPE_CHECKING:
    from guestwire.sdk.controller_http import ControllerHttp

PORT: Final = 5000
"""System Manager's web interface has it (SM 1.4.2)."""
USER: Final = "admin"
READY_S: Final = 30.0
_NEEDS: Final = ("fastapi", "uvicorn", "sqlalchemy", "alembic", "argon2")


def missing() -> str:
    """Why there can be no controller here; empty where there can."""
    lacking = [name for name in _NEEDS if find_spec(name) is None]
    return f"not installed: {', '.join(lacking)}; pip install 'guestwire[controller]'" if lacking else ""


async def start(started: Children, layout: Layout, base: Path, broker: str, port: int) -> tuple[str, Path, Child]:
    """The controller: its URL, the file of its user's password, its process. Raises PROCESS-FAILED."""
    home = base / "controller"
    home.mkdir(mode=0o700)
    password = home / "password"
    password.touch(mode=0o600)
    password.write_text(f"{secrets.token_urlsafe(18)}\n", encoding="ascii")
    config = home / "controller.toml"
    config.write_text(_config(layout, home, broker, port), encoding="utf-8")
    making = await started.start(
        "controller-user", (*_argv("user", config), USER, "--password-file", password), ends=True
    )
    await making.line(r" is admin of everything now$", READY_S)
    child = await started.start("controller", _argv("run", config))
    said = json.loads(await child.line(r'"event": "serving"', READY_S))
    return str(said["url"]), password, child


def _argv(command: str, config: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", "guestwire.controller.main", command, "--config", str(config))


def _config(layout: Layout, home: Path, broker: str, port: int) -> str:
    connection = {
        "name": "demo", "site": "demo", "brokers": [broker], "trust": str(layout.trust),
        "root": str(layout.root_public), "key": str(layout.key("controller:main")),
    }  # fmt: skip
    # TOML's strings, numbers and lists of strings are written as JSON's
    lines = [
        "[controller]", f"state_dir = {json.dumps(str(home))}", "[serve]", f'listen = "127.0.0.1:{port}"',
        "[log]", 'level = "info"', "[[connections]]", *(f"{key} = {json.dumps(value)}" for key, value in connection.items()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


async def let_in(url: str, password: Path, layout: Layout, hosts: Sequence[str], child: Child) -> Context:
    """The demo's user logs in, approves the hosts, enrols the key that mandates are signed with, and gets a token: the context by
    which they come back. Raises the controller's errors."""
    from guestwire.sdk.controller_http import controller_http

    word = (await asyncio.to_thread(password.read_text, encoding="ascii")).strip()
    async with controller_http(url) as http:
        said = await http.ask("POST", "/sessions", body={"name": USER, "password": word}, reads=True)
        csrf = {"X-Guestwire-Csrf": said.document["csrf"]}
        made = await http.ask("POST", "/tokens", body={"name": "demo"}, headers=csrf)
        await http.ask("DELETE", "/sessions/current", headers=csrf)
    token = password.with_name("token")
    token.touch(mode=0o600)
    token.write_text(f"{made.document['token']}\n", encoding="ascii")
    async with controller_http(url, token=made.document["token"]) as http:
        for host in hosts:
            await _approve(http, host, child)
        key = read_signing_key(layout.key("operator:admin"))
        challenge = bytes.fromhex((await http.ask("POST", "/keys/challenges")).document["challenge"])
        proof = key.sign(Domain.USER_KEY, challenge + USER.encode())
        body = {
            "public_key": key.public.raw.hex(), "challenge": challenge.hex(), "signature": proof.hex(), "label": "demo",
        }  # fmt: skip
        await http.ask("POST", "/keys", body=body)
    return Context(
        site="demo", via="controller", controller=url, token_file=str(token), key=str(layout.key("operator:admin"))
    )


async def _approve(http: "ControllerHttp", host: str, child: Child) -> None:
    """Let a host in, once the controller has heard of it."""
    path = f"/hosts/demo/{host}"
    try:
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    await http.ask("GET", path)
                    break
                except GuestwireError as err:
                    if err.code != "NOT-FOUND":
                        raise
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise child.failed(f"did not hear of {host}") from None
    await http.ask("POST", f"{path}/approve")


def free_port() -> int:
    """Where the controller is served: the usual port where it is free, else any."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return 0
    return PORT
