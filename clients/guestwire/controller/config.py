"""The controller's settings: defaults < TOML file < GUESTWIRE_CONTROLLER_* environment < flags.

One frozen model per section; a service is given its own section and no other. The connections are tables of the file alone,
as a client's contexts are. How they are read is `guestwire.settings`' matter.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from guestwire.protocol.authority_url import address
from guestwire.sdk.contexts import PATH_FIELDS, Context
from guestwire.settings import loading
from guestwire.settings.loading import MergedSettings
from guestwire.settings.section import Level, OptionalPath, Section, Slug, words

DEFAULT_FILE: Final = Path("/etc/guestwire/controller.toml")
DEFAULT_PORT: Final = 5000
"""System Manager's web interface has it (SM 1.4.2)."""


def _checked_address(text: str) -> str:
    address(text, least_port=0)
    return text


class ControllerSection(Section):
    name: Slug = "main"
    """What this controller is called: hosts know it as controller:NAME, and its key is that principal's."""
    state_dir: Path = Path("/var/lib/guestwire-controller")
    """Where the embedded database is, and what a first start leaves for its administrator."""


class DatabaseSection(Section):
    url: str = ""
    """Where everything is kept: postgresql://USER@HOST/NAME, or sqlite:///PATH; several PostgreSQL hosts may be named, separated
    by commas. Empty: an SQLite file in state_dir."""
    password_file: OptionalPath = None
    """A file whose first line is the database's password; readable by the controller alone."""
    connections: Annotated[int, Field(ge=2, le=200)] = 10
    """Connections to PostgreSQL at once."""


class ServeSection(Section):
    listen: Annotated[str, AfterValidator(_checked_address)] = f"127.0.0.1:{DEFAULT_PORT}"
    """Where the API is served: ADDRESS:PORT; port 0: any that is free. Without a certificate it must be an address of this machine alone."""
    cert: OptionalPath = None
    """The certificate for HTTPS (PEM); goes with `key`."""
    key: OptionalPath = None
    """The key of that certificate (PEM); readable by the controller alone."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(words)] = ()
    """Names under which clients may ask for it (the Host header), besides its own address, localhost and the certificate's."""
    behind_proxy: bool = False
    """Whether a proxy on this machine does TLS: then X-Forwarded-For and X-Forwarded-Proto are believed from loopback."""

    @model_validator(mode="after")
    def _pairs(self) -> "ServeSection":
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key go together")
        return self

    @property
    def secure(self) -> bool:
        """Whether clients come by TLS."""
        return self.cert is not None or self.behind_proxy


class UsersSection(Section):
    session_idle_min: Annotated[int, Field(ge=1, le=10_080)] = 60
    """After so many minutes without a request a session ends."""
    session_hours: Annotated[int, Field(ge=1, le=720)] = 12
    """After so many hours a session ends in any case."""
    request_rate: Annotated[float, Field(gt=0)] = 50.0
    """Requests per second of one person or token, after the burst."""
    request_burst: Annotated[float, Field(ge=1)] = 200.0
    """Requests of one person or token at once."""


class AuditSection(Section):
    keep_days: Annotated[int, Field(ge=90, le=3660)] = 400
    """How long rows of the controller's own audit log are kept at least; what is older is taken away, and a row says so."""
    sign_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    """How often the controller signs where its audit log ends, while rows come."""


class TelemetrySection(Section):
    raw_hours: Annotated[int, Field(ge=1, le=24 * 366)] = 48
    """How long samples are kept as they were measured."""
    minutes_days: Annotated[int, Field(ge=1, le=366)] = 14
    """How long their roll-ups by the minute are kept."""
    hours_days: Annotated[int, Field(ge=1, le=3660)] = 400
    """How long their roll-ups by the quarter and by the hour are kept."""
    series_per_host: Annotated[int, Field(ge=100, le=100_000)] = 5_000
    """Series of one host; what is beyond that is refused, and told."""


class JobsSection(Section):
    sending: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Jobs at once that no host has accepted yet, in all."""
    sending_per_host: Annotated[int, Field(ge=1, le=64)] = 4
    """Jobs at once that a host has not accepted yet."""
    review_required: bool = False
    """Whether somebody else must have looked at a plan before it is applied."""


class MetricsSection(Section):
    token_file: OptionalPath = None
    """A file whose first line a scraper of /metrics must bring as its bearer token. None: only this machine may scrape."""


class LogSection(Section):
    level: Level = "info"
    """What is said: this level and above."""


class Connection(Context):
    """A way to a site or to one host: a client's context with a name."""

    name: Slug


class Settings(MergedSettings):
    """Everything. Made by `load`; frozen."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="GUESTWIRE_CONTROLLER_", env_nested_delimiter="_",
        env_nested_max_split=1, hide_input_in_errors=True,
    )  # fmt: skip

    controller: ControllerSection = ControllerSection()
    database: DatabaseSection = DatabaseSection()
    serve: ServeSection = ServeSection()
    users: UsersSection = UsersSection()
    audit: AuditSection = AuditSection()
    telemetry: TelemetrySection = TelemetrySection()
    jobs: JobsSection = JobsSection()
    metrics: MetricsSection = MetricsSection()
    log: LogSection = LogSection()
    connections: tuple[Connection, ...] = ()

    @field_validator("connections", mode="before")
    @classmethod
    def _lists_as_tuples(cls, value: object) -> object:
        """TOML has lists where a context has tuples."""
        if not isinstance(value, list | tuple):
            return value
        return tuple(
            {key: tuple(one) if isinstance(one, list) else one for key, one in item.items()}
            if isinstance(item, Mapping)
            else item
            for item in value
        )

    @model_validator(mode="after")
    def _different_names(self) -> "Settings":
        names = [connection.name for connection in self.connections]
        if len(set(names)) != len(names):
            raise ValueError("connections: two have one name")
        return self

    @property
    def database_url(self) -> str:
        """Where everything is kept."""
        return self.database.url or f"sqlite:///{self.controller.state_dir / 'controller.db'}"


def load(file: Path | None = None, flags: Mapping[str, str] | None = None) -> Settings:
    """The settings, as `loading.load` reads them; paths of connections are relative to the file. Raises CONFIG-INVALID."""
    settings = loading.load(Settings, file, DEFAULT_FILE, flags)
    base = (file or DEFAULT_FILE).absolute().parent
    return settings.model_copy(update={"connections": tuple(_absolute(one, base) for one in settings.connections)})


def _absolute(connection: Connection, base: Path) -> Connection:
    update: dict[str, Any] = {}
    for name in PATH_FIELDS:
        value: str | None = getattr(connection, name)
        if value is not None:
            update[name] = str(base / Path(value).expanduser())
    return connection.model_copy(update=update)
