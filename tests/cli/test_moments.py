"""Times as people write them."""

import click
import pytest

from guestwire.cli.moments import duration_ms, moment_ms

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [("90", 90_000), ("90s", 90_000), ("30m", 1_800_000), ("2h", 7_200_000), ("1d", 86_400_000), ("1w", 604_800_000)],
)
def test_lengths_of_time(text: str, ms: int) -> None:
    assert duration_ms(text) == ms
    assert moment_ms(text, NOW) == NOW - ms


def test_moments() -> None:
    assert moment_ms("1970-01-02T00:00:00+00:00", NOW) == 86_400_000
    assert moment_ms("9999999w", NOW) == 0


@pytest.mark.parametrize("text", ["", "0", "-5s", "5y", "yesterday", "2026-13-01", "1.5h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(click.UsageError):
        moment_ms(text, NOW)
