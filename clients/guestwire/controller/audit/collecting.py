"""Collecting the audit logs of hosts: each host that is there is asked now and then for what its log has more, what comes is checked and
kept, and the host is told so that it may drop it one day.

How a page is judged is `following`'s matter. What is wrong is told at once, and once.
"""

import asyncio
import heapq
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, Self

from guestwire.controller.audit.following import Followed, Proof, Trouble, follow
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import HostCalls
from guestwire.controller.logs import Log
from guestwire.controller.store import host_audit
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_audit import HostLog
from guestwire.controller.together import Together
from guestwire.model.errors import GuestwireError
from guestwire.protocol.audit import AuditAck, AuditList, AuditQuery
from guestwire.protocol.audit_chain import signed_head
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Now
from guestwire.protocol.trust import Trust

LIST: Final = BY_NAME["audit-list"]
ACK: Final = BY_NAME["audit-ack"]
DAY_MS: Final = 86_400_000
LOOKED_AT: Final = 1000
"""Hosts in a turn: with more of them it is looked less often which there are."""


@dataclass(frozen=True, slots=True)
class CollectRules:
    """How logs are collected. Times in seconds. A question and an acknowledgement leave rows at the host themselves, so that both come
    seldom: an acknowledgement for so many rows, or after so long. `apart_s`: between two hosts of many that come at once, about."""

    every_s: float = 900.0
    after_failure_s: float = 120.0
    turn_s: float = 1.0
    apart_s: float = 0.2
    at_once: int = 8
    page: int = 500
    pages: int = 40
    """Pages of one log in one visit: the others have their turn too."""
    ack_rows: int = 512
    ack_s: float = 6 * 3600.0
    keep_days: int = 400


class Hosts(Protocol):
    """Which hosts are asked: those that are approved and there."""

    def to_ask(self) -> Iterable[HostRef]: ...


class Telling(Protocol):
    """Hears what is wrong with a host's log: an alarm is made of it."""

    async def trouble(self, ref: HostRef, trouble: Trouble) -> None: ...


class CollectParts(NamedTuple):
    """What collecting needs. `trust`: the trust document of a site; None: it is not known, and nothing is asked there. `clock`: the
    time."""

    database: Database
    calls: HostCalls
    hosts: Hosts
    trust: Callable[[str], Trust | None]
    telling: Telling
    log: Log
    clock: Callable[[], Now]


