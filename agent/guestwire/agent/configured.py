"""One host's configuration, composed: records, documents, plan and apply, and the services that follow what is active.
Wiring and nothing else."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from guestwire.agent.audit import Log
from guestwire.agent.command_job import Command
from guestwire.agent.journal import Journal
from guestwire.agent.lane_gate import LaneGate
from guestwire.agent.services.autostart import Autostart
from guestwire.agent.services.comm_watch import CommWatch
from guestwire.agent.services.configuration.active import Active
from guestwire.agent.services.configuration.adoption import Adoption
from guestwire.agent.services.configuration.applying import Applying, Surroundings
from guestwire.agent.services.configuration.comm_keeper import CommKeeper
from guestwire.agent.services.configuration.drift_watch import DriftWatch
from guestwire.agent.services.configuration.facts import FactsReader
from guestwire.agent.services.configuration.ports import Folders, ManagementLink
from guestwire.agent.services.configuration.prepared import Preparer
from guestwire.agent.services.configuration.reboot_reasons import RebootReasons
from guestwire.agent.services.configuration.service import Configuration
from guestwire.agent.services.configuration.step_kinds import Tools
from guestwire.agent.services.configuration.switching import Switching
from guestwire.agent.services.configuration.waiting import Waiting
from guestwire.agent.services.definitions import Definitions
from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.host_power import HostPowerService
from guestwire.agent.services.ports import OFF, ON, Drivers, HostInspection
from guestwire.agent.services.power import GuestPower
from guestwire.agent.services.rt_tuning import RtTuning
from guestwire.agent.services.snapshots import Snapshots
from guestwire.link.serve import Handler
from guestwire.link.vital import Vital
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.host import RebootRequired
from guestwire.model.issues import Verdict
from guestwire.model.plan import Risk
from guestwire.model.rules.table import validate
from guestwire.protocol.steps import Call

LANE_WAIT_MS = 3_600_000


def _nobody_hears() -> None:
    """What changed is told by the next who asks."""


@dataclass(frozen=True, slots=True)
class ConfigurationParts:
    """What a host's configuration is made of. `authorise`: see `Surroundings`; `changed` hears of every change of state,
    `reboot_changed` when the operating system has other reasons for a reboot, `not_plugged` why a guest, by name, has not got
    its areas; the roots: see `FactsReader`."""

    host: str
    version: str
    drivers: Drivers
    journal: Journal
    guests: GuestService
    folders: Folders
    lanes: LaneGate
    disk_roots: tuple[str, ...]
    keep_revisions: int
    authorise: Callable[[Call, Risk], None]
    link: ManagementLink
    changed: Callable[[str, str], None]
    clock_ms: Callable[[], int]
    log: Log
    vital: Vital
    share_roots: tuple[str, ...] | None = None
    boot_roots: tuple[str, ...] | None = None
    reboot_changed: Callable[[], None] = _nobody_hears
    not_plugged: Callable[[str, GuestwireError], None] = lambda _guest, _error: None


@dataclass(frozen=True, slots=True)
class ConfiguredHost:
    """The services."""

    active: Active
    inspection: HostInspection
    """The machine as it is without real-time tuning."""
    configuration: Configuration
    reboot: RebootReasons
    waiting: Waiting
    adoption: Adoption
    drift: DriftWatch
    definitions: Definitions
    power: GuestPower
    snapshots: Snapshots
    host_power: HostPowerService
    tuning: RtTuning
    autostart: Autostart
    """Enter it when every interrupted command is back in its lane."""
    comm: CommKeeper | None = None

    def communication_changed(self) -> None:
        """The communication services came, went or changed their state, or a guest that needs them may have come on."""
        if self.comm is not None:
            self.comm.look_at_guests()

    def reads(self) -> dict[str, Handler]:
        """Operations without an effect."""
        return {
            "config-show": self.configuration.show,
            "config-history": self.configuration.history,
            "config-plan": self.configuration.plan,
            "host-tuning": self.tuning.show,
            "snapshot-list": self.snapshots.list_all,
        }

    def commands(self, of_guest: Callable[[Call], tuple[str, ...]]) -> dict[str, Command]:
        """Operations with an effect."""
        configuration, waiting, power, host = self.configuration, self.waiting, self.power, self.host_power
        return {
            "guest-define": Command(self.definitions.lanes, self.definitions.define),
            "guest-undefine": Command(self.definitions.lanes_of_known, self.definitions.undefine),
            "guests-boot": Command(power.boot_lanes, power.boot),
            "guests-shutdown": Command(power.shutdown_lanes, power.shutdown),
            "snapshot-create": Command(of_guest, self.snapshots.create),
            "snapshot-revert": Command(of_guest, self.snapshots.revert),
            "snapshot-delete": Command(of_guest, self.snapshots.delete),
            "config-apply": Command(configuration.lanes, configuration.apply),
            "config-confirm": Command(_host_lane, waiting.confirm),
            "config-cancel": Command(configuration.lanes, waiting.cancel),
            "config-adopt": Command(configuration.lanes, self.adoption.adopt),
            "host-reboot": Command(host.lanes, host.reboot, host.happened),
            "host-poweroff": Command(host.lanes, host.power_off, host.happened),
        }


class Untuned:
    """The machine as it is without real-time tuning: what plans and pins are made for (a HostInspection port)."""

    def __init__(self, inspection: HostInspection, tuning: RtTuning) -> None:
        self.topology = tuning.topology
        self.described = inspection.described
        self.facts = inspection.facts
        self.management = inspection.management


def _on(guests: GuestService) -> dict[str, Guest] | None:
    """The guests that run, as the hypervisor has them; None while nobody can say."""
    if not guests.table.connected:
        return None
    return {row.uuid: row.guest for row in guests.table.rows() if row.observed.state in ON}


AT_WORK = ("running", "ready")


class Hearing:
    """What the guest service asks and tells of before there is a configuration: nobody hears it until then."""

    def __init__(self) -> None:
        self.host: ConfiguredHost | None = None
        self.watch: CommWatch | None = None

    def guest_rebooted(self, guest: Guest) -> None:
        if self.watch is not None and guest.has_comm:
            self.watch.rebooted(guest.name)

    def guest_changed(self, change: Transition) -> None:
        if self.host is None:
            return
        self.host.tuning.guest_changed(change)
        if change.after in OFF:
            self.host.configuration.stopped(change.guest.uuid or "")
        elif change.guest.has_comm and change.after in AT_WORK and change.before not in AT_WORK:
            self.host.communication_changed()  # whoever turned it on: it is to have its areas

    async def before_start(self, guest: Guest) -> None:
        if self.host is not None:
            if guest.has_comm and self.host.comm is not None:
                await self.host.comm.agreed()
            await self.host.tuning.before_start(guest)

    def definition_changed(self) -> None:
        if self.host is not None:
            self.host.drift.look()
            self.host.communication_changed()  # all were listed anew: who was turned on meanwhile is to have its areas
            self.host.waiting.look()
            self.host.tuning.wake()
            self.host.autostart.look()

    def active(self) -> Desired:
        return Desired() if self.host is None else self.host.active.peek()

    async def apply_waits(self) -> RebootRequired:
        return RebootRequired() if self.host is None else self.host.reboot.of_apply()


def _host_lane(_call: Call) -> tuple[str, ...]:
    return ("host",)


def _surroundings(parts: ConfigurationParts) -> Surroundings:
    async def boot_id() -> str:
        return (await parts.drivers.inspection.facts()).boot_id

    return Surroundings(
        clock_ms=parts.clock_ms, boot_id=boot_id, authorise=parts.authorise, link=parts.link, changed=parts.changed,
        hold=partial(_hold, parts.lanes), note=parts.journal.note, set_note=parts.journal.set_note,
        keep=parts.keep_revisions,
    )  # fmt: skip


@asynccontextmanager
async def configured(parts: ConfigurationParts) -> AsyncIterator[ConfiguredHost]:
    """The configuration of a host while the block lasts."""
    drivers, journal = parts.drivers, parts.journal
    switching = Switching(parts.guests)
    active = Active(journal.config, switching)
    await active.kept()
    tuning = RtTuning(
        drivers.kernel, drivers.inspection, active.peek, partial(_on, parts.guests), journal.note, journal.set_note,
        parts.log, parts.vital,
    )  # fmt: skip
    inspection = Untuned(drivers.inspection, tuning)
    facts = FactsReader(
        drivers.guests, inspection, drivers.images, drivers.kernel, parts.folders, switching,
        disk_roots=parts.disk_roots, share_roots=parts.share_roots, boot_roots=parts.boot_roots,
        simulated=drivers.guests.kind == "simulated", broker=lambda: parts.link.broker_address,
    )  # fmt: skip
    preparer = Preparer(
        host=parts.host, version=parts.version, active=active, facts=facts, folders=parts.folders, power=switching,
        shares=drivers.comm is not None,
    )  # fmt: skip
    around = _surroundings(parts)
    tools = Tools(drivers.guests, drivers.images, drivers.control, parts.folders, switching, drivers.comm)
    applying = Applying(journal.config, active, tools, switching, around)
    await applying.starts.load()
    reboot = RebootReasons(journal.config, drivers.inspection.facts, parts.reboot_changed)
    keeper = _keeper(parts, tools, applying)
    configuration = Configuration(
        active=active, preparer=preparer, applying=applying, power=switching, reboot=reboot,
        shared=lambda: () if keeper is None else keeper.drift,
    )  # fmt: skip

    async def verdict() -> Verdict:
        desired = await active.desired()
        return validate(desired, await facts.read(desired, desired))

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(tuning)
        waiting = await stack.enter_async_context(Waiting(applying, switching, parts.vital))
        adoption = Adoption(applying, preparer, switching)
        drift = await stack.enter_async_context(
            DriftWatch(
                configuration=configuration, preparer=preparer, applying=applying, adoption=adoption, host=parts.host,
                vital=parts.vital,
            )
        )  # fmt: skip
        if keeper is not None:
            await stack.enter_async_context(keeper)
            applying.ended = partial(_both, drift.look, keeper.look)
        power = GuestPower(parts.guests, active.peek, verdict)
        yield ConfiguredHost(
            active, inspection, configuration, reboot, waiting, adoption, drift,
            Definitions(parts.guests, configuration), power, Snapshots(parts.guests, drivers.images),
            HostPowerService(drivers.control, parts.guests, around.boot_id, journal.note, journal.set_note, parts.log),
            tuning,
            Autostart(
                parts.guests, power, active.peek, around.hold, around.boot_id, journal.note, journal.set_note, parts.log,
                parts.vital, waiting.arrived, *(() if keeper is None else (keeper.agreed,)),
            ),
            keeper,
        )  # fmt: skip


def _keeper(parts: ConfigurationParts, tools: Tools, applying: Applying) -> CommKeeper | None:
    return (
        None
        if tools.comm is None
        else CommKeeper(tools.comm, tools, applying, parts.host, parts.vital, parts.not_plugged)
    )


def _both(one: Callable[[], None], other: Callable[[], None]) -> None:
    one()
    other()


@asynccontextmanager
async def _hold(gate: LaneGate, lanes: tuple[str, ...]) -> AsyncIterator[None]:
    """Lanes for work that no request asked for: it waits for them as a recovered command does."""
    ticket = gate.enter(lanes, wait_ms=LANE_WAIT_MS, forced=True)
    try:
        await ticket.wait()
        yield
    finally:
        ticket.leave()
