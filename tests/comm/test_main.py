"""The process as a whole: documents, regions, events and locks over its sockets; what stays when it is killed."""

import asyncio
import fcntl
import mmap
import os
import select

import pytest
from tests.support.comm_process import CommProcess, Peer, ask, ask_from_afar, comm_fixtures, document
from tests.support.doorbell_guest import DoorbellGuest

from guestwire.agent.comm_areas import CommAreas
from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.protocol import comm_models as w
from guestwire.shm.layouts import CONTROL, DIRECTORY, LOCK, NUMBERS, REGION

N = NUMBERS
AREAS = (
    MemoryArea(name="shared", size=65536, default_access="RWC-", overrides={"b": "R---", "c": "----"}),
    MemoryArea(name="open", size=4096, default_access="R---", overrides={"REMOTE": "R---"}),
)
EVENTS = (
    Event(name="go", signal=("a", "REMOTE"), wait=("b", "HOST", "REMOTE")),
    Event(name="open", reset="manual", signal=("a",), wait=("b", "c", "HOST")),
    Event(name="tick", signal=("HOST",), wait=("HOST",)),
)
WHOLE = document(
    "a", "b", "c", areas=AREAS, events=EVENTS,
    queues=(Queue(name="q", area="shared", slots=8, slot_bytes=64, writers=("a",), reader="HOST"),),
    locks=(Lock(name="l", area="shared"),),
)  # fmt: skip

comm, client = comm_fixtures()


