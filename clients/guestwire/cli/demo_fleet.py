"""The demo's fleet: a site, a broker, one agent process for each host, guests, contexts; and all of it undone again."""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from guestwire.cli import demo_controller, failures, guest_files, libvirt_daemons
from guestwire.cli.child_processes import Children, children
from guestwire.cli.demo_contexts import CONTROLLER, PREFIX, demo_contexts, held
from guestwire.cli.demo_files import HostFiles, broker_argv, host_files
from guestwire.cli.settings import Settings
from guestwire.cli.terminal import coloured, paint
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.protocol.operation_models import GuestDefine, GuestRef
from guestwire.sdk import contexts
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.bulk import each
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.contexts import Context
from guestwire.site.enrolment import SitePlan, create
from guestwire.site.layout import Layout

READY_S = 30.0
REAL_HOST = "real"
LONGEST = 46
"""Bytes of the directory's path: sockets in it (the longest is c/ID/guests/UUID.doorbell) have 107."""
UNDO = CallOptions(timeout_s=10)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start. `start_libvirt`: libvirt's daemons too, for nobody else runs them here. `why_not_real` says why there
    is no libvirt host, where there is none. `controller`: with one, at `controller_port` (None: the usual one where it is free);
    `why_no_controller`: why there is none."""

    simulated: int
    real: bool
    start_libvirt: bool
    why_not_real: str
    guests: Sequence[Path]
    port: int
    transport: Literal["auto", "mqtt5", "aiomqtt"]
    embedded: bool
    directory: Path | None
    controller: bool = False
    controller_port: int | None = None
    why_no_controller: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        simulated = tuple(f"h{number}" for number in range(1, self.simulated + 1))
        return (*simulated, REAL_HOST) if self.real else simulated


async def run_demo(settings: Settings, plan: Plan) -> int:
    """Run it until SIGINT, SIGTERM or SIGHUP, or until a child dies; gives the exit code."""
    own = [guest_files.load(path) for path in plan.guests]
    fleet = asyncio.create_task(_fleet(settings, plan, own))
    asked = False

    def end() -> None:
        nonlocal asked
        if not asked:  # a second Ctrl-C must not cut short what the first one began
            asked = True
            _say(settings, "\nending ...")
            fleet.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        return await fleet
    except asyncio.CancelledError:
        if not asked:
            raise
        return 0


async def _fleet(settings: Settings, plan: Plan, own: Sequence[Guest]) -> int:
    with _directory(plan.directory) as base, held(base):
        layout = create(base / "site", SitePlan("demo", hosts=plan.hosts), time.time_ns() // 1_000_000)
        (base / "logs").mkdir()
        async with children(base / "logs") as started:
            _say(settings, f"everything is in {base}")
            url = await _broker(settings, plan, started)
            if plan.start_libvirt:
                _say(settings, f"{'libvirt':<8} started for this demo")
                await libvirt_daemons.start(started)
            files = [_host(started, layout, base, host, url, plan, own) for host in plan.hosts]
            for host in files:
                await started.start(f"{host.host}-comm", host.comm_argv)
                await started.start(host.host, host.argv)
            context = _context(layout, url, plan)
            async with open_client(context, connect_timeout_s=READY_S) as client:
                await _until_ready(settings, plan, client, started)
                async with _guests(client, own):
                    managed = await _controller(settings, plan, started, layout, base, url)
                    with demo_contexts(context, files, managed) as name:
                        _tell(settings, plan, name, url, await _a_guest(client, plan), managed)
                        child = await started.first_to_end()
                        return failures.report(settings, child.failed("ended by itself"))


def _host(
    started: Children, layout: Layout, base: Path, host: str, url: str, plan: Plan, own: Sequence[Guest]
) -> HostFiles:
    """The files of one host. The folder of sockets that real guests' QEMU connects to is where another user may go."""
    real = host == REAL_HOST
    comm = base / "c" / host
    if real and os.geteuid() == 0:
        comm = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/run"))
        comm.chmod(0o711)
        started.at_end(lambda: shutil.rmtree(comm, ignore_errors=True))
    return host_files(layout, base, host, url, plan.transport, real=real, comm=comm, guests=own if real else ())


async def _controller(
    settings: Settings, plan: Plan, started: Children, layout: Layout, base: Path, broker: str
) -> Context | None:
    """The context of the demo's controller, which knows all its hosts; None: there is none."""
    if not plan.controller:
        if plan.why_no_controller:
            _say(settings, f"no controller: {plan.why_no_controller}")
        return None
    port = demo_controller.free_port() if plan.controller_port is None else plan.controller_port
    url, password, child = await demo_controller.start(started, layout, base, broker, port)
    context = await demo_controller.let_in(url, password, layout, plan.hosts, child)
    _say(settings, f"dashboard {url} (user {demo_controller.USER}, password in {password})")
    return context


