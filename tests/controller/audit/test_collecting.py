"""Collecting hosts' logs: asked, checked, kept, acknowledged; what is wrong is told, and nobody holds up the others."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, NamedTuple

import pytest
from api_world import MovedClock, SaidLog, World, api_world, code
from fake_audit import FakeAudit

from guestwire.controller.audit.collecting import AuditCollecting, CollectParts, CollectRules
from guestwire.controller.audit.following import Trouble
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import host_audit
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_audit import HostLog, HostRow, Wanted
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.audit import AuditAck, first_hash
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.operations import Operation
from guestwire.protocol.pending import Done
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

H1, H2 = HostRef("plant", "h1"), HostRef("plant", "h2")
KEYS = {H1: SigningKey(bytes([1] * 32)), H2: SigningKey(bytes([2] * 32))}
TRUST = Trust(
    TrustDocument(
        site="plant", rev=1, issued_at=1,
        signers=tuple(
            Signer(principal=f"host:{ref.host}", public_key=key.public.raw.hex(), scope=Scope(operations=(), hosts=()), role="host")
            for ref, key in KEYS.items()
        ),
    )
)  # fmt: skip
DEADLINE_S = 20


class Asked(NamedTuple):
    request: Any


class Hosts:
    """Hosts with a log each: the links to them, the register, and the alarms."""

    def __init__(self) -> None:
        self.logs = {ref: FakeAudit(ref.site, ref.host, key) for ref, key in KEYS.items()}
        self.there: set[HostRef] = set(KEYS)
        self.fails: dict[HostRef, Exception] = {}
        self.acks: list[AuditAck] = []
        self.asked: list[HostRef] = []
        self.told: list[tuple[HostRef, Trouble]] = []
        self.reply: Model | None = None
        self.happened = asyncio.Event()

    def to_ask(self) -> Iterable[HostRef]:
        return self.there

    async def trouble(self, ref: HostRef, trouble: Trouble) -> None:
        self.told.append((ref, trouble))

    def reachable(self, ref: HostRef) -> bool:
        return ref in self.there

    async def call(self, ref: HostRef, operation: Operation, request: Model, **_: Any) -> Done:
        self.happened.set()
        self.asked.append(ref)
        await asyncio.sleep(0)
        if ref in self.fails:
            raise self.fails[ref]
        if isinstance(request, AuditAck):
            self.acks.append(request)
            self.logs[ref].acknowledged = request.upto
            return Done(None, request, True)  # type: ignore[arg-type]
        assert operation.name == "audit-list"
        return Done(None, self.reply or self.logs[ref].reads()["audit-list"](Asked(request)), True)  # type: ignore[arg-type]


class Collected:
    def __init__(self, database: Database, rules: CollectRules) -> None:
        self.hosts = Hosts()
        self.database = database
        self.log = SaidLog()
        self.clock = MovedClock()
        self.trust: Trust | None = TRUST
        parts = CollectParts(
            database, self.hosts, self.hosts, lambda site: self.trust, self.hosts, self.log, self.clock
        )
        self.collecting = AuditCollecting(parts, rules)

    def add(self, ref: HostRef, count: int) -> None:
        for _ in range(count):
            self.hosts.logs[ref].add(what="accepted", operation="guest-start", principal="operator:anna")

    def came(self, *refs: HostRef) -> None:
        """They are there, and it is time to ask them."""
        for ref in refs:
            self.collecting.host_came(ref)
        self.clock.move(31)

    async def rows(self, ref: HostRef, log: bytes | None = None) -> tuple[HostRow, ...]:
        async with self.database.read() as tx:
            found = await host_audit.newest(tx, ref, log or self.hosts.logs[ref].log, Wanted(), below=None, limit=1000)
        return found[::-1]

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not reached():
                await asyncio.sleep(0.005)


@pytest.fixture
def collected(database: Database) -> Collected:
    return Collected(database, CollectRules(page=10, pages=5, ack_rows=20, turn_s=0.01))


async def test_a_visit_keeps_what_is_new(collected: Collected) -> None:
    collected.add(H1, 25)
    standing = await collected.collecting.visit(H1)
    assert standing is not None
    assert (standing.seq, standing.trouble) == (25, "")
    rows = await collected.rows(H1)
    assert [(row.row, row.hash) for row in rows] == collected.hosts.logs[H1].rows
    collected.add(H1, 3)
    await collected.collecting.visit(H1)
    assert len(await collected.rows(H1)) == 28
    assert collected.hosts.told == []
    assert await collected.rows(H2) == ()


async def test_a_visit_has_an_end(collected: Collected) -> None:
    collected.add(H1, 77)
    assert (await collected.collecting.visit(H1)).seq == 50  # type: ignore[union-attr]
    assert (await collected.collecting.visit(H1)).seq == 77  # type: ignore[union-attr]


async def test_acknowledged_after_many_rows_or_a_long_time_and_not_before(collected: Collected) -> None:
    collected.add(H1, 15)
    await collected.collecting.visit(H1)
    assert collected.hosts.acks == []
    collected.add(H1, 5)
    await collected.collecting.visit(H1)
    log = collected.hosts.logs[H1].log
    assert collected.hosts.acks == [AuditAck(log=log, upto=20)]
    await collected.collecting.visit(H1)
    assert len(collected.hosts.acks) == 1
    collected.add(H1, 1)
    collected.clock.move(7 * 3600)
    await collected.collecting.visit(H1)
    assert collected.hosts.acks[1:] == [AuditAck(log=log, upto=21)]


async def test_what_is_acknowledged_is_in_the_database(collected: Collected) -> None:
    """The rows are committed before the host hears that it may drop them."""
    collected.add(H1, 25)
    seen: list[int] = []
    call = collected.hosts.call

    class Watching(Hosts):
        async def call(self, ref: HostRef, operation: Operation, request: Model, **more: Any) -> Done:
            if operation.name == "audit-ack":
                seen.append(len(await collected.rows(ref)))
            return await call(ref, operation, request, **more)

    parts = collected.collecting._parts._replace(calls=Watching())
    await AuditCollecting(parts, CollectRules(ack_rows=1)).visit(H1)
    assert seen == [25]


async def test_a_break_is_told_once_and_collected_on(collected: Collected) -> None:
    collected.add(H1, 5)
    log = collected.hosts.logs[H1]
    log.rows[2] = (log.rows[2][0], bytes(32))
    for _ in range(3):
        await collected.collecting.visit(H1)
    assert [(ref, one.kind, one.seq) for ref, one in collected.hosts.told] == [(H1, "broken", 3), (H1, "broken", 4)]
    collected.add(H1, 2)
    await collected.collecting.visit(H1)
    rows = await collected.rows(H1)
    assert [row.mark for row in rows] == ["", "", "broken", "broken", "", "", ""]
    async with collected.database.read() as tx:
        standing = await host_audit.newest_log(tx, H1)
    assert standing is not None
    assert (standing.trouble_seq, standing.trouble_at) == (3, collected.clock().wall_ms)


async def test_a_host_that_signs_as_another(collected: Collected) -> None:
    collected.add(H1, 2)
    collected.hosts.logs[H1]._key = KEYS[H2]
    for _ in range(3):
        await collected.collecting.visit(H1)
    assert [one.kind for _, one in collected.hosts.told] == ["broken"]  # and not again with each visit
    assert {row.mark for row in await collected.rows(H1)} == {"unsigned"}


async def test_without_a_trust_document_nobody_is_asked(collected: Collected) -> None:
    collected.trust = None
    assert await collected.collecting.visit(H1) is None
    assert collected.hosts.asked == []


async def test_a_host_with_another_log_and_with_its_old_one_again(collected: Collected) -> None:
    collected.add(H1, 5)
    await collected.collecting.visit(H1)
    old = collected.hosts.logs[H1]
    new = collected.hosts.logs[H1] = FakeAudit("plant", "h1", KEYS[H1])
    new.log = bytes([5] * 16)
    new.before = first_hash(new.log)
    collected.add(H1, 3)
    collected.clock.move(1)
    await collected.collecting.visit(H1)
    collected.hosts.logs[H1] = old
    collected.add(H1, 1)
    collected.clock.move(1)
    await collected.collecting.visit(H1)
    collected.clock.move(1)
    await collected.collecting.visit(H1)
    assert [one.kind for _, one in collected.hosts.told] == ["replaced", "replaced"]
    assert len(await collected.rows(H1, old.log)) == 6
    assert len(await collected.rows(H1, new.log)) == 3
    assert {row.mark for row in await collected.rows(H1, old.log)} == {""}


async def test_an_answer_that_is_none(collected: Collected) -> None:
    collected.hosts.reply = Empty()
    with pytest.raises(GuestwireError, match="MALFORMED"):
        await collected.collecting.visit(H1)


async def test_every_host_has_its_turn(database: Database) -> None:
    collected = Collected(database, CollectRules(every_s=600, turn_s=0.01, after_failure_s=60))
    for ref in KEYS:
        collected.add(ref, 3)
    collected.hosts.fails[H1] = GuestwireError("HOST-UNREACHABLE")
    async with collected.collecting:
        collected.came(*KEYS)
        await collected.until(lambda: set(collected.hosts.asked) == {H1, H2} and not collected.collecting._visits)
        assert collected.log.lines[0][:2] == ("warning", "audit log not collected")
        assert len(await collected.rows(H2)) == 3
        del collected.hosts.fails[H1]
        collected.clock.move(61)
        await collected.until(lambda: collected.hosts.asked.count(H1) == 2 and not collected.collecting._visits)
        assert len(await collected.rows(H1)) == 3
        asked = len(collected.hosts.asked)
        collected.clock.move(1000)
        await collected.until(lambda: len(collected.hosts.asked) == asked + 2)
        collected.hosts.there.clear()
        await collected.until(lambda: not collected.collecting._due)
        collected.hosts.there.add(H2)
        collected.collecting.host_came(H2)
        collected.clock.move(31)
        await collected.until(lambda: len(collected.hosts.asked) == asked + 3)


async def test_one_host_does_not_end_it(database: Database) -> None:
    collected = Collected(database, CollectRules(turn_s=0.01))
    collected.add(H2, 1)
    collected.hosts.fails[H1] = ZeroDivisionError()
    async with collected.collecting:
        collected.came(H1)
        await collected.until(lambda: bool(collected.log.lines) and not collected.collecting._visits)
        collected.came(H2)
        await collected.until(lambda: H2 in collected.hosts.asked and not collected.collecting._visits)
        assert not collected.collecting.task.done()
    assert len(await collected.rows(H2)) == 1


async def test_few_are_asked_at_once(database: Database) -> None:
    collected = Collected(database, CollectRules(turn_s=0.01, at_once=1))
    for ref in KEYS:
        collected.add(ref, 1)
    collected.came(*KEYS)
    most = 0
    async with collected.collecting:

        def done() -> bool:
            nonlocal most
            most = max(most, len(collected.collecting._visits))
            return set(collected.hosts.asked) == set(KEYS) and not collected.collecting._visits

        await collected.until(done)
    assert most <= 1


async def test_many_that_come_at_once_are_asked_one_after_the_other(database: Database) -> None:
    """And one that was to be asked sooner is."""
    collected = Collected(database, CollectRules(every_s=900.0, turn_s=1.0, apart_s=0.2))
    collecting, now_s = collected.collecting, collected.clock().mono
    collecting.host_came(H1)
    alone = collecting._due[H1]
    many = [HostRef("plant", f"m{n}") for n in range(2000)]
    for ref in (*many, H1):
        collecting.host_came(ref)
    waits = sorted(collecting._due[ref] - now_s for ref in many)
    assert waits[0] >= 0
    assert waits[-1] <= 400 + 1e-6
    assert sum(wait < 30 for wait in waits) < 800
    assert collecting._due[H1] <= alone
    few = Collected(database, CollectRules(every_s=900.0)).collecting
    for ref in many[:20]:
        few.host_came(ref)
    assert max(few._due.values()) - now_s <= 30, "a few are asked soon"


async def test_old_rows_go(database: Database) -> None:
    collected = Collected(database, CollectRules(turn_s=0.01, keep_days=1))
    collected.add(H1, 5)
    await collected.collecting.visit(H1)
    async with collected.collecting:
        async with asyncio.timeout(DEADLINE_S):
            while await collected.rows(H1):
                await asyncio.sleep(0.01)


# -- reading what was collected


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with api_world(database) as made:
        yield made


async def test_reading_over_http(world: World) -> None:
    collected = Collected(world.database, CollectRules())
    collected.add(H1, 5)
    collected.hosts.logs[H1].add(
        what="refused", code="BAD-SIGNATURE", client="cli", keys=("ab",), weird=b"\x01", more=float("nan")
    )
    await collected.collecting.visit(H1)
    anna = await world.user("anna", ("observer", "host:plant/h1"))
    page = (await anna.get("/hosts/plant/h1/audit?limit=4")).json()
    assert [row["seq"] for row in page["items"]] == [6, 5, 4, 3]
    first = page["items"][0]
    assert (first["said"]["code"], first["said"]["weird"], first["said"]["keys"], first["mark"]) == (
        "BAD-SIGNATURE",
        "01",
        ["ab"],
        "",
    )
    assert bytes.fromhex(first["row"]) == collected.hosts.logs[H1].rows[5][0]
    rest = (await anna.get(f"/hosts/plant/h1/audit?limit=4&cursor={page['next']}")).json()
    assert ([row["seq"] for row in rest["items"]], rest["next"]) == ([2, 1], None)
    some = (await anna.get("/hosts/plant/h1/audit?code=BAD-SIGNATURE")).json()
    assert [row["seq"] for row in some["items"]] == [6]
    some = (
        await anna.get("/hosts/plant/h1/audit?operation=guest-start&principal=operator:anna&since=1700000000004")
    ).json()
    assert [row["seq"] for row in some["items"]] == [5, 4]
    (log,) = (await anna.get("/hosts/plant/h1/audit/logs")).json()["items"]
    assert (log["first"], log["seq"], log["trouble"]) == (1, 6, "")
    assert (await anna.get(f"/hosts/plant/h1/audit?log={log['log']}&until=1")).json()["items"] == []
    assert code(await anna.get(f"/hosts/plant/h1/audit?log={'0' * 32}")) == "NOT-FOUND"
    for path in ("/hosts/plant/h2/audit", "/hosts/lab/h1/audit", "/hosts/plant/h2/audit/logs"):
        assert code(await anna.get(path)) == "DENIED"
    for path in ("/hosts/Plant/h1/audit", "/hosts/plant/h1/audit?log=x", "/hosts/plant/h1/audit?cursor=x"):
        assert code(await anna.get(path)) in ("INVALID-BODY", "CURSOR-INVALID")
    admin = await world.user("admin", ("admin", "*"))
    assert (await admin.get("/hosts/plant/h2/audit")).json() == {"items": [], "next": None}


async def test_a_row_that_is_here_stays_as_it_is(database: Database) -> None:
    standing = HostLog(H1, bytes(16), 1, 1, 1, bytes(32), 1)
    row = HostRow(bytes(16), 1, 5, b"first", bytes(32))
    async with database.write() as tx:
        await host_audit.keep_all(tx, [(standing, [row])])
        later = [HostRow(bytes(16), 1, 6, b"second", bytes(32)), HostRow(bytes(16), 2, 6, b"x", bytes(32))]
        await host_audit.keep_all(tx, [(standing, later)])
        kept = await host_audit.newest(tx, H1, bytes(16), Wanted(), below=None, limit=10)
    assert [(one.seq, one.row) for one in kept] == [(2, b"x"), (1, b"first")]
