"""Counting for the audit log: exact, and bounded."""

from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.agent.audit_tally import (
    ALL_BURST,
    ALL_RATE,
    CLIENT_BURST,
    CLIENT_RATE,
    COUNT_LONGEST_S,
    OTHERS,
    Count,
    OwnRows,
    Pace,
    Tally,
)

Key = tuple[str, str]


def tally(most: int) -> Tally[Key]:
    return Tally(most, lambda key: (key[0], OTHERS))


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 9).map(str)), max_size=60), st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_nothing_that_is_counted_is_lost(keys: list[Key], most: int) -> None:
    counts = tally(most)
    for at, key in enumerate(keys):
        counts.add(key, at)
    taken = counts.take()
    assert len(taken) <= most + 2
    for code in "AB":
        assert sum(count.number for key, count in taken.items() if key[0] == code) == sum(
            key[0] == code for key in keys
        )
    assert not counts.take()


def test_a_count_has_the_time_of_its_first_and_last() -> None:
    counts = tally(4)
    for at in (5, 3, 9):
        counts.add(("A", "x"), at)
    assert counts.take() == {("A", "x"): Count(3, 3, 9)}


def test_what_could_not_be_written_is_counted_on() -> None:
    counts = tally(1)
    counts.add(("A", "x"), 1)
    [(key, count)] = counts.take().items()
    counts.add(("A", "y"), 2)
    counts.put_back(key, count)
    counts.put_back(("A", OTHERS), Count(4, 0, 1))
    assert counts.take() == {("A", "y"): Count(1, 2, 2), ("A", OTHERS): Count(5, 0, 1)}


def test_a_client_has_so_many_rows_of_its_own() -> None:
    own = OwnRows()
    assert sum(own.take("mallory", 0.0) for _ in range(1000)) == CLIENT_BURST
    assert own.take("anna", 0.0)
    assert sum(own.take("mallory", 10.0) for _ in range(1000)) == 10 * CLIENT_RATE


def test_and_all_clients_together_too() -> None:
    own = OwnRows()
    assert sum(own.take(f"client-{n}", 0.0) for n in range(5000)) == ALL_BURST
    assert sum(own.take(f"client-{n}", 4.0) for n in range(5000)) == 4 * ALL_RATE


def test_counts_become_rows_ever_less_often_while_they_come() -> None:
    pace, mono, pauses = Pace(1.0, COUNT_LONGEST_S), 0.0, []
    for _ in range(8):
        assert pace.begin(mono)
        assert not pace.begin(mono)
        pauses.append(pace.due - mono)
        mono = pace.due
        pace.done(mono)
        assert pace.due == float("inf")
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pace.begin(mono + COUNT_LONGEST_S)
    assert pace.due - mono - COUNT_LONGEST_S == 1
