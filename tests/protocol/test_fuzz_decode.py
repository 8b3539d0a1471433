"""A short run of the fuzz target; the long one is `python tests/protocol/fuzz_decode.py`."""

import random

from fuzz_decode import NOW, Target, campaign, must_decode_or_say_why, one_input, requests, responses
from hypothesis import example, given
from hypothesis import strategies as st

from guestwire.protocol.pending import Done
from guestwire.protocol.steps import Inbound, Record, Run

TARGET = Target()


@given(st.binary(max_size=300))
@example(b"\x94\xc4\x00\xc4\x00\x90\x90")
def test_arbitrary_bytes(data: bytes) -> None:
    must_decode_or_say_why(data)
    one_input(TARGET, data)


def test_mutated_frames() -> None:
    target = Target()
    assert campaign(target, random.Random(20), rounds=150) > 3000
    assert target.taken > 0


def test_the_originals_are_taken() -> None:
    target = Target()
    steps = [target.executor.receive(Inbound(frame, "cli-1", operation), NOW) for operation, frame in requests()]
    assert [type(step) for step in steps] == [Record, Run, type(None), Record, Run]
    events = [event for frame in responses() for event in target.invoker.receive(frame, NOW, "h1")]
    assert [type(event) for event in events].count(Done) == 2
