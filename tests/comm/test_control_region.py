import fcntl
import mmap
import os
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.comm.control_region import BYTES, ControlRegion
from guestwire.shm.layouts import CONTROL, NUMBERS, REGION, REPLY, REQUEST

LAST = 2**64 - 1


class Guest:
    """The guest's mapping of the region, with which it does what it likes."""

    def __init__(self, region: ControlRegion) -> None:
        self.memory = mmap.mmap(region.fd, BYTES)

    def close(self) -> None:
        self.memory.close()

    def __getitem__(self, word: str) -> int:
        return int(CONTROL.unpack(self.memory[:], REGION.size)[word])

    def __setitem__(self, word: str, value: int) -> None:
        at = REGION.size + CONTROL.offsets[word]
        self.memory[at : at + 8] = value.to_bytes(8, "little")

    def ask(self, request: bytes) -> None:
        at = NUMBERS["GW_REQUESTS_OFFSET"] + self["request_head"] % 256 * 128
        self.memory[at : at + 128] = request
        self["request_head"] = (self["request_head"] + 1) & LAST

    def answer(self, number: int) -> bytes:
        at = NUMBERS["GW_REPLIES_OFFSET"] + number % 256 * 64
        return self.memory[at : at + 64]


@pytest.fixture
def region():
    with closing(ControlRegion("alpha", 42, 7)) as region:
        yield region


@pytest.fixture
def guest(region):
    with closing(Guest(region)) as guest:
        yield guest


def request(seq: int) -> bytes:
    return REQUEST.pack(seq=seq, op=1, text="door")


def reply(seq: int) -> bytes:
    return REPLY.pack(seq=seq)


def test_the_header_and_who_serves_it(region, guest):
    header = REGION.unpack(guest.memory[:])
    assert header["magic"].to_bytes(8, "little") == b"GUESTWIR"
    assert (header["kind"], header["generation"], header["name"]) == (NUMBERS["GW_KIND_CONTROL"], 7, "alpha")
    assert (guest["instance"], guest["vectors"]) == (42, 16)
    region.set_instance(43)
    assert guest["instance"] == 43


def test_a_long_name_is_cut():
    with closing(ControlRegion("ä" * 64, 1, 1)) as region, closing(Guest(region)) as guest:
        assert REGION.unpack(guest.memory[:])["name"].startswith("ä" * 35)


