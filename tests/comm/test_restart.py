"""guestwire-comm ends and begins again: what stays, who is left attached to the instance that is gone, and what is told."""

import asyncio
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from tests.comm.test_hostile import child, said
from tests.support.comm_process import CommProcess, Peer, ask, comm_fixtures, comm_process, document
from tests.support.doorbell_guest import DoorbellGuest

from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.protocol import comm_models as w
from guestwire.shm.layouts import DIRECTORY, LOCK, LOCK_ROW, NUMBERS, REGION

N = NUMBERS
WHOLE = document(
    "a", "b",
    areas=(MemoryArea(name="shared", size=1 << 16, default_access="RWC-"),),
    events=(
        Event(name="go", signal=("a",), wait=("b",)),
        Event(name="direct", signal=("a",), wait=("b",), delivery="direct"),
    ),
    queues=(Queue(name="q", area="shared", slots=8, slot_bytes=64, writers=("a",), reader="b"),),
    locks=(Lock(name="l", area="shared"),),
)  # fmt: skip


class ServiceManager:
    """What systemd does with files that a service gives it (sd_notify(3)): it keeps them by name, and hands them to the next
    start. On a socket of its own, in a thread of the loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept: dict[str, list[int]] = {}
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._sock.bind(str(path))
        asyncio.get_running_loop().add_reader(self._sock, self._heard)

    def _heard(self) -> None:
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self._sock, 4096, 16)
            except BlockingIOError:
                return
            said = dict(line.split("=", 1) for line in data.decode().splitlines())
            if said.get("FDSTORE") == "1":
                self._keep(said["FDNAME"], fds)
            elif said.get("FDSTOREREMOVE") == "1":
                for fd in self.kept.pop(said["FDNAME"], []):
                    os.close(fd)

    def _keep(self, name: str, fds: list[int]) -> None:
        """systemd keeps no second file of the same inode."""
        known = {os.fstat(fd).st_ino for fd in self.kept.get(name, [])}
        for fd in fds:
            if os.fstat(fd).st_ino in known:
                os.close(fd)
            else:
                self.kept.setdefault(name, []).append(fd)

    async def keeps(self, count: int) -> None:
        """Until it keeps so many."""
        async with asyncio.timeout(10):
            while len(self.kept) != count:
                await asyncio.sleep(0)

    @property
    def files(self) -> dict[str, int]:
        return {name: fds[0] for name, fds in self.kept.items()}

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()
        for fds in self.kept.values():
            for fd in fds:
                os.close(fd)


comm, client = comm_fixtures(WHOLE)


@asynccontextmanager
async def with_manager(folder: Path) -> AsyncIterator[tuple[ServiceManager, CommProcess, CommClient]]:
    """A guestwire-comm whose files a service manager keeps."""
    with closing(ServiceManager(folder / "n")) as manager:
        environment = {"NOTIFY_SOCKET": str(manager.path)}
        async with comm_process(folder, environment=environment) as comm, CommClient(comm.dir) as client:
            yield manager, comm, client


@asynccontextmanager
async def lock_word(comm: CommProcess) -> AsyncIterator[Callable[[int | None], int]]:
    """Reads the owner word of the lock, or writes it."""
    with Peer(comm.attach) as host:
        (directory,) = host.call("DIRECTORY")["fds"]
        with mmap.mmap(directory, 1 << 20, prot=mmap.PROT_READ) as rows:
            head = DIRECTORY.unpack(rows, REGION.size)
            row = LOCK_ROW.unpack(rows, head["locks_at"])
        os.close(directory)
        (fd,) = host.call("AREA", text="shared")["fds"]
    at = row["offset"] + LOCK.offsets["owner"]
    memory = mmap.mmap(fd, 1 << 20)
    os.close(fd)

    def word(value: int | None = None) -> int:
        if value is not None:
            memory[at : at + 4] = value.to_bytes(4, "little")
        return int.from_bytes(memory[at : at + 4], "little")

    try:
        yield word
    finally:
        memory.close()


def holder(fd: int, name: str) -> subprocess.Popen[bytes]:
    """A process that the kernel calls `name` and that has a file open, as the QEMU of a guest has a region's."""
    code = (
        "import ctypes, sys; ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0); print('ready', flush=True);"
        "sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, name], pass_fds=(fd,), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.fixture
def holders() -> Iterator[Callable[[int, str], None]]:
    """Processes that hold files until the end of the test."""
    made: list[subprocess.Popen[bytes]] = []
    yield lambda fd, name: made.append(holder(fd, name))
    for process in made:
        process.communicate(timeout=10)


async def remembered(comm: CommProcess, guest: str) -> None:
    """Until the state file names the guest's QEMU."""
    async with asyncio.timeout(20):
        while all(peer.get("name") != guest for peer in peers_in_state(comm)):
            await asyncio.sleep(0.05)


def peers_in_state(comm: CommProcess) -> list[dict[str, Any]]:
    state = json.loads((comm.folder / "s/state.json").read_text())
    found: list[dict[str, Any]] = state.get("peers", [])
    return found


async def state_of(client: CommClient, wanted: str) -> w.CommStatus:
    async with asyncio.timeout(20):
        while (status := await client.status()).state != wanted:
            await asyncio.sleep(0.05)
    return status


async def test_guests_of_a_killed_instance_are_listed_until_their_qemu_ends(comm, client):
    path = comm.doorbell(WHOLE, "a")
    async with child(path, "hold"):
        await remembered(comm, "a")
        await comm.kill()
        await comm.start()
        status = await client.status()
        assert (status.state, [one.guest for one in status.stranded]) == ("degraded", ["a"])
        assert "COMM-NOT-STARTED" in status.stranded[0].remedy
        assert "start it" in status.stranded[0].remedy
        with pytest.raises(GuestwireError, match="COMM-GUESTS-ATTACHED"):
            await ask(client, "comm-stop", w.CommStop())
        with Peer(comm.attach, "b") as b:
            assert b.open("go")["code"] == 0  # who comes anew is served
        await comm.kill()
        await comm.start()  # once more: it is not forgotten
        assert [one.guest for one in (await client.status()).stranded] == ["a"]
    status = await state_of(client, "running")
    assert status.stranded == ()


async def test_a_guest_that_comes_back_is_not_stranded(comm, client):
    async with child(comm.doorbell(WHOLE, "a"), "hold") as old:
        await remembered(comm, "a")
        await comm.kill()
        await comm.start()
        assert (await client.status()).state == "degraded"
        async with child(comm.doorbell(WHOLE, "a"), "hold"):
            assert (await client.status()).state == "running"
        assert old.returncode is None


async def test_an_orderly_end_tells_who_is_attached(comm, client):
    with DoorbellGuest(comm.doorbell(WHOLE, "b")) as guest:
        guest.hello()
        assert guest.instance
        handle = guest.open("go")["handle"]
        seq = guest.wait(handle)
        assert guest.call("QUERY", handle=handle)["code"] == 0
        await comm.end()
        reply = guest.recv()
        assert (reply["seq"], reply["code"]) == (seq, N["GW_NOT_STARTED"])
        assert guest.instance == 0
    assert not [line for line in comm.said if "Traceback" in line]
    assert comm.process is not None
    assert comm.process.returncode == 0
    assert [peer["name"] for peer in peers_in_state(comm)] == ["b"]  # attached to the end
    assert not list((comm.dir / "guests").glob("*.doorbell"))
    await comm.start()


async def test_an_orderly_end_is_seen_in_the_directory(comm, client):
    with Peer(comm.attach, "a") as a:
        (fd,) = a.call("DIRECTORY")["fds"]
        with mmap.mmap(fd, 1 << 20, prot=mmap.PROT_READ) as rows:
            os.close(fd)
            assert DIRECTORY.unpack(rows, REGION.size)["alive"] == 1
            with DoorbellGuest(comm.doorbell(WHOLE, "a")):
                await comm.end()
            assert DIRECTORY.unpack(rows, REGION.size)["alive"] == 0
    await comm.start()


async def test_what_the_service_manager_keeps_is_there_again(tmp_path):
    async with with_manager(tmp_path) as (manager, comm, client):
        await client.apply(WHOLE)
        shown = await ask(client, "area-show", w.NameRef(name="shared"))
        with Peer(comm.attach) as host:
            (fd,) = host.call("AREA", text="shared")["fds"]
        with mmap.mmap(fd, 1 << 20) as memory:
            memory[4096:4101] = b"still"
        os.close(fd)
        for _ in range(2):
            await manager.keeps(5)  # the area, its direct words, three directories
            await comm.kill()
            await comm.start(manager.files)
            assert await ask(client, "area-show", w.NameRef(name="shared")) == shown
            assert (await ask(client, "area-dump", w.AreaDump(name="shared", length=5))).data == b"still"
            assert not [one for one in (await client.follow(b"", 0, 0.0)).happenings if one.code == "REGION-LOST"]
        await client.apply(document("a", "b"))
        await client.settle()
        await manager.keeps(3)


async def test_what_a_qemu_holds_is_there_again(comm, client, holders):
    shown = await ask(client, "area-show", w.NameRef(name="shared"))
    with Peer(comm.attach) as host:
        (fd,) = host.call("AREA", text="shared")["fds"]
    with mmap.mmap(fd, 1 << 20) as memory:
        memory[4096:4101] = b"still"
    holders(fd, "qemu-system-x86")
    os.close(fd)
    await comm.kill()
    await comm.start()
    assert await ask(client, "area-show", w.NameRef(name="shared")) == shown
    assert (await ask(client, "area-dump", w.AreaDump(name="shared", length=5))).data == b"still"
    lost = {one.name for one in (await client.follow(b"", 0, 0.0)).happenings if one.code == "REGION-LOST"}
    assert "shared" not in lost


async def test_what_nobody_holds_is_made_anew_and_told(comm, client, holders):
    """A process that is no QEMU does not count: nobody knows what it did to the memory."""
    shown = await ask(client, "area-show", w.NameRef(name="shared"))
    with Peer(comm.attach) as host:
        (fd,) = host.call("AREA", text="shared")["fds"]
    os.pwrite(fd, b"still", 4096)
    holders(fd, "something-else")
    os.close(fd)
    await comm.kill()
    await comm.start()
    again = await ask(client, "area-show", w.NameRef(name="shared"))
    assert again.generation != shown.generation
    assert again.index != shown.index
    assert (await ask(client, "area-dump", w.AreaDump(name="shared", length=5))).data == bytes(5)
    (told,) = [
        one
        for one in (await client.follow(b"", 0, 0.0)).happenings
        if one.code == "REGION-LOST" and one.name == "shared"
    ]
    assert (told.level, told.kind) == ("error", "state")
    (queue,) = (await ask(client, "queue-list")).queues
    assert all(ring.sound and ring.put == 0 for ring in queue.rings)
    await comm.kill()
    await comm.start()  # what is lost once is told once for each time that it is lost
    assert (await client.status()).state == "running"


async def test_a_lock_of_a_guest_that_is_stranded_is_kept_until_it_ends(comm, client, holders):
    async with lock_word(comm) as word:
        with Peer(comm.attach) as host:
            (fd,) = host.call("AREA", text="shared")["fds"]
            holders(fd, "qemu-system-x86")
            os.close(fd)
        async with child(comm.doorbell(WHOLE, "a"), "hold") as guest:
            number = 12345
            await remembered(comm, "a")
            await comm.kill()
            word(number)
            await comm.start()
            assert (await client.status()).state == "degraded"
            assert word() == number
            with pytest.raises(GuestwireError, match="LOCK-HELD"):
                await ask(client, "lock-break", w.LockBreak(name="l"))
            with Peer(comm.attach, "b"):  # who comes and goes lets no lock of others go
                pass
            assert word() == number
            assert guest.returncode is None
        async with asyncio.timeout(20):
            while word() == number:
                await asyncio.sleep(0.05)
        assert word() == 0
        assert (await ask(client, "lock-list")).locks[0].died


async def test_a_lock_of_a_process_of_before_is_kept_until_it_ends(comm, client, holders):
    with Peer(comm.attach) as host:
        (fd,) = host.call("AREA", text="shared")["fds"]
        holders(fd, "qemu-system-x86")
        os.close(fd)
    code = (
        "import sys; from pathlib import Path; from tests.support.comm_process import Peer\n"
        "peer = Peer(Path(sys.argv[1])); print(peer.hello()['value'], flush=True); sys.stdin.read()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(comm.attach), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    number = int(await said(process))
    async with lock_word(comm) as word:
        word(number)
        async with asyncio.timeout(20):
            while process.pid not in [peer["pid"] for peer in peers_in_state(comm)]:
                await asyncio.sleep(0.05)
        await comm.kill()
        await comm.start()
        assert (await client.status()).state == "running"  # no guest is left behind
        assert word() == number
        await asyncio.wait_for(process.communicate(b""), 20)
        async with asyncio.timeout(20):
            while word() == number:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", ["socket", "doorbell"])
async def test_an_orderly_end_lets_go_of_no_lock(comm, client, holders, way):
    """Its holder lives and works on: nobody else may have the lock before it is gone, or came back."""
    with Peer(comm.attach) as host:
        (fd,) = host.call("AREA", text="shared")["fds"]
        holders(fd, "qemu-system-x86")
        os.close(fd)
    async with lock_word(comm) as word:
        path = comm.attach if way == "socket" else comm.doorbell(WHOLE, "a")
        with Peer(path) if way == "socket" else DoorbellGuest(path) as holding:
            holding.hello()
            word(holding.number)
            await comm.end()
            assert word() == holding.number
            await comm.start()
            assert word() == holding.number
            with pytest.raises(GuestwireError, match="LOCK-HELD"):
                await ask(client, "lock-break", w.LockBreak(name="l"))


async def test_a_lock_that_nobody_of_before_can_hold_is_free_at_once(comm, client, holders):
    with Peer(comm.attach) as host:
        (fd,) = host.call("AREA", text="shared")["fds"]
        holders(fd, "qemu-system-x86")
        os.close(fd)
    async with lock_word(comm) as word:
        word(777 | N["GW_LOCK_WAITERS"])
        await comm.end()
        (comm.folder / "s/state.json").write_text(
            (comm.folder / "s/state.json").read_text().replace(f'"pid":{os.getpid()}', '"pid":4194300')
        )
        await comm.start()
        assert word() == 0


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"version": 2}', b'{"regions": {"rows": [{}]}}', b"[]"])
async def test_a_damaged_state_is_refused_with_its_path(comm, client, content):
    await comm.end()
    file = comm.folder / "s/state.json"
    good = file.read_bytes()
    file.write_bytes(content)
    with pytest.raises(RuntimeError, match="CONFIG-INVALID") as failed:
        await comm.start()
    assert str(file) in str(failed.value)
    assert file.read_bytes() == content
    file.write_bytes(good)
    await comm.start()
    assert await client.held() == WHOLE


async def test_a_state_that_was_cut_off_while_it_was_written_is_the_old_one(comm, client):
    await comm.end()
    (comm.folder / "s/.state.json.new").write_bytes(b'{"version": 1, "docu')
    await comm.start()
    assert await client.held() == WHOLE


async def test_what_was_set_aside_comes_back_after_a_restart(tmp_path):
    """The agent's undo, with a restart in between: places and memory are what they were."""
    async with with_manager(tmp_path) as (manager, comm, client):
        await client.apply(WHOLE)
        await client.settle()
        with Peer(comm.attach) as host:
            (fd,) = host.call("AREA", text="shared")["fds"]
        before = os.pread(fd, 1 << 20, 0)
        os.close(fd)
        shown = await ask(client, "area-show", w.NameRef(name="shared"))
        await client.apply(WHOLE.model_copy(update={"queues": (), "locks": ()}))
        await manager.keeps(5)
        await comm.kill()
        await comm.start(manager.files)
        await client.apply(WHOLE)
        assert await ask(client, "area-show", w.NameRef(name="shared")) == shown
        with Peer(comm.attach) as host:
            (fd,) = host.call("AREA", text="shared")["fds"]
        assert os.pread(fd, 1 << 20, 0) == before
        os.close(fd)


async def test_what_was_cleared_for_rings_and_locks_comes_back_after_a_restart(tmp_path):
    """The agent's undo, with a restart in between: what lay where rings and locks were laid is what it was."""
    before = WHOLE.model_copy(update={"queues": (), "locks": ()})
    async with with_manager(tmp_path) as (manager, comm, client):
        await client.apply(before)
        await client.settle()
        with Peer(comm.attach) as host:
            (fd,) = host.call("AREA", text="shared")["fds"]
        data = os.urandom(1 << 16)
        os.pwrite(fd, data, 4096)
        await client.apply(WHOLE)
        cleared = os.pread(fd, 1 << 16, 4096)
        assert cleared != data
        await manager.keeps(5)
        await comm.kill()
        await comm.start(manager.files)
        assert os.pread(fd, 1 << 16, 4096) == cleared
        await comm.kill()
        os.pwrite(fd, data, 4096)  # as if it had been killed before it cleared anything
        await comm.start(manager.files)
        assert os.pread(fd, 1 << 16, 4096) == cleared
        await client.apply(before)
        assert os.pread(fd, 1 << 16, 4096) == data
        await comm.kill()
        await comm.start(manager.files)
        assert os.pread(fd, 1 << 16, 4096) == data
        os.close(fd)


async def test_what_a_state_places_wrongly_is_laid_anew_and_empty(comm, client, holders):
    with Peer(comm.attach) as host:
        (fd,) = host.call("AREA", text="shared")["fds"]
    holders(fd, "qemu-system-x86")
    await comm.kill()
    os.pwrite(fd, b"\xff" * (1 << 16), 4096)
    os.close(fd)
    file = comm.folder / "s/state.json"
    state = json.loads(file.read_text())
    del state["placements"]["rings"], state["placements"]["locks"]
    file.write_text(json.dumps(state))
    await comm.start()
    (queue,) = (await ask(client, "queue-list")).queues
    assert [(ring.sound, ring.put) for ring in queue.rings] == [(True, 0)]
    (lock,) = (await ask(client, "lock-list")).locks
    assert (lock.sound, lock.owner, lock.token) == (True, "", 0)


async def test_the_agents_connection_outlives_a_restart(comm, client):
    await comm.kill()
    with pytest.raises(GuestwireError, match="COMM-"):
        await client.status()
    await comm.start()
    assert await client.held() == WHOLE
    assert comm.process is not None
    comm.process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(comm.process.wait(), 20) == 0
    await comm.start()
