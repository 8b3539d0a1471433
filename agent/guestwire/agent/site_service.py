"""Asks the site's service, over HTTPS, with nothing but the standard library. For short-lived processes: it blocks."""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from guestwire.model.errors import BY_CODE, GuestwireError
from guestwire.protocol.enrolment import Refusal, fingerprint

CONNECT_S = 15.0
DEADLINE_S = 60.0
MAX_ANSWER_BYTES = 4 << 20
NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for."""

CheckPeer = Callable[[bytes], None]
"""Looks at the peer's certificate (DER) before anything is sent; raises what it is refused with."""


def pinned(wanted: bytes) -> tuple[ssl.SSLContext, CheckPeer]:
    """How to connect to whoever has the key of that fingerprint, whatever its certificate says, and whatever the time is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def check(certificate: bytes) -> None:
        public = x509.load_der_x509_certificate(certificate).public_key()
        if fingerprint(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)) != wanted:
            raise GuestwireError(
                "ENROLMENT-PEER-FALSE",
                "Who answers has not the key that the code names: the address is wrong, or somebody is in between."
                " Nothing was told to it.",
            )

    return context, check


def of_site(ca: str, *, dates: bool) -> tuple[ssl.SSLContext, CheckPeer]:
    """How to connect to whom the site's CA (PEM) vouches for, by name. `dates` False: the clock is not to be trusted. Raises
    CERTIFICATE-INVALID."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError) as err:
        raise GuestwireError("CERTIFICATE-INVALID", "The certificates of the site's CA cannot be read.") from err
    if not dates:
        context.verify_flags |= NO_CHECK_TIME
    return context, lambda _certificate: None


def ask(
    address: tuple[str, int], path: str, body: bytes, context: ssl.SSLContext, check: CheckPeer, deadline_s: float = DEADLINE_S
) -> bytes:  # fmt: skip
    """POST a request and give the answer, within `deadline_s`. Raises what the service refuses it with, ENROLMENT-UNREACHABLE when there is no
    answer, ENROLMENT-PEER-FALSE when somebody else answers."""
    where = f"{address[0]}:{address[1]}"
    try:
        with ExitStack() as stack:
            plain = stack.enter_context(socket.create_connection(address, CONNECT_S))
            _cut_after(stack, plain, deadline_s)
            tls = stack.enter_context(context.wrap_socket(plain, server_hostname=address[0]))
            check(tls.getpeercert(binary_form=True) or b"")
            status, answer = _exchanged(tls, address, path, body)
    except ssl.SSLCertVerificationError as err:
        raise GuestwireError("ENROLMENT-PEER-FALSE", f"{where}: {err.verify_message}.") from err
    except (OSError, http.client.HTTPException) as err:
        why = err.strerror if isinstance(err, OSError) and err.strerror else str(err) or type(err).__name__
        raise GuestwireError("ENROLMENT-UNREACHABLE", f"{where}: {why}.") from err
    if status != http.client.OK:
        raise _refusal(where, status, answer)
    if len(answer) > MAX_ANSWER_BYTES:
        raise GuestwireError("ENROLMENT-PEER-FALSE", f"{where}: its answer is larger than any that is meant.")
    return answer


def _exchanged(tls: ssl.SSLSocket, address: tuple[str, int], path: str, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*address)
    connection.sock = tls
    connection.request("POST", path, body, {"Content-Type": "application/json", "Connection": "close"})
    with connection.getresponse() as response:
        answer = response.read(MAX_ANSWER_BYTES + 1)
        if len(answer) <= MAX_ANSWER_BYTES and response.length:
            raise http.client.IncompleteRead(answer[:0], response.length)
        return response.status, answer


def _cut_after(stack: ExitStack, connection: socket.socket, seconds: float) -> None:
    """End a connection under whoever waits for it, in TLS or above it: no single wait need be long for all to be."""
    line = stack.enter_context(connection.dup())  # TLS takes the socket over, and not what it stands on
    over = threading.Timer(seconds, _cut, (line,))
    over.daemon = True
    over.start()
    stack.callback(over.cancel)


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _refusal(where: str, status: int, answer: bytes) -> GuestwireError:
    try:
        refusal = Refusal.model_validate_json(answer)
    except ValidationError:
        return GuestwireError(
            "ENROLMENT-UNREACHABLE", f"{where}: HTTP {status}: no service of a site, or one in trouble."
        )
    if refusal.code not in BY_CODE:
        return GuestwireError("ENROLMENT-REFUSED", f"{refusal.code[:64]}: {refusal.message[:1000]}")
    return GuestwireError(refusal.code, refusal.message[:1000], after_ms=refusal.after_ms)
