"""Memory areas as devices of real guests: who sees what, what may be written, and what comes and goes while they run.

Two guests boot once for most of it: A has the area `shared` for reading and writing, B for reading only.
"""

import asyncio
import functools
import os
import re
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from comm_guest import BOOT_S, CommandFailed, CommFiles, CommGuest, CommHost, comm_files, comm_host, mapped

from guestwire.agent.drivers.linux.threads import find_process, threads_of
from guestwire.agent.services.ports import Changed, GuestEvent
from guestwire.model.errors import GuestwireError

pytestmark = [pytest.mark.libvirt, pytest.mark.asyncio(loop_scope="module")]

AT = 8192
MIB = 1 << 20


class Pair(NamedTuple):
    host: CommHost
    a: CommGuest
    b: CommGuest


@pytest.fixture(scope="module")
def files(libvirt_host: Any) -> Iterator[CommFiles]:
    with comm_files() as files:
        yield files


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(libvirt_host: Any, files: CommFiles) -> AsyncIterator[Pair]:
    async with comm_host(libvirt_host.uri, files) as host:
        for name in ("shared", "private", "late"):
            host.areas.make(name)
        a, b = await asyncio.gather(
            host.boot(grants={"shared": "rw", "private": "rw"}), host.boot(grants={"shared": "ro"})
        )
        yield Pair(host, a, b)


@asynccontextmanager
async def one_guest(uri: str, files: CommFiles) -> AsyncIterator[tuple[CommHost, CommGuest]]:
    """A guest of its own host, defined and off, that has one area."""
    async with comm_host(uri, files) as host:
        host.areas.make("shared")
        guest = host.definition()
        host.areas.grant(guest.uuid, shared="rw")
        await host.guests.define(guest.guest)
        host.serve(guest)
        yield host, guest


@pytest.fixture
def domain_of(libvirt_host: Any) -> Iterator[Callable[[CommGuest], Any]]:
    """A guest's domain, as another tool has it."""
    import libvirt

    conn = libvirt.open(libvirt_host.uri)
    yield lambda guest: conn.lookupByUUIDString(guest.uuid)
    conn.close()


