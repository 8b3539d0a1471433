"""What the C library gave, and giving it back: at once when it is closed, later when another thread or a view still uses it."""

import ctypes
import os
from types import TracebackType
from typing import Any, Self

from guestwire.guest.errors import NUMBERS, GuestError
from guestwire.guest.library import Library

CLOSED = NUMBERS["GW_CLOSED"]
_INVALID = NUMBERS["GW_INVALID"]


class Handle(ctypes.c_void_p):
    """A pointer of the library's. Whoever calls with it holds a reference, so it is given back after the last call: by the
    process that opened it, and not by one that was forked from it."""

    def __init__(self, close: Any) -> None:
        super().__init__()
        self._close = close
        self._process = os.getpid()

    def __del__(self) -> None:
        if self.value and self._process == os.getpid():
            self._close(self)


class Opened:
    """Something that is open until `close`, or the end of a `with`. Calls on it afterwards raise GW_CLOSED. `library`, `handle`
    (None: closed), `demand` and `failure` are this package's own."""

    __slots__ = ("__weakref__", "handle", "library")

    def __init__(self, library: Library, handle: Handle) -> None:
        self.library = library
        self.handle: Handle | None = handle

    def close(self) -> None:
        """Give it back; again: nothing."""
        self.handle = None  # the library takes null for one that is closed

    @property
    def closed(self) -> bool:
        return self.handle is None

    def demand(self, code: int) -> None:
        """Raises the exception of a code that is not GW_OK."""
        if code:
            raise self.failure(code)

    def failure(self, code: int, *, called: bool = True) -> GuestError:
        """The exception of a call on this handle that ended with a code; `called` false: of none, something else is wrong."""
        return self.library.error(CLOSED if code == _INVALID and self.handle is None else code, called=called)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None) -> None:
        self.close()
