"""Which numbers are committed, in memory and in the database alike; and what a transaction that is under way adds to them.

What is added is staged: it is written within the transaction, and known only after it has committed. One service for each class
of numbers: two that stage the same class at once would not see each other.
"""

from collections.abc import Iterable
from typing import Final, Literal

from guestwire.controller.store import received_rows
from guestwire.controller.store.database import Tx
from guestwire.controller.store.received_rows import LogKey, RangeRow
from guestwire.protocol.number_ranges import NumberRanges

MOST_RANGES: Final = 2048
"""Of one class of one log: a host that leaves out every other number for ever is not served for ever."""
MOST_LOGS: Final = 64
"""Of one class of one host, beyond which the one that was touched longest ago is forgotten: a host makes a log when it has lost
its disk, and one without a disk at each start."""

Answer = Literal["new", "known", "too-many"]


class Received:
    """What is committed."""

    def __init__(self, rows: Iterable[RangeRow] = ()) -> None:
        self._ranges: dict[LogKey, NumberRanges] = {}
        self._touched: dict[LogKey, int] = {}
        self._logs: dict[tuple[int, str], int] = {}
        self.learn(rows)

    def learn(self, rows: Iterable[RangeRow]) -> None:
        """What the database has."""
        for row in rows:
            self._of(row.key).add(row.first, row.last)
            self._touched[row.key] = max(row.at, self._touched.get(row.key, 0))

    def highest(self, key: LogKey) -> int:
        """The highest number that is committed; 0: none is."""
        found = self._ranges.get(key)
        return 0 if found is None else found.highest

    def stage(self) -> "Staged":
        """What a transaction adds."""
        return Staged(self)

    def idle(self, before: int) -> tuple[LogKey, ...]:
        """Logs of which nothing was heard since then (Unix ms), where the host has a later one."""
        newest: dict[tuple[int, str], int] = {}
        for key, at in self._touched.items():
            of = (key.host, key.spool_class)
            newest[of] = max(at, newest.get(of, 0))
        return tuple(key for key, at in self._touched.items() if at < before and at < newest[key.host, key.spool_class])

    def forget(self, key: LogKey) -> None:
        """A log that is not in the database any more."""
        if self._ranges.pop(key, None) is not None:
            self._logs[key.host, key.spool_class] -= 1
            self._touched.pop(key, None)

    def _of(self, key: LogKey) -> NumberRanges:
        found = self._ranges.get(key)
        if found is None:
            found = self._ranges[key] = NumberRanges()
            of = (key.host, key.spool_class)
            self._logs[of] = self._logs.get(of, 0) + 1
        return found


class Staged:
    """Numbers that one transaction commits. `add` them, `write` them in it, and `keep` them when it has committed; let go of it
    when it has not."""

    def __init__(self, received: Received) -> None:
        self._received = received
        self._ranges: dict[LogKey, NumberRanges] = {}
        self._there: dict[tuple[LogKey, int], int] = {}
        self._gone: set[tuple[LogKey, int]] = set()
        self._forgotten: set[LogKey] = set()
        self._at = 0

    def highest(self, key: LogKey) -> int:
        """As `Received.highest`, with what is staged."""
        ranges = self._ranges.get(key) or self._committed(key)
        return 0 if ranges is None else ranges.highest

    def add(self, key: LogKey, first: int, last: int) -> Answer:
        """Numbers `first` to `last`. `too-many`: they are not taken, because of the limits on what a host can make us remember."""
        ranges = self._ranges.get(key)
        if ranges is None:
            committed = self._committed(key)
            if committed is None and self._logs(key) >= MOST_LOGS and not self._forget_oldest(key):
                return "too-many"
            ranges = self._ranges[key] = NumberRanges() if committed is None else committed.copy()
        change = ranges.add(first, last)
        if change is None:
            return "known"
        if len(ranges) > MOST_RANGES:
            self._ranges[key] = NumberRanges(one for one in ranges if one != (first, last))
            return "too-many"
        for gone in change.gone:
            self._there.pop((key, gone), None)
            self._gone.add((key, gone))
        self._there[key, change.now[0]] = change.now[1]
        self._gone.discard((key, change.now[0]))
        return "new"

    async def write(self, tx: Tx, now_ms: int) -> None:
        self._at = now_ms
        for key in sorted(self._forgotten, key=lambda key: _order((key, 0))):
            await received_rows.forget(tx, key)
        await received_rows.remove(tx, sorted(self._gone, key=_order))
        rows = sorted(self._there.items(), key=lambda item: _order(item[0]))
        await received_rows.put(tx, [RangeRow(key, first, last, now_ms) for (key, first), last in rows])

    def keep(self) -> None:
        """The transaction has committed."""
        for key in self._forgotten:
            self._received.forget(key)
        for key, ranges in self._ranges.items():
            self._received._of(key)  # noqa: SLF001 - of one module
            self._received._ranges[key] = ranges  # noqa: SLF001
            self._received._touched[key] = self._at  # noqa: SLF001

    def _committed(self, key: LogKey) -> NumberRanges | None:
        return None if key in self._forgotten else self._received._ranges.get(key)  # noqa: SLF001 - of one module

    def _logs(self, key: LogKey) -> int:
        staged = sum(_alike(one, key) and self._committed(one) is None for one in self._ranges)
        forgotten = sum(_alike(one, key) for one in self._forgotten)
        return self._received._logs.get((key.host, key.spool_class), 0) - forgotten + staged  # noqa: SLF001

    def _forget_oldest(self, key: LogKey) -> bool:
        """Of the logs like this one; False: each of them is part of this transaction."""
        touched = self._received._touched  # noqa: SLF001
        others = [one for one in touched if _alike(one, key) and one not in self._ranges and one not in self._forgotten]
        if not others:
            return False
        self._forgotten.add(min(others, key=touched.__getitem__))
        return True


def _alike(one: LogKey, other: LogKey) -> bool:
    """Whether they are of one host and class."""
    return (one.host, one.spool_class) == (other.host, other.spool_class)


def _order(of: tuple[LogKey, int]) -> tuple[int, bytes, str, int]:
    return of[0].host, of[0].log, of[0].spool_class, of[1]
