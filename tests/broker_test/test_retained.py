"""Retained messages: bounds and expiry (what clients see is in the contract)."""

from guestwire.broker_test.messages import Message
from guestwire.broker_test.retained import Retained
from guestwire.link.codec import PublishPacket


def _message(topic, payload=b"x", now=0.0, **properties):
    return Message(PublishPacket(topic, payload, retain=True, **properties), now, "s")


def _topics(retained, topic_filter, now=0.0):
    return sorted(x.topic for x in retained.matching(topic_filter, now))


def test_full_in_number_keeps_the_old_and_lets_replace_and_delete():
    retained = Retained(max_messages=2, max_bytes=1000)
    assert retained.store(_message("a"))
    assert retained.store(_message("b"))
    assert not retained.store(_message("c"))
    assert retained.store(_message("b", b"new"))
    assert retained.store(_message("a", b""))
    assert retained.store(_message("c"))
    assert _topics(retained, "#") == ["b", "c"]


def test_full_in_bytes():
    retained = Retained(max_messages=10, max_bytes=100)
    assert retained.store(_message("a", b"x" * 50))
    assert not retained.store(_message("b", b"x" * 50))
    assert retained.store(_message("a", b""))
    assert retained.store(_message("b", b"x" * 50))


def test_the_expired_is_forgotten():
    retained = Retained(10, 1000)
    retained.store(_message("a", message_expiry_interval=5))
    retained.store(_message("b"))
    assert _topics(retained, "+", now=4.0) == ["a", "b"]
    assert _topics(retained, "+", now=5.0) == ["b"]
    assert len(retained) == 1
