"""The controller's telemetry over a real database, with what the tests of it ask again and again."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Self

from sqlalchemy import select
from telemetry_batches import BATCH_BYTES, HOST, LOG, StillClock, person

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store.database import Database
from guestwire.controller.store.samples import samples
from guestwire.controller.telemetry.ingest import IngestLimits
from guestwire.controller.telemetry.query_models import MetricAnswer, MetricQuery
from guestwire.controller.telemetry.rolling_up import RollingUp
from guestwire.controller.telemetry.service import Telemetry, TelemetryParts
from guestwire.controller.telemetry.troubles import Trouble
from guestwire.controller.users.access import Access, NoGroups
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.number_ranges import NumberRanges
from guestwire.protocol.telemetry import Gap, TelemetryAck, TelemetryBatch

ANYBODY = person("*")
DEADLINE_S = 10.0


class Desk:
    """`acked`: by (host, log, class), what hosts were told to forget. While `away` has a host, it cannot be told."""

    def __init__(self, database: Database, clock: StillClock, limits: IngestLimits | None = None, **parts: Any) -> None:
        self.database = database
        self.clock = clock
        self.acked: dict[tuple[HostRef, bytes, str], NumberRanges] = {}
        self.acks: list[TelemetryAck] = []
        self.away: set[HostRef] = set()
        self.troubles: list[Trouble] = []
        self._told = asyncio.Event()
        self.telemetry = Telemetry(
            TelemetryParts(
                database, Access(NoGroups()), self._ack, self.troubles.append, clock,
                limits=limits or IngestLimits(gather_s=0.0), hold_s=0.01, **parts,
            )
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        await self.telemetry.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.telemetry.__aexit__()

    def offer(self, said: TelemetryBatch | Gap, ref: HostRef = HOST, size: int = BATCH_BYTES) -> bool:
        return self.telemetry.ingest.offer(ref, said, size)

    async def take(self, *said: TelemetryBatch | Gap, ref: HostRef = HOST) -> None:
        """All of them, committed."""
        for one in said:
            assert self.offer(one, ref)
        async with asyncio.timeout(DEADLINE_S):
            await self.telemetry.ingest.settled()

    async def until_acked(self, numbers: Sequence[int], ref: HostRef = HOST, log: bytes = LOG) -> None:
        """The host was told that these are kept."""
        async with asyncio.timeout(DEADLINE_S):
            while not all(number in self.acked.get((ref, log, "metric"), NumberRanges()) for number in numbers):
                self._told.clear()
                await self._told.wait()

    async def stored(self, ref: HostRef = HOST) -> dict[str, list[tuple[int, float]]]:
        """The samples of a host, by series."""
        texts = {one.id: one.text for one in self.telemetry.known.by_id.values() if one.host == ref}
        found: dict[str, list[tuple[int, float]]] = {}
        async with self.database.read() as tx:
            for row in await tx.execute(select(samples).order_by(samples.c.time)):
                if row.series in texts:
                    found.setdefault(texts[row.series], []).append((row.time, row.value))
        return found

    async def rolled_up(self) -> None:
        """All that is due is rolled up."""
        await RollingUp(self.database, self.clock).catch_up()

    async def ask(self, who: Person = ANYBODY, **asked: Any) -> MetricAnswer:
        return await self.telemetry.queries.query(who, MetricQuery(**asked))

    async def points(self, **asked: Any) -> dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]:
        """What is answered, by labels without site and host."""
        answer = await self.ask(**asked)
        return {_short(one.labels): list(one.points) for one in answer.series}

    async def _ack(self, ref: HostRef, ack: TelemetryAck) -> None:
        await asyncio.sleep(0)
        if ref in self.away:
            raise GuestwireError("HOST-UNREACHABLE")
        self.acks.append(ack)
        ranges = self.acked.setdefault((ref, ack.log, ack.spool_class), NumberRanges())
        for first, last in ack.ranges:
            ranges.add(first, last)
        self._told.set()


def _short(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((label, value) for label, value in labels.items() if label not in ("site", "host"))
