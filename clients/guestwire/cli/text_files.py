"""Texts for other programs, into a file or onto stdout."""

import sys
from collections.abc import Iterable
from pathlib import Path

from guestwire.cli import failures
from guestwire.cli.settings import Settings
from guestwire.model.errors import GuestwireError


def write_text(settings: Settings, text: str, file: Path | None) -> None:
    """Write a text. Raises EXISTS for a file that is there, unless --yes was given."""
    if file is None or str(file) == "-":
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    check_free(settings, [file])
    file.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    failures.remark(settings, f"written: {file}")


def check_free(settings: Settings, files: Iterable[Path]) -> None:
    """Raises EXISTS for the first of the files that is there, unless --yes was given."""
    for file in files:
        if file.exists() and not settings.yes:
            raise GuestwireError("EXISTS", f"{file} exists; --yes overwrites it.")
