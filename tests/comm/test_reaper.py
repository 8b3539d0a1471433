"""Locks of peers that died, against waiters that behave as a futex mutex does, and against anything else."""

import random
from collections.abc import Callable, Iterator

import pytest

from guestwire.comm.placement import PlacedLock, Placements, place
from guestwire.comm.reaper import Reaper
from guestwire.comm.region import Region, RegionKind
from guestwire.comm.regions import RegionStore
from guestwire.model.areas import Lock, MemoryArea
from guestwire.model.communication import CommDocument, CommGuest
from guestwire.model.errors import GuestwireError
from guestwire.shm.layouts import LOCK, NUMBERS

WAITERS = NUMBERS["GW_LOCK_WAITERS"]
DOCUMENT = CommDocument(
    guests=(CommGuest(name="a", uuid="1"),),
    areas=(MemoryArea(name="m", size=1 << 16), MemoryArea(name="h", size=1 << 16, default_access="R---")),
    locks=(*(Lock(name=name, area="m") for name in ("one", "two", "three")), Lock(name="robust", area="h")),
)  # fmt: skip
LOCKS = {lock.name: lock for lock in place(DOCUMENT, Placements(), {}).locks}


@pytest.fixture
def regions() -> Iterator[dict[str, Region]]:
    store = RegionStore()
    yield {name: store.make(RegionKind.AREA, name, 1 << 16) for name in ("m", "h")}
    store.close()


@pytest.fixture
def placed(regions: dict[str, Region]) -> Callable[[], list[tuple[PlacedLock, Region]]]:
    return lambda: [(lock, regions[lock.area]) for lock in LOCKS.values()]


@pytest.fixture
def reaper(placed: Callable[[], list[tuple[PlacedLock, Region]]]) -> Reaper:
    return Reaper(placed)


@pytest.fixture
def words(regions: dict[str, Region]) -> Callable[..., tuple[int, int]]:
    """The owner and died words of a lock; with an owner given, it is written first."""

    def read(name: str, owner: int | None = None) -> tuple[int, int]:
        lock = LOCKS[name]
        region = regions[lock.area]
        if owner is not None:
            region.store32(lock.offset + LOCK.offsets["owner"], owner)
        return tuple(region.load32(lock.offset + LOCK.offsets[field]) for field in ("owner", "died"))  # type: ignore[return-value]

    return read


def test_a_dead_holder_lets_go_of_its_locks_and_of_no_others(
    reaper: Reaper, words: Callable[..., tuple[int, int]]
) -> None:
    words("one", 5 | WAITERS)
    words("two", 6 | WAITERS)
    words("three", 5)
    words("robust", 5)
    reaped = reaper.release(5)
    assert reaped.freed == ("one", "three")
    assert reaped.wake == ("lock:one", "lock:three")
    assert [words(name) for name in LOCKS] == [(0, 1), (6 | WAITERS, 0), (0, 1), (5, 0)]


def test_a_wake_up_that_died_with_its_waiter_is_made_good(
    reaper: Reaper, words: Callable[..., tuple[int, int]]
) -> None:
    words("one", 0)  # let go and signalled: peer 5 was woken, and died before it took it
    words("two", 6)  # taken by another in the meantime, who does not know of those that wait still
    words("three", 6 | WAITERS)  # who lets it go will signal
    assert reaper.release(5) == ((), ("lock:one", "lock:two"))
    assert [words(name) for name in ("one", "two", "three")] == [(0, 0), (6, 0), (6 | WAITERS, 0)]


@pytest.mark.parametrize("peer", [0, -1, WAITERS, WAITERS | 5, 2**40])
def test_a_number_that_is_no_peer_s_lets_go_of_nothing(
    reaper: Reaper, words: Callable[..., tuple[int, int]], peer: int
) -> None:
    words("one", WAITERS)
    words("two", 5 | WAITERS)
    assert reaper.release(peer).freed == ()
    assert (words("one"), words("two")) == ((WAITERS, 0), (5 | WAITERS, 0))


def test_who_holds_locks_over_a_restart(reaper: Reaper, words: Callable[..., tuple[int, int]]) -> None:
    words("one", 5 | WAITERS)
    words("two", 7)
    words("robust", 8)
    assert reaper.owners() == {5, 7}


def test_a_lock_is_broken_for_a_person(reaper: Reaper, words: Callable[..., tuple[int, int]]) -> None:
    words("one", 5 | WAITERS)
    with pytest.raises(GuestwireError) as caught:
        reaper.break_lock("one", alive={5})
    assert caught.value.code == "LOCK-HELD"
    assert words("one") == (5 | WAITERS, 0)
    assert reaper.break_lock("one", alive={5}, force=True) == (("one",), ("lock:one",))
    assert words("one") == (0, 1)
    words("two", 9)
    assert reaper.break_lock("two", alive={5}).freed == ("two",), "its holder is nobody"
    assert reaper.break_lock("three", alive={5}) == ((), ("lock:three",)), "it is free"
    assert words("three") == (0, 0)


@pytest.mark.parametrize(("name", "code"), [("no", "NOT-FOUND"), ("robust", "UNSUPPORTED")])
def test_a_lock_that_cannot_be_broken(reaper: Reaper, name: str, code: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        reaper.break_lock(name, alive=(), force=True)
    assert caught.value.code == code


def test_any_words_are_reaped(reaper: Reaper, regions: dict[str, Region]) -> None:
    noise = random.Random(4)
    for _ in range(300):
        for region in regions.values():
            region.memory[:] = noise.randbytes(64) * (region.backing // 64)
        for owner in (*reaper.owners(), noise.randrange(2**31)):
            reaper.release(owner)
        assert reaper.owners() == frozenset()
        reaper.break_lock("one", alive=(), force=True)
