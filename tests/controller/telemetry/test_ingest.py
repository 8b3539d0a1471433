"""What arrives is stored once, whole or not at all, and only what is stored is acknowledged; on both databases."""

import asyncio
import random

import pytest
from sqlalchemy import text
from telemetry_batches import FORKS, HOST, LOAD, LOG, NOW_MS, OTHER, StillClock, batch, column, gap
from telemetry_desk import Desk

from guestwire.controller.store import due_rows, partitions, telemetry_hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.levels import MINUTE, RAW
from guestwire.controller.telemetry.host_clock import AHEAD_MS
from guestwire.controller.telemetry.ingest import ONCE_BYTES, IngestLimits
from guestwire.protocol.telemetry import Gap, TelemetryBatch

S = 1000


def load(seq: int, value: float = 1.0, time: int | None = None, **more: object) -> TelemetryBatch:
    at = NOW_MS - 60 * S + seq * S if time is None else time
    return batch(seq, [at], {LOAD: [value]}, **more)  # type: ignore[arg-type]


async def test_samples_are_rows_and_their_numbers_are_acknowledged(desk: Desk) -> None:
    times = [NOW_MS - 3 * S, NOW_MS - 2 * S, NOW_MS - S]
    await desk.take(
        batch(1, times, {LOAD: [1, None, 3], f'{LOAD}{{window="1m"}}': [None, None, 7]}, counters={FORKS: [10, 11, 12]})
    )
    assert await desk.stored() == {
        LOAD: [(times[0], 1), (times[2], 3)], f'{LOAD}{{window="1m"}}': [(times[2], 7)],
        FORKS: list(zip(times, [10, 11, 12], strict=True)),
    }  # fmt: skip
    await desk.until_acked([1])
    counts = desk.telemetry.ingest.counts
    assert (counts.batches, counts.samples, counts.again) == (1, 6, 0)


async def test_nothing_is_stored_twice_and_everything_is_acknowledged_again(desk: Desk) -> None:
    await desk.take(load(1), load(2), load(2), load(1))
    await desk.take(load(1), load(3), load(1))
    await desk.until_acked([1, 2, 3])
    assert len((await desk.stored())[LOAD]) == 3
    desk.acked.clear()
    await desk.take(load(2, value=99.0))
    await desk.until_acked([2])
    assert [value for _, value in (await desk.stored())[LOAD]] == [1, 1, 1]
    assert desk.telemetry.ingest.counts.again == 5


async def test_numbers_are_of_a_host_and_a_log(desk: Desk) -> None:
    await desk.take(load(1, 1.0), load(1, 2.0, NOW_MS - S, log=b"x" * 16))
    await desk.take(load(1, 3.0), ref=OTHER)
    assert [value for _, value in (await desk.stored())[LOAD]] == [1, 2]
    assert [value for _, value in (await desk.stored(OTHER))[LOAD]] == [3]
    await desk.until_acked([1], log=b"x" * 16)
    await desk.until_acked([1], OTHER)


async def test_a_controller_that_is_started_again_knows_it_all(desk_again, clock: StillClock) -> None:
    async with desk_again() as desk:
        await desk.take(load(1), load(2), batch(4, [NOW_MS], {}, counters={FORKS: [7]}, start=NOW_MS - 50_000))
        before = await desk.stored()
        ids = {one.text: one.id for one in desk.telemetry.known.by_id.values()}
    async with desk_again() as desk:
        await desk.take(load(2), load(3))
        await desk.until_acked([2, 3])
        assert {one.text: one.id for one in desk.telemetry.known.by_id.values()} == ids
        after = await desk.stored()
        assert after.pop(FORKS) == before.pop(FORKS)
        assert after[LOAD][:2] == before[LOAD]
        assert len(after[LOAD]) == 3
        forks = desk.telemetry.known.hosts[HOST].by_text[FORKS]
        assert (forks.value, forks.began) == (7, NOW_MS - 50_000)


async def test_what_cannot_be_committed_is_not_acknowledged_and_goes_in_later(
    database: Database, clock: StillClock
) -> None:
    """A database that takes nothing for a while: a lock on SQLite, a table that is not there on PostgreSQL for ever."""
    async with Desk(database, clock) as desk:
        await desk.take(load(1))
        await desk.until_acked([1])
        async with database.write() as tx:
            await tx.execute(text("ALTER TABLE telemetry_due RENAME TO hidden"))
        desk.offer(load(2))
        async with asyncio.timeout(10):
            while not desk.telemetry.ingest.dropped:
                await asyncio.sleep(0)
        async with database.write() as tx:
            await tx.execute(text("ALTER TABLE hidden RENAME TO telemetry_due"))
        assert (await desk.stored())[LOAD] == [(NOW_MS - 59 * S, 1)]
        assert 2 not in desk.acked[HOST, LOG, "metric"]
        await desk.take(load(2))
        await desk.until_acked([2])
        assert len((await desk.stored())[LOAD]) == 2


