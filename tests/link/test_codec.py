"""The guard around the codec: whatever comes in, packets or CodecError come out, whatever the cuts in the stream."""

import random
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guestwire.link.codec import (
    LARGEST_PACKET,
    AuthPacket,
    CodecError,
    ConnAckPacket,
    ConnectPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    Framer,
    Packet,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PubAckReasonCode,
    PubCompPacket,
    PublishPacket,
    PubRecPacket,
    PubRelPacket,
    QoS,
    RetainHandling,
    SubAckPacket,
    SubAckReasonCode,
    SubscribePacket,
    TopicFilter,
    UnsubAckPacket,
    UnsubAckReasonCode,
    UnsubscribePacket,
    Will,
    write,
)

CAP = 1 << 16
Peer = Literal["client", "server"]

WILL = Will(
    "will/topic",
    payload=b"\xff\x00",
    qos=QoS.AT_LEAST_ONCE,
    retain=True,
    will_delay_interval=3,
    content_type="text/plain",
    response_topic="back",
    user_properties=[("k", "v"), ("k", "ü")],
)
EITHER: tuple[Packet, ...] = (
    PublishPacket("a/b", b""),
    PublishPacket("ü", b"x" * 300, qos=QoS.AT_LEAST_ONCE, packet_id=7, retain=True, duplicate=True),
    PublishPacket("a", b"1", qos=QoS.EXACTLY_ONCE, packet_id=65535),
    PublishPacket(
        "a/b/c",
        b"payload",
        payload_format_indicator=1,
        message_expiry_interval=30,
        content_type="application/msgpack",
        response_topic="r/ü",
        correlation_data=bytes(range(256)),
        user_properties=[("", ""), ("a", "ü"), ("a", "b")],
    ),
    PubAckPacket(1),
    PubAckPacket(2, reason_code=PubAckReasonCode.NOT_AUTHORIZED, reason_str="no", user_properties=[("a", "b")]),
    PubRecPacket(3),
    PubRelPacket(4),
    PubCompPacket(5),
    DisconnectPacket(),
    DisconnectPacket(
        reason_code=DisconnectReasonCode.SESSION_TAKEN_OVER, reason_str="other", session_expiry_interval=0
    ),
    AuthPacket(authentication_method="m", authentication_data=b"\xff"),
)
CLIENT: tuple[Packet, ...] = (
    ConnectPacket("c"),
    ConnectPacket(
        "", username="u", password=b"\xff", will=WILL, keep_alive=9, session_expiry_interval=1, receive_max=5
    ),
    ConnectPacket("c", clean_start=True, max_packet_size=1000, topic_alias_max=2, request_response_info=True),
    SubscribePacket(1, [TopicFilter("a/+/#", max_qos=QoS.AT_LEAST_ONCE, retain_handling=RetainHandling.SEND_NEVER)]),
    SubscribePacket(2, [TopicFilter("a", no_local=True), TopicFilter("$share/g/x")], subscription_id=200_000_000),
    UnsubscribePacket(3, ["a", "#"], user_properties=[("a", "b")]),
    PingReqPacket(),
)
SERVER: tuple[Packet, ...] = (
    ConnAckPacket(),
    ConnAckPacket(session_present=True, receive_max=10, max_packet_size=100, server_keep_alive=3, max_qos=QoS(1)),
    ConnAckPacket(assigned_client_id="x", retain_available=False, reason_str="r", server_reference="s"),
    PublishPacket("a", b"x", subscription_ids=[1, 268_435_455]),
    SubAckPacket(1, [SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE, SubAckReasonCode.NOT_AUTHORIZED], reason_str="x"),
    UnsubAckPacket(2, [UnsubAckReasonCode.SUCCESS]),
    PingRespPacket(),
)
BY_PEER: tuple[tuple[Peer, tuple[Packet, ...]], ...] = (("client", EITHER + CLIENT), ("server", EITHER + SERVER))


def packets(data: bytes, peer: Peer, cap: int = CAP) -> list[Packet]:
    return list(Framer(cap, peer).feed(data))


@pytest.mark.parametrize(("peer", "packet"), [(peer, packet) for peer, all_of in BY_PEER for packet in all_of])
def test_every_packet_survives_the_way_out_and_in(peer: Peer, packet: Packet) -> None:
    assert packets(write(packet), peer) == [packet]


