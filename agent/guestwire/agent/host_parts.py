"""What a host is composed of, as values: `compose` makes them from the settings, `host_agent` makes a host of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from guestwire.agent.audit import Log
from guestwire.agent.audit_schema import QUOTA
from guestwire.agent.clock_quality import clock_quality
from guestwire.agent.clock_skew import ClockSkew
from guestwire.agent.journal_schema import Observer
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.lane_gate import LaneGate
from guestwire.agent.services.ports import Drivers
from guestwire.agent.speech import Speech
from guestwire.agent.tcp_listener import ListenerParts
from guestwire.agent.telemetry.loop_lag import LoopLag
from guestwire.agent.telemetry.wiring import TelemetryParts
from guestwire.agent.time_floor import TimeFloor
from guestwire.agent.tls_identity import TlsIdentity
from guestwire.link.transport import Connect, Options
from guestwire.link.vital import Vital
from guestwire.model.host import ClockQuality
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Limits
from guestwire.protocol.trust import Trust


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """Who this host is and by which keys it speaks and believes."""

    site: str
    host: str
    label: str
    key: SigningKey
    trust: Trust
    version: str


@dataclass(frozen=True, slots=True)
class HostParts:
    """What a host is composed of. `kept_trust`: where a trust document is kept that was taken up; `folders`: where the folders of its guests are, `templates`: what is copied into new ones;
    `disk_roots`, `share_roots`, `boot_roots`: see `FactsReader`. `broker`: how to connect, None for a host with a socket
    only; `socket`: its path, None for none. `clock`: how to judge the wall clock, by `floor` too, which is raised here.
    `skew`: how far it is off. `tls` tells when certificates were replaced. `vital` watches what must not end.
    `observer` is told every step of the journal. `keep_of_consoles`: see `GuestService`. `telemetry`: what is measured and kept; `lag`: that of the process, entered by
    who made it, None: this host measures it for itself."""

    identity: HostIdentity
    drivers: Drivers
    journal: Path
    kept_trust: Path
    folders: Path
    templates: Path
    writer: JournalWriter
    speech: Speech
    log: Log
    lanes: LaneGate
    vital: Vital
    telemetry: TelemetryParts
    broker: tuple[Callable[[], Options], Connect] | None = None
    boot_delay_s: float = 0.0
    socket: Path | None = None
    socket_group: int = -1
    listener: ListenerParts | None = None
    disk_roots: tuple[str, ...] = ()
    share_roots: tuple[str, ...] | None = None
    boot_roots: tuple[str, ...] | None = None
    keep_revisions: int = 50
    limits: Limits = field(default_factory=Limits)
    require_signatures: str = "effects"
    keep_jobs_s: float = 7 * 86_400.0
    audit_quota: int = QUOTA
    keep_audit_days: float = 30.0
    keep_of_consoles: int = 256 << 10
    clock: Callable[[], ClockQuality] = clock_quality
    floor: TimeFloor = field(default_factory=TimeFloor)
    skew: ClockSkew = field(default_factory=ClockSkew)
    tls: TlsIdentity | None = None
    lag: LoopLag | None = None
    observer: Observer | None = None
