"""What the broker is told and when."""

import pytest

from guestwire.site.broker_duty import LONGEST_AGAIN_S, BrokerDuty


def test_it_begins_with_a_reload_once() -> None:
    duty = BrokerDuty(0, restarts=True)
    assert duty.due(0) == "reload"
    duty.done()
    assert duty.due(1000) is None
    duty.written("nothing", 1000)
    assert duty.due(1000) is None


@pytest.mark.parametrize(
    ("restarts", "actions", "due", "by_hand"),
    [
        (True, ("reload",), "reload", False),
        (True, ("restart",), "restart", False),
        (True, ("restart", "reload"), "restart", False),
        (True, ("reload", "restart"), "restart", False),
        (False, ("restart",), "reload", True),
        (False, ("reload",), "reload", False),
    ],
)
def test_the_heavier_of_what_is_owed(restarts: bool, actions: tuple[str, ...], due: str, by_hand: bool) -> None:
    duty = BrokerDuty(0, restarts=restarts)
    for action in actions:
        duty.written(action, 0)  # type: ignore[arg-type]
    assert duty.due(0) == due
    assert any(duty.by_hand(action) for action in actions) == by_hand  # type: ignore[arg-type]
    duty.done()
    assert duty.due(0) is None


def test_what_fails_is_tried_again_later_and_later_and_at_once_when_there_is_more() -> None:
    duty, now, waits = BrokerDuty(0, restarts=False), 0.0, []
    for _ in range(8):
        assert duty.due(now) == "reload"
        duty.failed(now)
        assert duty.due(now) is None
        at = next(second for second in range(100) if duty.due(now + second))
        waits.append(at)
        now += at
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1, LONGEST_AGAIN_S)
    duty.failed(now)
    duty.written("reload", now)
    assert duty.due(now) == "reload"
    duty.done()
    duty.written("reload", now)
    duty.failed(now)
    assert duty.due(now + 1) == "reload", "after a success the first wait is short again"
