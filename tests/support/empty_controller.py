"""A controller that has an administrator and nothing else: no connection, no host, nothing that was ever done."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from demo_stack import ANSWER_S, END_S, START_S, USER, Stack

_PROGRAM = (sys.executable, "-m", "guestwire.controller.main")


@contextmanager
def empty_controller(directory: Path) -> Iterator[Stack]:
    """It runs while the block lasts, with its state in a directory that is there."""
    home = directory / "controller"
    home.mkdir(mode=0o700)
    password, config = home / "password", home / "controller.toml"
    password.touch(mode=0o600)
    password.write_text(f"{secrets.token_urlsafe(18)}\n", "ascii")
    config.write_text(
        f'[controller]\nstate_dir = {json.dumps(str(home))}\n[serve]\nlisten = "127.0.0.1:0"\n[log]\nlevel = "info"\n',
        "utf-8",
    )
    subprocess.run(
        [*_PROGRAM, "user", "--config", config, USER, "--password-file", password],
        check=True, capture_output=True, timeout=ANSWER_S,
    )  # fmt: skip
    log = directory / "controller.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=SIGTERM", *_PROGRAM, "run", "--config", config],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip
    try:
        url = _url(process, log)
        _token(url, password)
        stack = Stack(url, directory, {})
        try:
            yield stack
        finally:
            stack.close()
    finally:
        process.terminate()
        process.wait(END_S)


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Where it serves, once it does."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        for line in log.read_text("utf-8").splitlines():
            if '"event": "serving"' in line:
                return str(json.loads(line)["url"])
        time.sleep(0.05)
    raise RuntimeError(log.read_text("utf-8"))


def _token(url: str, password: Path) -> None:
    with httpx.Client(base_url=f"{url}/api/v1", timeout=ANSWER_S, trust_env=False) as http:
        session = http.post("/sessions", json={"name": USER, "password": password.read_text("ascii").strip()})
        made = http.post("/tokens", json={"name": "tests"}, headers={"X-Guestwire-Csrf": session.json()["csrf"]})
        made.raise_for_status()
    token = password.with_name("token")
    token.touch(mode=0o600)
    token.write_text(f"{made.json()['token']}\n", "ascii")
