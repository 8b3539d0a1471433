"""Queues: one way, of messages with a bound, each writer's in its order. By copies, or in place: a loan to write into, a
message taken to read from.

`put` and `get` are called a million times in a second: they do little besides the call.
"""

import ctypes
from typing import TYPE_CHECKING

from guestwire.guest.errors import NUMBERS as CODES
from guestwire.guest.handles import Handle, Opened
from guestwire.guest.library import Library
from guestwire.guest.slots import Loan, Message
from guestwire.guest.waiting import TIMEOUT, first_ms, wait_on

if TYPE_CHECKING:
    from guestwire.guest.connection import Connection

_EMPTY, _TOO_LARGE = CODES["GW_EMPTY"], CODES["GW_TOO_LARGE"]
_INVALID = CODES["GW_INVALID"]


class _Sizes(dict[int, ctypes.c_size_t]):
    """Lengths as C has them: those of short messages are made once."""

    def __missing__(self, length: int) -> ctypes.c_size_t:
        made = ctypes.c_size_t(length)
        if length <= 4096:
            self[length] = made
        return made


_SIZES = _Sizes()
_UNTYPED = ctypes.c_uint32(0)


class _End(Opened):
    """What both ends of a queue have."""

    __slots__ = ("_connection", "name")

    def __init__(self, connection: "Connection", library: Library, handle: Handle, name: str) -> None:
        super().__init__(library, handle)
        self._connection = connection
        self.name = name

    @property
    def slot_bytes(self) -> int:
        """Bytes of the longest message; 0: it is closed."""
        found: int = self.library.quick.gw_queue_slot_bytes(self.handle)
        return found

    @property
    def depth(self) -> int:
        """Messages that wait in it; for a writer: of its own."""
        messages = ctypes.c_uint64()
        self.demand(self.library.quick.gw_queue_depth(self.handle, messages))
        return messages.value


class Writer(_End):
    """The end that puts messages. `type` is the writer's word for what a message is, 32 bits."""

    __slots__ = ("_put",)

    def __init__(self, connection: "Connection", library: Library, handle: Handle, name: str) -> None:
        super().__init__(connection, library, handle, name)
        self._put = library.quick.gw_queue_put

    def put(self, data: bytes | bytearray | memoryview, type: int = 0) -> None:
        """Copy a message in, at once. Raises GuestError: GW_FULL, GW_TOO_LARGE."""
        if data.__class__ is not bytes:
            data = bytes(data)
        kind = ctypes.c_uint32(type) if type else _UNTYPED
        if code := self._put(self.handle, data, _SIZES[len(data)], kind):
            raise self.failure(code)

    def put_wait(self, data: bytes | bytearray | memoryview, type: int = 0, timeout: float | None = None) -> None:
        """The same; waits for a free slot. Raises GuestError: GW_TIMEOUT, GW_TOO_LARGE."""
        first, handle, data = first_ms(timeout), self.handle, bytes(data)
        code = self.library.quick.gw_queue_put_wait(handle, data, len(data), type, 0)
        if code == TIMEOUT:
            put = self.library.calls.gw_queue_put_wait
            code = put(handle, data, len(data), type, first)
            if code == TIMEOUT:
                code = wait_on(lambda ms: int(put(handle, data, len(data), type, ms)), timeout)
        if code:
            raise self.failure(code)

    def loan(self) -> Loan:
        """The free slot, to be written in place. Raises GuestError: GW_FULL; GW_BUSY, there is a loan already."""
        address, size = ctypes.c_void_p(), ctypes.c_size_t()
        handle = self.handle
        code = self.library.quick.gw_queue_loan(handle, ctypes.byref(address), ctypes.byref(size))
        return self._lent(code, handle, address, size)

    def loan_wait(self, timeout: float | None = None) -> Loan:
        """The same; waits for a free slot. Raises GuestError: GW_TIMEOUT."""
        first, address, size = first_ms(timeout), ctypes.c_void_p(), ctypes.c_size_t()
        handle, loan = self.handle, self.library.calls.gw_queue_loan_wait

        def call(ms: int) -> int:
            return int(loan(handle, ctypes.byref(address), ctypes.byref(size), ms))

        code = self.library.quick.gw_queue_loan_wait(handle, ctypes.byref(address), ctypes.byref(size), 0)
        if code == TIMEOUT:
            code = call(first)
        if code == TIMEOUT:
            code = wait_on(call, timeout)
        return self._lent(code, handle, address, size)

    def _lent(self, code: int, handle: Handle | None, address: ctypes.c_void_p, size: ctypes.c_size_t) -> Loan:
        self.demand(code)
        if handle is None or address.value is None:
            raise self.failure(_INVALID, called=False)
        return Loan(self.library, handle, address.value, size.value)


