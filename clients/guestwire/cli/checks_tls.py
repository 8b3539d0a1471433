"""Doctor: TCP and TLS to a broker or a host, and what the peer says of this client's certificate, in its own word: the alert.

With TLS 1.3 a server looks at the client's certificate when the handshake is over for the client, so that its alert comes
with the first read. `Probe.last_word` reads it, when there is a reason to.
"""

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from guestwire.cli.findings import Finding
from guestwire.link.transport import Options

STEP_S = 3.0
"""How long each of TCP, the handshake and the alert after it may take."""

_OURS = "Does the peer want a client certificate of its own CA (certificate, certificate_key)? Is this a TLS port?"
_PEERS = "Is `ca` of the context the CA of the peer's certificate, and the peer's name in it? Are the clocks right?"
REMEDIES: Mapping[str, str] = {
    "certificate required": "Set `certificate` and `certificate_key` in the context.",
    "handshake failure": "Set `certificate` and `certificate_key` in the context: the peer seems to want a certificate.",
    "certificate expired": (
        "See the findings `certificate dates` and `ca dates`. If they are well: the peer's clock, or its revocation list "
        "has run out (`guestwire site broker-config` writes a new one)."
    ),
    "bad certificate": "The certificate is not valid yet by the peer's clock, or damaged: check both clocks, then the file.",
    "unknown ca": (
        "The peer knows another CA: the certificate has to be issued by the site's, and the peer's CA file (cafile) to "
        "be the site's tls/ca.crt."
    ),
    "certificate revoked": "This certificate was withdrawn: have a new one issued, and ask why.",
    "unsupported certificate": "The certificate is for another purpose: a client needs one for TLS clients (clientAuth).",
    "decrypt error": "The key and the certificate do not fit, or the CA's certificate is another one of the same name.",
    "protocol version": "The peer speaks no TLS version that is safe: it needs 1.2 at least.",
    "unrecognized name": "The peer does not go by that name: use the name in its certificate.",
}
"""What to do, by the alert's name (RFC 8446, 6.2)."""


def alert_name(err: ssl.SSLError) -> str | None:
    """The alert that the peer sent, as the standard calls it; None where it sent none."""
    _, found, name = (err.reason or "").partition("_ALERT_")
    if not found and err.reason and "TLSV1_UNRECOGNIZED_NAME" in err.reason:
        return "unrecognized name"
    return name.replace("_", " ").lower() if found else None


@dataclass(slots=True)
class Probe:
    """A connection that was tried. `findings`: of each step. `peer`: the address that was reached, None when none was.
    `secured` is open until `close`."""

    where: str
    findings: list[Finding] = field(default_factory=list)
    peer: str | None = None
    secured: ssl.SSLSocket | None = None

    @property
    def reached(self) -> bool:
        """Nothing has failed so far."""
        return self.peer is not None and all(finding.level != "fail" for finding in self.findings)

    def last_word(self) -> Finding | None:
        """Why the peer ended the connection after the handshake; None where it did not. Blocking; at most STEP_S."""
        if self.secured is None:
            return None
        try:
            self.secured.settimeout(STEP_S)
            if self.secured.recv(1):
                return None
        except TimeoutError:
            return None
        except ssl.SSLError as err:
            return _refused(self.where, err)
        except OSError as err:
            return Finding("tls", "fail", f"{self.where}: {err.strerror or err}, after the handshake", _OURS)
        return Finding("tls", "fail", f"{self.where}: closed after the handshake, without an alert", _OURS)

    def close(self) -> None:
        if self.secured is not None:
            self.secured.close()


def dial(where: str, options: Options) -> Probe:
    """TCP, then TLS where there is TLS. Blocking; each step has STEP_S."""
    probe = Probe(where)
    began = time.perf_counter()
    try:
        raw = socket.create_connection((options.host, options.port), STEP_S)
    except OSError as err:
        why = "no answer in time" if isinstance(err, TimeoutError) else err.strerror or err
        remedy = "Check the address, the port and the firewalls between. Does it run?"
        probe.findings.append(Finding("tcp", "fail", f"{where}: {why}", remedy))
        return probe
    probe.peer = str(raw.getpeername()[0])
    took = (time.perf_counter() - began) * 1000
    probe.findings.append(Finding("tcp", "ok", f"{where}: connected to {probe.peer} in {took:.1f} ms"))
    if options.tls is None:
        raw.close()
    else:
        _handshake(probe, options, options.tls, raw)
    return probe


def _handshake(probe: Probe, options: Options, context: ssl.SSLContext, raw: socket.socket) -> None:
    where = probe.where
    try:
        raw.settimeout(STEP_S)
        probe.secured = context.wrap_socket(raw, server_hostname=options.tls_server_name)
    except ssl.SSLError as err:
        probe.findings.append(_refused(where, err))
    except OSError as err:
        why = "no answer in time" if isinstance(err, TimeoutError) else err.strerror or err
        probe.findings.append(Finding("tls", "fail", f"{where}: {why}, in the handshake", _OURS))
    else:
        cipher = probe.secured.cipher()
        text = f"{where}: {probe.secured.version()}, {cipher[0] if cipher else '?'}"
        probe.findings.append(Finding("tls", "ok", text))
        return
    raw.close()


def _refused(where: str, err: ssl.SSLError) -> Finding:
    if isinstance(err, ssl.SSLCertVerificationError):
        return Finding("tls", "fail", f"{where}: the peer's certificate: {err.verify_message}", _PEERS)
    if (alert := alert_name(err)) is not None:
        return Finding("tls", "fail", f"{where}: alert `{alert}`", REMEDIES.get(alert, _OURS))
    words = (err.reason or str(err)).replace("_", " ").lower()
    return Finding("tls", "fail", f"{where}: {words}", _OURS)
