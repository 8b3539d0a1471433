"""Requests that came with an idempotency key, and what they were answered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Row, String, Table, Text, and_, select

from guestwire.controller.store.database import Tx, insert_new
from guestwire.controller.store.metadata import metadata

State = Literal["running", "answered", "lost"]

table = Table(
    "idempotency",
    metadata,
    Column("person_id", String(36), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("method", String(8), nullable=False),
    Column("path", String(512), nullable=False),
    Column("body_hash", LargeBinary(32), nullable=False),
    Column("request_id", String(36), nullable=False),
    Column("state", String(8), nullable=False),
    Column("begun_at", BigInteger, nullable=False, index=True),
    Column("status", Integer),
    Column("headers", Text),
    Column("body", LargeBinary),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A request with a key. `request_id`: the one that the audit rows of its work bear. `lost`: it was carried out, and
    there is no answer to send again."""

    person_id: str
    key: str
    method: str
    path: str
    body_hash: bytes
    request_id: str
    state: State
    begun_at: int
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def same(self, other: "Kept") -> bool:
        """Whether both are one request, sent twice."""
        return (self.method, self.path, self.body_hash) == (other.method, other.path, other.body_hash)


async def begin(tx: Tx, kept: Kept) -> Kept | None:
    """Keep that a request is at work. None: it is the first with its key; else what there is of the one before."""
    row = {name: getattr(kept, name) for name in Kept.__dataclass_fields__} | {"headers": json.dumps(kept.headers)}
    if await insert_new(tx, table, row, ["person_id", "key"]):
        return None
    return await of_key(tx, kept.person_id, kept.key)


async def of_key(tx: Tx, person_id: str, key: str) -> Kept | None:
    """What is kept of a person's key."""
    found = select(table).where(table.c.person_id == person_id, table.c.key == key)
    row = (await tx.execute(found)).first()
    return None if row is None else _kept(row)


async def take_over(tx: Tx, kept: Kept, request_id: str, at: int) -> bool:
    """Begin anew what nobody finished; False: somebody else did so first."""
    which = and_(_its_row(kept), table.c.request_id == kept.request_id, table.c.state == "running")
    return bool((await tx.execute(table.update().where(which).values(request_id=request_id, begun_at=at))).rowcount)


async def answered(tx: Tx, kept: Kept, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
    """Keep the answer, for whoever sends the request again."""
    values = {"state": "answered", "status": status, "headers": json.dumps(list(headers)), "body": body}
    await tx.execute(table.update().where(_its_row(kept)).values(**values))


async def lost(tx: Tx, kept: Kept) -> None:
    """Note that it was carried out, and that there is no answer."""
    await tx.execute(table.update().where(_its_row(kept)).values(state="lost"))


async def forget(tx: Tx, kept: Kept) -> None:
    """Forget a request that did nothing: it may be sent again."""
    await tx.execute(table.delete().where(_its_row(kept)))


async def prune(tx: Tx, before: int) -> int:
    """Forget what was begun before that; how many they were."""
    return (await tx.execute(table.delete().where(table.c.begun_at < before))).rowcount


def _its_row(kept: Kept) -> Any:
    return and_(table.c.person_id == kept.person_id, table.c.key == kept.key)


def _kept(row: Row[Any]) -> Kept:
    values = row._asdict()
    values["headers"] = tuple((name, value) for name, value in json.loads(values["headers"] or "[]"))
    return Kept(**values)
