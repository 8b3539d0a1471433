"""A draft in the user's editor: on a copy, so that nothing half-written is ever the draft."""

import os
import shlex
import subprocess
from pathlib import Path

import click

from guestwire.cli import failures
from guestwire.cli.settings import Settings
from guestwire.cli.terminal import person_answers
from guestwire.model.errors import GuestwireError
from guestwire.sdk import locked_file
from guestwire.sdk.project_store import Draft, loaded, read


def edited(draft: Draft) -> bool:
    """Let the user edit the draft; whether it was changed. A text with mistakes stays beside the draft, and is what the
    next edit begins with. Raises DOCUMENT-INVALID, EXISTS when somebody else changed the draft meanwhile, NOT-FOUND."""
    before = draft.text()
    copy = draft.path.with_name(f".{draft.path.stem}.edited.toml")
    locked_file.change(copy, lambda kept: kept or before)
    while True:
        _run(copy)
        after = read(copy)
        try:
            draft.of(loaded(after, copy))
            break
        except GuestwireError as err:
            if not person_answers():
                raise GuestwireError(
                    err.code, f"{err.message} (your text is kept in {copy})", detail=err.detail
                ) from err
            failures.report(Settings(), err)
            if not click.confirm("Edit again?", default=True, err=True):
                raise GuestwireError(err.code, f"Nothing was changed; your text is kept in {copy}.") from err

    def take(now: str) -> str:
        if now != before:
            raise GuestwireError(
                "EXISTS", f"{draft.path} was changed by somebody else meanwhile; your text is kept in {copy}."
            )
        return after

    if after != before:
        draft.change(take)
    copy.unlink()
    return after != before


def _run(path: Path) -> None:
    """Wait for the user's editor. Raises PROCESS-FAILED."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        done = subprocess.run([*shlex.split(command), str(path)], check=False)
    except (OSError, ValueError) as err:
        raise GuestwireError("PROCESS-FAILED", f"The editor {command!r} cannot be started: {err}") from err
    if done.returncode != 0:
        raise GuestwireError(
            "PROCESS-FAILED", f"{command} ended with {done.returncode}: nothing was changed; your text is in {path}."
        )
