"""The overrides that a user keeps in a guest's folder, `overrides.toml`: applied after those of the document at every
apply, never written by us (SM 4.8, usr.config).

    [[override]]
    op = "replace"
    sel = "cpu/@mode"
    xml = "host-model"
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from guestwire.formats import strict, toml_text
from guestwire.formats.toml_text import Mistake, invalid
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Override

NAME = "overrides.toml"
BYTES_AT_MOST = 256 * 1024
OVERRIDES_AT_MOST = 64
UNCHANGED_FOR_MS = 2000
"""A file that was written a shorter while ago is read again."""


class _File(Model):
    override: tuple[Override, ...] = Field(default=(), max_length=OVERRIDES_AT_MOST)


@dataclass(frozen=True, slots=True)
class _Known:
    stamp: tuple[int, ...]
    said: tuple[Override, ...] | GuestwireError


class UserOverrides:
    """Such files, each read and parsed again only when it is another one than before. `clock_ms`: Unix ms."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._known: dict[Path, _Known] = {}

    def read(self, path: Path) -> tuple[Override, ...]:
        """As `read_overrides`."""
        known, stamp = self._known.pop(path, None), _stamp(path)
        if stamp is None:
            return read_overrides(path)
        if known is None or known.stamp != stamp:
            known = _Known(stamp, _said(path))
            # two writes within a tick of the file system's clock look the same
            if self._clock_ms() - stamp[-1] // 1_000_000 < UNCHANGED_FOR_MS:
                return _given(known.said)
        self._known[path] = known
        return _given(known.said)


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What changes with a file's content; the last is when. None: there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _said(path: Path) -> tuple[Override, ...] | GuestwireError:
    try:
        return read_overrides(path)
    except GuestwireError as err:
        return err


def _given(said: tuple[Override, ...] | GuestwireError) -> tuple[Override, ...]:
    if isinstance(said, GuestwireError):
        raise GuestwireError(said.code, said.message, detail=said.detail)
    return said


def read_overrides(path: Path) -> tuple[Override, ...]:
    """What the file says; none when there is no file. Raises DOCUMENT-INVALID with every mistake and its place."""
    try:
        found, mistakes = strict.read(_File, toml_text.read(_text(path)))
        if found is None or mistakes:
            raise invalid(mistakes)
        return found.override
    except GuestwireError as err:
        raise _in_file(path, err) from err


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_AT_MOST + 1)
    except FileNotFoundError:
        return ""
    except OSError as err:
        raise invalid([Mistake("", f"it cannot be read: {err.strerror}")]) from err
    if len(data) > BYTES_AT_MOST:
        raise invalid([Mistake("", f"it is larger than {BYTES_AT_MOST >> 10} KiB")])
    try:
        return data.decode()
    except UnicodeDecodeError as err:
        raise invalid([Mistake("", "it is not UTF-8")]) from err


def _in_file(path: Path, err: GuestwireError) -> GuestwireError:
    """The error with the file in each place."""
    issues = [
        {**issue, "path": f"{path}: {issue['path']}" if issue["path"] else str(path)} for issue in err.detail["issues"]
    ]
    return GuestwireError(err.code, f"{path}: {err.message}", detail={"issues": issues})