async def refused(call: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value


async def until_areas(guest: CommGuest, *wanted: int) -> None:
    """The guest sees the devices with these acpi-indexes, and no others."""
    seen: object = None
    with suppress(TimeoutError):
        async with asyncio.timeout(20):
            while seen != set(wanted):
                try:
                    seen = set(await guest.areas())
                except CommandFailed as err:  # its kernel is just taking a device in
                    seen = str(err)
                await asyncio.sleep(0.05)
    assert seen == set(wanted)


async def test_what_one_writes_the_other_reads(pair: Pair) -> None:
    mine, theirs = (await pair.a.areas())[1], (await pair.b.areas())[1]
    assert (mine.size, theirs.size) == (MIB, MIB)
    await pair.a.poke(mine, AT, 0x12345678)
    assert await pair.b.peek(theirs, AT) == 0x12345678
    assert pair.host.areas.read("shared", AT) == 0x12345678


async def test_a_write_to_a_read_only_area_is_dropped(pair: Pair) -> None:
    pair.host.areas.write("shared", AT + 64, 7)
    theirs = (await pair.b.areas())[1]
    await pair.b.poke(theirs, AT + 64, 8)
    assert await pair.b.peek(theirs, AT + 64) == 7
    assert pair.host.areas.read("shared", AT + 64) == 7


async def test_who_has_no_access_has_no_device(pair: Pair) -> None:
    assert set(await pair.a.areas()) == {1, 2}
    assert set(await pair.b.areas()) == {1}


async def test_the_doorbell_has_an_iommu_group_of_its_own(pair: Pair) -> None:
    """Or a program could not be given it (vfio)."""
    assert pair.host.doorbells.attached(pair.a.uuid) is not None
    find = "cd /sys/bus/pci/devices; for d in *; do if [ $(cat $d/device) = 0x1110 ] && [ ! -e $d/acpi_index ]; then echo $d; fi; done"
    name = await pair.a.run(find)
    # its root port is in the group, and a port is no matter for vfio
    others = await pair.a.run(f"ls /sys/bus/pci/devices/{name}/iommu_group/devices")
    assert name in others.split()
    classes = await pair.a.run(f"cat /sys/bus/pci/devices/{name}/iommu_group/devices/*/class")
    assert [kind for kind in classes.split() if kind != "0x060400"] == ["0x050000"]


async def test_areas_come_and_go_while_the_guest_runs(pair: Pair) -> None:
    host, b = pair.host, pair.b
    host.areas.write("late", AT, 99)
    host.areas.grant(b.uuid, late="ro")
    await host.guests.plug(b.uuid)
    await until_areas(b, 1, 3)
    device = (await b.areas())[3]
    await b.poke(device, AT, 1)
    assert await b.peek(device, AT) == 99, "read-only"
    host.areas.grant(b.uuid, late="rw")
    await host.guests.plug(b.uuid)
    await host.guests.plug(b.uuid)
    await until_areas(b, 1, 3)
    await b.poke((await b.areas())[3], AT, 1)
    assert host.areas.read("late", AT) == 1, "plugged anew, to write"
    host.areas.make("late", generation=2)
    await host.guests.plug(b.uuid)
    await until_areas(b, 1, 3)
    assert await b.peek((await b.areas())[3], AT) == 0, "another region of that name"
    host.areas.grant(b.uuid, late="-")
    await host.guests.plug(b.uuid)
    await until_areas(b, 1)


async def test_a_large_area_comes_while_the_guest_runs(pair: Pair) -> None:
    host, b = pair.host, pair.b
    large = host.areas.make("large", 256 * MIB)
    host.areas.grant(b.uuid, large="ro")
    await host.guests.plug(b.uuid)
    await until_areas(b, 1, large.index)
    assert (await b.areas())[large.index].size == 256 * MIB
    huge = host.areas.make("huge", 512 * MIB)
    host.areas.grant(b.uuid, huge="ro")
    error = await refused(host.guests.plug(b.uuid))
    assert (error.code, error.detail["areas"]) == ("AREA-NOT-PLUGGED", ["huge"])
    host.areas.grant(b.uuid, large="-", huge="-")
    await host.guests.plug(b.uuid)
    await until_areas(b, 1)
    assert huge.index not in await b.areas()


async def test_what_is_no_region_does_not_reach_qemu(pair: Pair) -> None:
    """QEMU aborts on it, and the guest with it."""
    host, b = pair.host, pair.b
    host.areas.make("odd", 3 * MIB)
    host.areas.grant(b.uuid, odd="ro")
    assert (await refused(host.guests.plug(b.uuid))).code == "AREA-NOT-PLUGGED"
    host.areas.grant(b.uuid, odd="-")
    await host.guests.plug(b.uuid)
    assert await b.run("echo here") == "here"


async def test_nothing_of_a_plug_is_left_open(pair: Pair, domain_of: Any) -> None:
    from guestwire.agent.drivers.libvirt.monitor import Monitor

    for guest in (pair.a, pair.b):
        assert Monitor(domain_of(guest)).run("query-fdsets") == []


async def test_a_guest_that_keeps_a_device_is_told_of(pair: Pair, domain_of: Any) -> None:
    from guestwire.agent.drivers.libvirt.plugging import Files, make_plugged
    from guestwire.agent.drivers.libvirt.read_only import ReadOnly

    host, b = pair.host, pair.b
    (shared,) = await host.areas.wanted(b.uuid)
    again = replace(shared, writable=True)
    await host.guests.pause(b.uuid)
    call = functools.partial(
        make_plugged, domain_of(b), [again], Files(), ReadOnly(mapped), starting=False, unplug_s=0.5
    )
    error = await refused(asyncio.to_thread(call))
    assert (error.code, error.detail["areas"]) == ("AREA-NOT-PLUGGED", ["gwarea-1-1-ro", "shared"])
    await host.guests.resume(b.uuid)
    await until_areas(b)
    await host.guests.plug(b.uuid)
    await until_areas(b, 1)


async def test_a_guest_that_comm_does_not_know_is_to_have_nothing(pair: Pair) -> None:
    host, b = pair.host, pair.b
    known = host.areas._grants.pop(b.uuid)
    await host.guests.plug(b.uuid)
    await until_areas(b)
    host.areas._grants[b.uuid] = known
    await host.guests.plug(b.uuid)
    await until_areas(b, 1)


async def test_a_start_that_was_interrupted_is_undone(
    libvirt_host: Any, files: CommFiles, pair: Pair, domain_of: Any
) -> None:
    """By the death of the agent, say: the guest has run nothing yet. One that somebody paused is left alone, also one that
    somebody started like that."""
    import libvirt

    from guestwire.agent.drivers.libvirt.starts import Starts

    async with comm_host(libvirt_host.uri, files) as host:
        guest, theirs = host.definition(), host.definition()
        for one in (guest, theirs):
            host.areas.grant(one.uuid)
            await host.guests.define(one.guest)
            host.serve(one)
            await asyncio.to_thread(domain_of(one).createWithFlags, libvirt.VIR_DOMAIN_START_PAUSED)
        with Starts(host.folder / "starting").under_way(guest.uuid):
            pass  # as a process leaves it that died in it
        await pair.host.guests.pause(pair.b.uuid)
        wanted = [(host, guest, "stopped"), (host, theirs, "paused"), (pair.host, pair.b, "paused")]
        for one in (host, pair.host):
            epoch = one.guests._connection.epoch
            one.guests._connection.give_up("the test says so")
            async with asyncio.timeout(20):
                while one.guests._connection.epoch == epoch:
                    await asyncio.sleep(0.01)
        for one, of, state in wanted:
            (seen,) = [seen for seen in await one.guests.list() if seen.guest.uuid == of.uuid]
            assert seen.state == state
        assert list((host.folder / "starting").iterdir()) == []
        await pair.host.guests.resume(pair.b.uuid)
        await host.guests.start(guest.uuid)
        await guest.run("true", BOOT_S)
        assert list((host.folder / "starting").iterdir()) == []


class Behind:
    """Areas of another, for what stands before them."""

    def __init__(self, areas: Any) -> None:
        self.wanted = areas.wanted
        self._areas = areas


class Dying(Behind):
    """Areas of a guest whose QEMU dies while they are plugged: it answers nothing any more when the first is opened, and then
    is gone."""

    def __init__(self, areas: Any, pid: int) -> None:
        super().__init__(areas)
        self._pid = pid

    @asynccontextmanager
    async def opened(self, uuid: str, plug: Any) -> AsyncIterator[int]:
        async with self._areas.opened(uuid, plug) as file:
            os.kill(self._pid, signal.SIGSTOP)
            asyncio.get_running_loop().call_later(0.3, os.kill, self._pid, signal.SIGKILL)
            yield file


async def test_a_guest_that_dies_while_it_is_plugged_needs_nothing(libvirt_host: Any, files: CommFiles) -> None:
    """It gets its areas when it starts again: that is no failure of whatever had them plugged."""
    async with comm_host(libvirt_host.uri, files) as host:
        for name in ("first", "second"):
            host.areas.make(name)
        guest = await host.boot(grants={"first": "rw"})
        pid = find_process(guest.uuid)
        assert pid is not None
        host.areas.grant(guest.uuid, second="rw")
        async with driver(libvirt_host.uri, host, Dying(host.areas, pid)) as dying:
            await dying.plug(guest.uuid)


@asynccontextmanager
async def driver(uri: str, host: CommHost, areas: Any) -> AsyncIterator[Any]:
    """Another driver for the guests of a host, with other areas."""
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests

    async with LibvirtGuests(uri, threads_of=threads_of, clock=lambda: 0, areas=areas, comm_dir=host.folder) as guests:
        yield guests


class Refusing(Behind):
    """Areas whose last file cannot be had."""

    def __init__(self, areas: Any, last: str) -> None:
        super().__init__(areas)
        self._last = last

    @asynccontextmanager
    async def opened(self, uuid: str, plug: Any) -> AsyncIterator[int]:
        if plug.name == self._last:
            raise GuestwireError("COMM-LOST")
        async with self._areas.opened(uuid, plug) as file:
            yield file


async def test_no_file_stays_open_when_another_cannot_be_had(libvirt_host: Any, pair: Pair) -> None:
    host, b = pair.host, pair.b
    for name in ("one", "two"):
        host.areas.make(name)
    host.areas.grant(b.uuid, one="ro", two="ro")
    async with driver(libvirt_host.uri, host, Refusing(host.areas, "two")) as guests:
        before = regions_open()
        assert (await refused(guests.plug(b.uuid))).code == "COMM-LOST"
        assert regions_open() == before
    host.areas.grant(b.uuid, one="-", two="-")


def regions_open() -> int:
    """How many descriptors of regions this process has."""
    found = 0
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it was of the listing itself
            found += "/memfd:" in str(file.readlink())
    return found


async def test_copies_of_files_end_when_no_more_can_be_made() -> None:
    from guestwire.agent.drivers.libvirt.plugging import Files

    file = os.memfd_create("region")
    before = regions_open()
    copies = Files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 8, hard)
        )
        with pytest.raises(GuestwireError, match="Too many open files") as err:
            for number in range(hard):
                copies.add(f"gwarea-{number}-1-ro", file)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert err.value.code == "RESOURCE-EXHAUSTED"
    copies.close()
    assert regions_open() == before
    os.close(file)


