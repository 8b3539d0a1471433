"""One way and who talks over it: what is known of a conversation while it lasts."""

from guestwire.comm.storms import Bucket
from guestwire.comm.ways import Way

HOST = "HOST"


class Conversation:
    """One way and who talks over it. `known`: its number was told to somebody, who may have written it into lock words."""

    __slots__ = ("known", "number", "ready", "requests", "said_hello", "since_ms", "throttle", "way")

    def __init__(self, number: int, way: Way, since_ms: int, throttle: Bucket) -> None:
        self.number = number
        self.way = way
        self.since_ms = since_ms
        self.throttle = throttle
        self.requests = 0
        self.ready = False
        self.said_hello = False
        self.known = False

    @property
    def denied(self) -> int:
        """Of a guest over all its ways and what it was attached as before: the next connection does not clear it."""
        return self.throttle.denied

    @denied.setter
    def denied(self, count: int) -> None:
        self.throttle.denied = count
