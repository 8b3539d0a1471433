"""What a running test broker offers, whichever kind it is."""

from dataclasses import dataclass
from typing import Literal, Protocol

from guestwire.broker_test.log_lines import LogLines

Kind = Literal["mosquitto", "embedded"]


@dataclass(frozen=True, slots=True)
class Address:
    """A port of the broker, in the order of `BrokerOptions.listeners`."""

    host: str
    port: int
    tls: bool


class RunningBroker(Protocol):
    """A broker that is ready. The ports stay the same over `restart()`.

    `port` is the first plain port, or the first port at all when every listener has TLS; `tls_port` the first with TLS.
    """

    @property
    def kind(self) -> Kind: ...

    @property
    def version(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def tls_port(self) -> int | None: ...

    @property
    def addresses(self) -> tuple[Address, ...]: ...

    @property
    def url(self) -> str: ...

    @property
    def pid(self) -> int:
        """The process that serves: mosquitto's, or our own for the embedded broker."""
        ...

    @property
    def log(self) -> LogLines: ...

    async def stop(self) -> None:
        """End it in order (persistent state is saved) within `stop_timeout_s`. Idempotent."""
        ...

    async def kill(self) -> None:
        """End it as a crash would: no DISCONNECT to anybody, nothing saved."""
        ...

    async def restart(self) -> None:
        """Stop if running, then start again on the same ports; returns when ready. Raises BrokerError."""
        ...


def first_port(addresses: tuple[Address, ...]) -> int:
    """The first plain port, else the first port."""
    return next((a.port for a in addresses if not a.tls), addresses[0].port)


def first_tls_port(addresses: tuple[Address, ...]) -> int | None:
    """The first port with TLS, if there is one."""
    return next((a.port for a in addresses if a.tls), None)


def url_of(addresses: tuple[Address, ...]) -> str:
    """`mqtt://HOST:PORT` of the first plain port, else `mqtts://HOST:PORT`."""
    chosen = next((a for a in addresses if not a.tls), addresses[0])
    return f"{'mqtts' if chosen.tls else 'mqtt'}://{chosen.host}:{chosen.port}"
