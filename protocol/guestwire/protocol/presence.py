"""Presence, both ends: what a host says of its being there, and what a receiver concludes. Sans-I/O.

A host's epoch counts its connections and is on disk before every CONNECT; presence, reported and capabilities are
ordered by (epoch, n), so neither a stale will nor a late retained message hides a live host.
"""

from collections import deque
from typing import Literal

from guestwire.model.base import Model
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import Statement, state
from guestwire.protocol.steps import Now

HEARTBEAT_S = 30.0
SUSPECT_S = 45.0
OFFLINE_S = 90.0
WILL_N = 1 << 62
"""The will comes after every heartbeat of its epoch, and before any of the next."""
FLAPPING_EPOCHS = 5
FLAPPING_WINDOW_S = 600.0

Presence = Literal["online", "suspect", "offline", "flapping"]


class PresenceBody(Model):
    """`online` False with why `will` is the broker's word; with another reason it is the host's own farewell.
    `since`: when this epoch began, Unix ms. `back_by`: when a host that goes on purpose expects to be back."""

    epoch: int
    n: int
    boot_id: str
    online: bool
    why: str
    since: int
    agent_version: str
    capabilities_hash: bytes | None = None
    back_by: int | None = None


class HostPresence:
    """What one host says. One object per connection epoch."""

    def __init__(self, site: str, host: str, key: SigningKey, epoch: int, boot_id: str, version: str, now: Now) -> None:
        self.epoch = epoch
        self._site = site
        self._speaker = f"host:{host}"
        self._key = key
        self._boot_id = boot_id
        self._version = version
        self._since = now.wall_ms
        self._n = 0
        self._gone = False
        self.capabilities_hash: bytes | None = None
        self.echoes = 0
        self.echoed_at: float | None = None
        """When the host last heard its own heartbeat through the broker, monotonic: the link's application ping."""

    def heartbeat(self, now: Now) -> bytes:
        """The next heartbeat."""
        self._n += 1
        return self._say(self._n, now, online=True, why="heartbeat")

    def farewell(self, why: str, now: Now, back_by: int | None = None) -> bytes:
        """The last word before an intended disconnect: nothing that comes back is corrected after it."""
        self._gone = True
        self._n += 1
        return self._say(self._n, now, online=False, why=why, back_by=back_by)

    def will(self, now: Now) -> bytes:
        """The will of this connection."""
        return self._say(WILL_N, now, online=False, why="will")

    def _say(self, n: int, now: Now, *, online: bool, why: str, back_by: int | None = None) -> bytes:
        body = PresenceBody(
            epoch=self.epoch, n=n, boot_id=self._boot_id, online=online, why=why, since=self._since,
            agent_version=self._version, capabilities_hash=self.capabilities_hash, back_by=back_by,
        )  # fmt: skip
        return state("presence", self._site, self._speaker, body, self._key, now.wall_ms, n=n)

    def heard(self, said: PresenceBody, now: Now) -> Literal["echo", "correct", "conflict"]:
        """What an own presence message means that came back: our own words; a stale one to be corrected by a fresh
        heartbeat; or one of a higher epoch, or of this epoch and another boot or connection: another agent uses this
        host's id, or this disk is older than it was. Only for messages that carry the host's own signature."""
        own = (said.boot_id, said.since) == (self._boot_id, self._since)
        if said.epoch > self.epoch or (said.epoch == self.epoch and not own):
            return "conflict"
        if said.epoch == self.epoch and said.online:
            self.echoes += 1
            self.echoed_at = now.mono
            return "echo"
        return "echo" if self._gone else "correct"


class SeenHost:
    """What a receiver knows of one host."""

    def __init__(self) -> None:
        self.last: PresenceBody | None = None
        self.verified = False
        self.heard_at = float("-inf")
        self._epochs: deque[float] = deque(maxlen=FLAPPING_EPOCHS)
        self._late_ms: int | None = None

    def receive(self, statement: Statement, now: Now, *, retained: bool) -> bool:
        """Take a presence statement; False: it is older than what is known, or an unsigned one against a signed one.

        A retained message tells what was said last, not that the host is there now: it counts from when the host said it,
        by the wall clock. So does the first one that is heard, for anybody on the way can give an old one again. A live one
        may carry the flag too (retain as published): it counts from how much later it came than the one before, so that a
        wrong clock makes nobody absent. A will is the broker's word, made when the
        connection began: it is no sign of life."""
        body = statement.read(PresenceBody)
        last = self.last
        if last is not None:
            if self.verified and not statement.verified:
                return False
            if self.verified == statement.verified and (body.epoch, body.n) <= (last.epoch, last.n):
                return False
            if body.epoch > last.epoch:
                self._epochs.append(now.mono)
        self.last = body
        self.verified = statement.verified
        if body.why == "will":
            if last is None and not retained:
                self.heard_at = now.mono
            return True
        late_ms = now.wall_ms - statement.issued_at
        age_ms = max(0, late_ms - (self._late_ms or 0)) if retained or self._late_ms is None else 0
        self._late_ms = late_ms
        self.heard_at = max(self.heard_at, now.mono - age_ms / 1000)
        return True

    def state(self, now: Now) -> Presence:
        """What to conclude at this moment."""
        if self.last is None:
            return "offline"
        silent = now.mono - self.heard_at
        if not self.last.online:
            return "suspect" if self.last.why == "will" and silent < OFFLINE_S else "offline"
        if silent >= OFFLINE_S:
            return "offline"
        if silent >= SUSPECT_S:
            return "suspect"
        if len(self._epochs) == FLAPPING_EPOCHS and now.mono - self._epochs[0] <= FLAPPING_WINDOW_S:
            return "flapping"
        return "online"


def epoch_for_connect(on_disk: int, retained: int | None, known: int | None = None) -> int:
    """The epoch of the next connection: above the disk's, the host's own retained presence, and what a controller
    said it knows (`epoch-behind`)."""
    return max(on_disk, retained or 0, known or 0) + 1
