"""Which level answers for which time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.store.levels import HOUR, LEVELS, MINUTE, QUARTER, RAW
from guestwire.controller.telemetry.keeping import kept
from guestwire.controller.telemetry.pieces import level_for, pieces, step_for

NOW = 1_800_000_000_000
MIN, H, DAY = 60_000, 3_600_000, 86_400_000
KEPT = kept(raw_hours=48, minutes_days=14, hours_days=400)


@pytest.mark.parametrize(
    ("ago", "step", "level", "answered"),
    [
        (H, 10_000, RAW, 10_000),
        (H, MIN, MINUTE, MIN),
        (H, 90_000, RAW, 90_000),
        (H, 15 * MIN, QUARTER, 15 * MIN),
        (H, 45 * MIN, QUARTER, 45 * MIN),
        (H, 2 * H, HOUR, 2 * H),
        (3 * DAY, 10_000, MINUTE, MIN),
        (3 * DAY, 90_000, MINUTE, 2 * MIN),
        (30 * DAY, 10_000, QUARTER, 15 * MIN),
        (30 * DAY, H, HOUR, H),
        (30 * DAY, 20 * MIN, QUARTER, 30 * MIN),
        (500 * DAY, 10_000, HOUR, H),
    ],
)
def test_the_coarsest_that_will_do(ago: int, step: int, level: object, answered: int) -> None:
    chosen = level_for(NOW - ago, step, NOW, KEPT)
    assert chosen is level
    assert step_for(chosen, step) == answered


@given(st.sampled_from(LEVELS), st.integers(0, 10 * DAY), st.integers(1, 5 * DAY))
def test_every_moment_is_answered_for_once_and_only_by_what_is_rolled_up(level: object, ago: int, length: int) -> None:
    since = NOW - ago
    parts = pieces(level, since, since + length, NOW)
    assert parts[0].since == since
    assert parts[-1].until == since + length
    assert all(one.until == two.since for one, two in pairwise(parts))
    assert [LEVELS.index(one.level) for one in parts] == sorted(
        (LEVELS.index(one.level) for one in parts), reverse=True
    )
    for one in parts:
        assert one.since < one.until
        if one.level is not RAW:
            assert one.until % one.level.width_ms == 0 or one.until == since + length
            assert one.until <= NOW - 3 * MIN


def test_how_long_is_kept_grows_with_the_level() -> None:
    assert list(kept(raw_hours=100 * 24, minutes_days=1, hours_days=2).values()) == [100 * DAY] * 4
    assert list(KEPT.values()) == [2 * DAY, 14 * DAY, 400 * DAY, 400 * DAY]