async def test_a_document_is_made_true_and_told(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    status = await client.status()
    assert (status.state, status.counts["areas"], status.counts["events"]) == ("running", 2, 3)
    assert await client.held() == WHOLE
    areas = (await ask(client, "area-list")).areas
    assert [(area.name, area.size, area.backing_size) for area in areas] == [
        ("open", 4096, 1 << 20),
        ("shared", 65536, 1 << 20),
    ]
    assert areas[1].data_size < 65536
    assert {one.name: one.access for one in areas[1].access} == {"a": "RWC-", "b": "R---", "c": "----", "HOST": "RWC-"}
    plugs = await client.plugs("b")
    assert [(plug.name, plug.writable) for plug in plugs.plugs] == [("b", False), ("shared", False), ("open", False)]
    assert [plug.name for plug in (await client.plugs("c")).plugs] == ["c", "open"]
    with pytest.raises(GuestwireError, match="NOT-FOUND"):
        await client.plugs("nobody")


async def test_areas_are_given_by_access(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    with Peer(comm.attach, "a") as a, Peer(comm.attach, "b") as b, Peer(comm.attach, "c") as c:
        got = a.call("AREA", text="shared", flags=N["GW_READ"] | N["GW_WRITE"])
        assert got["code"] == 0
        (fd,) = got["fds"]
        with mmap.mmap(fd, 1 << 20) as memory:
            memory[N["GW_DATA_OFFSET"] : N["GW_DATA_OFFSET"] + 5] = b"hello"
        with pytest.raises(OSError, match="Operation not permitted"):
            os.ftruncate(fd, 4096)
        os.close(fd)
        assert b.call("AREA", text="shared", flags=N["GW_WRITE"])["code"] == N["GW_DENIED"]
        got = b.call("AREA", text="shared")
        (fd,) = got["fds"]
        assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        with mmap.mmap(fd, 1 << 20, prot=mmap.PROT_READ) as memory:
            assert memory[N["GW_DATA_OFFSET"] : N["GW_DATA_OFFSET"] + 5] == b"hello"
        os.close(fd)
        assert c.call("AREA", text="shared")["code"] == N["GW_DENIED"]
        assert c.call("AREA", text="nothing")["code"] == N["GW_NOT_FOUND"]
    with pytest.raises(GuestwireError, match="COMM-DENIED"):
        await ask_from_afar(client, "area-dump", w.AreaDump(name="shared"))
    dumped = await ask(client, "area-dump", w.AreaDump(name="shared", length=5))
    assert dumped.data == b"hello"
    assert (await ask_from_afar(client, "area-dump", w.AreaDump(name="open", length=4))).data == bytes(4)


async def test_how_a_guests_qemu_has_an_area_is_told(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    uuid = next(guest.uuid for guest in WHOLE.guests if guest.name == "a")
    index = next(plug.index for plug in (await client.plugs("a")).plugs if plug.name == "shared")
    areas = CommAreas(client)

    async def told(file: int) -> str | None:
        return await asyncio.to_thread(areas.mapped, uuid, file)  # as a driver asks

    async with client.file("a", index, writable=True) as file:
        assert await told(file) is None, "nobody is there"
        with await asyncio.to_thread(DoorbellGuest(comm.doorbell(WHOLE, "a")).__enter__):  # this process is its QEMU
            assert await told(file) is None, "it does not have it"
            with mmap.mmap(file, 1 << 20, prot=mmap.PROT_READ):
                assert await told(file) == "read-only"
                with mmap.mmap(file, 1 << 20):
                    assert await told(file) == "writable"
        await comm.kill()
        assert await told(file) is None, "nobody can tell"


async def test_a_guest_is_who_it_may_be(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    stranger = Peer(comm.attach, "nobody")
    assert stranger.hello()["code"] == N["GW_NOT_FOUND"]
    stranger.close()
    told = (await client.follow(b"", 0, 1.0)).happenings
    assert ("denied", "HOST", "nobody", "attach") in [(one.kind, one.guest, one.name, one.text) for one in told]


async def test_the_directory_says_what_there_is(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    with Peer(comm.attach, "a") as a:
        (fd,) = a.call("DIRECTORY")["fds"]
        with mmap.mmap(fd, 1 << 20, prot=mmap.PROT_READ) as memory:
            head = DIRECTORY.unpack(memory, REGION.size)
        os.close(fd)
    assert (head["guest"], head["host"], head["alive"]) == ("a", "h1", 1)
    assert (head["areas"], head["rings"], head["locks"]) == (2, 1, 1)


async def test_an_event_crosses_by_its_rights(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    with Peer(comm.attach, "a") as a, Peer(comm.attach, "b") as b, Peer(comm.attach, "c") as c:
        signals, waits = a.open("go"), b.open("go")
        assert (signals["value"], waits["value"]) == (N["GW_MAY_SIGNAL"], N["GW_MAY_WAIT"])
        assert c.open("go")["code"] == N["GW_DENIED"]
        seq = b.wait(waits["handle"])
        assert b.silent()
        a.send("SET", handle=signals["handle"])
        reply, _ = b.recv()
        assert (reply["seq"], reply["code"], reply["value"]) == (seq, 0, 0)
    shown = await ask(client, "event-show", w.NameRef(name="go"))
    assert (shown.signals, shown.last_by, shown.denied, shown.set) == (1, "a", 1, False)


async def test_what_was_denied_stays_counted_when_its_connection_is_gone(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    for _ in range(5):
        with Peer(comm.attach, "c") as c:
            assert c.open("go")["code"] == N["GW_DENIED"]
            assert c.call("AREA", text="shared")["code"] == N["GW_DENIED"]
    with Peer(comm.attach, "c"), Peer(comm.attach, "b"), Peer(comm.attach):
        rows = {peer.name: peer.denied for peer in (await client.status()).peers}
    assert rows == {"b": 0, "c": 10, "HOST": 0}


class ResetGuest(DoorbellGuest):
    """Its library is another one after each `begin`, in the same QEMU."""

    def begin(self) -> int:
        """As the library opens a doorbell. The instance that it finds; 0: the region makes no sense."""
        if REGION.unpack(self.memory[: REGION.size])["magic"] != N["GW_MAGIC"]:
            return 0
        words = CONTROL.unpack(self.memory[:], REGION.size)
        if words["request_head"] - words["request_tail"] & 2**64 - 1 > N["GW_REQUESTS"]:
            self.words[(REGION.size + CONTROL.offsets["request_head"]) // 8] = words["request_tail"]
        self._taken = self.words[(REGION.size + CONTROL.offsets["reply_tail"]) // 8] = words["reply_head"]
        return self.instance


async def test_a_guest_that_wrote_over_its_doorbell_has_it_back_after_a_reset(
    comm: CommProcess, client: CommClient
) -> None:
    await client.apply(WHOLE)
    with ResetGuest(comm.doorbell(WHOLE, "b")) as guest:
        guest.hello()
        guest.memory[:] = os.urandom(len(guest.memory))
        guest.ring()
        assert not guest.begin()
        await client.guest_reset("b")
        assert guest.begin()
        assert guest.hello()
        assert guest.open("go")["code"] == 0


async def test_a_guest_that_is_reset_while_it_works_learns_that_it_is_not_served(
    comm: CommProcess, client: CommClient
) -> None:
    await client.apply(WHOLE)
    with ResetGuest(comm.doorbell(WHOLE, "b")) as guest:
        before = guest.begin()
        guest.hello()
        guest.wait(guest.open("go")["handle"])
        await client.guest_reset("b")
        assert guest.instance not in (0, before)
        assert select.select([guest.vectors[guest.own][0]], [], [], 20)[0], "who sleeps is woken, and looks"
        assert guest.begin()
        assert guest.hello()
        await ask(client, "comm-stop", w.CommStop(force=True))
        await client.guest_reset("b")
        assert guest.begin() == 0


async def test_three_waiters_and_both_kinds_of_reset(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    with (
        Peer(comm.attach, "a") as a,
        Peer(comm.attach, "b") as b,
        Peer(comm.attach, "c") as c,
        Peer(comm.attach) as host,
    ):
        auto, manual = a.open("go")["handle"], a.open("open")["handle"]
        waiters = (b, c, host)
        for peer in waiters:
            peer.wait(peer.open("open")["handle"])
            assert peer.silent()
        a.send("SET", handle=manual)
        assert [peer.recv()[0]["code"] for peer in waiters] == [0, 0, 0]
        a.send("RESET", handle=manual)
        assert a.call("QUERY", handle=manual)["value"] == 0
        first, second = b, host
        for peer in (first, second):
            peer.wait(peer.open("go")["handle"])
            assert peer.silent()
        a.send("SET", handle=auto)
        assert first.recv()[0]["code"] == 0
        assert second.silent()
        a.send("SET", handle=auto)
        assert second.recv()[0]["code"] == 0


async def test_a_native_event_is_an_eventfd(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    with Peer(comm.attach) as one, Peer(comm.attach) as other:
        first, second = one.open("tick"), other.open("tick")
        assert first["flags"] & N["GW_NATIVE"]
        os.eventfd_write(first["fds"][0], 1)
        assert (await ask(client, "event-show", w.NameRef(name="tick"))).set is True
        assert os.eventfd_read(second["fds"][0]) == 1
        assert (await ask(client, "event-show", w.NameRef(name="tick"))).set is False
        for reply in (first, second):
            os.close(reply["fds"][0])


async def test_the_cloud_signals_and_waits_by_its_rights(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    with Peer(comm.attach, "b") as b:
        b.wait(b.open("go")["handle"])
        assert b.silent()
        shown = await ask_from_afar(client, "event-signal", w.NameRef(name="go"))
        assert (shown.signals, shown.last_by) == (1, "REMOTE")
        assert b.recv()[0]["code"] == 0
    waiting = asyncio.create_task(ask_from_afar(client, "event-wait", w.EventWait(names=("go",), timeout_s=10.0)))
    async with asyncio.timeout(10):
        while not (await ask(client, "event-show", w.NameRef(name="go"))).waiters:
            await asyncio.sleep(0)
    with Peer(comm.attach, "a") as a:
        a.send("SET", handle=a.open("go")["handle"])
        assert (await waiting).name == "go"
    assert (await ask_from_afar(client, "event-wait", w.EventWait(names=("go",), timeout_s=0.05))).name is None
    with pytest.raises(GuestwireError, match="COMM-DENIED"):
        await ask_from_afar(client, "event-signal", w.NameRef(name="open"))
    followed = await client.follow(b"", 0, 1.0)
    assert ("denied", "op:ann", "open") in [(one.kind, one.guest, one.name) for one in followed.happenings]


async def test_a_lock_of_a_holder_that_died_is_free(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    with Peer(comm.attach, "a") as a, Peer(comm.attach) as host:
        (fd,) = host.call("AREA", text="shared")["fds"]
        memory = mmap.mmap(fd, 1 << 20)
        os.close(fd)
        (held,) = (await ask(client, "lock-list")).locks
        assert held.owner == ""
        # the lock is the highest block of the area but for the ring: found by its place in the directory
        (directory,) = host.call("DIRECTORY")["fds"]
        with mmap.mmap(directory, 1 << 20, prot=mmap.PROT_READ) as rows:
            head = DIRECTORY.unpack(rows, REGION.size)
            from guestwire.shm.layouts import LOCK_ROW

            row = LOCK_ROW.unpack(rows, head["locks_at"])
        os.close(directory)
        owner = row["offset"] + LOCK.offsets["owner"]
        memory[owner : owner + 4] = (a.number | N["GW_LOCK_WAITERS"]).to_bytes(4, "little")
        assert (await ask(client, "lock-list")).locks[0].owner == "a"
        with pytest.raises(GuestwireError, match="LOCK-HELD"):
            await ask(client, "lock-break", w.LockBreak(name="l"))
        waits = host.open("lock:l")["handle"]
        host.wait(waits)
        assert host.silent()
        a.close()
        assert host.recv()[0]["code"] == 0
        assert int.from_bytes(memory[owner : owner + 4], "little") == 0
        assert (await ask(client, "lock-list")).locks[0].died
        memory.close()


async def test_stop_refuses_while_guests_are_attached(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    with Peer(comm.attach, "b") as b:
        handle = b.open("go")["handle"]
        b.wait(handle)
        assert b.silent()
        with pytest.raises(GuestwireError, match="COMM-GUESTS-ATTACHED"):
            await ask(client, "comm-stop", w.CommStop())
        assert (await ask(client, "comm-stop", w.CommStop(force=True))).state == "stopped"
        assert b.recv()[0]["code"] == N["GW_NOT_STARTED"]
        assert b.open("go")["code"] == N["GW_NOT_STARTED"]
        with pytest.raises(GuestwireError, match="COMM-NOT-STARTED"):
            await client.apply(document())
        assert (await ask(client, "comm-start")).state == "running"
        assert b.hello()["code"] == 0
        assert b.open("go")["code"] == 0


async def test_what_is_taken_back_is_as_it_was(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    await client.settle()
    with Peer(comm.attach) as host:
        (fd,) = host.call("AREA", text="shared")["fds"]
        with mmap.mmap(fd, 1 << 20) as memory:
            memory[4096 : 4096 + 4] = b"data"
            before = bytes(memory)
        os.close(fd)
        shown = await ask(client, "area-show", w.NameRef(name="shared"))
        await client.apply(document("a"))
        assert not (await ask(client, "area-list")).areas
        await client.apply(WHOLE)
        assert await ask(client, "area-show", w.NameRef(name="shared")) == shown
        (fd,) = host.call("AREA", text="shared")["fds"]
        with mmap.mmap(fd, 1 << 20) as memory:
            assert bytes(memory) == before
        os.close(fd)
        await client.apply(document("a"))
        await client.settle()
        await client.apply(WHOLE)
        assert (await ask(client, "area-show", w.NameRef(name="shared"))).generation != shown.generation


async def test_a_document_that_does_not_fit_changes_nothing(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    small = MemoryArea(name="small", size=64)
    queue = Queue(name="big", area="small", slots=64, slot_bytes=1024, writers=("a",), reader="b")
    wrong = WHOLE.model_copy(update={"areas": (*AREAS, small), "queues": (*WHOLE.queues, queue)})
    before = await ask(client, "area-list")
    with pytest.raises(GuestwireError, match="REGION-FULL"):
        await client.apply(wrong)
    assert await ask(client, "area-list") == before
    assert await client.held() == WHOLE


async def test_a_kill_loses_no_document(comm: CommProcess, client: CommClient) -> None:
    await client.apply(WHOLE)
    with Peer(comm.attach) as host:
        (fd,) = host.call("AREA", text="shared")["fds"]
        await comm.kill()
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            host.call("PING")
        os.close(fd)
    with pytest.raises(GuestwireError, match="COMM-"):
        await client.status()
    await comm.start()
    assert await client.held() == WHOLE
    assert (await client.status()).state == "running"
    lost = [one for one in (await client.follow(b"", 0, 0.0)).happenings if one.code == "REGION-LOST"]
    assert {one.name for one in lost} >= {"shared", "open"}
