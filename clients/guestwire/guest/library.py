"""libguestwire.so, by ctypes: where it is, and the functions of guestwire.h with their types. Only the other modules of this
package call them."""

import ctypes
import os
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from guestwire.guest.errors import GuestError, LibraryMissing

VARIABLE = "GUESTWIRE_LIBRARY"
_FILE = "libguestwire.so"
_SYSTEM = "libguestwire.so.1"
_HERE = Path(__file__).parent
_BUILT = _HERE.parents[2] / ".cache/guest-library"
"""Where `make -C guest/c` puts what it builds."""

_OUT = c_void_p  # the address of a variable: byref() of it
_FUNCTIONS: tuple[tuple[str, Any, tuple[Any, ...]], ...] = (
    ("gw_open", c_int, (_OUT, c_char_p)),
    ("gw_close", c_int, (c_void_p,)),
    ("gw_error_text", c_char_p, (c_int,)),
    ("gw_error_detail", c_char_p, ()),
    ("gw_peer", c_int, (c_void_p, POINTER(c_uint32))),
    ("gw_way", c_char_p, (c_void_p,)),
    ("gw_alive", c_int, (c_void_p,)),
    ("gw_ready", c_int, (c_void_p,)),
    ("gw_region_list", c_int, (c_void_p, c_void_p, c_size_t, POINTER(c_size_t))),
    ("gw_region_open", c_int, (c_void_p, c_char_p, c_uint32, _OUT)),
    ("gw_region_data", c_void_p, (c_void_p,)),
    ("gw_region_size", c_size_t, (c_void_p,)),
    ("gw_region_generation", c_uint64, (c_void_p,)),
    ("gw_region_check", c_int, (c_void_p,)),
    ("gw_region_close", c_int, (c_void_p,)),
    ("gw_event_create", c_int, (c_void_p, c_char_p, c_uint32, _OUT, POINTER(c_int))),
    ("gw_event_open", c_int, (c_void_p, c_char_p, _OUT)),
    ("gw_event_reset", c_int, (c_void_p,)),
    ("gw_event_is_set", c_int, (c_void_p, POINTER(c_int))),
    ("gw_event_set_and_wait", c_int, (c_void_p, c_void_p, c_int64)),
    ("gw_event_wait_any", c_int, (c_void_p, c_size_t, c_int64, POINTER(c_size_t))),
    ("gw_event_flags", c_uint32, (c_void_p,)),
    ("gw_event_rights", c_uint32, (c_void_p,)),
    ("gw_event_fd", c_int, (c_void_p,)),
    ("gw_event_parts", c_int, (c_void_p, _OUT)),
    ("gw_event_close", c_int, (c_void_p,)),
    ("gw_queue_open", c_int, (c_void_p, c_char_p, c_uint32, _OUT)),
    ("gw_queue_slot_bytes", c_size_t, (c_void_p,)),
    ("gw_queue_depth", c_int, (c_void_p, POINTER(c_uint64))),
    ("gw_queue_put_wait", c_int, (c_void_p, c_char_p, c_size_t, c_uint32, c_int64)),
    ("gw_queue_get_wait", c_int, (c_void_p, c_void_p, c_size_t, _OUT, _OUT, c_int64)),
    ("gw_queue_loan", c_int, (c_void_p, _OUT, _OUT)),
    ("gw_queue_loan_wait", c_int, (c_void_p, _OUT, _OUT, c_int64)),
    ("gw_queue_commit", c_int, (c_void_p, c_size_t, c_uint32)),
    ("gw_queue_discard", c_int, (c_void_p,)),
    ("gw_queue_take", c_int, (c_void_p, _OUT, _OUT, _OUT)),
    ("gw_queue_take_wait", c_int, (c_void_p, _OUT, _OUT, _OUT, c_int64)),
    ("gw_queue_release", c_int, (c_void_p,)),
    ("gw_queue_close", c_int, (c_void_p,)),
    ("gw_lock_open", c_int, (c_void_p, c_char_p, _OUT)),
    ("gw_lock_try", c_int, (c_void_p,)),
    ("gw_lock_acquire", c_int, (c_void_p, c_int64)),
    ("gw_lock_release", c_int, (c_void_p,)),
    ("gw_lock_token", c_int, (c_void_p, POINTER(c_uint64))),
    ("gw_lock_owner", c_int, (c_void_p, POINTER(c_uint32))),
    ("gw_lock_close", c_int, (c_void_p,)),
    ("gw_available", c_int, (c_void_p, c_uint32, POINTER(c_int))),
    ("gw_ping", c_int, (c_void_p, c_uint64, POINTER(c_uint64))),
    ("gw_log", c_int, (c_void_p, c_uint32, c_char_p, c_size_t, POINTER(c_int))),
    ("gw_flush", c_int, (c_void_p, c_uint32)),
    ("gw_data", c_int, (c_void_p, c_char_p, c_size_t)),
)

_UNCHECKED = ("gw_event_set", "gw_event_wait", "gw_queue_put", "gw_queue_get")
"""Called very often: their callers pass arguments of C's own types, so that ctypes need not convert them. They return int."""


class Library:
    """The functions of one libguestwire.so. `calls` lets other threads run meanwhile: for what may take time. `quick` does
    not: for what never waits for another thread of this process, and takes less time than letting them."""

    def __init__(self, path: str) -> None:
        """Raises OSError: there is no such library; AttributeError: it is another version's."""
        self.path = path
        self.calls: Any = ctypes.CDLL(path)
        self.quick: Any = ctypes.PyDLL(path)
        self._texts: dict[int, str] = {}
        for name, result, arguments in _FUNCTIONS:
            for functions in (self.calls, self.quick):
                function = getattr(functions, name)
                function.restype, function.argtypes = result, arguments
        for name in _UNCHECKED:
            getattr(self.quick, name)  # it is there

    def error(self, number: int, *, called: bool = True) -> GuestError:
        """The exception for a code that this thread's last call ended with; `called` false: no call did."""
        text = self._texts.get(number)
        if text is None:
            text = self._texts[number] = self.quick.gw_error_text(number).decode()
        detail = self.quick.gw_error_detail().decode("utf-8", "replace") if called else ""
        return GuestError(number, text, detail)


def candidates() -> Iterator[str]:
    """Where the library may be, the first that is there counts: what $GUESTWIRE_LIBRARY names, beside this package, where
    its Makefile builds it, the system's."""
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    for place in (_HERE / _FILE, _BUILT / _FILE):
        if place.is_file():
            yield str(place)
    yield _SYSTEM


@cache
def load(path: str | None = None) -> Library:
    """The library at `path`; None: wherever it is. Raises LibraryMissing."""
    for place in candidates() if path is None else (path,):
        try:
            return Library(place)
        except OSError as err:
            wrong: Exception = err
        except AttributeError as err:
            raise LibraryMissing(f"{place} is not the library of this version of guestwire.guest: {err}") from err
    raise LibraryMissing(
        f"libguestwire.so is not here ({wrong}): build it with `make -C {_HERE / 'c'}`, install the package libguestwire, "
        f"or name its file in {VARIABLE}"
    )
