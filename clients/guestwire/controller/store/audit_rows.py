"""The controller's audit log: who asked for what, and what came of it. Rows are added; none is changed, and none is removed but the
oldest ones, once they need not be kept any more (`audit_ends` has where the log begins then).

Every row has the hash of the one before it, so that an altered, missing or inserted row shows (`first_broken`). A row is added
in the transaction of what it tells of (`Database.write`): one cannot be there without the other.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Row, Select, String, Table, Text, delete, func, select

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Tx
from guestwire.controller.store.metadata import metadata
from guestwire.controller.users.person import Person

OK: Final = "ok"
"""The outcome of what was done; of what was refused it is the error's code."""
FIRST: Final = hashlib.sha256(b"guestwire controller audit 1\x00").digest()
"""What the first row follows."""
_DOMAIN: Final = b"guestwire controller audit row 1\x00"
_LONGEST: Final = 256
_PAGE: Final = 1000
_NOTHING: Final[Mapping[int, bytes]] = {}

table = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("person_id", String(36), nullable=False),
    Column("person", String(64), nullable=False),
    Column("token_id", String(36), nullable=False),
    Column("address", String(64), nullable=False),
    Column("request_id", String(36), nullable=False, index=True),
    Column("action", String(64), nullable=False),
    Column("target", String(_LONGEST), nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Index("ix_audit_person_seq", "person", "seq"),
    Index("ix_audit_action_seq", "action", "seq"),
    Index("ix_audit_target_seq", "target", "seq"),
    Index("ix_audit_at", "at"),
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What is to be noted. `person` None: the controller did it by itself. `target`: what it was about, as text ("site/host",
    a job's id, a user's name). `detail`: plain values, without secrets."""

    at: int
    person: Person | None
    action: str
    target: str | HostRef
    outcome: str = OK
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row as it is kept. Empty texts where there was nobody, no token, no address. `detail`: JSON."""

    seq: int
    at: int
    person_id: str
    person: str
    token_id: str
    address: str
    request_id: str
    action: str
    target: str
    outcome: str
    detail: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows. None: whatever it is; `since` is included, `until` is not."""

    person: str | None = None
    action: str | None = None
    target: str | None = None
    since: int | None = None
    until: int | None = None


async def add(tx: Tx, entry: AuditEntry) -> int:
    """Add a row, in a `write` transaction; its number."""
    return await add_all(tx, [entry])


async def add_all(tx: Tx, entries: Iterable[AuditEntry]) -> int:
    """Add rows, in a `write` transaction; the number of the last one."""
    seq, previous = await head(tx)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        seq += 1
        said = _said(seq, entry)
        previous = row_hash(previous, said)
        rows.append({**said, "hash": previous})
    if rows:
        await tx.execute(table.insert(), rows)
    return seq


def _said(seq: int, entry: AuditEntry) -> dict[str, Any]:
    person = entry.person
    return {
        "seq": seq,
        "at": entry.at,
        "person_id": "" if person is None else person.id,
        "person": "controller" if person is None else _clean(person.name, 64),
        "token_id": "" if person is None or person.token is None else person.token.id,
        "address": "" if person is None else _clean(person.asked.address, 64),
        "request_id": "" if person is None else _clean(person.asked.request_id, 36),
        "action": _clean(entry.action, 64),
        "target": _clean(str(entry.target), _LONGEST),
        "outcome": _clean(entry.outcome, 64),
        "detail": json.dumps(dict(entry.detail), separators=(",", ":"), sort_keys=True, default=str),
    }


async def head(tx: Tx) -> tuple[int, bytes]:
    """The number and hash of the last row; 0 and what the first will follow when there is none."""
    last = (await tx.execute(select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1))).first()
    return (0, FIRST) if last is None else (last.seq, last.hash)


async def noted(tx: Tx, request_id: str) -> AuditRow | None:
    """What a request did, if it did anything: its first row that is no refusal."""
    found = select(table).where(table.c.request_id == request_id, table.c.outcome == OK).order_by(table.c.seq).limit(1)
    row = (await tx.execute(found)).first()
    return None if row is None else _row(row)


async def newest(tx: Tx, wanted: Wanted, *, below: int | None, limit: int) -> tuple[AuditRow, ...]:
    """Rows, newest first. `below`: only those with a smaller number."""
    found = _wanted(wanted).order_by(table.c.seq.desc()).limit(limit)
    if below is not None:
        found = found.where(table.c.seq < below)
    return tuple(_row(row) for row in await tx.execute(found))


async def oldest(tx: Tx, wanted: Wanted, *, above: int, limit: int) -> tuple[AuditRow, ...]:
    """Rows, oldest first, with a greater number than `above`."""
    found = _wanted(wanted).where(table.c.seq > above).order_by(table.c.seq).limit(limit)
    return tuple(_row(row) for row in await tx.execute(found))


async def first_broken(
    tx: Tx, seq: int = 0, previous: bytes = FIRST, signed: Mapping[int, bytes] = _NOTHING, *, above: int = 0
) -> int | None:
    """Check the chain of the whole log, which begins after row `seq` with that hash: the number of the first row that is not what it
    should be; None: all are sound. `signed`: the hashes that rows had when somebody signed them. `above`: rows up to that one are
    not looked at."""
    if signed.get(seq, previous) != previous:
        return seq
    async for row in _all(tx, above):
        seq += 1
        if row.seq != seq or row_hash(previous, said(row)) != row.hash or signed.get(seq, row.hash) != row.hash:
            return seq
        previous = row.hash
    return None


async def last_before(tx: Tx, cutoff: int, future: int) -> int:
    """The last row before all that are from `cutoff` to `future` (Unix ms): what a clock that was wrong dated later than that holds up
    nothing. 0: there is none."""
    younger = select(func.min(table.c.seq)).where(table.c.at >= cutoff, table.c.at < future)
    first = (await tx.execute(younger)).scalar_one()
    return (await head(tx))[0] if first is None else first - 1


async def hash_of(tx: Tx, seq: int) -> bytes | None:
    """The hash of a row; None: it is not kept."""
    return (await tx.execute(select(table.c.hash).where(table.c.seq == seq))).scalar_one_or_none()


async def forget(tx: Tx, through: int) -> None:
    """Forget all rows up to that one."""
    await tx.execute(delete(table).where(table.c.seq <= through))


def said(row: AuditRow) -> dict[str, Any]:
    """Everything of a row that its hash is over."""
    return {name: getattr(row, name) for name in AuditRow.__dataclass_fields__ if name != "hash"}


def row_hash(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """The hash of a row that follows `previous`."""
    data = json.dumps(row, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    return hashlib.sha256(_DOMAIN + previous + data).digest()


async def _all(tx: Tx, above: int) -> AsyncIterator[AuditRow]:
    while page := await oldest(tx, Wanted(), above=above, limit=_PAGE):
        for row in page:
            yield row
        above = page[-1].seq


def _wanted(wanted: Wanted) -> Select[Any]:
    found = select(table)
    for name in ("person", "action", "target"):
        value = getattr(wanted, name)
        if value is not None:
            found = found.where(table.c[name] == value)
    if wanted.since is not None:
        found = found.where(table.c.at >= wanted.since)
    if wanted.until is not None:
        found = found.where(table.c.at < wanted.until)
    return found


def _row(row: Row[Any]) -> AuditRow:
    return AuditRow(**row._asdict())


def _clean(text: str, longest: int) -> str:
    """A text that somebody else may have chosen, as both databases take it."""
    text = text.encode("utf-8", "replace").decode().replace("\0", "?")
    return text if len(text) <= longest else text[: longest - 1] + "…"
