"""A host whose spool was over its quota while no controller was there: what a controller shows of that time afterwards."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api_world import Caller, api_world
from fleet import SITE
from fleet_controller import Controller, by_mqtt, controller
from telemetry_stage import HOST, NEVER, Stage, held, make_site, until
from telemetry_stage import metrics as spooled

from guestwire.agent.config import load
from guestwire.agent.telemetry.coarsening import FROM
from guestwire.agent.telemetry.disk import Disk
from guestwire.agent.telemetry.errands import errand_for
from guestwire.agent.telemetry.spool import MIB, QUOTA, Spool
from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.controller.api import metrics
from guestwire.controller.composing.base import boot_id
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import hosts
from guestwire.controller.store.database import open_database
from guestwire.controller.store.host_tables import HostRow, PeoplesWords
from guestwire.controller.store.migrating import upgrade
from guestwire.controller.telemetry.service import Telemetry, TelemetryParts
from guestwire.controller.users.access import Access, NoGroups
from guestwire.link.clock import now
from guestwire.protocol.statements import state
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import TelemetryAck, TelemetryBatch, offsets, values

REF = HostRef(SITE, HOST)
METRIC = "guestwire_host_load1"
SERIES, SECONDS = 40, 10
"""Of one batch."""
STEP_MS = 30_000
"""Some of the stretches in which extremes are kept, and no time of a roll-up: the samples themselves are asked."""


def value(series: int, second: int) -> float:
    """What a series was: up and down, and no two of them alike."""
    return float((second * 7919 + series * 104_729) % 10_007)


@dataclass
class Filled:
    """What was measured: `batches` of ten seconds each from `since_ms` on, of which the first `lost` had no room."""

    since_ms: int
    batches: int
    lost: int

    def at_ms(self, batch: int) -> int:
        """When a batch was kept: with its last sample."""
        return self.since_ms + batch * SECONDS * 1000 - 1000

    def extremes(self, series: int, best: Callable[[list[float]], float]) -> list[list[float]]:
        """What is left of a series, as the API tells it."""
        by_step: dict[int, list[float]] = {}
        for second in range(self.lost * SECONDS, self.batches * SECONDS):
            at = self.since_ms + second * 1000
            by_step.setdefault(at - at % STEP_MS, []).append(value(series, second))
        return [[at, best(found)] for at, found in sorted(by_step.items())]


def fill(stage: Stage) -> Filled:
    """A spool as an agent leaves it that found no controller for three quarters of an hour, and had too little room by a quarter."""
    folder = load(stage.write_config({**NEVER, "metric_mib": 1})).host.state_dir / "telemetry"
    key = stage.key(f"host:{HOST}")
    since_ms = (time.time_ns() // 1_000_000 - 3_600_000) // STEP_MS * STEP_MS
    filled = Filled(since_ms, 0, 0)
    spool = Spool(Disk(), folder, boot_id(), QUOTA | {"metric": MIB}, Now(since_ms, 0.0))

    def signed(log: bytes, seq: int) -> bytes:
        seconds = range((seq - 1) * SECONDS, seq * SECONDS)
        t0, dt = offsets([since_ms + second * 1000 for second in seconds])
        columns = tuple(
            (f'{METRIC}{{n="{n}"}}', "gauge", 0, "d", values("d", [value(n, second) for second in seconds]))
            for n in range(SERIES)
        )
        batch = TelemetryBatch(log=log, seq=seq, tier="fast", t0=t0, dt=dt, columns=columns)  # type: ignore[arg-type]
        return state("telemetry", SITE, f"host:{HOST}", batch, key, t0, n=seq)

    written = 0
    while written < 1.25 * MIB:
        filled.batches += 1
        kept = spool.append("fast", signed, Now(filled.at_ms(filled.batches), 0.0), sent=False)
        written += len(kept.frame)
        errand = errand_for(spool.logs[-1], float(filled.batches))
        if errand is not None:  # as its keeper does: what is to be on the disk before more numbers are given
            errand.run(spool.disk)
            errand.finish()
    of = spool.logs[-1].classes["metric"]
    assert of.used == filled.batches
    filled.lost = (of.oldest() or 0) - 1
    spool.close(Now(filled.at_ms(filled.batches), 0.0))
    return filled


class Telling:
    """How hosts are told what is stored: by the links, once there are some."""

    made: Controller

    async def ack(self, ref: HostRef, ack: TelemetryAck) -> None:
        await self.made.call(ref, "telemetry-ack", ack)


@asynccontextmanager
async def history(stage: Stage, folder: Path, port: int) -> AsyncIterator[Caller]:
    """A controller that hears the host, and somebody who asks its API what it has heard."""
    telling, troubles = Telling(), list[Any]()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(f"sqlite:///{folder}/controller.db"))
        await upgrade(database)
        async with database.write() as tx:
            await hosts.add(tx, [HostRow(REF, now().wall_ms, True, PeoplesWords(approval="approved"))])
        parts = TelemetryParts(database, Access(NoGroups()), telling.ack, troubles.append, now, hold_s=0.05)
        telemetry = await stack.enter_async_context(Telemetry(parts))
        connection = by_mqtt(stage.layout, port)
        telling.made = await stack.enter_async_context(controller(database, [connection], telemetry=telemetry))
        world = await stack.enter_async_context(
            api_world(database, routers=lambda w: (metrics.router(telemetry.queries, telemetry.current, w.doors),))
        )
        yield await world.user("ann", ("admin", "*"))
        assert troubles == []


async def asked(ann: Caller, path: str, **params: Any) -> Any:
    answer = await ann.get(f"/metrics/{path}", params=params)
    assert answer.is_success, answer.text
    return answer.json()


async def test_the_extremes_stay_and_what_is_missing_is_told_exactly(
    tmp_path: Path, mosquitto_broker: Mosquitto
) -> None:
    stage = Stage(make_site(tmp_path), tmp_path, "mosquitto", mosquitto_broker, clock=now)
    filled = fill(stage)
    assert 0 < filled.lost < filled.batches / 2
    async with stage.host(**NEVER, metric_mib=1) as host:
        await until(lambda: host.spool.room("metric") < FROM * MIB, "it was not made coarser")
        assert {segment.level for segment in spooled(host).segments} == {0, 1}, "the newest are as they were"
        assert len(held(host)) == filled.batches - filled.lost, (
            "the numbers of what became coarser are those of what it was"
        )
        async with history(stage, tmp_path, mosquitto_broker.port) as ann:
            await until(lambda: not held(host) and not len(spooled(host).gaps), "all of it is acknowledged")
            [gap] = (await asked(ann, "gaps", site=SITE, host=HOST))["gaps"]
            assert (gap["numbers"], gap["why"], gap["spool_class"]) == (filled.lost, "dropped", "metric")
            assert (gap["since"], gap["until"]) == (filled.at_ms(1), filled.at_ms(filled.lost))
            span = {"start": filled.since_ms, "end": filled.at_ms(filled.batches) + 1000, "step": STEP_MS}
            for aggregate, best in (("min", min), ("max", max)):
                answer = await asked(ann, "query", selector=METRIC, aggregate=aggregate, **span)
                points = {one["labels"]["n"]: one["points"] for one in answer["series"]}
                assert points == {str(n): filled.extremes(n, best) for n in range(SERIES)}
            counted = await asked(ann, "query", selector=f'{METRIC}{{n="0"}}', aggregate="count", **span)
            samples = sum(count for _, count in counted["series"][0]["points"])
            assert samples < (filled.batches - filled.lost) * SECONDS, "and there are fewer of them"
