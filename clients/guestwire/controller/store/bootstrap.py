"""The one-time token with which the first administrator is made, where there is no user yet."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, select

from guestwire.controller.store.database import Tx, upsert
from guestwire.controller.store.metadata import metadata

table = Table(
    "bootstrap",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)


async def put(tx: Tx, digest: bytes, expires_at: int) -> None:
    """Keep the token's hash; one before it counts no more."""
    await upsert(tx, table, {"one": 1, "hash": digest, "expires_at": expires_at}, ["one"])


async def current(tx: Tx, now: int) -> bytes | None:
    """The hash of the token that counts."""
    found = select(table.c.hash).where(table.c.one == 1, table.c.expires_at > now)
    return (await tx.execute(found)).scalar_one_or_none()


async def clear(tx: Tx) -> None:
    """No token counts any more."""
    await tx.execute(table.delete())
