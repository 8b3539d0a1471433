"""A session's queue and window, with a sink that can be full."""

from guestwire.broker_test.messages import Message
from guestwire.broker_test.sessions import Counts, Session
from guestwire.link.codec import Framer, PublishPacket, QoS


class Sink:
    def __init__(self):
        self.writable = True
        self.frames = []

    def send(self, frame):
        self.frames.append(frame)

    def end(self, reason):
        raise AssertionError(reason)

    @property
    def payloads(self):
        return [x.payload for x in self.packets]

    @property
    def packets(self):
        return list(Framer(1 << 20, "server").feed(b"".join(self.frames)))


def _message(payload, qos=1, **properties):
    return Message(PublishPacket("t", payload, qos=QoS(qos), packet_id=1 if qos else None, **properties), 0.0, "s")


def _session(max_queued=100, max_bytes=10_000):
    counts = Counts()
    return Session("c", counts, max_queued, max_bytes), counts


def test_window_and_order():
    session, _ = _session()
    sink = Sink()
    session.attach(sink, 2, None, 0.0)
    for payload in (b"1", b"2", b"3", b"4"):
        assert session.deliver_qos1(_message(payload), False, (), 0.0)
    assert sink.payloads == [b"1", b"2"]
    session.acknowledge(sink.packets[1].packet_id, 0.0)
    session.acknowledge(999, 0.0)
    assert sink.payloads == [b"1", b"2", b"3"]
    assert session.queued == 3


def test_a_smaller_window_after_a_reconnect_is_kept_to():
    session, _ = _session()
    session.attach(Sink(), 3, None, 0.0)
    for payload in (b"1", b"2", b"3", b"4"):
        session.deliver_qos1(_message(payload), False, (), 0.0)
    session.detach()
    sink = Sink()
    session.attach(sink, 1, None, 0.0)
    assert sink.payloads == [b"1"]
    for _ in range(3):
        session.acknowledge(sink.packets[-1].packet_id, 0.0)
    assert sink.payloads == [b"1", b"2", b"3", b"4"]
    assert [x.duplicate for x in sink.packets] == [True, True, True, False]
    assert len({x.packet_id for x in sink.packets}) == 4


def test_full_refuses_qos1_and_drops_qos0():
    session, counts = _session(max_queued=2)
    sink = Sink()
    session.attach(sink, 10, None, 0.0)
    sink.writable = False
    assert session.deliver_qos1(_message(b"1"), False, (), 0.0)
    session.deliver_qos0(_message(b"0", qos=0), False, (), 0.0)
    assert not session.deliver_qos1(_message(b"2"), False, (), 0.0)
    session.deliver_qos0(_message(b"00", qos=0), False, (), 0.0)
    assert (counts.refused_qos1, counts.dropped_qos0) == (1, 1)
    sink.writable = True
    session.pump(0.0)
    assert sink.payloads == [b"0", b"1"]


def test_the_bound_in_bytes_is_given_back():
    session, _ = _session(max_bytes=100)
    sink = Sink()
    session.attach(sink, 10, None, 0.0)
    for _ in range(20):
        assert session.deliver_qos1(_message(b"x" * 60), False, (), 0.0)
        assert not session.deliver_qos1(_message(b"x" * 60), False, (), 0.0)
        session.acknowledge(sink.packets[-1].packet_id, 0.0)
    assert session.queued == 0


def test_what_expires_in_the_queue_is_not_sent_but_what_was_sent_is_owed():
    session, counts = _session()
    sink = Sink()
    session.attach(sink, 1, None, 0.0)
    session.deliver_qos1(_message(b"sent", message_expiry_interval=2), False, (), 0.0)
    session.deliver_qos1(_message(b"expires", message_expiry_interval=2), False, (), 0.0)
    session.deliver_qos1(_message(b"stays", message_expiry_interval=9), False, (), 0.0)
    session.detach()
    again = Sink()
    session.attach(again, 5, None, 3.0)
    assert again.payloads == [b"sent", b"stays"]
    assert [x.message_expiry_interval for x in again.packets] == [0, 6]
    assert counts.expired == 1


def test_qos0_waiting_for_a_slow_socket_goes_with_the_connection():
    session, counts = _session()
    sink = Sink()
    session.attach(sink, 1, None, 0.0)
    sink.writable = False
    session.deliver_qos0(_message(b"0", qos=0), False, (), 0.0)
    session.detach()
    session.deliver_qos0(_message(b"absent", qos=0), False, (), 0.0)
    assert counts.dropped_qos0 == 1
    again = Sink()
    session.attach(again, 1, None, 0.0)
    assert again.frames == []


def test_packet_ids_wrap_and_skip_those_in_use():
    session, _ = _session()
    sink = Sink()
    session.attach(sink, 2, None, 0.0)
    session.deliver_qos1(_message(b"held"), False, (), 0.0)
    held = sink.packets[0].packet_id
    seen = []
    for _ in range(0xFFFF):
        session.deliver_qos1(_message(b"x"), False, (), 0.0)
        frame = sink.frames.pop()
        packet_id = next(iter(Framer(1000, "server").feed(frame))).packet_id
        seen.append(packet_id)
        session.acknowledge(packet_id, 0.0)
    assert held not in seen
    assert 0 not in seen
    assert max(seen) == 0xFFFF
