"""The controller's audit log is pruned and signed, and whoever tampers with it is found out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import delete, update
from trusted_people import SITE, People

from guestwire.controller.audit.checking import Checked, Signed, check
from guestwire.controller.audit.keeping import DAY_MS, AuditKeeping
from guestwire.controller.audit.signed_ends import End, Signer, sign
from guestwire.controller.store import audit_ends, audit_rows
from guestwire.controller.store.audit_ends import Begin
from guestwire.controller.store.audit_rows import AuditEntry, Wanted
from guestwire.controller.store.database import Database, Tx
from guestwire.protocol.signing import SigningKey

KEEP_DAYS = 100
DAY = DAY_MS


class Said:
    """A log that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    warning = info


@dataclass
class Office:
    """A controller's audit log, with a clock that the test moves. `key` None: the controller has none."""

    database: Database
    people: People = field(default_factory=People)
    now_ms: int = 2_000 * DAY
    keyed: bool = True
    log: Said = field(default_factory=Said)

    def signer(self) -> Signer | None:
        return Signer(SITE, "controller:main", self.people.controller) if self.keyed else None

    def keeping(self, **more: Any) -> AuditKeeping:
        return AuditKeeping(self.database, self, self.log, lambda: self.now_ms, keep_days=KEEP_DAYS, **more)

    async def add(self, *ats: int) -> None:
        async with self.database.write() as tx:
            for at in ats:
                await audit_rows.add(tx, AuditEntry(at, None, "something", "x", detail={"at": at}))

    async def check(self, *, trusted: bool = True, most: int | None = None) -> Checked:
        trust = self.people.trust() if trusted else None
        async with self.database.read() as tx:
            return await check(tx, lambda site: trust if site == SITE else None, most)

    async def sequence(self) -> list[int]:
        async with self.database.read() as tx:
            return [row.seq for row in await audit_rows.oldest(tx, Wanted(), above=0, limit=1000)]

    async def do(self, what: Callable[[Tx], Awaitable[object]]) -> None:
        async with self.database.write() as tx:
            await what(tx)


@pytest.fixture
async def office(database: Database) -> Office:
    return Office(database)


async def test_the_end_is_signed_as_often_as_rows_came(office: Office) -> None:
    async with office.keeping() as keeping:
        assert await keeping.sign() is None, "there is nothing to sign"
        await office.add(1, 2, 3)
        office.keyed = False
        assert await keeping.sign() is None
        assert (await office.check()).signed is None
        office.keyed = True
        assert await keeping.sign() == 3
        assert await keeping.sign() is None
        await office.add(4)
    assert (await office.check()).signed == Signed(4, office.now_ms, "controller:main", SITE, verified=True)
    assert (await office.check(trusted=False)).signed == Signed(
        4, office.now_ms, "controller:main", SITE, verified=False
    )
    assert [fields["row"] for event, fields in office.log.lines if event == "audit log signed"] == [3, 4]


async def test_what_is_old_enough_is_pruned_and_the_chain_goes_on(office: Office) -> None:
    keeping, now = office.keeping(at_once=3), office.now_ms
    old = now - KEEP_DAYS * DAY
    await office.add(old - 5, old - 4, old - 3, old - 2, old - 1, old, now)
    await keeping.sign()
    assert await keeping.prune() == 3
    assert await keeping.prune() == 2, "there were more than go at once"
    assert await keeping.prune() == 0
    assert await office.sequence() == [6, 7, 8, 9]
    found = await office.check()
    assert (found.rows, found.oldest, found.broken, found.signed and found.signed.seq) == (4, 6, None, 7)
    await keeping.sign()
    office.now_ms += DAY // 2
    assert await keeping.prune() == 0, "once a day is enough"
    office.now_ms += KEEP_DAYS * DAY
    assert await keeping.prune() == 1
    assert (await office.check()).broken is None
    office.now_ms += 2 * KEEP_DAYS * DAY
    for _ in range(3):
        office.now_ms += DAY
        await keeping.prune()
        assert (await office.check()).broken is None
    async with office.database.read() as tx:
        left = await audit_rows.oldest(tx, Wanted(), above=0, limit=10)
    assert {(row.action, row.person) for row in left} == {("audit-prune", "controller")}, "the last of them never goes"


async def test_a_clock_that_is_wrong_costs_little(office: Office) -> None:
    keeping, now = office.keeping(), office.now_ms
    old = now - KEEP_DAYS * DAY
    ahead = 30_000 * DAY
    await office.add(old - 20 * DAY, ahead, old - 10 * DAY, 5, now)
    assert await keeping.prune() == 2, "what is dated in the future holds nothing up"
    office.now_ms += DAY
    assert await keeping.prune() == 2
    assert len(await office.sequence()) == 3
    await office.add(office.now_ms + 10 * DAY, office.now_ms + 20 * DAY)
    office.now_ms = ahead
    assert await keeping.prune() == 3, "a week of it, and no more on that day"
    assert await keeping.prune() == 0
    assert (await office.check()).broken is None


