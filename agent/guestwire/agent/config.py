"""The agent's settings: defaults < TOML file < GUESTWIRE_* environment < flags.

One frozen model per section; a component is given its own section and no other. An unknown key is an error that names
it. How they are read is `guestwire.settings`' matter.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from guestwire.link.broker_url import BrokerAddress, broker_address
from guestwire.link.host_port import host_port
from guestwire.protocol.authority_url import authority_address
from guestwire.protocol.telemetry import TIERS, Tier
from guestwire.settings import loading
from guestwire.settings.loading import MergedSettings
from guestwire.settings.section import Level, OptionalPath, Section, Slug, empty_is_none, words

DEFAULT_FILE: Final = Path("/etc/guestwire/agent.toml")


def _checked_url(url: str) -> str:
    broker_address(url)
    return url


def _checked_address(text: str) -> str:
    if text:
        host_port(text)
    return text


def _checked_authority(url: str) -> str:
    if url:
        authority_address(url)
    return url


BrokerUrl = Annotated[str, AfterValidator(_checked_url)]


class HostSection(Section):
    id: Slug
    """The host's id: its user name at the broker, and how its MQTT session's name begins. Unique there, never changed."""
    site: Slug
    """The site the host belongs to."""
    label: Annotated[str, Field(max_length=128)] = ""
    """A name for people."""
    driver: Literal["libvirt", "simulated"] = "libvirt"
    """Which guests: those of libvirt, or simulated ones."""
    state_dir: Path = Path("/var/lib/guestwire")
    """Where the journal, the messages and the log are kept."""
    socket: OptionalPath = Path("/run/guestwire/agent.sock")
    """The Unix socket for local clients; empty for none."""
    socket_group: str = ""
    """The group that may open the socket; empty for the agent's own."""
    disk_roots: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(words)] = (
        Path("/var/lib/libvirt/images"),
        Path("/var/lib/guestwire/images"),
    )
    """Folders that disk images of guests may be in; new ones go into the first."""
    share_roots: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(words)] = (Path("/var/lib/guestwire/shares"),)
    """Folders that guests may be given folders of, to mount."""
    boot_roots: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(words)] = (
        Path("/var/lib/libvirt/images"),
        Path("/var/lib/libvirt/boot"),
        Path("/var/lib/guestwire/images"),
        Path("/boot"),
        Path("/usr/share"),
    )
    """Folders that kernels and initrds of guests may be in."""
    template_dir: Path = Path("/etc/guestwire/templates")
    """Folders whose files come into the folders of new guests, as their templates say."""
    keep_revisions: Annotated[int, Field(ge=2, le=10_000)] = 50
    """How many configurations are kept to go back to."""
    clock: Literal["auto", "trusted"] = "auto"
    """auto: ask the kernel whether the clock is synchronised; trusted: take it that it is, unless it is before a time that the
    host has seen. A host whose clock is not makes clients prove that a command is new."""


class BrokerSection(Section):
    urls: Annotated[tuple[BrokerUrl, ...], NoDecode, BeforeValidator(words)] = ()
    """Brokers to try in turn, mqtt://HOST:PORT or mqtts://HOST:PORT; none: the host is reached by its socket only."""
    transport: Literal["auto", "mqtt5", "aiomqtt"] = "auto"
    """auto: MQTT 5 by our own transport, 3.1.1 by aiomqtt where the broker knows no more."""
    keep_alive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    """MQTT keep alive."""
    session_expiry_s: Annotated[int, Field(ge=0, le=30 * 86_400)] = 72 * 3600
    """How long the broker keeps the host's session while it is away."""
    connect_timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    """How long one attempt to connect may take."""
    boot_delay_s: Annotated[float, Field(ge=0, le=600)] = 5.0
    """The first connection is made after a random time up to this: a fleet that boots at once does not come at once."""
    ca: OptionalPath = None
    """The CA certificate that mqtts brokers are checked against (PEM); none: the system's."""
    cert: OptionalPath = None
    """The host's client certificate (PEM); goes with `key`."""
    key: OptionalPath = None
    """The key of the client certificate (PEM); readable by the agent alone."""
    username: Annotated[str | None, BeforeValidator(empty_is_none)] = None
    """User name, where the broker wants one; it should be the host's id."""
    password_file: OptionalPath = None
    """A file whose first line is the password; readable by the agent alone."""

    @model_validator(mode="after")
    def _pairs(self) -> "BrokerSection":
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key go together")
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs username")
        return self

    @property
    def addresses(self) -> tuple[BrokerAddress, ...]:
        return tuple(broker_address(url) for url in self.urls)


