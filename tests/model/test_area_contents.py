"""What queues and locks take: by hand, and against the layouts in shared memory."""

import pytest

from guestwire.model.area_contents import (
    BLOCK_ALIGNMENT,
    LOCK_BYTES,
    RING_BYTES,
    SLOT_BYTES,
    contents_need,
    contents_room,
    lock_block,
    queue_need,
    ring_block,
    ring_writers,
    slot_stride,
)
from guestwire.model.areas import DATA_OFFSET, SMALLEST_BACKING, Lock, MemoryArea, Queue
from guestwire.shm.layouts import LOCK, NUMBERS, RING, SLOT

MIB = 1 << 20


def test_the_numbers_are_those_of_the_layouts() -> None:
    assert NUMBERS["GW_DATA_OFFSET"] == DATA_OFFSET
    assert (RING.size, SLOT.size, LOCK.size) == (RING_BYTES, SLOT_BYTES, LOCK_BYTES)
    assert DATA_OFFSET % BLOCK_ALIGNMENT == 0


@pytest.mark.parametrize(("slot_bytes", "stride"), [(1, 32), (16, 32), (17, 48), (256, 272), (1 << 20, (1 << 20) + 16)])
def test_a_slot_is_its_head_and_its_message_in_steps_of_16(slot_bytes: int, stride: int) -> None:
    assert slot_stride(slot_bytes) == stride


def test_a_ring_takes_whole_cache_lines() -> None:
    assert ring_block(2, 1) == 256 + 2 * 32
    assert ring_block(3, 1) == 256 + 128  # three slots are 96 bytes
    assert lock_block() == 128


def test_one_ring_for_each_writer() -> None:
    queue = Queue(name="q", writers=("b", "a", "b"), slots=4, slot_bytes=256)
    assert ring_writers(queue) == ("b", "a")
    assert queue_need(queue) == 2 * 1344
    assert queue_need(Queue(name="q")) == 0
    assert contents_need([queue, queue], [Lock(name="l")]) == 4 * 1344 + 128


@pytest.mark.parametrize(("size", "room"), [(63, 0), (64, 64), (127, 64), (MIB, MIB)])
def test_an_end_that_is_not_aligned_is_not_used(size: int, room: int) -> None:
    assert contents_room(size) == room


@pytest.mark.parametrize(
    ("size", "backing"),
    [
        (1, MIB), (MIB - DATA_OFFSET, MIB), (MIB - DATA_OFFSET + 1, 2 * MIB), (MIB, 2 * MIB), (6 * MIB, 8 * MIB),
        (512 * MIB, 1024 * MIB), (0, MIB), (-5, MIB),
    ],
)  # fmt: skip
def test_a_region_holds_the_header_and_the_area(size: int, backing: int) -> None:
    assert MemoryArea(name="a", size=size).backing_size == backing >= SMALLEST_BACKING
