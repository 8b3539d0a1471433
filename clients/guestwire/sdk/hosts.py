"""Who is there: the hosts of the trust document, and what their presence says.

The trust document tells which hosts a site has, so looking ends as soon as each of them was heard; a host that is not
heard within the wait counts as offline, and a presence from a host the site does not know is shown as unverified.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from guestwire.link.clock import now
from guestwire.link.invoke import Caller, Heard
from guestwire.link.transport import Subscription
from guestwire.model.errors import GuestwireError
from guestwire.protocol import statements, topics
from guestwire.protocol.presence import Presence, PresenceBody, SeenHost
from guestwire.protocol.trust import Trust

WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class HostSeen:
    """A host as seen from here. `state` is unknown where only a controller would hear it, and hears nothing of its site. `said` is
    its last presence, None when it was never heard, or nobody knows it; `silent_s` for how long it has been silent. `listed`: it is in the trust document. `verified`: its signature vouches for what it said."""

    host: str
    state: Presence | Literal["unknown"]
    said: PresenceBody | None
    silent_s: float | None
    listed: bool
    verified: bool


class HostWatch:
    """Keeps what was heard of every host. Feed it with `hear`. `trust` gives the document to judge by, the newest each time."""

    def __init__(self, site: str, trust: Callable[[], Trust | None]) -> None:
        self._site = site
        self._trust = trust
        self._seen: dict[str, SeenHost] = {}
        self.listed = frozenset(listed_hosts(trust()))
        self.refused = 0
        """Presences that were forged or damaged."""

    @property
    def complete(self) -> bool:
        """Whether every host of the trust document was heard; never so without one."""
        return bool(self.listed) and self.listed <= self._seen.keys()

    def hear(self, heard: Heard) -> str | None:
        """The host whose presence this was, when it says something new."""
        topic = topics.parse(heard.topic)
        if topic is None or topic.kind != "presence" or not heard.payload:
            return None
        host, at = topic["host"], now()
        try:
            said = statements.read(heard.payload, self._trust(), self._site, f"host:{host}", "presence", at)
            seen = self._seen.get(host) or SeenHost()
            fresh = seen.receive(said, at, retained=heard.retained)
        except GuestwireError:
            self.refused += 1
            return None
        self._seen[host] = seen
        return host if fresh else None

    def one(self, host: str) -> HostSeen:
        """A host as it stands now."""
        seen, at = self._seen.get(host), now()
        if seen is None or seen.last is None:
            return HostSeen(host, "offline", None, None, host in self.listed, verified=False)
        silent = max(0.0, at.mono - seen.heard_at)
        return HostSeen(host, seen.state(at), seen.last, silent, host in self.listed, seen.verified)

    def all(self) -> tuple[HostSeen, ...]:
        """Every host that is listed or was heard, by name."""
        return tuple(self.one(host) for host in sorted(self.listed | self._seen.keys()))


def listed_hosts(trust: Trust | None) -> tuple[str, ...]:
    """The hosts that a trust document has keys of, by name."""
    if trust is None:
        return ()
    principals = (signer.principal.partition(":") for signer in trust.signers)
    return tuple(sorted({name for kind, _, name in principals if kind == "host"}))


def presence_subscription(site: str) -> Subscription:
    """Every host's presence, the retained ones too."""
    return Subscription(topics.topic_filter("presence", site=site), 1, retained=True)


async def look(caller: Caller, trust: Trust | None, wait_s: float = WAIT_S) -> tuple[HostSeen, ...]:
    """Every host of the site as it stands, after at most `wait_s`."""
    watch = HostWatch(caller.site, lambda: trust)
    async with caller.watch(presence_subscription(caller.site)) as heard:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                async for message in heard:
                    watch.hear(message)
                    if watch.complete:
                        break
    return watch.all()