async def test_files_that_an_interrupted_plug_left_are_let_go_of(pair: Pair, domain_of: Any) -> None:
    """Nothing is missing by then, so that no later plug would come across them."""
    from guestwire.agent.drivers.libvirt import plugging
    from guestwire.agent.drivers.libvirt.monitor import Monitor

    monitor = Monitor(domain_of(pair.b))
    (plug,) = await pair.host.areas.wanted(pair.b.uuid)
    async with pair.host.areas.opened(pair.b.uuid, plug) as file:
        await asyncio.to_thread(monitor.run, "add-fd", [file], fdset_id=plugging._FILES)
    await pair.host.guests.plug(pair.b.uuid)
    assert monitor.run("query-fdsets") == []


class Seeing:
    """How QEMU has regions mapped: as it is (None), or as a test says; and what was said."""

    def __init__(self, says: str | None = None) -> None:
        self.says = says
        self.said: list[str | None] = []

    def __call__(self, uuid: str, file: int) -> Any:
        self.said.append(self.says or mapped(uuid, file))
        return self.said[-1]


async def test_that_an_area_is_read_only_is_proven_once_for_a_qemu(libvirt_host: Any, files: CommFiles) -> None:
    seen = Seeing()
    async with comm_host(libvirt_host.uri, files, seen=seen) as host:
        for name in ("written", "read", "too"):
            host.areas.make(name)
        guest = await host.boot(grants={"written": "rw"})
        assert seen.said == []
        host.areas.grant(guest.uuid, read="ro")
        await host.guests.plug(guest.uuid)
        assert seen.said == ["read-only"]
        host.areas.grant(guest.uuid, too="ro")
        await host.guests.plug(guest.uuid)
        assert seen.said == ["read-only"]
        await until_areas(guest, 1, 2, 3)
        wanted = {1: "writable", 2: "read-only", 3: "read-only"}
        for plug in await host.areas.wanted(guest.uuid):
            async with host.areas.opened(guest.uuid, plug) as file:
                assert mapped(guest.uuid, file) == wanted[plug.index]


