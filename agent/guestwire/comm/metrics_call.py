"""The operation comm-metrics: counters of everything, in one cheap answer.

It is asked again and again while guests signal and wait: no model is made for a row, and nothing is looked at but counters.
"""

import resource
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from guestwire.comm.contents import ring_view
from guestwire.comm.conversation import HOST, Conversation
from guestwire.comm.events import EventTable
from guestwire.comm.holdings import Holdings
from guestwire.model.access import effective_access, parse_access
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.steps import Call, Now
from guestwire.shm.layouts import LOCK, NUMBERS

if TYPE_CHECKING:
    from guestwire.comm.networks.traffic import PortTraffic

_WAITERS: int = NUMBERS["GW_LOCK_WAITERS"]
_PAGE = resource.getpagesize()
_SIGN = 1 << 63
"""A guest may write any 64 bits: counts do not get that far."""


class NetCounters(Protocol):
    async def traffic(self) -> "Sequence[PortTraffic]": ...

    async def filtered(self) -> Mapping[str, int]: ...


class MetricsCall:
    """`counted` brings the table's counters of direct and native events up to date; `attached`: the guests that run with their
    devices. It is made when the process begins to count."""

    def __init__(
        self,
        holdings: Holdings,
        table: EventTable,
        counted: Callable[[Now], None],
        talks: Callable[[], Sequence[Conversation]],
        attached: Callable[[], Collection[str]],
        networks: NetCounters,
        clock: Callable[[], Now],
    ) -> None:
        self._holdings = holdings
        self._table = table
        self._counted = counted
        self._talks = talks
        self._attached = attached
        self._networks = networks
        self._clock = clock
        self._began_ms = clock().wall_ms

    async def __call__(self, call: Call) -> w.CommMetrics:
        """Raises COMM-NOT-STARTED: what is stopped counts nothing."""
        asked: w.CommMetricsAsked = call.request
        holdings = self._holdings
        if not holdings.serving:
            raise GuestwireError("COMM-NOT-STARTED")
        ports = await self._networks.traffic()
        filtered = await self._networks.filtered() if asked.filtered else {}
        self._counted(self._clock())
        talks = self._talks()
        guests = {talk.way.party: talk.throttle for talk in talks if talk.way.party != HOST}
        return w.CommMetrics(
            began_at=self._began_ms, cpu_s=time.process_time(), resident_bytes=_resident(),
            region_bytes=holdings.store.total_bytes, areas=tuple(self._areas()), events=tuple(self._table.counters()),
            queues=tuple(self._queues()), locks=tuple(self._locks()), ports=tuple(ports),
            filtered=tuple(filtered.items()),
            guests=tuple((name, b.throttle.requests, b.denied, b.times) for name, b in sorted(guests.items())),
            attached=(len(guests), sum(talk.way.party == HOST for talk in talks)),
        )  # fmt: skip

    def _areas(self) -> Iterator[tuple[str, int, int]]:
        running = self._attached()
        for _, area in sorted(self._holdings.held.areas.items()):
            plugged = sum(parse_access(effective_access(area, guest)).plugged for guest in running)
            yield area.name, area.size, plugged

    def _queues(self) -> Iterator[tuple[str, int, int, int, int, int]]:
        held, regions = self._holdings.held, self._holdings.areas()
        for queue in held.document.queues:
            region = regions.get(queue.area)
            if region is None:
                continue
            rings = [ring_view(ring, region) for ring in held.placements.rings_of(queue.name)]
            sums = [sum(words) for words in zip(*((r.depth, r.put, r.taken, r.refused) for r in rings), strict=True)]
            if all(ring.sound for ring in rings) and sums and max(sums) < _SIGN:
                depth, put, taken, refused = sums
                yield queue.name, depth, queue.slots * len(rings), put, taken, refused

    def _locks(self) -> Iterator[tuple[str, int, int, int]]:
        regions = self._holdings.areas()
        for lock in self._holdings.held.placements.locks:
            region = regions.get(lock.area)
            if region is None:
                continue
            word, token = (
                region.load32(lock.offset + LOCK.offsets["owner"]),
                region.load64(lock.offset + LOCK.offsets["token"]),
            )
            if token < _SIGN:
                yield lock.name, int(word & ~_WAITERS != 0), int(word & _WAITERS != 0), token


def _resident() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE
