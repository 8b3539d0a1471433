"""Telemetry as the links give it: signed statements of hosts, in any order, again and again, with the controller killed in between."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from telemetry_batches import HOST, LOAD, LOG, NOW_MS, StillClock, batch, gap
from telemetry_desk import Desk

from guestwire.controller.links.ports import Said
from guestwire.controller.store import partitions
from guestwire.controller.store.levels import RAW
from guestwire.controller.telemetry.retention import Retention
from guestwire.controller.telemetry.rolling_up import RollingUp
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import read, state
from guestwire.protocol.telemetry import GAP_KIND, STATEMENT_KIND, TelemetryBatch

S = 1000
KEY = SigningKey.generate()


def said(body: Model, kind: str = STATEMENT_KIND) -> Said:
    frame = state(kind, HOST.site, f"host:{HOST.host}", body, KEY, NOW_MS)
    return Said(HOST, read(frame, None, HOST.site, f"host:{HOST.host}", kind, None), "normal", False)


def load(seq: int) -> TelemetryBatch:
    return batch(seq, [NOW_MS - 3600 * S + seq * 10 * S], {LOAD: [float(seq)]})


async def test_statements_are_heard(desk: Desk) -> None:
    assert desk.telemetry.hear(said(load(1)))
    assert desk.telemetry.hear(said(gap(2, 3, NOW_MS - 5 * S, NOW_MS), GAP_KIND))
    await desk.until_acked([1, 2, 3])
    assert (await desk.stored())[LOAD] == [(NOW_MS - 3590 * S, 1.0)]
    with pytest.raises(GuestwireError) as caught:
        desk.telemetry.hear(said(gap(2, 3, 1, 2)))
    assert caught.value.code == "MALFORMED"


async def test_it_ends_what_it_began(desk_again: Callable[[], AbstractAsyncContextManager[Desk]]) -> None:
    before = asyncio.all_tasks()
    async with desk_again() as desk:
        assert len(desk.telemetry.tasks) == 3
        desk.offer(load(1))
    assert asyncio.all_tasks() == before
    assert all(task.cancelled() for task in desk.telemetry.tasks)


async def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(
    desk_again: Callable[[], AbstractAsyncContextManager[Desk]],
) -> None:
    """A host that sends until it is told, to a controller that is ended at any moment."""
    chance = random.Random(8)
    held = {seq: load(seq) for seq in range(1, 200)}
    acked: set[int] = set()
    for _ in range(8):
        async with desk_again() as desk:
            sent = chance.sample(sorted(held), k=min(len(held), 60))
            for seq in sent:
                desk.offer(held[seq])
                if chance.random() < 0.1:
                    await asyncio.sleep(0)
            for _ in range(chance.randrange(60)):
                await asyncio.sleep(0)
            acked |= {seq for seq in held if seq in desk.acked.get((HOST, LOG, "metric"), ())}
        for seq in acked & held.keys():
            del held[seq]
    async with desk_again() as desk:
        await desk.take(*held.values())
        await desk.until_acked(sorted(held))
        assert (await desk.stored())[LOAD] == [(load(seq).t0, float(seq)) for seq in range(1, 200)]


async def test_everything_at_once(desk: Desk, clock: StillClock) -> None:
    """Hosts send new and very old samples while windows are rolled up and what is too old is removed: every sample counts once
    in the roll-ups, though its row is gone."""
    day = 86_400 * S
    telemetry = desk.telemetry
    kept = {"raw": day, "minute": 4 * day, "quarter": 400 * day, "hour": 400 * day}
    retention = Retention(desk.database, telemetry.ingest._known, telemetry.ingest._received, kept, clock, breath_s=0.0)
    chance = random.Random(2)
    times = {seq: NOW_MS - chance.choice([2 * day, day // 2]) - chance.randrange(200) * 60 * S for seq in range(1, 301)}

    async def send() -> None:
        for seq, time in times.items():
            desk.offer(batch(seq, [time + seq], {LOAD: [1.0]}))
            if seq % 10 == 0:
                await telemetry.ingest.settled()
        await desk.take()

    async def tidy() -> None:
        while not sending.done():
            await RollingUp(desk.database, clock).catch_up()
            await retention.catch_up()
            await asyncio.sleep(0)

    sending = asyncio.ensure_future(send())
    async with asyncio.timeout(60):
        await asyncio.gather(sending, tidy())
        await desk.until_acked(list(times))
    await desk.rolled_up()
    await retention.catch_up()
    counted = await desk.points(selector=LOAD, start=NOW_MS - 4 * day, end=NOW_MS, step=day, aggregate="count")
    assert sum(value for _, value in counted[()]) == 300
    assert telemetry.ingest.dropped == 0
    async with desk.database.read() as tx:
        left = await partitions.numbers(tx, RAW)
    assert all(n >= partitions.number(RAW, RAW.slot(NOW_MS - day)) for n in left)
