"""What is read out of the areas, also when somebody wrote anything over it."""

import random
from collections.abc import Iterator

import pytest

from guestwire.comm.contents import lock_view, queue_view, ring_view
from guestwire.comm.placement import Placements, place
from guestwire.comm.region import Region, RegionKind
from guestwire.comm.regions import RegionStore
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.communication import CommDocument, CommGuest
from guestwire.shm.layouts import LOCK, NUMBERS, RING

QUEUE = Queue(name="q", area="m", slots=8, writers=("a", "b"), reader="c")
DOCUMENT = CommDocument(
    guests=(CommGuest(name="a", uuid="1"),), areas=(MemoryArea(name="m", size=1 << 16),), queues=(QUEUE,),
    locks=(Lock(name="l", area="m"),),
)  # fmt: skip
PLACEMENTS = place(DOCUMENT, Placements(), {"m": 1})
ONE, TWO = PLACEMENTS.rings
HELD = PLACEMENTS.locks[0]
WAITERS = NUMBERS["GW_LOCK_WAITERS"]
BIG = 2**64 - 1


@pytest.fixture
def region() -> Iterator[Region]:
    store = RegionStore()
    yield store.make(RegionKind.AREA, "m", 1 << 16)
    store.close()


@pytest.mark.parametrize(
    ("head", "tail", "depth", "sound"),
    [
        (0, 0, 0, True), (5, 2, 3, True), (1008, 1000, 8, True), (BIG, BIG - 8, 8, True),
        (9, 0, 0, False), (2, 3, 0, False), (0, BIG, 0, False), (BIG, 0, 0, False),
    ],
)  # fmt: skip
def test_a_ring_is_sound_when_its_depth_can_be(region: Region, head: int, tail: int, depth: int, sound: bool) -> None:
    region.store64(ONE.offset + RING.offsets["head"], head)
    region.store64(ONE.offset + RING.offsets["tail"], tail)
    region.store64(ONE.offset + RING.offsets["refused"], 4)
    view = ring_view(ONE, region)
    assert (view.depth, view.sound, view.put, view.taken, view.refused) == (depth, sound, head, tail, 4)


def test_a_queue_has_a_ring_for_each_writer(region: Region) -> None:
    for ring, depth in ((ONE, 3), (TWO, 4)):
        region.store64(ring.offset + RING.offsets["head"], depth)
    view = queue_view(QUEUE, PLACEMENTS, region)
    assert (view.depth, view.reader, [(ring.writer, ring.depth) for ring in view.rings]) == (
        7,
        "c",
        [("a", 3), ("b", 4)],
    )
    assert queue_view(QUEUE, PLACEMENTS, None).rings == ()


@pytest.mark.parametrize(
    ("word", "owner", "waiters", "sound"),
    [
        (0, "", False, True), (WAITERS, "", True, True), (5, "a", False, True), (5 | WAITERS, "a", True, True),
        (6, "", False, False), (2**32 - 1, "", True, False),
    ],
)  # fmt: skip
def test_the_holder_of_a_lock(region: Region, word: int, owner: str, waiters: bool, sound: bool) -> None:
    region.store32(HELD.offset + LOCK.offsets["owner"], word)
    region.store64(HELD.offset + LOCK.offsets["token"], BIG)
    region.store32(HELD.offset + LOCK.offsets["died"], 2)
    view = lock_view(HELD, region, {5: "a"})
    assert (view.owner, view.waiters, view.sound, view.token, view.died) == (owner, waiters, sound, BIG, True)
    assert (view.kind, view.area) == ("shared", "m")


def test_any_bytes_are_read(region: Region) -> None:
    noise = random.Random(4)
    for _ in range(300):
        region.memory[:] = noise.randbytes(64) * (region.backing // 64)
        queue_view(QUEUE, PLACEMENTS, region).model_dump_json()
        lock_view(HELD, region, {5: "a"}).model_dump_json()