async def test_a_qemu_that_maps_a_read_only_area_writable_does_not_get_it(
    libvirt_host: Any, files: CommFiles, domain_of: Any
) -> None:
    from guestwire.agent.drivers.libvirt.monitor import Monitor

    seen = Seeing("writable")
    async with comm_host(libvirt_host.uri, files, seen=seen) as host:
        for name in ("written", "read"):
            host.areas.make(name)
        guest = host.definition()
        host.areas.grant(guest.uuid, written="rw", read="ro")
        await host.guests.define(guest.guest)
        host.serve(guest)
        error = await refused(host.guests.start(guest.uuid))
        assert (error.code, error.detail["areas"]) == ("AREA-NOT-PLUGGED", ["read"])
        assert re.match(r"read: QEMU \d+\.\d+\.\d+.* at /\S+ maps it writable", error.message)
        assert "Install another QEMU" in error.message
        assert "Restart" not in error.message
        assert not domain_of(guest).isActive()

        host.areas.grant(guest.uuid, read="-")
        await host.guests.start(guest.uuid)
        await guest.run("true", BOOT_S)
        host.areas.grant(guest.uuid, read="ro")
        assert (await refused(host.guests.plug(guest.uuid))).code == "AREA-NOT-PLUGGED"
        await until_areas(guest, 1)
        monitor = Monitor(domain_of(guest))
        assert not [name for name in monitor.children("/objects") if name.startswith("gwmem-2")]
        assert monitor.run("query-fdsets") == []

        seen.says = None  # it was no lasting verdict
        await host.guests.plug(guest.uuid)
        await until_areas(guest, 1, 2)
        assert seen.said[-1] == "read-only"


async def test_a_qemu_that_cannot_be_looked_at_gets_everything(libvirt_host: Any, files: CommFiles) -> None:
    async with comm_host(libvirt_host.uri, files, seen=lambda _uuid, _file: None) as host:
        host.areas.make("read")
        guest = await host.boot(grants={"read": "ro"})
        await until_areas(guest, 1)


class Quiet:
    """A domain whose monitor does not answer any more when the guest runs."""

    def __init__(self, domain: Any) -> None:
        self._domain = domain
        self._runs = False

    def resume(self) -> None:
        self._domain.resume()
        self._runs = True

    @property
    def _o(self) -> Any:
        if self._runs:
            import libvirt

            raise libvirt.libvirtError("the monitor is gone")
        return self._domain._o

    def __getattr__(self, name: str) -> Any:
        return getattr(self._domain, name)


