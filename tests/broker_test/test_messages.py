"""A message comes out as it went in, whatever the subscriber needs."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.broker_test.messages import Message, message_of_will
from guestwire.link.codec import Framer, PublishPacket, QoS, Will

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "content_type": TEXT,
        "correlation_data": st.binary(max_size=20),
        "response_topic": st.just("r/t"),
        "message_expiry_interval": st.integers(1, 1000),
        "payload_format_indicator": st.integers(0, 1),
        "user_properties": st.lists(st.tuples(TEXT, TEXT), max_size=3),
    },
)
FIELDS = ("content_type", "correlation_data", "response_topic", "payload_format_indicator", "user_properties")


def _read(frame):
    (packet,) = Framer(1 << 20, "server").feed(frame)
    return packet


def _packet(payload=b"x", qos=0, retain=False, **properties):
    return PublishPacket("t/o", payload, qos=QoS(qos), packet_id=7 if qos else None, retain=retain, **properties)


@given(
    PROPERTIES,
    st.binary(max_size=300),
    st.integers(0, 1),
    st.integers(0, 1),
    st.booleans(),
    st.lists(st.integers(1, 300000), max_size=2),
)
def test_every_combination(properties, payload, came, goes, retain, identifiers):
    message = Message(_packet(payload, came, retain, **properties), now=10.0, sender="s")
    frame = message.encoded(goes, 99, retain=retain, duplicate=bool(goes), identifiers=tuple(identifiers))
    packet = _read(frame)
    assert (packet.topic, packet.payload, packet.qos.value, packet.retain) == ("t/o", payload, goes, retain)
    assert packet.packet_id == (99 if goes else None)
    assert packet.subscription_ids == identifiers
    assert packet.message_expiry_interval == properties.get("message_expiry_interval")
    original = _packet(payload, **properties)
    for field in FIELDS:
        assert getattr(packet, field) == getattr(original, field)


@given(st.integers(0, 1), st.booleans(), st.booleans())
def test_qos_0_is_encoded_once(came, retained, retain):
    message = Message(_packet(qos=came, retain=retained), 0.0, "s")
    frame = message.at_qos_0(retain)
    assert message.at_qos_0(retain) is frame
    packet = _read(frame)
    assert (packet.qos.value, packet.retain, packet.packet_id) == (0, retain, None)


def test_expiry_counts_whole_seconds_waited():
    message = Message(_packet(message_expiry_interval=5), now=100.0, sender="s")
    assert [message.expiry_left(x) for x in (100.0, 100.9, 101.0, 103.5, 110.0)] == [None, None, 4, 2, 0]
    assert [message.expired(x) for x in (100.0, 104.9, 105.0)] == [False, False, True]
    assert _read(message.encoded(0, 0, expiry_left=2)).message_expiry_interval == 2
    assert Message(_packet(), 0.0, "s").expiry_left(99.0) is None


def test_a_will_becomes_a_message():
    will = Will("w", payload=None, qos=QoS(1), retain=True, message_expiry_interval=9, user_properties=[("k", "v")])
    message = message_of_will(will, 0.0, "s")
    packet = _read(message.encoded(1, 3, retain=True))
    assert message.empty
    assert (packet.topic, packet.payload, packet.qos.value) == ("w", b"", 1)
    assert (packet.message_expiry_interval, packet.user_properties) == (9, [("k", "v")])
