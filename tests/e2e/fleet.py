"""A whole site for tests: keys and trust, agent processes, an SDK client, and the `guestwire` command as a user runs it.

Every process is started here, ends by its pid, and cannot outlive the test run.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.forked import start_forked

from guestwire.agent.drivers.simulated.store import GuestLog
from guestwire.broker_test.child import end_child, kill_child
from guestwire.broker_test.log_lines import LogLines
from guestwire.broker_test.running import RunningBroker
from guestwire.link.clock import now
from guestwire.protocol import statements, topics
from guestwire.protocol.presence import PresenceBody
from guestwire.sdk import context_file
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.contexts import Context
from guestwire.sdk.hosts import presence_subscription
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

SITE = "plant"
PATIENCE_S = 30.0
"""How long anything may take on a busy machine before a test gives up. Nothing waits for it where all is well."""

Sections = Mapping[str, Mapping[str, Any]]


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


def make_site(base: Path, hosts: Sequence[str], operators: Sequence[str] = ("admin",)) -> Layout:
    return create(base / "site", SitePlan(SITE, hosts=hosts, operators=operators), unix_ms())


def agent_settings(layout: Layout, home: Path, host: str, urls: Sequence[str], sections: Sections) -> dict[str, Any]:
    """The settings of a simulated host, as values for the file; `sections` over them."""
    settings: dict[str, dict[str, Any]] = {
        "host": {
            "id": host,
            "site": SITE,
            "driver": "simulated",
            "state_dir": str(home / "state"),
            "socket": str(home / "agent.sock"),
            "clock": "trusted",  # whether this machine's is synchronised is not the tests' business
        },
        "broker": {"urls": list(urls), "boot_delay_s": 0},
        "trust": {
            "document": str(layout.trust),
            "root_key": str(layout.root_public),
            "host_key": str(layout.key(f"host:{host}")),
        },
        "simulated": {"boot_s": 0.1, "shutdown_s": 0.1},
    }
    for section, values in sections.items():
        settings.setdefault(section, {}).update(values)
    return settings


def toml(settings: Sections) -> str:
    # TOML's strings, numbers, booleans and lists of strings are written as JSON's
    parts = []
    for section, values in settings.items():
        parts += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]
    return "\n".join(parts)


def resets(state_dir: Path) -> dict[str, int]:
    """How often each guest was reset, by the simulated machine's own records, which a kill leaves whole."""
    with tempfile.TemporaryDirectory() as copy:  # reading the log mends it, which is the agent's business
        shutil.copy(state_dir / "simulated/guests.jsonl", copy)
        return {guest.name: power.resets for guest, power in GuestLog(Path(copy)).load().guests.values()}


class Agent:
    """One agent process. `log` has its output; it can be ended, killed and started again."""

    def __init__(self, host: str, home: Path, settings: Sections) -> None:
        self.host = host
        self.home = home
        self.socket = Path(settings["host"]["socket"])
        self.state_dir = Path(settings["host"]["state_dir"])
        self.log = LogLines()
        self.config = home / "agent.toml"
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        home.mkdir(parents=True, exist_ok=True)
        self.config.write_text(toml(settings), encoding="utf-8")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it; it serves when its log says so (its socket is open by then)."""
        since = self.log.total
        await self.launch()
        serving = asyncio.create_task(self.log.wait_for("serving", PATIENCE_S, since=since))
        ended = asyncio.create_task(self.wait_ended())
        try:
            await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
            assert not ended.done(), self.log.tail()
            await serving
        finally:
            serving.cancel()
            ended.cancel()

    async def launch(self) -> None:
        """Start it, whatever becomes of it."""
        process = self._process = await start_forked("agent", "run", "--config", str(self.config), stderr=STDOUT)
        self._reading = asyncio.create_task(self._read(process))

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.log.append(line.decode(errors="replace").rstrip())

    async def wait_ended(self) -> int:
        """The exit status, once it has ended and all it said was read."""
        assert self._process is not None
        assert self._reading is not None
        code = await self._process.wait()
        await asyncio.shield(self._reading)
        return code

    async def stop(self) -> int:
        """End it in order."""
        if self._process is None:
            return 0
        code = await end_child(self._process, PATIENCE_S)
        if self._reading is not None:
            await self._reading
        return code

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            kill_child(self._process)
            await self.wait_ended()

    def resets(self) -> dict[str, int]:
        """How often each guest was reset."""
        return resets(self.state_dir)


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The output of -o json."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The last error of -o json."""
        lines = [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]
        found: dict[str, Any] = lines[-1]["error"]
        return found

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Following:
    """A command that goes on by itself: `notices -f`, `demo`, `broker`."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.remarks: list[str] = []
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read_both())

    async def _read_both(self) -> None:
        await asyncio.gather(self._read(self.process.stdout, self.lines), self._read(self.process.stderr, self.remarks))
        self._more.set()

    async def _read(self, stream: asyncio.StreamReader | None, lines: list[str]) -> None:
        assert stream is not None
        while line := await stream.readline():
            lines.append(line.decode().rstrip("\n"))
            self._more.set()

    async def line(self, pattern: str, timeout_s: float = PATIENCE_S) -> str:
        """The first line on stdout that matches."""
        async with asyncio.timeout(timeout_s):
            while True:
                self._more.clear()
                for line in self.lines:
                    if re.search(pattern, line):
                        return line
                if self._reading.done():
                    raise AssertionError(f"no {pattern!r} in {self.lines}; stderr {self.remarks}")
                await self._more.wait()

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(PATIENCE_S):
            code = await self.process.wait()
            await self._reading
        return code

    async def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and wait; the exit code."""
        if self.process.returncode is None:
            os.kill(self.process.pid, number)
        return await self.ended()


