"""A console of libvirt that comes when nobody waits for it any more. Real consoles are in test_libvirt_guests."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from guestwire.agent.drivers.calls import Calls, Overdue
from guestwire.agent.drivers.libvirt.connection import Connection
from guestwire.agent.drivers.libvirt.console import open_console
from guestwire.model.errors import GuestwireError

UUID = "00000000-0000-4000-8000-000000000001"


class Slow:
    """A connection, a libvirt, a domain and a stream, whose console opens when `opens` is set."""

    def __init__(self, deadline_s: float) -> None:
        self.on_close: set[Callable[[], None]] = set()
        self.opens = threading.Event()
        self.asked = threading.Event()
        self.done: list[str] = []
        self._deadline_s = deadline_s
        self._calls = Calls()

    async def call(self, act: Callable[[Any], Any], *, effect: bool) -> Any:
        assert not effect
        try:
            return await self._calls.run(lambda: act(self), self._deadline_s)
        except Overdue as err:
            raise GuestwireError("DRIVER-LOST") from err

    async def release(self, act: Callable[[], None]) -> None:
        await self._calls.run(act, 5)

    def lookupByUUIDString(self, _uuid: str) -> "Slow":
        return self

    newStream = lookupByUUIDString

    def openConsole(self, *_: Any) -> None:
        self.asked.set()
        assert self.opens.wait(5)

    def eventAddCallback(self, *_: Any) -> None:
        self.done.append("opened")

    def eventRemoveCallback(self) -> None:
        self.done.append("silent")

    def abort(self) -> None:
        self.done.append("aborted")


@pytest.mark.parametrize("cancelled", [True, False])
async def test_one_that_comes_late_is_let_go_of(cancelled: bool) -> None:
    slow = Slow(5 if cancelled else 0.01)
    opening = asyncio.create_task(open_console(cast("Connection", slow), UUID).__aenter__())
    await asyncio.to_thread(slow.asked.wait, 5)
    if cancelled:
        opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    assert slow.done == []
    slow.opens.set()
    async with asyncio.timeout(5):
        while "aborted" not in slow.done:
            await asyncio.sleep(0.001)
    assert slow.done == ["opened", "silent", "aborted"]


async def test_one_that_comes_in_time_is_let_go_of_once() -> None:
    slow = Slow(5)
    slow.opens.set()
    async with open_console(cast("Connection", slow), UUID):
        assert slow.done == ["opened"]
    assert slow.done == ["opened", "silent", "aborted"]
    assert not slow.on_close
