"""The audit log: what its operations take and give, what a row is, and the chain of hashes that its rows make.

A row is a msgpack map of plain values (text, numbers, lists of texts); its bytes are hashed as they are kept and sent,
never packed again. Keeping it is the agent's, checking a whole log is audit_chain's. PROTOCOL "Audit".
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from guestwire.model.base import Model
from guestwire.protocol import ids
from guestwire.protocol.operation_models import UpTo53Bits

_DOMAIN: Final = b"guestwire audit 1\x00"
LOG_BYTES: Final = 16
HEAD_KIND: Final = "audit-head"
"""What kind of signed statement says where a log ends."""
LONGEST: Final = 128
"""Characters of a text that somebody else chose, as a row has it."""
_NAMES: Final = ("guest", "guests", "name", "names", "plan_id", "request_id")

Log = Annotated[bytes, Field(min_length=LOG_BYTES, max_length=LOG_BYTES)]
Hash = Annotated[bytes, Field(min_length=32, max_length=32)]
_Word = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]


class AuditQuery(Model):
    """With `after`: rows above that number, oldest first. Without: the newest, below `before` if that is given. `operation`,
    `principal`, `code`: only rows that have them. An answer always has its rows in order."""

    after: UpTo53Bits | None = None
    before: UpTo53Bits | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    operation: _Word | None = None
    principal: _Word | None = None
    code: _Word | None = None


class AuditList(Model):
    """`rows`: the bytes of each row and its hash; `previous`: the hash before the first of them. `oldest`: the first row
    that is kept (one above the head's when none is); `acknowledged`: up to which row a controller has them. `next`: what to
    ask for as `after`, or as `before`, for more. `head`: where the log ends, an `AuditHead` that the host signed."""

    log: Log
    rows: tuple[tuple[bytes, Hash], ...]
    previous: Hash
    oldest: int
    acknowledged: int
    next: int | None = None
    head: bytes


class AuditHead(Model):
    """The last row of a log. `seq` 0: it has none yet, and `hash` is what the first will follow."""

    log: Log
    seq: int
    hash: Hash


class AuditAck(Model):
    """Every row of that log up to `upto` is somewhere safe; the answer says up to which one all are."""

    log: Log
    upto: UpTo53Bits


def first_hash(log: bytes) -> bytes:
    """What the first row of a log follows."""
    return hashlib.sha256(log).digest()


def row_hash(previous: bytes, row: bytes) -> bytes:
    """The hash of a row that follows `previous`."""
    return hashlib.sha256(_DOMAIN + previous + row).digest()


def target(named: Mapping[str, Any]) -> str:
    """What a request is about, by the fields of its body: a guest, an area, a plan; empty where it names nothing."""
    for field in _NAMES:
        match named.get(field):
            case None | () | "":
                continue
            case str(name):
                return clipped(name)
            case bytes(identifier):
                return ids.text(identifier) if len(identifier) == 16 else ""
            case [*several] if all(type(one) is str for one in several):
                return clipped(",".join(several))
            case Mapping() as inner:
                return target(inner)
            case Model() as inner:
                return target(inner.__dict__)
    return ""


def clipped(text: str) -> str:
    """A text that somebody else chose, as long as a row takes it."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
