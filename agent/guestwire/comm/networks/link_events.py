"""Says that interfaces of this network namespace changed: a tap came or went. What changed is read anew by whoever asks, so
lost messages (ENOBUFS) are no loss."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

_RTMGRP_LINK = 1
_MESSAGES = 256


class LinkEvents:
    """Calls `changed` in the loop, once for whatever came meanwhile, from `__init__` to `close`. Raises OSError."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        self._socket.bind((0, _RTMGRP_LINK))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _readable(self) -> None:
        with suppress(OSError):
            for _ in range(_MESSAGES):
                self._socket.recv(1 << 16)
        self._changed()
