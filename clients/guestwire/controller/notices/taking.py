"""Takes in the notices of hosts: a bounded queue, one transaction for all that has gathered meanwhile, then the word that they
are kept, and then those who act on them.

What finds no room is refused, not lost: the host has it until it is acknowledged, and says it again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from guestwire.controller.feed import Change, Feed
from guestwire.controller.fleet.naming import LARGEST, clean
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Said
from guestwire.controller.store import notices
from guestwire.controller.store.database import FAILURES, Database, Tx
from guestwire.controller.store.notices import NoticeRow
from guestwire.link.backoff import Backoff
from guestwire.link.vital import OwnTask
from guestwire.model.errors import GuestwireError
from guestwire.protocol.json_bodies import to_json
from guestwire.protocol.notices import MODELS, SPOOL_CLASS_OF, Notice, NoticeClass
from guestwire.protocol.number_ranges import NumberRanges
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import SpoolClass

WAITING: Final = 10_000
LONGEST_EVENT: Final = 64
LOG_BYTES: Final = 16
AT_ONCE: Final = 500
"""Notices of one transaction."""
LONGEST_WAIT_S: Final = 10.0

OnCommitted = Callable[[HostRef, bytes, SpoolClass, NumberRanges], None]


class Came(NamedTuple):
    """A notice that is kept now and was not before."""

    host: HostRef
    notice_class: NoticeClass
    notice: Notice


class Acts(Protocol):
    """Whoever acts on notices: what raises alarms."""

    async def noticed(self, tx: Tx, came: Came) -> Iterable[Change]:
        """What a notice makes change, in the transaction that keeps it."""
        ...


class NoticeTaking(OwnTask):
    """A Hearer of notices. Works from entering to leaving `async with` it; what waits then the hosts say again."""

    def __init__(
        self,
        database: Database,
        on_committed: OnCommitted,
        acts: Iterable[Acts],
        feed: Feed,
        clock: Callable[[], Now],
        backoff: Backoff | None = None,
    ) -> None:
        self._database = database
        self._on_committed = on_committed
        self._acts = tuple(acts)
        self._feed = feed
        self._clock = clock
        self._backoff = backoff or Backoff(cap_s=LONGEST_WAIT_S)
        self._queue: deque[tuple[NoticeRow, Came]] = deque()
        self._some = asyncio.Event()
        super().__init__("notices")
        self.failure: GuestwireError | None = None
        """Why the last transaction did not commit; None: it did."""

    def hear(self, said: Said) -> bool:
        """Take a notice. False: there is no room. Raises MALFORMED."""
        if len(self._queue) >= WAITING:
            return False
        notice_class = _known(said.part)
        notice = _sound(said.statement.read(MODELS[notice_class]))
        document = {"class": notice_class, **to_json(notice)}
        row = NoticeRow(
            said.ref, notice_class, SPOOL_CLASS_OF[notice_class], notice.log, notice.seq, notice.at,
            self._clock().wall_ms, clean(notice.event, LONGEST_EVENT), document,
        )  # fmt: skip
        self._queue.append((row, Came(said.ref, notice_class, notice)))
        self._some.set()
        return True

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            group = [self._queue.popleft() for _ in range(min(AT_ONCE, len(self._queue)))]
            if not self._queue:
                self._some.clear()
            await self._keep(group)

    async def _keep(self, group: list[tuple[NoticeRow, Came]]) -> None:
        """Returns when all of them are committed, with what they made others do."""
        while True:
            try:
                changes = await self._commit(group)
            except GuestwireError as err:
                if err.code not in FAILURES:  # a defect, which no waiting mends
                    raise
                self.failure = err
                await asyncio.sleep(max(0.05, self._backoff.failed(0)))
            else:
                break
        self.failure = None
        for row, came in group:
            ranges = NumberRanges()
            ranges.add(row.seq, row.seq)
            self._on_committed(row.host, row.log, SPOOL_CLASS_OF[came.notice_class], ranges)
        for change in changes:
            self._feed.publish(change)

    async def _commit(self, group: list[tuple[NoticeRow, Came]]) -> list[Change]:
        changes: list[Change] = []
        async with self._database.write() as tx:
            fresh = {id(row) for row in await notices.add(tx, [row for row, _ in group])}
            for row, came in group:
                if id(row) in fresh:
                    changes.append(_change(row))
                    for one in self._acts:
                        changes += await one.noticed(tx, came)
        return changes


def _change(row: NoticeRow) -> Change:
    document = {"site": row.host.site, "host": row.host.host, "came_at": row.came_at, **row.document}
    return Change("notice", f"{row.host} {row.spool_class} {row.log.hex()} {row.seq}", document, (row.host,))


def _sound(notice: Notice) -> Notice:
    """Raises MALFORMED for numbers that no database holds: one such notice would keep all others from being kept."""
    if not (len(notice.log) == LOG_BYTES and 0 <= notice.seq <= LARGEST and 0 <= notice.at <= LARGEST):
        raise GuestwireError("MALFORMED", "A notice has a number that cannot be.")
    return notice


def _known(part: str) -> NoticeClass:
    for name in MODELS:
        if name == part:
            return name
    raise GuestwireError("MALFORMED", f"There is no class {part[:40]!r} of notices.")
