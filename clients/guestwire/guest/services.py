"""The services of the host for its guests: off unless the project turns them on, each by itself."""

import ctypes
from typing import Literal

from guestwire.guest.handles import Opened
from guestwire.shm.layouts import NUMBERS

Service = Literal["ping", "log", "flush", "data"]
Scope = Literal["cpu", "guest", "host"]
Level = Literal["debug", "info", "warning", "error", "critical"]
_SERVICES: dict[str, int] = {name: NUMBERS[f"GW_SERVICE_{name.upper()}"] for name in ("ping", "log", "flush", "data")}
_SCOPES: dict[str, int] = {"cpu": 0, "guest": 1, "host": 2}
_LEVELS: dict[str, int] = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 4}
"""As the flags of GW_OP_LOG."""


class Services:
    """All raise GuestError: GW_DENIED, the project does not give it; GW_NOT_STARTED."""

    __slots__ = ("_opened",)

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def available(self, service: Service | None = None) -> bool:
        """Whether this guest has the service; None: any."""
        found = ctypes.c_int()
        number = 0 if service is None else _SERVICES[service]
        self._call("gw_available", number, found)
        return bool(found.value)

    def ping(self, cookie: int = 0) -> int:
        """The host's monotonic clock when it answered, in nanoseconds. The host records the cookie (64 bits) with it."""
        at = ctypes.c_uint64()
        self._call("gw_ping", cookie, at)
        return at.value

    def log(self, text: str, level: Level = "info") -> bool:
        """A line for the host's log; False: the host kept only the front of it. Raises GuestError too: GW_TOO_LARGE above
        32 KiB; GW_BUSY, too many in a short time."""
        data = text.encode()
        cut = ctypes.c_int()
        self._call("gw_log", _LEVELS[level], data, len(data), cut)
        return not cut.value

    def flush(self, scope: Scope = "guest") -> None:
        """A snapshot of the host's trace: of the current CPU, this guest's CPUs, or all of the host."""
        self._call("gw_flush", _SCOPES[scope])

    def data(self, data: bytes) -> None:
        """A binary mark for the host's trace, of 1 byte and more. Raises GuestError too: GW_UNSUPPORTED, the host has no
        trace; GW_TOO_LARGE."""
        self._call("gw_data", bytes(data), len(data))

    def _call(self, name: str, *arguments: object) -> None:
        opened = self._opened
        opened.demand(getattr(opened.library.calls, name)(opened.handle, *arguments))
