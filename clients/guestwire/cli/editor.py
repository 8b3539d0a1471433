"""A draft in the user's editor: on a copy, so that nothing half-written is ever the draft."""

import hashlib
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
    next edit begins with. Raises DOCUMENT-INVALID, NOT-FOUND; EXISTS when the draft was changed meanwhile, or since the text
    that is kept was made from it: what is in one of the two would be lost."""
    before = draft.text()
    copy = draft.edited_copy
    _begin(draft, before)
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
            raise _changed_since(draft)
        return after

    if after != before:
        draft.change(take)
    copy.unlink()
    draft.edited_from.unlink(missing_ok=True)
    return after != before


def _begin(draft: Draft, before: str) -> None:
    """Make the copy that is edited, or go on with the one that is kept. Raises EXISTS."""
    copy, made_from = draft.edited_copy, draft.edited_from
    if copy.exists() and (kept := read(copy)) != before:
        noted = read(made_from).strip() if made_from.exists() else ""
        if _mark(kept) != noted:  # something was typed
            if noted != _mark(before):
                raise _changed_since(draft)
            return
    # noted first: a copy is never there without what it was made from
    locked_file.change(made_from, lambda _: _mark(before) + "\n")
    locked_file.change(copy, lambda _: before)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _changed_since(draft: Draft) -> GuestwireError:
    copy = draft.edited_copy
    return GuestwireError(
        "EXISTS",
        f"{draft.where} was changed since your text in {copy} was made from it: put what you want of that text into the "
        "draft yourself, delete it, and edit again.",
    )


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
