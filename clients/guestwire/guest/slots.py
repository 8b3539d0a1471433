"""Slots of a queue in place: a loan that is written, a message that is read."""

import ctypes
import sys
from types import TracebackType
from typing import Self

from guestwire.guest.handles import Handle
from guestwire.guest.library import Library

_UNUSED = 2
"""References to the bytes of a slot that nobody views: ours, and the argument of getrefcount."""


class _InPlace:
    """A slot, until it is given back. `data`: its bytes, which are not used afterwards. It holds the queue open."""

    __slots__ = ("_array", "data", "handle", "library")

    def __init__(self, library: Library, handle: Handle, address: int, length: int) -> None:
        self.library = library
        self.handle: Handle | None = handle
        self._array = (ctypes.c_char * length).from_address(address)
        self._array.handle = handle  # type: ignore[attr-defined]  # every view of it holds the queue open
        self.data = memoryview(self._array).cast("B")

    def _give_back(self, function: str, *arguments: int) -> None:
        self.data.release()
        if sys.getrefcount(self._array) > _UNUSED:
            raise BufferError("slices of these bytes are still in use: release them first")
        if code := getattr(self.library.quick, function)(self.handle, *arguments):
            raise self.library.error(code)
        self.handle = None


class Loan(_InPlace):
    """A free slot, to be written and then committed. At the end of its `with` one that was not is discarded."""

    __slots__ = ("size",)

    def __init__(self, library: Library, handle: Handle, address: int, size: int) -> None:
        super().__init__(library, handle, address, size)
        self.size = size

    def commit(self, length: int | None = None, type: int = 0) -> None:
        """Send the first `length` bytes (None: all). Raises GuestError: GW_TOO_LARGE; BufferError: slices of `data` are in
        use; ValueError: it was committed or discarded before, or the length is negative."""
        length = self.size if length is None else length
        if self.handle is None or length < 0:
            raise ValueError("a loan is committed once, with a length of 0 and more")
        self._give_back("gw_queue_commit", length, type)

    def discard(self) -> None:
        """Send nothing; again, or after a commit: nothing."""
        if self.handle is not None:
            self._give_back("gw_queue_discard")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None) -> None:
        self.discard()


class Message(_InPlace):
    """A message where it lies; its writer could still change it. `type`: the writer's word for it."""

    __slots__ = ("type",)

    def __init__(self, library: Library, handle: Handle, address: int, length: int, type: int) -> None:
        super().__init__(library, handle, address, length)
        self.data = self.data.toreadonly()
        self.type = type

    def release(self) -> None:
        """Free its slot; again: nothing. Raises BufferError: slices of `data` are in use."""
        if self.handle is not None:
            self._give_back("gw_queue_release")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None) -> None:
        self.release()
