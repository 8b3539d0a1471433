"""A change that fails at any of its stages leaves everything as it was; one that is taken back too."""

import asyncio
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.comm_process import CommProcess, Peer, ask, comm_fixtures, comm_process, document, open_files
from tests.support.small_disk import fill, mounted
from tests.support.waiting import until

from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.model.networks import VirtualNet
from guestwire.protocol import comm_models as w
from guestwire.shm.layouts import NUMBERS

N = NUMBERS
WHOLE = document(
    "a", "b",
    areas=(
        MemoryArea(name="shared", size=1 << 16, default_access="RWC-"),
        MemoryArea(name="gone", size=1 << 16, default_access="RWC-"),
    ),
    events=(
        Event(name="go", signal=("a",), wait=("b",)),
        Event(name="set", reset="manual", signal=("a",), wait=("b",)),
        Event(name="direct", signal=("a",), wait=("b",), delivery="direct"),
        Event(name="tick", signal=("HOST",), wait=("HOST",)),
    ),
    queues=(Queue(name="q", area="shared", slots=8, slot_bytes=64, writers=("a",), reader="b"),),
    locks=(Lock(name="l", area="shared"),),
)  # fmt: skip
LARGE = MemoryArea(name="large", size=512 << 20)
OTHER = document(
    "a", "c",
    areas=(WHOLE.areas[0], MemoryArea(name="new", size=4096)),
    events=(Event(name="go", reset="manual", signal=("a",), wait=("c",)), Event(name="fresh", signal=("a",), wait=("c",))),
    queues=(Queue(name="other", area="shared", slots=16, slot_bytes=64, writers=("a",), reader="c"),),
)  # fmt: skip
"""Takes from WHOLE whatever can be taken, and puts something into the place of its queue and lock."""
UPLINK = VirtualNet(name="n", mode="bridge", dhcp=False, uplink="gwtnone0")
"""Onto an interface that is not there."""
CROWD = tuple(Event(name=f"direct-{n}", signal=("a",), wait=("b",), delivery="direct") for n in range(16))
NATIVES = tuple(Event(name=f"native-{n}", signal=("HOST",), wait=("HOST",)) for n in range(4000))

comm, client = comm_fixtures(WHOLE)


class Everything:
    """What there is of WHOLE, as others see it; `like_before` says whether it is so again."""

    def __init__(self, comm: CommProcess, client: CommClient) -> None:
        self._comm = comm
        self._client = client

    async def prepare(self) -> "Everything":
        """Content in the areas, an event set, a native one too, somebody who waits."""
        self._a, self._b, self._host = (Peer(self._comm.attach, name) for name in ("a", "b", ""))
        for peer in (self._a, self._b, self._host):
            peer.hello()
        for name in ("shared", "gone"):
            (fd,) = self._host.call("AREA", text=name)["fds"]
            with mmap.mmap(fd, 1 << 20) as memory:
                memory[4096 : 4096 + (1 << 16)] = os.urandom(1 << 16)
            os.close(fd)
        self._tick = self._host.open("tick")["fds"][0]
        os.eventfd_write(self._tick, 1)
        self._set, self._go = self._a.open("set")["handle"], self._a.open("go")["handle"]
        self._a.send("SET", handle=self._set)
        self._waits = self._b.wait(self._b.open("go")["handle"])
        assert self._b.silent()
        self._before = await self._seen()
        return self

    async def _seen(self) -> dict[str, Any]:
        areas = (await ask(self._client, "area-list")).areas
        contents = {}
        for name in ("shared", "gone"):
            (fd,) = self._host.call("AREA", text=name)["fds"]
            contents[name] = os.pread(fd, 1 << 20, 0)
            os.close(fd)
        (fd,) = self._a.call("DIRECTORY")["fds"]
        directory = os.pread(fd, 1 << 20, 136)  # behind the sequence
        os.close(fd)
        events = (await ask(self._client, "event-list")).events
        status = await self._client.status()
        return {
            "areas": areas, "contents": contents, "directory": directory,
            "events": [(event.name, event.set, event.waiters, event.reset) for event in events],
            "plugs": [await self._client.plugs(name) for name in ("a", "b")], "held": await self._client.held(),
            "regions": (status.regions, status.region_bytes), "hash": status.document_hash, "counts": status.counts,
            "queues": await ask(self._client, "queue-list"), "locks": await ask(self._client, "lock-list"),
        }  # fmt: skip

    async def like_before(self, *, events: bool = True) -> None:
        """`events`: they were never away, so they have their states, handles and waiters."""
        seen = await self._seen()
        before = dict(self._before)
        if not events:
            before.pop("events")
            seen.pop("events")
        assert seen == before
        if events:
            assert self._a.call("QUERY", handle=self._set)["value"] == 1
            self._a.send("SET", handle=self._go)
            reply, _ = self._b.recv()
            assert (reply["seq"], reply["code"]) == (self._waits, 0)
            assert os.eventfd_read(self._tick) == 1
        os.close(self._tick)
        for peer in (self._a, self._b, self._host):
            peer.close()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"events": (*WHOLE.events, *CROWD)}, "EVENTS-EXHAUSTED"),
        ({"areas": (*OTHER.areas, *(LARGE.model_copy(update={"name": f"l{n}"}) for n in range(70)))}, "REGION-FULL"),
        ({"locks": tuple(Lock(name=f"l{n}", area="new") for n in range(100))}, "REGION-FULL"),
        ({"networks": (UPLINK,)}, "NET-UNSUPPORTED"),
        ({"events": NATIVES, "locks": tuple(Lock(name=f"l{n}", area="new") for n in range(33))}, "REGION-FULL"),
    ],
    ids=["vectors", "memory", "places", "networks", "eventfds"],
)  # fmt: skip
async def test_what_fails_changes_nothing(comm, client, change, code):
    everything = await Everything(comm, client).prepare()
    files = open_files(comm.pid)
    with pytest.raises(GuestwireError) as failed:
        await client.apply(OTHER.model_copy(update=change))
    assert failed.value.code == code
    await everything.like_before()
    # what was begun and taken back is let go by tasks of its own
    await until(lambda: open_files(comm.pid) <= files + 8, f"more than 8 files more than {files} stay open")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """The state directory on a file system of 1 MiB that is full but for what is there."""
    with mounted(tmp_path / "s", 1024) as disk:
        yield disk


