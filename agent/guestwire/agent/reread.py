"""What is made of files, made again when they have changed: certificates are renewed and passwords replaced while the agent
runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from guestwire.agent.audit import Log
from guestwire.model.errors import GuestwireError

_T = TypeVar("_T")
_Signature = tuple[tuple[int, ...] | None, ...]


class Reread(Generic[_T]):
    """A value and the files it is made of. Files that cannot be read now leave the value as it is, and that is said once for
    each state of them: a replacement of several files is seen half done. Raises what `make` raises the first time."""

    def __init__(self, files: Sequence[Path], make: Callable[[], _T], log: Log, what: str) -> None:
        self._files = files
        self._make = make
        self._log = log
        self._what = what
        self._made_of = self._refused = _signature(files)
        self._value = make()

    @property
    def changed(self) -> bool:
        """Whether the files are others than those that `get` saw last."""
        return _signature(self._files) not in (self._made_of, self._refused)

    def get(self) -> _T:
        """The value, made of the files as they are now if they can be used."""
        now = _signature(self._files)  # before they are read: what changes meanwhile is read again next time
        if now == self._made_of:
            return self._value
        try:
            self._value = self._make()
        except GuestwireError as err:
            if now != self._refused:
                self._log.error(f"{self._what} cannot be read again: what was read before stays", code=err.code,
                                reason=err.message)  # fmt: skip
            self._refused = now
        else:
            self._made_of = self._refused = now
            self._log.info(f"{self._what} read again")
        return self._value


def _signature(files: Sequence[Path]) -> _Signature:
    """What tells one content of the files from another, without reading them."""
    return tuple(_of_one(file) for file in files)


def _of_one(file: Path) -> tuple[int, ...] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
