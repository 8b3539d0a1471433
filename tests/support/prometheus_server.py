"""A real Prometheus for tests: its own port of 127.0.0.1, its own data, ended by its pid; and its promtool."""

import asyncio
import re
import shutil
import subprocess
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import yaml

from guestwire.broker_test.child import end_child, start_child
from guestwire.broker_test.fixtures import require
from guestwire.broker_test.log_lines import LogLines

DEADLINE_S = 30.0
READY = "Server is ready to receive web requests"
LISTENS = 'msg="Listening on" address='


class Found(NamedTuple):
    """A series of an answer and its samples: (time in seconds, value)."""

    labels: dict[str, str]
    samples: list[tuple[float, float]]


def require_prometheus() -> None:
    """Skip (or fail, see `require`) where there is no Prometheus."""
    there = shutil.which("prometheus") is not None and shutil.which("promtool") is not None
    require("prometheus", there, "no prometheus and promtool on this machine")


def promtool(*arguments: str | Path, text: str | None = None, cwd: Path | None = None) -> tuple[int, str]:
    """Its exit code, and all that it said."""
    require_prometheus()
    done = subprocess.run(
        ["promtool", *map(str, arguments)], input=text, text=True, capture_output=True, timeout=DEADLINE_S, cwd=cwd
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


class PrometheusServer:
    """It is ready. `log`: what it says."""

    def __init__(self, url: str, log: LogLines, client: httpx.AsyncClient) -> None:
        self.url = url
        self.log = log
        self._client = client

    async def api(self, path: str, **params: str | float) -> Any:
        """What it answers to a question that it takes."""
        answer = await self._client.post(f"{self.url}/api/v1/{path}", data=params)
        if answer.status_code == httpx.codes.METHOD_NOT_ALLOWED:
            answer = await self._client.get(f"{self.url}/api/v1/{path}", params=params)
        said = answer.json()
        assert said["status"] == "success", (params, said)
        return said["data"]

    async def query(self, expression: str, at: float | None = None) -> list[Found]:
        """The series that an expression has at a time (Unix seconds); now: None."""
        data = await self.api("query", query=expression, time=time.time() if at is None else at)
        if data["resultType"] in ("scalar", "string"):
            return [Found({}, [_sample(data["result"])])]
        return [
            Found(one["metric"], [_sample(pair) for pair in one.get("values", [one.get("value")])])
            for one in data["result"]
        ]

    async def until(self, expression: str, what: str, within_s: float = DEADLINE_S) -> list[Found]:
        """What an expression has, once it has something."""
        try:
            async with asyncio.timeout(within_s):
                while not (found := await self.query(expression)):
                    await asyncio.sleep(0.05)
                return found
        except TimeoutError:
            raise AssertionError((what, expression, await self.api("targets"), self.log.tail())) from None


@asynccontextmanager
async def prometheus_server(folder: Path, config: Mapping[str, Any]) -> AsyncIterator[PrometheusServer]:
    """One that works in this folder while the block lasts; files that the configuration names are relative to the folder."""
    require_prometheus()
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    program = shutil.which("prometheus")
    assert program is not None
    log = LogLines()
    process = await start_child(
        [program, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}", "--web.listen-address=127.0.0.1:0"]
    )
    reading = asyncio.create_task(_read(process, log))
    try:
        ready = asyncio.create_task(log.wait_for(READY, DEADLINE_S))
        await asyncio.wait({ready, reading}, return_when=asyncio.FIRST_COMPLETED)
        assert not reading.done(), log.tail()
        await ready
        listens = re.search(re.escape(LISTENS) + r"(\S+)", await log.wait_for(LISTENS, DEADLINE_S))
        assert listens is not None
        async with httpx.AsyncClient(timeout=DEADLINE_S, trust_env=False) as client:
            yield PrometheusServer(f"http://{listens[1]}", log, client)
    finally:
        await end_child(process, DEADLINE_S)
        await reading


async def _read(process: Process, log: LogLines) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        log.append(line.decode(errors="replace").rstrip())


def _sample(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