async def test_a_full_disk_changes_nothing(tmp_path, full_disk):
    async with comm_process(tmp_path) as comm, CommClient(comm.dir) as client:
        await client.apply(WHOLE)
        await client.settle()
        everything = await Everything(comm, client).prepare()
        ballast = fill(full_disk)
        with pytest.raises(GuestwireError, match="REGION-FULL") as failed:
            await client.apply(OTHER)
        assert "state.json" in failed.value.message
        with pytest.raises(GuestwireError, match="REGION-FULL"):
            await ask(client, "comm-stop", w.CommStop(force=True))
        assert (await client.status()).state == "running"
        await everything.like_before()
        ballast.unlink()
        await client.apply(OTHER)
        fill(full_disk)
        with pytest.raises(GuestwireError, match="REGION-FULL"):
            await client.settle()
        await client.apply(OTHER)  # the same again needs no disk
        ballast.unlink()
        await client.apply(WHOLE)  # what was not settled is there to go back to
        await client.settle()


async def test_a_change_that_is_taken_back(comm, client):
    """Rings with their messages, lock words, areas that were away: byte for byte."""
    everything = await Everything(comm, client).prepare()
    await client.apply(OTHER)
    await client.apply(OTHER)
    assert await client.held() == OTHER
    await client.apply(WHOLE)
    await client.settle()
    await everything.like_before(events=False)
    assert (await client.status()).regions == 2 + 1 + 1 + 3  # areas, direct words, native words, directories


async def test_a_change_over_two_others_is_taken_back(comm, client):
    everything = await Everything(comm, client).prepare()
    await client.apply(OTHER)
    await client.apply(document("a", areas=(MemoryArea(name="shared", size=3 << 20),)))  # another region, with a copy
    await client.apply(WHOLE)
    await client.settle()
    await everything.like_before(events=False)


async def test_an_area_that_grows_keeps_its_content(comm, client):
    with Peer(comm.attach) as host:
        (fd,) = host.call("AREA", text="gone")["fds"]
        os.pwrite(fd, b"content", 4096)
        os.close(fd)
        larger = MemoryArea(name="gone", size=3 << 20, default_access="RWC-")
        await client.apply(WHOLE.model_copy(update={"areas": (WHOLE.areas[0], larger)}))
        (fd,) = host.call("AREA", text="gone")["fds"]
        assert os.fstat(fd).st_size == 4 << 20
        assert os.pread(fd, 7, 4096) == b"content"
        os.close(fd)


