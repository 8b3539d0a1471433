"""How a test broker is to run: the same options for mosquitto and the embedded broker."""

from dataclasses import dataclass
from pathlib import Path

from guestwire.broker_test.errors import BrokerError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate files (PEM) of a TLS listener.

    `require_client_certificate` needs `ca`; the certificate's common name then becomes the user name, which is what
    access lists mean by `%u`.
    """

    cert: Path
    key: Path
    ca: Path | None = None
    crl: Path | None = None
    require_client_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """One port. 0 takes a free one. `anonymous` None means: allowed where no password file is given.

    `passwords` is a file as mosquitto_passwd(1) makes it (the embedded broker reads `$7$` and `$6$` lines); `acl` is a
    mosquitto ACL file. A listener with an access list and no password file trusts the user name it is told, unless it
    requires client certificates: enough for tests.
    """

    port: int = 0
    tls: Tls | None = None
    acl: Path | None = None
    passwords: Path | None = None
    anonymous: bool | None = None

    @property
    def allows_anonymous(self) -> bool:
        """Whether a client without a user name may connect."""
        return self.passwords is None if self.anonymous is None else self.anonymous


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """A whole broker. Sizes in bytes, times in seconds.

    The queue defaults lose nothing when 60,000 QoS 1 messages meet a slow consumer: a session may queue a million
    messages or `max_queued_bytes`, whichever comes first. `persistence` is a folder; with it sessions and retained
    messages survive `restart()` (the embedded broker keeps them in memory and needs no folder's content). `config` is a
    whole mosquitto.conf to run as it is, for mosquitto only: the listeners then say which ports it names, and the other
    options are its own.
    """

    listeners: tuple[Listener, ...] = (Listener(),)
    bind: str = LOOPBACK
    persistence: Path | None = None
    verbose: bool = False
    max_packet_bytes: int = 1 << 20
    max_queued_messages: int = 1_000_000
    max_queued_bytes: int = 256 << 20
    max_inflight: int = 256
    max_clients: int = 2000
    start_timeout_s: float = 10.0
    stop_timeout_s: float = 5.0
    config: Path | None = None

    def checked(self) -> "BrokerOptions":
        """Itself. Raises BrokerError(BROKER-START-FAILED) for options that no test broker may have."""
        if self.bind not in (LOOPBACK, "localhost"):
            raise BrokerError(
                "BROKER-START-FAILED",
                f"a test broker binds {LOOPBACK} only, not {self.bind!r}: it is not for production",
            )
        if not self.listeners:
            raise BrokerError("BROKER-START-FAILED", "a broker needs at least one listener")
        for listener in self.listeners:
            if self.config is not None and not listener.port:
                raise BrokerError("BROKER-START-FAILED", "which ports a configuration names has to be said")
            if not 0 <= listener.port <= 65535:
                raise BrokerError("BROKER-START-FAILED", f"{listener.port} is no port")
            if listener.tls and listener.tls.require_client_certificate and listener.tls.ca is None:
                raise BrokerError("BROKER-START-FAILED", "client certificates can only be required with a CA file")
        return self
