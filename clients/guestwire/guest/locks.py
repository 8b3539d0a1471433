"""Locks by name, between guests and the processes of the host."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from guestwire.guest.errors import NUMBERS as CODES
from guestwire.guest.handles import Handle, Opened
from guestwire.guest.library import Library
from guestwire.guest.waiting import TIMEOUT, first_ms, wait_on

if TYPE_CHECKING:
    from guestwire.guest.connection import Connection

_BUSY, _OWNER_DIED = CODES["GW_BUSY"], CODES["GW_OWNER_DIED"]


class Held(NamedTuple):
    """An acquisition. `token`: greater with each, a fencing token; `owner_died`: the holder before died with it, so what the
    lock guards may be half written."""

    token: int
    owner_died: bool


class Lock(Opened):
    """A lock. Closing it releases it."""

    __slots__ = ("_connection", "name")

    def __init__(self, connection: "Connection", library: Library, handle: Handle, name: str) -> None:
        super().__init__(library, handle)
        self._connection = connection
        self.name = name

    def try_acquire(self) -> Held | None:
        """None: somebody has it."""
        code = self.library.calls.gw_lock_try(self.handle)
        return None if code == _BUSY else self._held(code)

    def acquire(self, timeout: float | None = None) -> Held:
        """Wait for it, at most `timeout` seconds. Raises GuestError: GW_TIMEOUT, GW_NOT_STARTED."""
        handle, acquire = self.handle, self.library.calls.gw_lock_acquire
        code = acquire(handle, first_ms(timeout))
        if code == TIMEOUT:
            code = wait_on(lambda ms: int(acquire(handle, ms)), timeout)
        return self._held(code)

    def _held(self, code: int) -> Held:
        if code and code != _OWNER_DIED:
            raise self.failure(code)
        return Held(self.token, code == _OWNER_DIED)

    def release(self) -> None:
        """Raises GuestError: GW_NOT_OWNER, it was not acquired by this object, or by another thread of a robust one."""
        self.demand(self.library.calls.gw_lock_release(self.handle))

    @property
    def token(self) -> int:
        """The fencing token of the acquisition that holds. Raises GuestError: GW_NOT_OWNER."""
        token = ctypes.c_uint64()
        self.demand(self.library.quick.gw_lock_token(self.handle, token))
        return token.value

    @property
    def owner(self) -> int:
        """The peer number of the holder; 0: it is free."""
        owner = ctypes.c_uint32()
        self.demand(self.library.quick.gw_lock_owner(self.handle, owner))
        return owner.value

    @contextmanager
    def held(self, timeout: float | None = None) -> Iterator[Held]:
        """Acquired while the block lasts."""
        got = self.acquire(timeout)
        try:
            yield got
        finally:
            self.release()