async def test_one_batch_that_no_database_takes_takes_no_other_along(desk: Desk) -> None:
    wrong = load(2).model_copy(update={"log": "no bytes"})
    for one in (load(1), wrong, load(3)):
        desk.offer(one)
    await desk.until_acked([1, 3])
    assert [time for time, _ in (await desk.stored())[LOAD]] == [NOW_MS - 59 * S, NOW_MS - 57 * S]
    assert (desk.telemetry.ingest.dropped, [one.kind for one in desk.troubles]) == (1, ["unreadable"])


async def test_a_partition_that_was_removed_is_made_again(desk: Desk) -> None:
    await desk.take(load(1))
    async with desk.database.write() as tx:
        for n in await partitions.numbers(tx, RAW):
            await partitions.drop(tx, RAW, n)
    await desk.take(load(2))
    assert (NOW_MS - 58 * S, 1) in (await desk.stored())[LOAD]
    assert desk.telemetry.ingest.dropped == 0


async def test_there_is_room_for_so_much_and_no_more(database: Database, clock: StillClock) -> None:
    limits = IngestLimits(waiting_bytes=10_000, host_bytes=4_000, gather_s=0.0)
    async with Desk(database, clock, limits) as desk:
        async with database.write():  # on SQLite nothing is committed meanwhile
            taken = [seq for seq in range(1, 20) if desk.offer(load(seq), size=488)]
            others = [seq for seq in range(1, 20) if desk.offer(load(seq), OTHER, size=488)]
            assert (taken, others) == ([1, 2, 3, 4], [1, 2, 3, 4])
            third = [seq for seq in range(1, 20) if desk.offer(load(seq), HOST._replace(host="x"), size=488)]
            assert third == [1, 2]
        assert desk.telemetry.ingest.refused == 15 + 15 + 17
        await desk.take()
        assert desk.telemetry.ingest.waiting_bytes == 0
        await desk.take(load(5))
        await desk.until_acked([1, 2, 3, 4, 5])
        assert 6 not in desk.acked[HOST, LOG, "metric"]


async def test_what_comes_one_after_the_other_is_one_commit(database: Database, clock: StillClock) -> None:
    async with Desk(database, clock, IngestLimits(gather_s=0.2)) as desk:
        await desk.take(load(1))
        commits = desk.telemetry.ingest.commits
        for seq in range(2, 10):
            desk.offer(load(seq))
            await asyncio.sleep(0)
        await desk.until_acked(range(1, 10))
        assert desk.telemetry.ingest.commits == commits + 1