async def _broker(settings: Settings, plan: Plan, started: Children) -> str:
    child = await started.start("broker", broker_argv(plan.port, embedded=plan.embedded))
    ready = json.loads(await child.line(r"^\{", READY_S))
    _say(settings, f"{'broker':<8} {ready['kind']} {ready['version']} on {ready['url']}")
    return str(ready["url"])


async def _until_ready(settings: Settings, plan: Plan, client: Client, started: Children) -> None:
    """Until every host is heard. Raises PROCESS-FAILED with the words of a child that died, or was not heard in time."""
    died = asyncio.create_task(started.first_to_end())
    waiting = asyncio.create_task(client.hosts(READY_S))
    try:
        await asyncio.wait({died, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if died.done():
            raise died.result().failed("ended")
        away = [seen.host for seen in waiting.result() if seen.state == "offline"]
        if away:
            child = next(child for child in started.all if child.name == away[0])
            raise child.failed("was not heard in time")
    finally:
        died.cancel()
        waiting.cancel()
    for host in plan.hosts:
        _say(settings, f"{'host':<8} {host} ({'libvirt: this machine' if host == REAL_HOST else 'simulated'})")
    if plan.why_not_real:
        _say(settings, f"no libvirt host: {plan.why_not_real}")


@asynccontextmanager
async def _guests(client: Client, own: Sequence[Guest]) -> AsyncIterator[None]:
    """The user's guests on the libvirt host, taken away again at the end."""

    async def define(guest: Guest) -> None:
        await client.host(REAL_HOST).guest_define(GuestDefine(guest=guest))

    async def clear(guest: Guest) -> None:
        reference, api = GuestRef(guest=guest.name), client.host(REAL_HOST)
        await api.guest_destroy(reference, UNDO)
        await api.guest_undefine(reference, UNDO)

    async with AsyncExitStack() as stack:
        if own:
            stack.push_async_callback(each, own, clear)
        for outcome in await each(own, define):
            if outcome.error is not None:
                raise outcome.error
        yield


def _context(layout: Layout, url: str, plan: Plan) -> Context:
    return Context(
        site="demo", brokers=(url,), transport=plan.transport, trust=str(layout.trust), root=str(layout.root_public),
        key=str(layout.key("operator:admin")),
    )  # fmt: skip


async def _a_guest(client: Client, plan: Plan) -> str:
    """A guest to name in what is told."""
    for host in plan.hosts:
        views = (await client.host(host).guest_list()).reply.guests
        stopped = [view for view in views if view.status.state == "stopped"]
        if stopped:
            return f"{host}/{stopped[0].guest.name}"
    return f"{plan.hosts[0]}/NAME"


def _tell(settings: Settings, plan: Plan, name: str, url: str, guest: str, managed: Context | None) -> None:
    """What to type next, on stdout: it is what the command gives."""
    host = plan.hosts[0]
    current = contexts.load(contexts.default_path(os.environ)).current == name
    guestwire = "guestwire" if current else f"guestwire --context {name}"
    colour = coloured(sys.stdout)
    lines = [
        (f"{guestwire} host list", "the hosts"),
        (f"{guestwire} guest list", "their guests"),
        (f"{guestwire} guest start {guest} --wait ready", "turn one on"),
        (f"{guestwire} notices -f", "watch what happens"),
        (f"guestwire --context {name}-{host} guest list", "by the host's socket, broker or not"),
    ]
    if managed is not None:
        lines.append((f"guestwire --context {name}-{CONTROLLER} fleet list", "the hosts, as the controller knows them"))
    if settings.for_programs:
        document: dict[str, object] = {"context": name, "broker": url, "hosts": list(plan.hosts)}
        if managed is not None:
            document["controller"] = managed.controller
        print(json.dumps(document), flush=True)
        return
    width = max(len(command) for command, _ in lines) + 3
    text = "\n".join(f"  {command:<{width}}{paint(f'# {why}', 'faint', colour=colour)}" for command, why in lines)
    print(f"\nIn another terminal:\n\n{text}\n\nCtrl-C ends the demo and leaves nothing behind.", flush=True)


@contextmanager
def _directory(wanted: Path | None) -> Iterator[Path]:
    """Where everything goes. A directory of our own making goes away again."""
    if wanted is not None:
        _check_length(wanted.absolute())
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(wanted.iterdir()):
            raise GuestwireError("EXISTS", f"{wanted} is not empty; nothing was overwritten.")
        yield wanted.absolute()
        return
    made = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        _check_length(made)
        yield made
    finally:
        with suppress(OSError):
            shutil.rmtree(made)


def _check_length(base: Path) -> None:
    """A Unix socket's path is short, and the agents' sockets are in there. Raises CONFIG-INVALID."""
    if len(os.fsencode(base)) > LONGEST:
        raise GuestwireError(
            "CONFIG-INVALID",
            f"{base} is too long for Unix sockets in it: give a shorter --dir, or TMPDIR.",
            field="dir",
        )


def _say(settings: Settings, text: str) -> None:
    failures.remark(settings, text)
