"""Where the controller's audit log begins, after older rows were pruned, and what its key has signed of where it ended.

The rows themselves are `audit_rows`; whether all of it fits together is `audit.checking`'s matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, delete, select

from guestwire.controller.store import audit_rows
from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata

_ONLY: Final = 1

BEGIN = Table(
    "audit_begin",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("at", BigInteger, nullable=False),
)

ENDS = Table(
    "audit_ends",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("site", String(64), nullable=False),
    Column("principal", String(64), nullable=False),
    Column("frame", LargeBinary, nullable=False),
)


class Begin(NamedTuple):
    """The last row that was pruned, its hash, which the first one that is kept follows, and when (Unix ms). `seq` 0: none was."""

    seq: int
    hash: bytes
    at: int


@dataclass(frozen=True, slots=True)
class SignedEnd:
    """What a controller signed: that the log ended with row `seq` (a statement, `frame`). `principal`: who, by the trust document
    of `site`."""

    seq: int
    at: int
    site: str
    principal: str
    frame: bytes


async def begin(tx: Tx) -> Begin:
    """Where the log begins."""
    row = (await tx.execute(select(BEGIN.c.seq, BEGIN.c.hash, BEGIN.c.at).where(BEGIN.c.id == _ONLY))).one_or_none()
    return Begin(0, audit_rows.FIRST, 0) if row is None else Begin(row.seq, row.hash, row.at)


async def begins(tx: Tx, now: Begin) -> None:
    """The log begins after that row from now on. What was signed of its end before that is forgotten."""
    await upsert(tx, BEGIN, {"id": _ONLY, **now._asdict()}, ("id",))
    await tx.execute(delete(ENDS).where(ENDS.c.seq < now.seq))


async def signed(tx: Tx, end: SignedEnd, keep: int) -> None:
    """Keep a signed end, and of all of them the newest `keep`."""
    values = {name: getattr(end, name) for name in SignedEnd.__dataclass_fields__}
    await upsert(tx, ENDS, values, ("seq",))
    newest = select(ENDS.c.seq).order_by(ENDS.c.seq.desc()).offset(keep).limit(1)
    too_old = (await tx.execute(newest)).scalar_one_or_none()
    if too_old is not None:
        await tx.execute(delete(ENDS).where(ENDS.c.seq <= too_old))


async def ends(tx: Tx) -> Sequence[SignedEnd]:
    """All signed ends that are kept, oldest first."""
    return [SignedEnd(**row._asdict()) for row in await tx.execute(select(ENDS).order_by(ENDS.c.seq))]


async def newest(tx: Tx) -> SignedEnd | None:
    """The one that was signed last."""
    row = (await tx.execute(select(ENDS).order_by(ENDS.c.seq.desc()).limit(1))).one_or_none()
    return None if row is None else SignedEnd(**row._asdict())
