"""The options of commands that change one thing of a host's configuration in one go. Light: read by every `--help`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from guestwire.cli.project_options import COMMENT, CONFIRM_WITHIN, NO_CONFIRM

DRY_RUN = click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def change_options(function: FunctionT) -> FunctionT:
    """Adds them: `dry_run`, `confirm_s`, `no_confirm` and `comment`."""
    for option in (COMMENT, NO_CONFIRM, CONFIRM_WITHIN, DRY_RUN):
        function = option(function)
    return function
