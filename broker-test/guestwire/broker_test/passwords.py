"""Password files as mosquitto_passwd(1) writes them: `user:$7$ITERATIONS$SALT$HASH` and `user:$6$SALT$HASH`."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from guestwire.broker_test.errors import BrokerError


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """SHA-512 of password and salt, or PBKDF2 of it when there are iterations."""

    iterations: int
    salt: bytes
    digest: bytes

    def fits(self, password: bytes) -> bool:
        """Whether this is the password."""
        if self.iterations:
            made = hashlib.pbkdf2_hmac("sha512", password, self.salt, self.iterations, len(self.digest))
        else:
            made = hashlib.sha512(password + self.salt).digest()
        return hmac.compare_digest(made, self.digest)


def parse_passwords(lines: Iterable[str]) -> dict[str, PasswordHash]:
    """User name to hash. Raises BrokerError(BROKER-START-FAILED) naming the bad line."""
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            user, _, text = line.strip().partition(":")
            _, kind, *middle, salt, digest = text.split("$")
            iterations = int(middle[0]) if kind == "7" else 0
            if kind not in ("6", "7") or not user:
                raise ValueError
            found[user] = PasswordHash(iterations, _decoded(salt), _decoded(digest))
        except (ValueError, IndexError, binascii.Error) as err:
            raise BrokerError("BROKER-START-FAILED", f"password file, line {number}: not a $6$ or $7$ entry") from err
    return found


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def read_passwords(path: Path) -> dict[str, PasswordHash]:
    """Parse a password file. Raises BrokerError(BROKER-START-FAILED)."""
    try:
        return parse_passwords(path.read_text(encoding="utf-8").splitlines())
    except OSError as err:
        raise BrokerError("BROKER-START-FAILED", f"cannot read the password file: {err}") from err
