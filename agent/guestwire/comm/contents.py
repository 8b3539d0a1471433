"""What lies in the areas now: how full rings are, who holds locks. Guests may write anything over these words at any time,
so each is read once, and what makes no sense is told as not sound."""

from collections.abc import Callable, Mapping

from guestwire.comm.placement import PlacedLock, PlacedRing, Placements
from guestwire.comm.region import Region
from guestwire.model.areas import Queue
from guestwire.protocol.comm_models import LockView, QueueView, RingView
from guestwire.shm.layouts import LOCK, NUMBERS, RING

WAITERS: int = NUMBERS["GW_LOCK_WAITERS"]
FindRegion = Callable[[str], Region | None]
"""The region of an area, by the area's name."""


def ring_view(ring: PlacedRing, region: Region) -> RingView:
    """`put` and `taken` as they are written there; `depth` is 0 where they make no sense."""
    put = region.load64(ring.offset + RING.offsets["head"])
    taken = region.load64(ring.offset + RING.offsets["tail"])
    sound = 0 <= put - taken <= ring.slots
    return RingView(
        writer=ring.writer, depth=put - taken if sound else 0, put=put, taken=taken,
        refused=region.load64(ring.offset + RING.offsets["refused"]), sound=sound,
    )  # fmt: skip


def queue_view(queue: Queue, placements: Placements, region: Region | None) -> QueueView:
    """A queue and its rings, in the order of its writers; without rings while its region is lost."""
    rings = tuple(ring_view(ring, region) for ring in placements.rings_of(queue.name)) if region is not None else ()
    return QueueView(
        name=queue.name, area=queue.area, slots=queue.slots, slot_bytes=queue.slot_bytes, reader=queue.reader,
        depth=sum(ring.depth for ring in rings), rings=rings,
    )  # fmt: skip


def lock_view(lock: PlacedLock, region: Region, parties: Mapping[int, str]) -> LockView:
    """`parties`: who has which peer number. An owner that is nobody's number is told as not sound."""
    word = region.load32(lock.offset + LOCK.offsets["owner"])
    owner = word & ~WAITERS
    return LockView(
        name=lock.name, area=lock.area, kind=lock.kind, owner=parties.get(owner, "") if owner else "",
        token=region.load64(lock.offset + LOCK.offsets["token"]), waiters=bool(word & WAITERS),
        died=region.load32(lock.offset + LOCK.offsets["died"]) != 0, sound=owner == 0 or owner in parties,
    )  # fmt: skip
