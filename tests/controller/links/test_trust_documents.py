"""The newest trust documents in the database: revisions only go up, whoever writes, and what waits for the database is not lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from guestwire.controller.links.trust_documents import TrustDocuments
from guestwire.controller.store import trust_documents as store
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.trust_documents import TrustRow
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust import Members, Trust, TrustDocument

ROOT, NEXT = bytes(32), bytes([1] * 32)


def row(rev: int, members: int = 0, roots: int = 1, root: bytes = ROOT) -> TrustRow:
    return TrustRow("plant", root.hex(), roots, rev, members, f"{rev}.{members}.{roots}".encode(), 1)


def trust(rev: int, members: int = 0, roots: tuple[bytes, ...] = (ROOT,)) -> Trust:
    document = TrustDocument(site="plant", rev=rev, issued_at=0, signers=())
    joined = Members(site="plant", rev=members, issued_at=0) if members else None
    return Trust(document, joined, data=f"{rev}.{members}.{len(roots)}".encode(), roots=roots)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (row(2), row(3), True),
        (row(2), row(2), False),
        (row(2), row(1), False),
        (row(2, 5), row(2, 6), True),
        (row(2, 5), row(3, 4), False),
        (row(9), row(1, roots=2), True),
        (row(1, roots=2), row(9), False),
        (row(9), row(1, root=NEXT), True),
    ],
)
async def test_no_revision_goes_back(one_database: Database, before: TrustRow, after: TrustRow, kept: bool) -> None:
    async with one_database.write() as tx:
        assert await store.keep(tx, before)
        assert await store.keep(tx, after) == kept
        newest = {after.document} if kept else {before.document}
        there = set(await store.of_site(tx, "plant"))
        assert newest | ({before.document} if before.root != after.root else set()) == there
        assert await store.of_site(tx, "mill") == []


class Blocked(Database):
    """A database that takes nothing until it is let."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.open = False
        self.read = inner.read  # type: ignore[method-assign]

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        if not self.open:
            raise GuestwireError("DATABASE-UNAVAILABLE")
        async with self.inner.write() as tx:
            yield tx


async def test_what_the_database_does_not_take_waits(one_database: Database) -> None:
    database, troubles = Blocked(one_database), list[GuestwireError]()
    async with TrustDocuments(database, now, troubles.append) as documents:
        for one in (trust(2), trust(3), trust(1), trust(1, roots=(NEXT,)), Trust(trust(9).document)):
            documents.keep(one)
        assert sorted(await documents.of("plant")) == [b"1.0.1", b"3.0.1"], (
            "of each root the newest; none that is no file"
        )
        assert await documents.of("mill") == []
        database.open = True
    async with one_database.read() as tx:
        assert sorted(await store.of_site(tx, "plant")) == [b"1.0.1", b"3.0.1"], "leaving writes what waits"
    assert {error.code for error in troubles} <= {"DATABASE-UNAVAILABLE"}
