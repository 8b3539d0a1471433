"""guestwire-comm is kept at what is active, by itself, and without haste."""

import asyncio
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


async def until_given(rig: Rig, twin: CommTwin, times: int) -> None:
    async with asyncio.timeout(10):
        while len(twin.applied) < times:
            await asyncio.sleep(0.001)
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
        rig.configured.communication_changed()
        await rig.plan(await rig.active())
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
        for tries in (1, 2):
            rig.configured.communication_changed()
            async with asyncio.timeout(10):
                while sum(name == "comm-apply" for name, _ in twin.issuers) < given + tries:
                    await asyncio.sleep(0.001)
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
        async with asyncio.timeout(10):
            while sum(name == "comm-apply" for name, _ in twin.issuers) < 2:
                await asyncio.sleep(0.001)
        applying = asyncio.create_task(rig.apply(wanted))
        async with asyncio.timeout(10):
            while rig.journal.config.under_way is None:
                await asyncio.sleep(0.001)
        gate.set()
        await applying
        assert twin.document == communication_of(await rig.active(), "h")
        assert [area.name for area in twin.document.areas] == ["new"]


async def test_nobody_misses_services_that_nobody_uses(hosts: Hosts, tmp_path: Path) -> None:
    folder = tmp_path / "comm"
    folder.mkdir()
    async with hosts.open(comm=folder) as rig:
        await rig.apply(Desired(guests=(Guest(name="plain"),)))
        rig.configured.communication_changed()
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
        async with asyncio.timeout(10):
            while runtime.plugs != had:
                await asyncio.sleep(0.001)
        assert (await rig.show()).drift == ()
        # and where that fails it is told, once
        twin.fail["comm-plugs"] = GuestwireError("AREA-NOT-PLUGGED")
        for _ in range(3):
            asked = len(twin.issuers)
            rig.configured.communication_changed()
            async with asyncio.timeout(10):
                while "comm-plugs" not in [name for name, _ in twin.issuers[asked:]]:
                    await asyncio.sleep(0.001)
        async with asyncio.timeout(10):
            while [(item.object, item.field) for item in (await rig.show()).drift] != [("guests.a", "areas")]:
                await asyncio.sleep(0.001)
        assert rig.unplugged == [("a", "AREA-NOT-PLUGGED")]
        twin.fail.clear()
        rig.configured.communication_changed()
        async with asyncio.timeout(10):
            while (await rig.show()).drift:
                await asyncio.sleep(0.001)
