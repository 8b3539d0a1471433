"""The controller's own audit log: its chain, and reading it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from api_world import World, api_world
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from guestwire.controller.audit.log import AuditLog
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import audit_rows
from guestwire.controller.store.audit_rows import AuditEntry, AuditRow, Wanted, row_hash, said
from guestwire.controller.store.database import Database
from guestwire.controller.users.access import Access, NoGroups
from guestwire.controller.users.person import Asked, Binding, Person, TokenUse
from guestwire.model.errors import GuestwireError

ANNA = Person("id-anna", "anna", (Binding("admin", "*"),), TokenUse("token-1", "t"), Asked("192.0.2.1", "request-1"))


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with api_world(database) as made:
        yield made


async def fill(database: Database, count: int) -> None:
    async with database.write() as tx:
        for n in range(count):
            await audit_rows.add(tx, AuditEntry(1000 + n, ANNA, f"action-{n % 3}", f"target-{n}", detail={"n": n}))


async def test_a_row(database: Database) -> None:
    async with database.write() as tx:
        assert (
            await audit_rows.add(
                tx, AuditEntry(5, ANNA, "guest-start", HostRef("plant", "h1"), "DENIED", {"b": 1, "a": "ä"})
            )
            == 1
        )
        assert await audit_rows.add(tx, AuditEntry(6, None, "prune", "x")) == 2
    async with database.read() as tx:
        one, two = await audit_rows.oldest(tx, Wanted(), above=0, limit=10)
    assert (one.person_id, one.person, one.token_id, one.address, one.request_id) == (
        "id-anna", "anna", "token-1", "192.0.2.1", "request-1",
    )  # fmt: skip
    assert (one.action, one.target, one.outcome, one.detail) == (
        "guest-start",
        "plant/h1",
        "DENIED",
        '{"a":"\\u00e4","b":1}',
    )
    assert (two.person, two.person_id, two.outcome) == ("controller", "", "ok")


async def test_a_row_is_there_with_what_it_tells_of_or_not_at_all(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write() as tx:
            await audit_rows.add(tx, AuditEntry(5, ANNA, "a", "x"))
            raise ZeroDivisionError
    async with database.read() as tx:
        assert await audit_rows.head(tx) == (0, audit_rows.FIRST)


async def test_texts_of_any_kind(database: Database) -> None:
    odd = "\0\ud800" + "é" * 400 + "😀"
    async with database.write() as tx:
        await audit_rows.add(
            tx, AuditEntry(5, Person("x", odd, asked=Asked(odd, odd)), odd, odd, odd, {odd: [odd, object]})
        )
        assert await audit_rows.first_broken(tx) is None


async def test_many_at_once_make_one_chain(database: Database) -> None:
    await asyncio.gather(*(fill(database, 3) for _ in range(12)))
    async with database.read() as tx:
        rows = await audit_rows.oldest(tx, Wanted(), above=0, limit=100)
        assert [row.seq for row in rows] == list(range(1, 37))
        assert await audit_rows.first_broken(tx) is None


ALTERED: tuple[dict[str, object], ...] = (
    {"outcome": "DENIED"}, {"target": "another"}, {"at": 1}, {"person": "eve"}, {"detail": "{}"}, {"address": ""},
    {"request_id": ""}, {"token_id": ""}, {"action": ""}, {"person_id": ""}, {"hash": bytes(32)},
)  # fmt: skip


async def test_an_altered_row_is_found(database: Database) -> None:
    await fill(database, 5)
    row = audit_rows.table.c.seq == 3
    for change in ALTERED:
        async with database.write() as tx:
            (before,) = (await tx.execute(audit_rows.table.select().where(row))).all()
            await tx.execute(update(audit_rows.table).where(row).values(**change))
            assert await audit_rows.first_broken(tx) == 3, change
            await tx.execute(update(audit_rows.table).where(row).values(**before._asdict()))
            assert await audit_rows.first_broken(tx) is None


async def test_a_missing_and_a_swapped_row_are_found(database: Database) -> None:
    await fill(database, 6)
    table = audit_rows.table
    async with database.write() as tx:
        await tx.execute(table.delete().where(table.c.seq == 4))
    async with database.read() as tx:
        assert await audit_rows.first_broken(tx) == 4
    async with database.write() as tx:
        for old, new in ((1, 100), (2, 1), (100, 2)):
            await tx.execute(update(table).where(table.c.seq == old).values(seq=new))
    async with database.read() as tx:
        assert await audit_rows.first_broken(tx) == 1


async def test_who_may_read_it(world: World) -> None:
    await fill(world.database, 3)
    log = AuditLog(world.database, Access(NoGroups()), lambda _: None)
    assert [row.seq for row in await log.newest(ANNA, Wanted(), below=None, limit=2)] == [3, 2]
    assert [row.seq for row in await log.newest(ANNA, Wanted(), below=2, limit=2)] == [1]
    assert (await log.check(ANNA)).broken is None
    for role in (Binding("engineer", "*"), Binding("admin", "site:plant")):
        other = Person("x", "x", (role,))
        for call in (
            log.newest(other, Wanted(), below=None, limit=1),
            log.check(other),
            anext(log.export(other, Wanted())),
        ):
            with pytest.raises(GuestwireError, match="DENIED"):
                await call
        with pytest.raises(GuestwireError, match="DENIED"):
            log.may_export(other)


async def test_an_export_has_what_was_there_when_it_began(world: World) -> None:
    await fill(world.database, 25)
    log = AuditLog(world.database, Access(NoGroups()), lambda _: None, page=10)
    seen: list[int] = []
    async for page in log.export(ANNA, Wanted()):
        seen.extend(row.seq for row in page)
        await fill(world.database, 3)
    assert seen == list(range(1, 26))
    some = [
        row.target async for page in log.export(ANNA, Wanted(action="action-1", since=1003, until=1009)) for row in page
    ]
    assert {"target-4", "target-7"} == set(some)


@given(
    st.builds(
        AuditRow, st.integers(1, 9), st.integers(0, 9), *[st.text(max_size=3)] * 9, st.just(b""),
    ),
    st.sampled_from([name for name in AuditRow.__dataclass_fields__ if name != "hash"]),
    st.text(max_size=3),
)  # fmt: skip
def test_no_two_rows_have_one_hash(row: AuditRow, field: str, text: str) -> None:
    other = {**said(row), field: text}
    assert (row_hash(bytes(32), said(row)) == row_hash(bytes(32), other)) is (said(row) == other)
    assert row_hash(bytes(32), said(row)) != row_hash(bytes([1] * 32), said(row))
