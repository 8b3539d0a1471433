"""The ways to hosts, the fleet, its telemetry, notices and alarms: all that hears hosts."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from guestwire.controller.alarms.alarms import Alarms
from guestwire.controller.alarms.noticing import Noticing
from guestwire.controller.alarms.readings import Connected, Readings
from guestwire.controller.alarms.rules import AlarmRules
from guestwire.controller.alarms.watching import AlarmWatching
from guestwire.controller.audit import collecting
from guestwire.controller.audit.collecting import AuditCollecting, CollectParts
from guestwire.controller.composing.base import VERSION, Base
from guestwire.controller.composing.telling import TroubleTelling
from guestwire.controller.fleet.clock_watch import ClockWatch
from guestwire.controller.fleet.core import FleetCore, attended, fleet_core
from guestwire.controller.fleet.groups import Groups
from guestwire.controller.fleet.hosts import Hosts
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.connections import Connections
from guestwire.controller.links.keys_in_trust import KeysInTrust
from guestwire.controller.links.links import Links
from guestwire.controller.links.ports import Hearer
from guestwire.controller.links.refusals import RefusalAudit
from guestwire.controller.links.running import LinkParts
from guestwire.controller.links.tallies import Tallies
from guestwire.controller.links.trust_documents import TrustDocuments
from guestwire.controller.notices.taking import NoticeTaking
from guestwire.controller.store import connections as connection_rows
from guestwire.controller.store.database import Tx
from guestwire.controller.store.host_queries import refs
from guestwire.controller.telemetry.ingest import IngestLimits
from guestwire.controller.telemetry.keeping import kept
from guestwire.controller.telemetry.service import Telemetry, TelemetryParts
from guestwire.controller.telemetry.troubles import Trouble
from guestwire.controller.users.access import Access
from guestwire.controller.webhooks.delivering import Delivering
from guestwire.controller.webhooks.webhooks import Webhooks
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.telemetry import TelemetryAck

_ACK = BY_NAME["telemetry-ack"]


@dataclass(frozen=True, slots=True)
class HostSide:
    """What has to do with hosts."""

    core: FleetCore
    links: Links
    connections: Connections
    hosts: Hosts
    groups: Groups
    telemetry: Telemetry
    notices: NoticeTaking
    alarms: Alarms
    rules: AlarmRules
    webhooks: Webhooks
    tallies: Tallies
    access: Access


class _Late:
    """The links and connections, for those who are made before them."""

    links: Links | None = None
    connections: Connections | None = None

    def changed(self, name: str) -> None:
        assert self.connections is not None
        self.connections.changed(name)

    async def ack(self, ref: HostRef, ack: TelemetryAck) -> None:
        assert self.links is not None
        await self.links.call(ref, _ACK, ack, timeout_s=_ACK.timeout_s)


async def host_side(stack: AsyncExitStack, base: Base) -> HostSide:
    """Everything but that the links begin: enter `side.links` when whoever wants to hear of hosts is there."""
    database, feed, clock, vital = base.database, base.feed, base.clock, base.vital
    core = await stack.enter_async_context(fleet_core(database, feed, clock, base.on_trouble))
    vital.watch(core.keeping.task, core.membership.task)
    access = Access(core.membership)
    late, tallies = _Late(), Tallies()
    delivering = await _webhooks(stack, base)
    alarms = Alarms(database, access, feed, clock, delivering.wake)
    rules = AlarmRules(database, alarms, core.membership, access, feed, clock)
    await rules.load()
    noticing = Noticing(database, alarms, rules.in_force, _selected(core, base), clock, base.log)
    telling = await stack.enter_async_context(TroubleTelling(noticing, base.log))
    telemetry = await _telemetry(stack, base, core, access, late, telling)
    notices = await stack.enter_async_context(
        NoticeTaking(database, telemetry.acknowledging.committed, [noticing], feed, clock)
    )

    def clock_wrong(ref: HostRef, text: str) -> None:
        telemetry.troubles.tell(Trouble(ref, "clock-wrong", text), clock())

    clocks = ClockWatch(core.registry, clock_wrong, clock)
    trust = await stack.enter_async_context(TrustDocuments(database, clock, base.on_trouble))
    parts = _link_parts(base, core, telemetry, notices, clocks, tallies, trust, late.changed)
    links = late.links = Links(parts, base.settings.connections)
    connections = late.connections = Connections(database, links, access, feed, clock)
    vital.watch(notices.task, telling.task, trust.task)
    inventory = await stack.enter_async_context(attended(core, links, database, clock, base.on_defect))
    refusals = await stack.enter_async_context(RefusalAudit(database, tallies, clock, base.on_trouble))
    watching = AlarmWatching(
        database, alarms, rules.in_force,
        Readings(database, core.membership, core.registry, telemetry.known, lambda: _connected(links), clock), clock, base.log,
    )  # fmt: skip
    await stack.enter_async_context(watching)
    vital.watch(refusals.task, watching.task)
    await _audit(stack, base, core, links, telling)
    hosts = Hosts(
        database, core.registry, core.hearing, core.keeping, core.membership, inventory, access, clock,
        lambda ref: tallies.held_back[ref], watching.forgetting, KeysInTrust(links, clock).of_host,
    )  # fmt: skip
    groups = Groups(database, core.membership, access, feed, clock)
    webhooks = Webhooks(database, access, feed, clock, delivering.wake)
    return HostSide(
        core, links, connections, hosts, groups, telemetry, notices, alarms, rules, webhooks, tallies, access
    )


def _connected(links: Links) -> Iterator[Connected]:
    for one in links:
        yield Connected(one.connection.name, one.reach, one.state, one.error.message if one.error is not None else "")


def _link_parts(
    base: Base,
    core: FleetCore,
    telemetry: Telemetry,
    notices: NoticeTaking,
    clocks: ClockWatch,
    tallies: Tallies,
    trust: TrustDocuments,
    changed: Callable[[str], None],
) -> LinkParts:
    async def epochs(site: str, name: str, at_least: int) -> int:
        async with base.database.write() as tx:
            return await connection_rows.next_epoch(tx, site, name, at_least)

    hearers: dict[str, tuple[Hearer, ...]] = {kind: (hears,) for kind, hears in core.hearers.items()}
    hearers["presence"] = (*hearers["presence"], clocks)
    hearers["notice"] = (*hearers["notice"], notices)
    hearers["telemetry"] = (telemetry,)
    return LinkParts(
        hearers=hearers, listener=core.registry, approved=core.registry.approved, epochs=epochs, tallies=tallies,
        clock=base.clock, trust=trust, version=VERSION, boot_id=base.boot_id, on_defect=base.on_defect,
        changed=changed, rooms={"telemetry": telemetry.room},
    )  # fmt: skip


async def _telemetry(
    stack: AsyncExitStack, base: Base, core: FleetCore, access: Access, late: _Late, telling: TroubleTelling
) -> Telemetry:
    section = base.settings.telemetry
    parts = TelemetryParts(
        base.database, access, late.ack, telling.telemetry, base.clock,
        kept(section.raw_hours, section.minutes_days, section.hours_days),
        IngestLimits(series_per_host=section.series_per_host), present=core.registry.present,
    )  # fmt: skip
    telemetry = await stack.enter_async_context(Telemetry(parts))
    base.vital.watch(*telemetry.tasks)
    return telemetry


async def _webhooks(stack: AsyncExitStack, base: Base) -> Delivering:
    client = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False, trust_env=False))
    delivering = await stack.enter_async_context(Delivering(base.database, client, base.clock))
    base.vital.watch(delivering.task)
    return delivering


async def _audit(stack: AsyncExitStack, base: Base, core: FleetCore, links: Links, telling: TroubleTelling) -> None:
    hosts = _ToAsk(core)
    parts = CollectParts(base.database, links, hosts, links.trust, telling, base.log, base.clock)
    audit = await stack.enter_async_context(AuditCollecting(parts))
    core.registry.arrivals.append(audit)
    base.vital.watch(audit.task)


class _ToAsk(collecting.Hosts):
    """The hosts whose audit logs are collected: those that are approved and there."""

    def __init__(self, core: FleetCore) -> None:
        self._registry = core.registry

    def to_ask(self) -> list[HostRef]:
        registry = self._registry
        return [known.ref for known in registry if registry.approved(known.ref) and registry.there(known.ref)]


def _selected(core: FleetCore, base: Base) -> Callable[[Tx, str, HostRef], Awaitable[bool]]:
    async def selected(tx: Tx, selection: str, host: HostRef) -> bool:
        return bool(await refs(tx, core.membership.expanded(selection), base.clock_ms(), within=[host]))

    return selected
