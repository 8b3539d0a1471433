"""Spans of maintenance windows as people write them, judged by the controller's own model."""

import click
import pytest

from guestwire.cli.window import span
from guestwire.controller.jobs.windows import Span


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ("mon-fri", ("mon", "tue", "wed", "thu", "fri")),
        ("sat,sun", ("sat", "sun")),
        ("fri-mon", ("fri", "sat", "sun", "mon")),
        ("mon,Mon-tue", ("mon", "tue")),
        ("sun-sun", ("sun",)),
    ],
)
def test_days(days: str, found: tuple[str, ...]) -> None:
    made = Span.model_validate(span(days, "22:00-04:00"), strict=False)
    assert (made.days, made.start, made.end) == (found, "22:00", "04:00")


@pytest.mark.parametrize(("days", "times"), [("monday", "1-2"), ("mon-", "1-2"), ("", "1-2"), ("mon", "22:00")])
def test_what_is_no_span(days: str, times: str) -> None:
    with pytest.raises(click.UsageError):
        span(days, times)
