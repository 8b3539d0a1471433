"""One host, composed: journal, executor, services, command pipeline, socket, broker link. Wiring and nothing else.

The order is the protocol's: the journal is open and every unfinished command is back in its lane before a socket or a
session exists.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache

from guestwire.agent import floor_note
from guestwire.agent.announcer import Announcer
from guestwire.agent.audit import AuditTrail
from guestwire.agent.audit_writing import AuditWriting
from guestwire.agent.auditing import Auditing
from guestwire.agent.broker_link import BrokerLink
from guestwire.agent.clock_skew import skew_alarm
from guestwire.agent.comm_notices import CommNotices
from guestwire.agent.commands import Commands
from guestwire.agent.configured import ConfigurationParts, ConfiguredHost, Hearing, configured
from guestwire.agent.host_parts import HostParts
from guestwire.agent.housekeeping import Housekeeping
from guestwire.agent.jobs import Jobs
from guestwire.agent.journal import Journal
from guestwire.agent.listeners import HostListeners
from guestwire.agent.outbox import Outbox
from guestwire.agent.reporting import Reporting
from guestwire.agent.restore import restorer
from guestwire.agent.routes import commands, reads
from guestwire.agent.services.comm_forwarding import CommForwarding
from guestwire.agent.services.comm_watch import CommWatch
from guestwire.agent.services.guest_folder import GuestFolders
from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.hosts import HostService
from guestwire.agent.services.ports import Guests
from guestwire.agent.services.shutdown_hooks import ShutdownHooks
from guestwire.agent.services.start_conditions import StartConditions
from guestwire.agent.tcp_listener import listen
from guestwire.agent.telemetry.loop_lag import LoopLag
from guestwire.agent.telemetry.measuring import MeasuringParts, measuring
from guestwire.agent.telemetry.readings import Counting, readings
from guestwire.agent.telemetry.request_counts import CountedAudit, RequestCounts
from guestwire.agent.telemetry.sampler import Sampler
from guestwire.agent.telemetry.shipper import Shipper
from guestwire.agent.telemetry.spool import Spool
from guestwire.agent.telemetry.telling import Telling
from guestwire.agent.telemetry.wiring import shipping, spool_opened
from guestwire.agent.trust_keeper import TrustKeeper, trust_in_force
from guestwire.link.clock import now
from guestwire.link.local_server import LocalServer
from guestwire.link.serve import Server
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.protocol.capabilities import CapabilitiesBody, WireLimits, hash_over
from guestwire.protocol.executor import Executor
from guestwire.protocol.operation_hashes import HASHES
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.presence import HostPresence
from guestwire.protocol.trust import Trust


@dataclass(frozen=True, slots=True)
class RunningHost:
    """A host that serves. `link` None: it has no broker."""

    executor: Executor
    trust: TrustKeeper
    journal: Journal
    commands: Commands
    guests: GuestService
    link: BrokerLink | None
    server: Server
    listeners: HostListeners
    spool: Spool
    shipper: Shipper


@asynccontextmanager
async def host_agent(parts: HostParts) -> AsyncIterator[RunningHost]:
    """Serve one host while the block lasts. Raises STATE-DIR-IN-USE and what opening the journal raises."""
    identity = parts.identity
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(await _journal(parts))
        trust = await trust_in_force(journal, identity.trust, parts.kept_trust, parts.log)
        floor_note.take_up(parts.floor, journal, trust)
        telling = Telling(identity.site, identity.host, identity.key)
        spool = await spool_opened(stack, parts.telemetry, telling, parts.log, parts.vital)
        announcer = Announcer(identity.site, identity.host, identity.key, now, spool)
        audit, auditing = await _audit(stack, parts, journal, announcer)
        executor = _executor(parts, journal, trust)
        shipper = await shipping(stack, parts.telemetry, telling, spool, announcer, executor, parts.vital)
        keeper = TrustKeeper(executor, journal, parts.kept_trust, parts.log)
        counts = RequestCounts(parts.telemetry.began_ms, now)
        listeners = HostListeners(
            parts.log, announcer, audit, executor, parts.clock, parts.speech, counts.ended, spool.begin_anew
        )
        folders = GuestFolders(parts.folders, parts.templates, _domain_xml(parts.drivers.guests))
        hearing = Hearing()
        guests = await _guests(stack, parts, folders, hearing, listeners)
        notices = CommNotices(parts.log, announcer, lambda: now().mono)
        host = await stack.enter_async_context(
            configured(_configuration(parts, journal, guests, folders, executor, listeners, notices))
        )
        hearing.host, notices.changed = host, host.communication_changed
        hearing.watch = await _watched(stack, parts, guests, journal, notices)
        host.drift.look()
        reporting = await stack.enter_async_context(_reporting(parts, announcer, journal, guests, host, listeners))
        await stack.enter_async_context(parts.speech)
        forwarding = CommForwarding(parts.drivers.comm, host.communication_changed)
        jobs = Jobs(journal, lambda: pipeline)
        hosts = _hosts(parts, host, guests, listeners)
        outbox = await stack.enter_async_context(Outbox(journal))
        pipeline = Commands(
            executor=executor, journal=journal, outbox=outbox, lanes=parts.lanes, reports=listeners, clock=now,
            commands=commands(guests, jobs, parts.speech, listeners, host, forwarding, keeper, auditing),
            observer=parts.observer,
        )  # fmt: skip
        answers = reads(hosts, guests, jobs, parts.speech, host, forwarding, keeper, auditing, shipper)
        server = await stack.enter_async_context(Server(executor, answers, pipeline, CountedAudit(audit, counts)))
        stack.callback(parts.lanes.close)
        await stack.enter_async_context(pipeline)
        listeners.attach(server, reporting)
        recovered = await pipeline.recover(restorer(BY_NAME))
        await stack.enter_async_context(host.autostart)
        _orphan_taken_up(stack, parts.vital, host, pipeline)
        if recovered:
            parts.log.info("unfinished commands taken up again", count=recovered)
        await _direct_ways(stack, parts, server, executor, audit, announcer, keeper)
        link = await _linked(stack, parts, server, journal, announcer, listeners, outbox, executor, shipper)
        stack.callback(listeners.tell_now)
        counting = Counting(parts.clock, parts.lanes, parts.writer, outbox, announcer, link, spool, now)
        await stack.enter_async_context(await _measured(stack, parts, guests, shipper, counts, counting))
        await stack.enter_async_context(_housekeeping(parts, journal, executor, announcer, host.reboot.read))
        yield RunningHost(executor, keeper, journal, pipeline, guests, link, server, listeners, spool, shipper)


def _hosts(parts: HostParts, host: ConfiguredHost, guests: GuestService, listeners: HostListeners) -> HostService:
    identity = parts.identity
    return HostService(
        host=identity.host, site=identity.site, label=identity.label, version=identity.version,
        driver=parts.drivers.guests.kind, inspection=host.inspection, table=guests.table, agent=listeners,
        clock_ms=lambda: now().wall_ms, reboot_required=host.reboot.with_facts,
    )  # fmt: skip


def _reporting(
    parts: HostParts, announcer: Announcer, journal: Journal, guests: GuestService, host: ConfiguredHost,
    listeners: HostListeners,
) -> Reporting:  # fmt: skip
    return Reporting(
        announcer, journal, guests.table, host.configuration, host.reboot.last_known, listeners.current_epoch,
        parts.vital,
    )  # fmt: skip


async def _journal(parts: HostParts) -> Journal:
    return await Journal.open(
        parts.journal, parts.writer, now_ms=now().wall_ms, clock_synchronised=parts.clock() != "unsynchronised",
        observer=parts.observer, audit_quota=parts.audit_quota,
    )  # fmt: skip


async def _audit(
    stack: AsyncExitStack, parts: HostParts, journal: Journal, announcer: Announcer
) -> tuple[AuditTrail, Auditing]:
    """What hears of refusals and reads, and the operations of the log. The rows of the one are the last that are written:
    everything that makes any ends before."""

    async def prune(now_ms: int) -> None:
        if parts.clock() != "unsynchronised":
            await journal.audit.prune(now_ms, parts.keep_audit_days)

    def left(count: int) -> None:
        parts.log.error("the disk did not take the last rows of the audit log", count=count)

    writing = await stack.enter_async_context(AuditWriting(journal.audit, now, parts.vital, prune, left))
    identity = parts.identity
    auditing = Auditing(journal.audit, identity.site, identity.host, identity.key, lambda: now().wall_ms)
    return AuditTrail(parts.log, announcer, writing, lambda: now().mono), auditing


def _housekeeping(
    parts: HostParts, journal: Journal, executor: Executor, announcer: Announcer, look: Callable[[], Awaitable[object]]
) -> Housekeeping:
    return Housekeeping(
        journal, executor, parts.clock, parts.keep_jobs_s, parts.vital, look, floor=parts.floor, skew=parts.skew,
        skewed=skew_alarm(parts.log, announcer),
    )  # fmt: skip


async def _guests(
    stack: AsyncExitStack,
    parts: HostParts,
    folders: GuestFolders,
    hearing: Hearing,
    listeners: HostListeners,
) -> GuestService:
    """The guest service, and everything that follows what guests do."""
    hooks = await stack.enter_async_context(ShutdownHooks(folders.folder, parts.log, parts.vital))

    def guest_changed(change: Transition) -> None:
        hooks.guest_changed(change)
        hearing.guest_changed(change)
        listeners.guest_changed(change)

    conditions = StartConditions(
        hearing.active,
        parts.drivers.inspection.topology,
        hearing.apply_waits,
        hearing.before_start,
        parts.drivers.comm,
    )
    return await stack.enter_async_context(
        GuestService(
            parts.drivers.guests, lambda: now().wall_ms, guest_changed, parts.vital, conditions.check,
            hearing.definition_changed, hearing.guest_rebooted, parts.keep_of_consoles,
        )
    )  # fmt: skip


async def _watched(
    stack: AsyncExitStack,
    parts: HostParts,
    guests: GuestService,
    journal: Journal,
    notices: CommNotices,
) -> CommWatch | None:
    """What happens in the communication services, if there are any, is heard, told, and makes guests ready."""
    if (comm := parts.drivers.comm) is None:
        return None
    return await stack.enter_async_context(
        CommWatch(
            comm, happened=notices.happened, missed=notices.missed, arrived=notices.arrived, away=notices.away,
            ready=guests.heartbeat, note=journal.note, set_note=journal.set_note, vital=parts.vital,
        )
    )  # fmt: skip


def _configuration(
    parts: HostParts,
    journal: Journal,
    guests: GuestService,
    folders: GuestFolders,
    executor: Executor,
    listeners: HostListeners,
    notices: CommNotices,
) -> ConfigurationParts:
    identity = parts.identity
    return ConfigurationParts(
        host=identity.host, version=identity.version, drivers=parts.drivers, journal=journal, guests=guests,
        folders=folders, lanes=parts.lanes, disk_roots=parts.disk_roots,
        share_roots=parts.share_roots, boot_roots=parts.boot_roots,
        keep_revisions=parts.keep_revisions, authorise=executor.authorise, link=listeners,
        changed=listeners.configuration_changed, clock_ms=lambda: now().wall_ms, log=parts.log, vital=parts.vital,
        reboot_changed=listeners.job_changed, not_plugged=notices.not_plugged,
    )  # fmt: skip


def _domain_xml(guests: Guests) -> Callable[[str], Awaitable[str | None]]:
    """The domain XML for a guest's folder, where the hypervisor has any."""

    async def xml(uuid: str) -> str | None:
        try:
            return await guests.xml(uuid)
        except GuestwireError as err:
            if err.code in ("NOT-FOUND", "UNSUPPORTED"):
                return None
            raise

    return xml