@pytest.mark.parametrize("packet", CLIENT)
def test_a_server_may_not_send_what_is_a_clients(packet: Packet) -> None:
    with pytest.raises(CodecError, match="begins with"):
        packets(write(packet), "server")


@pytest.mark.parametrize("packet", SERVER)
def test_a_client_may_not_send_what_is_a_servers(packet: Packet) -> None:
    with pytest.raises(CodecError):
        packets(write(packet), "client")


@given(st.sampled_from(BY_PEER), st.lists(st.integers(1, 40), max_size=60), st.randoms(use_true_random=False))
def test_where_the_stream_is_cut_makes_no_difference(
    side: tuple[Peer, tuple[Packet, ...]], cuts: list[int], order: random.Random
) -> None:
    peer, all_of = side
    sent = list(all_of)
    order.shuffle(sent)
    stream = b"".join(write(packet) for packet in sent)
    framer = Framer(CAP, peer)
    got: list[Packet] = []
    for cut in cuts:
        got += framer.feed(stream[:cut])
        stream = stream[cut:]
    got += framer.feed(stream)
    assert got == sent


def test_byte_by_byte() -> None:
    framer = Framer(CAP, "server")
    frame = write(PublishPacket("a", b"x" * 500)) + write(PingRespPacket())
    got = [packet for byte in frame for packet in framer.feed(bytes((byte,)))]
    assert [type(packet) for packet in got] == [PublishPacket, PingRespPacket]


def test_good_packets_before_a_bad_one_are_delivered() -> None:
    stream = Framer(CAP, "server").feed(write(PublishPacket("a", b"1")) + b"\x00\x00")
    assert isinstance(next(stream), PublishPacket)
    with pytest.raises(CodecError):
        next(stream)