TABLE = audit_rows.table


async def _anew(tx: Tx, first: int) -> None:
    """Make the log what somebody wants, from a row on, with all hashes as they should be."""
    rows = await audit_rows.oldest(tx, Wanted(), above=0, limit=100)
    previous = audit_rows.FIRST
    for row in rows:
        if row.seq >= first:
            row = replace(row, detail='{"nothing":"happened"}')
            row = replace(row, hash=audit_rows.row_hash(previous, audit_rows.said(row)))
            await tx.execute(update(TABLE).where(TABLE.c.seq == row.seq).values(detail=row.detail, hash=row.hash))
        previous = row.hash


async def _moved(tx: Tx) -> None:
    """Rows at the beginning taken away, as if they had been pruned."""
    digest = await audit_rows.hash_of(tx, 2)
    assert digest is not None
    await audit_rows.forget(tx, 2)
    await audit_ends.begins(tx, Begin(2, digest, 1))


async def _signed_by_another(tx: Tx) -> None:
    await _anew(tx, 3)
    digest = await audit_rows.hash_of(tx, 6)
    assert digest is not None
    forged = sign(End(seq=6, hash=digest), Signer(SITE, "controller:main", SigningKey.generate()), 1)
    await audit_ends.signed(tx, forged, 10)


TAMPERED: list[tuple[str, Callable[[Tx], Awaitable[object]], int]] = [
    ("a row altered", lambda tx: tx.execute(update(TABLE).where(TABLE.c.seq == 3).values(target="y")), 3),
    ("a row left out", lambda tx: tx.execute(delete(TABLE).where(TABLE.c.seq == 4)), 4),
    ("the end cut off", lambda tx: tx.execute(delete(TABLE).where(TABLE.c.seq > 4)), 5),
    ("everything", lambda tx: tx.execute(delete(TABLE)), 1),
    ("all written anew, with good hashes", lambda tx: _anew(tx, 2), 6),
    ("the beginning taken away", lambda tx: tx.execute(delete(TABLE).where(TABLE.c.seq <= 2)), 1),
    ("the beginning taken away, as if pruned", _moved, 3),
    ("written anew, and signed by another key", _signed_by_another, 6),
    ("a signed end altered", lambda tx: tx.execute(update(audit_ends.ENDS).values(frame=b"\xc1")), 6),
    ("a signed end of another row", lambda tx: tx.execute(update(audit_ends.ENDS).values(seq=5)), 5),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "broken"), [row[1:] for row in TAMPERED], ids=[row[0] for row in TAMPERED])
async def test_tampering_is_found(office: Office, tamper: Callable[[Tx], Awaitable[object]], broken: int) -> None:
    await office.add(*range(6))
    await office.keeping().sign()
    assert (await office.check()).broken is None
    await office.do(tamper)
    found = await office.check()
    assert (found.broken, bool(found.why)) == (broken, True)


async def test_of_many_signed_ends_the_newest_are_kept(office: Office) -> None:
    await office.add(*range(6))
    signer = office.signer()
    assert signer is not None
    async with office.database.write() as tx:
        for seq in range(1, 7):
            digest = await audit_rows.hash_of(tx, seq)
            assert digest is not None
            await audit_ends.signed(tx, sign(End(seq=seq, hash=digest), signer, seq), 3)
        assert [end.seq for end in await audit_ends.ends(tx)] == [4, 5, 6]
    assert (await office.check()).broken is None


async def test_the_last_rows_alone(office: Office) -> None:
    """What a quick look follows: those rows, and what was signed of them."""
    keeping = office.keeping()
    await office.add(*range(office.now_ms - 6, office.now_ms))
    await keeping.sign()
    await office.add(office.now_ms)
    found = await office.check(most=3)
    assert (found.rows, found.oldest, found.broken, found.signed and found.signed.seq) == (3, 5, None, 6)
    assert (await office.check(most=100)).rows == 7
    await office.do(lambda tx: tx.execute(update(TABLE).where(TABLE.c.seq == 2).values(detail="{}")))
    assert (await office.check(most=3)).broken is None, "that is further back"
    assert (await office.check(most=6)).broken == 2
    await office.do(lambda tx: _anew(tx, 5))
    assert (await office.check(most=3)).broken == 6, "the hashes are right, and not what was signed"
    await office.do(lambda tx: tx.execute(delete(TABLE).where(TABLE.c.seq > 5)))
    cut = await office.check(most=3)
    assert cut.why is not None
    assert "rows were cut off" in cut.why
