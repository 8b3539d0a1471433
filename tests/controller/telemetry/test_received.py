"""Numbers are known when they are committed, and not before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.store import received_rows
from guestwire.controller.store.database import Database
from guestwire.controller.store.received_rows import LogKey, RangeRow
from guestwire.controller.telemetry.received import MOST_LOGS, MOST_RANGES, Received

KEY = LogKey(1, bytes(16), "metric")


def log(n: int) -> LogKey:
    return LogKey(1, n.to_bytes(16, "big"), "metric")


def knows(received: Received, key: LogKey, number: int) -> bool:
    return received.stage().add(key, number, number) == "known"


def test_what_is_staged_is_known_to_its_transaction_alone_until_it_is_kept() -> None:
    received = Received([RangeRow(KEY, 1, 5, 0)])
    staged = received.stage()
    assert [staged.add(KEY, 5, 5), staged.add(KEY, 6, 6), staged.add(KEY, 6, 6), staged.add(log(9), 3, 3)] == [
        "known", "new", "known", "new"
    ]  # fmt: skip
    assert (staged.highest(KEY), received.highest(KEY)) == (6, 5)
    assert received.stage().add(KEY, 6, 6) == "new"
    staged.keep()
    assert (received.highest(KEY), knows(received, KEY, 6), knows(received, log(9), 3)) == (6, True, True)


NUMBERS = st.lists(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 30)), min_size=1, max_size=10), max_size=6)


async def test_what_is_read_again_is_what_was_known(database: Database) -> None:
    """Transactions, some of which fail, in both."""
    chances = [[(1, n), (2, n * 2)] for n in (5, 7, 6, 1, 2, 3, 20, 19)]
    received = Received()
    for at, numbers in enumerate(chances):
        staged = received.stage()
        for which, n in numbers:
            staged.add(log(which), n, n)
        if at % 3 == 1:
            continue  # it did not commit
        async with database.write() as tx:
            await staged.write(tx, at)
        staged.keep()
    async with database.read() as tx:
        rows = await received_rows.every(tx)
    again = Received(rows)
    for which in (1, 2):
        for n in range(50):
            assert knows(again, log(which), n) == knows(received, log(which), n)
    assert [(row.first, row.last) for row in rows if row.key == log(1)] == [(1, 1), (3, 3), (5, 6), (20, 20)]


@given(NUMBERS)
def test_a_number_is_new_once(groups: list[list[tuple[int, int]]]) -> None:
    received = Received()
    seen: set[tuple[int, int]] = set()
    for group in groups:
        staged = received.stage()
        for which, n in group:
            assert staged.add(log(which), n, n) == ("known" if (which, n) in seen else "new")
            seen.add((which, n))
        staged.keep()


def test_a_host_cannot_make_us_remember_without_end() -> None:
    received = Received()
    staged = received.stage()
    assert {staged.add(KEY, 2 * n, 2 * n) for n in range(1, MOST_RANGES + 1)} == {"new"}
    assert staged.add(KEY, 10 * MOST_RANGES, 10 * MOST_RANGES) == "too-many"
    assert staged.add(KEY, 3, 3) == "new"
    staged.keep()
    assert not knows(received, KEY, 10 * MOST_RANGES)
    staged = received.stage()
    assert staged.add(KEY, 2, 2) == "known"
    for n in range(1, MOST_LOGS):
        assert staged.add(log(n), 1, 1) == "new"
    assert staged.add(log(1000), 1, 1) == "too-many", "none of these can be forgotten before it is written"
    staged.keep()
    assert received.stage().add(log(1000), 1, 1) == "new"


async def test_a_host_with_a_new_log_at_each_start_goes_on_being_served(database: Database) -> None:
    """The log that was touched longest ago makes room, in the transaction that needs it."""
    received = Received()
    for n in range(1, MOST_LOGS + 1):
        staged = received.stage()
        assert staged.add(log(n), 1, 5) == "new"
        async with database.write() as tx:
            await staged.write(tx, n)
        staged.keep()
    again = received.stage()
    assert again.add(log(1), 6, 6) == "new"
    async with database.write() as tx:
        await again.write(tx, 1000)
    again.keep()
    lost = received.stage()
    assert [lost.add(log(77), 1, 1), lost.highest(log(2)), received.highest(log(2))] == ["new", 0, 5]
    staged = received.stage()
    assert [staged.add(log(78), 1, 1), staged.add(log(79), 1, 1), staged.add(log(2), 5, 5)] == ["new"] * 3
    async with database.write() as tx:
        await staged.write(tx, 1001)
    staged.keep()
    async with database.read() as tx:
        rows = {row.key: (row.first, row.last) for row in await received_rows.every(tx)}
    assert rows.keys() == {log(n) for n in (1, 2, 78, 79, *range(5, MOST_LOGS + 1))}
    assert (rows[log(1)], rows[log(2)]) == ((1, 6), (5, 5))
    assert {key for key in rows if received.highest(key)} == rows.keys()
    assert [received.highest(log(n)) for n in (3, 4, 77)] == [0, 0, 0]
    assert received.stage().add(LogKey(2, bytes(16), "metric"), 1, 1) == "new"


@pytest.mark.parametrize(("before", "idle"), [(0, []), (6, []), (7, [log(1)]), (99, [log(1)])])
def test_only_a_log_that_has_a_successor_is_idle(before: int, idle: list[LogKey]) -> None:
    received = Received(
        [RangeRow(log(1), 1, 1, 6), RangeRow(log(2), 1, 1, 8), RangeRow(LogKey(2, bytes(16), "metric"), 1, 1, 1)]
    )
    assert list(received.idle(before)) == idle
