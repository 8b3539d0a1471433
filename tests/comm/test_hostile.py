"""A guest or process that does what it should not, as fast as it can: the others' events go on, nothing is left behind, and
what it did is told in bounds. `soak` does the same for longer."""

import asyncio
import mmap
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from tests.support import doorbell_guest
from tests.support.comm_process import (
    CommProcess,
    Peer,
    ask,
    comm_fixtures,
    comm_process,
    document,
    open_files,
    resident_kib,
)
from tests.support.doorbell_guest import DoorbellGuest

from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.protocol import comm_models as w
from guestwire.protocol.operations import BY_NAME
from guestwire.shm.layouts import NUMBERS, REQUEST, VERSION

N = NUMBERS
FILES_APART = 8
"""Files that come and go by themselves."""
SECRETS = tuple(f"secret-{n}" for n in range(40))
WHOLE = document(
    "bad", "a", "b",
    areas=(MemoryArea(name="shared", size=1 << 16, default_access="RWC-"),),
    events=(
        Event(name="ping", signal=("a",), wait=("b",)),
        Event(name="pong", signal=("b",), wait=("a",)),
        Event(name="tick", signal=("HOST",), wait=("HOST",)),
        *(Event(name=name, signal=("a",), wait=("b",)) for name in SECRETS),
    ),
    queues=(Queue(name="q", area="shared", slots=8, slot_bytes=64, writers=("bad",), reader="a"),),
    locks=(Lock(name="l", area="shared"),),
)  # fmt: skip
SECONDS = pytest.mark.parametrize(
    "seconds", [1.0, pytest.param(10.0, marks=pytest.mark.soak)], ids=["short", "long"]
)  # fmt: skip


class RoundTrips:
    """Two other guests that signal each other all the while, in a thread. `with` it; then `count` and `slowest_s`."""

    def __init__(self, comm: CommProcess) -> None:
        self._peers = [Peer(comm.attach, "a"), Peer(comm.attach, "b")]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.count = 0
        self.slowest_s = 0.0
        self.error: BaseException | None = None

    def __enter__(self) -> "RoundTrips":
        for peer in self._peers:
            peer.hello()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30.0)
        for peer in self._peers:
            peer.close()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            a, b = self._peers
            ping_a, pong_a = a.open("ping")["handle"], a.open("pong")["handle"]
            ping_b, pong_b = b.open("ping")["handle"], b.open("pong")["handle"]
            while not self._stop.is_set():
                began = time.monotonic()
                b.wait(ping_b)
                a.wait(pong_a)
                a.send("SET", handle=ping_a)
                assert b.recv()[0]["code"] == 0
                b.send("SET", handle=pong_b)
                assert a.recv()[0]["code"] == 0
                self.count += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        except BaseException as err:  # noqa: BLE001 - for the test, in the other thread
            self.error = err


@asynccontextmanager
async def child(path: Path, command: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A QEMU of its own process that does `command`. Its first line was read."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(doorbell_guest.__file__)), str(path), command, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        await said(process)
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process, within_s: float = 60.0) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), within_s)
    assert line, "it ended"
    return line.decode().strip()


async def happened(client: CommClient, kind: str, seen: int = 0) -> list[w.Happening]:
    """All of a kind until now."""
    found, log = [], b""
    while True:
        some = await client.follow(log, seen, 0.0)
        if not some.happenings:
            return found
        log, seen = some.log, some.happenings[-1].seq
        found += [one for one in some.happenings if one.kind == kind]


comm, client = comm_fixtures(WHOLE, "--requests-per-s", "2000")


@pytest.fixture
async def fast(tmp_path: Path) -> AsyncIterator[tuple[CommProcess, CommClient]]:
    """With the limits that it has from the start."""
    async with comm_process(tmp_path) as running, CommClient(running.dir) as made:
        await made.apply(WHOLE)
        yield running, made


@SECONDS
async def test_scribbling_over_the_control_region_harms_nobody_else(fast, seconds):
    comm, client = fast
    files = open_files(comm.pid)
    with RoundTrips(comm) as others:
        async with child(comm.doorbell(WHOLE, "bad"), "scribble", str(seconds)) as bad:
            assert int((await said(bad)).split()[1]) > 100
    assert others.count > 100 * seconds
    await settled(comm, files)
    with DoorbellGuest(comm.doorbell(WHOLE, "bad")) as again:  # a QEMU that starts anew has a new region
        assert again.hello()
        assert again.open("ping")["code"] == N["GW_DENIED"]
    assert (await client.status()).state == "running"


