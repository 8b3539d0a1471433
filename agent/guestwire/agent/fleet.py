"""Many simulated hosts in one process: each with a session, a journal and a state of its own, one journal thread for all."""

import asyncio
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from guestwire.agent import compose
from guestwire.agent.broker_link import BrokerLink
from guestwire.agent.config import CommSection, ListenerSection, Settings
from guestwire.agent.host_agent import host_agent
from guestwire.agent.host_parts import HostIdentity
from guestwire.agent.identity import check_member, host_key, trust
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.logs import LevelControl, make_logger
from guestwire.agent.messages import Messages
from guestwire.agent.telemetry.loop_lag import LoopLag
from guestwire.link.transport import Connect, OnMessage, Options, Transport
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError

Broker = tuple[Callable[[], Options], Connect]

MESSAGES_EACH = 16
OPEN_AT_ONCE = 32
FILES_OF_ONE = 12
CONNECT_WITHIN_S = 60


async def serve_fleet(settings: Settings, count: int) -> None:
    """Serve ID-1 to ID-count until SIGTERM or SIGINT. `trust.host_key`, `broker.cert` and `broker.key` hold {host} where
    the host's id goes; state is kept
    below state_dir, a folder a host; there is no socket and no TCP listener, and there are no communication services; nothing
    is measured unless telemetry.tiers says what. First all hosts are
    opened, which takes the disk's time, then all connect at once. Prints a line when every host is connected. A host that
    fails ends all of them."""
    if settings.host.driver != "simulated":
        raise GuestwireError("CONFIG-INVALID", "A fleet is made of simulated hosts.", field="host.driver")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _allow_files(count * FILES_OF_ONE + 256)
    vital = _quiet_voice().vital()
    async with (
        LoopLag(compose.wall_ms()) as lag,
        JournalWriter(group_size=settings.limits.journal_group, queue_limit=settings.limits.journal_queue) as writer,
    ):
        fleet = _Fleet(settings, count, writer, vital, lag)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(fleet.host(n)) for n in range(1, count + 1)]
                tasks.append(group.create_task(fleet.say_when_connected()))
                await vital.until(stop)
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as errors:
            raise _known(errors) from None
    vital.check()


def _known(errors: BaseException) -> BaseException:
    """Of several errors one that has a code, if there is any: the others came of it, or will come again."""
    while isinstance(errors, BaseExceptionGroup) and (known := errors.subgroup(GuestwireError)) is not None:
        errors = known.exceptions[0]
    return errors


class _Fleet:
    """The hosts of one process. A task each keeps its host open until it is cancelled."""

    def __init__(self, settings: Settings, count: int, writer: JournalWriter, vital: Vital, lag: LoopLag) -> None:
        self._settings = settings
        self._trust = trust(settings.trust)
        self._count = count
        self._writer = writer
        self._vital = vital
        self._lag = lag
        self._gate = asyncio.Semaphore(OPEN_AT_ONCE)
        self._all_open = asyncio.Event()
        self._open = 0
        self._links: list[BrokerLink] = []

    async def host(self, n: int) -> None:
        """Open host `n` and keep it; on the way out as many at once as on the way in."""
        own = _settings_of(self._settings, f"{self._settings.host.id}-{n}")
        key = host_key(own.trust.host_key)
        check_member(self._trust, key, own.host.site, own.host.id)
        who = HostIdentity(own.host.site, own.host.id, own.host.id, key, self._trust, compose.VERSION)
        async with AsyncExitStack() as stack:
            async with self._gate:
                own.host.state_dir.mkdir(parents=True, exist_ok=True)
                hypervisor = await stack.enter_async_context(compose.driver(own))
                parts = compose.host_parts(
                    own, hypervisor, self._writer, _quiet_voice(), who=who, vital=self._vital, lag=self._lag
                )
                parts = replace(parts, broker=_after(self._all_open, parts.broker))
                link = (await stack.enter_async_context(host_agent(parts))).link
            self._links += [link] if link is not None else []
            self._open += 1
            if self._open == self._count:
                self._all_open.set()
            try:
                await asyncio.Event().wait()
            finally:
                async with self._gate:
                    await stack.aclose()

    async def say_when_connected(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        await self._all_open.wait()
        opened = clock()
        await asyncio.gather(*(link.session.connected(CONNECT_WITHIN_S) for link in self._links))
        took = f"opened in {opened - began:.2f} s, connected in {clock() - opened:.2f} s"
        sys.stdout.write(f"serving {self._count} hosts, {took}\n")
        sys.stdout.flush()


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
    trusted = settings.trust.model_copy(update={"host_key": _of_host(settings.trust.host_key, host)})
    broker = settings.broker.model_copy(
        update={name: _of_host(path, host) for name in ("cert", "key") if (path := getattr(settings.broker, name))}
    )
    measured = settings.telemetry
    if "tiers" not in measured.model_fields_set:
        measured = measured.model_copy(update={"tiers": ()})
    return settings.model_copy(
        update={
            "host": own, "broker": broker, "trust": trusted, "comm": CommSection(), "listener": ListenerSection(),
            "telemetry": measured,
        }
    )  # fmt: skip


def _of_host(path: Path, host: str) -> Path:
    return Path(str(path).replace("{host}", host))


def _quiet_voice() -> compose.Voice:
    """A fleet's hosts keep a few messages in memory and say nothing on stderr."""
    messages = Messages(None, bytes(16), compose.wall_ms, capacity=MESSAGES_EACH)
    control = LevelControl("warning", compose.wall_ms)
    return compose.Voice(messages, None, control, make_logger(messages, control))


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
