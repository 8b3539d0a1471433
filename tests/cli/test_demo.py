"""`guestwire demo`: it works at once from another terminal, and leaves nothing behind."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from click.testing import Result

from guestwire.cli import demo_contexts
from guestwire.sdk import context_file
from guestwire.sdk.contexts import Context, load

CLI = (sys.executable, "-m", "guestwire.cli.main")
START_S, END_S = 60, 40
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@dataclass
class Demo:
    """A running demo."""

    process: asyncio.subprocess.Process
    ready: dict[str, object]
    environment: dict[str, str]

    async def call(self, *arguments: str) -> tuple[int, str, str]:
        child = await asyncio.create_subprocess_exec(
            *CLI, *arguments, env=self.environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(30):
            out, err = await child.communicate()
        assert child.returncode is not None
        return child.returncode, out.decode(), err.decode()

    async def end(self, number: int = signal.SIGINT) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(END_S):
            return await self.process.wait()


@asynccontextmanager
async def _demo(config: Path, *arguments: str) -> AsyncIterator[Demo]:
    temporary = _temporary(config)
    environment = {**os.environ, "GUESTWIRE_CONFIG": str(config), "TMPDIR": str(temporary)}
    process = await asyncio.create_subprocess_exec(
        *CLI, "demo", "--driver", "simulated", "-o", "json", *arguments, env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            line = await process.stdout.readline()
        if not line:
            assert process.stderr is not None
            pytest.fail((await process.stderr.read()).decode())
        yield Demo(process, json.loads(line), environment)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _temporary(config: Path) -> Path:
    """A directory whose path is short enough for sockets, by a link in the test's own."""
    link = config.parent.parent / "tmp"
    if not link.exists():
        link.symlink_to(tempfile.mkdtemp(prefix="gw-test-", dir="/tmp"))
    return link.resolve()


@pytest.fixture(autouse=True)
def _temporary_ends(config: Path) -> Iterator[None]:
    yield
    shutil.rmtree(_temporary(config))