class Cli:
    """Runs `guestwire` with a configuration file of its own; `shared` options are put before every command."""

    def __init__(self, config: Path, *shared: str, **environment: str) -> None:
        self.config = config
        self._shared = shared
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GUESTWIRE_")}
        self.environment = {**clean, "GUESTWIRE_CONFIG": str(config), **environment}

    def by(self, *shared: str) -> "Cli":
        """The same with other shared options."""
        made = type(self)(self.config, *shared)
        made.environment = self.environment
        return made

    async def __call__(self, *arguments: str, text: str | None = None, timeout_s: float = PATIENCE_S) -> Said:
        """Run a command to its end. `text` is its standard input."""
        process = await self._start(arguments, PIPE if text is not None else DEVNULL)
        try:
            async with asyncio.timeout(timeout_s):
                out, err = await process.communicate(text.encode() if text is not None else None)
        finally:
            kill_child(process)
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def good(self, *arguments: str, text: str | None = None) -> Any:
        """Run with -o json, expect success, give the document (None where nothing is said)."""
        said = await self(*arguments, "-o", "json", text=text)
        assert said.code == 0, said
        return said.document if said.out else None

    @asynccontextmanager
    async def following(self, *arguments: str) -> AsyncIterator[Following]:
        """A command that runs while the block lasts."""
        process = await self._start(arguments, DEVNULL)
        following = Following(process)
        try:
            yield following
        finally:
            if process.returncode is None:
                await following.end(signal.SIGTERM)

    async def _start(self, arguments: Sequence[str], stdin: int) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "guestwire.cli.main", *self._shared, *arguments,
            env=self.environment, stdin=stdin, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip


@dataclass
class Fleet:
    """A site in operation. `cli` speaks by the context `plant`, over MQTT, as operator admin."""

    layout: Layout
    base: Path
    broker: RunningBroker
    agents: dict[str, Agent]
    context: Context
    client: Client
    cli: Cli
    _epochs: dict[str, int] = field(default_factory=dict)

    def by_socket(self, host: str) -> Cli:
        return self.cli.by("--socket", str(self.agents[host].socket))

    async def online(self, *hosts: str) -> None:
        """Wait until each of these hosts says that it is there, in an epoch that was not seen before."""
        missing = set(hosts)
        if not missing:
            return
        subscription = presence_subscription(SITE)
        async with asyncio.timeout(PATIENCE_S), self.client.watch(subscription) as heard:
            async for message in heard:
                topic = topics.parse(message.topic)
                if topic is None or not message.payload:
                    continue
                host = topic["host"]
                said = statements.read(message.payload, self.client.trust, SITE, f"host:{host}", "presence", now())
                body = said.read(PresenceBody)
                if said.verified and body.online and body.epoch > self._epochs.get(host, 0):
                    self._epochs[host] = body.epoch
                    missing.discard(host)
                    if not missing:
                        return

    async def refused(self, host: str) -> dict[str, int]:
        """How many messages the host has refused, by code."""
        return (await self.client.host(host).host_show()).reply.host.refused


def client_context(layout: Layout, url: str, transport: str = "auto", operator: str = "admin") -> Context:
    return Context.model_validate(
        {
            "site": SITE,
            "brokers": (url,),
            "transport": transport,
            "trust": str(layout.trust),
            "root": str(layout.root_public),
            "key": str(layout.key(f"operator:{operator}")),
        }
    )


@asynccontextmanager
async def fleet(
    base: Path,
    broker: RunningBroker,
    hosts: Mapping[str, Sections],
    *,
    transport: str = "auto",
    absent: Sequence[str] = (),
    cli: type[Cli] = Cli,
) -> AsyncIterator[Fleet]:
    """A site with these hosts, each with settings over the usual ones, all of them heard. `absent`: hosts that the site
    knows as well, and nobody starts. `cli`: how commands are run."""
    layout = make_site(base, (*hosts, *absent))
    context = client_context(layout, broker.url, transport)
    context_file.put(base / "client.toml", SITE, context, make_current=True)
    async with AsyncExitStack() as stack:
        agents = {}
        for host, sections in hosts.items():
            home = base / host
            over = {**sections, "broker": {"transport": transport, **sections.get("broker", {})}}
            agent = agents[host] = Agent(host, home, agent_settings(layout, home, host, [broker.url], over))
            stack.push_async_callback(agent.stop)
        client = await stack.enter_async_context(open_client(context))
        made = Fleet(layout, base, broker, agents, context, client, cli(base / "client.toml"))
        await asyncio.gather(*(agent.start() for agent in agents.values()))
        await made.online(*hosts)
        yield made
