"""Cutting a stream into packets, however it arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.broker_test.frames import FrameSplitter, connect_level, packet_type
from guestwire.link.codec import ConnectPacket, PublishPacket

PACKETS = [
    PublishPacket("t", b"").write(),
    PublishPacket("t", b"x" * 200).write(),
    PublishPacket("t", b"x" * 20_000).write(),
    b"\xc0\x00",
]


@given(st.lists(st.sampled_from(PACKETS), max_size=6), st.lists(st.integers(1, 5000), min_size=1, max_size=20))
def test_any_cutting_gives_the_same_packets(packets, sizes):
    stream, splitter, got, at = b"".join(packets), FrameSplitter(), [], 0
    for size in [*sizes, len(stream)]:
        got += splitter.feed(stream[at : at + size])
        at += size
    assert got == packets


@pytest.mark.parametrize("bad", [b"\x30\xff\xff\xff\xff\x01", b"\x30\xff\xff\xff\x7f"])
def test_what_is_no_mqtt_passes_raw(bad):
    splitter = FrameSplitter()
    assert splitter.feed(b"\xc0\x00" + bad) == [b"\xc0\x00", bad]
    assert splitter.feed(b"more") == [b"more"]


def test_protocol_levels():
    assert connect_level(ConnectPacket("c").write()) == 5
    assert connect_level(ConnectPacket("c" * 300).write()) == 5
    assert connect_level(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02me") == 4
    assert connect_level(b"\x10\x11\x00\x06MQIsdp\x03\x02\x00\x00\x00\x03me.") == 3
    assert connect_level(b"\xc0\x00") is None
    assert connect_level(b"\x10\x02\x00\x04") is None
    assert packet_type(PACKETS[0]) == 3
