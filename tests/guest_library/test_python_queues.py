"""Queues from Python: copies, loans, blocking, between real processes."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.guest_peers import ANSWER_S, PROJECT, Peers

from guestwire.comm.client import CommClient
from guestwire.guest.errors import GuestError
from guestwire.guest.queues import Reader, Writer
from guestwire.guest.slots import Loan, Message

pytest_plugins = ("tests.support.guest_fixtures",)


def test_messages_of_many_sizes_arrive_as_they_were(peers: Peers) -> None:
    with peers.all("a", "") as (a, host), a.queue_writer("q") as writer, host.queue_reader("q") as reader:
        assert (writer.slot_bytes, reader.slot_bytes) == (64, 64)
        assert reader.get() is None
        for message in (b"", b"x", bytes(range(64)), bytearray(b"bytearray"), memoryview(b"memoryview")[3:]):
            writer.put(message)
            assert (writer.depth, reader.depth) == (1, 1)
            assert reader.get() == bytes(message)
        with pytest.raises(GuestError, match="GW_TOO_LARGE"):
            writer.put(b"x" * 65)
        for _ in range(4):
            writer.put(b"fill")
        with pytest.raises(GuestError, match="GW_FULL"):
            writer.put(b"one more")
        assert [reader.get() for _ in range(5)] == [b"fill"] * 4 + [None]


@pytest.mark.parametrize("wrong", ["text", None, [1000]])
def test_only_bytes_are_messages(peers: Peers, wrong: object) -> None:
    with peers.open("a") as a, a.queue_writer("q") as writer:
        with pytest.raises((TypeError, ValueError)):
            writer.put(wrong)  # type: ignore[arg-type]
        assert writer.depth == 0


def test_both_writers_are_read_in_turn(peers: Peers) -> None:
    with peers.all("a", "b", "") as (a, b, host):
        with a.queue_writer("q") as one, b.queue_writer("q") as other, host.queue_reader("q") as reader:
            for n in range(3):
                one.put(b"a%d" % n)
                other.put(b"b%d" % n)
            got = [reader.get() for _ in range(6)]
        assert [item for item in got if item and item[:1] == b"a"] == [b"a0", b"a1", b"a2"]
        assert {got[0], got[1]} == {b"a0", b"b0"}


def test_a_loan_is_sent_or_discarded(peers: Peers) -> None:
    with peers.all("a", "") as (a, host), a.queue_writer("q") as writer, host.queue_reader("q") as reader:
        with writer.loan() as loan:
            loan.data[:3] = b"abc"
            with pytest.raises(GuestError, match="GW_BUSY"):
                writer.loan()
            loan.commit(3, type=9)
        with pytest.raises(ValueError, match="once"):
            loan.commit(3)
        with writer.loan() as loan:
            loan.data[:] = b"z" * 64
        assert reader.depth == 1
        message = reader.take()
        assert message is not None
        with message:
            assert (bytes(message.data), message.type, message.data.readonly) == (b"abc", 9, True)
            with pytest.raises(GuestError, match="GW_BUSY"):
                reader.take()
        message.release()
        assert reader.take() is None


def sliced(writer: Writer) -> tuple[Loan, memoryview]:
    loan = writer.loan()
    return loan, loan.data[:2]


def taken(reader: Reader) -> tuple[Message, memoryview]:
    message = reader.take_wait(ANSWER_S)
    assert message is not None
    return message, message.data[:1]


def test_slices_that_are_in_use_keep_a_slot(peers: Peers) -> None:
    with peers.all("a", "") as (a, host), a.queue_writer("q") as writer, host.queue_reader("q") as reader:
        loan, piece = sliced(writer)
        with pytest.raises(BufferError, match="slices"):
            loan.commit(2)
        piece[:] = b"ok"
        del piece
        loan.commit(2)
        message, piece = taken(reader)
        with pytest.raises(BufferError, match="slices"):
            message.release()
        assert bytes(piece) == b"o"
        del piece
        message.release()
        assert reader.depth == 0


def test_a_queue_stays_open_under_a_loan(peers: Peers) -> None:
    with peers.open("a") as a:
        writer = a.queue_writer("q")
        loan = writer.loan()
        writer.close()
        with pytest.raises(GuestError, match="GW_CLOSED"):
            writer.put(b"x")
        loan.data[:1] = b"x"
        loan.discard()
        del loan
        gc.collect()
        with a.queue_writer("q") as again:
            assert again.depth == 0


def test_a_reader_sleeps_until_another_process_writes(peers: Peers) -> None:
    other = """
        with gw.queue_writer("q") as writer:
            print("up")
            sys.stdin.readline()
            for n in range(200):
                writer.put_wait(n.to_bytes(4, "little"), timeout=20)
            print("done")
    """
    with peers.open() as host, host.queue_reader("q") as reader, peers.child("a", other) as child:
        assert child.line() == "up"
        assert reader.get_wait(0.01) is None
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(reader.get_wait, ANSWER_S)
            child.go_on()
            assert first.result(ANSWER_S) == bytes(4)
        rest = [reader.get_wait(ANSWER_S) for _ in range(199)]
        assert rest == [n.to_bytes(4, "little") for n in range(1, 200)]
        assert child.line() == "done"


def test_a_writer_waits_for_room(peers: Peers) -> None:
    with peers.all("a", "") as (a, host), a.queue_writer("q") as writer, host.queue_reader("q") as reader:
        for n in range(4):
            writer.put(bytes([n]), type=n)
        with pytest.raises(GuestError, match="GW_TIMEOUT"):
            writer.put_wait(b"late", timeout=0.01)
        with pytest.raises(GuestError, match="GW_TIMEOUT"):
            writer.loan_wait(timeout=0)
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(writer.put_wait, b"more", 0, ANSWER_S)
            assert reader.get() == b"\0"
            waits.result(ANSWER_S)
        assert [reader.get_wait(ANSWER_S) for _ in range(4)] == [b"\1", b"\2", b"\3", b"more"]


def test_threads_share_a_reader(peers: Peers) -> None:
    with peers.all("a", "") as (a, host), a.queue_writer("q") as writer, host.queue_reader("q") as reader:

        def read() -> list[bytes | None]:
            return [reader.get_wait(ANSWER_S) for _ in range(100)]

        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            for n in range(200):
                writer.put_wait(b"%03d" % n, timeout=ANSWER_S)
            got = [answer.result(ANSWER_S) for answer in readers]
        assert sorted(message for part in got for message in part if message) == [b"%03d" % n for n in range(200)]
        assert all(part == sorted(part, key=lambda message: message or b"") for part in got), "in order, for each"


async def test_a_queue_that_gets_larger_slots(own_peers: Peers) -> None:
    larger = tuple(queue.model_copy(update={"slot_bytes": 4096}) for queue in PROJECT.queues)
    with own_peers.all("a", "") as (a, host), a.queue_writer("q") as writer, host.queue_reader("q") as reader:
        writer.put(b"small")
        assert reader.get() == b"small"
        async with CommClient(own_peers.comm.dir) as client:
            await client.apply(PROJECT.model_copy(update={"queues": larger}))
        writer.put(b"l" * 4096)
        assert reader.get_wait(ANSWER_S) == b"l" * 4096
        assert (writer.slot_bytes, reader.slot_bytes) == (4096, 4096)


def test_each_end_is_open_once(peers: Peers) -> None:
    with peers.all("a", "a", "") as (a, again, host), a.queue_writer("q"), host.queue_reader("q"):
        other = """
            from guestwire.guest.errors import GuestError
            try:
                gw.queue_reader("q")
            except GuestError as err:
                print(err.code)
        """
        with pytest.raises(GuestError, match="GW_BUSY"):
            a.queue_writer("q")
        with peers.child("", other) as child:
            assert child.line() == "GW_BUSY"
        with pytest.raises(GuestError, match=r"GW_DENIED|GW_NOT_FOUND"):
            again.queue_reader("q")
