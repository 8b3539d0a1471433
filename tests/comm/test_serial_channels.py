"""The serial channel way, with real sockets, on both loops, and with a real QEMU that binds one."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path

import pytest
import uvloop

from guestwire.broker_test.fixtures import require
from guestwire.comm.frames import PAYLOAD_MAX, ReplyReader, encode_request
from guestwire.comm.serial_channels import Patience, SerialChannels
from guestwire.comm.ways import Way
from guestwire.shm.layouts import NUMBERS, REPLY, REQUEST

QUICK = Patience(first_retry_s=0.005, last_retry_s=0.05, silence_s=0.05)
UUID = "8a1f1a52-0000-4000-8000-000000000001"


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def on_both_loops(test: Callable[[Path], Coroutine[None, None, None]]) -> Callable[..., None]:
    """A test of a channel at a path, on the standard library's loop and on that of the product."""

    @pytest.mark.parametrize("loop", LOOPS)
    def run(loop: str, tmp_path: Path) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(test(tmp_path / "alpha.serial"))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def request(seq: int, op: str = "GW_OP_PING") -> bytes:
    return REQUEST.pack(seq=seq, op=NUMBERS[op], value=seq)


class Taken:
    """An intake that notes what comes, and answers each request with its seq."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.seqs: list[int] = []
        self.payloads: list[bytes] = []
        self.way: Way | None = None
        self.rings = 0
        self.on_request: Callable[[Way, int], None] = lambda way, seq: None
        self._changed = asyncio.Event()

    def attached(self, way: Way) -> None:
        self.way = way
        self._note("attached", way)

    def requests(self, way: Way, requests: Sequence[bytes], payload: bytes = b"") -> None:
        for one in requests:
            seq = REQUEST.unpack(one)["seq"]
            self.seqs.append(seq)
            self.payloads.append(payload)
            way.reply(REPLY.pack(seq=seq))
            self._changed.set()
            self.on_request(way, seq)
        way.flush()

    def woken(self, way: Way) -> None:
        self.rings += 1
        self._changed.set()

    def detached(self, way: Way) -> None:
        self._note("detached", way)

    def _note(self, what: str, way: Way) -> None:
        self.said.append((what, way.party))
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


class Port:
    """What QEMU does: binds a socket and takes one connection at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.setblocking(False)
        self._listening.bind(str(path))
        self._listening.listen(1)
        self.connection: socket.socket | None = None

    async def accept(self) -> None:
        if self.connection is not None:
            self.connection.close()
        async with asyncio.timeout(10):
            self.connection, _ = await asyncio.get_running_loop().sock_accept(self._listening)

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(10):
            await asyncio.get_running_loop().sock_sendall(self.connection, data)

    async def replies(self, count: int) -> list[int]:
        """The seqs of that many replies."""
        reader, got = ReplyReader(), []
        async with asyncio.timeout(10):
            while len(got) < count:
                data = await asyncio.get_running_loop().sock_recv(self.connection, 65536)
                assert data, "the connection is closed"
                got += [REPLY.unpack(reply)["seq"] for reply in reader.feed(data)]
        return got

    async def at_end(self) -> None:
        """Until the other side closes."""
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                while await asyncio.get_running_loop().sock_recv(self.connection, 65536):
                    pass

    def die(self) -> None:
        for each in (self.connection, self._listening):
            if each is not None:
                each.close()
        self.path.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def attached(path: Path, patience: Patience = QUICK) -> AsyncIterator[tuple[Taken, Port, SerialChannels]]:
    taken, port = Taken(), Port(path)
    try:
        async with SerialChannels(taken, patience) as channels:
            channels.serve(UUID, "alpha", path)
            await port.accept()
            await taken.until(lambda: taken.way is not None)
            yield taken, port, channels
        assert taken.said.count(("attached", "alpha")) == taken.said.count(("detached", "alpha"))
    finally:
        port.die()


@on_both_loops
async def test_requests_go_in_with_their_payloads_and_replies_come_back(path):
    async with attached(path) as (taken, port, channels):
        assert (taken.way.kind, taken.way.party, taken.way.pid) == ("serial", "alpha", None)
        assert channels.ways == {UUID: taken.way}
        await port.send(encode_request(request(1, "GW_OP_HELLO")) + encode_request(request(2, "GW_OP_LOG"), b"a line"))
        assert await port.replies(2) == [1, 2]
        assert taken.payloads == [b"", b"a line"]


