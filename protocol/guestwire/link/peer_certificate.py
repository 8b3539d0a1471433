"""What a server reads in a client's certificate once TLS has verified it: whose it is, from when till when, what for.

The purpose is read from the DER encoding (X.690; RFC 5280, 4.2.1.12), for Python's ssl does not tell it, and a library for all
of X.509 would take more memory than the rest of TLS does.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

_OID, _OCTETS, _SEQUENCE, _EXTENSIONS = 0x06, 0x04, 0x30, 0xA3
_EXTENDED_KEY_USAGE = bytes.fromhex("551d25")
_CLIENT_AUTH = bytes.fromhex("2b06010505070302")


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """`name` is the common name; empty where there is not exactly one. `for_clients`: it says itself that clients may use
    it, which OpenSSL does not ask of a certificate that says nothing. Times in Unix ms."""

    name: str
    not_before_ms: int
    not_after_ms: int
    for_clients: bool


def peer_certificate(peer: ssl.SSLObject) -> PeerCertificate:
    """That of the client at the other end of a handshake that asked for one, and went well."""
    said = cast("dict[str, Any]", peer.getpeercert())
    names = [value for part in said["subject"] for key, value in part if key == "commonName"]
    return PeerCertificate(
        name=names[0] if len(names) == 1 else "",
        not_before_ms=ssl.cert_time_to_seconds(said["notBefore"]) * 1000,
        not_after_ms=ssl.cert_time_to_seconds(said["notAfter"]) * 1000,
        for_clients=is_for_clients(peer.getpeercert(binary_form=True) or b""),
    )


def is_for_clients(der: bytes) -> bool:
    """Whether a certificate names TLS clients among its purposes. False for bytes that are no certificate."""
    try:
        [(_, certificate)] = _elements(der)
        to_be_signed = next(_elements(certificate))[1]
        for tag, content in _elements(to_be_signed):
            if tag == _EXTENSIONS:
                return _CLIENT_AUTH in _purposes(next(_elements(content))[1])
    except (ValueError, IndexError, StopIteration):
        pass
    return False


def _purposes(extensions: bytes) -> list[bytes]:
    for _, extension in _elements(extensions):
        (kind, name), *rest = _elements(extension)
        if (kind, name) == (_OID, _EXTENDED_KEY_USAGE):
            tag, value = rest[-1]
            outer, purposes = next(_elements(value))
            if (tag, outer) != (_OCTETS, _SEQUENCE):
                raise ValueError("another kind of element")
            return [purpose for _, purpose in _elements(purposes)]
    return []


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element of a DER encoding."""
    at = 0
    while at < len(data):
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[at + 2 : start], "big")
        at = start + length
        if at > len(data):
            raise ValueError("an element that is cut off")
        yield tag, data[start:at]
