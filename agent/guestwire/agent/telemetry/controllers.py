"""Which controllers are there, by what they have signed. Sans-I/O: time is an argument.

A controller is believed by a key of the trust document that is its own. What is old, said twice, unsigned or signed by another key
changes nothing; a broker can keep controllers from being heard, and cannot make one up.
"""

from collections.abc import Callable
from typing import Final

from guestwire.model.errors import GuestwireError
from guestwire.protocol.buckets import TokenBucket
from guestwire.protocol.presence import OFFLINE_S, PresenceBody, SeenHost
from guestwire.protocol.statements import read
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Trust

MOST: Final = 32
"""Controllers that are followed; the trust document names few."""
JUDGED_S: Final = 5.0
LOOKED_AT_PER_S: Final = 5.0
LOOKED_AT_ONCE: Final = 50.0
"""Presence messages that are looked at: a signature costs a tenth of a millisecond."""


class Controllers:
    """Of one site. `trust`: the document in force. `clock_good`: whether times of keys can be judged by the wall clock."""

    def __init__(self, site: str, trust: Callable[[], Trust], clock_good: Callable[[], bool]) -> None:
        self._site = site
        self._trust = trust
        self._clock_good = clock_good
        self._seen: dict[str, SeenHost] = {}
        self._judged: dict[str, tuple[Trust, float, bool]] = {}
        self._bucket = TokenBucket(LOOKED_AT_PER_S, LOOKED_AT_ONCE)
        self.refused = 0
        """Messages that were not believed."""

    def heard(self, name: str, frame: bytes, now: Now, *, retained: bool) -> bool:
        """A presence message of a controller. Whether it asks who is there: it is in an epoch that is new, or has never been
        heard here, and is there now."""
        if self._bucket.take(now.mono) or not self._counts(name, now):
            self.refused += 1
            return False
        if name not in self._seen and len(self._seen) >= MOST:
            self._seen = {one: seen for one, seen in self._seen.items() if self._counts(one, now)}
            self._judged = {one: judged for one, judged in self._judged.items() if one in self._seen}
            if len(self._seen) >= MOST:
                return False
        seen = self._seen.get(name) or SeenHost()
        before = seen.last
        judged = now if self._clock_good() else None
        try:
            statement = read(frame, self._trust(), self._site, f"controller:{name}", "presence", judged)
            old = judged is not None and now.wall_ms - statement.issued_at > OFFLINE_S * 1000
            fresh = statement.verified and not old and seen.receive(statement, now, retained=retained)
        except GuestwireError:
            fresh = False
        if not fresh:
            self.refused += 1
            return False
        self._seen[name] = seen
        assert seen.last is not None
        newer = before is None or seen.last.epoch > before.epoch
        return newer and seen.last.online and self._is_there(seen, now)

    def alive(self, now: Now) -> bool:
        """Whether some controller was heard in the last 90 s, and has not said farewell."""
        return any(self._is_there(seen, now) and self._counts(name, now) for name, seen in self._seen.items())

    @property
    def known(self) -> dict[str, PresenceBody]:
        """What each controller said last."""
        return {name: seen.last for name, seen in self._seen.items() if seen.last is not None}

    def _is_there(self, seen: SeenHost, now: Now) -> bool:
        return seen.state(now) != "offline"

    def _counts(self, name: str, now: Now) -> bool:
        """Whether it has a key, which was not revoked since. Looked up in a long list: remembered for a moment."""
        trust = self._trust()
        known, at, counts = self._judged.get(name, (None, 0.0, False))
        if known is not trust or not 0 <= now.mono - at < JUDGED_S:
            counts = trust.speaks_for(f"controller:{name}", now.wall_ms if self._clock_good() else None)
            if name in self._seen:
                self._judged[name] = (trust, now.mono, counts)
        return counts
