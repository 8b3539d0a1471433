"""A controller process for tests, and somebody who uses its API."""

import asyncio
import json
import secrets
import sys
from asyncio.subprocess import STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from elsewhen import elsewhen
from fleet import PATIENCE_S, SITE
from made_certificates import Files
from tests.support.forked import start_forked

from guestwire.broker_test.child import end_child, kill_child, start_child
from guestwire.broker_test.log_lines import LogLines
from guestwire.site.layout import Layout

USER = "ada"


class ControllerProcess:
    """One controller; it can be ended, killed and started again. `listen`: its address, once it was started. `way`: what its
    connection says in the place of the broker and the key."""

    def __init__(
        self, base: Path, layout: Layout, broker: str, database: str = "", metrics_token: Path | None = None,
        tls: Files | None = None, way: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        self.home = base / "controller"
        self.home.mkdir(mode=0o700)
        self.config = self.home / "controller.toml"
        self.log = LogLines()
        self.url = ""
        self.began: datetime | None = None
        """What its wall clock shows when it is started; None: that it is the machine's."""
        self._database = database
        self._metrics = {} if metrics_token is None else {"token_file": str(metrics_token)}
        self._tls = {} if tls is None else {"cert": str(tls.certificate), "key": str(tls.key)}
        self._connection = {
            "name": SITE, "site": SITE, "trust": str(layout.trust), "root": str(layout.root_public),
            **(way or {"brokers": [broker], "key": str(layout.key("controller:main"))}),
        }  # fmt: skip
        self._password = secrets.token_urlsafe(16)
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._write("127.0.0.1:0")

    def _write(self, listen: str) -> None:
        # TOML's strings, numbers and lists of strings are written as JSON's
        lines = [
            "[controller]", f"state_dir = {json.dumps(str(self.home))}", "[database]",
            f"url = {json.dumps(self._database)}", "[serve]", f"listen = {json.dumps(listen)}",
            *(f"{key} = {json.dumps(value)}" for key, value in self._tls.items()), "[metrics]", *(f"{key} = {json.dumps(value)}" for key, value in self._metrics.items()), "[[connections]]",
            *(f"{key} = {json.dumps(value)}" for key, value in self._connection.items()),
        ]  # fmt: skip
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    async def make_user(self) -> None:
        file = self.home / "password"
        file.touch(mode=0o600)
        file.write_text(self._password + "\n", encoding="ascii")
        user = ("user", "--config", str(self.config), USER, "--password-file", str(file))
        process = await start_forked("controller", *user, stderr=STDOUT)
        assert process.stdout is not None
        said = await process.stdout.read()
        assert await process.wait() == 0, said

    async def start(self) -> None:
        """Start it; it serves when its log says so."""
        since = self.log.total
        if self.began is None:
            process = await start_forked("controller", "run", "--config", str(self.config), stderr=STDOUT)
        else:
            argv = [sys.executable, "-m", "guestwire.controller.main", "run", "--config", str(self.config)]
            process = await start_child([*elsewhen(self.began), *argv])
        self._process = process
        self._reading = asyncio.create_task(self._read(process))
        serving = asyncio.create_task(self.log.wait_for('"event": "serving"', PATIENCE_S * 2, since=since))
        try:
            await asyncio.wait({serving, self._reading}, return_when=asyncio.FIRST_COMPLETED)
            assert serving.done(), self.log.tail()
        finally:
            serving.cancel()
        self.url = json.loads(serving.result())["url"]
        self._write(self.url.partition("://")[2])  # where it is found when it is started again

    async def stop(self) -> int:
        if self._process is None:
            return 0
        code = await end_child(self._process, PATIENCE_S)
        assert self._reading is not None
        await self._reading
        return code

    async def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        assert self._reading is not None
        kill_child(self._process)
        await self._process.wait()
        await self._reading

    @asynccontextmanager
    async def user(self) -> AsyncIterator["Api"]:
        """Somebody who may do everything."""
        async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
            api = Api(client, self)
            said = await api.post("/sessions", {"name": USER, "password": self._password})
            made = await api.post("/tokens", {"name": "test"}, headers={"X-Guestwire-Csrf": said["csrf"]})
            client.cookies.clear()
            client.headers["Authorization"] = f"Bearer {made['token']}"
            yield api

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.log.append(line.decode(errors="replace").rstrip())


class Api:
    """A user of the API. Every call expects success."""

    def __init__(self, client: httpx.AsyncClient, controller: ControllerProcess) -> None:
        self.client = client
        self._controller = controller

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.client.request(method, f"{self._controller.url}/api/v1{path}", **more)

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.ask("GET", path, params=params)
        assert answer.is_success, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None, **params: Any) -> Any:
        answer = await self.ask("POST", path, json=body, headers=headers or {}, params=params)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def until(self, look: Callable[[], Awaitable[Any]], what: str = "", within_s: float = PATIENCE_S * 2) -> Any:
        """Wait until `look` gives something; what it raises while the controller is away counts as nothing."""
        last: Any = None
        try:
            async with asyncio.timeout(within_s):
                while True:
                    try:
                        last = await look()
                    except (httpx.HTTPError, AssertionError) as err:
                        last = None if isinstance(err, httpx.HTTPError) else err
                    if last and not isinstance(last, AssertionError):
                        return last
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError((what, last, self._controller.log.tail())) from None

    async def approve(self, *hosts: str) -> None:
        """Let hosts in, once they are there."""
        for host in hosts:
            await self.until(lambda host=host: self._online(host), f"{host} is online")  # type: ignore[misc]
            await self.post(f"/hosts/{SITE}/{host}/approve")

    async def _online(self, host: str) -> bool:
        return bool((await self.get(f"/hosts/{SITE}/{host}"))["state"] == "online")
