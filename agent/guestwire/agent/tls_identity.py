"""How a host proves itself to its broker by TLS, and what it believes of the broker there.

The files are read again when they have changed. A host whose clock is not to be trusted leaves the dates of certificates out
of OpenSSL's check, and holds them against its time floor after the handshake (PROTOCOL, Time): a certificate that has run out
by a time that the host has seen is refused at any time of day.
"""

import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from guestwire.agent.audit import Log
from guestwire.agent.certificate_dates import certificates, dates
from guestwire.agent.config import BrokerSection
from guestwire.agent.reread import Reread
from guestwire.agent.secret_files import check_closed
from guestwire.agent.time_floor import TimeFloor
from guestwire.link.transport import PeerCheck
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality

NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for."""


class _Made(NamedTuple):
    context: ssl.SSLContext
    not_before_ms: int


class TlsIdentity:
    """The client certificate and the authorities of one host. Raises CONFIG-INVALID, KEY-FILE-INVALID when its files cannot be
    used at first; later the files that were read before stay in use, and it is said."""

    def __init__(self, section: BrokerSection, floor: TimeFloor, clock: Callable[[], ClockQuality], log: Log) -> None:
        self._section = section
        self._floor = floor
        self._clock = clock
        files = [file for file in (section.ca, section.cert, section.key) if file is not None]
        self._made = Reread(files, self._make, log, "the certificates for the broker")
        floor.seen(self._made.get().not_before_ms)

    def changed(self) -> bool:
        """Whether the files are others than those of the last connection: time to connect again (`Session.reconnect`)."""
        return self._made.changed

    def for_connection(self) -> tuple[ssl.SSLContext, PeerCheck | None]:
        """What the next connection is made with."""
        context, not_before_ms = self._made.get()
        self._floor.seen(not_before_ms)
        if self._clock() == "unsynchronised":
            context.verify_flags |= NO_CHECK_TIME
            return context, not_expired_by(self._floor.ms)
        context.verify_flags &= ~NO_CHECK_TIME
        return context, None

    def _make(self) -> _Made:
        cert, key = self._section.cert, self._section.key
        if key is not None:
            check_closed(key)
        try:
            context = ssl.create_default_context(cafile=self._section.ca)
            not_before_ms = 0
            if cert is not None and key is not None:
                context.load_cert_chain(cert, key, password=_no_password)
                not_before_ms = dates(certificates(cert)[0]).not_before_ms
        except (OSError, ValueError) as err:  # ssl.SSLError is an OSError; ValueError: see _no_password
            raise GuestwireError("CONFIG-INVALID", f"TLS cannot be set up: {err}", field="broker.ca") from err
        return _Made(context, not_before_ms)


def not_expired_by(floor_ms: int) -> PeerCheck:
    """Refuses a peer with a certificate in its verified chain, from its own to the root, that had run out at that time."""

    def check(peer: ssl.SSLObject | ssl.SSLSocket) -> str | None:
        try:
            end_ms = min(dates(der).not_after_ms for der in _verified_chain(peer))
        except (GuestwireError, ValueError):  # ValueError: there is no chain
            return "certificate verify failed: the broker's certificate has no dates"
        if end_ms >= floor_ms:
            return None
        return f"certificate verify failed: the broker's has expired, on {_day(end_ms)}; this host has seen {_day(floor_ms)}"

    return check


def _verified_chain(peer: ssl.SSLObject | ssl.SSLSocket) -> list[bytes]:
    """As DER; the peer's certificate first."""
    if sys.version_info >= (3, 13):
        return peer.get_verified_chain()
    inner: Any = peer._sslobj  # type: ignore[union-attr]  # noqa: SLF001 - before 3.13 it has no public name
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner.get_verified_chain()]


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _no_password() -> str:
    """OpenSSL would ask at the terminal for the password of an encrypted key."""
    raise ValueError("the key is encrypted; the agent has nobody to ask for its password")
