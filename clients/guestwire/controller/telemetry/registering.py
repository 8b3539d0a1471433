"""New hosts and new series get their numbers: in the database first, then in memory.

A host has a limit of series, so that what a guest or a project can make in numbers does not fill the database. Those that were
seen lately count; who comes beyond the limit is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import series_rows, telemetry_hosts
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.store.levels import BLOCK
from guestwire.controller.store.series_rows import SeriesRow
from guestwire.controller.store.telemetry_hosts import HostRow
from guestwire.controller.telemetry.reading import Block
from guestwire.controller.telemetry.series import KnownSeries, day_of
from guestwire.model.errors import GuestwireError
from guestwire.protocol.metrics import parse_series
from guestwire.protocol.telemetry import Kind

MOST_ONCE: Final = 4
"""So many times its limit a host may have in all, with those that it has no more."""

Wanted = Mapping[HostRef, Mapping[str, Kind]]
"""The texts of series of a host, and their kinds."""


async def register(database: Database, known: KnownSeries, wanted: Wanted, limit: int, now_ms: int) -> None:
    """Give a number to every host in `wanted`, and to every text that is a series and for which its host has room. What is not
    in `known` afterwards is refused. Raises DATABASE-UNAVAILABLE, DATABASE-FULL; then nothing has changed."""
    day = day_of(now_ms)
    async with database.write() as tx:
        hosts, rows = await _from_database(tx, known, wanted)
        new_hosts: list[HostRow] = []
        new_rows: list[SeriesRow] = []
        next_host = await telemetry_hosts.next_id(tx)
        next_block = (await series_rows.highest(tx)) // BLOCK + 1
        for ref, texts in wanted.items():
            host = hosts.get(ref)
            if host is None:
                host = HostRow(next_host, ref)
                next_host += 1
                new_hosts.append(host)
            there = {row.text: row for row in rows.get(ref, ())}
            ids = _free(rows.get(ref, ()))
            for text, kind in _admitted(known, there, texts, limit, day):
                if not ids:
                    ids = list(range(next_block * BLOCK, (next_block + 1) * BLOCK))
                    next_block += 1
                new_rows.append(SeriesRow(ids.pop(0), host.id, text, kind, day))
        if new_hosts:
            await telemetry_hosts.put(tx, new_hosts)
        if new_rows:
            await series_rows.add(tx, new_rows)
    _remember(known, [*hosts.values(), *new_hosts], [row for some in rows.values() for row in some] + new_rows)


def unknown(known: KnownSeries, ref: HostRef, blocks: Iterable[Block]) -> dict[str, Kind]:
    """Those series of a host that have no number, and their kinds."""
    host = known.hosts.get(ref)
    there = host.by_text if host is not None else {}
    return {head.text: head.kind for block in blocks for head in block.heads if head.text not in there}


async def _from_database(
    tx: Tx, known: KnownSeries, wanted: Wanted
) -> tuple[dict[HostRef, HostRow], dict[HostRef, Sequence[SeriesRow]]]:
    """The hosts as the database has them: another controller may have looked after them in between."""
    hosts = {ref: known.hosts[ref].row() for ref in wanted if ref in known.hosts}
    hosts |= {row.ref: row for row in await telemetry_hosts.some(tx, [ref for ref in wanted if ref not in hosts])}
    series = await series_rows.of_hosts(tx, [row.id for row in hosts.values()])
    return hosts, {ref: series.get(row.id, ()) for ref, row in hosts.items()}


def _admitted(
    known: KnownSeries, there: Mapping[str, SeriesRow], texts: Mapping[str, Kind], limit: int, day: int
) -> Iterable[tuple[str, Kind]]:
    lately = sum(row.seen_day >= day - 1 for row in there.values())
    in_all = len(there)
    for text, kind in texts.items():
        if text in there or lately >= limit or in_all >= MOST_ONCE * limit or not _is_series(known, text):
            continue
        lately += 1
        in_all += 1
        yield text, kind


def _is_series(known: KnownSeries, text: str) -> bool:
    if known.has(text):
        return True  # of another host, most often: hosts measure the same
    try:
        parse_series(text)
    except GuestwireError:
        return False
    return True


def _free(rows: Sequence[SeriesRow]) -> list[int]:
    """The rest of a host's last block."""
    return list(range(rows[-1].id + 1, (rows[-1].id // BLOCK + 1) * BLOCK)) if rows else []


def _remember(known: KnownSeries, hosts: Iterable[HostRow], rows: Iterable[SeriesRow]) -> None:
    for host in hosts:
        if host.ref not in known.hosts:
            known.put_host(host)
    for row in rows:
        if row.id not in known.by_id:
            known.put(row)