@on_both_loops
async def test_the_longest_frame_comes_through_in_small_pieces(path):
    async with attached(path) as (taken, port, _):
        frame = encode_request(request(5, "GW_OP_DATA"), bytes(range(256)) * (PAYLOAD_MAX // 256))
        for at in range(0, len(frame), 1000):
            await port.send(frame[at : at + 1000])
        assert await port.replies(1) == [5]
        assert taken.payloads == [frame[-PAYLOAD_MAX:]]


@on_both_loops
async def test_a_socket_that_comes_late_is_found(path):
    taken = Taken()
    async with SerialChannels(taken, QUICK) as channels:
        channels.serve(UUID, "alpha", path)
        port = Port(path)
        await port.accept()
        await taken.until(lambda: taken.said == [("attached", "alpha")])
        port.die()
        await taken.until(lambda: taken.said == [("attached", "alpha"), ("detached", "alpha")])


@on_both_loops
async def test_a_socket_that_nobody_listens_on_is_tried_again(path):
    """What QEMU leaves behind when it is killed."""
    taken = Taken()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    async with SerialChannels(taken, QUICK) as channels:
        channels.serve(UUID, "alpha", path)
        path.unlink()
        port = Port(path)
        await port.accept()
        await taken.until(lambda: taken.said == [("attached", "alpha")])
    port.die()


@on_both_loops
async def test_when_the_guest_starts_again_it_is_attached_again(path):
    async with attached(path) as (taken, port, channels):
        first = taken.way
        port.die()
        await taken.until(lambda: ("detached", "alpha") in taken.said)
        assert channels.ways == {}
        again = Port(path)
        await again.accept()
        await taken.until(lambda: taken.way is not first)
        await again.send(encode_request(request(3)))
        assert await again.replies(1) == [3]
        again.die()


@on_both_loops
async def test_serving_the_same_twice_changes_nothing_and_another_path_replaces_it(path):
    async with attached(path) as (taken, port, channels):
        channels.serve(UUID, "alpha", path)
        assert taken.said == [("attached", "alpha")]
        other = Port(path.with_name("other"))
        channels.serve(UUID, "alpha", other.path)
        assert taken.said[1:] == [("detached", "alpha")]
        await port.at_end()
        await other.accept()
        await taken.until(lambda: len(taken.said) == 3)
        other.die()


@on_both_loops
async def test_no_longer_served_is_closed_at_once(path):
    async with attached(path) as (taken, port, channels):
        channels.unserve(UUID)
        assert taken.said == [("attached", "alpha"), ("detached", "alpha")]
        assert channels.ways == {}
        await port.at_end()
        channels.unserve(UUID)


@on_both_loops
async def test_a_way_that_is_closed_is_connected_again(path):
    async with attached(path) as (taken, port, _):
        first = taken.way
        first.close()
        first.reply(REPLY.pack(seq=1))
        first.pause(1)
        assert first.dropped == 1
        await port.at_end()
        await port.accept()
        await taken.until(lambda: taken.way is not first)
        await port.send(encode_request(request(8)))
        assert await port.replies(1) == [8]


@on_both_loops
async def test_a_guest_that_does_not_read_loses_replies_and_holds_nobody_up(path):
    async with attached(path) as (taken, port, _):
        way = taken.way
        for seq in range(20_000):
            way.reply(REPLY.pack(seq=seq))
        assert 0 < way.dropped < 20_000
        got = await port.replies(20_000 - way.dropped)
        assert got == list(range(20_000 - way.dropped))
        await port.send(encode_request(request(30_000)))
        assert await port.replies(1) == [30_000]


@on_both_loops
async def test_while_it_is_paused_nothing_is_taken_and_afterwards_all_of_it(path):
    async with attached(path) as (taken, port, _):
        loop = asyncio.get_running_loop()
        paused_at: list[float] = []

        def slow(way: Way, seq: int) -> None:
            if seq in (3, 6):
                paused_at.append(loop.time())
                way.pause(0.05)
                way.pause(0.1)
                way.pause(0.02)
            elif seq in (4, 7):
                assert loop.time() - paused_at[-1] > 0.09

        taken.on_request = slow
        await port.send(b"".join(encode_request(request(seq)) for seq in range(1, 11)))
        assert await port.replies(3) == [1, 2, 3]
        assert taken.seqs == [1, 2, 3]
        await port.send(b"".join(encode_request(request(seq)) for seq in range(11, 21)))
        assert await port.replies(17) == list(range(4, 21))


@on_both_loops
async def test_what_a_guest_sends_while_it_is_paused_waits_in_the_guest(path):
    async with attached(path) as (taken, port, _):
        taken.on_request = lambda way, seq: way.pause(60)
        await port.send(encode_request(request(1)))
        assert await port.replies(1) == [1]
        sent = 0
        with pytest.raises(BlockingIOError):
            while sent < 16 << 20:
                sent += port.connection.send(encode_request(request(2)) * 100)
                for _ in range(3):
                    await asyncio.sleep(0)
        assert taken.seqs == [1]


@on_both_loops
async def test_what_comes_after_the_end_of_a_pause_is_not_lost_with_the_guest(path):
    """The guest died while it was made to wait."""
    async with attached(path) as (taken, port, _):
        taken.on_request = lambda way, seq: way.pause(0.02)
        await port.send(b"".join(encode_request(request(seq)) for seq in range(1, 4)))
        port.die()
        await taken.until(lambda: ("detached", "alpha") in taken.said)
        assert taken.seqs == [1, 2, 3]


@on_both_loops
async def test_garbage_is_told_and_paid_for_and_requests_behind_it_are_taken(path):
    async with attached(path, Patience(silence_s=0.05, noise_per_s=1e6)) as (taken, port, _):
        began = asyncio.get_running_loop().time()
        await port.send(b"GW\1\0" * 30_000 + encode_request(request(1)))
        assert await port.replies(1) == [1]
        await port.send(encode_request(request(2)))
        assert await port.replies(1) == [2]
        assert taken.rings > 0
        assert taken.way.skipped == 120_000
        assert asyncio.get_running_loop().time() - began > 0.1


@on_both_loops
async def test_a_guest_that_was_reset_in_the_middle_of_a_frame_is_understood_after_a_silence(path):
    async with attached(path) as (taken, port, _):
        await port.send(
            encode_request(request(1), bytes(PAYLOAD_MAX))[:500] + encode_request(request(2, "GW_OP_HELLO"))
        )
        assert await port.replies(1) == [2]
        assert taken.seqs == [2]


@on_both_loops
async def test_a_defect_ends_the_connection_and_the_next_one_serves(path):
    async with attached(path) as (taken, port, _):
        told: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))

        def broken(way: Way, seq: int) -> None:
            if seq == 1:
                way.pause(0.01)
            else:
                raise RuntimeError("a defect")

        taken.on_request = broken
        await port.send(encode_request(request(1)) + encode_request(request(2)))
        await taken.until(lambda: ("detached", "alpha") in taken.said)
        taken.on_request = lambda way, seq: None
        await port.accept()
        await port.send(encode_request(request(2)))
        assert await port.replies(1) == [2]
        assert [str(context["exception"]) for context in told] == ["a defect"]


