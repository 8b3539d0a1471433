"""What guests share, between real guests: two of them under libvirt, a real guestwire-comm, and the guest library's program
inside. Boots once for the module; the tests are in the order in which they disturb each other least."""

import asyncio
import itertools
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from comm_guest import BOOT_S, CommandFailed, CommFiles, CommGuest, CommHost, comm_files_with_gwguest
from comm_process import CommProcess, Peer, ask

from guestwire.agent.comm_areas import CommAreas
from guestwire.agent.drivers.linux.threads import threads_of
from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.communication import CommDocument
from guestwire.model.communication import CommGuest as Member_
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST, Event
from guestwire.model.guest import Nic
from guestwire.model.network_names import bridge_name, derived_mac
from guestwire.model.networks import Member, VirtualNet
from guestwire.protocol import comm_models as w
from guestwire.shm.layouts import NUMBERS

pytestmark = [pytest.mark.libvirt, pytest.mark.asyncio(loop_scope="module")]

HOST_ID = "test-host"
NET = VirtualNet(name="gwt-cells", cidr="10.231.7.0/24")
AT = NUMBERS["GW_DATA_OFFSET"]


class Rig(NamedTuple):
    host: CommHost
    comm: CommProcess
    client: CommClient
    a: CommGuest
    b: CommGuest

    def document(self, **changes: Any) -> CommDocument:
        """What the two share."""
        a, b = self.a.name, self.b.name
        services = ("log", "ping", "flush", "data")
        parts: dict[str, Any] = {
            "guests": (
                Member_(name=a, uuid=self.a.uuid, services=services),
                Member_(name=b, uuid=self.b.uuid, services=("ping",)),
            ),
            "areas": (
                MemoryArea(name="shared", size=65536, default_access="RWC-"),
                MemoryArea(name="seen", size=65536, default_access="----", overrides={a: "RW--", b: "R---", HOST: "R---"}),
                MemoryArea(name="mine", size=65536, default_access="----", overrides={a: "RW--"}),
            ),
            "events": (
                Event(name="there", signal=(a,), wait=(b,)),
                Event(name="back", signal=(b,), wait=(a,)),
                Event(name="straight", delivery="direct", signal=(a,), wait=(b,)),
                Event(name="straight-back", delivery="direct", signal=(b,), wait=(a,)),
                Event(name="one", signal=(a,), wait=(b, HOST)),
                Event(name="all", reset="manual", signal=(a,), wait=(b, HOST)),
            ),
            "queues": (Queue(name="parts", area="shared", slots=8, slot_bytes=64, writers=(a,), reader=b),),
            "locks": (Lock(name="press", area="shared"),),
            "networks": (self.network(),),
        }  # fmt: skip
        return CommDocument(**{**parts, **changes})

    def network(self, *, isolated: bool = False, airgap: bool = False) -> VirtualNet:
        members = tuple(
            Member(guest=guest.name, mac=derived_mac(HOST_ID, guest.name, 0), isolated=isolated)
            for guest in (self.a, self.b)
        )
        return NET.model_copy(update={"members": members, "airgap": airgap})


