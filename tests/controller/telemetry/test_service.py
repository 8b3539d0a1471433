"""Telemetry as the links give it: signed statements of hosts, in any order, again and again, with the controller killed in between."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from fleet_words import trust_of
from telemetry_batches import HOST, LOAD, LOG, NOW_MS, StillClock, batch, gap
from telemetry_desk import Desk

from guestwire.controller.links.ports import Said
from guestwire.controller.links.reception import Reception
from guestwire.controller.links.tallies import Tallies
from guestwire.controller.store import partitions
from guestwire.controller.store.database import Database
from guestwire.controller.store.levels import RAW
from guestwire.controller.telemetry.ingest import IngestLimits
from guestwire.controller.telemetry.retention import Retention
from guestwire.controller.telemetry.rolling_up import RollingUp
from guestwire.link.transport import Incoming
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import topics
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.statements import read, state
from guestwire.protocol.telemetry import GAP_KIND, STATEMENT_KIND, TelemetryBatch
from guestwire.protocol.trust import Trust

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


class Sending:
    """A host that sends signed batches to a link, and sends again what it was not told of. `checked`: how often a key was asked for."""

    def __init__(self, desk: Desk) -> None:
        self.checked = 0
        self.tallies = Tallies()
        self._trust = trust_of({f"host:{HOST.host}": KEY}, HOST.site)
        self._reception = Reception(
            HOST.site, self._asked, {"telemetry": (desk.telemetry,)}, lambda _: True, self.tallies, desk.clock,
            lambda _, error: pytest.fail(repr(error)), rooms={"telemetry": desk.telemetry.room},
        )  # fmt: skip

    def _asked(self) -> Trust:
        self.checked += 1
        return self._trust

    def send(self, *numbers: int) -> None:
        text = topics.make("telemetry", HOST.site, HOST.host, "normal")
        topic = topics.parse(text)
        assert topic is not None
        for seq in numbers:
            frame = state(STATEMENT_KIND, HOST.site, f"host:{HOST.host}", load(seq), KEY, NOW_MS)
            self._reception.receive(topic, Incoming(text, frame, 1, False, False, lambda: None))


@pytest.mark.parametrize("why", ["so much", "so long"])
async def test_what_is_refused_costs_no_signature_check_and_arrives_later(
    database: Database, clock: StillClock, why: str
) -> None:
    limits = IngestLimits(gather_s=0.0, waiting_bytes=4_000 if why == "so much" else 1 << 20, waiting_s=8.0)
    async with Desk(database, clock, limits) as desk:
        sending, ingest = Sending(desk), desk.telemetry.ingest
        # until the first await nothing is stored
        sending.send(*(range(1, 4) if why == "so long" else range(1, 20)))
        taken = sending.checked
        assert 0 < taken == sending.tallies.heard["telemetry"] < 10
        if why == "so long":
            clock.wall_ms += 8_001
        refused = ingest.refused
        sending.send(*range(taken + 1, 60))
        assert sending.checked == taken, "no key was asked for"
        assert ingest.refused - refused == 59 - taken
        assert sending.tallies.dropped["telemetry"] == ingest.refused
        missing = list(range(1, 60))
        async with asyncio.timeout(20):
            while missing:
                await ingest.settled()
                await desk.until_acked(range(1, missing[0]))
                missing = [seq for seq in missing if seq not in desk.acked.get((HOST, LOG, "metric"), ())]
                sending.send(*missing)
        assert len((await desk.stored())[LOAD]) == 59
        assert not sending.tallies.refused


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
