"""Answers questions about history: which series, which levels, what the database says, put together.

Only hosts that the person may see are in an answer. Questions are answered a few at a time, and each has a bound: telemetry
must not keep the controller from its work.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import gap_rows, sample_reads, series_rows
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.sample_reads import Piece, Point, What
from guestwire.controller.telemetry.folding import Folded, Steps
from guestwire.controller.telemetry.grouping import grouped, labels_of
from guestwire.controller.telemetry.growth import SILENT_MS, growth, speeds
from guestwire.controller.telemetry.pieces import Kept, level_for, pieces, step_for
from guestwire.controller.telemetry.query_models import (
    MOST_POINTS,
    MOST_SERIES,
    USUAL_ACROSS,
    ClockShown,
    GapShown,
    MetricAnswer,
    MetricQuery,
    SeriesAnswer,
)
from guestwire.controller.telemetry.selectors import Selector, selector
from guestwire.controller.telemetry.series import KnownSeries, Series
from guestwire.controller.users.access import Access, Visibility
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

AT_ONCE: Final = 2
WAIT_S: Final = 10.0
ANSWER_S: Final = 20.0
MOST_ROWS: Final = 1_000_000
"""That are read for one answer."""
MOST_VALUES: Final = 300_000
"""Of one answer."""
MOST_GATHERED: Final = 50_000
"""Series that may become few."""
MOST_GAPS: Final = 1_000


class Queries:
    """`kept`: how long each level is kept, in ms."""

    def __init__(
        self, database: Database, known: KnownSeries, access: Access, clock: Callable[[], Now], kept: Kept
    ) -> None:
        self._database = database
        self._known = known
        self._access = access
        self._clock = clock
        self._kept = kept
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def query(self, person: Person, asked: MetricQuery) -> MetricAnswer:
        """The answer. Raises INVALID-BODY, QUERY-TOO-LARGE, BUSY, DENIED, DATABASE-UNAVAILABLE."""
        chosen = self.chosen(person, selector(asked.selector))
        now_ms = self._clock().wall_ms
        level = level_for(asked.start, asked.step, now_ms, self._kept)
        step = step_for(level, asked.step)
        start, end = asked.start // step * step, -(-asked.end // step) * step
        self._check(asked, chosen, (end - start) // step)
        if asked.by is None:
            chosen.sort(key=labels_of)
        async with self._one_at_a_time(), self._database.read() as tx:
            what = asked.aggregate
            if what == "rate" or what == "increase":
                near = max(SILENT_MS, 2 * step)  # what grew up to a reading beyond the end, grew in part before it
                parts = pieces(level, max(0, start - near), min(end + near, max(end, now_ms)), now_ms)
                steps = await self._grown(tx, chosen, parts, (start, end, step), speed=what == "rate")
            else:
                parts = pieces(level, start, end, now_ms)
                steps = await self._folded(tx, chosen, parts, what, step)
            gaps = await self._gaps(tx, {one.host for one in chosen}, start, end, MOST_GAPS)
        return MetricAnswer(
            name=selector(asked.selector).name, kind=chosen[0].kind if chosen else None, aggregate=what,
            level=level.name, start=start, end=end, step=step, series=_shown(chosen, steps, asked, step), gaps=gaps,
            clocks=self.clocks({one.host for one in chosen}),
        )  # fmt: skip

    def chosen(self, person: Person, which: Selector) -> list[Series]:
        """The series that are meant, of hosts that the person may see."""
        return which.choose(_seen(self._candidates(which), self._access.visible(person)))

    async def gaps(self, person: Person, refs: Iterable[HostRef], since: int, until: int) -> tuple[GapShown, ...]:
        """What is missing of some hosts between two times (Unix ms), the newest first; at most a thousand."""
        sees = self._access.visible(person)
        async with self._database.read() as tx:
            return await self._gaps(tx, {ref for ref in refs if sees.sees(ref)}, since, until, MOST_GAPS)

    def hosts(self, person: Person) -> list[HostRef]:
        """The hosts of which telemetry has something, of those that the person may see."""
        sees = self._access.visible(person)
        return sorted(ref for ref in self._known.hosts if sees.sees(ref))

    def clocks(self, refs: Iterable[HostRef]) -> tuple[ClockShown, ...]:
        """Those of the hosts whose clocks were wrong."""
        hosts = (self._known.hosts[ref] for ref in sorted(refs))
        return tuple(
            ClockShown(site=one.ref.site, host=one.ref.host, offset_ms=one.clock.offset_ms, at=one.offset_at)
            for one in hosts
            if one.offset_at
        )

    def _candidates(self, which: Selector) -> Sequence[Series]:
        site, host = which.only("site"), which.only("host")
        if site is not None and host is not None:
            known = self._known.hosts.get(HostRef(site, host))
            return [one for one in known.by_text.values() if one.name == which.name] if known is not None else []
        return self._known.named(which.name)

    def _check(self, asked: MetricQuery, chosen: Sequence[Series], points: int) -> None:
        """Raises QUERY-TOO-LARGE, INVALID-BODY."""
        series = len(chosen)
        if asked.aggregate in ("rate", "increase") and any(one.kind != "counter" for one in chosen):
            text = f"{asked.aggregate} is for counters; this is a gauge: take avg, min, max or last."
            raise GuestwireError("INVALID-BODY", text, field="aggregate")
        if points > MOST_POINTS:
            least = math.ceil((asked.end - asked.start) / MOST_POINTS)
            text = (
                f"{points} points are more than {MOST_POINTS}: take a step of at least {least} ms, or a shorter time."
            )
            raise GuestwireError("QUERY-TOO-LARGE", text, field="step", detail={"least_step": least})
        if asked.by is None and series > MOST_SERIES:
            text = (
                f"{series} series are more than {MOST_SERIES}: narrow the selector by labels, or gather them with `by`."
            )
            raise GuestwireError("QUERY-TOO-LARGE", text, field="selector", detail={"series": series})
        if series > MOST_GATHERED or series * points > (MOST_VALUES if asked.by is None else MOST_ROWS):
            text = f"{series} series of {points} points are too much at once: take a longer step, or fewer series."
            raise GuestwireError("QUERY-TOO-LARGE", text, field="selector", detail={"series": series, "points": points})

    @asynccontextmanager
    async def _one_at_a_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._gate.acquire()
        except TimeoutError as err:
            raise GuestwireError("BUSY", "Others ask for much history at this moment.", after_ms=2_000) from err
        try:
            async with asyncio.timeout(ANSWER_S) as deadline:
                yield
        except (TimeoutError, GuestwireError) as err:
            if deadline.expired():
                text = (
                    f"The answer took more than {ANSWER_S:.0f} s: take a longer step, a shorter time, or fewer series."
                )
                raise GuestwireError("QUERY-TOO-LARGE", text) from err
            raise
        finally:
            self._gate.release()

    async def _folded(
        self, tx: Tx, chosen: Sequence[Series], parts: Iterable[Piece], what: What, step: int
    ) -> dict[int, Steps]:
        folded = Folded(what)
        ids = sorted(one.id for one in chosen)
        for piece in parts:
            async for rows in sample_reads.buckets(tx, piece, ids, what, step):
                folded.add(rows)
                _bounded(folded.rows)
                await asyncio.sleep(0)
        return {one: folded.steps(one) for one in ids}

    async def _grown(
        self, tx: Tx, chosen: Sequence[Series], parts: Sequence[Piece], range_: tuple[int, int, int], *, speed: bool
    ) -> dict[int, Steps]:
        start, end, step = range_
        ids = sorted(one.id for one in chosen)
        readings: dict[int, list[Point]] = {}
        n = 0
        for piece in parts:
            async for rows in sample_reads.points(tx, piece, ids):
                for row in rows:
                    readings.setdefault(row.series, []).append(row)
                n += len(rows)
                _bounded(n)
                await asyncio.sleep(0)
        began = await series_rows.starts_between(tx, ids, parts[0].since, parts[-1].until) if parts else {}
        found: dict[int, Steps] = {}
        for one, some in readings.items():
            grown = growth(some, began.get(one, ()), start, end, step)
            found[one] = speeds(grown) if speed else {number: its.amount for number, its in grown.items()}
            await asyncio.sleep(0)
        return found

    async def _gaps(self, tx: Tx, refs: set[HostRef], since: int, until: int, limit: int) -> tuple[GapShown, ...]:
        hosts = {self._known.hosts[ref].id: ref for ref in refs if ref in self._known.hosts}
        return tuple(
            GapShown(
                site=hosts[row.host].site, host=hosts[row.host].host, since=row.since, until=row.until, why=row.why,
                spool_class=row.spool_class, numbers=row.last - row.first + 1, told_at=row.told_at, text=row.text,
            )
            for row in await gap_rows.of_hosts(tx, list(hosts), since, until, limit)
        )  # fmt: skip


def _seen(series: Iterable[Series], sees: Visibility) -> Iterable[Series]:
    return series if sees.all else (one for one in series if sees.sees(one.host))


def _bounded(rows: int) -> None:
    if rows > MOST_ROWS:
        text = f"More than {MOST_ROWS} rows would have to be read: take a longer step, a shorter time, or fewer series."
        raise GuestwireError("QUERY-TOO-LARGE", text)


def _shown(
    chosen: Sequence[Series], steps: dict[int, Steps], asked: MetricQuery, step: int
) -> tuple[SeriesAnswer, ...]:
    if asked.by is None:
        answers = [(labels_of(one), steps.get(one.id, {})) for one in chosen]
    else:
        across = asked.across or USUAL_ACROSS[asked.aggregate]
        answers = sorted(grouped(chosen, steps, asked.by, across).items())
        if len(answers) > MOST_SERIES:
            text = f"{len(answers)} groups are more than {MOST_SERIES}: take fewer labels for `by`, or narrow the selector."
            raise GuestwireError("QUERY-TOO-LARGE", text, field="by")
    return tuple(
        SeriesAnswer(labels=dict(labels), points=tuple((number * step, its[number]) for number in sorted(its)))
        for labels, its in answers
        if its
    )
