"""Reading history: what the rows of some series say in steps of time. The database reckons; what comes out are few rows.

Which level is asked, and what the answers mean together, is not decided here.
"""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import TextClause, text

from guestwire.controller.store.database import Tx
from guestwire.controller.store.levels import RAW, Level
from guestwire.controller.store.samples import TABLES, samples

What = Literal["avg", "min", "max", "sum", "count", "last"]

SLOTS_AT_ONCE: Final = 512
SERIES_AT_ONCE: Final = 1_000


class Piece(NamedTuple):
    """A stretch of time, from `since` up to and without `until` (Unix ms), as one level has it."""

    level: Level
    since: int
    until: int


class Bucket(NamedTuple):
    """What a series was in one step. `n`: of how many samples. `value`: their sum for `avg`, else what was asked for. `time`: of
    the newest row of it."""

    series: int
    step: int
    value: float
    n: int
    time: int


class Point(NamedTuple):
    """A sample, or the last of a window: then `high` is the highest value of it, else the same as `value`."""

    series: int
    time: int
    value: float
    high: float


# of samples, of roll-ups
_VALUES: Final[dict[What, tuple[str, str]]] = {
    "avg": ("sum(value)", "sum(total)"),
    "sum": ("sum(value)", "sum(total)"),
    "count": ("count(*)", "CAST(sum(n) AS bigint)"),
    "min": ("min(value)", "min(low)"),
    "max": ("max(value)", "max(high)"),
}


async def buckets(tx: Tx, piece: Piece, series: Sequence[int], what: What, step_ms: int) -> AsyncIterator[list[Bucket]]:
    """What the series were in each step, in no order; a step in which there is nothing of a series is left out. Steps are numbered
    (time // step_ms); one step may come in several parts."""
    statement = _statement(tx, piece.level, what)
    for given in _parts(piece, series, step_ms):
        yield [Bucket(*row) for row in await tx.execute(statement, _ready(tx, given))]


async def points(tx: Tx, piece: Piece, series: Sequence[int]) -> AsyncIterator[list[Point]]:
    """The rows themselves; those of one series in the order of their times."""
    rows = TABLES[piece.level.name].name
    columns = "time, value, value" if piece.level is RAW else "last_at, last, high"
    statement = text(f"SELECT series, {columns} FROM {rows} WHERE {_where(tx)} ORDER BY series, time")  # noqa: S608 - ours
    for given in _parts(piece, series, 1):
        yield [Point(*row) for row in await tx.execute(statement, _ready(tx, given))]


async def newest(tx: Tx, since: int, until: int) -> list[tuple[int, int, float]]:
    """The newest sample of each series that has one between `since` and `until` (Unix ms): (series, time, value)."""
    first, end = RAW.slot(since), RAW.slot(until) + 1
    if tx.dialect.name == "sqlite":
        # of a row that holds the maximum SQLite gives the other columns too
        statement = (
            f"SELECT series, max(time), value FROM {samples.name} WHERE slot >= :first AND slot < :end GROUP BY series"  # noqa: S608 - ours
        )
    else:
        statement = (
            f"SELECT DISTINCT ON (series) series, time, value FROM {samples.name}"  # noqa: S608 - ours
            " WHERE slot >= :first AND slot < :end ORDER BY series, time DESC"
        )
    return [tuple(row) for row in await tx.execute(text(statement), {"first": first, "end": end})]


def _statement(tx: Tx, level: Level, what: What) -> TextClause:
    rows, number = TABLES[level.name].name, "count(*)" if level is RAW else "CAST(sum(n) AS bigint)"
    if what != "last":
        value = _VALUES[what][level is not RAW]
        return text(
            f"SELECT series, time / :step, {value}, {number}, max(time) FROM {rows} WHERE {_where(tx)} GROUP BY 1, 2"  # noqa: S608 - ours
        )
    value = "value" if level is RAW else "last"
    if tx.dialect.name == "sqlite":
        return text(
            f"SELECT series, time / :step, {value}, 1, max(time) FROM {rows} WHERE {_where(tx)} GROUP BY 1, 2"  # noqa: S608 - ours
        )
    return text(
        f"SELECT DISTINCT ON (series, step) series, step, {value}, 1, time"  # noqa: S608 - ours
        f" FROM (SELECT series, time / :step AS step, {value}, time FROM {rows} WHERE {_where(tx)}) AS x"
        " ORDER BY series, step, time DESC"
    )


def _where(tx: Tx) -> str:
    if tx.dialect.name == "sqlite":
        chosen = "slot IN (SELECT value FROM json_each(:slots)) AND series IN (SELECT value FROM json_each(:series))"
    else:
        chosen = "slot = ANY(CAST(:slots AS int[])) AND series = ANY(CAST(:series AS int[]))"
    return f"{chosen} AND time >= :since AND time < :until"


def _parts(piece: Piece, series: Sequence[int], step_ms: int) -> Iterator[dict[str, Any]]:
    """The parameters of as many statements as it takes; for each series its times in order."""
    level, since, until = piece
    slots = level.slots(since, until) if since < until else range(0)
    for one in range(0, len(series), SERIES_AT_ONCE):
        for other in range(0, len(slots), SLOTS_AT_ONCE):
            yield {
                "slots": list(slots[other : other + SLOTS_AT_ONCE]), "series": list(series[one : one + SERIES_AT_ONCE]),
                "since": since, "until": until, "step": step_ms,
            }  # fmt: skip


def _ready(tx: Tx, given: dict[str, Any]) -> dict[str, Any]:
    """Lists as the driver takes them."""
    if tx.dialect.name != "sqlite":
        return given
    return {**given, "slots": json.dumps(given["slots"]), "series": json.dumps(given["series"])}