def _executor(parts: HostParts, journal: Journal, trust: Trust) -> Executor:
    identity = parts.identity
    return Executor(
        identity.site, identity.host, BY_NAME, trust, identity.key, journal_created_ms=journal.created_ms,
        watermark_ms=journal.watermark_ms, clock_synchronised=parts.clock() != "unsynchronised", floor_ms=parts.floor.ms,
        limits=parts.limits,
        require_signatures="all" if parts.require_signatures == "all" else "effects", heard_fresh=parts.skew.heard,
    )  # fmt: skip


async def _direct_ways(
    stack: AsyncExitStack,
    parts: HostParts,
    server: Server,
    executor: Executor,
    audit: AuditTrail,
    announcer: Announcer,
    keeper: TrustKeeper,
) -> None:
    """The ways to this host without a broker."""
    if parts.socket is not None:
        local = LocalServer(
            parts.socket, executor.site, executor.host, server.receive,
            may_watch=lambda uid: executor.trust.local_scope(uid) is not None, group=parts.socket_group,
        )  # fmt: skip
        announcer.add_local(await stack.enter_async_context(local))
    if parts.listener is not None:
        await listen(stack, parts.listener, server.receive, executor, audit, announcer, keeper)


async def _linked(
    stack: AsyncExitStack,
    parts: HostParts,
    server: Server,
    journal: Journal,
    announcer: Announcer,
    listeners: HostListeners,
    outbox: Outbox,
    executor: Executor,
    shipper: Shipper,
) -> BrokerLink | None:
    """The link to the broker, connecting in the background."""
    if parts.broker is None:
        return None
    identity = parts.identity
    boot_id = (await parts.drivers.inspection.facts()).boot_id
    hashes, digest = _operation_hashes()

    def presence(epoch: int) -> HostPresence:
        made = HostPresence(identity.site, identity.host, identity.key, epoch, boot_id, identity.version, now())
        made.capabilities_hash = digest
        return made

    def capabilities() -> CapabilitiesBody:
        return CapabilitiesBody(
            epoch=link.epoch, n=1, operations=hashes, hash=digest, limits=WireLimits(reads=parts.limits.reads),
            features=(f"driver-{parts.drivers.guests.kind}",), clock=parts.clock(), agent_version=identity.version,
        )  # fmt: skip

    options, connect = parts.broker
    link = BrokerLink(
        site=identity.site, host=identity.host, options=options, connect=connect, server=server, presence=presence,
        epochs=journal, announcer=announcer, trust=lambda: executor.trust, clock=now, events=listeners, vital=parts.vital,
        controllers=shipper.heard_controller, boot_delay_s=parts.boot_delay_s,
    )  # fmt: skip
    listeners.linked(link, lambda: outbox.resend(link), capabilities)
    return await stack.enter_async_context(link)


