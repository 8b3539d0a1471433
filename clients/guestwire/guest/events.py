"""Named events: set, reset, wait for one or for any."""

import ctypes
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from guestwire.guest.errors import NUMBERS as CODES
from guestwire.guest.handles import Handle, Opened
from guestwire.guest.library import Library
from guestwire.guest.native_parts import NativeParts
from guestwire.guest.waiting import SLICE_MS, TIMEOUT, first_ms, wait_on
from guestwire.shm.layouts import NUMBERS, WAIT_ANY_MAX

if TYPE_CHECKING:
    from guestwire.guest.connection import Connection

MANUAL, NATIVE, DIRECT = NUMBERS["GW_MANUAL"], NUMBERS["GW_NATIVE"], NUMBERS["GW_DIRECT"]
INITIAL = NUMBERS["GW_INITIAL"]
_SLICE = ctypes.c_int64(SLICE_MS)
_MAY_SIGNAL, _MAY_WAIT = NUMBERS["GW_MAY_SIGNAL"], NUMBERS["GW_MAY_WAIT"]
_eventfd_read, _eventfd_write = os.eventfd_read, os.eventfd_write


class Event(Opened):
    """An event that is open. An auto event releases one waiter and is unset by that; a manual one releases all until it is
    reset. The state is kept, not the signal: two sets before a wait are one. `existed`: it was there before it was opened."""

    __slots__ = (
        "_comes_apart",
        "_connection",
        "_parts",
        "_set",
        "_wait",
        "direct",
        "existed",
        "manual",
        "may_signal",
        "may_wait",
        "name",
        "native",
    )

    def __init__(
        self, connection: "Connection", library: Library, handle: Handle, name: str, *, existed: bool = True
    ) -> None:
        super().__init__(library, handle)
        flags, rights = library.quick.gw_event_flags(handle), library.quick.gw_event_rights(handle)
        self._connection = connection
        self.name = name
        self.existed = existed
        self.manual = bool(flags & MANUAL)
        self.native = bool(flags & NATIVE)
        self.direct = bool(flags & DIRECT)
        self.may_signal = bool(rights & _MAY_SIGNAL)
        self.may_wait = bool(rights & _MAY_WAIT)
        # an eventfd is written at once; a request may find guestwire-comm's socket full
        self._set = (library.quick if self.native else library.calls).gw_event_set
        self._wait = library.calls.gw_event_wait
        self._comes_apart = self.native and not self.manual and self.may_signal and self.may_wait
        self._parts: NativeParts | None = None
        """Once it was used; None: it does not come apart, or was not, or is closed."""

    def close(self) -> None:
        """Give it back; again: nothing."""
        super().close()
        self._parts = None

    def set(self) -> None:
        """Raises GuestError: GW_DENIED, this peer may not signal it."""
        parts = self._parts
        if parts is None:
            if code := self._set(self.handle):
                raise self.failure(code)
            if self._comes_apart:
                self._take_apart()
            return
        if code := parts.ended[0]:
            raise self.failure(code, called=False)
        parts.signals[0] += 1
        try:
            _eventfd_write(parts.fd, 1)
        except BlockingIOError:
            return  # it does not sleep, and is set very often

    def reset(self) -> None:
        """Unset it. Raises GuestError: GW_DENIED, this peer may not signal it."""
        self.demand(self.library.calls.gw_event_reset(self.handle))

    def is_set(self) -> bool:
        """Whether it is set at some moment during the call. Consumes nothing."""
        found = ctypes.c_int()
        self.demand(self.library.calls.gw_event_is_set(self.handle, found))
        return bool(found.value)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most `timeout` seconds: whether it was. An auto event is unset by exactly this call. Raises
        GuestError: GW_DENIED, this peer may not wait for it; GW_NOT_STARTED."""
        if timeout is None and (parts := self._parts) is not None:
            ended, sleepers = parts.ended, parts.sleepers
            sleepers[0] += 1
            try:
                if not ended[0]:
                    _eventfd_read(parts.fd)
                    if not ended[0]:
                        return True
            except (InterruptedError, BlockingIOError):
                pass  # a signal came, or somebody made it an eventfd that does not sleep: the library goes on
            finally:
                sleepers[0] -= 1
        code = self._wait(self.handle, _SLICE if timeout is None else ctypes.c_int64(first_ms(timeout)))
        if code == TIMEOUT:
            code = wait_on(self.wait_slice, timeout)
            if code == TIMEOUT:
                return False
        if code:
            raise self.failure(code)
        if self._comes_apart:
            self._take_apart()
        return True

    def set_and_wait(self, answer: "Event", timeout: float | None = None) -> bool:
        """Set this event and wait for another of the same connection: `set` and `answer.wait` in one request where
        guestwire-comm decides both, so half the messages of a question and its answer. Raises GuestError as the two."""
        code = self.library.calls.gw_event_set_and_wait(self.handle, answer.handle, first_ms(timeout))
        if code == TIMEOUT:
            code = wait_on(answer.wait_slice, timeout)  # it is set: only the wait goes on
        if code == TIMEOUT:
            return False
        self.demand(code)
        return True

    def _take_apart(self) -> None:
        """From now on the eventfd itself: the event was used, so it is likely to be again."""
        if self._comes_apart and self._parts is None and (handle := self.handle) is not None:
            self._parts = NativeParts(self.library, handle)
            if self.handle is None:  # closed meanwhile
                self._parts = None

    def wait_slice(self, ms: int) -> int:
        """The code of one wait in C, for at most so many milliseconds."""
        return int(self._wait(self.handle, ctypes.c_int64(ms)))

    def fileno(self) -> int:
        """The descriptor of a native event, for a poll loop: readable while the event is set; `wait(0)` takes it. Raises
        GuestError: GW_UNSUPPORTED for other events."""
        fd: int = self.library.quick.gw_event_fd(self.handle)
        if fd < 0:
            raise self.failure(CODES["GW_UNSUPPORTED" if self.handle is not None else "GW_INVALID"], called=False)
        return fd


def wait_any(events: Sequence[Event], timeout: float | None = None) -> Event | None:
    """Wait for any of 1 to 16 events of one connection: the one that ended the wait, and no other was consumed; None: the time
    passed. Raises GuestError as `Event.wait`, and ValueError for their number."""
    if not 1 <= len(events) <= WAIT_ANY_MAX:
        raise ValueError(f"wait_any takes 1 to {WAIT_ANY_MAX} events, not {len(events)}")
    library = events[0].library
    held = [event.handle for event in events]  # not given back before the wait ends
    handles = (ctypes.c_void_p * len(held))(*[None if one is None else one.value for one in held])
    which = ctypes.c_size_t()

    def call(ms: int) -> int:
        return int(library.calls.gw_event_wait_any(handles, len(held), ms, which))

    code = call(first_ms(timeout))
    if code == TIMEOUT:
        code = wait_on(call, timeout)
    if code == TIMEOUT:
        return None
    if code:
        raise next((event.failure(code) for event in events if event.closed), library.error(code))
    return events[which.value]
