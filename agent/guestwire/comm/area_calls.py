"""Memory areas as the operations show them, and their bytes for those who may read them."""

import asyncio
import hashlib
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

    def list_all(self, _call: Call) -> w.AreaList:
        areas = {area.name: area for area in reversed(self._holdings.held.document.areas)}
        return w.AreaList(areas=tuple(self._view(areas[name]) for name in sorted(areas)))

    def show(self, call: Call) -> w.AreaView:
        """Raises NOT-FOUND."""
        return self._view(self._area(call.request.name))

    async def dump(self, call: Call) -> w.AreaBytes:
        """Raises NOT-FOUND, COMM-DENIED, REGION-LOST."""
        asked: w.AreaDump = call.request
        area = self._area(asked.name)
        party = party_of(call)
        if not self._holdings.access(party, area.name).read:
            self._denied(call.asked_as, "read", area.name)
            text = f"{party} may not read {area.name}: name it in the area's overrides."
            raise GuestwireError("COMM-DENIED", text, field="name")
        end = self._clock().mono + asked.wait_s
        while True:
            found = self._bytes(area, asked)
            left = end - self._clock().mono
            if found.digest != asked.digest or left <= 0:
                return found
            await asyncio.sleep(min(LOOK_EVERY_S, left))

    def _bytes(self, area: MemoryArea, asked: w.AreaDump) -> w.AreaBytes:
        region = self._region(area.name)
        size = min(self._holdings.held.placements.data_size(area), region.size)
        data = region.read(asked.offset, max(0, min(asked.length, size - asked.offset)))
        over = region.read(0, size) if size <= WHOLE_DIGEST else data
        return w.AreaBytes(
            name=area.name, offset=asked.offset, data=data, digest=hashlib.sha256(over).digest(),
            at=self._clock().wall_ms,
        )  # fmt: skip

    def _area(self, name: str) -> MemoryArea:
        found = next((area for area in self._holdings.held.document.areas if area.name == name), None)
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
