"""Telling systemd how the process fares: READY, WATCHDOG, STOPPING, STATUS (sd_notify(3)); nothing without a manager.

The watchdog is fed by the loop itself, so a loop that hangs is restarted.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Self


class ServiceManager:
    """`async with` it around the time the process serves: READY on entry, the watchdog fed, STOPPING on exit.

    Made by `service_manager`. Without a notification socket every call does nothing.
    """

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        self._address = address
        self._watchdog_s = watchdog_s
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.tell("READY=1")
        if self._address is not None and self._watchdog_s is not None:
            self._task = asyncio.create_task(self._feed(self._watchdog_s / 2), name="watchdog")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tell("STOPPING=1")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self.tell(f"STATUS={' '.join(text.split())}")

    def tell(self, state: str) -> None:
        """Send one datagram. A manager that cannot be reached is not our trouble."""
        if self._address is None:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.setblocking(False)
            out.sendto(state.encode(), self._address)

    async def _feed(self, every_s: float) -> None:
        while True:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(every_s)


def service_manager(environment: Mapping[str, str], pid: int | None = None) -> ServiceManager:
    """From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, as config hands them over (`config.service_environment`)."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return ServiceManager(None)
    address = "\0" + address[1:] if address.startswith("@") else address
    usec = environment.get("WATCHDOG_USEC", "")
    for_us = environment.get("WATCHDOG_PID", "") in ("", str(pid if pid is not None else os.getpid()))
    watchdog_s = int(usec) / 1_000_000 if usec.isdecimal() and int(usec) > 0 and for_us else None
    return ServiceManager(address, watchdog_s)
