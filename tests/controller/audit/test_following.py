"""Following a host's log, page by page: what is kept, and what is found wrong."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from fake_audit import FakeAudit
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.audit.following import Followed, Proof, follow
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.host_audit import HostLog
from guestwire.protocol.audit import AuditHead, AuditList, AuditQuery, first_hash, row_hash
from guestwire.protocol.audit_chain import said_head
from guestwire.protocol.packing import pack
from guestwire.protocol.signing import SigningKey

REF = HostRef("plant", "h1")


class Asked(NamedTuple):
    request: AuditQuery


def a_log(rows: int, page: int = 1000) -> FakeAudit:
    log = FakeAudit("plant", "h1", SigningKey(bytes([1] * 32)))
    log.page = page
    for n in range(rows):
        log.add(what="accepted", operation="guest-start", principal="operator:anna", target=f"g{n}")
    return log


def page_of(log: FakeAudit, after: int) -> AuditList:
    answer: AuditList = log.reads()["audit-list"](Asked(AuditQuery(after=after, limit=1000)))
    return answer


def visit(
    log: FakeAudit, known: HostLog | None = None, change: Callable[[AuditList], AuditList] = lambda page: page
) -> Followed:
    """Follow a log to its end; what came of it all together."""
    rows: list[Any] = []
    troubles: list[Any] = []
    while True:
        page = change(page_of(log, 0 if known is None or known.log != log.log else known.seq))
        found = follow(REF, known, page, Proof(said_head(page.head, "plant", "h1")), 5_000)
        rows.extend(found.rows)
        troubles.extend(found.troubles)
        known = found.standing
        if not found.more:
            return Followed(known, tuple(rows), tuple(troubles), False)


def test_a_sound_log() -> None:
    log = a_log(25, page=10)
    found = visit(log)
    assert [row.seq for row in found.rows] == list(range(1, 26))
    assert found.troubles == ()
    assert {row.mark for row in found.rows} == {""}
    row = found.rows[3]
    assert (row.operation, row.principal, row.code, row.at) == ("guest-start", "operator:anna", "", 1_700_000_000_004)
    assert (row.row, row.hash) == log.rows[3]
    assert (found.standing.first, found.standing.seq, found.standing.hash) == (1, 25, log.rows[-1][1])
    assert visit(log, found.standing).rows == ()
    log.add(what="ended", code="BUSY")
    more = visit(log, found.standing)
    assert [(row.seq, row.code) for row in more.rows] == [(26, "BUSY")]
    assert more.troubles == ()


def test_an_empty_log() -> None:
    found = visit(a_log(0))
    assert (found.rows, found.troubles, found.standing.seq) == ((), (), 0)


Rows = list[tuple[bytes, bytes]]


def altered(rows: Rows) -> None:
    rows[5] = (pack({"seq": 6, "at": 1, "what": "nothing"}), rows[5][1])


def left_out(rows: Rows) -> None:
    del rows[5]


def swapped(rows: Rows) -> None:
    rows[3], rows[4] = rows[4], rows[3]


def twice(rows: Rows) -> None:
    rows.insert(4, rows[3])


def nonsense(rows: Rows) -> None:
    rows[5] = (b"\xc1", rows[5][1])


def no_map(rows: Rows) -> None:
    rows[5] = (pack((1, 2)), rows[5][1])


def rehashed(rows: Rows) -> None:
    """One row written anew, with a hash that fits; those after it do not."""
    row = pack({"seq": 6, "at": 1, "what": "nothing happened"})
    rows[5] = (row, row_hash(rows[4][1], row))


@pytest.mark.parametrize(
    ("change", "first_marked"),
    [(altered, 6), (left_out, 6), (swapped, 4), (twice, 5), (nonsense, 6), (no_map, 6), (rehashed, 7)],
)
def test_a_break_is_told_and_everything_is_kept(change: Callable[[Rows], None], first_marked: int) -> None:
    log = a_log(12)
    rows = list(log.rows)
    change(rows)
    page = page_of(log, 0).model_copy(update={"rows": tuple(rows)})
    found = follow(REF, None, page, Proof(said_head(page.head, "plant", "h1")), 5_000)
    broken = [one for one in found.troubles if one.kind == "broken"]
    assert broken
    assert len(found.rows) == len(page.rows)
    assert [row.row for row in found.rows] == [data for data, _ in page.rows]
    assert next(row for row in found.rows if row.mark == "broken").row == page.rows[first_marked - 1][0]
    assert found.standing.trouble
    assert found.standing.trouble_at == 5_000
    assert len({row.seq for row in found.rows}) == len(found.rows)


def test_after_a_break_the_log_is_followed_on() -> None:
    log = a_log(12)
    rehashed(log.rows)
    found = visit(log)
    assert [row.mark for row in found.rows] == [""] * 6 + ["broken"] + [""] * 5
    log.add(what="accepted")
    after = visit(log, found.standing)
    assert (after.troubles, [row.mark for row in after.rows]) == ((), [""])


@pytest.mark.parametrize("at", [1, 7, 11])
def test_an_end_that_is_cut_off(at: int) -> None:
    log = a_log(12)
    head = page_of(log, 0).head
    del log.rows[at:]
    found = visit(log, None, lambda page: page.model_copy(update={"head": head}))
    assert [one.kind for one in found.troubles] == ["broken"]
    assert "cut off" in found.troubles[0].text


def test_a_log_that_was_put_back() -> None:
    """An older state of the disk: rows that are here are not there any more, and others take their numbers."""
    log = a_log(12)
    found = visit(log)
    del log.rows[8:]
    back = visit(log, found.standing)
    assert "put back" in back.troubles[0].text
    for n in range(6):
        log.add(what="accepted", target=f"other{n}")
    ahead = visit(log, back.standing)
    assert [row.seq for row in ahead.rows] == [13, 14]
    assert ahead.rows[0].mark == "broken"
    del log.rows[12:]
    log.rows[11] = (log.rows[11][0], bytes(32))
    assert "written anew" in visit(log, found.standing).troubles[0].text


def test_an_end_that_nobody_signed() -> None:
    log = a_log(3)
    found = follow(REF, None, page_of(log, 0), Proof(None, "no signature of host h1"), 5_000)
    assert [row.mark for row in found.rows] == ["unsigned"] * 3
    assert [(one.kind, one.text) for one in found.troubles] == [("broken", "no signature of host h1")]


def test_the_end_of_another_log() -> None:
    log = a_log(3)
    head = AuditHead(log=bytes([9] * 16), seq=3, hash=log.rows[-1][1])
    found = follow(REF, None, page_of(log, 0), Proof(head), 5_000)
    assert "another log" in found.troubles[0].text


def test_rows_that_the_host_dropped_and_says_so() -> None:
    log = a_log(10)
    found = visit(log)
    for n in range(5):
        log.add(what="accepted", target=f"later{n}")
    log.drop(12)
    log.add(what="accepted")
    after = visit(log, found.standing)
    assert [one.kind for one in after.troubles] == ["lost"]
    assert after.troubles[0].seq == 12
    assert [row.seq for row in after.rows] == [13, 14, 15, 16, 17]
    assert after.standing.unexplained is None
    assert {row.mark for row in after.rows} == {""}


def test_rows_that_were_dropped_once_they_were_here() -> None:
    log = a_log(10)
    found = visit(log)
    log.drop(4)
    after = visit(log, found.standing)
    assert (after.troubles, [row.seq for row in after.rows]) == ((), [11])


def test_a_log_that_begins_late() -> None:
    log = a_log(10)
    log.drop(4)
    found = visit(log)
    assert found.troubles == ()
    assert (found.standing.first, found.standing.seq, found.standing.unexplained) == (5, 11, None)


def test_rows_that_are_missing_without_a_word() -> None:
    log = a_log(10)
    found = visit(log)
    for n in range(5):
        log.add(what="accepted", target=f"later{n}")
    log.before, log.first = log.rows[11][1], 13
    del log.rows[:12]
    after = visit(log, found.standing)
    assert [one.kind for one in after.troubles] == ["broken"]
    assert "no row says" in after.troubles[0].text
    late = a_log(10)
    late.before, late.first = late.rows[3][1], 5
    del late.rows[:4]
    assert "no row says" in visit(late).troubles[0].text
    # another gap's row explains nothing
    late.add(what="gap", to=3, hash="00")
    assert "no row says" in visit(late).troubles[0].text


def test_a_host_that_lost_its_disk() -> None:
    found = visit(a_log(10))
    fresh = FakeAudit("plant", "h1", SigningKey(bytes([1] * 32)))
    fresh.log = bytes([7] * 16)
    fresh.before = first_hash(fresh.log)
    for n in range(3):
        fresh.add(what="accepted", target=f"g{n}")
    after = visit(fresh, found.standing)
    assert [(one.kind, one.seq) for one in after.troubles] == [("replaced", 10)]
    assert (after.standing.log, after.standing.seq) == (fresh.log, 3)
    assert [row.seq for row in after.rows] == [1, 2, 3]


@given(
    st.lists(st.tuples(st.binary(max_size=40) | st.dictionaries(st.sampled_from(["seq", "at", "what", "to", "hash", "operation"]),
             st.none() | st.integers(-(1 << 63), (1 << 64) - 1) | st.text(max_size=5) | st.binary(max_size=3) | st.floats() | st.lists(st.integers(0, 3))).map(pack),
             st.binary(min_size=32, max_size=32)), max_size=6),
    st.integers(-5, 1 << 62), st.integers(-5, 1 << 62), st.booleans(), st.none() | st.integers(0, 20),
)  # fmt: skip
def test_whatever_a_host_says(
    rows: list[tuple[bytes, bytes]], oldest: int, head_seq: int, known: bool, next_: int | None
) -> None:
    """A hostile host gets rows with marks, and nothing else."""
    standing = visit(a_log(5)).standing if known else None
    log = bytes(range(16))
    page = AuditList(log=log, rows=tuple(rows), previous=bytes(32), oldest=oldest, acknowledged=0, next=next_, head=b"")
    found = follow(REF, standing, page, Proof(AuditHead(log=log, seq=head_seq, hash=bytes(32))), 5_000)
    assert len(found.rows) == len(rows)
    numbers = [row.seq for row in found.rows]
    assert numbers == sorted(set(numbers))
    assert all("\0" not in text for row in found.rows for text in (row.operation, row.principal, row.code))
    assert all(0 <= row.at < 1 << 54 for row in found.rows)
    assert len(found.standing.trouble) <= 512
