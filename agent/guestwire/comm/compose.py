"""Builds guestwire-comm from its settings: state, regions, events, sockets, networks, operations. Wiring and nothing else."""

import asyncio
import grp
import os
import pwd
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from guestwire.comm.area_calls import AreaCalls
from guestwire.comm.attach_server import AttachServer
from guestwire.comm.communication import Communication
from guestwire.comm.config import Settings
from guestwire.comm.content_calls import ContentCalls
from guestwire.comm.conversations import Conversations
from guestwire.comm.counting import count_words
from guestwire.comm.doorbells import Doorbells
from guestwire.comm.event_calls import EventCalls
from guestwire.comm.event_reads import EventReads
from guestwire.comm.events import EventTable
from guestwire.comm.fd_store import FdStore
from guestwire.comm.holdings import Holdings
from guestwire.comm.natives import NativeEvents
from guestwire.comm.networks.networks import Networks
from guestwire.comm.peer_ids import PeerIds
from guestwire.comm.region import is_region
from guestwire.comm.region_recovery import find_regions, qemu_processes
from guestwire.comm.regions import RegionStore, lost_error, random_generation
from guestwire.comm.results import Results
from guestwire.comm.routes import effects, reads
from guestwire.comm.serial_channels import SerialChannels
from guestwire.comm.services import GuestServices
from guestwire.comm.state_file import State, StateFile, boot_id
from guestwire.comm.stranded import StrandedGuests
from guestwire.comm.telling import Telling
from guestwire.comm.throttle import Throttle
from guestwire.comm.tracing import HostTrace, cpus_of_process
from guestwire.comm.trust import trust_in
from guestwire.link.clock import now
from guestwire.link.local_server import LocalServer
from guestwire.link.sd_notify import service_manager
from guestwire.link.serve import Server
from guestwire.model.errors import GuestwireError
from guestwire.protocol.executor import Executor
from guestwire.protocol.operations import INTERNAL, OPERATIONS
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Limits

SERVED = {row.name: row for row in (*OPERATIONS, *INTERNAL) if row.served_by == "comm"}
LIMITS = Limits(reads=256, issuer_rate=1000.0, issuer_burst=2000.0)
"""Who asks is the agent, for everybody: it has its own limits for each of them."""


@dataclass(frozen=True, slots=True)
class Identities:
    """Users and groups of the settings, as numbers."""

    trusted: frozenset[int]
    group: int
    qemu_group: int


def identities(settings: Settings) -> Identities:
    """Raises CONFIG-INVALID: a user or group that is not there. The agent's user may be missing (another one is named)."""
    trusted = {0, os.geteuid()}
    for name in filter(None, (part.strip() for part in settings.users.split(","))):
        try:
            trusted.add(pwd.getpwnam(name).pw_uid)
        except KeyError as err:
            if name != Settings.model_fields["users"].default:
                raise GuestwireError("CONFIG-INVALID", f"users: there is no user {name}", field="users") from err
    return Identities(frozenset(trusted), _group(settings.group, "group"), _qemu_group(settings.qemu_group))


def _group(name: str, field: str) -> int:
    if not name:
        return -1
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as err:
        raise GuestwireError("CONFIG-INVALID", f"{field}: there is no group {name}", field=field) from err


def _qemu_group(name: str) -> int:
    """Without root nobody else's group can be given: then QEMU is the same user's."""
    return _group(name, "qemu_group") if os.geteuid() == 0 and name in {one.gr_name for one in grp.getgrall()} else -1


@asynccontextmanager
async def serving(
    settings: Settings, log: Any, *, environment: Mapping[str, str], kept: Mapping[str, int]
) -> AsyncIterator[Communication]:
    """The services, while the block lasts. `kept`: what the service manager kept, by name. Raises CONFIG-INVALID and what a
    start of the services raises."""
    who = identities(settings)
    await asyncio.to_thread(_folders, settings, who)
    file = StateFile(settings.state_dir / "state.json", boot_id())
    state = await asyncio.to_thread(file.load)
    async with AsyncExitStack() as stack:
        telling = await stack.enter_async_context(Telling(secrets.token_bytes(16), log, now))
        store = _regions(environment, who, state, kept, log, telling)
        natives = NativeEvents()
        holdings = Holdings(store, natives, trusted=who.trusted, simulated_guests=settings.simulated_guests)
        stack.callback(holdings.close)
        table = EventTable()
        trace = HostTrace(settings.trace_dir, instance=f"guestwire-{settings.host}")
        stack.push_async_callback(trace.close)
        services = GuestServices(
            lambda guest: _allowed(holdings, guest), trace, log, telling.happenings.add, now,
            cpus_of=lambda guest: _cpus(talks, guest),
        )  # fmt: skip
        stack.push_async_callback(services.close)
        talks = Conversations(
            table, holdings, services, telling, now, partial(Throttle, settings.requests_per_s, settings.requests_per_s),
            first_number=secrets.randbelow(1 << 30),
        )  # fmt: skip
        stranded = await stack.enter_async_context(StrandedGuests(state.guests))
        networks = await stack.enter_async_context(Networks(settings.dir / "networks"))
        doorbells = await stack.enter_async_context(
            Doorbells(
                talks, PeerIds(), instance=0, generation=random_generation,
                on_ids=lambda uuid, peer: communication.attached_as(uuid, peer),
                on_refused=lambda uuid, err: log.warning("a QEMU was turned away", uuid=uuid, error=str(err)),
                group=who.qemu_group,
            )
        )  # fmt: skip
        serials = await stack.enter_async_context(SerialChannels(talks))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        communication = Communication(
            host=settings.host, folder=settings.dir, holdings=holdings, table=table, talks=talks, doorbells=doorbells,
            serials=serials, networks=networks, stranded=stranded, file=file, state=state, clock=now, log=log,
            instances=lambda: secrets.randbits(52) | 1, tasks=tasks, trace=trace,
        )  # fmt: skip
        stranded.gone = communication.stranded_gone
        stack.callback(communication.close)
        await communication.begin()
        await stack.enter_async_context(
            AttachServer(settings.dir / "attach.sock", talks, lambda _: True, group=who.group)
        )
        await _operations(stack, settings, who, communication, holdings, table, talks, networks, telling, log)
        manager = await stack.enter_async_context(service_manager(environment))
        manager.status(f"{communication.status().state}")
        yield communication