class TrustSection(Section):
    document: Path = Path("/etc/guestwire/trust")
    """The site's trust document."""
    root_key: Path = Path("/etc/guestwire/root.pub")
    """The public key of the site's root, which the document is checked against."""
    host_key: Path = Path("/etc/guestwire/host.key")
    """The host's own private key; readable by the agent alone."""
    authority: Annotated[str, AfterValidator(_checked_authority)] = ""
    """Where the host renews its certificate, https://HOST:PORT of `guestwire site serve`; empty: somebody else renews it."""
    require_signatures: Literal["effects", "all"] = "effects"
    """effects: reads may come unsigned where the broker authenticates clients; all: nothing may."""


class LimitsSection(Section):
    queued: Annotated[int, Field(ge=0, le=10_000)] = 64
    """Commands that may wait for their lane; one more is BUSY."""
    running: Annotated[int, Field(ge=1, le=1_000)] = 4
    """Commands that run at once."""
    reads: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Reads that are answered at once."""
    issuer_rate: Annotated[float, Field(gt=0)] = 20.0
    """Commands per second that one issuer may ask for, after its burst."""
    issuer_burst: Annotated[float, Field(ge=1)] = 64.0
    """Commands that one issuer may ask for at once."""
    failure_rate: Annotated[float, Field(gt=0)] = 1.0
    """Refused messages per second that one client is answered for."""
    failure_burst: Annotated[float, Field(ge=1)] = 20.0
    """Refused messages that one client is answered for at once."""
    journal_group: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Journal entries in one commit at most; 1: a commit for each."""
    journal_queue: Annotated[int, Field(ge=1, le=1_000_000)] = 8192
    """Journal entries that may wait for a commit; one more is BUSY."""
    keep_jobs_days: Annotated[float, Field(gt=0, le=3650)] = 7.0
    """How long finished jobs are kept after their request expired."""
    audit_mib: Annotated[int, Field(ge=1, le=65_536)] = 64
    """How large the audit log may grow; a full one drops its oldest rows and says so."""
    audit_days: Annotated[float, Field(gt=0, le=36_500)] = 30.0
    """How long rows of the audit log are kept that a controller has acknowledged."""
    console_kib: Annotated[int, Field(ge=0, le=16_384)] = 256
    """How much of what each guest wrote to its console last is kept, in memory; 0: nothing, and consoles are left to others."""


class LogSection(Section):
    level: Level = "info"
    """What is said: this level and above."""
    file_bytes: Annotated[int, Field(ge=4096, le=1 << 30)] = 4 << 20
    """Size of one log file below state_dir; the oldest is dropped when all are full."""
    files: Annotated[int, Field(ge=2, le=100)] = 4
    """How many log files."""
    messages: Annotated[int, Field(ge=16, le=100_000)] = 2000
    """How many messages `message-list` can look back on."""


class LibvirtSection(Section):
    uri: str = "qemu:///system"
    """The libvirt connection."""
    hypervisor_type: Literal["auto", "qemu", "kvm"] = "auto"
    """auto: KVM where a test boot proves it works, else emulation."""


class SimulatedSection(Section):
    machine: str = "4-core"
    """Which machine it is: 4-core, 16-core-pe, 64-thread-4-node, bios-8-cpu, bios-4-cpu."""
    guests: Annotated[int, Field(ge=0, le=1000)] = 2
    """Guests to begin with, when its state is empty."""
    boot_s: Annotated[float, Field(ge=0, le=3600)] = 1.5
    """How long a guest takes to come up."""
    shutdown_s: Annotated[float, Field(ge=0, le=3600)] = 0.5
    """How long a guest takes to shut down."""
    guest_agent: bool = True
    """Whether the guests run a guest agent."""