@on_both_loops
async def test_a_real_qemu_is_connected_to_and_its_death_is_seen(path):
    """QEMU binds the socket of a virtio-serial port; stopped from the start (-S) it has it already."""
    program = shutil.which("qemu-system-x86_64")
    require("libvirt", program is not None, "no QEMU on this machine")
    taken = Taken()
    async with SerialChannels(taken, QUICK) as channels:
        channels.serve(UUID, "alpha", path)
        qemu = await asyncio.create_subprocess_exec(
            program, "-nodefaults", "-no-user-config", "-display", "none", "-S", "-machine", "q35,accel=tcg", "-m", "16",
            "-device", "virtio-serial", "-chardev", f"socket,id=gw,path={path},server=on,wait=off",
            "-device", "virtserialport,chardev=gw,name=org.guestwire.guest.0",
            stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await taken.until(lambda: taken.said == [("attached", "alpha")])
            assert taken.way.pid is None
            # nobody in the guest has the port open: replies stay in sockets, and then are dropped
            for seq in range(20_000):
                taken.way.reply(REPLY.pack(seq=seq))
            assert taken.way.dropped > 0
        finally:
            qemu.kill()
            await qemu.wait()
        # a QEMU that is killed closes the connection a moment before the port: the channel may come back in between
        await taken.until(lambda: taken.said[-1] == ("detached", "alpha") and channels.ways == {})
        assert taken.said == [("attached", "alpha"), ("detached", "alpha")] * (len(taken.said) // 2)
