"""Requests and replies by hand say what the table's own readers and writers say."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from guestwire.comm import request_bytes
from guestwire.shm.layouts import REPLY, REQUEST, WAIT_ANY_MAX


@given(
    st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=WAIT_ANY_MAX),
)  # fmt: skip
def test_what_a_request_says(flags: int, seq: int, handle: int, value: int, handles: list[int]) -> None:
    text = struct.pack(f"<{len(handles)}I", *handles)
    request = REQUEST.pack(
        seq=seq, op=flags ^ 0xFFFF, flags=flags, handle=handle, value=value, count=len(handles), text=text
    )
    assert (request_bytes.seq_of(request), request_bytes.op_of(request)) == (seq, flags ^ 0xFFFF)
    assert request_bytes.flags_of(request) == flags
    assert request_bytes.handle_of(request) == handle
    assert request_bytes.value_of(request) == value
    assert request_bytes.count_of(request) == len(handles)
    assert request_bytes.handles_of(request, len(handles)) == tuple(handles)


@given(st.integers(0, 2**33), st.integers(-20, 0), st.integers(0, 2**65))
def test_what_a_reply_says(seq: int, code: int, value: int) -> None:
    reply = REPLY.unpack(request_bytes.reply_of(seq, code, 7, 9, value))
    assert (reply["seq"], reply["code"], reply["handle"], reply["flags"]) == (seq % 2**32, code, 7, 9)
    assert reply["value"] == value % 2**64
    assert reply["at_ns"] > 0
