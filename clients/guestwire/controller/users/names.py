"""What users, tokens and keys may be called, and how their secrets look."""

import hashlib
import re
import secrets
from typing import Annotated, Final

from pydantic import StringConstraints

NAME_PATTERN: Final = r"^[a-z][a-z0-9._-]{0,35}$"
UserName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Label = Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
TokenName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
ID_PATTERN: Final = r"^[0-9a-f]{32}$"
TOKEN_PREFIX: Final = "gwt_"  # noqa: S105 - how a token begins: scanners for leaked secrets find them by it
_TOKEN = re.compile(r"gwt_[A-Za-z0-9_-]{43}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_NAME = re.compile(NAME_PATTERN)


def new_id() -> str:
    """An identifier that nobody guesses: 128 random bits, hexadecimal."""
    return secrets.token_hex(16)


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """A new API token."""
    return TOKEN_PREFIX + new_secret()


def digest(secret: str) -> bytes:
    """What is kept of a secret. It has 256 random bits, so that a plain hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_of(secret: str) -> str:
    """What a session's page sends with every change: made of the session's secret, which no other page has."""
    return hashlib.sha256(b"guestwire csrf 1\x00" + secret.encode()).hexdigest()


def is_name(text: str) -> bool:
    """Whether a user may have that name."""
    return _NAME.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Whether it looks like a token: nothing else is looked up."""
    return _TOKEN.fullmatch(text) is not None


def is_secret(text: str) -> bool:
    """Whether it looks like a session's secret."""
    return _SECRET.fullmatch(text) is not None
