import asyncio
import contextlib
import inspect
import json
import os
import resource
import signal
import socket
import stat
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop
from tests.support.doorbell_guest import IvshmemClient

from guestwire.comm.control_region import ControlRegion
from guestwire.comm.doorbell import Doorbell
from guestwire.comm.doorbells import Doorbells
from guestwire.comm.ivshmem_wire import Event, PeerLeft
from guestwire.comm.peer_ids import PeerIds
from guestwire.comm.ways import Way
from guestwire.model.errors import GuestwireError
from guestwire.shm.layouts import CONTROL, NUMBERS, REGION, REPLY, REQUEST

TIMEOUT = 20.0
SERVER = NUMBERS["GW_SERVER_PEER"]
A, B, C = "uuid-a", "uuid-b", "uuid-c"


class Heard:
    """What the server calls, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.ways: list[Way] = []
        self.meanwhile: Callable[[int], None] | None = None
        """What the guest does while its requests are answered, told how often they were."""
        self._more = asyncio.Event()

    def _heard(self, *call: object) -> None:
        self.calls.append(call)
        self._more.set()

    def attached(self, way: Way) -> None:
        self.ways.append(way)
        self._heard("attached", way.party)

    def requests(self, way: Way, requests: Sequence[bytes], payload: bytes = b"") -> None:
        self._heard("requests", way.party, [REQUEST.unpack(request)["seq"] for request in requests])
        if self.meanwhile is not None:
            self.meanwhile(sum(call[0] == "requests" for call in self.calls))

    def woken(self, way: Way) -> None:
        self._heard("woken", way.party)

    def detached(self, way: Way) -> None:
        self._heard("detached", way.party)

    def on_ids(self, uuid: str, peer: int | None) -> None:
        self._heard("id", uuid, peer)

    def on_refused(self, uuid: str, error: Exception) -> None:
        self._heard("refused", uuid, error.code if isinstance(error, GuestwireError) else type(error))

    async def until(self, *call: object) -> None:
        async with asyncio.timeout(TIMEOUT):
            while call not in self.calls:
                self._more.clear()
                await self._more.wait()

    async def count(self, name: str, count: int) -> None:
        async with asyncio.timeout(TIMEOUT):
            while sum(call[0] == name for call in self.calls) < count:
                self._more.clear()
                await self._more.wait()


async def readable(fd: int) -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(fd, done.set)
    try:
        await asyncio.wait_for(done.wait(), TIMEOUT)
    finally:
        loop.remove_reader(fd)


class Peer(IvshmemClient):
    """A raw ivshmem client."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self.sock = sock

    @classmethod
    def connect(cls, path: Path) -> "Peer":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(str(path))
        sock.setblocking(False)
        return cls(sock)

    async def next(self) -> Event | None:
        """None at the end."""
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self.sock, 8, 4)
            except BlockingIOError:
                await readable(self.sock.fileno())
                continue
            except ConnectionError:
                return None
            if not data:
                return None
            if events := self.feed(data, fds):
                return events[0]

    async def knows(self, peer: int, vectors: int = 16) -> None:
        while len(self.vectors.get(peer, ())) < vectors:
            assert await self.next() is not None

    async def greeted(self) -> "Peer":
        while not self.own:
            assert await self.next() is not None
        await self.knows(self.own)
        return self

    async def ended(self) -> None:
        while await self.next() is not None:
            pass

    def ring(self, peer: int = SERVER, vector: int = 0) -> None:
        os.eventfd_write(self.vectors[peer][vector], 1)

    async def rung(self, vector: int) -> int:
        await readable(self.vectors[self.own][vector])
        return os.eventfd_read(self.vectors[self.own][vector])

    def is_rung(self, vector: int) -> bool:
        with suppress(BlockingIOError):
            return bool(os.eventfd_read(self.vectors[self.own][vector]))
        return False

    def ask(self, *seqs: int) -> None:
        assert self.memory is not None
        at = REGION.size + CONTROL.offsets["request_head"]
        head = int.from_bytes(self.memory[at : at + 8], "little")
        for n, seq in enumerate(seqs, head):
            slot = NUMBERS["GW_REQUESTS_OFFSET"] + n % 256 * 128
            self.memory[slot : slot + 128] = REQUEST.pack(seq=seq, op=4)
        self.memory[at : at + 8] = (head + len(seqs)).to_bytes(8, "little")

    def answers(self) -> list[int]:
        assert self.memory is not None
        head = CONTROL.unpack(self.memory[:], REGION.size)["reply_head"]
        return [REPLY.unpack(self.memory[:], NUMBERS["GW_REPLIES_OFFSET"] + n * 64)["seq"] for n in range(head)]

    def close(self) -> None:
        self.sock.close()
        if self.memory is not None:
            self.memory.close()
        while self.fds:
            os.close(self.fds.pop())


