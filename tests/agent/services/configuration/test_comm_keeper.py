"""guestwire-comm is kept at what is active, by itself, and without haste."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from comm_twin import CommTwin

from guestwire.agent.services.configuration import comm_keeper
from guestwire.model.areas import MemoryArea
from guestwire.model.communication import communication_of
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

from .conftest import Hosts, Rig

WANTED = Desired(guests=(Guest(name="a", kind="gp_comm"),), areas=(MemoryArea(name="m", size=1000),))


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not met():
            await asyncio.sleep(0.001)


def asked(twin: CommTwin, operation: str) -> int:
    """How often guestwire-comm was asked for that."""
    return sum(name == operation for name, _ in twin.issuers)


async def a_look(rig: Rig, twin: CommTwin) -> None:
    """Until the keeper looks again: what it did after the look before is done."""
    before = asked(twin, "comm-status")
    rig.configured.communication_changed()
    await until(lambda: asked(twin, "comm-status") > before)


async def until_given(rig: Rig, twin: CommTwin, times: int) -> None:
    await until(lambda: len(twin.applied) >= times)
    assert twin.document == communication_of(await rig.active(), "h")


async def test_services_that_come_later_are_given_what_is_active(hosts: Hosts, tmp_path: Path) -> None:
    folder = tmp_path / "comm"
    folder.mkdir()
    async with CommTwin(folder) as twin, hosts.open(comm=folder) as rig:
        await rig.apply(WANTED)
    async with hosts.open(comm=folder) as rig, CommTwin(folder) as twin:
        assert twin.document is None
        rig.configured.communication_changed()
        await until_given(rig, twin, 1)
        for _ in range(3):
            await a_look(rig, twin)
        assert len(twin.applied) == 1


async def test_a_failure_is_told_once_and_mended_when_something_happens(hosts: Hosts, tmp_path: Path) -> None:
    folder = tmp_path / "comm"
    folder.mkdir()
    async with CommTwin(folder) as twin, hosts.open(comm=folder) as rig:
        await rig.apply(WANTED)
        given = len(twin.applied)
        twin.document = None
        twin.fail["comm-apply"] = GuestwireError("REGION-FULL")
        told = len(rig.told)
        for tries in (1, 2, 3):  # when it is asked for the third time, it is through with the second
            rig.configured.communication_changed()
            await until(lambda tries=tries: asked(twin, "comm-apply") >= given + tries)
        assert [text for _, text in rig.told[told:]] == [
            "communication: REGION-FULL: " + GuestwireError("REGION-FULL").message
        ]
        twin.fail.clear()
        rig.configured.communication_changed()
        await until_given(rig, twin, given + 1)


async def test_a_host_that_does_not_know_its_guests_yet_takes_nothing_away(hosts: Hosts, tmp_path: Path) -> None:
    """Before the first revision what the hypervisor has is active."""
    folder = tmp_path / "comm"
    folder.mkdir()
    guest = Guest(name="a", kind="gp_comm", id="GUEST0001", uuid="00000000-0000-4000-8000-000000000001")
    async with CommTwin(folder) as twin, hosts.open(comm=folder) as rig:
        await rig.host.define(guest)
        await rig.guests.settled(guest.uuid or "")
        rig.configured.communication_changed()
        await until_given(rig, twin, len(twin.applied) + (twin.document is None))
        twin.document = communication_of(WANTED, "h")
        keeper = rig.configured.comm
        assert keeper is not None
        rig.host.lose_connection()
        assert await rig.guests._until(lambda: not rig.guests.table.connected, 5.0)
        assert await keeper._found() == ()
        rig.host.restore_connection()
        assert await rig.guests.connected_within(5.0)
        assert [item.object for item in await keeper._found()] == ["communication"]


async def test_a_guest_that_starts_waits_until_the_services_know_it(hosts: Hosts, tmp_path: Path) -> None:
    """While it holds its lane: nothing that is done for it may need that."""
    folder = tmp_path / "comm"
    folder.mkdir()
    async with CommTwin(folder) as twin, hosts.open(comm=folder) as rig:
        await rig.apply(WANTED)
        keeper = rig.configured.comm
        assert keeper is not None
        await keeper.agreed()
        twin.document = None
        async with rig.hold_every_lane():
            await keeper.agreed()
        assert twin.document == communication_of(await rig.active(), "h")
        twin.state = "stopped"
        with pytest.raises(GuestwireError) as err:
            await keeper.agreed()
        assert err.value.code == "COMM-NOT-STARTED"


async def test_a_document_that_comes_late_does_not_take_the_place_of_a_newer_one(hosts: Hosts, tmp_path: Path) -> None:
    folder = tmp_path / "comm"
    folder.mkdir()
    async with CommTwin(folder) as twin, hosts.open(comm=folder) as rig:
        await rig.apply(WANTED)
        wanted = (await rig.active()).model_copy(update={"areas": (MemoryArea(name="new", size=1000),)})
        gate = twin.hold["comm-apply"] = asyncio.Event()
        twin.document = None
        rig.configured.communication_changed()
        await until(lambda: asked(twin, "comm-apply") >= 2)
        applying = asyncio.create_task(rig.apply(wanted))
        await until(lambda: rig.journal.config.under_way is not None)
        gate.set()
        await applying
        assert twin.document == communication_of(await rig.active(), "h")
        assert [area.name for area in twin.document.areas] == ["new"]


async def test_nobody_misses_services_that_nobody_uses(hosts: Hosts, tmp_path: Path) -> None:
    folder = tmp_path / "comm"
    folder.mkdir()
    async with hosts.open(comm=folder) as rig:
        await rig.apply(Desired(guests=(Guest(name="plain"),)))
        assert rig.configured.comm is not None
        await rig.configured.comm.agreed()
        assert (await rig.show()).state == "in_sync"
    assert comm_keeper.AGAIN_S >= 10


async def test_what_was_pulled_out_of_a_guest_is_plugged_again(hosts: Hosts, tmp_path: Path) -> None:
    folder = tmp_path / "comm"
    folder.mkdir()
    async with CommTwin(folder) as twin, hosts.open(comm=folder) as rig:
        await rig.apply(WANTED)
        await rig.start("a")
        (guest,) = (await rig.active()).guests
        runtime = rig.host._guests.get(guest.uuid or "")
        had = runtime.plugs
        assert had
        runtime.plugs = ()
        rig.configured.communication_changed()
        await until(lambda: runtime.plugs == had)
        assert (await rig.show()).drift == ()
        # and where that fails it is told, once
        twin.fail["comm-plugs"] = GuestwireError("AREA-NOT-PLUGGED")
        for _ in range(3):
            before = asked(twin, "comm-plugs")
            rig.configured.communication_changed()
            await until(lambda before=before: asked(twin, "comm-plugs") > before)
        async with asyncio.timeout(10):
            while [(item.object, item.field) for item in (await rig.show()).drift] != [("guests.a", "areas")]:
                await asyncio.sleep(0.001)
        assert rig.unplugged == [("a", "AREA-NOT-PLUGGED")]
        twin.fail.clear()
        rig.configured.communication_changed()
        async with asyncio.timeout(10):
            while (await rig.show()).drift:
                await asyncio.sleep(0.001)