async def test_who_waits_while_a_change_is_made_waits_on_or_learns_why_not(comm, client):
    with Peer(comm.attach, "a") as a, Peer(comm.attach, "b") as b:
        b.wait(b.open("go")["handle"])
        waits = b.wait(b.open("direct")["handle"])
        assert b.recv()[0]["seq"] == waits  # direct events are waited for elsewhere
        assert b.silent()
        await client.apply(WHOLE.model_copy(update={"locks": ()}))
        assert b.silent()
        a.send("SET", handle=a.open("go")["handle"])
        assert b.recv()[0]["code"] == 0
        seq = b.wait(b.open("go")["handle"])
        assert b.silent()
        denied = Event(name="go", signal=("a",), wait=("a",))
        await client.apply(WHOLE.model_copy(update={"events": (denied,)}))
        reply, _ = b.recv()
        assert (reply["seq"], reply["code"]) == (seq, N["GW_DENIED"])
        seq = a.wait(a.open("go")["handle"])
        assert a.silent()
        await client.apply(WHOLE.model_copy(update={"events": ()}))
        reply, _ = a.recv()
        assert (reply["seq"], reply["code"]) == (seq, N["GW_NOT_FOUND"])


async def test_changes_at_once_come_one_after_the_other(comm, client):
    documents = [WHOLE.model_copy(update={"locks": (), "queues": ()}), OTHER, WHOLE, document("a"), WHOLE]
    await asyncio.gather(*(client.apply(one) for one in documents))
    held = await client.held()
    assert held in documents
    assert (await client.status()).counts["areas"] == len(held.areas)


async def test_stop_and_start_keep_what_lies_in_memory(comm, client):
    with Peer(comm.attach, "a") as a:
        (fd,) = a.call("AREA", text="shared")["fds"]
        before = os.pread(fd, 1 << 20, 0)
        shown = await ask(client, "area-show", w.NameRef(name="shared"))
        for _ in range(3):
            assert (await ask(client, "comm-restart", w.CommStop(force=True))).state == "running"
            assert a.open("go")["code"] == N["GW_INVALID"]  # it has to say HELLO again
            assert a.hello()["code"] == 0
            assert a.open("go")["code"] == 0
        assert await ask(client, "area-show", w.NameRef(name="shared")) == shown
        assert os.pread(fd, 1 << 20, 0) == before
        os.close(fd)


async def test_a_lock_outlives_a_stop(comm, client):
    """Its holder lives and works on; when it says HELLO again it knows that it holds nothing any more."""
    with Peer(comm.attach, "a") as a, Peer(comm.attach) as host:
        (fd,) = a.call("AREA", text="shared")["fds"]
        memory = mmap.mmap(fd, 1 << 20)
        os.close(fd)
        held = (await ask(client, "lock-list")).locks[0]
        assert held.owner == ""
        at = lock_at(host)
        memory[at : at + 4] = a.number.to_bytes(4, "little")
        await ask(client, "comm-stop", w.CommStop(force=True))
        assert memory[at : at + 4] == a.number.to_bytes(4, "little")
        with pytest.raises(GuestwireError, match="COMM-NOT-STARTED"):
            await ask(client, "event-signal", w.NameRef(name="tick"))
        await ask(client, "comm-start")
        assert (await ask(client, "lock-list")).locks[0].owner == "a"
        a.hello()
        assert memory[at : at + 4] == bytes(4)
        memory.close()


def lock_at(host: Peer) -> int:
    """Where the owner word of the first lock lies in its region."""
    from guestwire.shm.layouts import DIRECTORY, LOCK, LOCK_ROW, REGION

    (directory,) = host.call("DIRECTORY")["fds"]
    with mmap.mmap(directory, 1 << 20, prot=mmap.PROT_READ) as rows:
        os.close(directory)
        head = DIRECTORY.unpack(rows, REGION.size)
        return int(LOCK_ROW.unpack(rows, head["locks_at"])["offset"]) + LOCK.offsets["owner"]


async def test_networks_that_cannot_be_made_do_not_keep_the_services_from_starting(comm, client):
    """The document had them: the uplink went away while guestwire-comm was down."""
    await comm.end()
    file = comm.folder / "s/state.json"
    text = file.read_text()
    wanted = WHOLE.model_copy(update={"networks": (UPLINK,)})
    assert WHOLE.model_dump_json(exclude_defaults=True) in text
    file.write_text(
        text.replace(WHOLE.model_dump_json(exclude_defaults=True), wanted.model_dump_json(exclude_defaults=True))
    )
    await comm.start()
    status = await client.status()
    assert status.state == "running"
    assert "networks" in status.missing
    told = [one for one in (await client.follow(b"", 0, 0.0)).happenings if one.name == "networks"]
    assert [one.code for one in told] == ["NET-UNSUPPORTED"]
    with Peer(comm.attach, "a") as a:
        assert a.open("go")["code"] == 0
    await ask(client, "comm-stop", w.CommStop(force=True))
    with pytest.raises(GuestwireError, match="NET-UNSUPPORTED"):
        await ask(client, "comm-start")
    assert (await client.status()).state == "stopped"
    with pytest.raises(GuestwireError, match="COMM-NOT-STARTED"):
        await client.apply(WHOLE)
