"""Builds guestwire-comm from its settings: state, regions, events, sockets, networks, operations. Wiring and nothing else."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from guestwire.comm.adopting import adopted_regions
from guestwire.comm.area_calls import AreaCalls
from guestwire.comm.attach_server import AttachServer
from guestwire.comm.communication import Communication, Parts
from guestwire.comm.config import Settings
from guestwire.comm.content_calls import ContentCalls
from guestwire.comm.conversations import Conversations
from guestwire.comm.counting import count_words
from guestwire.comm.doorbells import Doorbells
from guestwire.comm.event_calls import EventCalls
from guestwire.comm.event_reads import EventReads
from guestwire.comm.events import EventTable
from guestwire.comm.holdings import Holdings
from guestwire.comm.host_networks import HostNetworks
from guestwire.comm.identities import Identities, identities, make_folders
from guestwire.comm.metrics_call import MetricsCall
from guestwire.comm.natives import NativeEvents
from guestwire.comm.peer_ids import PeerIds
from guestwire.comm.regions import random_generation
from guestwire.comm.remembering import Remembering
from guestwire.comm.results import Results
from guestwire.comm.routes import effects, reads
from guestwire.comm.serial_channels import SerialChannels
from guestwire.comm.services import GuestServices
from guestwire.comm.state_file import StateFile, boot_id
from guestwire.comm.storms import Storms
from guestwire.comm.stranded import Stranded
from guestwire.comm.telling import Telling
from guestwire.comm.throttle import Throttle
from guestwire.comm.tracing import HostTrace, cpus_of_process
from guestwire.comm.trust import trust_in
from guestwire.comm.ways import Way
from guestwire.link.clock import now
from guestwire.link.local_server import LocalServer
from guestwire.link.sd_notify import service_manager
from guestwire.link.serve import Server
from guestwire.model.errors import GuestwireError
from guestwire.protocol.executor import Executor
from guestwire.protocol.operations import INTERNAL, OPERATIONS
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound, Limits, Now

SERVED = {row.name: row for row in (*OPERATIONS, *INTERNAL) if row.served_by == "comm"}
LIMITS = Limits(reads=256, issuer_rate=1000.0, issuer_burst=2000.0)
"""Who asks is the agent, for everybody: it has its own limits for each of them."""


@asynccontextmanager
async def serving(
    settings: Settings, log: Any, *, environment: Mapping[str, str], kept: Mapping[str, int]
) -> AsyncIterator[Communication]:
    """The services, while the block lasts. `kept`: what the service manager kept, by name. Raises CONFIG-INVALID."""
    who = identities(settings)
    await asyncio.to_thread(make_folders, settings, who)
    file = StateFile(settings.state_dir / "state.json", boot_id())
    state = await asyncio.to_thread(file.load)
    async with AsyncExitStack() as stack:
        telling = await stack.enter_async_context(Telling(secrets.token_bytes(16), log, now))
        group = who.qemu_group if who.qemu_group >= 0 else None
        notify = environment.get("NOTIFY_SOCKET")
        store = adopted_regions(state, kept, notify=notify, group=group, telling=telling, log=log)
        holdings = Holdings(
            store, NativeEvents(), trusted=who.trusted, simulated_guests=settings.simulated_guests
        )  # fmt: skip
        stack.callback(holdings.close)
        trace = HostTrace(settings.trace_dir, instance=f"guestwire-{settings.host}")
        stack.push_async_callback(trace.close)
        talks, table = await _conversations(stack, settings, holdings, trace, telling, log)
        stranded = await stack.enter_async_context(Stranded(state.peers))
        networks = await stack.enter_async_context(HostNetworks(settings.dir / "networks", log, settings.mark))
        if settings.ephemeral:
            stack.push_async_callback(networks.apply, (), settings.host)
        doorbells = await stack.enter_async_context(
            Doorbells(
                talks, PeerIds(), instance=0, generation=random_generation,
                on_ids=lambda uuid, peer: communication.attendance.attached_as(uuid, peer),
                on_refused=partial(_turned_away, telling, log), group=who.qemu_group,
            )
        )  # fmt: skip
        serials = await stack.enter_async_context(SerialChannels(talks))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        communication = Communication(
            Parts(holdings, table, talks, doorbells, serials, networks, stranded, trace, telling),
            host=settings.host, folder=settings.dir, file=file, state=state, clock=now, log=log,
            instances=lambda: secrets.randbits(52) | 1, tasks=tasks,
        )  # fmt: skip
        stack.callback(communication.close)
        await communication.begin()
        await stack.enter_async_context(
            AttachServer(settings.dir / "attach.sock", talks, trusted=who.trusted, group=who.group)
        )
        stack.callback(talks.leave_all)
        await _operations(stack, settings, who, communication, holdings, table, talks, networks, telling, log)
        await _remembering(stack, communication, stranded, telling, log)
        manager = await stack.enter_async_context(service_manager(environment))
        manager.status(f"{communication.status().state}")
        yield communication


async def _conversations(
    stack: AsyncExitStack, settings: Settings, holdings: Holdings, trace: HostTrace, telling: Telling, log: Any
) -> tuple[Conversations, EventTable]:
    """Who talks, and the events it talks of."""
    table = EventTable()
    services = GuestServices(
        lambda guest: next((one.services for one in holdings.held.document.guests if one.name == guest), ()),
        trace, log, telling.add, now, cpus_of=lambda guest: _cpus(talks, guest),
    )  # fmt: skip
    stack.push_async_callback(services.close)
    rate = settings.requests_per_s
    storms = Storms(partial(Throttle, rate, rate), telling, now, asyncio.get_running_loop().call_later)
    talks = Conversations(table, holdings, services, telling, now, storms, first_number=secrets.randbelow(1 << 30))
    return talks, table


def _cpus(talks: Conversations, guest: str) -> frozenset[int]:
    pids = {talk.way.pid for talk in talks.all if talk.way.party == guest and talk.way.pid}
    return frozenset().union(*(cpus_of_process(pid) for pid in pids)) if pids else frozenset()


def _turned_away(telling: Telling, log: Any, uuid: str, error: Exception) -> None:
    log.error("a QEMU was turned away", uuid=uuid, error=str(error))
    code = error.code if isinstance(error, GuestwireError) else "REGION-FULL"
    telling.happened("state", name=uuid, code=code, text=f"its QEMU was turned away: {error}", level="error")


async def _remembering(
    stack: AsyncExitStack, communication: Communication, stranded: Stranded, telling: Telling, log: Any
) -> None:
    """Who is attached is written down: it ends first, so what it writes last is who was there until the end."""

    def talking(way: Way) -> None:
        if way.kind == "socket":
            stranded.process_came(way.pid)

    remembering = await stack.enter_async_context(Remembering(communication.remember, log))
    telling.on_talking = talking
    telling.on_peers = remembering.changed


async def _operations(
    stack: AsyncExitStack,
    settings: Settings,
    who: Identities,
    communication: Communication,
    holdings: Holdings,
    table: EventTable,
    talks: Conversations,
    networks: HostNetworks,
    telling: Telling,
    log: Any,
) -> None:
    """The socket of the protocol."""
    trust = trust_in(who.trusted, settings.site, now().wall_ms)
    executor = Executor(
        settings.site, settings.host, SERVED, trust, SigningKey.generate(), journal_created_ms=now().wall_ms,
        limits=LIMITS,
    )  # fmt: skip
    attendance = communication.attendance
    events = EventCalls(table, talks, holdings.native, telling.denied, lambda: holdings.serving, now)
    shown = EventReads(table, partial(count_words, table, holdings), holdings.natives.is_set, now)
    areas = AreaCalls(holdings, lambda: frozenset(attendance.guests), telling.denied, now)
    contents = ContentCalls(holdings, talks, lambda name, force: attendance.break_lock(name, force=force))
    metrics = MetricsCall(
        holdings,
        table,
        partial(count_words, table, holdings),
        lambda: talks.all,
        lambda: attendance.guests,
        networks,
        now,
    )
    results = await stack.enter_async_context(
        Results(executor, effects(communication, events, shown, contents, telling.done), now, telling.defect)
    )
    handlers = reads(communication, areas, shown, contents, networks, telling, metrics)
    server = await stack.enter_async_context(Server(executor, handlers, results, _Audit(log, telling)))
    results.waiting = server.waiting
    await stack.enter_async_context(
        LocalServer(
            settings.dir / "comm.sock", settings.site, settings.host, server.receive, left=results.left, group=who.group
        )
    )


class _Audit:
    """What the server refuses: said in the log; who asks is the agent, which has an audit of its own."""

    def __init__(self, log: Any, telling: Telling) -> None:
        self._log = log
        self.defect = telling.defect

    def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
        if audit:
            self._log.warning("refused", code=code, client=inbound.client)

    def answered(self, call: Call, code: str | None, at: Now) -> None:
        """The agent counts what it was asked."""
