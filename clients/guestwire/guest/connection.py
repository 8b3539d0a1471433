"""An attachment to guestwire-comm, and what is opened from it."""

import ctypes
from typing import Any

from guestwire.guest.errors import NUMBERS as CODES
from guestwire.guest.events import INITIAL, MANUAL, Event
from guestwire.guest.handles import Handle, Opened
from guestwire.guest.library import Library, load
from guestwire.guest.locks import Lock
from guestwire.guest.queues import Reader, Writer
from guestwire.guest.regions import READ, WRITE, Region, RegionInfo, Row, region_info
from guestwire.guest.services import Services
from guestwire.shm.layouts import NUMBERS

_NOT_STARTED = CODES["GW_NOT_STARTED"]


class Connection(Opened):
    """One peer. Used by many threads at once; not after a fork. After guestwire-comm was restarted every call raises
    GW_NOT_STARTED: close it and open another. Memory that is mapped stays mapped."""

    __slots__ = ()

    @classmethod
    def open(cls, where: str | None = None, *, library: Library | None = None) -> "Connection":
        """Attach. `where` as in guestwire.h: None finds out; "unix:PATH", "unix:PATH?guest=NAME", "doorbell", "serial",
        "serial:PATH". Raises GuestError: GW_NOT_STARTED, guestwire-comm is not there; GW_BUSY, another process has the
        device; GW_UNSUPPORTED, the text says what this guest lacks; GW_DENIED. Raises LibraryMissing."""
        library = library or load()
        handle = Handle(library.calls.gw_close)
        code = library.calls.gw_open(ctypes.byref(handle), None if where is None else where.encode())
        if code:
            raise library.error(code)
        return cls(library, handle)

    @property
    def peer(self) -> int:
        """This peer's number: what it writes into lock words."""
        number = ctypes.c_uint32()
        self.demand(self.library.quick.gw_peer(self.handle, number))
        return number.value

    @property
    def way(self) -> str:
        """ "socket", "doorbell" or "serial"."""
        found: bytes = self.library.quick.gw_way(self.handle)
        return found.decode()

    @property
    def alive(self) -> bool:
        """Whether guestwire-comm serves this peer. Asks nobody."""
        return self.handle is not None and self.library.quick.gw_alive(self.handle) == 0

    @property
    def services(self) -> Services:
        """Log, ping, flush, data: where the project gives them."""
        return Services(self)

    def ready(self) -> None:
        """Tell the host that this guest is up and at work (ready_when = heartbeat)."""
        self.demand(self.library.calls.gw_ready(self.handle))

    def region_list(self) -> list[RegionInfo]:
        """The areas this peer has."""
        room = 64
        while True:
            rows, count = (Row * room)(), ctypes.c_size_t()
            self.demand(self.library.calls.gw_region_list(self.handle, rows, room, count))
            if count.value <= room:
                return [region_info(row) for row in rows[: count.value]]
            room = count.value

    def region_open(self, name: str, *, write: bool = False) -> Region:
        """Map an area. Raises GuestError: GW_NOT_FOUND; GW_DENIED, the project gives less."""
        handle = self._open("gw_region_open", "gw_region_close", name, READ | (WRITE if write else 0))
        return Region(self.library, handle, name, writable=write)

    def event_create(self, name: str, *, manual: bool = False, initial: bool = False) -> Event:
        """Open an event, or make it when there is none; of one that is there `initial` is ignored. Raises GuestError:
        GW_DENIED; GW_EXISTS, there is one of the other reset kind; GW_FULL, this peer made too many."""
        handle, existed = Handle(self.library.calls.gw_event_close), ctypes.c_int()
        flags = (MANUAL if manual else 0) | (INITIAL if initial else 0)
        out = ctypes.byref(handle)
        self.demand(self.library.calls.gw_event_create(self.handle, self._encoded(name), flags, out, existed))
        return Event(self, self.library, handle, name, existed=bool(existed.value))

    def event_open(self, name: str) -> Event:
        """Open an event that is there. Raises GuestError: GW_NOT_FOUND, GW_DENIED."""
        return Event(self, self.library, self._open("gw_event_open", "gw_event_close", name), name)

    def queue_reader(self, name: str) -> Reader:
        """Open a queue for reading. Raises GuestError: GW_NOT_FOUND, GW_DENIED; GW_BUSY, another process reads it."""
        handle = self._open("gw_queue_open", "gw_queue_close", name, NUMBERS["GW_READER"])
        return Reader(self, self.library, handle, name)

    def queue_writer(self, name: str) -> Writer:
        """Open a queue for writing. Raises GuestError: GW_NOT_FOUND, GW_DENIED; GW_BUSY, another process of this guest
        writes."""
        handle = self._open("gw_queue_open", "gw_queue_close", name, NUMBERS["GW_WRITER"])
        return Writer(self, self.library, handle, name)

    def lock_open(self, name: str) -> Lock:
        """Raises GuestError: GW_NOT_FOUND, GW_DENIED."""
        return Lock(self, self.library, self._open("gw_lock_open", "gw_lock_close", name), name)

    def _open(self, function: str, close: str, name: str, *arguments: Any) -> Handle:
        handle = Handle(getattr(self.library.calls, close))
        opening = getattr(self.library.calls, function)
        self.demand(opening(self.handle, self._encoded(name), *arguments, ctypes.byref(handle)))
        return handle

    def _encoded(self, name: str) -> bytes:
        """As C takes it. Raises GuestError: GW_INVALID, it has a zero in it."""
        if "\0" in name:
            raise self.failure(CODES["GW_INVALID"], called=False)
        return name.encode()