@pytest.fixture(scope="module")
def files(libvirt_host: Any) -> Iterator[CommFiles]:
    with comm_files_with_gwguest() as files:
        yield files


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(libvirt_host: Any, files: CommFiles, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests

    folder = Path(tempfile.mkdtemp(prefix="gwt-", dir="/tmp"))  # a socket's path has 107 bytes
    folder.chmod(0o755)
    (folder / "comm.toml").write_text(
        f'host = "{HOST_ID}"\nsite = "test"\ndir = "{folder}/r"\nstate_dir = "{folder}/s"\ntrace_dir = "{folder}/t"\n'
        'mark = "gwtest"\n'
    )
    comm = CommProcess(folder)
    await comm.start()
    async with (
        CommClient(comm.dir) as client,
        LibvirtGuests(
            libvirt_host.uri, threads_of=threads_of, clock=lambda: time.time_ns() // 1_000_000, areas=CommAreas(client),
            comm_dir=comm.dir, host=HOST_ID, bridges=lambda: {NET.name: bridge_name(NET)},
            mapped=CommAreas(client).mapped,
        ) as guests,
    ):  # fmt: skip
        host = CommHost(guests, None, None, folder, files)  # type: ignore[arg-type]
        made = Rig(host, comm, client, *(host.definition(nics=(Nic(network=NET.name),)) for _ in "ab"))
        try:
            await client.apply(made.document())
            for guest in (made.a, made.b):
                await guests.define(guest.guest)
                await guests.start(guest.uuid)
            await asyncio.gather(made.a.run("true", BOOT_S), made.b.run("true", BOOT_S))
            yield made
        finally:
            for guest in (made.a, made.b):
                guest.forget()
                if any(seen.guest.uuid == guest.uuid for seen in await guests.list()):
                    await guests.destroy(guest.uuid)
                    await guests.undefine(guest.uuid)
            if comm.process is not None and comm.process.returncode is not None:
                await comm.start()
            await client.apply(CommDocument())
            await comm.end()
            shutil.rmtree(folder)


async def ready(guest: CommGuest, command: str) -> asyncio.Task[str]:
    """Begin a command in the guest that says `ready` into a file of its own."""
    return asyncio.create_task(guest.run(command, 60))


async def test_an_area_is_found_by_name_and_written_across(rig: Rig) -> None:
    await rig.a.run("gwguest area write shared 0 hello")
    assert await rig.b.run("gwguest area read shared 0 5") == "hello"
    dumped = await ask(rig.client, "area-dump", w.AreaDump(name="shared", length=5))
    assert dumped.data == b"hello"


async def test_a_read_only_area_is_read_only_for_the_hypervisor(rig: Rig) -> None:
    await rig.a.run("gwguest area write seen 0 first")
    with pytest.raises(CommandFailed, match="no right"):
        await rig.b.run("gwguest area write seen 0 other")
    areas = await rig.b.areas()
    index = next(plug.index for plug in (await rig.client.plugs(rig.b.name)).plugs if plug.name == "seen")
    before = await rig.b.peek(areas[index], AT)
    await rig.b.poke(areas[index], AT, 0x21212121)
    assert await rig.b.peek(areas[index], AT) == before
    assert await rig.b.run("gwguest area read seen 0 5") == "first"
    told = CommAreas(rig.client).mapped
    for guest, writable, wanted in ((rig.a, True, "writable"), (rig.b, False, "read-only")):
        async with rig.client.file(guest.name, index, writable=writable) as file:
            assert await asyncio.to_thread(told, guest.uuid, file) == wanted, "guestwire-comm sees how QEMU has it"


async def test_no_access_is_no_device(rig: Rig) -> None:
    mine = next(plug.index for plug in (await rig.client.plugs(rig.a.name)).plugs if plug.name == "mine")
    assert mine in await rig.a.areas()
    assert mine not in await rig.b.areas()
    with pytest.raises(CommandFailed, match="nothing of that name"):
        await rig.b.run("gwguest area read mine 0 5")


INTERRUPTED = r"^ *[0-9]+: +([0-9]+ +)*[1-9][0-9]* .*vfio-msix?\[0\]"
"""A row of /proc/interrupts that has counted some."""
GONE = "timeout 20 sh -c 'while killall -0 gwguest 2>/dev/null; do usleep 10000; done'"


async def test_an_event_crosses_and_comes_back_by_interrupts(rig: Rig) -> None:
    """vfio-pci under an IOMMU gives the doorbell's vectors to the program: they are interrupts of the guest's kernel."""
    await rig.a.run("(gwguest --timeout 40000 bench-events there back 50 >/tmp/said 2>&1 &)")
    # nobody answers yet, so it waits
    await interrupted(rig.a)
    await rig.b.run("(gwguest --timeout 40000 echo-events there back 51 >/tmp/said 2>&1 &)")
    assert "count 50" in await rig.a.run(f"{GONE}; cat /tmp/said", 60)
    # it waits for one more
    assert await interrupted(rig.b) >= 10, "of the 50, some may come while it is awake"
    await rig.a.run("gwguest event set there; gwguest --timeout 20000 event wait back")
    assert await rig.b.run(f"{GONE}; cat /tmp/said") == "ready"
    shown = await ask(rig.client, "event-show", w.NameRef(name="there"))
    assert (shown.signals, shown.last_by) == (51, rig.a.name)


async def interrupted(guest: CommGuest) -> int:
    """How often vector 0 interrupted the guest: at least once. The row is there while a program has the doorbell."""
    wait = f"timeout 20 sh -c 'until grep -E \"{INTERRUPTED}\" /proc/interrupts; do usleep 1000; done'"
    row = (await guest.run(wait)).split()
    return sum(int(count) for count in itertools.takewhile(str.isdigit, row[1:]))


async def test_an_event_crosses_and_comes_back_by_the_serial_channel(rig: Rig) -> None:
    await rig.b.run("(gwguest --at serial --timeout 40000 echo-events there back 20 >/tmp/said 2>&1 &)")
    assert "count 20" in await rig.a.run("gwguest --at serial --timeout 40000 bench-events there back 20", 60)
    assert await rig.b.run(f"{GONE}; cat /tmp/said") == "ready"


async def test_who_cannot_have_the_doorbell_takes_the_serial_channel(rig: Rig) -> None:
    await rig.a.run("(gwguest --at doorbell --timeout 40000 event wait back >/tmp/said 2>&1 &)")
    await _waiters(rig, "back", 1)
    assert (await rig.a.run("gwguest who")).startswith("serial ")
    await rig.b.run("gwguest event set back")
    assert await rig.a.run(f"{GONE}; cat /tmp/said") == "", "it was answered, and ended well"
    assert (await rig.a.run("gwguest who")).startswith("doorbell ")


async def test_a_direct_event_passes_nobody(rig: Rig) -> None:
    before = (await rig.client.status()).peers
    echo = await ready(rig.b, "gwguest --timeout 40000 echo-events straight straight-back 50")
    assert "count 50" in await rig.a.run("gwguest --timeout 40000 bench-events straight straight-back 50", 60)
    await echo
    shown = await ask(rig.client, "event-show", w.NameRef(name="straight"))
    assert (shown.delivery, shown.signals >= 50, shown.set) == ("direct", True, None)
    asked = {peer.name: peer.requests for peer in (await rig.client.status()).peers}
    assert all(asked[peer.name] - peer.requests < 40 for peer in before), "opening, and nothing for each event"


async def test_three_waiters_of_both_kinds_of_reset(rig: Rig) -> None:
    with Peer(rig.comm.attach) as first, Peer(rig.comm.attach) as second:
        for name, let_go in (("all", 3), ("one", 1)):
            waits = await ready(rig.b, f"gwguest --timeout 40000 event wait {name}")
            await _waiters(rig, name, 1)
            for peer in (first, second):
                peer.wait(peer.open(name)["handle"])
            await _waiters(rig, name, 2)  # by party: the guest and HOST
            await rig.a.run(f"gwguest event set {name}")
            await waits
            if let_go == 3:
                assert [peer.recv()[0]["code"] for peer in (first, second)] == [0, 0]
                await rig.a.run(f"gwguest event reset {name}")
            else:
                assert first.silent()
                assert second.silent()
                for peer in (first, second):
                    await rig.a.run(f"gwguest event set {name}")
                    assert peer.recv()[0]["code"] == 0


async def _waiters(rig: Rig, name: str, count: int) -> None:
    async with asyncio.timeout(30):
        while len((await ask(rig.client, "event-show", w.NameRef(name=name))).waiters) < count:
            await asyncio.sleep(0.05)


async def test_a_queue_passes_messages_and_waits(rig: Rig) -> None:
    got = await ready(rig.b, "gwguest --timeout 40000 queue get parts 3")
    for text in ("one", "two", "three"):
        await rig.a.run(f"gwguest queue put parts {text}")
    assert (await got).split() == ["one", "two", "three"]
    (ring,) = (await ask(rig.client, "queue-show", w.NameRef(name="parts"))).rings
    assert (ring.writer, ring.put, ring.taken, ring.sound) == (rig.a.name, 3, 3, True)


async def test_services_are_those_of_the_guest(rig: Rig) -> None:
    said = await rig.a.run("gwguest log 'press 4 is open' 2; gwguest ping 77; gwguest available flush")
    assert "host_ns" in said
    with pytest.raises(CommandFailed, match="no right"):
        await rig.b.run("gwguest log nothing")
    happened = (await rig.client.follow(b"", 0, 0.0)).happenings
    lines = [(one.guest, one.text, one.level) for one in happened if one.kind == "log"]
    assert lines == [(rig.a.name, "press 4 is open", "warning")]
    assert any(one.kind == "denied" and one.guest == rig.b.name for one in happened)


async def test_what_is_denied_is_heard_on_the_host(rig: Rig) -> None:
    """The library says no by itself too; the host hears of it all the same."""
    since = (await rig.client.follow(b"", 0, 0.0)).happenings[-1]
    for command, said in (
        ("event set there", "no right"),
        ("event wait back", "no right"),
        ("area write seen 0 other", "no right"),
        ("area read mine 0 5", "nothing of that name"),
    ):
        with pytest.raises(CommandFailed, match=said):
            await rig.b.run(f"gwguest --timeout 5000 {command}")
    async with asyncio.timeout(20):
        heard: set[str] = set()
        while not {"there", "back", "seen", "mine"} <= heard:
            happened = (await rig.client.follow(b"", 0, 0.0)).happenings
            heard = {
                one.name for one in happened
                if one.seq > since.seq and (one.kind, one.guest, one.code) == ("denied", rig.b.name, "COMM-DENIED")
            }  # fmt: skip
            await asyncio.sleep(0.05)


async def test_marks_are_in_the_traces_of_both_sides(rig: Rig) -> None:
    await rig.a.run("gwguest data 'part 7'; gwguest flush 2")
    async with asyncio.timeout(30):
        while not (taken := [one for one in (await rig.client.follow(b"", 0, 0.0)).happenings if one.kind == "flush"]):
            await asyncio.sleep(0.05)
    host = Path(taken[-1].text.partition(": ")[2]).read_text()
    host_marks = re.findall(rf"guestwire (\w+) guest={rig.a.name} record=\d+ request=(\d+) at_ns=(\d+)", host)
    guest = await rig.a.run("cat /sys/kernel/tracing/trace")
    guest_marks = re.findall(r"guestwire (\w+) request=(\d+) host_ns=(\d+)", guest)
    for marks in (host_marks, guest_marks):
        assert [kind for kind, _, _ in marks][-2:] == ["data", "flush"]
        times = [int(at) for _, _, at in marks]
        assert times == sorted(times), "the host's clock orders both"
    assert [mark[:2] for mark in host_marks] == [mark[:2] for mark in guest_marks], (
        "each has its half on the other side"
    )
    assert all(int(came) <= int(said) for (*_, came), (*_, said) in zip(host_marks, guest_marks, strict=True))


async def test_a_read_only_area_comes_while_the_guests_run(rig: Rig) -> None:
    late = MemoryArea(name="late", size=4096, default_access="----", overrides={rig.a.name: "RW--", rig.b.name: "R---"})
    await rig.client.apply(rig.document(areas=(*rig.document().areas, late)))
    for guest in (rig.a, rig.b):
        await rig.host.guests.plug(guest.uuid)
    async with asyncio.timeout(30):
        while "late" not in await rig.b.run("gwguest area list"):
            await asyncio.sleep(0.2)
    await rig.a.run("gwguest area write late 0 new")
    assert await rig.b.run("gwguest area read late 0 3") == "new"
    await rig.client.apply(rig.document())
    for guest in (rig.a, rig.b):
        await rig.host.guests.plug(guest.uuid)
    assert "late" not in await rig.b.run("gwguest area list")


async def test_guests_ping_are_isolated_air_gapped_and_released(rig: Rig) -> None:
    for guest, last in ((rig.a, 1), (rig.b, 2)):
        await guest.run(f"ip link set eth0 up; ip addr add 10.231.7.{100 + last}/24 dev eth0")
    once = "ping -c 1 -W 1 -q 10.231.7.102"
    until_answered = f"for n in 1 2 3 4 5 6 7 8 9 10; do {once} && break; done"
    await rig.a.run(until_answered)
    for wrong in (rig.network(isolated=True), rig.network(airgap=True)):
        await rig.client.apply(rig.document(networks=(wrong,)))
        with pytest.raises(CommandFailed, match="100% packet loss"):
            await rig.a.run(once)
        await rig.client.apply(rig.document())
        await rig.a.run(until_answered)
    (net,) = (await ask(rig.client, "net-list")).networks
    assert {port.guest for port in net.ports if port.tap} == {rig.a.name, rig.b.name}


async def test_a_lock_of_a_guest_that_is_killed_goes_to_the_next(rig: Rig) -> None:
    holds = asyncio.create_task(rig.a.run("gwguest lock run press -- sleep 600", 120))
    async with asyncio.timeout(30):
        while (await ask(rig.client, "lock-list")).locks[0].owner != rig.a.name:
            await asyncio.sleep(0.1)
    waits = await ready(rig.b, "gwguest --timeout 50000 lock run press -- sh -c 'echo got $GUESTWIRE_LOCK_TOKEN'")
    async with asyncio.timeout(30):
        while not (await ask(rig.client, "lock-list")).locks[0].waiters:
            await asyncio.sleep(0.1)
    peer = next(one for one in (await rig.client.status()).peers if one.name == rig.a.name)
    assert peer.pid is not None
    os.kill(peer.pid, 9)
    assert re.search(r"got \d+", await waits)
    holds.cancel()
    await asyncio.gather(holds, return_exceptions=True)
    assert any(one.kind == "reaped" for one in (await rig.client.follow(b"", 0, 0.0)).happenings)


async def test_the_end_of_the_services_is_honest(rig: Rig) -> None:
    """A killed guestwire-comm comes back degraded: it names who is left, whose calls fail, and whose memory is as it was."""
    await rig.b.run("gwguest area write shared 0 still")
    await rig.host.guests.destroy(rig.a.uuid)
    async with asyncio.timeout(20):
        while any(one.name == rig.a.name for one in (await rig.client.status()).peers):
            await asyncio.sleep(0.1)
    await rig.comm.kill()
    await rig.comm.start()
    status = await rig.client.status()
    assert (status.state, [one.guest for one in status.stranded]) == ("degraded", [rig.b.name])
    with pytest.raises(CommandFailed, match="does not serve this peer"):
        await rig.b.run("gwguest --at doorbell event set back")
    dumped = await ask(rig.client, "area-dump", w.AreaDump(name="shared", length=5))
    assert dumped.data == b"still", "found again in QEMU"
    with pytest.raises(GuestwireError, match="COMM-GUESTS-ATTACHED"):
        await ask(rig.client, "comm-stop", w.CommStop())
    await rig.host.guests.destroy(rig.b.uuid)
    async with asyncio.timeout(20):
        while (await rig.client.status()).state != "running":
            await asyncio.sleep(0.1)