def serving(heard: Heard, ids: PeerIds, **settings: object) -> Doorbells:
    numbers = iter(range(1, 1 << 30))
    return Doorbells(
        heard, ids, instance=42, generation=lambda: next(numbers),
        on_ids=heard.on_ids, on_refused=heard.on_refused, **settings,
    )  # fmt: skip


class Bench:
    """A server for the guests a, b and c, and the QEMUs that connected."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.heard = Heard()
        self.stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Bench":
        self.doorbells = await self.stack.enter_async_context(serving(self.heard, PeerIds()))
        for uuid in (A, B, C):
            self.doorbells.serve(uuid, uuid.removeprefix("uuid-"), self.tmp_path / uuid)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.aclose()

    async def join(self, uuid: str) -> Peer:
        peer = Peer.connect(self.tmp_path / uuid)
        self.stack.callback(peer.close)
        return await peer.greeted()


def on_both_loops(
    case: Callable[..., Awaitable[None]],
) -> Callable[[Callable[[], asyncio.AbstractEventLoop], Path], None]:
    """A test of a case, which names what it needs of the bench: production runs on uvloop."""

    async def run(tmp_path: Path) -> None:
        async with Bench(tmp_path) as bench:
            await case(**{name: getattr(bench, name) for name in inspect.signature(case).parameters})

    @pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
    def test(loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(run(tmp_path))

    test.__doc__ = case.__doc__
    return test


@on_both_loops
async def test_the_greeting(heard, doorbells, join):
    peer = await join(A)
    assert peer.own == 2
    assert sorted(peer.vectors) == [SERVER, 2]
    assert len(peer.fds) == 1 + 16 + 16
    region = REGION.unpack(peer.memory[:])
    assert (region["kind"], region["name"]) == (NUMBERS["GW_KIND_CONTROL"], "a")
    assert CONTROL.unpack(peer.memory[:], REGION.size)["instance"] == 42
    assert heard.calls == [("attached", "a"), ("id", A, 2)]
    way = doorbells.attached(A)
    assert (way.kind, way.party, way.pid) == ("doorbell", "a", os.getpid())
    assert doorbells.attached(B) is None


@on_both_loops
async def test_requests_in_and_replies_out(heard, doorbells, join):
    peer = await join(A)
    peer.ask(1, 2, 3)
    peer.ring()
    await heard.until("requests", "a", [1, 2, 3])
    way = heard.ways[0]
    way.reply(REPLY.pack(seq=1))
    way.reply(REPLY.pack(seq=2))
    way.flush()
    way.flush()
    assert await peer.rung(0) == 1
    assert peer.answers() == [1, 2]


@on_both_loops
async def test_what_is_put_while_others_are_answered_needs_no_ring(heard, doorbells, join):
    peer = await join(A)
    tails = []

    def meanwhile(count):
        tails.append(CONTROL.unpack(peer.memory[:], REGION.size)["request_tail"])
        if count == 1:
            peer.ask(2, 3)

    heard.meanwhile = meanwhile
    peer.ask(1)
    peer.ring()
    await heard.until("requests", "a", [2, 3])
    assert tails == [0, 1], "until then the guest saw that it had been heard, and not yet taken"
    assert ("woken", "a") not in heard.calls


@on_both_loops
async def test_who_never_stops_asking_leaves_turns_to_others(heard, doorbells, join):
    peer, other = await join(A), await join(B)
    heard.meanwhile = lambda count: peer.ask(count) if count < 200 else None
    peer.ask(0)
    peer.ring()
    await heard.count("requests", 1)
    other.ask(7)
    other.ring()
    await heard.until("requests", "b", [7])
    assert ("requests", "a", [199]) not in heard.calls
    heard.meanwhile = None


@on_both_loops
async def test_a_ring_for_nothing_is_told_and_other_vectors_are_heard_by_nobody(heard, doorbells, join):
    peer = await join(A)
    for vector in range(1, 16):
        peer.ring(SERVER, vector)
    peer.ring()
    await heard.until("woken", "a")
    peer.ask(9)
    peer.ring()
    await heard.until("requests", "a", [9])
    assert [call[0] for call in heard.calls].count("woken") == 1


class Restless(ControlRegion):
    """One whose guest moves the index of its requests before every look."""

    @property
    def waiting(self) -> bool:
        head = (REGION.size + CONTROL.offsets["request_head"]) // 8
        self._words[head] = (self._words[head] + 1000) % 2**64
        return super().waiting


@on_both_loops
async def test_an_index_that_never_rests_counts_as_rings(heard):
    """Nothing is found behind it, and looking costs: who does that is to be slowed as one that rings."""
    ours, theirs = socket.socketpair()
    dummy = os.eventfd(0)
    doorbell = Doorbell(ours, "a", 5, lambda: Restless("a", 1, 1), heard, lambda _: None)
    try:
        doorbell.start(dummy, TIMEOUT)
        os.eventfd_write(doorbell._wake, 1)
        await heard.count("woken", 3)
        doorbell.pause(1.0)
    finally:
        doorbell.close()
        theirs.close()
        os.close(dummy)
    assert all(call[0] != "requests" for call in heard.calls)


@on_both_loops
async def test_a_paused_guest_waits_and_is_looked_at_again(heard, doorbells, join):
    peer = await join(A)
    heard.ways[0].pause(0.05)
    heard.ways[0].pause(0.15)
    before = asyncio.get_running_loop().time()
    peer.ask(1)
    peer.ring()
    await heard.until("requests", "a", [1])
    assert asyncio.get_running_loop().time() - before >= 0.1
    assert ("woken", "a") not in heard.calls
    peer.ask(2)
    peer.ring()
    await heard.until("requests", "a", [2])


@on_both_loops
async def test_what_a_guest_asked_before_it_died_counts(heard, doorbells, join):
    peer = await join(A)
    peer.ask(5)
    peer.close()  # before it could ring
    await heard.until("detached", "a")
    assert [call for call in heard.calls if call[0] == "requests"] == [("requests", "a", [5])]


@on_both_loops
async def test_a_way_that_is_gone_takes_everything_and_does_nothing(heard, doorbells, join):
    peer = await join(A)
    way = heard.ways[0]
    way.close()
    await peer.ended()
    way.reply(REPLY.pack(seq=5))
    way.flush()
    way.pause(1)
    way.close()
    assert heard.calls[2:] == [("detached", "a"), ("id", A, None)]


@on_both_loops
async def test_a_client_that_says_something_is_none(heard, doorbells, join):
    peer = await join(A)
    peer.sock.send(b"?")
    await peer.ended()
    await heard.until("detached", "a")


@on_both_loops
async def test_a_new_qemu_replaces_one_whose_end_was_not_read(heard, doorbells, join):
    old = await join(A)
    new = await join(A)
    await old.ended()
    assert heard.calls == [("attached", "a"), ("id", A, 2), ("detached", "a"), ("id", A, None), ("attached", "a"), ("id", A, 3)]  # fmt: skip
    new.ask(1)
    new.ring()
    await heard.until("requests", "a", [1])
    assert CONTROL.unpack(old.memory[:], REGION.size)["instance"] == 0


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@on_both_loops
async def test_connect_and_vanish_a_thousand_times(heard, tmp_path):
    ids = PeerIds(last=40)
    async with serving(heard, ids) as doorbells:
        doorbells.serve(A, "a", tmp_path / "a")
        before = open_files()
        for n in range(1, 1001):
            Peer.connect(tmp_path / "a").close()
            if n % 4 == 0:  # others meet the one before still standing
                await heard.count("detached", n)
        await heard.count("detached", 1000)
        assert open_files() == before
        assert doorbells.attached(A) is None
    assert not [call for call in heard.calls if call[0] == "refused"]
    for connection in range(39):
        ids.take(-connection)


@on_both_loops
async def test_no_id_left_turns_a_qemu_away(heard, tmp_path):
    async with serving(heard, PeerIds(last=2)) as doorbells:
        for uuid in (A, B):
            doorbells.serve(uuid, uuid, tmp_path / uuid)
        first, second = Peer.connect(tmp_path / A), None
        await first.greeted()
        second = Peer.connect(tmp_path / B)
        await second.ended()
        assert ("refused", B, "PEERS-EXHAUSTED") in heard.calls
        first.close()
        second.close()


@on_both_loops
async def test_a_client_that_reads_nothing_is_dropped(heard):
    server, client = socket.socketpair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
    gone = asyncio.Event()
    before = open_files()
    doorbell = Doorbell(server, "a", 2, lambda: ControlRegion("a", 1, 1), heard, lambda _: gone.set())
    doorbell.start(dummy=doorbell.vectors[0], greeting_s=0.05)
    await asyncio.wait_for(gone.wait(), TIMEOUT)
    assert heard.calls == [("attached", "a"), ("detached", "a")]
    assert open_files() == before - 1
    client.close()


@on_both_loops
async def test_a_client_that_reads_late_gets_all_of_the_greeting(heard):
    server, client = socket.socketpair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
    client.setblocking(False)
    doorbell = Doorbell(server, "a", 2, lambda: ControlRegion("a", 1, 1), heard, lambda _: None)
    doorbell.start(dummy=doorbell.vectors[0], greeting_s=TIMEOUT)
    peer = await Peer(client).greeted()
    assert len(peer.vectors[SERVER]) == 16
    doorbell.close()
    await peer.ended()
    peer.close()


@on_both_loops
async def test_the_socket_is_for_its_group_and_goes_with_the_service(heard, tmp_path):
    path = tmp_path / "a"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    async with serving(heard, PeerIds(), mode=0o620, group=os.getgid()) as doorbells:
        doorbells.serve(A, "a", path)
        doorbells.serve(A, "a2", path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o620
        peer = await Peer.connect(path).greeted()
        assert doorbells.attached(A).party == "a2"
        doorbells.serve(A, "a2", tmp_path / "b")
        await peer.ended()
        assert not path.exists()
        assert doorbells.served == {A}
        doorbells.unserve(A)
        doorbells.unserve(A)
        assert not doorbells.served
        doorbells.serve(A, "a", path)
        peer.close()
    assert not path.exists()


@on_both_loops
async def test_a_file_in_the_way_is_not_removed(heard, tmp_path):
    (tmp_path / "a").write_text("mine")
    async with serving(heard, PeerIds()) as doorbells:
        with pytest.raises(OSError):
            doorbells.serve(A, "a", tmp_path / "a")
        doorbells.unserve(A)
    assert (tmp_path / "a").read_text() == "mine"


@on_both_loops
async def test_direct_events_ring_the_waiter_at_the_allowed_vectors(heard, doorbells, join):
    doorbells.set_direct({(A, B): frozenset({3, 5})})
    a, b = await join(A), await join(B)
    await a.knows(b.own)
    for vector in range(16):
        a.ring(b.own, vector)
    assert await b.rung(3) == await b.rung(5) == 1
    assert not any(b.is_rung(vector) for vector in range(16))
    assert sorted(b.vectors) == [SERVER, b.own]
    assert await b.rung(3) == await b.rung(5) == 1  # once more, later: it may have missed one


@on_both_loops
async def test_a_waiter_that_comes_back_has_a_new_id(heard, doorbells, join):
    doorbells.set_direct({(A, B): frozenset({1}), (C, B): frozenset({2})})
    b = await join(B)
    a = await join(A)
    await a.knows(b.own)
    b.close()
    assert await a.next() == PeerLeft(b.own)
    again = await join(B)
    await a.knows(again.own)
    assert again.own != b.own
    c = await join(C)
    await c.knows(again.own)
    c.ring(again.own, 2)
    a.ring(again.own, 1)
    assert await again.rung(1) == await again.rung(2) == 1
    assert [call for call in heard.calls if call[:2] == ("id", B)] == [("id", B, b.own), ("id", B, None), ("id", B, again.own)]  # fmt: skip


@on_both_loops
async def test_a_change_gives_the_waiter_a_new_id_and_never_an_old_one(heard, doorbells, join):
    a, b, c = await join(A), await join(B), await join(C)
    both = {(A, B): frozenset({1}), (C, B): frozenset({2})}
    doorbells.set_direct(both)
    await a.knows(b.own)
    await c.knows(b.own)
    doorbells.set_direct(both)
    doorbells.set_direct({(C, B): frozenset({2})})
    assert await a.next() == PeerLeft(b.own)
    doorbells.set_direct(both)
    second = heard.calls[-1][2]
    assert heard.calls[-1] == ("id", B, second)
    assert second not in (a.own, b.own, c.own)
    for signaller in (a, c):
        await signaller.knows(second)
    assert await c.next() == PeerLeft(b.own)
    doorbells.set_direct({**both, (A, B): frozenset({1, 4})})
    third = heard.calls[-1][2]
    await a.knows(third)
    assert await a.next() == PeerLeft(second)
    a.ring(third, 4)
    assert await b.rung(4) == 1
    assert len({b.own, second, third}) == 3


@on_both_loops
async def test_without_a_new_id_what_changed_is_taken_back(heard, tmp_path):
    async with serving(heard, PeerIds(last=4)) as doorbells:
        for uuid in (A, B, C):
            doorbells.serve(uuid, uuid, tmp_path / uuid)
        doorbells.set_direct({(A, B): frozenset({1}), (C, B): frozenset({2})})
        a, b, c = [await Peer.connect(tmp_path / uuid).greeted() for uuid in (A, B, C)]
        await a.knows(b.own)
        await c.knows(b.own)
        doorbells.set_direct({(A, B): frozenset({1, 3}), (C, B): frozenset({2})})
        assert heard.calls[-1] == ("refused", B, "PEERS-EXHAUSTED")
        assert await a.next() == PeerLeft(b.own)
        c.ring(b.own, 2)
        assert await b.rung(2) == 1
        for peer in (a, b, c):
            peer.close()


@on_both_loops
async def test_no_direct_event_has_vector_0_or_rings_itself(doorbells):
    for pair, vector in (((A, A), 1), ((A, B), 0), ((A, B), 16)):
        with pytest.raises(ValueError, match="no direct events"):
            doorbells.set_direct({pair: frozenset({vector})})


@on_both_loops
async def test_a_signaller_that_reads_nothing_holds_nothing_back(heard, doorbells, join, tmp_path):
    """Its waiter comes and goes 200 times, more than its socket takes; then it reads, and knows who is there now."""
    doorbells.set_direct({(A, B): frozenset({1})})
    a = await join(A)
    before = open_files()
    for n in range(1, 201):
        b = Peer.connect(tmp_path / B)
        await heard.count("attached", 1 + n)
        b.close()
        await heard.count("detached", n)
    await heard.count("id", 1 + 2 * 200)
    assert open_files() == before
    b = await join(B)
    await a.knows(b.own)
    assert sorted(a.vectors) == [SERVER, a.own, b.own]


@contextlib.contextmanager
def few_files() -> Iterator[None]:
    """Leaves this process eight file descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.dup(0)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe + 8, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@on_both_loops
