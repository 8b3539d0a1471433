"""Memory areas as the operations show them, and their bytes for those who may read them."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable

from guestwire.comm.holdings import Holdings
from guestwire.comm.region import Region
from guestwire.comm.trust import party_of
from guestwire.model.access import effective_access, parse_access
from guestwire.model.areas import MemoryArea
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST, REMOTE
from guestwire.protocol import comm_models as w
from guestwire.protocol.steps import Call, Now

WHOLE_DIGEST = 1 << 20
"""Bytes up to which the digest is over the whole area."""
LOOK_EVERY_S = 0.1
"""How often an area is looked at for somebody who waits for a change: a store into memory tells nobody."""
AREAS_AT_ONCE = 4
"""Looked at in LOOK_EVERY_S; while more are waited for, each is looked at less often."""
WAITERS = 64
"""Who waits for a change at once: requests that do not wait find room beside them."""


class AreaCalls:
    """Operations area-list, area-show and area-dump. `attached` says which guests run with their devices."""

    def __init__(
        self,
        holdings: Holdings,
        attached: Callable[[], frozenset[str]],
        denied: Callable[[str, str, str], None],
        clock: Callable[[], Now],
    ) -> None:
        self._holdings = holdings
        self._attached = attached
        self._denied = denied
        self._clock = clock
        self._waited: Counter[str] = Counter()
        self._looks: dict[int, tuple[float, bytes]] = {}

    def list_all(self, _call: Call) -> w.AreaList:
        areas = self._holdings.held.areas
        return w.AreaList(areas=tuple(self._view(areas[name]) for name in sorted(areas)))

    def show(self, call: Call) -> w.AreaView:
        """Raises NOT-FOUND."""
        return self._view(self._area(call.request.name))

    async def dump(self, call: Call) -> w.AreaBytes:
        """Raises NOT-FOUND, COMM-DENIED, REGION-LOST, BUSY."""
        asked: w.AreaDump = call.request
        found = self._readable(call, asked)
        if found.digest != asked.digest or not asked.wait_s:
            return found
        if self._waited.total() >= WAITERS:
            raise GuestwireError("BUSY", f"{WAITERS} others wait for areas to change.", after_ms=1000)
        self._waited[asked.name] += 1
        try:
            return await self._changed(call, asked)
        finally:
            self._waited -= Counter((asked.name,))

    async def _changed(self, call: Call, asked: w.AreaDump) -> w.AreaBytes:
        """Once it is another, or after the time. The right to read it is looked at each time, as the area is."""
        end = self._clock().mono + asked.wait_s
        while True:
            left = end - self._clock().mono
            await asyncio.sleep(max(0.0, min(LOOK_EVERY_S * max(1.0, len(self._waited) / AREAS_AT_ONCE), left)))
            found = self._readable(call, asked)
            if found.digest != asked.digest or left <= 0:
                return found

    def _readable(self, call: Call, asked: w.AreaDump) -> w.AreaBytes:
        area = self._area(asked.name)
        party = party_of(call)
        if not self._holdings.access(party, area.name).read:
            self._denied(call.asked_as, "read", area.name)
            text = f"{party} may not read {area.name}: name it in the area's overrides."
            raise GuestwireError("COMM-DENIED", text, field="name")
        return self._bytes(area, asked)

    def _bytes(self, area: MemoryArea, asked: w.AreaDump) -> w.AreaBytes:
        region = self._region(area.name)
        size = min(self._holdings.held.placements.data_size(area), region.size)
        data = region.read(asked.offset, max(0, min(asked.length, size - asked.offset)))
        digest = self._digest(region, size) if size <= WHOLE_DIGEST else hashlib.sha256(data).digest()
        return w.AreaBytes(
            name=area.name, offset=asked.offset, data=data, digest=digest, at=self._clock().wall_ms
        )  # fmt: skip

    def _digest(self, region: Region, size: int) -> bytes:
        """Over its data. While somebody waits for it, all who do share a look."""
        mono = self._clock().mono
        at, digest = self._looks.get(region.generation, (-LOOK_EVERY_S, b""))
        if region.name in self._waited and mono - at < LOOK_EVERY_S / 2:
            return digest
        digest = hashlib.sha256(region.read(0, size)).digest()
        self._looks = {one: look for one, look in self._looks.items() if mono - look[0] < LOOK_EVERY_S}
        self._looks[region.generation] = mono, digest
        return digest

    def _area(self, name: str) -> MemoryArea:
        found = self._holdings.held.areas.get(name)
        if found is None:
            raise GuestwireError("NOT-FOUND", f"There is no memory area {name}.", field="name")
        return found

    def _region(self, name: str) -> Region:
        region = self._holdings.areas().get(name)
        if region is None:
            raise GuestwireError("REGION-LOST", field="name", detail={"area": name})
        return region

    def _view(self, area: MemoryArea) -> w.AreaView:
        holdings = self._holdings
        region = holdings.areas().get(area.name)
        placements = holdings.held.placements
        running = self._attached()
        access = []
        for party in (*(guest.name for guest in holdings.held.document.guests), HOST, REMOTE):
            if party == REMOTE and REMOTE not in area.overrides:
                continue
            text = effective_access(area, party)
            attached = party in running and parse_access(text).plugged
            access.append(w.AreaAccess(name=party, access=text, attached=attached))
        return w.AreaView(
            name=area.name, kind=area.kind, size=area.size, data_size=placements.data_size(area),
            backing_size=region.backing if region else 0, index=region.index if region else 0,
            generation=region.generation if region else 0, default_access=area.default_access, access=tuple(access),
            queues=tuple(dict.fromkeys(ring.queue for ring in placements.rings if ring.area == area.name)),
            locks=tuple(lock.name for lock in placements.locks if lock.area == area.name),
        )  # fmt: skip
