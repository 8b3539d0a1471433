"""From settings to the parts of a host: drivers, the way to the broker, identity, log. The only module that names drivers."""

import grp
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from shutil import which
from typing import Any

from guestwire.agent import identity
from guestwire.agent.audit import Log
from guestwire.agent.audit_schema import MIB
from guestwire.agent.clock_quality import clock_quality
from guestwire.agent.comm_areas import CommAreas
from guestwire.agent.config import BrokerSection, LimitsSection, LogSection, Settings
from guestwire.agent.host_parts import HostIdentity, HostParts
from guestwire.agent.journal_schema import Observer
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.lane_gate import LaneGate
from guestwire.agent.lanes import Lanes
from guestwire.agent.log_files import LogFiles
from guestwire.agent.logs import LevelControl, make_logger
from guestwire.agent.messages import Messages, log_id
from guestwire.agent.reread import Reread
from guestwire.agent.services.ports import Drivers
from guestwire.agent.session_name import session_name
from guestwire.agent.speech import Speech
from guestwire.agent.tcp_listener import ListenerParts
from guestwire.agent.telemetry.loop_lag import LoopLag
from guestwire.agent.telemetry_parts import telemetry_parts
from guestwire.agent.time_floor import TimeFloor, judged
from guestwire.agent.tls_identity import TlsIdentity
from guestwire.link import brokers
from guestwire.link.broker_url import BrokerAddress
from guestwire.link.clock import now
from guestwire.link.host_port import host_port
from guestwire.link.transport import Connect, OnMessage, Options, Transport
from guestwire.link.vital import Vital
from guestwire.model.allocation import allocate
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, ReadyWhen
from guestwire.model.host import ClockQuality
from guestwire.model.pinning import pinning
from guestwire.protocol.steps import Limits

VERSION = version("guestwire")
SIMULATED = "/simulated"
SIMULATED_IMAGES = f"{SIMULATED}/images"


def wall_ms() -> int:
    return now().wall_ms


@dataclass(frozen=True, slots=True)
class Voice:
    """What an agent says, and how much of it."""

    messages: Messages
    files: LogFiles | None
    control: LevelControl
    log: Any

    def speech(self) -> Speech:
        return Speech(self.messages, self.files, self.control)

    def vital(self) -> Vital:
        """A watch over the tasks of one process, which says what died."""
        return Vital(lambda name, error: self.log.error("a vital task ended unasked", task=name, exc_info=error))


def voice(section: LogSection, folder: Path, *, for_people: bool) -> Voice:
    """Log files below the state directory, and the logger over them."""
    files = LogFiles(folder, max_bytes=section.file_bytes, files=section.files)
    messages = Messages(files, log_id(folder, _boot_id()), wall_ms, capacity=section.messages)
    control = LevelControl(section.level, wall_ms)
    return Voice(messages, files, control, make_logger(messages, control, for_people=for_people))


