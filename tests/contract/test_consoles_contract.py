"""What every driver's console gives the scrollback: the text of a run from its beginning, anew for each run, and a console that a person
takes is given back to them. Against the simulated host, and against libvirt with real guests.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from guestwire.agent.services.guests import GuestService
from guestwire.link.vital import Vital
from guestwire.model.guest import ReadyWhen
from guestwire.protocol.operation_models import ConsoleOutput, ConsoleQuery


class Asked:
    """A call, as far as a read takes one."""

    def __init__(self, request: ConsoleQuery) -> None:
        self.request = request


@asynccontextmanager
async def service(rig: Any) -> AsyncIterator[GuestService]:
    died: list[str] = []
    vital = Vital(lambda name, error: died.append(f"{name}: {error!r}"))
    made = GuestService(rig.guests, lambda: 1000, lambda _: None, vital, keep_of_consoles=4096)
    async with made, asyncio.timeout(rig.wait_s * 4):
        assert await made.connected_within(rig.wait_s)
        yield made
    assert not died


def read(guests: GuestService, name: str, **asked: Any) -> ConsoleOutput:
    return guests.console(Asked(ConsoleQuery(guest=name, **asked)))  # type: ignore[arg-type]


async def until(rig: Any, met: Callable[[], bool]) -> None:
    async with asyncio.timeout(rig.wait_s):
        while not met():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("by", ["console_text", "never"])
async def test_a_guest_is_read_from_its_start_on(rig: Any, by: Any) -> None:
    guest = rig.definition()
    up = f"guestwire-guest: up {guest.name}"
    rule = ReadyWhen(by=by, text=up if by == "console_text" else None)
    guest = guest.model_copy(update={"ready_when": rule})
    await rig.define(guest)
    async with service(rig) as guests:
        await until(rig, lambda: guests.table.by_uuid(guest.uuid or "") is not None)
        assert (read(guests, guest.name).run, read(guests, guest.name).state) == (None, "off")
        await rig.guests.start(guest.uuid)
        await until(rig, lambda: up.encode() in read(guests, guest.name).data)
        first = read(guests, guest.name)
        assert (first.state, first.lost, first.end) == ("open", False, first.start + len(first.data))
        if by == "console_text":
            await until(rig, lambda: guests.table.find(guest.name).status.state == "ready")
        assert read(guests, guest.name, after=first.end, run=first.run).start >= first.end
        await rig.guests.destroy(guest.uuid)
        await until(rig, lambda: read(guests, guest.name).state == "off")
        assert up.encode() in read(guests, guest.name).data, "what it wrote last is there"


async def test_the_next_run_begins_anew(rig: Any) -> None:
    guest = rig.definition()
    up = f"guestwire-guest: up {guest.name}".encode()
    await rig.define(guest)
    async with service(rig) as guests:
        await rig.guests.start(guest.uuid)
        await until(rig, lambda: guests.table.by_uuid(guest.uuid or "") is not None)
        await until(rig, lambda: up in read(guests, guest.name).data)
        await rig.guests.destroy(guest.uuid)
        await until(rig, lambda: read(guests, guest.name).state == "off")
        await rig.guests.start(guest.uuid)
        await until(rig, lambda: read(guests, guest.name).state == "open")
        await until(rig, lambda: up in read(guests, guest.name).data)
        found = read(guests, guest.name)
        assert found.start == 0
        assert found.data.count(up) == 1


async def test_a_guest_that_runs_when_the_agent_comes_is_read_from_then_on(rig: Any) -> None:
    guest = rig.definition()
    await rig.define(guest)
    await rig.guests.start(guest.uuid)
    async with service(rig) as guests:
        await until(rig, lambda: guests.table.by_uuid(guest.uuid or "") is not None)
        await until(rig, lambda: read(guests, guest.name).state == "open")
    # the agent goes, and leaves the console to others
    async with rig.guests.console(guest.uuid):
        pass


async def test_a_console_that_somebody_has_is_left_to_them(rig: Any) -> None:
    guest = rig.definition()
    await rig.define(guest)
    await rig.guests.start(guest.uuid)
    async with rig.guests.console(guest.uuid), service(rig) as guests:
        await until(rig, lambda: guests.table.by_uuid(guest.uuid or "") is not None)
        await until(rig, lambda: read(guests, guest.name).state == "busy")
        assert read(guests, guest.name).data == b""