class _Copy:
    """Where a message is copied to, by one thread at a time."""

    __slots__ = ("buffer", "bytes", "length", "length_at", "room", "size")

    def __init__(self, size: int) -> None:
        self.buffer = (ctypes.c_char * size)()
        self.bytes = memoryview(self.buffer).cast("B")
        self.room = size
        self.size = ctypes.c_size_t(size)
        self.length = ctypes.c_size_t()
        self.length_at = ctypes.byref(self.length)


class Reader(_End):
    """The end that takes messages: of all writers, in turn."""

    __slots__ = ("_copies", "_get", "_room")

    def __init__(self, connection: "Connection", library: Library, handle: Handle, name: str) -> None:
        super().__init__(connection, library, handle, name)
        self._get = library.quick.gw_queue_get
        self._copies: list[_Copy] = []
        self._room = max(1, self.slot_bytes)

    def get(self) -> bytes | None:
        """Copy the next message out; None: there is none. For its type, `take` it."""
        copies = self._copies
        copy = copies.pop() if copies else _Copy(self._room)
        code = self._get(self.handle, copy.buffer, copy.size, copy.length_at, None)
        if not code:
            length = copy.length.value
            data: bytes = copy.buffer.raw if length == copy.room else copy.bytes[:length].tobytes()
            copies.append(copy)
            return data
        return self._none(code, copy)

    def get_wait(self, timeout: float | None = None) -> bytes | None:
        """The same; waits for a message; None: the time passed."""
        first = first_ms(timeout)
        if (found := self.get()) is not None:
            return found
        handle, get, copy = self.handle, self.library.calls.gw_queue_get_wait, _Copy(self._room)

        def call(ms: int) -> int:
            return int(get(handle, copy.buffer, copy.size.value, copy.length_at, None, ms))

        code = call(first)
        if code == TIMEOUT:
            code = wait_on(call, timeout)
        return copy.bytes[: copy.length.value].tobytes() if not code else self._none(code, copy)

    def take(self) -> Message | None:
        """The next message in place; None: there is none. Raises GuestError: GW_BUSY, one was taken and not released."""
        address, length, type = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_uint32()
        handle = self.handle
        take = self.library.quick.gw_queue_take
        code = take(handle, ctypes.byref(address), ctypes.byref(length), ctypes.byref(type))
        return self._taken(code, handle, address, length, type)

    def take_wait(self, timeout: float | None = None) -> Message | None:
        """The same; waits for a message; None: the time passed."""
        first = first_ms(timeout)
        if (found := self.take()) is not None:
            return found
        address, length, type = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_uint32()
        handle, take = self.handle, self.library.calls.gw_queue_take_wait

        def call(ms: int) -> int:
            return int(take(handle, ctypes.byref(address), ctypes.byref(length), ctypes.byref(type), ms))

        code = call(first)
        if code == TIMEOUT:
            code = wait_on(call, timeout)
        return self._taken(code, handle, address, length, type)

    def _taken(
        self, code: int, handle: Handle | None, address: ctypes.c_void_p, length: ctypes.c_size_t, type: ctypes.c_uint32
    ) -> Message | None:
        if code in (_EMPTY, TIMEOUT):
            return None
        self.demand(code)
        if handle is None or address.value is None:
            raise self.failure(_INVALID, called=False)
        return Message(self.library, handle, address.value, length.value, type.value)

    def _none(self, code: int, copy: _Copy) -> bytes | None:
        self._copies.append(copy)
        if code == _TOO_LARGE and copy.length.value > self._room:  # the queue was laid out anew, with larger slots
            self._room = copy.length.value
            self._copies.clear()
            return self.get()
        if code not in (_EMPTY, TIMEOUT):
            raise self.failure(code)
        return None
