"""A real controller of a bench, as a process of its own over SQLite on a disk, and its administrator, who uses its API."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any, Self

import httpx
from children import Child, ChildFailed
from plant import SITE, Plant

from guestwire.broker_test.mosquitto import free_port

USER, PASSWORD = "ada", "correct horse battery staple"
START_S = 300.0
LOOK_S = 0.1
BUSY_TRIES = 10


class Controller:
    """`with` it: it runs, and `api` is signed in. It can be ended or killed and started again, at the same place. `sections`:
    settings over the usual ones. `plant` has a controller called main; None `port`: no connection."""

    def __init__(self, plant: Plant, port: int | None, **sections: dict[str, Any]) -> None:
        self.home = plant.base / "controller"
        self.home.mkdir(mode=0o700)
        self.url = f"http://127.0.0.1:{free_port()}"
        self._config = self.home / "controller.toml"
        layout = plant.layout
        connection = {
            "name": SITE, "site": SITE, "brokers": [f"mqtt://127.0.0.1:{port}"], "trust": str(layout.trust),
            "root": str(layout.root_public), "key": str(layout.key("controller:main")),
        }  # fmt: skip
        settings: dict[str, dict[str, Any]] = {
            "controller": {"state_dir": str(self.home)},
            "serve": {"listen": self.url.removeprefix("http://")},
            "users": {"request_rate": 10_000, "request_burst": 10_000},
        }
        for section, values in sections.items():
            settings.setdefault(section, {}).update(values)
        lines = [line for name, values in settings.items() for line in (f"[{name}]", *_toml(values))]
        self._config.write_text("\n".join([*lines, *([] if port is None else ["[[connections]]", *_toml(connection)])]))
        self._child: Child | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._make_user()
            stack.callback(self.stop)
            self.start()
            self.api = stack.enter_context(Api(self.url))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        """Start it; it serves when it answers."""
        log = self.home / f"{time.monotonic_ns()}.log"
        self._child = Child(self._command("run"), "free", log=log)
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", trust_env=False).is_success:
                    return
            time.sleep(LOOK_S)
        raise ChildFailed(f"the controller does not serve:\n{log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it in order."""
        if self._child is not None:
            self._child.end(30.0)
            self._child = None

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._child is not None
        self._child.kill()
        self._child = None

    def own(self) -> dict[str, float]:
        """What it says of itself at /metrics: `name{labels}` and the value."""
        found = {}
        for line in httpx.get(f"{self.url}/metrics?part=controller", trust_env=False, timeout=60.0).text.splitlines():
            if line.startswith("guestwire_controller_"):
                name, _, value = line.removeprefix("guestwire_controller_").rpartition(" ")
                found[name] = float(value)
        return found

    def _make_user(self) -> None:
        file = self.home / "password"
        file.touch(mode=0o600)
        file.write_text(PASSWORD)
        with Child([*self._command("user"), USER, "--password-file", str(file)], "free") as child:
            child.line(START_S)

    def _command(self, name: str) -> list[str]:
        return [sys.executable, "-m", "guestwire.controller.main", name, "--config", str(self._config)]


class Api:
    """An administrator with a token. Every call expects success."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=60.0, trust_env=False)
        csrf = self.post("/sessions", {"name": USER, "password": PASSWORD})["csrf"]
        said = self._client.post(
            "/tokens", json={"name": "bench"}, headers={"X-Guestwire-Csrf": csrf}
        ).raise_for_status()
        self._client.cookies.clear()
        self._client.headers["Authorization"] = f"Bearer {said.json()['token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def token(self) -> str:
        """What it is authorized by, for others that ask as well."""
        return self._client.headers["Authorization"]

    def get(self, path: str, **params: Any) -> Any:
        return self._answer(self._client.get(path, params=params))

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        """Asks again where the controller says that it is busy: a bench gives it more than people do."""
        for _ in range(BUSY_TRIES):
            answer = self._client.post(path, json=body, params=params)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(float(answer.headers.get("Retry-After", 1)))
        return self._answer(answer)

    def every(self, path: str, **params: Any) -> list[Any]:
        """All items of a list."""
        items: list[Any] = []
        page = self.get(path, limit=500, **params)
        items += page["items"]
        while page["next"]:
            page = self.get(path, limit=500, cursor=page["next"], **params)
            items += page["items"]
        return items

    def _answer(self, answer: httpx.Response) -> Any:
        if not answer.is_success:
            raise ChildFailed(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None


def wait_until(look: Callable[[], bool], within_s: float, what: str, every_s: float = 0.25) -> float:
    """Seconds until `look` says yes. Raises ChildFailed when it does not in time."""
    began = time.monotonic()
    while not look():
        if time.monotonic() - began > within_s:
            raise ChildFailed(f"not within {within_s:g} s: {what}")
        time.sleep(every_s)
    return time.monotonic() - began


def _toml(values: dict[str, Any]) -> list[str]:
    # TOML's strings, numbers and lists of strings are written as JSON's
    return [f"{key} = {json.dumps(value)}" for key, value in values.items()]
