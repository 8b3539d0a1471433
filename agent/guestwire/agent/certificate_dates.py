"""The certificates of a PEM file, and when one is valid, out of its DER encoding (X.690, RFC 5280 section 4.1.2.5).

Only for certificates that are believed already: the host's own, and chains that OpenSSL has verified. A library for all of
X.509 would take more memory than the rest of TLS does.
"""

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from guestwire.model.errors import GuestwireError

_INTEGER, _UTC_TIME, _GENERALIZED_TIME, _SEQUENCE, _VERSION = 0x02, 0x17, 0x18, 0x30, 0xA0
_PEM = re.compile(f"{ssl.PEM_HEADER}.*?{ssl.PEM_FOOTER}", re.DOTALL)
_CENTURY_TURNS = 50
_FIELDS = ((0, 4), (4, 2), (6, 2), (8, 2), (10, 2), (12, 2))


class Dates(NamedTuple):
    """Both in Unix ms."""

    not_before_ms: int
    not_after_ms: int


def certificates(path: Path) -> list[bytes]:
    """Those of a PEM file as DER, in its order: in a chain the first is its owner's. Raises KEY-FILE-INVALID."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
        found = [ssl.PEM_cert_to_DER_cert(block) for block in _PEM.findall(text)]
    except (OSError, ValueError) as err:
        why = err.strerror if isinstance(err, OSError) else "a certificate in it is damaged"
        raise GuestwireError("KEY-FILE-INVALID", f"{path}: {why}", detail={"file": str(path)}) from err
    if not found:
        raise GuestwireError("KEY-FILE-INVALID", f"{path}: there is no certificate in it", detail={"file": str(path)})
    return found


def dates(der: bytes) -> Dates:
    """Raises KEY-FILE-INVALID when it is no certificate."""
    try:
        rest = _content(_content(der, _SEQUENCE), _SEQUENCE)
        if rest[0] == _VERSION:
            rest = _after(rest)
        for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serial number, signature algorithm, issuer
            _content(rest, tag)
            rest = _after(rest)
        validity = _content(rest, _SEQUENCE)
        return Dates(_time(validity), _time(_after(validity)))
    except (ValueError, IndexError):
        raise GuestwireError("KEY-FILE-INVALID", "This is no certificate.") from None


def _bounds(data: bytes) -> tuple[int, int]:
    """Where the content of the first element begins and ends."""
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("an element that is cut off")
    return start, start + length


def _content(data: bytes, tag: int) -> bytes:
    start, end = _bounds(data)
    if data[0] != tag:
        raise ValueError("another kind of element")
    return data[start:end]


def _after(data: bytes) -> bytes:
    return data[_bounds(data)[1] :]


def _time(data: bytes) -> int:
    start, end = _bounds(data)
    text = data[start:end].decode("ascii")
    if data[0] == _UTC_TIME:
        text = ("20" if int(text[:2]) < _CENTURY_TURNS else "19") + text
    elif data[0] != _GENERALIZED_TIME:
        raise ValueError("no time")
    if len(text) != len("YYYYMMDDHHMMSSZ") or not text.endswith("Z"):
        raise ValueError("no time that RFC 5280 allows")
    year, month, day, hour, minute, second = (int(text[at : at + size]) for at, size in _FIELDS)
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1000
