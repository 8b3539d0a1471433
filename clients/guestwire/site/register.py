"""Which certificates the issuing CA has issued, for which key of the trust document: what a revocation list is made from.

A certificate counts as long as the Ed25519 key it was issued beside. A line each: serial number, end (Unix ms), id of that
key or `-` for a broker, which has none, and name. A certificate is registered before anybody gets it.
"""

import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from guestwire.model.errors import GuestwireError
from guestwire.site.certificates import describe
from guestwire.site.files import PUBLIC

NO_KEY = "-"


@dataclass(frozen=True, slots=True)
class Registered:
    """A certificate that was issued. `key`: the id of the principal's key, in hexadecimal."""

    serial: int
    not_after: int
    key: str
    name: str


def register(path: Path, chain: bytes, key: str = NO_KEY) -> Registered:
    """Put a new certificate on record, durably, in a file that may not be there yet.

    Raises CERTIFICATE-INVALID, and OSError where the file system refuses.
    """
    leaf = describe(chain)[0]
    row = Registered(int(leaf.serial, 16), leaf.not_after, key, leaf.cn)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PUBLIC)
    with open(descriptor, "r+b") as file:  # noqa: PTH123 - a descriptor
        fcntl.flock(file, fcntl.LOCK_EX)  # a server and a command may issue at the same time
        whole = file.read()
        file.seek(whole.rfind(b"\n") + 1)  # behind the last whole line: a crash may have left a part of one
        file.truncate()
        file.write(f"{row.serial:x} {row.not_after} {row.key} {row.name}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    return row


def registered(path: Path) -> tuple[Registered, ...]:
    """Every certificate on record; none where there is no file. Raises TRUST-INVALID when a line is damaged."""
    try:
        lines = path.read_text("utf-8", "replace").split("\n")[:-1]
    except FileNotFoundError:
        return ()
    return tuple(_parsed(path, number, line) for number, line in enumerate(lines, 1))


def no_longer_good(rows: Iterable[Registered], good: frozenset[str], now_ms: int) -> tuple[Registered, ...]:
    """The certificates to revoke: not over yet, and issued beside a key that is not one of the `good` ones."""
    return tuple(row for row in rows if row.key != NO_KEY and row.key not in good and row.not_after > now_ms)


def _parsed(path: Path, number: int, line: str) -> Registered:
    try:
        serial, not_after, key, name = line.split(" ")
        return Registered(int(serial, 16), int(not_after), key, name)
    except ValueError:
        raise GuestwireError("TRUST-INVALID", f"{path}, line {number} is damaged: restore the file.") from None