def test_nobody_can_change_its_size(region):
    assert fcntl.fcntl(region.fd, fcntl.F_GET_SEALS) == fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    for size in (0, BYTES // 2, BYTES * 2):
        with pytest.raises(PermissionError):
            os.ftruncate(region.fd, size)


def test_requests_come_in_order_and_once(region, guest):
    assert region.take() == []
    for seq in range(600):
        guest.ask(request(seq))
        if seq % 7 == 0:
            before = guest["request_tail"]
            assert region.take()[-1] == request(seq)
            assert guest["request_tail"] == before, "not yet"
            region.taken()
            assert guest["request_tail"] == seq + 1
    assert region.take() == [request(seq) for seq in range(596, 600)]
    assert region.take() == []


def test_a_full_ring_is_taken_at_once(region, guest):
    for seq in range(256):
        guest.ask(request(seq))
    assert region.take() == [request(seq) for seq in range(256)]


def test_what_was_taken_does_not_change_any_more(region, guest):
    guest.ask(request(1))
    taken = region.take()
    guest.memory[NUMBERS["GW_REQUESTS_OFFSET"] :] = b"\xff" * (BYTES - NUMBERS["GW_REQUESTS_OFFSET"])
    assert taken == [request(1)]


@pytest.mark.parametrize("head", [257, 2**32, 2**63, LAST])
def test_a_head_that_cannot_be_is_skipped(region, guest, head):
    guest["request_head"] = head
    assert (region.take(), region.corrupt) == ([], 1)
    region.taken()
    assert guest["request_tail"] == head
    assert (region.take(), region.corrupt) == ([], 1)
    guest.ask(request(5))
    assert (region.take(), region.corrupt) == ([request(5)], 1)


def test_a_head_behind_the_tail_is_skipped(region, guest):
    for seq in range(5):
        guest.ask(request(seq))
    region.take()
    guest["request_head"] = 4
    assert (region.take(), region.corrupt) == ([], 1)


def test_the_indices_go_past_their_end(region, guest):
    guest["request_head"] = LAST
    region.take()
    guest.ask(request(8))
    guest.ask(request(9))
    assert region.take() == [request(8), request(9)]
    region.taken()
    assert guest["request_tail"] == 1


def test_replies_are_put_in_order_while_there_is_room(region, guest):
    for seq in range(256):
        assert region.put(reply(seq))
    assert not region.put(reply(256))
    assert (region.dropped, region.corrupt, guest["reply_head"]) == (1, 0, 256)
    assert [guest.answer(n) for n in range(256)] == [reply(seq) for seq in range(256)]
    guest["reply_tail"] = 1
    assert region.put(reply(257))
    assert (guest.answer(256), guest["reply_head"]) == (reply(257), 257)


@pytest.mark.parametrize("tail", [1, 2**40, LAST])
def test_a_tail_that_cannot_be_drops_replies(region, guest, tail):
    guest["reply_tail"] = tail if tail != LAST else LAST - 300
    assert not region.put(reply(1))
    assert (region.dropped, region.corrupt) == (1, 1)
    guest["reply_tail"] = 0
    assert region.put(reply(2))


def test_when_it_is_closed_the_guest_sees_that_nobody_serves_it():
    region = ControlRegion("alpha", 42, 7)
    with closing(Guest(region)) as guest:
        region.close()
        region.close()
        assert guest["instance"] == 0


def test_after_a_reset_it_is_sound_whatever_the_guest_wrote(region, guest):
    before = guest.memory[: REGION.size]
    for seq in range(5):
        guest.ask(request(seq))
    region.take()
    region.taken()
    assert region.put(reply(0))
    guest.memory[:] = os.urandom(BYTES)
    region.renew(43)
    assert guest.memory[: REGION.size] == before
    assert (guest["instance"], guest["vectors"]) == (43, 16)
    assert [guest[word] for word in ("request_head", "request_tail", "reply_head", "reply_tail")] == [5, 5, 1, 1]
    guest.ask(request(9))
    assert region.take() == [request(9)]
    assert region.put(reply(9))
    assert (guest.answer(1), guest["reply_head"]) == (reply(9), 2)


def test_a_guest_that_works_on_over_a_reset_asks_nothing_twice(region, guest):
    for seq in range(5):
        guest.ask(request(seq))
    region.take()
    region.taken()
    guest.ask(request(5))
    region.renew(43)
    guest["request_head"] = 7  # as its library has counted
    assert region.take() == [request(5), guest.memory[NUMBERS["GW_REQUESTS_OFFSET"] :][6 * 128 : 7 * 128]]
    assert region.corrupt == 0


writes = st.tuples(
    st.sampled_from([name for name in CONTROL.offsets if not name.startswith("reserved")]),
    st.one_of(st.integers(0, 600), st.integers(0, LAST), st.integers(LAST - 300, LAST)),
)
acts = st.one_of(writes, st.just("take"), st.just("put"), st.just("ask"), st.tuples(st.integers(0, BYTES - 64), st.binary(max_size=64)))  # fmt: skip


@settings(max_examples=100)
@given(st.lists(acts, max_size=60))
def test_whatever_a_guest_writes_the_host_goes_on(acts):
    with closing(ControlRegion("alpha", 42, 7)) as region, closing(Guest(region)) as guest:
        for act in acts:
            if act == "take":
                assert len(region.take()) <= 256
                region.taken()
                assert not region.waiting
            elif act == "put":
                region.put(reply(3))
            elif act == "ask":
                guest.ask(request(1))
            elif isinstance(act[0], str):
                guest[act[0]] = act[1]
            else:
                guest.memory[act[0] : act[0] + len(act[1])] = act[1]
        region.take()
        region.taken()
        guest["request_head"] = guest["request_tail"]  # as a sane library begins anew
        guest["reply_tail"] = guest["reply_head"]
        region.take()
        region.taken()
        guest["request_head"] = guest["request_tail"]
        guest.ask(request(77))
        assert region.take() == [request(77)]