class ListenerSection(Section):
    address: Annotated[str, AfterValidator(_checked_address)] = ""
    """Where clients may connect without a broker, by TLS and with a certificate of the site: HOST:PORT, [IPV6]:PORT, or :PORT for
    every address of the host; port 6000 where none is named. Empty: nowhere."""
    cert: OptionalPath = None
    """The host's certificate for TLS servers (PEM), its id among the DNS names; goes with `key`. None: that of the broker
    section."""
    key: OptionalPath = None
    """The key of that certificate (PEM); readable by the agent alone."""
    ca: OptionalPath = None
    """The CA certificate that clients are checked against (PEM). None: that of the broker section."""
    crl: OptionalPath = None
    """A list of revoked certificates (PEM), signed by the CA that issued them; read again when it is replaced. None: only the
    trust document says who is let in no more."""
    max_connections: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Connections at once."""
    max_of_one_client: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Connections of one client at once."""
    handshake_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long a connection may take until TLS stands."""
    first_frame_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    """How long a client may then take to ask for anything."""
    frame_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    """How long the rest of a message may take."""
    idle_s: Annotated[float, Field(ge=30, le=86_400)] = 120.0
    """A client that is silent for so long is cut off; the clients of Guestwire say something every 20 s."""

    @model_validator(mode="after")
    def _pairs(self) -> "ListenerSection":
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key go together")
        return self


class TelemetrySection(Section):
    tiers: Annotated[tuple[Tier, ...], NoDecode, BeforeValidator(words)] = TIERS
    """What is measured: fast (every second), normal, slow; empty: nothing is."""
    fast_s: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    """How often the tier fast is measured."""
    normal_s: Annotated[float, Field(ge=1, le=600)] = 10.0
    """How often the tier normal is measured."""
    slow_s: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """How often the tier slow is measured."""
    metrics: Annotated[tuple[str, ...], NoDecode, BeforeValidator(words)] = ("*",)
    """The metrics that are measured, by name; * stands for anything."""
    without: Annotated[tuple[str, ...], NoDecode, BeforeValidator(words)] = ()
    """Of these, the metrics that are not measured."""
    series: Annotated[int, Field(ge=100, le=100_000)] = 4000
    """How many series the host may have; what comes beyond that is not measured."""
    live_s: Annotated[float, Field(ge=0, le=60)] = 1.0
    """How long a value waits for others of its batch while a controller is there."""
    idle_s: Annotated[float, Field(ge=0, le=600)] = 10.0
    """How long it waits while none is there."""
    metric_mib: Annotated[int, Field(ge=1, le=65_536)] = 64
    """How much of state_dir metrics may take that no controller has yet. Nearly full, they are made coarser; full, the oldest go."""
    notice_mib: Annotated[int, Field(ge=1, le=65_536)] = 8
    """How much notices of guests, communication and configuration may take."""
    alarm_mib: Annotated[int, Field(ge=1, le=65_536)] = 4
    """How much alarms may take."""
    audit_mib: Annotated[int, Field(ge=1, le=65_536)] = 8
    """How much audit notices may take; the audit log itself has a place of its own."""
    link_kbit_s: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    """How fast the link to the broker is. What was left behind takes three tenths of it, so that what is new always finds room. 0:
    as fast as the broker confirms."""


class CommSection(Section):
    dir: OptionalPath = None
    """Where the sockets of guestwire-comm are; empty: this host has no communication services."""


class Settings(MergedSettings):
    """Everything. Made by `load`; frozen."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="GUESTWIRE_", env_nested_delimiter="_", env_nested_max_split=1,
        hide_input_in_errors=True,
    )  # fmt: skip

    host: HostSection
    broker: BrokerSection = BrokerSection()
    trust: TrustSection = TrustSection()
    limits: LimitsSection = LimitsSection()
    log: LogSection = LogSection()
    libvirt: LibvirtSection = LibvirtSection()
    simulated: SimulatedSection = SimulatedSection()
    comm: CommSection = CommSection()
    listener: ListenerSection = ListenerSection()
    telemetry: TelemetrySection = TelemetrySection()


def load(file: Path | None = None, flags: Mapping[str, str] | None = None) -> Settings:
    """The settings, as `loading.load` reads them. Raises CONFIG-INVALID."""
    return loading.load(Settings, file, DEFAULT_FILE, flags)
