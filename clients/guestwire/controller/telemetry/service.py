"""Telemetry at the controller, put together: what is known is read from the database, then hosts are heard, then the background
work begins. What happens within is in the other modules.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Said
from guestwire.controller.store import received_rows, sample_reads, series_rows, telemetry_hosts
from guestwire.controller.store.database import Database
from guestwire.controller.telemetry.acknowledging import HOLD_S, Ack, Acknowledging
from guestwire.controller.telemetry.ingest import Ingest, IngestLimits
from guestwire.controller.telemetry.keeping import kept
from guestwire.controller.telemetry.now import STALE_MS, Current
from guestwire.controller.telemetry.pieces import Kept
from guestwire.controller.telemetry.query import Queries
from guestwire.controller.telemetry.received import Received
from guestwire.controller.telemetry.retention import Retention
from guestwire.controller.telemetry.rolling_up import RollingUp
from guestwire.controller.telemetry.series import KnownSeries
from guestwire.controller.telemetry.troubles import OnTrouble, Troubles
from guestwire.controller.users.access import Access
from guestwire.protocol.steps import Now
from guestwire.protocol.telemetry import GAP_KIND, Gap, TelemetryBatch


@dataclass(frozen=True, slots=True)
class TelemetryParts:
    """What telemetry is made with. `ack` tells a host what is committed. `on_trouble` hears what is wrong with a host's telemetry.
    `kept`: how long each level is kept (`keeping.kept`). `present`: whether a host is there."""

    database: Database
    access: Access
    ack: Ack
    on_trouble: OnTrouble
    clock: Callable[[], Now]
    kept: Kept = field(default_factory=kept)
    limits: IngestLimits = field(default_factory=IngestLimits)
    hold_s: float = HOLD_S
    present: Callable[[HostRef], bool] = lambda _: True


class Telemetry:
    """`async with` it, after the database was opened and before hosts are heard. A Hearer of the kind telemetry."""

    def __init__(self, parts: TelemetryParts) -> None:
        self._parts = parts
        self._stack = AsyncExitStack()
        self._known = KnownSeries()
        self._ingest: Ingest | None = None
        self._background: tuple[RollingUp | Retention, ...] = ()
        self.current = Current(self._known, parts.access, parts.clock, parts.present)
        """What there is now."""
        self.queries = Queries(parts.database, self._known, parts.access, parts.clock, parts.kept)
        """What there was."""
        self.troubles = Troubles(parts.on_trouble)
        self.acknowledging = Acknowledging(parts.ack, parts.hold_s)
        """Whoever commits numbers of another class (notices) may tell the hosts by it too."""

    async def __aenter__(self) -> Self:
        """Reads what the database has. Raises DATABASE-UNAVAILABLE."""
        parts = self._parts
        received = await self._load()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.acknowledging)
            committed = self.acknowledging.committed
            ingest = Ingest(
                parts.database, self._known, received, committed, self.troubles, parts.clock, parts.limits
            )  # fmt: skip
            self._ingest = await stack.enter_async_context(ingest)
            rolling_up = await stack.enter_async_context(RollingUp(parts.database, parts.clock))
            retention = Retention(parts.database, self._known, received, parts.kept, parts.clock)
            await stack.enter_async_context(retention)
            self._background = (rolling_up, retention)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def known(self) -> KnownSeries:
        """The series, with their newest values."""
        return self._known

    @property
    def ingest(self) -> Ingest:
        assert self._ingest is not None
        return self._ingest

    @property
    def tasks(self) -> "tuple[asyncio.Task[None], ...]":
        """What must not end while the controller runs."""
        return (self.ingest.task, *(one.task for one in self._background))

    def room(self, ref: HostRef, size: int) -> bool:
        """Whether a statement of so many bytes can be taken now; one that cannot is counted."""
        return not self.ingest.turned_away(ref, size)

    def hear(self, said: Said) -> bool:
        """A statement of telemetry whose speaker is certain. False: there is no room. Raises MALFORMED."""
        statement = said.statement
        told = statement.read(Gap) if statement.kind == GAP_KIND else statement.read(TelemetryBatch)
        return self.ingest.offer(said.ref, told, len(statement.body))

    async def _load(self) -> Received:
        now_ms = self._parts.clock().wall_ms
        async with self._parts.database.read() as tx:
            for host in await telemetry_hosts.every(tx):
                self._known.put_host(host)
            began = await series_rows.latest_starts(tx)
            async for rows in series_rows.every(tx):
                for row in rows:
                    self._known.put(row).began = began.get(row.id, 0)
            for number, time, value in await sample_reads.newest(tx, now_ms - STALE_MS, now_ms + STALE_MS):
                series = self._known.by_id.get(number)
                if series is not None:
                    series.time, series.value = time, value
            return Received(await received_rows.every(tx))