def _boot_id() -> str:
    """Linux's name for this boot; empty where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@asynccontextmanager
async def driver(settings: Settings) -> AsyncIterator[Drivers]:
    """The hypervisor, open, and the way to guestwire-comm, if there is one. A libvirt that is not there yet is waited for in
    the background, and so is guestwire-comm: what its way takes is imported by the hosts that have one."""
    if settings.comm.dir is None:
        async with _driver(settings, None) as drivers:
            yield drivers
        return
    from guestwire.comm.client import CommClient

    async with CommClient(settings.comm.dir) as comm, _driver(settings, CommAreas(comm)) as drivers:
        yield replace(drivers, comm=comm)


@asynccontextmanager
async def _driver(settings: Settings, areas: CommAreas | None) -> AsyncIterator[Drivers]:
    if settings.host.driver == "simulated":
        async with _simulated(settings, areas) as host:
            yield Drivers(
                host, host, host.images, host.control, host.values, guest_metrics=host.guest_metrics,
                host_metrics=host.host_metrics,
            )  # fmt: skip
        return
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests
    from guestwire.agent.drivers.linux.control import LinuxControl
    from guestwire.agent.drivers.linux.facts import LinuxInspection
    from guestwire.agent.drivers.linux.guest_processes import GuestProcesses
    from guestwire.agent.drivers.linux.host_metrics import LinuxHostMetrics
    from guestwire.agent.drivers.linux.images import QemuImages
    from guestwire.agent.drivers.linux.kernel_values import LinuxKernelValues
    from guestwire.agent.drivers.linux.kvm_probe import kvm_proven
    from guestwire.agent.drivers.linux.threads import threads_of

    emulator = which("qemu-system-x86_64")
    boot_id = (await LinuxInspection().facts()).boot_id
    wanted = settings.libvirt.hypervisor_type
    proven = wanted != "qemu" and await kvm_proven(settings.host.state_dir / "kvm-probe.json", boot_id)
    inspection = LinuxInspection(
        hypervisor=f"libvirt {settings.libvirt.uri}",
        kvm_proven=proven,
        emulator=Path(emulator) if emulator else None,
    )
    images = QemuImages(roots=settings.host.disk_roots)
    folders = (settings.host.state_dir, *settings.host.disk_roots)
    async with LibvirtGuests(
        settings.libvirt.uri,
        threads_of=threads_of,
        clock=wall_ms,
        hypervisor_type=wanted,
        kvm_proven=proven,
        areas=areas,
        comm_dir=settings.comm.dir,
        host=settings.host.id,
        bridges=dict if areas is None else areas.bridges,
        mapped=(lambda _uuid, _file: None) if areas is None else areas.mapped,
        starting=settings.host.state_dir / "starting",
    ) as guests:
        with closing(GuestProcesses()) as processes, closing(LinuxHostMetrics(folders=folders)) as host_metrics:
            yield Drivers(
                guests, inspection, images, LinuxControl(), LinuxKernelValues(),
                guest_metrics=guests.metrics(processes), host_metrics=host_metrics,
            )  # fmt: skip


@asynccontextmanager
async def _simulated(settings: Settings, areas: CommAreas | None) -> AsyncIterator[Any]:
    from guestwire.agent.drivers.simulated.host import SimulatedHost
    from guestwire.agent.drivers.simulated.settings import Settings as Times
    from guestwire.model.machines import MACHINES

    section = settings.simulated
    machine = MACHINES.get(section.machine)
    if machine is None:
        known = ", ".join(MACHINES)
        raise GuestwireError("CONFIG-INVALID", f"simulated.machine: one of {known}", field="simulated.machine")
    times = Times(boot_s=section.boot_s, shutdown_s=section.shutdown_s, guest_agent=section.guest_agent)
    folder = settings.host.state_dir / "simulated"
    inhabitant = () if settings.comm.dir is None else guest_command(settings.comm.dir)
    async with SimulatedHost(
        machine, folder, clock=wall_ms, settings=times, hostname=settings.host.id, areas=areas, inhabitant=inhabitant
    ) as host:
        if not await host.list():
            samples = allocate(Desired(guests=tuple(sample_guests(section.guests))), machine.topology).guests
            for guest in samples:
                await host.define(guest, pinning(guest, machine.topology))
        yield host


def guest_command(comm_dir: Path) -> tuple[str, ...]:
    """The process that is inside a simulated guest, attached to guestwire-comm as that guest; {name} is the guest's. It ends
    when its standard input does."""
    return (
        sys.executable, "-m", "guestwire.guest.simulated", "--attach", str(comm_dir / "attach.sock"), "--guest", "{name}",
    )  # fmt: skip


def sample_guests(count: int) -> Iterator[Guest]:
    """What a new simulated host begins with: a real-time guest first, then general ones."""
    for n in range(1, count + 1):
        name = "rtlinux" if n == 1 else f"linux{n - 1}"
        yield Guest(
            name=name,
            id=f"GUEST{n:04d}",
            uuid=f"00000000-0000-4000-8000-{n:012d}",
            kind="rt" if n == 1 else "gp",
            memory_mib=256,
            ready_when=ReadyWhen(by="console_text", text=f"guestwire-guest: up {name}"),
        )


def host_identity(settings: Settings) -> HostIdentity:
    """Keys and trust from their files. Raises KEY-FILE-INVALID, TRUST-INVALID."""
    key = identity.host_key(settings.trust.host_key)
    trusted = identity.trust(settings.trust)
    # what was taken up since may know a key that the file does not
    in_force = identity.newest(trusted, settings.host.state_dir / "trust")
    identity.check_member(in_force, key, settings.host.site, settings.host.id)
    label = settings.host.label or settings.host.id
    return HostIdentity(settings.host.site, settings.host.id, label, key, trusted, VERSION)


def tls_identity(
    settings: Settings, floor: TimeFloor, judge: Callable[[], ClockQuality], log: Log
) -> TlsIdentity | None:
    """What connections by TLS are made with; None: there are none. Raises CONFIG-INVALID, KEY-FILE-INVALID."""
    section = settings.broker
    return TlsIdentity(section, floor, judge, log) if any(one.tls for one in section.addresses) else None


def broker(settings: Settings, tls: TlsIdentity | None, log: Log) -> tuple[Callable[[], Options], Connect] | None:
    """The options of the next connection (each broker in turn) and how to make it; None: there is no broker. Raises
    KEY-FILE-INVALID."""
    section = settings.broker
    if not section.urls:
        return None
    file = section.password_file
    secret = Reread([] if file is None else [file], lambda: identity.password(section), log, "the broker's password")
    turns = cycle(section.addresses)

    def options() -> Options:
        address: BrokerAddress = next(turns)
        context, check_peer = (None, None) if tls is None or not address.tls else tls.for_connection()
        return Options(
            host=address.host,
            port=address.port,
            client_id=session_name(settings.host.id, settings.host.state_dir),
            username=section.username,
            password=secret.get(),
            tls=context,
            tls_server_name=address.host if address.tls else None,
            check_peer=check_peer,
            keep_alive_s=section.keep_alive_s,
            session_expiry_s=section.session_expiry_s,
            connect_timeout_s=section.connect_timeout_s,
        )

    memory = brokers.BrokerMemory()

    async def connect(options: Options, on_message: OnMessage) -> Transport:
        return await brokers.connect(options, on_message, section.transport, memory)

    return options, connect


def listener(settings: Settings, floor: TimeFloor, judge: Callable[[], ClockQuality], log: Log) -> ListenerParts | None:
    """Where clients may connect without a broker, and how; None: nowhere. Raises CONFIG-INVALID, KEY-FILE-INVALID."""
    section = settings.listener
    if not section.address:
        return None
    from guestwire.agent.listener_tls import ListenerTls, listener_files
    from guestwire.link.tcp_arrival import Deadlines

    return ListenerParts(
        address=host_port(section.address),
        tls=ListenerTls(listener_files(section, settings.broker), floor, judge, log),
        most=section.max_connections,
        most_of_one=section.max_of_one_client,
        deadlines=Deadlines(
            handshake=section.handshake_s, first_frame=section.first_frame_s, frame=section.frame_s, idle=section.idle_s
        ),
        clock=judge,
        floor=floor,
    )


def boot_delay_s(section: BrokerSection) -> float:
    """How long to wait before the first connection, so that a fleet that boots at once does not come at once."""
    return random.uniform(0, section.boot_delay_s)


def limits(section: LimitsSection) -> Limits:
    return Limits(
        reads=section.reads,
        issuer_rate=section.issuer_rate,
        issuer_burst=section.issuer_burst,
        failure_rate=section.failure_rate,
        failure_burst=section.failure_burst,
    )


def lanes(section: LimitsSection) -> LaneGate:
    made = Lanes(max_running=section.running, max_queued=section.queued)
    return LaneGate(made, lambda: round(now().mono * 1000))


def clock(settings: Settings, floor: TimeFloor) -> Callable[[], ClockQuality]:
    """How good the wall clock is: what the kernel or the settings say of it, unless it is below the floor."""
    return judged(floor, clock_quality if settings.host.clock == "auto" else _trusted_clock, wall_ms)


def _trusted_clock() -> ClockQuality:
    return "synchronised"


def socket_group(name: str) -> int:
    """The number of a group. Raises CONFIG-INVALID."""
    if not name:
        return -1
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise GuestwireError("CONFIG-INVALID", f"There is no group {name}.", field="host.socket_group") from None


def disk_roots(settings: Settings) -> tuple[str, ...]:
    """Where disk images may be. A simulated host has its own place for them besides, and first."""
    images = (SIMULATED_IMAGES,) if settings.host.driver == "simulated" else ()
    return (*images, *_simulated_places(settings), *map(str, settings.host.disk_roots))


def share_roots(settings: Settings) -> tuple[str, ...]:
    """Where folders that guests mount may be."""
    return (*_simulated_places(settings), *map(str, settings.host.share_roots))


def boot_roots(settings: Settings) -> tuple[str, ...]:
    """Where kernels and initrds may be."""
    return (*_simulated_places(settings), *map(str, settings.host.boot_roots))


def _simulated_places(settings: Settings) -> tuple[str, ...]:
    """Below /simulated a simulated host has whatever one names there."""
    return (SIMULATED,) if settings.host.driver == "simulated" else ()


def host_parts(
    settings: Settings,
    hypervisor: Drivers,
    writer: JournalWriter,
    speaking: Voice,
    *,
    who: HostIdentity | None = None,
    vital: Vital | None = None,
    observer: Observer | None = None,
    lag: LoopLag | None = None,
) -> HostParts:
    """Everything a host is composed of. `vital` None: one of its own, for whose word nobody waits. `lag` None: it measures its
    loop for itself."""
    me = who or host_identity(settings)
    floor = TimeFloor(me.trust.document.issued_at)
    judge = clock(settings, floor)
    tls = tls_identity(settings, floor, judge, speaking.log)
    return HostParts(
        identity=me,
        drivers=hypervisor,
        journal=settings.host.state_dir / "journal.db",
        kept_trust=settings.host.state_dir / "trust",
        folders=settings.host.state_dir / "guests",
        templates=settings.host.template_dir,
        disk_roots=disk_roots(settings),
        share_roots=share_roots(settings),
        boot_roots=boot_roots(settings),
        keep_revisions=settings.host.keep_revisions,
        writer=writer,
        speech=speaking.speech(),
        log=speaking.log,
        lanes=lanes(settings.limits),
        vital=vital or speaking.vital(),
        telemetry=telemetry_parts(settings.telemetry, settings.host.state_dir, _boot_id(), wall_ms()),
        broker=broker(settings, tls, speaking.log),
        tls=tls,
        boot_delay_s=boot_delay_s(settings.broker),
        socket=settings.host.socket,
        socket_group=socket_group(settings.host.socket_group),
        listener=listener(settings, floor, judge, speaking.log),
        limits=limits(settings.limits),
        require_signatures=settings.trust.require_signatures,
        keep_jobs_s=settings.limits.keep_jobs_days * 86_400,
        audit_quota=settings.limits.audit_mib * MIB,
        keep_audit_days=settings.limits.audit_days,
        keep_of_consoles=settings.limits.console_kib << 10,
        clock=judge,
        floor=floor,
        lag=lag,
        observer=observer,
    )
