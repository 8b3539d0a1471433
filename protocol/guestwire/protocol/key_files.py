"""Key files as text, both ways. Pure: who reads the file checks its mode with `is_private` and names it in the error.

    guestwire-key 1 private            guestwire-key 1 public
    ed25519 SEED                       ed25519 KEY

SEED and KEY are 32 bytes in hexadecimal. Lines that begin with # are remarks (whose key it is) and decide nothing.
"""

import re

from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import SigningKey, VerifyingKey

MAX_BYTES = 4096

_PRIVATE = "guestwire-key 1 private"
_PUBLIC = "guestwire-key 1 public"
_KEY = re.compile(r"ed25519 ([0-9a-f]{64})", re.ASCII)


def is_private(mode: int) -> bool:
    """Whether a file of this mode (st_mode) is closed to everybody but its owner: a private key's has to be."""
    return mode & 0o077 == 0


def format_private(key: SigningKey, remark: str = "") -> str:
    """The text of a private key's file. `remark` is one line."""
    return _format(_PRIVATE, key.raw, remark)


def format_public(key: VerifyingKey, remark: str = "") -> str:
    """The text of a public key's file. `remark` is one line."""
    return _format(_PUBLIC, key.raw, remark)


def parse_private(text: str) -> SigningKey:
    """The key in a private key's file. Raises KEY-FILE-INVALID; no error ever quotes the text."""
    return SigningKey(_parse(text, _PRIVATE, "private"))


def parse_public(text: str) -> VerifyingKey:
    """The key in a public key's file. Raises KEY-FILE-INVALID."""
    return VerifyingKey(_parse(text, _PUBLIC, "public"))


def _format(magic: str, raw: bytes, remark: str) -> str:
    remarks = f"# {' '.join(remark.split())}\n" if remark else ""
    return f"{magic}\n{remarks}ed25519 {raw.hex()}\n"


def _parse(text: str, magic: str, word: str) -> bytes:
    lines = [line.strip() for line in text.splitlines() if not line.startswith("#")]
    if len(text) > MAX_BYTES or len(lines) != 2 or lines[0] != magic:
        raise GuestwireError("KEY-FILE-INVALID", f"This is not a {word} key file of Guestwire.")
    match = _KEY.fullmatch(lines[1])
    if match is None:
        raise GuestwireError("KEY-FILE-INVALID", f"The {word} key file is damaged: no Ed25519 key is in it.")
    return bytes.fromhex(match[1])