async def test_out_of_files_the_others_go_on(heard, tmp_path):
    async with serving(heard, PeerIds(last=3)) as doorbells:
        for uuid in (A, B):
            doorbells.serve(uuid, uuid, tmp_path / uuid)
        first = await Peer.connect(tmp_path / A).greeted()
        with few_files():
            late = Peer.connect(tmp_path / B)
            await heard.until("refused", B, OSError)
            first.ask(1)
            first.ring()
            await heard.until("requests", A, [1])
        await late.ended()
        second = await Peer.connect(tmp_path / B).greeted()
        assert (first.own, second.own) == (2, 3)
        for peer in (first, late, second):
            peer.close()


class Qemu:
    """A QEMU that never runs its guest: QMP, and qtest, which does what a guest's driver would do to the device."""

    BAR0, BAR1, MESSAGES = 0xE0000000, 0xE0001000, 0x200000

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def open(self, directory: Path) -> "Qemu":
        self._qtest, self._qtest_out = await asyncio.open_unix_connection(directory / "qtest")
        self._qmp, self._qmp_out = await asyncio.open_unix_connection(directory / "qmp")
        assert b"QMP" in await self._line(self._qmp)
        await self.qmp("qmp_capabilities")
        return self

    async def _line(self, stream: asyncio.StreamReader) -> bytes:
        return await asyncio.wait_for(stream.readline(), TIMEOUT)

    async def qmp(self, command: str, **arguments: object) -> object:
        self._qmp_out.write(json.dumps({"execute": command, "arguments": arguments}).encode())
        while "return" not in (answer := json.loads(await self._line(self._qmp))):
            assert "event" in answer, answer
        return answer["return"]

    async def qtest(self, *words: object) -> int:
        self._qtest_out.write(" ".join(str(word) for word in words).encode() + b"\n")
        answer = (await self._line(self._qtest)).split()
        assert answer[0] == b"OK", answer
        return int(answer[1], 16) if len(answer) > 1 else 0

    async def config(self, register: int, value: int | None = None) -> int:
        await self.qtest("outl", 0xCF8, 0x80000000 | 5 << 11 | register)
        return await (self.qtest("inl", 0xCFC) if value is None else self.qtest("outl", 0xCFC, value))

    async def set_up(self) -> int:
        """Maps the registers and turns MSI-X on, with interrupts that write into memory. Returns IVPosition."""
        await self.config(0x10, self.BAR0)
        await self.config(0x14, self.BAR1)
        await self.config(4, 6)
        at = await self.config(0x34) & 0xFF
        while (header := await self.config(at)) & 0xFF != 0x11:
            at = header >> 8 & 0xFF
        await self.config(at, header | 1 << 31)
        for vector in range(16):
            for n, word in enumerate((self.MESSAGES + 4 * vector, 0, 0x1000 + vector, 0)):
                await self.qtest("writel", self.BAR1 + 16 * vector + 4 * n, word)
        return await self.qtest("readl", self.BAR0 + 8)

    async def ring(self, peer: int, vector: int) -> None:
        await self.qtest("writel", self.BAR0 + 12, peer << 16 | vector)

    async def interrupted(self, vector: int) -> None:
        async with asyncio.timeout(TIMEOUT):
            while await self.qtest("readl", self.MESSAGES + 4 * vector) != 0x1000 + vector:
                pass
        await self.qtest("writel", self.MESSAGES + 4 * vector, 0)

    async def close(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        self._qmp_out.close()
        self._qtest_out.close()


async def boot(path: Path, directory: Path, stack: contextlib.AsyncExitStack) -> Qemu:
    """Starts a QEMU with the device on this socket."""
    directory.mkdir()
    listeners, options = [], []
    for name in ("qmp", "qtest"):  # listening before it starts, so nobody has to wait for it
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(directory / name))
        listener.listen(1)
        listeners.append(listener.fileno())
        options += [
            "-chardev",
            f"socket,fd={listener.fileno()},server=on,wait=off,id={name}",
            f"-{name}",
            f"chardev:{name}",
        ]
    process = await asyncio.create_subprocess_exec(
        "qemu-system-x86_64", "-S", "-nodefaults", "-display", "none", "-m", "64", "-machine", "q35,accel=tcg",
        "-chardev", f"socket,path={path},id=iv", "-device", "ivshmem-doorbell,vectors=16,chardev=iv,addr=5,id=bell",
        *options, pass_fds=listeners,
    )  # fmt: skip
    qemu = Qemu(process)
    stack.push_async_callback(qemu.close)
    return await qemu.open(directory)


