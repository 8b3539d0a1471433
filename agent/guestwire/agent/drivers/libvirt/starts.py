"""Starts under way, as files by the domains' uuids: whoever comes after one that died knows them.

A domain that is paused and has not run yet may be somebody's wish (`virsh start --paused`). Those of a start of ours are told
by a file that is there before the domain is, locked by who is at it.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_MODE = 0o600


class Start:
    """`over`: nothing is left to undo of it."""

    over = False


class Starts:
    """In a folder, which is made; None: they are not kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def left(self) -> Sequence[str]:
        """The uuids of starts that are under way, or whose starter died."""
        if self._folder is None or not self._folder.is_dir():
            return ()
        return sorted(path.name for path in self._folder.iterdir())

    @contextmanager
    def under_way(self, uuid: str) -> Iterator[Start]:
        """While the block lasts; unless it is over then, it is for who comes next. Raises BlockingIOError where somebody
        else is at it. A disk that takes no file keeps no guest off: such a start is not kept."""
        start = Start()
        file = self._locked(uuid)
        try:
            yield start
        finally:
            if file is not None:
                if start.over and self._folder is not None:
                    with suppress(OSError):
                        (self._folder / uuid).unlink()
                os.close(file)

    def _locked(self, uuid: str) -> int | None:
        if self._folder is None:
            return None
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            file = os.open(self._folder / uuid, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise
        except OSError:
            os.close(file)
            return None
        return file
