"""What queues and locks take in a memory area: the sizes that the rules count with and guestwire-comm lays them out by.
The numbers are those of the layouts in shared memory, which a test compares."""

from collections.abc import Iterable

from guestwire.model.areas import Lock, Queue

BLOCK_ALIGNMENT = 64
"""A cache line: no two blocks share one."""
RING_BYTES = 256
"""The words of a ring (gw_ring), before its slots."""
SLOT_BYTES = 16
"""The head of a slot (gw_slot), before its message."""
SLOT_ALIGNMENT = 16
LOCK_BYTES = 128
"""A lock (gw_lock)."""


def ring_writers(queue: Queue) -> tuple[str, ...]:
    """Who has a ring in the queue: each writer one, however often it is named. Without writers there is none yet."""
    return tuple(dict.fromkeys(queue.writers))


def slot_stride(slot_bytes: int) -> int:
    """Bytes from one slot to the next."""
    return _aligned(SLOT_BYTES + slot_bytes, SLOT_ALIGNMENT)


def ring_block(slots: int, slot_bytes: int) -> int:
    """Bytes that a ring takes in its area."""
    return _aligned(RING_BYTES + slots * slot_stride(slot_bytes), BLOCK_ALIGNMENT)


def lock_block() -> int:
    """Bytes that a lock takes in its area."""
    return _aligned(LOCK_BYTES, BLOCK_ALIGNMENT)


def queue_need(queue: Queue) -> int:
    """Bytes that a queue takes in its area: its rings."""
    return len(ring_writers(queue)) * ring_block(queue.slots, queue.slot_bytes)


def contents_need(queues: Iterable[Queue], locks: Iterable[Lock]) -> int:
    """Bytes that queues and locks of one area take together."""
    return sum(queue_need(queue) for queue in queues) + sum(lock_block() for _ in locks)


def contents_room(size: int) -> int:
    """Bytes of an area of that size that can be taken: blocks are laid from its end downward, the last one aligned."""
    return size - size % BLOCK_ALIGNMENT


def _aligned(size: int, to: int) -> int:
    return -(-size // to) * to