async def test_the_newest_time_of_a_host_is_written_now_and_then(desk: Desk) -> None:
    """A row for each batch of each host would cost more than its numbers do."""

    async def newest() -> int:
        async with desk.database.read() as tx:
            return (await telemetry_hosts.every(tx))[0].newest_ms

    await desk.take(load(1, time=NOW_MS - 600 * S))
    assert await newest() == NOW_MS - 600 * S
    await desk.take(load(2, time=NOW_MS - 590 * S))
    assert await newest() == NOW_MS - 600 * S
    await desk.take(load(3, time=NOW_MS - 590 * S + AHEAD_MS // 2))
    assert await newest() == NOW_MS - 590 * S + AHEAD_MS // 2
    assert desk.telemetry.known.hosts[HOST].clock.newest_ms == await newest()


async def test_who_has_enough_does_not_wait_for_more(database: Database, clock: StillClock) -> None:
    async with Desk(database, clock, IngestLimits(gather_s=3600.0)) as desk:
        desk.offer(load(1))
        desk.offer(load(2), size=ONCE_BYTES)
        await desk.until_acked([1, 2])
        assert desk.telemetry.ingest.waiting_bytes == 0


async def test_a_batch_that_makes_no_sense_is_said_as_a_gap(desk: Desk) -> None:
    short = column(LOAD, [1.0])
    wrong = [
        load(1).model_copy(update={"dt": b"abc"}),
        batch(2, [NOW_MS - 2 * S, NOW_MS - S], {}).model_copy(update={"columns": (short,)}),
        load(3).model_copy(update={"columns": (short, short)}),
    ]
    await desk.take(*wrong, load(4))
    await desk.until_acked([1, 2, 3, 4])
    assert list(await desk.stored()) == [LOAD]
    gaps = (await desk.ask(selector=LOAD, start=NOW_MS - 600 * S, end=NOW_MS, step=S)).gaps
    assert {(one.why, one.numbers) for one in gaps} == {("unreadable", 3)}
    assert [one.kind for one in desk.troubles] == ["unreadable"]


async def test_gaps_are_kept_and_acknowledged(desk: Desk) -> None:
    since, until = NOW_MS - 900 * S, NOW_MS - 300 * S
    await desk.take(gap(5, 90, since, until), gap(5, 90, since, until), gap(5, 95, since, until + S))
    await desk.until_acked(range(5, 96))
    await desk.take(load(96))
    shown = (await desk.ask(selector=LOAD, start=NOW_MS - 600 * S, end=NOW_MS, step=S)).gaps
    assert [(one.since, one.until, one.numbers, one.why) for one in shown] == [(since, until + S, 91, "dropped")]
    assert (await desk.ask(selector=LOAD, start=NOW_MS - 200 * S, end=NOW_MS, step=S)).gaps == ()
    notices = Gap(log=LOG, spool_class="notice", first=1, last=2, since=since, until=until)
    await desk.take(notices)
    assert desk.telemetry.ingest.counts.gaps == 3


async def test_a_batch_made_coarser_brings_what_is_missing(desk: Desk) -> None:
    """It has the number of one that came; those that it stands for besides did not."""
    times = [NOW_MS - n * S for n in (4, 3, 2, 1)]
    await desk.take(batch(4, times[3:], {LOAD: [4]}))
    coarse = batch(4, times, {LOAD: [1, 2, 3, 4]}, coarse_ms=2000)
    await desk.take(coarse)
    await desk.take(coarse)
    assert (await desk.stored())[LOAD] == list(zip(times, [1, 2, 3, 4], strict=True))


async def test_beyond_the_limit_series_are_refused_and_it_is_told_once(database: Database, clock: StillClock) -> None:
    async with Desk(database, clock, IngestLimits(series_per_host=2, gather_s=0.0)) as desk:
        for seq in (1, 2):
            await desk.take(batch(seq, [NOW_MS - seq * S], {f'{LOAD}{{n="{n}"}}': [n] for n in range(5)}))
        await desk.until_acked([1, 2])
        assert {text: len(points) for text, points in (await desk.stored()).items()} == {
            f'{LOAD}{{n="{n}"}}': 2 for n in (0, 1)
        }
        assert desk.telemetry.ingest.counts.refused_columns == 6
        assert [one.kind for one in desk.troubles] == ["series-refused"]
        clock.wall_ms += 700 * S
        await desk.take(batch(3, [NOW_MS], {f'{LOAD}{{n="9"}}': [1]}))
        assert len(desk.troubles) == 2


async def test_values_that_cannot_be_summed_up_are_refused(desk: Desk) -> None:
    await desk.take(batch(1, [NOW_MS], {LOAD: [1.5e300], FORKS: [-1.5e300], "guestwire_host_memory_bytes": [1e300]}))
    assert list(await desk.stored()) == ["guestwire_host_memory_bytes"]
    assert desk.telemetry.ingest.counts.refused_columns == 2


@pytest.mark.parametrize(
    "at", [1, 946_684_800_000, NOW_MS + AHEAD_MS + 1, NOW_MS + 400 * 86_400_000, NOW_MS - 91 * 86_400_000]
)
async def test_a_clock_that_is_years_off_loses_nothing(desk: Desk, at: int) -> None:
    await desk.take(batch(5, [at + 20 * S, at + 21 * S], {LOAD: [5, 6]}))
    await desk.take(batch(4, [at, at + S], {LOAD: [3, 4]}))
    await desk.until_acked([4, 5])
    assert (await desk.stored())[LOAD] == [(NOW_MS - 21 * S, 3), (NOW_MS - 20 * S, 4), (NOW_MS - S, 5), (NOW_MS, 6)]
    assert [one.kind for one in desk.troubles] == ["clock-wrong"]
    answer = await desk.ask(selector=LOAD, start=NOW_MS - 60 * S, end=NOW_MS + S, step=S)
    assert [(one.host, one.at) for one in answer.clocks] == [(HOST.host, NOW_MS)]
    assert answer.clocks[0].offset_ms == NOW_MS - at - 21 * S


async def test_a_host_that_leaves_out_numbers_for_ever_is_refused_and_not_acknowledged(desk: Desk) -> None:
    await desk.take(*(load(2 * n, time=NOW_MS - n) for n in range(1, 2100)))
    assert desk.telemetry.ingest.counts.refused_numbers == 2099 - 2048
    await desk.until_acked([2 * 2048])
    assert 2 * 2099 not in desk.acked[HOST, LOG, "metric"]
    assert [one.kind for one in desk.troubles] == ["numbers-refused"]


async def test_every_window_that_was_touched_is_due(desk: Desk) -> None:
    minute = 60 * S
    await desk.take(batch(1, [NOW_MS - 5 * minute, NOW_MS - 2 * minute], {LOAD: [1, 2]}))
    async with desk.database.read() as tx:
        assert len(await due_rows.first(tx, MINUTE, (1 << 31) - 1, 100)) == 2


async def test_many_hosts_at_once_in_any_order(desk: Desk) -> None:
    chance = random.Random(1)
    hosts = [HOST._replace(host=f"h{n}") for n in range(20)]
    sent = [(ref, load(seq, float(seq))) for ref in hosts for seq in range(1, 31)] * 2
    chance.shuffle(sent)
    for ref, one in sent:
        assert desk.offer(one, ref)
    await desk.take()
    for ref in hosts:
        assert [value for _, value in (await desk.stored(ref))[LOAD]] == list(range(1, 31))
        await desk.until_acked(range(1, 31), ref)
