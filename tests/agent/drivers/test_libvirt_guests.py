"""What only real libvirt shows: other tools at work, guests that act by themselves, QEMU that dies."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest

from guestwire.agent.drivers.linux.threads import find_process, threads_of
from guestwire.agent.drivers.simulated.machines import MACHINES
from guestwire.agent.services.ports import Changed, Gone, GuestEvent, Observed, Resynced
from guestwire.model.guest import DirectBoot, Guest
from guestwire.model.host import HostFacts
from guestwire.model.topology import Topology

pytestmark = pytest.mark.libvirt


class Inspection:
    async def topology(self) -> Topology:
        return MACHINES["4-core"].topology

    async def facts(self) -> HostFacts:
        raise AssertionError("not asked for")


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def guests(libvirt_host: Any) -> AsyncIterator[Any]:
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests

    driver = LibvirtGuests(libvirt_host.uri, inspection=Inspection(), threads_of=threads_of, clock=unix_ms)
    async with driver as guests:
        yield guests


@pytest.fixture
def other_tool(libvirt_host: Any) -> Iterator[Any]:
    """A connection as virsh has one. Domains made in a test are removed by it."""
    import libvirt

    conn = libvirt.open(libvirt_host.uri)
    before = {domain.UUIDString() for domain in conn.listAllDomains()}
    yield conn
    for domain in conn.listAllDomains():
        if domain.UUIDString() not in before:
            if domain.isActive():
                domain.destroy()
            if domain.isPersistent():
                domain.undefine()
    conn.close()


def definition(libvirt_host: Any, *words: str) -> Guest:
    uuid = str(uuid4())
    name = f"gwt-{uuid[:8]}"
    boot = DirectBoot(
        kernel=libvirt_host.kernel, initrd=libvirt_host.initrd, cmdline=libvirt_host.cmdline(name, *words)
    )
    return Guest(name=name, id=f"GUEST{8000 + int(uuid[:4], 16) % 999}", uuid=uuid, memory_mib=192, boot=boot)


async def observed_until(events: AsyncIterator[GuestEvent], uuid: str | None, **wanted: Any) -> Observed:
    async for event in events:
        if not isinstance(event, Changed) or event.observed.guest.uuid != uuid:
            continue
        if all(getattr(event.observed, name) == value for name, value in wanted.items()):
            return event.observed
    raise AssertionError("the events ended")


async def until_text(console: AsyncIterator[bytes], text: str) -> None:
    seen = b""
    while text.encode() not in seen:
        seen += await anext(console)


async def test_domains_of_other_tools_are_listed_without_an_id(guests: Any, other_tool: Any) -> None:
    uuid = str(uuid4())
    xml = f"<domain type='qemu'><name>other tool's ü {uuid[:4]}</name><uuid>{uuid}</uuid><memory>65536</memory>"
    async with asyncio.timeout(90), guests.events() as events:
        await anext(events)
        domain = await asyncio.to_thread(other_tool.defineXML, f"{xml}<os><type>hvm</type></os></domain>")
        seen = await observed_until(events, uuid)
        assert (seen.guest.id, seen.guest.name, seen.state) == (None, f"other_tool_s___{uuid[:4]}", "stopped")
        assert seen in await guests.list()
        await guests.start(uuid)
        await observed_until(events, uuid, state="running")
        await guests.destroy(uuid)
        await asyncio.to_thread(domain.undefine)
        async for event in events:
            if isinstance(event, Gone):
                break
        assert event.uuid == uuid


async def test_an_edit_and_a_power_change_of_another_tool_are_seen(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    import libvirt

    guest = definition(libvirt_host)
    async with asyncio.timeout(90), guests.events() as events:
        await anext(events)
        await guests.define(guest)
        domain = other_tool.lookupByUUIDString(guest.uuid)
        xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE).replace(">196608<", ">262144<")
        await asyncio.to_thread(other_tool.defineXML, xml)
        edited = guest.model_copy(update={"memory_mib": 256})
        await observed_until(events, guest.uuid, guest=edited)
        await asyncio.to_thread(domain.create)
        await observed_until(events, guest.uuid, state="running")
        await asyncio.to_thread(domain.suspend)
        await observed_until(events, guest.uuid, state="paused")
        await asyncio.to_thread(domain.destroy)
        await observed_until(events, guest.uuid, state="stopped", reason="destroyed")


async def test_a_guest_that_reboots_by_itself_is_seen_rebooting(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    guest = definition(libvirt_host, "guestwire.then=reboot")
    await guests.define(guest)
    async with asyncio.timeout(90), guests.events() as events:
        assert isinstance(await anext(events), Resynced)
        await guests.start(guest.uuid)
        async for event in events:
            if isinstance(event, Changed) and event.rebooted:
                break
        assert (event.observed.guest, event.observed.state) == (guest, "running")
        await guests.destroy(guest.uuid)


async def test_a_guest_that_powers_off_by_itself_is_stopped(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    guest = definition(libvirt_host, "guestwire.then=poweroff")
    await guests.define(guest)
    async with asyncio.timeout(90), guests.events() as events:
        await anext(events)
        await guests.start(guest.uuid)
        await observed_until(events, guest.uuid, state="stopped", reason="shutdown")


async def test_a_guest_that_ignores_its_power_button_runs_on(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    guest = definition(libvirt_host, "guestwire.then=deaf")
    await guests.define(guest)
    await guests.start(guest.uuid)
    async with asyncio.timeout(90), guests.console(guest.uuid) as console:
        await until_text(console, f"guestwire-guest: up {guest.name}")
        await guests.shutdown(guest.uuid)
        await guests.shutdown(guest.uuid, "acpi")
    (seen,) = [observed for observed in await guests.list() if observed.guest == guest]
    assert seen.state == "running"
    await guests.destroy(guest.uuid)


async def test_a_qemu_that_dies_is_a_crash(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    guest = definition(libvirt_host)
    await guests.define(guest)
    async with asyncio.timeout(90), guests.events() as events:
        await anext(events)
        await guests.start(guest.uuid)
        pid = find_process(guest.uuid or "")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await observed_until(events, guest.uuid, state="crashed")
        await guests.start(guest.uuid)
        await observed_until(events, guest.uuid, state="running")
        await guests.destroy(guest.uuid)


async def test_a_console_that_a_person_has_open_is_left_to_them(
    guests: Any, other_tool: Any, libvirt_host: Any
) -> None:
    import libvirt

    from guestwire.model.errors import GuestwireError

    guest = definition(libvirt_host)
    await guests.define(guest)
    await guests.start(guest.uuid)
    stream = other_tool.newStream(libvirt.VIR_STREAM_NONBLOCK)
    other_tool.lookupByUUIDString(guest.uuid).openConsole(None, stream, 0)
    with pytest.raises(GuestwireError) as caught:
        async with guests.console(guest.uuid):
            pass
    assert (caught.value.code, caught.value.detail["console"]) == ("UNSUPPORTED", "busy")
    stream.abort()
    await guests.destroy(guest.uuid)


async def test_two_guests_run_side_by_side(guests: Any, other_tool: Any, libvirt_host: Any) -> None:
    pair = [definition(libvirt_host), definition(libvirt_host)]

    async def life(guest: Guest) -> None:
        await guests.define(guest)
        await guests.start(guest.uuid)
        async with guests.console(guest.uuid) as console:
            await until_text(console, f"guestwire-guest: up {guest.name}")
        async with guests.events() as events:
            await anext(events)
            await guests.shutdown(guest.uuid)
            await observed_until(events, guest.uuid, state="stopped", reason="shutdown")

    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        for guest in pair:
            group.create_task(life(guest))


async def test_it_says_what_it_is(guests: Any) -> None:
    assert (await guests.version()).startswith("libvirt ")