async def test_scribbling_over_an_area_harms_nobody_else(comm, client):
    """Every word of rings and locks, at any value: what is told of them makes sense, and locks are let go."""
    noise = random.Random(4)
    with Peer(comm.attach, "bad") as bad, RoundTrips(comm) as others:
        (fd,) = bad.call("AREA", text="shared")["fds"]
        with mmap.mmap(fd, 1 << 20) as memory:
            os.close(fd)
            for _ in range(20):
                memory[:] = noise.randbytes(1 << 20)
                (lock,) = (await ask(client, "lock-list")).locks
                (queue,) = (await ask(client, "queue-list")).queues
                assert not lock.sound
                assert queue.depth <= 8
                with Peer(comm.attach, "bad"):  # each that leaves has its locks let go
                    pass
                await ask(client, "lock-break", w.LockBreak(name="l"))
                assert (await ask(client, "lock-list")).locks[0].owner == ""
                await ask(client, "area-dump", w.AreaDump(name="shared", length=64))
    assert others.count


@SECONDS
async def test_a_doorbell_at_full_speed_is_slowed_and_told_once(comm, client, seconds):
    async with child(comm.doorbell(WHOLE, "bad"), "ring", "60"):
        async with asyncio.timeout(30):
            while "bad" not in [one.guest for one in await happened(client, "throttled")]:
                await asyncio.sleep(0.05)
        with RoundTrips(comm) as others:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                (row,) = [peer for peer in (await client.status()).peers if peer.name == "bad"]
                await asyncio.sleep(0.2)
        (alarm,) = [one for one in await happened(client, "throttled") if one.guest == "bad"]
    assert others.count > 50 * seconds
    assert others.slowest_s < 1.0
    assert (alarm.guest, alarm.code, alarm.level) == ("bad", "COMM-THROTTLED", "warning")
    assert 1 <= alarm.count <= row.throttled


async def test_names_without_a_right_are_denied_and_counted(fast):
    """Every denial is in the counts, and the happenings are few."""
    comm, client = fast
    with RoundTrips(comm) as others:
        async with child(comm.doorbell(WHOLE, "bad"), "ask", "1.0", *SECRETS) as bad:
            assert int((await said(bad)).split()[1]) > 1000
            async with asyncio.timeout(20):  # the rest of a second is told when it is over
                while True:
                    told = await happened(client, "denied")
                    (row,) = [peer for peer in (await client.status()).peers if peer.name == "bad"]
                    if sum(one.count for one in told) == row.denied:
                        break
                    await asyncio.sleep(0.1)
    assert row.denied > 1000
    assert len(told) < 100
    assert len({one.name for one in told}) <= 17 * 3
    assert others.count > 50
    shown = await ask(client, "event-show", w.NameRef(name=SECRETS[0]))
    assert shown.denied >= row.denied // len(SECRETS) // 2


async def test_a_thousand_qemus_that_vanish_leave_nothing(fast):
    comm, client = fast
    path = comm.doorbell(WHOLE, "bad")
    await asyncio.to_thread(doorbell_guest.vanish, path, 20)
    before, memory = open_files(comm.pid), resident_kib(comm.pid)
    with RoundTrips(comm) as others:
        async with asyncio.timeout(60):
            await asyncio.to_thread(doorbell_guest.vanish, path, 1000)
    assert others.count > 50
    with DoorbellGuest(path) as last:
        assert last.own > 1000  # ids are not used again
        assert last.hello()
    await settled(comm, before)
    assert resident_kib(comm.pid) - memory < 8 << 10
    assert [peer.name for peer in (await client.status()).peers if peer.name == "bad"] == []


async def test_a_thousand_processes_that_vanish_leave_nothing(fast):
    comm, client = fast
    before, memory = open_files(comm.pid), resident_kib(comm.pid)

    def vanish() -> None:
        for n in range(1000):
            peer = Peer(comm.attach, "bad" if n % 2 else "")
            peer.hello()
            if n % 3:
                peer.wait(peer.call("OPEN", text=f"own-{n}", flags=N["GW_CREATE"])["handle"])
            peer.close()

    with RoundTrips(comm) as others:
        await asyncio.to_thread(vanish)
    assert others.count > 50
    await settled(comm, before)
    assert resident_kib(comm.pid) - memory < 8 << 10
    assert not [event for event in (await ask(client, "event-list")).events if not event.declared]


