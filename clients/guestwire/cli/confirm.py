"""Asks before something disruptive: risk R2 for more than one target, R3 always."""

from collections.abc import Sequence

import click

from guestwire.cli.settings import Settings
from guestwire.cli.terminal import person_answers

LISTED = 10


def needs_consent(risk: int, targets: int) -> bool:
    """Whether an operation of this class of risk on so many targets is asked about."""
    return risk >= 3 or (risk == 2 and targets > 1)


def ask(settings: Settings, what: str, risk: int, targets: Sequence[str]) -> None:
    """Return when it may go on. Raises Exit(2) where nobody can be asked, Abort on a no."""
    if settings.yes or not needs_consent(risk, len(targets)):
        return
    listed = ", ".join(targets[:LISTED]) + (f" and {len(targets) - LISTED} more" if len(targets) > LISTED else "")
    if not person_answers():
        raise click.UsageError(f"This would {what} {listed}, and nobody can be asked here: add --yes if that is meant.")
    click.confirm(f"{what} {listed}?", abort=True, err=True)