async def test_a_guest_that_runs_is_not_ended_because_files_stay_open(
    libvirt_host: Any, files: CommFiles, domain_of: Any
) -> None:
    from guestwire.agent.drivers.libvirt.areas import PluggedAreas
    from guestwire.agent.drivers.libvirt.read_only import ReadOnly
    from guestwire.agent.drivers.libvirt.starts import Starts
    from guestwire.agent.drivers.libvirt.watch import Watch

    async with one_guest(libvirt_host.uri, files) as (host, guest):

        async def on_domain(uuid: str, act: Callable[[Any], Any], **_: Any) -> Any:
            return await asyncio.to_thread(act, Quiet(domain_of(guest)))

        areas = PluggedAreas(
            host.areas, host.folder, on_domain, Watch(lambda: 0), Starts(host.folder / "starting"), ReadOnly(mapped)
        )
        assert await areas.start(guest.uuid, 60.0, lambda: None)
        await guest.run("true", BOOT_S)
        await until_areas(guest, 1)


async def test_areas_are_there_after_a_reset(pair: Pair) -> None:
    before = set(await pair.a.areas())
    pair.host.areas.write("shared", AT + 128, 4711)
    await pair.a.run("touch /tmp/before")
    await pair.host.guests.reset(pair.a.uuid)
    pair.a.forget()
    assert await pair.a.run("ls /tmp", BOOT_S) == ""
    areas = await pair.a.areas()
    assert set(areas) == before
    assert await pair.a.peek(areas[1], AT + 128) == 4711


async def test_a_guest_that_somebody_else_started_gets_its_areas_when_it_is_said(
    libvirt_host: Any, files: CommFiles, domain_of: Any
) -> None:
    async with one_guest(libvirt_host.uri, files) as (host, guest):
        await asyncio.to_thread(domain_of(guest).create)
        await guest.run("true", BOOT_S)
        await until_areas(guest)
        await host.guests.plug(guest.uuid)
        await until_areas(guest, 1)
        assert (await guest.areas())[1].size == MIB


async def test_a_start_without_the_services_says_so_and_leaves_the_guest_off(
    libvirt_host: Any, files: CommFiles
) -> None:
    async with comm_host(libvirt_host.uri, files) as host:
        guest = host.definition()
        defined = await host.guests.define(guest.guest)
        assert defined.guest == guest.guest, "nothing of the communication is an edit"
        await host.guests.plug(guest.uuid)
        path = host.folder / f"guests/{guest.uuid}.doorbell"
        assert (await refused(host.guests.start(guest.uuid))).code == "COMM-NOT-STARTED"
        host.serve(guest)
        host.areas.started = False
        assert (await refused(host.guests.start(guest.uuid))).code == "COMM-NOT-STARTED"
        host.areas.started = True
        host.doorbells.unserve(guest.uuid)
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        path.chmod(0o666)
        assert (await refused(host.guests.start(guest.uuid))).code == "COMM-NOT-STARTED"
        path.unlink()
        host.areas.make("odd", 3 * MIB)
        host.areas.grant(guest.uuid, odd="rw")
        host.serve(guest)
        assert (await refused(host.guests.start(guest.uuid))).code == "AREA-NOT-PLUGGED"
        (seen,) = [seen for seen in await host.guests.list() if seen.guest.uuid == guest.uuid]
        assert (seen.state, seen.guest) == ("stopped", guest.guest)


async def _until_running(events: AsyncIterator[GuestEvent], uuid: str) -> AsyncIterator[Changed]:
    """The changes of one guest up to that one."""
    async for event in events:
        if isinstance(event, Changed) and event.observed.guest.uuid == uuid:
            yield event
            if event.observed.state == "running":
                return


async def test_a_start_makes_room_for_many_areas(libvirt_host: Any, files: CommFiles) -> None:
    async with comm_host(libvirt_host.uri, files) as host:
        grants = {f"a{n}": "ro" for n in range(64)}
        for name in grants:
            host.areas.make(name)
        async with asyncio.timeout(2 * BOOT_S), host.guests.events() as events:
            await anext(events)
            guest = await host.boot(grants=grants)
            states = [event.observed.state async for event in _until_running(events, guest.uuid)]
        assert "paused" not in states, "it was, but not for anybody to act on"
        assert len(await guest.areas()) == 64
        (seen,) = [seen for seen in await host.guests.list() if seen.guest.uuid == guest.uuid]
        assert seen.guest == guest.guest