def _family(pid: int) -> set[int]:
    """The process's children, and theirs."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found |= {int(child)} | _family(int(child))
    return found


def _alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


async def test_a_demo_from_first_to_last(
    config: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _demo(config, "--hosts", "2", "--embedded", "--controller-port", "0") as demo:
        assert (demo.ready["context"], demo.ready["hosts"]) == ("demo", ["h1", "h2"])
        code, out, err = await demo.call("guest", "list", "-o", "name")
        assert (code, len(out.split())) == (0, 6), err
        guest = out.split()[0]
        assert (await demo.call("guest", "start", guest, "--wait", "ready"))[0] == 0
        assert '"ready"' in (await demo.call("guest", "show", guest, "-o", "json"))[1]
        assert "guest-start" in (await demo.call("job", "list"))[1]
        assert (await demo.call("doctor"))[0] == 0
        await _through_its_controller(demo, run, guest)
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("GUESTWIRE_CONFIG", str(config.with_name("other.toml")))
            await _by_its_password(demo, run)
        children = _family(demo.process.pid)
        assert len(children) == 7, (
            "the broker, an agent and a guestwire-comm for each host, what lives in the guest, the controller"
        )
        assert await demo.end() == 0
    assert _alive(children) == set()
    assert load(config).contexts == {}
    assert load(config).current is None
    assert list(_temporary(config).iterdir()) == []


async def _through_its_controller(demo: Demo, run: Callable[..., Result], guest: str) -> None:
    """Its context and its key, and what Prometheus reads: what the first page has its reader type, and one thing that is signed."""
    lines = re.findall(r"^guestwire (--context demo-controller [^#\n]+)", README, re.MULTILINE)
    assert len(lines) >= 3
    for line in lines:
        words = [word for word in shlex.split(line) if word != "--watch"]
        said = await asyncio.to_thread(run, *words)
        assert said.exit_code == 0, (line, said.stderr)
        assert "metrics" in words or guest.partition("/")[0] in said.stdout, (line, said)
    reset = await asyncio.to_thread(run, "--context", "demo-controller", "guest", "reset", guest, "--yes")
    assert reset.exit_code == 0, reset.stderr
    [path] = re.findall(r"^curl -s http://127\.0\.0\.1:5000(/\S+)", README, re.MULTILINE)
    async with httpx.AsyncClient(trust_env=False) as client:
        told = await client.get(f"{demo.ready['controller']}{path}")
    assert (told.status_code, 'host="h2"' in told.text) == (200, True), told.text[:500]


async def _by_its_password(demo: Demo, run: Callable[..., Result]) -> None:
    """As somebody else who reads what it says at its start."""
    assert demo.process.stderr is not None
    async with asyncio.timeout(START_S):
        while not (line := (await demo.process.stderr.readline()).decode()).startswith("dashboard"):
            assert line
    found = re.search(r"(http\S+) \(user (\w+), password in (\S+)\)", line)
    assert found, line
    url, user, password = found.groups()
    async with httpx.AsyncClient(trust_env=False) as client:
        page = await client.get(url)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    said = await asyncio.to_thread(run, "login", url, "--name", user, "--password-file", password)
    assert (said.exit_code, "demo-controller" in said.stderr) == (0, True), said.stderr
    assert (await asyncio.to_thread(run, "fleet", "list", "-o", "name")).stdout.split() == ["demo/h1", "demo/h2"]


async def test_hosts_answer_by_their_socket(config: Path) -> None:
    async with _demo(config, "--hosts", "1", "--embedded", "--no-controller") as demo:
        code, out, err = await demo.call("--context", "demo-h1", "guest", "list", "-o", "name")
        assert (code, len(out.split())) == (0, 3), err
        assert (await demo.call("--context", "demo-h1", "guest", "start", out.split()[0].partition("/")[2]))[0] == 0


async def test_the_users_own_context_stays_the_current_one(config: Path) -> None:
    context_file.put(config, "mine", Context(site="mine", brokers=("mqtt://127.0.0.1:1",)), make_current=True)
    before = config.read_text()
    async with _demo(config, "--hosts", "1", "--embedded", "--no-controller") as demo:
        assert load(config).current == "mine"
        assert (await demo.call("--context", "demo", "host", "ping"))[0] == 0
        assert await demo.end(signal.SIGTERM) == 0
    assert config.read_text() == before


async def test_a_demo_that_was_killed_takes_its_children_along_and_is_swept_up(config: Path) -> None:
    async with _demo(config, "--hosts", "1", "--embedded", "--no-controller") as demo:
        children = _family(demo.process.pid)
        assert await demo.end(signal.SIGKILL) == -signal.SIGKILL
    assert "demo" in load(config).contexts
    async with asyncio.timeout(10):
        while _alive(children):
            await asyncio.sleep(0.01)
    demo_contexts.sweep(config)
    assert load(config).contexts == {}
    assert list(_temporary(config).iterdir()) == []


async def test_a_child_that_dies_ends_the_demo_with_its_words(config: Path) -> None:
    async with _demo(config, "--hosts", "1", "--embedded", "--no-controller") as demo:
        agent = next(pid for pid in _family(demo.process.pid) if "agent" in Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(agent, signal.SIGKILL)
        assert await demo.end(0) == 1
        assert demo.process.stderr is not None
        assert b"h1 ended by itself" in await demo.process.stderr.read()
    assert load(config).contexts == {}


def test_a_directory_in_use_is_left_alone(config: Path, run) -> None:  # type: ignore[no-untyped-def]
    kept = _temporary(config) / "kept"
    kept.mkdir()
    (kept / "mine").write_text("x")
    result = run("demo", "--driver", "simulated", "--dir", str(kept))
    assert result.exit_code == 4
    assert [path.name for path in kept.iterdir()] == ["mine"]


async def test_ctrl_c_while_it_starts(config: Path) -> None:
    environment = {**os.environ, "GUESTWIRE_CONFIG": str(config), "TMPDIR": str(_temporary(config))}
    process = await asyncio.create_subprocess_exec(
        *CLI, "demo", "--driver", "simulated", "--embedded", env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(START_S):
        await process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert list(_temporary(config).iterdir()) == []
    assert load(config).contexts == {}


def test_no_host_at_all(run) -> None:  # type: ignore[no-untyped-def]
    assert run("demo", "--driver", "simulated", "--hosts", "0").exit_code == 2
