"""What is under way, what comes back, and who is deaf. The clock is the test's."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.agent.telemetry.gap_telling import GROWN_S, GapTelling
from guestwire.agent.telemetry.gaps import Lost
from guestwire.agent.telemetry.shipping import (
    AGAIN_S,
    DEAF_S,
    FIRST_WINDOW,
    MOST_UNDER_WAY,
    NEVER_S,
    PROBE,
    WINDOW,
    Shipping,
)
from guestwire.protocol.telemetry import SpoolClass

OF: tuple[bytes, SpoolClass] = (bytes(16), "metric")
OTHER: tuple[bytes, SpoolClass] = (bytes(16), "alarm")


def test_what_was_not_acknowledged_in_half_a_minute_is_to_be_sent_again() -> None:
    shipping = Shipping()
    for number in (1, 2, 3):
        shipping.sent(OF, number, float(number))
    assert shipping.next_of(OF) == 4
    shipping.acknowledged(OF, [(2, 2)])
    shipping.overdue(AGAIN_S)
    assert shipping.next_of(OF) == 4, "not yet"
    assert shipping.next_overdue() == 1 + AGAIN_S
    shipping.overdue(1 + AGAIN_S)
    assert shipping.next_of(OF) == 1
    assert not shipping.is_under_way(OF, 1)
    assert shipping.is_under_way(OF, 3)
    shipping.overdue(3 + AGAIN_S)
    assert not any(shipping.is_under_way(OF, number) for number in (1, 2, 3))


def test_sending_again_counts_anew() -> None:
    shipping = Shipping()
    shipping.sent(OF, 1, 0.0)
    shipping.sent(OF, 1, 20.0, old=500)
    shipping.overdue(AGAIN_S + 1)
    assert shipping.is_under_way(OF, 1)
    assert shipping.room(40.0) == FIRST_WINDOW - 500
    shipping.overdue(AGAIN_S + 20)
    assert not shipping.is_under_way(OF, 1)
    assert shipping.room(60.0) == FIRST_WINDOW // 2, "a receiver that took nothing is given less"


def test_who_takes_much_is_given_more_and_who_takes_nothing_less() -> None:
    shipping, mono, number = Shipping(), 0.0, 0
    rooms = []
    for _ in range(8):
        first = number + 1
        while shipping.room(mono) > 0:
            number += 1
            shipping.sent(OF, number, mono, old=10_000)
        rooms.append(number - first + 1)
        shipping.acknowledged(OF, [(first, number)])
        mono += 5
    assert rooms[:4] == sorted(rooms[:4])
    assert rooms[1] >= 2 * rooms[0] - 1
    assert rooms[-1] * 10_000 <= WINDOW + 10_000
    for _ in range(10):
        shipping.sent(OF, number, mono, old=10_000)
        mono += AGAIN_S + 1
        shipping.overdue(mono)
    assert shipping.room(0.0) == PROBE


def test_what_was_left_behind_is_looked_at_once_and_kept_in_bounds() -> None:
    shipping = Shipping()
    shipping.sent(OF, 9, 0.0)
    assert shipping.next_of(OF) == 1, "there may be something before it"
    shipping.looked_at(OF, 5)
    shipping.looked_at(OF, 3)
    assert shipping.next_of(OF) == 5
    for number in range(100, 100 + 40):
        shipping.sent(OTHER, number, 1.0, old=FIRST_WINDOW // 40)
    assert shipping.room(1.0) <= FIRST_WINDOW // 40
    shipping.acknowledged(OTHER, [(100, 119)])
    assert shipping.room(1.0) > FIRST_WINDOW // 3


def test_what_was_not_taken_goes_again_at_once_or_rests_long() -> None:
    shipping = Shipping()
    for number in (1, 2):
        shipping.sent(OF, number, 0.0, old=10)
    shipping.not_taken(OF, 1, 1.0, ever=False)
    assert (shipping.next_of(OF), shipping.is_under_way(OF, 1)) == (1, False)
    shipping.not_taken(OF, 2, 1.0, ever=True)
    shipping.overdue(AGAIN_S + 5)
    assert shipping.is_under_way(OF, 2)
    assert shipping.room(9.0) == FIRST_WINDOW
    shipping.overdue(1 + NEVER_S)
    assert not shipping.is_under_way(OF, 2)
    shipping.not_taken(OF, 77, 1.0, ever=True)
    assert not shipping.is_under_way(OF, 77), "nobody sent it"


def test_what_rests_long_keeps_nothing_else_from_going_again() -> None:
    shipping = Shipping()
    shipping.sent(OF, 1, 0.0)
    shipping.not_taken(OF, 1, 0.0, ever=True)
    shipping.sent(OF, 2, 1.0)
    due = shipping.next_overdue()
    assert due is not None
    assert due <= 1.0 + AGAIN_S
    shipping.overdue(1.0 + AGAIN_S)
    assert (shipping.is_under_way(OF, 1), shipping.is_under_way(OF, 2)) == (True, False)


def test_who_acknowledges_nothing_for_long_is_deaf_until_he_does() -> None:
    shipping = Shipping()
    assert not shipping.deaf(1e9), "nothing was said"
    shipping.sent(OF, 1, 10.0)
    shipping.sent(OF, 2, 10.0 + DEAF_S)
    assert not shipping.deaf(10.0 + DEAF_S)
    assert shipping.deaf(10.1 + DEAF_S)
    assert shipping.room(10.1 + DEAF_S) == PROBE
    shipping.acknowledged(OF, [(1, 1)])
    assert not shipping.deaf(10.1 + DEAF_S)
    shipping.sent(OF, 3, 1000.0)
    assert shipping.deaf(1001.0 + DEAF_S)
    shipping.somebody_new(1001.0 + DEAF_S)
    assert not shipping.deaf(1001.0 + DEAF_S)


def test_somebody_new_has_not_heard_what_is_under_way() -> None:
    shipping = Shipping()
    for number in (1, 2, 3):
        shipping.sent(OF, number, 0.0, old=10)
    shipping.not_taken(OF, 2, 0.0, ever=True)
    shipping.somebody_new(5.0)
    assert [shipping.is_under_way(OF, number) for number in (1, 2, 3)] == [False, True, False]
    assert (shipping.next_of(OF), shipping.room(5.0)) == (1, FIRST_WINDOW)


def test_what_is_remembered_is_bounded() -> None:
    shipping = Shipping()
    for number in range(1, MOST_UNDER_WAY + 10):
        shipping.sent(OF, number, 1.0)
    assert shipping.next_of(OF) == 1
    assert not shipping.is_under_way(OF, 1)
    assert shipping.is_under_way(OF, MOST_UNDER_WAY)


def test_a_log_that_is_gone_takes_nothing_of_the_bounds() -> None:
    shipping = Shipping()
    shipping.sent(OF, 1, 0.0, old=1000)
    shipping.forget(OF[0])
    assert shipping.room(0.0) == FIRST_WINDOW
    shipping.overdue(AGAIN_S)
    assert shipping.next_of(OF) == 1


def test_acknowledgements_of_logs_that_never_were_are_not_remembered() -> None:
    shipping = Shipping()
    for n in range(9):
        shipping.acknowledged((bytes([n]) * 16, "metric"), [(1, 1 << 53)])
    assert len(shipping) == 0
    shipping.sent(OF, 1, 0.0)
    shipping.forget(OF[0])
    assert len(shipping) == 0


@given(st.lists(st.tuples(st.sampled_from(["sent", "old", "ack", "time", "fail"]), st.integers(1, 12)), max_size=60))
def test_everything_is_under_way_or_found_again(steps: list[tuple[str, int]]) -> None:
    shipping, mono, acknowledged, sent = Shipping(), 0.0, set[int](), set[int]()
    for what, number in steps:
        match what:
            case "sent" | "old":
                shipping.sent(OF, number, mono, old=10 * (what == "old"))
                sent.add(number)
            case "ack":
                shipping.acknowledged(OF, [(number, number + 2)])
                acknowledged |= {number, number + 1, number + 2}
            case "fail":
                shipping.not_taken(OF, number, mono, ever=False)
            case _:
                mono += 7.0
                shipping.overdue(mono)
        for one in sent - acknowledged:
            assert shipping.is_under_way(OF, one) or shipping.next_of(OF) <= one
        assert PROBE - 120 <= shipping.room(0.0) <= WINDOW


def test_a_gap_is_told_at_once_and_again_when_it_grew_or_nobody_answered() -> None:
    telling = GapTelling()
    first, wider = Lost(1, 5, 0, 9), Lost(1, 9, 0, 9)
    assert list(telling.due(OF, [first], 0.0)) == [first]
    assert list(telling.due(OF, [first], AGAIN_S - 1)) == []
    assert list(telling.due(OF, [first], AGAIN_S)) == [first]
    assert list(telling.due(OF, [wider], AGAIN_S + 1)) == [], "not with every number that is lost"
    assert list(telling.due(OF, [wider], AGAIN_S + GROWN_S)) == [wider]
    assert list(telling.due(OF, [wider, Lost(20, 20, 0, 0)], AGAIN_S + GROWN_S + 1)) == [Lost(20, 20, 0, 0)]
    assert list(telling.due(OF, [], AGAIN_S + GROWN_S + 2)) == []
    assert list(telling.due(OF, [wider], AGAIN_S + GROWN_S + 3)) == [wider], "it is another one"
    assert list(telling.due(OTHER, [wider], AGAIN_S + GROWN_S + 3)) == [wider]