@pytest.mark.libvirt
@on_both_loops
async def test_real_qemus(heard, doorbells, stack, tmp_path):
    """Connected, rung both ways, told of each other, and gone when killed."""
    doorbells.set_direct({(A, B): frozenset({2})})
    a = await boot(tmp_path / A, tmp_path / "qemu-a", stack)
    b = await boot(tmp_path / B, tmp_path / "qemu-b", stack)
    assert [doorbells.attached(uuid).pid for uuid in (A, B)] == [a.process.pid, b.process.pid]
    assert {row["label"]: row["frontend-open"] for row in await a.qmp("query-chardev")}["iv"]
    assert "vectors = 16" in await a.qmp("human-monitor-command", **{"command-line": "info qtree"})

    ids = [await a.set_up(), await b.set_up()]
    assert ids == [doorbells.attached(uuid).peer for uuid in (A, B)]
    await a.ring(SERVER, 0)
    await heard.until("woken", "a")
    way = doorbells.attached(A)
    way.reply(REPLY.pack(seq=1))
    way.flush()
    await a.interrupted(0)
    await b.interrupted(2)  # because it was announced
    await a.ring(ids[1], 2)
    await b.interrupted(2)

    b.process.send_signal(signal.SIGKILL)
    await heard.until("detached", "b")
    again = await boot(tmp_path / B, tmp_path / "qemu-again", stack)
    fresh = await again.set_up()
    assert fresh not in ids
    await again.interrupted(2)
    await a.ring(fresh, 2)
    await again.interrupted(2)
    assert a.process.returncode is None
