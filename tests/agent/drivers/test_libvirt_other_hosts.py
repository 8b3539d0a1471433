"""Two agents on one libvirt: each has its own guests, and leaves those of the other alone."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from guest_ids import fresh_id

from guestwire.agent.drivers.linux.threads import threads_of
from guestwire.agent.services.ports import Changed, Observed, Resynced
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Guest

pytestmark = pytest.mark.libvirt


@asynccontextmanager
async def host(libvirt_host: Any, name: str) -> AsyncIterator[Any]:
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests

    async with LibvirtGuests(libvirt_host.uri, threads_of=threads_of, clock=lambda: 0, host=name) as guests:
        yield guests


@pytest.fixture
async def ours(libvirt_host: Any) -> AsyncIterator[Any]:
    async with host(libvirt_host, "ours") as guests:
        yield guests


@pytest.fixture
async def theirs(libvirt_host: Any) -> AsyncIterator[Any]:
    async with host(libvirt_host, "theirs") as guests:
        yield guests


def guest(libvirt_host: Any, **fields: Any) -> Guest:
    uuid = str(uuid4())
    fields = {"id": fresh_id()} | fields
    boot = DirectBoot(kernel=libvirt_host.kernel, initrd=libvirt_host.initrd, cmdline="console=ttyS0 quiet")
    return Guest(name=f"gwt-{uuid[:8]}", uuid=uuid, memory_mib=192, boot=boot, comments="c", **fields)


async def seen(guests: Any, uuid: str | None) -> Observed:
    (found,) = [observed for observed in await guests.list() if observed.guest.uuid == uuid]
    return found  # type: ignore[no-any-return]


async def told(guests: Any, uuid: str | None) -> Observed:
    """As its events say it."""
    async with guests.events() as events:
        async for event in events:
            known = event.guests if isinstance(event, Resynced) else ()
            known = (event.observed,) if isinstance(event, Changed) else known
            for observed in known:
                if observed.guest.uuid == uuid:
                    return observed
    raise AssertionError("the events ended")


ACTS: dict[str, Callable[[Any, Guest], Awaitable[object]]] = {
    "define": lambda guests, guest: guests.define(guest.model_copy(update={"vcpus": 2})),
    "undefine": lambda guests, guest: guests.undefine(guest.uuid),
    "start": lambda guests, guest: guests.start(guest.uuid),
    "shutdown": lambda guests, guest: guests.shutdown(guest.uuid),
    "destroy": lambda guests, guest: guests.destroy(guest.uuid),
    "retune": lambda guests, guest: guests.retune(guest.uuid),
    "restore": lambda guests, guest: guests.restore(guest.uuid, None),
}


async def test_what_another_host_defined_is_left_alone_until_it_is_adopted(
    ours: Any, theirs: Any, other_tool: Any, libvirt_host: Any
) -> None:
    was = guest(libvirt_host)
    await theirs.define(was)
    found = await seen(ours, was.uuid)
    assert found == await told(ours, was.uuid)
    assert (found.guest, found.of_other) == (was.model_copy(update={"id": None}), "theirs")
    assert ((await seen(theirs, was.uuid)).guest, (await told(theirs, was.uuid)).of_other) == (was, "")
    before = await ours.xml(was.uuid)
    for name, act in ACTS.items():
        with pytest.raises(GuestwireError) as caught:
            await act(ours, was)
        assert (name, caught.value.code, caught.value.detail) == (name, "UNSUPPORTED", {"host": "theirs"})
    assert await ours.xml(was.uuid) == before

    await ours.define(mine := guest(libvirt_host, id=was.id))  # the same identifier: each host gives its own
    assert (await seen(theirs, mine.uuid)).of_other == "ours"

    adopted = found.guest.model_copy(update={"id": "GUEST7999"})
    there = await ours.definition(was.uuid)
    await ours.adopt(adopted)
    assert await told(ours, was.uuid) == await seen(ours, was.uuid)
    assert ((await seen(ours, was.uuid)).guest, (await seen(ours, was.uuid)).of_other) == (adopted, "")
    assert (await seen(theirs, was.uuid)).of_other == "ours"
    with pytest.raises(GuestwireError, match="ours"):
        await theirs.start(was.uuid)
    await ours.start(was.uuid)
    await ours.destroy(was.uuid)
    for _ in range(2):  # an adoption is undone, and a crash may have that done again
        await ours.restore(was.uuid, there)
        assert (await seen(theirs, was.uuid)).guest == was


async def test_a_domain_that_names_no_host_is_everybodys(
    ours: Any, theirs: Any, other_tool: Any, libvirt_host: Any
) -> None:
    """As those are that were defined before hosts were named; the next definition names one."""
    was = guest(libvirt_host)
    await theirs.define(was)
    (text,) = re.findall(r"<guestwire:guest[^>]*>(.*)</guestwire:guest>", await ours.xml(was.uuid))
    unnamed = json.dumps({name: value for name, value in json.loads(text).items() if name != "host"})
    other_tool.defineXML((await ours.xml(was.uuid)).replace(text, unnamed))
    for guests in (ours, theirs):
        found = await seen(guests, was.uuid)
        assert (found.guest, found.of_other) == (was, "")
    await ours.define(was)
    assert (await seen(theirs, was.uuid)).of_other == "ours"
