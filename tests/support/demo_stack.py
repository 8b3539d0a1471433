"""A real demo for the dashboard's tests: broker, agents, communication services, controller, as `guestwire demo` starts them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from click.testing import CliRunner

from guestwire.cli.main import cli

START_S = 60.0
END_S = 40.0
ANSWER_S = 30.0
USER = "admin"
CONTEXT = "demo-controller"


class Refused(AssertionError):
    """The API did not do what a test wanted. `problem`: its document."""

    def __init__(self, asked: str, status: int, problem: Any) -> None:
        super().__init__(f"{asked}: {status} {problem}")
        self.status = status
        self.problem = problem


class Stack:
    """It runs. `directory`: all that is of it. `cookies`: of somebody who is signed in, for a browser."""

    def __init__(self, url: str, directory: Path, environment: Mapping[str, str]) -> None:
        self.url = url
        self.directory = directory
        self.environment = dict(environment)
        self.password = (directory / "controller/password").read_text("ascii").strip()
        self.token = (directory / "controller/token").read_text("ascii").strip()
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=ANSWER_S, trust_env=False)
        self._beside = ThreadPoolExecutor(1)
        self.cookies = self.signed_in()

    def signed_in(self, name: str = USER, password: str = "") -> list[dict[str, str]]:
        """A new session's cookies, as a browser takes them."""
        with httpx.Client(base_url=f"{self.url}/api/v1", timeout=ANSWER_S, trust_env=False) as http:
            answer = http.post("/sessions", json={"name": name, "password": password or self.password})
            _checked("POST /sessions", answer)
            return [{"name": name, "value": value, "url": self.url} for name, value in http.cookies.items()]

    def api(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Any:
        """The answer's document; the path is below /api/v1. Raises Refused."""
        return _checked(f"{method} {path}", self.ask(method, path, body, headers, **query))

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> httpx.Response:
        """The answer, whatever it is."""
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if method == "POST":
            sent.setdefault("Idempotency-Key", str(uuid4()))
        return self._http.request(method, path, json=body, headers=sent, params=query)

    def cli(self, *arguments: str, code: int = 0) -> str:
        """What a command of ours says, over the demo's controller."""
        # in a thread: Playwright has this one's event loop
        ran = self._beside.submit(
            CliRunner().invoke, cli, ["--context", CONTEXT, *arguments], prog_name="guestwire", env=self.environment
        ).result()
        assert ran.exit_code == code, (arguments, ran.exit_code, ran.output, ran.exception)
        return ran.stdout

    def close(self) -> None:
        self._http.close()
        self._beside.shutdown()


def _checked(asked: str, answer: httpx.Response) -> Any:
    known = answer.content and "json" in answer.headers.get("content-type", "")
    document = answer.json() if known else answer.text
    if not answer.is_success:
        raise Refused(asked, answer.status_code, document)
    return document


@contextmanager
def demo_stack(directory: Path, hosts: int = 2, machine: str = "") -> Iterator[Stack]:
    """One that runs while the block lasts; what it leaves is in `directory` then. `machine`: what the simulated hosts are."""
    # sockets have their paths in their addresses, which are short
    work = Path(tempfile.mkdtemp(prefix="gw-web-", dir="/tmp"))
    environment = {**os.environ, "GUESTWIRE_CONFIG": str(work / "config.toml"), "TMPDIR": str(work)}
    if machine:
        environment["GUESTWIRE_SIMULATED_MACHINE"] = machine
    with (work / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            # a test run that is killed leaves no demo behind
            ["setpriv", "--pdeathsig=SIGTERM", sys.executable, "-m", "guestwire.cli.main", "demo", "--driver", "simulated",
             "--hosts", str(hosts), "--embedded", "--controller-port", "0", "--dir", work / "demo", "-o", "json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        with process.stdout as said:
            line = said.readline()
        if not line:
            raise RuntimeError((work / "demo.log").read_text("utf-8", "replace"))
        stack = Stack(json.loads(line)["controller"], work / "demo", environment)
        try:
            yield stack
        finally:
            stack.close()
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.move(work, directory)
