"""Identifiers on the wire: request ids (UUIDv7, RFC 9562 section 5.7) and the slugs of topic levels."""

import re
from secrets import token_bytes

_48_BITS = (1 << 48) - 1
_SLUG = re.compile(r"[a-z0-9-]{1,36}")
_HEX_ID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def request_id(wall_ms: int) -> bytes:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits. The time in it is what a host compares with
    the birth of its journal, so every retry keeps it."""
    random = token_bytes(10)
    version, variant = 0x70 | random[0] & 0x0F, 0x80 | random[2] & 0x3F
    return b"%b%c%c%c%b" % ((wall_ms & _48_BITS).to_bytes(6), version, random[1], variant, random[3:])


def issued_ms(identifier: bytes) -> int:
    """The Unix milliseconds in a UUIDv7."""
    return int.from_bytes(identifier[:6], "big")


def is_request_id(identifier: bytes) -> bool:
    """Whether these are the 16 bytes of a UUIDv7."""
    return len(identifier) == 16 and identifier[6] >> 4 == 7 and identifier[8] >> 6 == 0b10


def text(identifier: bytes) -> str:
    """The usual 8-4-4-4-12 form."""
    h = identifier.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def from_text(form: str) -> bytes | None:
    """The 16 bytes of an 8-4-4-4-12 form (or of 32 hexadecimal digits); None when it is neither."""
    return bytes.fromhex(form.replace("-", "")) if _HEX_ID.fullmatch(form) else None


def is_slug(level: str) -> bool:
    """Whether this may be a topic level of ours: 1 to 36 of a-z 0-9 and hyphen (PROTOCOL rule 3)."""
    return _SLUG.fullmatch(level) is not None