def _folders(settings: Settings, who: Identities) -> None:
    """The run directory: QEMU's group may pass to its guests' sockets."""
    for folder in (settings.dir, settings.dir / "guests", settings.state_dir):
        folder.mkdir(parents=True, exist_ok=True)
    (settings.dir / "guests").chmod(0o770)
    settings.state_dir.chmod(0o700)
    if who.qemu_group >= 0:
        os.chown(settings.dir / "guests", -1, who.qemu_group)


def _regions(
    environment: Mapping[str, str], who: Identities, state: State, kept: Mapping[str, int], log: Any, telling: Telling
) -> RegionStore:
    """The regions of the state, from the service manager's store or from a QEMU that has them."""
    group = who.qemu_group if who.qemu_group >= 0 else None
    keeper = FdStore(environment.get("NOTIFY_SOCKET"))
    store = RegionStore(keeper=keeper, group=group)
    fds = dict(kept)
    missing = [row for row in state.regions.rows if row.word not in fds or not is_region(row, fds[row.word])]
    for word, fd in find_regions(missing, qemu_processes()).items() if missing else ():
        if word in fds:
            os.close(fds[word])
        fds[word] = fd
    ours = {row.word: fds.pop(row.word) for row in state.regions.rows if row.word in fds}
    for row in store.adopt(state.regions, ours):
        error = lost_error(row)
        log.error(error.message, code=error.code, area=row.name)
        telling.happened("state", name=row.name, code=error.code, text=error.message, level="error")
    for word, fd in fds.items():  # memory that no row is for any more
        keeper.drop(word)
        os.close(fd)
    return store


def _allowed(holdings: Holdings, guest: str) -> Any:
    return next((one.services for one in holdings.held.document.guests if one.name == guest), ())


def _cpus(talks: Conversations, guest: str) -> frozenset[int]:
    pids = {talk.way.pid for talk in talks.all if talk.way.party == guest and talk.way.pid}
    return frozenset().union(*(cpus_of_process(pid) for pid in pids)) if pids else frozenset()


async def _operations(
    stack: AsyncExitStack,
    settings: Settings,
    who: Identities,
    communication: Communication,
    holdings: Holdings,
    table: EventTable,
    talks: Conversations,
    networks: Networks,
    telling: Telling,
    log: Any,
) -> None:
    """The socket of the protocol."""
    trust = trust_in(who.trusted, settings.site, now().wall_ms)
    executor = Executor(
        settings.site, settings.host, SERVED, trust, SigningKey.generate(), journal_created_ms=now().wall_ms,
        limits=LIMITS,
    )  # fmt: skip
    events = EventCalls(table, talks, holdings.native, telling.denied, now)
    shown = EventReads(table, partial(count_words, table, holdings), holdings.natives.is_set, now)
    areas = AreaCalls(holdings, lambda: frozenset(communication.attached_guests()), telling.denied, now)
    contents = ContentCalls(holdings, talks, lambda name, force: communication.break_lock(name, force=force))

    def defect(operation: str, err: BaseException) -> None:
        log.error("a handler broke", operation=operation, exc_info=err)

    results = await stack.enter_async_context(
        Results(executor, effects(communication, events, shown, contents), now, defect)
    )
    server = await stack.enter_async_context(
        Server(executor, reads(communication, areas, shown, contents, networks, telling), results, _Audit(log, defect))
    )
    results.waiting = server.waiting
    await stack.enter_async_context(
        LocalServer(settings.dir / "comm.sock", settings.site, settings.host, server.receive, group=who.group)
    )


class _Audit:
    """What the server refuses: said in the log; who asks is the agent, which has an audit of its own."""

    def __init__(self, log: Any, defect: Any) -> None:
        self._log = log
        self.defect = defect

    def refused(self, code: str, client: str, *, audit: bool) -> None:
        if audit:
            self._log.warning("refused", code=code, client=client)