async def settled(comm: CommProcess, files: int) -> None:
    """Until it has no more files than that: the end of a connection is read after it."""
    async with asyncio.timeout(20):
        while open_files(comm.pid) > files + FILES_APART:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("seed", range(3))
async def test_requests_that_make_no_sense_are_answered_or_ignored(comm, client, seed):
    """Every op with every field at random, some of them right: the process answers the next request."""
    noise = random.Random(seed)
    ops = [value for name, value in NUMBERS.items() if name.startswith("GW_OP_")]
    with Peer(comm.attach, "bad") as peer, DoorbellGuest(comm.doorbell(WHOLE, "bad")) as guest:
        peer.sock.settimeout(0.2)
        guest.hello()
        for n in range(600):
            request = bytearray(noise.randbytes(REQUEST.size))
            if n % 3:
                request[4:6] = noise.choice(ops).to_bytes(2, "little")
                request[12:16] = noise.choice((0, 1, 16, 17, 2**32 - 1)).to_bytes(4, "little")
            if n % 2:
                request[24:] = noise.choice((b"", b"ping", b"\xff\xfe", b"queue:q", b"lock:l", b"x" * 103)).ljust(
                    104, b"\0"
                )
            with suppress(BlockingIOError):
                peer.sock.send(bytes(request), socket.MSG_DONTWAIT)
            guest.put(bytes(request))
            guest.ring()
            if n % 50 == 49:
                await drained(peer, guest)
    with Peer(comm.attach, "a") as other:
        assert other.open("ping")["code"] == 0
    assert not [line for line in comm.said if "a defect" in line or "Traceback" in line]


async def drained(peer: Peer, guest: DoorbellGuest) -> None:
    with suppress(TimeoutError):
        while True:
            _, fds = peer.recv()
            for fd in fds:
                os.close(fd)
    with suppress(TimeoutError):
        while True:
            await asyncio.to_thread(guest.recv, 0.05)


async def test_datagrams_of_other_sizes_and_files_that_nobody_asked_for(comm, client):
    with Peer(comm.attach, "a") as peer:
        files = open_files(comm.pid)
        for size in (1, 64, 127, REQUEST.size + N["GW_PAYLOAD_MAX"] + 1):
            peer.sock.send(b"\1" * size)
        with Path("/dev/null").open() as null:
            for _ in range(20):
                peer.seq += 1
                request = REQUEST.pack(seq=peer.seq, op=N["GW_OP_READY"])
                socket.send_fds(peer.sock, [request], [null.fileno()] * 8)
                assert peer.recv()[0]["seq"] == peer.seq
        assert open_files(comm.pid) <= files + FILES_APART
        assert peer.open("ping")["code"] == 0
    with Peer(comm.attach) as empty:
        empty.sock.send(b"")  # as an end is read


async def test_who_never_reads_holds_no_more_than_it_may(comm, client):
    files = open_files(comm.pid)
    with Peer(comm.attach) as deaf, RoundTrips(comm) as others:
        sent = 0
        with suppress(BlockingIOError):
            while sent < 3000:
                deaf.seq += 1
                request = REQUEST.pack(seq=deaf.seq, op=N["GW_OP_OPEN"], text="tick")
                deaf.sock.send(request, socket.MSG_DONTWAIT)
                sent += 1
                if sent % 100 == 0:
                    assert (await client.status()).state == "running"
        assert sent > 100
        assert open_files(comm.pid) <= files + 40
    assert others.count
    with Peer(comm.attach) as again:
        reply = again.open("tick")
        assert reply["code"] == 0
        os.close(reply["fds"][0])


