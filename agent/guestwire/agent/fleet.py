"""Many simulated hosts in one process: each with a session, a journal and a state of its own, one journal thread for all."""

import asyncio
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

from guestwire.agent import compose
from guestwire.agent.broker_link import BrokerLink
from guestwire.agent.config import Settings
from guestwire.agent.host_agent import HostIdentity, host_agent
from guestwire.agent.identity import check_member, host_key, trust
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.logs import LevelControl, make_logger
from guestwire.agent.messages import Messages
from guestwire.link.transport import Connect, OnMessage, Options, Transport
from guestwire.model.errors import GuestwireError

Broker = tuple[Callable[[], Options], Connect]

MESSAGES_EACH = 16
OPEN_AT_ONCE = 32


async def serve_fleet(settings: Settings, count: int) -> None:
    """Serve ID-1 to ID-count until SIGTERM or SIGINT. `trust.host_key` holds {host} where the host's id goes; state is
    kept below state_dir, a folder a host; there is no socket. First all hosts are opened, which takes the disk's time,
    then all connect at once. Prints a line when every host is connected."""
    if settings.host.driver != "simulated":
        raise GuestwireError("CONFIG-INVALID", "A fleet is made of simulated hosts.", field="host.driver")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _allow_files(count * 4 + 256)
    trusted = trust(settings.trust)
    gate = asyncio.Semaphore(OPEN_AT_ONCE)
    all_open = asyncio.Event()
    clock = asyncio.get_running_loop().time
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(
            JournalWriter(group_size=settings.limits.journal_group, queue_limit=settings.limits.journal_queue)
        )

        async def one(n: int) -> tuple[AsyncExitStack, BrokerLink | None]:
            own = _settings_of(settings, f"{settings.host.id}-{n}")
            key = host_key(own.trust.host_key)
            check_member(trusted, key, own.host.site, own.host.id)
            who = HostIdentity(own.host.site, own.host.id, own.host.id, key, trusted, compose.VERSION)
            host_stack = AsyncExitStack()
            async with gate:
                own.host.state_dir.mkdir(parents=True, exist_ok=True)
                hypervisor = await host_stack.enter_async_context(compose.driver(own))
                parts = compose.host_parts(own, hypervisor, writer, _quiet_voice(), who=who)
                parts = replace(parts, broker=_after(all_open, parts.broker))
                host = await host_stack.enter_async_context(host_agent(parts))
            return host_stack, host.link

        began = clock()
        links = []
        for host_stack, link in await asyncio.gather(*(one(n) for n in range(1, count + 1))):
            stack.push_async_callback(host_stack.aclose)
            links += [link] if link is not None else []
        opened = clock()
        all_open.set()
        await asyncio.gather(*(link.session.connected(60) for link in links))
        took = f"opened in {opened - began:.2f} s, connected in {clock() - opened:.2f} s"
        sys.stdout.write(f"serving {count} hosts, {took}\n")
        sys.stdout.flush()
        await stop.wait()


def _after(gate: asyncio.Event, broker: Broker | None) -> Broker | None:
    """The same broker; no connection is made before the gate opens."""
    if broker is None:
        return None
    options, connect = broker

    async def later(options: Options, on_message: OnMessage) -> Transport:
        await gate.wait()
        return await connect(options, on_message)

    return options, later


def _settings_of(settings: Settings, host: str) -> Settings:
    own = settings.host.model_copy(
        update={"id": host, "label": host, "state_dir": settings.host.state_dir / host, "socket": None}
    )
    key = type(settings.trust.host_key)(str(settings.trust.host_key).replace("{host}", host))
    trusted = settings.trust.model_copy(update={"host_key": key})
    return settings.model_copy(update={"host": own, "trust": trusted})


def _quiet_voice() -> compose.Voice:
    """A fleet's hosts keep a few messages in memory and say nothing on stderr."""
    messages = Messages(None, bytes(16), compose.wall_ms, capacity=MESSAGES_EACH)
    control = LevelControl("warning", compose.wall_ms)
    return compose.Voice(messages, None, control, make_logger(messages, control))


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
