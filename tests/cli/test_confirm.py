"""What is asked about, and what happens where nobody can be asked."""

import click
import pytest

from guestwire.cli.confirm import ask, needs_consent
from guestwire.cli.settings import Settings


@pytest.mark.parametrize(
    ("risk", "targets", "asked"), [(0, 9, False), (1, 9, False), (2, 1, False), (2, 2, True), (3, 1, True)]
)
def test_what_is_asked_about(risk: int, targets: int, asked: bool) -> None:
    assert needs_consent(risk, targets) is asked


def test_nobody_to_ask_is_a_usage_error() -> None:
    with pytest.raises(click.UsageError, match="--yes"):
        ask(Settings(), "destroy", 2, ["h1/a", "h1/b"])


def test_yes_is_consent() -> None:
    ask(Settings(yes=True), "destroy", 3, ["h1/a"])