async def test_handles_waits_and_events_of_ones_own_are_bounded(fast):
    comm, _ = fast
    with Peer(comm.attach, "a") as a:
        codes = Counter(a.open("ping")["code"] for _ in range(4200))
        assert codes == {0: 4096, N["GW_FULL"]: 104}
        assert a.call("CLOSE", handle=1)["code"] == 0
        assert a.open("pong")["code"] == 0
    with Peer(comm.attach, "b") as b:
        codes = Counter(b.open(f"own-{n}", N["GW_CREATE"])["code"] for n in range(80))
        assert codes == {0: 64, N["GW_FULL"]: 16}
        handle = b.open("ping")["handle"]
        for _ in range(256):
            b.wait(handle)
        assert b.call("QUERY", handle=handle)["code"] == 0
        b.wait(handle)
        assert b.recv()[0]["code"] == N["GW_FULL"]


async def test_a_guest_says_hello_over_and_over(fast):
    comm, _ = fast
    with Peer(comm.attach, "bad") as bad, RoundTrips(comm) as others:
        numbers = {bad.call("HELLO", value=VERSION)["value"] for _ in range(500)}
        assert len(numbers) == 500
        assert bad.open("ping")["code"] == N["GW_DENIED"]
    assert others.count


async def test_who_may_attach(comm, client):
    """Paths and rights: only groups that the settings name, and nobody beside them."""
    modes = {path.name: oct(path.stat().st_mode & 0o7777) for path in (comm.dir, comm.attach, comm.dir / "comm.sock")}
    assert (modes["attach.sock"], modes["comm.sock"]) == ("0o660", "0o660")
    guests = comm.dir / "guests"
    assert oct(guests.stat().st_mode & 0o7777) == "0o1770"
    assert oct(comm.doorbell(WHOLE, "bad").stat().st_mode & 0o7777) == "0o660"
    assert oct((comm.folder / "s").stat().st_mode & 0o7777) == "0o700"


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
async def test_another_user_gets_what_the_host_gets_and_nothing_else(comm, client):
    """Where the sockets let it in: no plugs, no guest's name, no operations."""
    for name in ("attach.sock", "comm.sock"):
        (comm.dir / name).chmod(0o666)
    code = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from tests.support.comm_process import Peer; from guestwire.comm.client import CommClient\n"
        "from guestwire.model.errors import GuestwireError\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "folder = Path(sys.argv[1])\n"
        "peer = Peer(folder / 'attach.sock', 'a')\n"
        "print(peer.hello()['code'], peer.call('PLUG', value=1, text='a')['code'])\n"
        "peer.guest = ''\n"
        "print(peer.hello()['code'], peer.call('AREA', text='shared')['code'])\n"
        "async def ask():\n"
        "    async with CommClient(folder) as client:\n"
        "        try: print((await client.status()).state)\n"
        "        except GuestwireError as err: print(err.code)\n"
        "asyncio.run(ask())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(comm.dir), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    denied = str(N["GW_DENIED"])
    first, second, third = out.decode().split("\n")[:3]
    assert first.split() == [denied, denied]
    assert second.split() == ["0", "0"]
    assert third in ("OUT-OF-SCOPE", "UNSIGNED", "COMM-LOST")


async def test_a_fd_for_reading_is_not_a_way_to_write(comm, client):
    """Regions belong to the services and QEMU's group: another user who got one for reading cannot open it anew."""
    with Peer(comm.attach, "a") as a:
        (fd,) = a.call("DIRECTORY")["fds"]
        mode = os.fstat(fd).st_mode & 0o777
        os.close(fd)
    assert mode in (0o600, 0o660)


async def test_waits_leave_room_for_changes(fast):
    """Who waits for events does not keep the agent's own requests out, and a client that went is waited for no more."""
    comm, client = fast
    waiting = CommClient(comm.dir)
    asked = [
        asyncio.create_task(
            waiting._call(
                BY_NAME["event-wait"], w.EventWait(names=("tick",), timeout_s=500.0), 600.0, issuer=f"local:{n % 8}"
            )
        )
        for n in range(240)
    ]  # fmt: skip
    async with asyncio.timeout(20):
        while not any(task.done() for task in asked):
            await asyncio.sleep(0.05)
    await client.apply(WHOLE.model_copy(update={"locks": ()}))
    files = open_files(comm.pid)
    await waiting.__aexit__(None, None, None)
    errors = Counter(
        err.code for err in await asyncio.gather(*asked, return_exceptions=True) if isinstance(err, GuestwireError)
    )
    assert errors["BUSY"] == 240 - 192
    assert errors["COMM-LOST"] == 192
    await settled(comm, files - 190)
