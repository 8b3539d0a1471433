"""What the controller says of its being there, so that hosts ship telemetry and answer "who is there". Sans-I/O.

Like a host's: an epoch that is in the database before every connection, a heartbeat every 30 s, a will, a farewell.
"""

from typing import Literal

from guestwire.protocol import statements, topics
from guestwire.protocol.presence import WILL_N, PresenceBody
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Now


class OwnPresence:
    """Of one connection to one site. `boot_id`: new with every start of the controller."""

    def __init__(
        self, site: str, controller: str, key: SigningKey, epoch: int, boot_id: str, version: str, now: Now
    ) -> None:
        self.epoch = epoch
        self.topic = topics.make("controller-presence", site, controller)
        self.speaker = f"controller:{controller}"
        self._site = site
        self._key = key
        self._boot_id = boot_id
        self._version = version
        self._since = now.wall_ms
        self._n = 0
        self._gone = False
        self.echoed_at: float | None = None
        """When the broker last gave one of its heartbeats back, monotonic."""

    def heartbeat(self, now: Now) -> bytes:
        """The next heartbeat."""
        self._n += 1
        return self._say(self._n, now, online=True, why="heartbeat")

    def farewell(self, now: Now) -> bytes:
        """The last word before an intended disconnect."""
        self._gone = True
        self._n += 1
        return self._say(self._n, now, online=False, why="stopped")

    def will(self, now: Now) -> bytes:
        """What the broker says when the connection breaks."""
        return self._say(WILL_N, now, online=False, why="will")

    def heard(self, said: PresenceBody, now: Now) -> Literal["echo", "correct", "later"]:
        """What it means that a presence of this controller came, which its key has signed: own words; old ones, to be corrected by
        a heartbeat; or those of a later epoch, or of another connection in this one: somebody else is this controller, or the
        database is older than it was."""
        own = (said.boot_id, said.since) == (self._boot_id, self._since)
        if said.epoch > self.epoch or (said.epoch == self.epoch and not own):
            return "later"
        if said.epoch == self.epoch and said.online:
            self.echoed_at = now.mono
            return "echo"
        return "echo" if self._gone else "correct"

    def _say(self, n: int, now: Now, *, online: bool, why: str) -> bytes:
        body = PresenceBody(
            epoch=self.epoch, n=n, boot_id=self._boot_id, online=online, why=why, since=self._since,
            agent_version=self._version,
        )  # fmt: skip
        return statements.state("presence", self._site, self.speaker, body, self._key, now.wall_ms, n=n)
