"""Bounds and session ends, on a clock that the test turns."""

import heapq

from guestwire.broker_test.acl import Permissions
from guestwire.broker_test.messages import Message
from guestwire.broker_test.options import BrokerOptions
from guestwire.broker_test.router import NEVER, Router
from guestwire.broker_test.sessions import Subscription
from guestwire.link.codec import PublishPacket, QoS, Will


class FakeClock:
    def __init__(self):
        self.now = 0.0
        self._due = []

    def time(self):
        return self.now

    def call_later(self, delay, callback):
        entry = [self.now + delay, len(self._due), callback]
        heapq.heappush(self._due, entry)
        return Handle(entry)

    def turn_to(self, now):
        while self._due and self._due[0][0] <= now:
            self.now, _, callback = heapq.heappop(self._due)
            if callback:
                callback()
        self.now = now

    @property
    def pending(self):
        return sum(1 for x in self._due if x[2])


class Handle:
    def __init__(self, entry):
        self._entry = entry

    def cancel(self):
        self._entry[2] = None


class Sink:
    writable = True

    def __init__(self):
        self.frames = []
        self.ended = None
        self.session = None

    def send(self, frame):
        self.frames.append(frame)

    def end(self, reason):
        self.ended = reason
        self.session.detach()


def _router(**options):
    clock = FakeClock()
    return Router(BrokerOptions(**options), clock), clock


def _open(router, client_id="c", clean=True, expiry=0):
    session, present = router.open(client_id, clean, Permissions(None, None, client_id))
    session.expiry_s = expiry
    sink = Sink()
    sink.session = session
    session.attach(sink, 10, None, 0.0)
    return session, present, sink


def _message(topic="t", payload=b"x", qos=1, retain=False, sender="other"):
    packet = PublishPacket(topic, payload, qos=QoS(qos), packet_id=1 if qos else None, retain=retain)
    return Message(packet, 0.0, sender)


def test_the_session_ends_with_its_expiry_and_not_before():
    router, clock = _router()
    session, _, _ = _open(router, expiry=100)
    router.subscribe(session, Subscription("t", 1, False, False, None))
    router.leave(session, None)
    clock.turn_to(99.0)
    assert router.publish(_message(), clock.now) == 0
    assert _open(router, clean=False, expiry=100)[1]
    router.leave(session, None)
    clock.turn_to(250.0)
    assert router.sessions == 0
    assert router.publish(_message(), clock.now) == 0x10


def test_a_session_that_never_expires_has_no_timer():
    router, clock = _router()
    session, _, _ = _open(router, expiry=NEVER)
    router.leave(session, None)
    assert clock.pending == 0
    assert router.sessions == 1


def test_the_will_waits_for_its_delay_or_the_sessions_end():
    for delay, expiry, due in ((5, 100, 5.0), (500, 100, 100.0), (0, 100, 0.0), (5, 0, 0.0)):
        router, clock = _router()
        watcher, _, sink = _open(router, "w", expiry=NEVER)
        router.subscribe(watcher, Subscription("will", 0, False, False, None))
        session, _, _ = _open(router, expiry=expiry)
        router.leave(session, Will("will", payload=b"!", will_delay_interval=delay))
        if due:
            clock.turn_to(due - 0.1)
            assert sink.frames == []
        clock.turn_to(due)
        assert len(sink.frames) == 1
        clock.turn_to(1000.0)
        assert len(sink.frames) == 1


def test_close_leaves_no_timer():
    router, clock = _router()
    session, _, _ = _open(router, expiry=100)
    router.leave(session, Will("will", payload=b"!", will_delay_interval=50))
    assert clock.pending == 2
    router.close()
    assert clock.pending == 0


def test_too_many_sessions_are_refused():
    router, _ = _router(max_clients=1)
    for client_id in ("a", "b"):
        router.leave(_open(router, client_id, expiry=NEVER)[0], None)
    assert router.open("c", True, Permissions(None, None, "c")) is None
    assert router.open("a", False, Permissions(None, None, "a")) is not None


def test_too_many_subscriptions_are_refused():
    router, _ = _router()
    session, _, _ = _open(router)
    for index in range(10_000):
        assert router.subscribe(session, Subscription(f"t/{index}", 0, False, False, None))
    assert not router.subscribe(session, Subscription("one/more", 0, False, False, None))
    assert router.subscribe(session, Subscription("t/1", 1, False, False, None))


def test_a_full_subscriber_is_told_to_the_publisher_and_the_others_get_it():
    router, _ = _router(max_queued_messages=2)
    full, _, _ = _open(router, "full", expiry=NEVER)
    router.subscribe(full, Subscription("t", 1, False, False, None))
    router.leave(full, None)
    live, _, sink = _open(router, "live")
    router.subscribe(live, Subscription("t", 1, False, False, None))
    reasons = []
    for _ in range(3):
        reasons.append(router.publish(_message(), 0.0))
        live.acknowledge(len(sink.frames), 0.0)
    assert reasons == [0, 0, 0x97]
    assert len(sink.frames) == 3
    assert router.counts.refused_qos1 == 1


def test_no_room_for_a_retained_message_is_said():
    router, _ = _router(max_queued_messages=1)
    assert router.publish(_message("a", retain=True), 0.0) == 0x10
    assert router.publish(_message("b", retain=True), 0.0) == 0x97


def test_a_take_over_ends_the_old_connection():
    router, _ = _router()
    _, _, old = _open(router, expiry=NEVER)
    _, present, _ = _open(router, clean=False)
    assert (old.ended, present) == (0x8E, True)
