"""Which hosts of a site have its newest trust document, and whom to ask next. Decides without I/O; times in monotonic seconds.

A host is asked once for each time that it came up, and is given the document when it is behind. Hosts that are there come
first; those that seem to be away are asked by a small question, a few at a time, so that a large fleet that is away costs
nobody who is there any time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

Revision = tuple[int, int]

AT_ONCE = 16
AWAY_AT_ONCE = 4
AWAY_AGAIN_S = 20.0
REFUSED_AGAIN_S = 300.0
AWAY = frozenset({"HOST-UNREACHABLE", "NO-ANSWER", "LINK-LOST", "BROKER-UNREACHABLE", "BROKER-REFUSED"})


class Job(NamedTuple):
    """Give a host the document of this revision, or ask it for what it has. `there`: it is expected to answer."""

    host: str
    give: bool
    revision: Revision
    there: bool


class Standing(NamedTuple):
    """How far a document came. `missing`: hosts without it, and the code of what went wrong with each last."""

    revision: Revision
    have: frozenset[str]
    missing: dict[str, str]


@dataclass(slots=True)
class _Host:
    has: Revision | None = None
    asked: bool = False
    there: bool = False
    epoch: int = 0
    at: float = 0.0
    failures: int = 0
    busy: bool = False
    heard: bool = False  # while it was busy: what it was asked before may have been too early
    why: str = ""


class TrustSpread:
    """What is known of each host. `newest` comes first."""

    def __init__(self) -> None:
        self._newest: Revision = (0, 0)
        self._hosts: dict[str, _Host] = {}

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset(self._hosts)

    def newest(self, revision: Revision, hosts: Iterable[str], now: float) -> None:
        """There is a newer document, for these hosts."""
        self._newest = revision
        known, self._hosts = self._hosts, {}
        for name in hosts:
            host = self._hosts[name] = known.get(name) or _Host()
            host.at, host.failures, host.why = now, 0, ""

    def heard(self, name: str, epoch: int, now: float, *, there: bool) -> None:
        """What a host's presence says. A new epoch: it came up, and is asked again."""
        host = self._hosts.get(name)
        if host is None:
            return
        host.there = host.heard = there
        if epoch > host.epoch:
            host.epoch, host.asked, host.failures, host.at = epoch, False, 0, now
        elif there and (host.why in AWAY or not host.why):
            host.at = min(host.at, now)

    def jobs(self, now: float) -> tuple[Job, ...]:
        """What to begin now. Each job ends with `answered` or `failed`."""
        busy = [host for host in self._hosts.values() if host.busy]
        free = AT_ONCE - len(busy)
        away_free = AWAY_AT_ONCE - sum(not host.there for host in busy)
        waiting = [(name, host) for name, host in self._hosts.items() if self._wants(host) and host.at <= now]
        found = []
        for name, host in sorted(waiting, key=lambda one: (not one[1].there, one[1].at)):
            if free <= 0 or (not host.there and away_free <= 0):
                break
            host.busy, host.heard = True, False
            free -= 1
            away_free -= not host.there
            found.append(
                Job(name, host.there and host.has is not None and self._behind(host), self._newest, host.there)
            )
        return tuple(found)

    def next_at(self) -> float | None:
        """When there is something to begin, if nothing else happens."""
        return min((host.at for host in self._hosts.values() if self._wants(host)), default=None)

    def answered(self, job: Job, revision: Revision, now: float) -> None:
        """A host said which revision it has."""
        host = self._hosts.get(job.host)
        if host is None:
            return
        host.busy, host.has, host.asked, host.there, host.at = False, revision, True, True, now
        if job.give and job.revision == self._newest and self._behind(host):
            self._later(host, "TRUST-INVALID", now)  # it took it and has another one: not at once again
        else:
            host.failures, host.why = 0, ""

    def failed(self, job: Job, code: str, now: float) -> None:
        """A host did not answer, or refused."""
        host = self._hosts.get(job.host)
        if host is None:
            return
        host.busy = False
        if code in AWAY and host.heard:
            host.at, host.why = now, code
            return
        host.there = host.there and code not in AWAY
        self._later(host, code, now)

    @property
    def settled(self) -> bool:
        """Whether nothing is under way, and nobody who is there has still to be asked for the first time."""
        return not any(
            host.busy or (host.there and not host.failures and self._wants(host)) for host in self._hosts.values()
        )

    def standing(self) -> Standing:
        missing = {name: host.why for name, host in sorted(self._hosts.items()) if self._behind(host)}
        return Standing(self._newest, self.hosts - missing.keys(), missing)

    def _later(self, host: _Host, code: str, now: float) -> None:
        longest = AWAY_AGAIN_S if code in AWAY else REFUSED_AGAIN_S
        first = AWAY_AGAIN_S if not host.there else 2.0
        host.at = now + min(first * 2**host.failures, longest)
        host.failures, host.why = min(host.failures + 1, 16), code

    def _wants(self, host: _Host) -> bool:
        return not host.busy and (not host.asked or self._behind(host))

    def _behind(self, host: _Host) -> bool:
        return host.has is None or any(has < newest for has, newest in zip(host.has, self._newest, strict=True))