class AuditCollecting:
    """Collects as long as its block lasts."""

    def __init__(self, parts: CollectParts, rules: CollectRules | None = None) -> None:
        self._parts = parts
        self._rules = rules or CollectRules()
        self._due: dict[HostRef, float] = {}
        self._queue: list[tuple[float, HostRef]] = []
        """The turns, the next one first; one that `_due` does not have counts no more."""
        self._acked_at: dict[HostRef, float] = {}
        self._visits: dict[HostRef, asyncio.Task[None]] = {}
        self._hurry = asyncio.Event()
        self._pruned_at = 0
        self._together = Together[HostRef, Followed, bool](self._keep)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="audit-collecting")
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [task for task in (self._task, *self._visits.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def task(self) -> "asyncio.Task[None]":
        """The task that the collecting is: it has no end of its own."""
        assert self._task is not None
        return self._task

    def host_came(self, ref: HostRef) -> None:
        """A host is there (again): it is asked soon, and where many of them come at once one after the other: nobody waits for it."""
        soon_s = max(30 * self._rules.turn_s, min(self._rules.every_s, self._rules.apart_s * len(self._due)))
        due = self._parts.clock().mono + random.uniform(0, soon_s)
        if due <= self._due.get(ref, due):
            self._plan(ref, due)

    async def visit(self, ref: HostRef) -> HostLog | None:
        """Collect what a host's log has more, some pages at most; how the log stands then. None: its site's trust document is not known.
        Raises the host's errors."""
        trust = self._parts.trust(ref.site)
        if trust is None:
            return None
        async with self._parts.database.read() as tx:
            known = await host_audit.newest_log(tx, ref)
        for _ in range(self._rules.pages):
            page = await self._page(ref, 0 if known is None else known.seq)
            if known is not None and page.log != known.log:
                known, page = await self._another(ref, known, page.log)
            now_ms = self._parts.clock().wall_ms
            found = follow(ref, known, page, _proof(page.head, trust, ref), now_ms)
            await self._together.done(ref, found)
            await self._tell(ref, known, found)
            known = found.standing
            if not found.more:
                break
        assert known is not None
        await self._acknowledge(ref, known)
        return known

    async def _keep(self, collected: Mapping[HostRef, Followed]) -> Mapping[HostRef, bool | GuestwireError]:
        async with self._parts.database.write() as tx:
            await host_audit.keep_all(tx, [(found.standing, found.rows) for found in collected.values()])
        return dict.fromkeys(collected, True)

    async def _another(self, ref: HostRef, known: HostLog, log: bytes) -> tuple[HostLog, AuditList]:
        """The host has another log than the one that was collected: what is here of that one (else still the one before), and what comes
        after."""
        async with self._parts.database.read() as tx:
            earlier = await host_audit.one_log(tx, ref, log)
        page = await self._page(ref, 0 if earlier is None else earlier.seq)
        if page.log != log:
            raise GuestwireError("MALFORMED", f"Host {ref} has another audit log each time it is asked.")
        if earlier is None:
            return known, page
        text = f"The host has its log {log.hex()} again, and not {known.log.hex()} any more: its disk was put back."
        await self._parts.telling.trouble(ref, Trouble("replaced", earlier.seq, text))
        return earlier, page

    async def _page(self, ref: HostRef, after: int) -> AuditList:
        query = AuditQuery(after=after, limit=self._rules.page)
        done = await self._parts.calls.call(ref, LIST, query, timeout_s=LIST.timeout_s)
        if not isinstance(done.reply, AuditList):
            raise GuestwireError("MALFORMED", f"Host {ref} answered with something else than its audit log.")
        return done.reply

    async def _tell(self, ref: HostRef, known: HostLog | None, found: Followed) -> None:
        before = None if known is None or known.log != found.standing.log else known.trouble
        for trouble in found.troubles:
            if trouble.text != before:
                await self._parts.telling.trouble(ref, trouble)

    async def _acknowledge(self, ref: HostRef, standing: HostLog) -> None:
        mono = self._parts.clock().mono
        waiting = standing.seq - standing.acknowledged
        since = mono - self._acked_at.setdefault(ref, mono)
        if waiting <= 0 or (waiting < self._rules.ack_rows and since < self._rules.ack_s):
            return
        request = AuditAck(log=standing.log, upto=standing.seq)
        await self._parts.calls.call(ref, ACK, request, timeout_s=ACK.timeout_s)
        self._acked_at[ref] = mono
        async with self._parts.database.write() as tx:
            await host_audit.acknowledged(tx, ref, standing.log, standing.seq)

    # -- whose turn it is

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        look_at = loop.time()
        while True:
            mono = self._parts.clock().mono
            if loop.time() >= look_at:
                self._look(mono)
                look_at = loop.time() + self._rules.turn_s * max(1.0, len(self._due) / LOOKED_AT)
            self._begin(mono)
            await self._prune()
            self._hurry.clear()
            try:
                async with asyncio.timeout(self._rules.turn_s):
                    await self._hurry.wait()
            except TimeoutError:
                continue

    def _look(self, mono: float) -> None:
        """Who is to be asked at all."""
        there = set(self._parts.hosts.to_ask())
        for ref in self._due.keys() - there - self._visits.keys():
            del self._due[ref]
            self._acked_at.pop(ref, None)
        for ref in there - self._due.keys():
            self._plan(ref, mono + random.uniform(0, self._rules.every_s))

    def _plan(self, ref: HostRef, due: float) -> None:
        self._due[ref] = due
        heapq.heappush(self._queue, (due, ref))

    def _begin(self, mono: float) -> None:
        """Visit those whose turn it is."""
        while self._queue and self._queue[0][0] <= mono and len(self._visits) < self._rules.at_once:
            due, ref = heapq.heappop(self._queue)
            if self._due.get(ref) != due:
                continue  # it has another turn by now, or none
            if ref in self._visits:
                self._plan(ref, mono + self._rules.turn_s)
                continue
            self._plan(ref, mono + self._rules.every_s * random.uniform(0.9, 1.1))
            self._visits[ref] = asyncio.create_task(self._visited(ref), name=f"audit {ref}")

    async def _visited(self, ref: HostRef) -> None:
        try:
            await self.visit(ref)
        except GuestwireError as err:
            self._plan(ref, self._parts.clock().mono + self._rules.after_failure_s)
            self._parts.log.warning("audit log not collected", host=str(ref), reason=err.code)
        except Exception as err:  # the entry point of one host's visit: it must not keep those of others from theirs
            self._parts.log.error("audit log not collected", host=str(ref), exc_info=err)
        finally:
            del self._visits[ref]
            self._hurry.set()

    async def _prune(self) -> None:
        now_ms = self._parts.clock().wall_ms
        if now_ms - self._pruned_at < DAY_MS:
            return
        self._pruned_at = now_ms
        try:
            async with self._parts.database.write() as tx:
                await host_audit.prune(tx, now_ms - self._rules.keep_days * DAY_MS)
        except GuestwireError as err:
            self._pruned_at = 0
            self._parts.log.warning("old audit rows not dropped", reason=err.code)


def _proof(head: bytes, trust: Trust, ref: HostRef) -> Proof:
    try:
        return Proof(signed_head(head, trust, ref.site, ref.host))
    except GuestwireError as err:
        return Proof(None, err.message)
