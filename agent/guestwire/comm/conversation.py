"""One way and who talks over it: what is known of a conversation while it lasts."""

from guestwire.comm.storms import Bucket
from guestwire.comm.ways import Way

HOST = "HOST"


class Conversation:
    """One way and who talks over it. `known`: its number was told to somebody, who may have written it into lock words."""

    __slots__ = ("denied", "known", "number", "ready", "requests", "said_hello", "since_ms", "throttle", "way")

    def __init__(self, number: int, way: Way, since_ms: int, throttle: Bucket) -> None:
        self.number = number
        self.way = way
        self.since_ms = since_ms
        self.throttle = throttle
        self.requests = 0
        self.denied = 0
        self.ready = False
        self.said_hello = False
        self.known = False