REFUSED: tuple[tuple[str, Peer, bytes, int], ...] = (
    ("wildcard in a topic", "client", b"\x30\x06\x00\x03a/#\x00", 0x90),
    ("plus in a topic", "client", b"\x30\x04\x00\x01+\x00", 0x90),
    ("NUL in a topic", "client", b"\x30\x04\x00\x01\x00\x00", 0x81),
    ("a topic that is not UTF-8", "client", b"\x30\x04\x00\x01\xff\x00", 0x81),
    ("a surrogate in a topic", "client", b"\x30\x06\x00\x03\xed\xa0\x80\x00", 0x81),
    ("an empty topic", "client", b"\x30\x03\x00\x00\x00", 0x94),
    ("a topic alias", "client", b"\x30\x07\x00\x01a\x03\x23\x00\x01", 0x94),
    ("an empty topic with an alias", "client", b"\x30\x06\x00\x00\x03\x23\x00\x01", 0x94),
    ("a topic longer than the packet", "client", b"\x30\x04\x00\x05a\x00", 0x81),
    ("a wildcard in a response topic", "client", b"\x30\x08\x00\x01a\x04\x08\x00\x01#", 0x90),
    ("an empty response topic", "client", b"\x30\x07\x00\x01a\x03\x08\x00\x00", 0x90),
    ("NUL in a response topic", "client", b"\x30\x08\x00\x01a\x04\x08\x00\x01\x00", 0x81),
    ("content type not UTF-8", "client", b"\x30\x08\x00\x01a\x04\x03\x00\x01\xff", 0x81),
    ("user property not UTF-8", "client", b"\x30\x0b\x00\x01a\x07\x26\x00\x01a\x00\x01\xff", 0x81),
    ("QoS 3", "client", b"\x36\x06\x00\x01a\x00\x01\x00", 0x81),
    ("DUP at QoS 0", "client", b"\x38\x04\x00\x01a\x00", 0x81),
    ("PUBLISH with packet id 0", "client", b"\x32\x06\x00\x01a\x00\x00\x00", 0x82),
    ("PUBLISH that ends in its packet id", "client", b"\x32\x04\x00\x01a\x00", 0x81),
    ("PUBLISH without a property length", "client", b"\x30\x03\x00\x01a", 0x81),
    ("properties longer than the packet", "client", b"\x30\x05\x00\x01a\x02\x01", 0x81),
    ("a property that overruns", "client", b"\x30\x09\x00\x01a\x02\x02\x00\x00\x00\x01", 0x81),
    ("a string that overruns the properties", "client", b"\x30\x0a\x00\x01a\x04\x03\x00\x03abc", 0x81),
    ("a property of another packet", "client", b"\x30\x07\x00\x01a\x03\x21\x00\x01", 0x81),
    ("an unknown property", "client", b"\x30\x06\x00\x01a\x02\x7f\x00", 0x81),
    ("a property twice", "client", b"\x30\x08\x00\x01a\x04\x01\x01\x01\x01", 0x81),
    ("a payload format of 2", "client", b"\x30\x06\x00\x01a\x02\x01\x02", 0x82),
    ("a subscription id from a client", "client", b"\x30\x06\x00\x01a\x02\x0b\x01", 0x81),
    ("subscription id 0", "server", b"\x30\x06\x00\x01a\x02\x0b\x00", 0x82),
    ("PUBACK with packet id 0", "server", b"\x40\x02\x00\x00", 0x82),
    ("PUBACK flags", "server", b"\x41\x02\x00\x01", 0x81),
    ("PUBREL flags", "server", b"\x60\x02\x00\x01", 0x81),
    ("PUBACK with an unknown reason", "server", b"\x40\x03\x00\x01\x77", 0x81),
    ("PUBACK with bytes after its end", "server", b"\x40\x05\x00\x01\x10\x00x", 0x81),
    ("PUBACK too short", "server", b"\x40\x01\x00", 0x81),
    ("packet type 0", "server", b"\x00\x00", 0x81),
    ("PINGRESP with a body", "server", b"\xd0\x01x", 0x81),
    ("PINGREQ flags", "client", b"\xc1\x00", 0x81),
    ("a Remaining Length of five bytes", "client", b"\x30\x80\x80\x80\x80\x01", 0x81),
    ("a Remaining Length longer than need be", "client", b"\x30\x84\x00\x00\x01a\x00", 0x81),
    ("256 MiB announced", "client", b"\x30\xff\xff\xff\x7f", 0x95),
    ("CONNECT reserved flag", "client", b"\x10\x0e\x00\x04MQTT\x05\x01\x00\x00\x00\x00\x01a", 0x81),
    ("CONNECT will QoS without a will", "client", b"\x10\x0e\x00\x04MQTT\x05\x08\x00\x00\x00\x00\x01a", 0x81),
    ("CONNECT will retain without a will", "client", b"\x10\x0e\x00\x04MQTT\x05\x20\x00\x00\x00\x00\x01a", 0x81),
    (
        "CONNECT will QoS 3",
        "client",
        b"\x10\x14\x00\x04MQTT\x05\x1c\x00\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x00",
        0x81,
    ),
    ("CONNECT of 3.1.1", "client", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a", 0x84),
    ("CONNECT of 3.1", "client", b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01a", 0x84),
    ("CONNECT of something else", "client", b"\x10\x0e\x00\x04HTTP\x05\x02\x00\x00\x00\x00\x01a", 0x81),
    ("CONNECT with bytes after its end", "client", b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01ax", 0x81),
    ("CONNECT receive maximum 0", "client", b"\x10\x11\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x00\x00\x00\x01a", 0x82),
    ("CONNACK flags", "server", b"\x20\x03\x02\x00\x00", 0x81),
    ("CONNACK that refuses and has a session", "server", b"\x20\x03\x01\x87\x00", 0x81),
    ("CONNACK of 3.1.1, refused version", "server", b"\x20\x02\x00\x01", 0x84),
    ("SUBSCRIBE without a filter", "client", b"\x82\x03\x00\x01\x00", 0x82),
    ("SUBSCRIBE with an empty filter", "client", b"\x82\x06\x00\x01\x00\x00\x00\x00", 0x81),
    ("SUBSCRIBE a/#/b", "client", b"\x82\x0b\x00\x01\x00\x00\x05a/#/b\x00", 0x81),
    ("SUBSCRIBE reserved bits", "client", b"\x82\x07\x00\x01\x00\x00\x01a\x40", 0x81),
    ("SUBSCRIBE QoS 3", "client", b"\x82\x07\x00\x01\x00\x00\x01a\x03", 0x81),
    ("SUBSCRIBE retain handling 3", "client", b"\x82\x07\x00\x01\x00\x00\x01a\x30", 0x81),
    ("SUBSCRIBE No Local on a share", "client", b"\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x04", 0x82),
    ("SUBSCRIBE without options", "client", b"\x82\x06\x00\x01\x00\x00\x01a", 0x81),
    ("SUBSCRIBE packet id 0", "client", b"\x82\x07\x00\x00\x00\x00\x01a\x00", 0x82),
    ("SUBSCRIBE flags", "client", b"\x80\x07\x00\x01\x00\x00\x01a\x00", 0x81),
    ("UNSUBSCRIBE without a filter", "client", b"\xa2\x03\x00\x01\x00", 0x82),
    ("UNSUBSCRIBE a#", "client", b"\xa2\x07\x00\x01\x00\x00\x02a#", 0x81),
    ("SUBACK without a code", "server", b"\x90\x03\x00\x01\x00", 0x82),
    ("DISCONNECT unknown reason", "server", b"\xe0\x01\x77", 0x81),
    ("DISCONNECT with bytes after its end", "server", b"\xe0\x03\x00\x00x", 0x81),
)


@pytest.mark.parametrize(("peer", "data", "reason"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(peer: Peer, data: bytes, reason: int) -> None:
    with pytest.raises(CodecError) as caught:
        packets(data, peer)
    assert caught.value.reason_code == reason


def test_a_packet_of_the_cap_passes_and_one_more_byte_is_refused_before_it_is_there() -> None:
    frame = write(PublishPacket("a", b"x" * 100))
    assert len(packets(frame, "server", cap=len(frame))) == 1
    with pytest.raises(CodecError) as caught:
        packets(frame[:2], "server", cap=len(frame) - 1)
    assert caught.value.reason_code == 0x95


def test_more_topics_than_are_remembered() -> None:
    framer = Framer(CAP, "client")
    names = [f"t/{n}" for n in range(3000)]
    got = list(framer.feed(b"".join(write(PublishPacket(name, b"")) for name in names)))
    assert [packet.topic for packet in got if isinstance(packet, PublishPacket)] == names


def mutations(seed: int, frame: bytes) -> Iterator[bytes]:
    """Flip, cut, insert and repeat bytes; then set the length right so that more than the framing is reached."""
    choose = random.Random(seed)
    for _ in range(60):
        body = bytearray(frame)
        for _ in range(choose.randint(1, 4)):
            at = choose.randrange(len(body))
            match choose.randrange(4):
                case 0:
                    body[at] = choose.randrange(256)
                case 1:
                    body[at:at] = choose.randbytes(choose.randint(1, 3))
                case 2 if len(body) > 3:
                    del body[at]
                case _:
                    body[at] ^= 1 << choose.randrange(8)
        yield bytes(body)
        if len(body) < 130:
            yield bytes((body[0], len(body) - 2)) + bytes(body[2:])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("peer", "all_of"), BY_PEER)
def test_mutated_packets_give_packets_or_codec_errors(
    peer: Peer, all_of: tuple[Packet, ...], seed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    refused = 0
    reasons: set[int] = set()
    for number, packet in enumerate(all_of):
        for data in mutations(seed * 1000 + number, write(packet)):
            try:
                got = packets(data, peer)
            except CodecError as err:
                reasons.add(err.reason_code)
                refused += 1
            else:
                # what was accepted means the same when it is written and read again
                assert [packets(write(again), peer) for again in got] == [[again] for again in got]
    assert refused > 500
    assert reasons <= {0x81, 0x82, 0x84, 0x90, 0x94, 0x95}
    # a panic of the codec writes to stderr: the checks before it must have left none
    assert "panicked" not in capfd.readouterr().err


@settings(max_examples=300)
@given(st.sampled_from(["client", "server"]), st.binary(max_size=200))
@example("client", b"\x10\x80\x80\x80\x01")
def test_any_bytes(peer: Peer, data: bytes) -> None:
    try:
        packets(data, peer)
    except CodecError:
        return


def test_what_cannot_be_written() -> None:
    frame = write(PublishPacket("a", b"x" * 100))
    assert write(PublishPacket("a", b"x" * 100), max_packet=len(frame)) == frame
    for limit in (len(frame) - 1, 50):
        with pytest.raises(CodecError, match="0x95"):
            write(PublishPacket("a", b"x" * 100), max_packet=limit)
    with pytest.raises(CodecError, match="0x95"):
        write(PublishPacket("a", bytes(LARGEST_PACKET)))
