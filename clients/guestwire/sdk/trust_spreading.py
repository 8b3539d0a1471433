"""Spreads the newest trust document over a site's hosts, for as long as it runs: to each host that is behind, once it is there."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from guestwire.model.errors import GuestwireError
from guestwire.sdk.trust_spread import Job, Revision, Standing, TrustSpread

TELL_S = 10.0
"""While it goes on, how it stands is told so often at most."""
ASK_AWAY_S, ASK_S, GIVE_S = 2.0, 5.0, 15.0


@dataclass(frozen=True, slots=True)
class SpreadPorts:
    """How hosts are reached: `ask` (host, revision we have, seconds) and `give` (host, file, seconds) tell which revision the
    host has, and raise GuestwireError. `tell` hears how it stands, when that changed."""

    ask: Callable[[str, Revision, float], Awaitable[Revision]]
    give: Callable[[str, bytes, float], Awaitable[Revision]]
    tell: Callable[[Standing], Awaitable[object]]
    mono: Callable[[], float]


class TrustSpreading:
    """One site's. Give it documents and what presences say while `run` runs."""

    def __init__(self, ports: SpreadPorts) -> None:
        self._ports = ports
        self._spread = TrustSpread()
        self._file = b""
        self._wake = asyncio.Event()
        self._told: tuple[Revision, frozenset[str], frozenset[str]] | None = None
        self._tell_at = 0.0

    @property
    def hosts(self) -> frozenset[str]:
        """Those that are to have the document."""
        return self._spread.hosts

    def document(self, revision: Revision, file: bytes, hosts: Iterable[str]) -> None:
        """This is the newest document now, and these hosts are to have it."""
        self._file = file
        self._tell_at = self._ports.mono() + TELL_S
        self._spread.newest(revision, hosts, self._ports.mono())
        self._wake.set()

    def heard(self, host: str, epoch: int, *, there: bool) -> None:
        self._spread.heard(host, epoch, self._ports.mono(), there=there)
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled, which ends every call that is under way."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                for job in self._spread.jobs(self._ports.mono()):
                    group.create_task(self._do(job, self._file))
                await self._tell()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._idle_s()):
                        await self._wake.wait()

    def _idle_s(self) -> float:
        """Hosts that wait for a turn get it when a job ends, which wakes us."""
        at = self._spread.next_at()
        now = self._ports.mono()
        due_s = TELL_S if at is None or at <= now else min(at - now, TELL_S)
        return max(0.01, min(due_s, self._tell_at - now)) if self._tell_at > now else due_s

    async def _do(self, job: Job, file: bytes) -> None:
        try:
            if job.give:
                revision = await self._ports.give(job.host, file, GIVE_S)
            else:
                revision = await self._ports.ask(job.host, job.revision, ASK_S if job.there else ASK_AWAY_S)
        except GuestwireError as err:
            self._spread.failed(job, err.code, self._ports.mono())
        else:
            self._spread.answered(job, revision, self._ports.mono())
        self._wake.set()

    async def _tell(self) -> None:
        standing = self._spread.standing()
        now = (standing.revision, standing.have, frozenset(standing.missing))
        if now == self._told or not standing.revision[0]:
            return
        if self._spread.settled or self._ports.mono() >= self._tell_at:
            self._told = now
            self._tell_at = self._ports.mono() + TELL_S
            await self._ports.tell(standing)
