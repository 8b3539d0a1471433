"""Hosts and series get their numbers; on both databases."""

from collections.abc import Mapping

from telemetry_batches import HOST, NOW_MS, OTHER

from guestwire.controller.store import series_rows, telemetry_hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.levels import BLOCK
from guestwire.controller.telemetry.reading import Block, Head
from guestwire.controller.telemetry.registering import register, unknown
from guestwire.controller.telemetry.series import DAY_MS, KnownSeries
from guestwire.protocol.telemetry import Kind

LIMIT = 100


def texts(*names: str) -> dict[str, Kind]:
    return {f"guestwire_{name}": "gauge" for name in names}


def many(first: int, end: int) -> dict[str, Kind]:
    return {f'guestwire_x{{n="{n}"}}': "counter" for n in range(first, end)}


def block(kinds: Mapping[str, Kind]) -> Block:
    return Block([Head(text, kind, 0) for text, kind in kinds.items()], [NOW_MS], [0.0] * len(kinds))


async def loaded(database: Database) -> KnownSeries:
    known = KnownSeries()
    async with database.read() as tx:
        for host in await telemetry_hosts.every(tx):
            known.put_host(host)
        async for rows in series_rows.every(tx):
            for row in rows:
                known.put(row)
    return known


async def test_each_host_has_blocks_of_its_own(database: Database) -> None:
    known = KnownSeries()
    await register(database, known, {HOST: texts("a", "b"), OTHER: texts("a")}, LIMIT, NOW_MS)
    await register(database, known, {HOST: texts("c") | many(0, BLOCK)}, LIMIT, NOW_MS)
    blocks = {ref: {one.id // BLOCK for one in known.hosts[ref].by_text.values()} for ref in (HOST, OTHER)}
    assert not blocks[HOST] & blocks[OTHER]
    assert len(blocks[HOST]) == 2
    ids = sorted(one.id for one in known.hosts[HOST].by_text.values())
    assert ids[2] == ids[1] + 1  # the rest of a block is used
    again = await loaded(database)
    assert again.by_id.keys() == known.by_id.keys()
    assert {one.text: one.id for one in again.hosts[OTHER].by_text.values()} == {
        one.text: one.id for one in known.hosts[OTHER].by_text.values()
    }


async def test_what_another_controller_has_registered_is_found(database: Database) -> None:
    first, second = KnownSeries(), KnownSeries()
    await register(database, first, {HOST: texts("a", "b")}, LIMIT, NOW_MS)
    await register(database, second, {HOST: texts("b", "c")}, LIMIT, NOW_MS)
    await register(database, first, {HOST: texts("c", "d")}, LIMIT, NOW_MS)
    assert set(second.hosts[HOST].by_text) == {"guestwire_a", "guestwire_b", "guestwire_c"}
    assert first.hosts[HOST].by_text["guestwire_c"].id == second.hosts[HOST].by_text["guestwire_c"].id
    assert len((await loaded(database)).by_id) == 4


async def test_beyond_its_limit_a_host_has_no_new_series(database: Database) -> None:
    known = KnownSeries()
    await register(database, known, {HOST: many(0, 90), OTHER: many(0, 1)}, LIMIT, NOW_MS)
    await register(database, known, {HOST: many(80, 120), OTHER: many(1, 3)}, LIMIT, NOW_MS)
    assert (len(known.hosts[HOST].by_text), len(known.hosts[OTHER].by_text)) == (LIMIT, 3)
    assert len(unknown(known, HOST, [block(many(80, 120))])) == 20
    # those that it has no more make room
    await register(database, known, {HOST: many(120, 150)}, LIMIT, NOW_MS + 3 * DAY_MS)
    assert len(known.hosts[HOST].by_text) == LIMIT + 30
    for day in range(4, 30):
        await register(database, known, {HOST: many(day * 1000, day * 1000 + 99)}, LIMIT, NOW_MS + day * 2 * DAY_MS)
    assert len(known.hosts[HOST].by_text) == 4 * LIMIT


async def test_what_is_no_series_gets_no_number(database: Database) -> None:
    known = KnownSeries()
    wrong = {
        'guestwire_x{site="a"}': "gauge",
        "x": "gauge",
        "guestwire_x{": "gauge",
        'guestwire_x{b="1",a="2"}': "gauge",
    }
    await register(database, known, {HOST: {**wrong, **texts("a")}}, LIMIT, NOW_MS)  # type: ignore[dict-item]
    assert set(known.hosts[HOST].by_text) == {"guestwire_a"}
    assert unknown(known, HOST, [block(wrong), block(texts("a"))]) == wrong  # type: ignore[arg-type]
    assert unknown(known, OTHER, [block(texts("a"))]) == texts("a")


async def test_a_series_that_is_gone_leaves_nothing(database: Database) -> None:
    known = KnownSeries()
    await register(database, known, {HOST: texts("a", "b"), OTHER: texts("a")}, LIMIT, NOW_MS)
    known.remove(known.hosts[HOST].by_text["guestwire_a"])
    known.remove(known.hosts[HOST].by_text["guestwire_b"])
    assert list(known.names()) == ["guestwire_a"]
    assert [one.host for one in known.named("guestwire_a")] == [OTHER]
    assert (known.count("guestwire_b"), known.named("guestwire_b")) == (0, ())