async def _measured(
    stack: AsyncExitStack,
    parts: HostParts,
    guests: GuestService,
    shipper: Shipper,
    counts: RequestCounts,
    counting: Counting,
) -> Sampler:
    """What measures the host. It ends first, so that what it measured last is kept and sent."""
    telemetry = parts.telemetry
    lag = parts.lag
    if lag is None:
        lag = await stack.enter_async_context(LoopLag(telemetry.began_ms))
    return measuring(
        MeasuringParts(
            settings=telemetry.sampling, drivers=parts.drivers, table=guests.table, batches=shipper, lag=lag,
            requests=counts, version=parts.identity.version, began_ms=telemetry.began_ms, clock=now, log=parts.log,
            vital=parts.vital, readings=readings(counting),
        )
    )  # fmt: skip


def _orphan_taken_up(stack: AsyncExitStack, vital: Vital, host: ConfiguredHost, pipeline: Commands) -> None:
    """A change that nobody's request goes on with is ended in the background."""
    orphan = asyncio.create_task(host.waiting.take_up_orphan(pipeline.over), name="orphaned-change")
    vital.watch(orphan, may_return=True)
    stack.push_async_callback(_ended, orphan)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@cache
def _operation_hashes() -> tuple[dict[str, bytes], bytes]:
    """The schema hash of each operation, and that over all: the same for every host of a process."""
    hashes = {name: bytes.fromhex(digest) for name, digest in HASHES.items()}
    return hashes, hash_over(hashes)
