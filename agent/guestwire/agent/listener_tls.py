"""How a host proves itself to clients that come to its TCP listener, and which certificates it lets in.

The files are read again when they have changed. On a host whose clock is not to be trusted the dates of certificates are held
against its time floor, as towards its broker (`tls_identity`).
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from guestwire.agent.audit import Log
from guestwire.agent.config import BrokerSection, ListenerSection
from guestwire.agent.reread import Reread
from guestwire.agent.secret_files import check_closed
from guestwire.agent.time_floor import TimeFloor
from guestwire.agent.tls_identity import NO_CHECK_TIME, not_expired_by
from guestwire.link.tls_context import server_context
from guestwire.link.transport import PeerCheck
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality


@dataclass(frozen=True, slots=True)
class ListenerFiles:
    """Certificate, key and CA are the broker's where the listener has none of its own."""

    cert: Path
    key: Path
    ca: Path
    crl: Path | None


def listener_files(section: ListenerSection, broker: BrokerSection) -> ListenerFiles:
    """Raises CONFIG-INVALID where one is named nowhere."""
    cert, key = (section.cert, section.key) if section.cert is not None else (broker.cert, broker.key)
    ca = section.ca or broker.ca
    for name, path in (("cert", cert), ("key", key), ("ca", ca)):
        if path is None:
            text = f"listener.{name}: a listener has TLS always: name the file here, or in broker.{name}"
            raise GuestwireError("CONFIG-INVALID", text, field=f"listener.{name}")
    assert cert is not None
    assert key is not None
    assert ca is not None
    return ListenerFiles(cert, key, ca, section.crl)


class ListenerTls:
    """The TLS of one host's listener; call it for that of the next connection. Raises CONFIG-INVALID, KEY-FILE-INVALID when its
    files cannot be used at first; later the files that were read before stay in use, and it is said."""

    def __init__(self, files: ListenerFiles, floor: TimeFloor, clock: Callable[[], ClockQuality], log: Log) -> None:
        self._files = files
        self._floor = floor
        self._clock = clock
        watched = [files.cert, files.key, files.ca, *([files.crl] if files.crl is not None else [])]
        self._made = Reread(watched, self._make, log, "the certificates for the listener")

    def __call__(self) -> tuple[ssl.SSLContext, PeerCheck | None]:
        context = self._made.get()
        if self._clock() == "unsynchronised":
            context.verify_flags |= NO_CHECK_TIME
            return context, not_expired_by(self._floor.ms)
        context.verify_flags &= ~NO_CHECK_TIME
        return context, None

    def _make(self) -> ssl.SSLContext:
        files = self._files
        check_closed(files.key)
        try:
            return server_context(files.cert, files.key, files.ca, files.crl)
        except (OSError, ValueError) as err:  # ssl.SSLError is an OSError; ValueError: an encrypted key
            text = f"TLS of the listener cannot be set up from {files.cert} and {files.ca}: {err}"
            raise GuestwireError("CONFIG-INVALID", text, field="listener.cert") from err
