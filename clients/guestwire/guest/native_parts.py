"""What a native event is made of: an eventfd, and two numbers of the library's. With these a signal is one system call and
nothing of the library's in between."""

import ctypes

from guestwire.guest.handles import Handle
from guestwire.guest.library import Library


class _Parts(ctypes.Structure):
    """struct gw_event_parts of guestwire.h."""

    _fields_ = (
        ("fd", ctypes.c_int),
        ("ended", ctypes.c_void_p),
        ("sleepers", ctypes.c_void_p),
        ("signals", ctypes.c_void_p),
    )


class NativeParts:
    """Of one event, which they hold open: see gw_event_parts in guestwire.h. Adding to a number is whole: Python changes
    threads only between statements."""

    __slots__ = ("_handle", "ended", "fd", "signals", "sleepers")

    def __init__(self, library: Library, handle: Handle) -> None:
        """Raises GuestError: GW_NOT_STARTED."""
        found = _Parts()
        if code := library.quick.gw_event_parts(handle, ctypes.byref(found)):
            raise library.error(code)
        self._handle = handle
        self.fd: int = found.fd
        # a view of machine words is read and written whole, and in less time than a ctypes object
        self.ended = memoryview((ctypes.c_byte * 4).from_address(found.ended)).cast("B").cast("i")
        self.sleepers = memoryview((ctypes.c_byte * 8).from_address(found.sleepers)).cast("B").cast("Q")
        self.signals = memoryview((ctypes.c_byte * 8).from_address(found.signals)).cast("B").cast("Q")
