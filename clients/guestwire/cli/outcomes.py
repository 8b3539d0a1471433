"""The end of a command that did the same to several targets."""

from collections.abc import Sequence
from typing import Any

import click

from guestwire.cli import failures
from guestwire.cli.exit_codes import of_several
from guestwire.cli.settings import Settings
from guestwire.sdk.bulk import Outcome


def end_with(settings: Settings, outcomes: Sequence[Outcome[Any, Any]]) -> None:
    """Say what failed, and leave with the exit code of that; return when nothing did."""
    errors = [(str(outcome.target), outcome.error) for outcome in outcomes if outcome.error is not None]
    for target, error in errors:
        failures.report(settings, error, target)
    if code := of_several(error.code for _, error in errors):
        raise click.exceptions.Exit(code)
