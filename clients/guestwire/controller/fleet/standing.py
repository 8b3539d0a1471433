"""Whether a host is there, as the controller concludes it from what the host said and from the ways it would hear it by.

What a host says and in which order it counts is `protocol.presence`'s matter. This adds what only somebody knows who watches for
long: that a way was lost (then nobody knows), that a will was a lie, that a host counts its epochs from too low. Sans-I/O.
"""

from dataclasses import dataclass
from typing import Final, Literal

from guestwire.protocol.presence import OFFLINE_S, SUSPECT_S, WILL_N, Presence, PresenceBody, SeenHost
from guestwire.protocol.statements import Statement
from guestwire.protocol.steps import Now

State = Presence | Literal["unknown"]
NOT_THERE: Final[frozenset[str]] = frozenset({"offline", "unknown"})
"""States of a host in which nobody knows how it does."""
NEVER: Final = float("-inf")
LOST_S: Final = 20.0
"""How long a state outlives the way it was heard by: a connection that comes back at once changes nothing. A broker that does
not answer is noticed after 40 s at most, so that what nobody can know shows as unknown within 90 s."""
LOOK_AGAIN_S: Final = 15.0
"""How often it is looked whether a host has stopped flapping."""
BEHIND_AGAIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways by which a host would be heard. `up_at`: since when one of them stands, monotonic; None: none does, the last one
    since `lost_at`. `direct`: a connection to that host alone stands, which itself shows that the host is there."""

    up_at: float | None = None
    lost_at: float = NEVER
    direct: bool = False


NO_WAY: Final = Ways()


class Standing:
    """What is known of one host's being there."""

    __slots__ = ("_behind_at", "_lied_in", "_will", "_will_at", "said_at", "seen")

    def __init__(self) -> None:
        self.seen = SeenHost()
        """Heartbeats and farewells; the will is kept apart."""
        self.said_at = 0
        """When the host said the last of them, by its own clock, Unix ms."""
        self._will = -1
        self._will_at = NEVER
        self._lied_in = -1
        self._behind_at = NEVER

    @property
    def last(self) -> PresenceBody | None:
        """The last word of the host itself."""
        return self.seen.last

    @property
    def epoch(self) -> int:
        """The highest epoch that is known of it."""
        return max(self._will, self.seen.last.epoch if self.seen.last is not None else 0, 0)

    def restore(self, body: PresenceBody, heard_at: float, said_at: int) -> None:
        """Go on from what was known before a restart. `heard_at`: monotonic."""
        self.seen.last, self.seen.verified, self.seen.heard_at, self.said_at = body, True, heard_at, said_at

    def receive(self, said: Statement, now: Now, *, retained: bool) -> bool:
        """Take a presence whose signature was good; whether it tells something new. Raises MALFORMED.

        A will is of the epoch in which the host connected, and comes true once: where the host goes on to say things in that
        epoch the broker lied, and no will of that epoch counts any more.
        """
        if said.n == WILL_N:
            return self._heard_will(said.read(PresenceBody).epoch, now, retained=retained)
        if not self.seen.receive(said, now, retained=retained):
            return False
        self.said_at = said.issued_at
        epoch = self.seen.last.epoch if self.seen.last is not None else 0
        if self._will == epoch:
            self._lied_in = epoch
        if self._will <= epoch:
            self._will = -1
        return True

    def _heard_will(self, epoch: int, now: Now, *, retained: bool) -> bool:
        last = self.seen.last
        if epoch <= self._will or epoch == self._lied_in:
            return False
        if last is not None and (epoch < last.epoch or (epoch == last.epoch and not last.online)):
            return False  # of a connection that is over, or one that the host said goodbye in
        self._will = epoch
        if last is None and not retained:
            self._will_at = now.mono
        return True

    def behind(self, said: Statement, now: Now) -> int | None:
        """For a presence that told nothing new: the epoch to tell the host of, because it counts from too low and will not be
        heard. None: it is an old word that came again, or the host was told just now."""
        last = self.seen.last
        if last is None or said.n == WILL_N or now.mono - self._behind_at < BEHIND_AGAIN_S:
            return None
        body = said.read(PresenceBody)
        same = (body.boot_id, body.since) == (last.boot_id, last.since)
        if (
            not body.online
            or said.issued_at <= self.said_at
            or body.epoch > self.epoch
            or (body.epoch == self.epoch and same)
        ):
            return None
        self._behind_at = now.mono
        return self.epoch

    def state(self, ways: Ways, now: Now) -> State:
        """What to conclude at this moment."""
        if ways.direct:
            return "online"
        if ways.up_at is None:
            if now.mono - ways.lost_at >= LOST_S:
                return "unknown"
            return self._state(Now(now.wall_ms, ways.lost_at))
        found = self._state(now)
        if found != "offline" or now.mono - ways.up_at >= OFFLINE_S or self._said_goodbye:
            return found
        if self._gone:
            return "suspect"
        return "offline" if self.seen.last is None else "unknown"  # nobody listened: it may have spoken all the time

    def due(self, ways: Ways, now: Now) -> float:
        """When time alone may change the state next, monotonic."""
        if ways.direct:
            return float("inf")
        if ways.up_at is None:
            at = ways.lost_at + LOST_S
            return at if at > now.mono else float("inf")
        heard = max(self.seen.heard_at, self._will_at)
        times = [heard + SUSPECT_S, heard + OFFLINE_S, ways.up_at + OFFLINE_S]
        if self.seen.state(now) == "flapping":
            times.append(now.mono + LOOK_AGAIN_S)
        return min((at for at in times if at > now.mono), default=float("inf"))

    @property
    def _gone(self) -> bool:
        """The broker told the will of the present epoch."""
        return self._will >= 0

    @property
    def _said_goodbye(self) -> bool:
        last = self.seen.last
        return last is not None and not last.online and not self._gone

    def _state(self, now: Now) -> State:
        if not self._gone:
            return self.seen.state(now)
        silent = now.mono - max(self.seen.heard_at, self._will_at)
        return "suspect" if silent < OFFLINE_S else "offline"
