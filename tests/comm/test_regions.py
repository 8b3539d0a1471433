"""The store of regions: indices, what is set aside and comes back, and what is taken up after a restart."""

import os
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from guestwire.comm.region import Region, RegionKind, RegionRow
from guestwire.comm.regions import FIRST_INDEX, LAST_INDEX, RegionsState, RegionStore, lost_error
from guestwire.model.errors import GuestwireError
from guestwire.shm.layouts import NUMBERS

AREA, DIRECTORY, DIRECT, CONTROL = RegionKind.AREA, RegionKind.DIRECTORY, RegionKind.DIRECT, RegionKind.CONTROL
MIB = 1 << 20
DATA = NUMBERS["GW_DATA_OFFSET"]


class Kept:
    """A keeper that remembers."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}

    def keep(self, word: str, fd: int) -> bool:
        self.words[word] = os.fstat(fd).st_ino
        return True

    def drop(self, word: str) -> None:
        self.words.pop(word, None)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def new(kept: Kept) -> Iterator[Callable[..., RegionStore]]:
    stores: list[RegionStore] = []
    numbers = count(1)

    def one(**given: object) -> RegionStore:
        stores.append(RegionStore(**({"keeper": kept, "generations": lambda: next(numbers)} | given)))  # type: ignore[arg-type]
        return stores[-1]

    yield one
    for store in stores:
        store.close()


def put(region: Region, text: bytes) -> None:
    region.memory[DATA : DATA + len(text)] = text


def test_each_region_has_its_index(new: Callable[..., RegionStore]) -> None:
    store = new()
    assert [store.make(AREA, name, 1).index for name in "abc"] == [2, 3, 4]
    assert store.make(DIRECTORY, "a").index == store.make(DIRECTORY, "b").index == 1
    assert store.make(CONTROL, "a").index == 0
    assert store.make(DIRECT, "a", 64).index == 5
    with pytest.raises(ValueError, match="there is a region"):
        store.make(AREA, "a", 1)


def test_an_index_is_used_again_only_when_all_others_were(new: Callable[..., RegionStore]) -> None:
    store = new(next_index=LAST_INDEX)
    assert store.make(AREA, "a", 1).index == LAST_INDEX
    assert store.make(AREA, "b", 1).index == FIRST_INDEX
    store.set_aside(AREA, "b")
    assert store.reap()[0].index == FIRST_INDEX
    assert store.make(AREA, "c", 1).index == FIRST_INDEX + 1
    again = new(next_index=LAST_INDEX)
    again.make(AREA, "a", 1)
    again._next_index = LAST_INDEX  # as after a whole round
    assert again.make(AREA, "b", 1).index == FIRST_INDEX


def test_all_regions_together_are_bounded(new: Callable[..., RegionStore], kept: Kept) -> None:
    store = new(limit_bytes=3 * MIB)
    store.make(AREA, "a", MIB)
    with pytest.raises(GuestwireError) as caught:
        store.ensure(AREA, "b", MIB)
    assert caught.value.code == "REGION-FULL"
    assert caught.value.detail == {"area": "b", "needed": 2 * MIB, "available": MIB}
    assert [region.name for region in store.held] == ["a"]
    assert len(kept.words) == 1


def test_what_is_set_aside_comes_back_with_its_content(new: Callable[..., RegionStore], kept: Kept) -> None:
    store = new()
    region = store.make(AREA, "a", 1000)
    put(region, b"hello")
    digest = region.digest()
    store.set_aside(AREA, "a")
    assert store.find(AREA, "a") is None
    assert store.total_bytes == MIB
    assert store.bring_back(AREA, "b") is None
    assert store.bring_back(AREA, "a") is region
    assert region.digest() == digest
    store.set_aside(AREA, "a")
    assert [row.generation for row in store.reap()] == [1]
    assert store.total_bytes == 0
    assert region.fd == -1
    assert kept.words == {}
    assert store.bring_back(AREA, "a") is None


def test_a_name_may_be_taken_while_another_waits(new: Callable[..., RegionStore]) -> None:
    store = new()
    store.make(AREA, "a", 1)
    store.set_aside(AREA, "a")
    store.make(AREA, "a", 1)
    with pytest.raises(ValueError, match="there is a region"):
        store.bring_back(AREA, "a")


def test_another_size_is_the_same_region_while_its_backing_has_room(new: Callable[..., RegionStore]) -> None:
    store = new()
    region = store.ensure(AREA, "a", 1000)
    assert store.ensure(AREA, "a", 2000) is region
    assert (region.size, store.aside) == (2000, ())


@pytest.mark.parametrize(("before", "after"), [(1000, MIB), (MIB, 1000)])
def test_another_backing_is_a_new_region_with_the_content(
    new: Callable[..., RegionStore], before: int, after: int
) -> None:
    store = new()
    first = store.ensure(AREA, "a", before)
    put(first, b"hello" + bytes(990) + b"there")
    digest = first.digest()
    second = store.ensure(AREA, "a", after)
    assert second is not first
    assert store.aside == (first,)
    assert second.read(0, 1000) == first.read(0, 1000)
    put(second, b"HELLO")
    assert store.ensure(AREA, "a", before) is first, "the document before brings the region before back"
    assert first.digest() == digest
    assert store.aside == (second,)


def test_a_failure_half_way_leaves_all_as_it_was(new: Callable[..., RegionStore], kept: Kept) -> None:
    store = new(limit_bytes=6 * MIB)
    for name in ("stays", "grows", "goes", "resized"):
        put(store.ensure(AREA, name, 1000), name.encode())
    store.ensure(AREA, "was aside", 1000)
    store.set_aside(AREA, "was aside")
    before = {region.name: (region.generation, region.digest()) for region in store.held}
    words = dict(kept.words)
    mark = store.mark()
    store.set_aside(AREA, "goes")
    store.ensure(AREA, "resized", 2000)
    store.ensure(AREA, "was aside", 3000)
    store.ensure(AREA, "new", 1000)
    with pytest.raises(GuestwireError):
        store.ensure(AREA, "grows", MIB)
    store.back_to(mark)
    assert {region.name: (region.generation, region.digest()) for region in store.held} == before
    assert [(region.name, region.size) for region in store.aside] == [("was aside", 1000)]
    assert kept.words == words


def test_a_restart_finds_all_regions_again(new: Callable[..., RegionStore], kept: Kept) -> None:
    store = new()
    put(store.ensure(AREA, "a", 1000), b"hello")
    store.make(DIRECTORY, "a")
    store.ensure(AREA, "gone", 1)
    store.set_aside(AREA, "gone")
    state = RegionsState.model_validate_json(store.to_state().model_dump_json())
    assert state == store.to_state() == RegionsState.model_validate(store.to_state().model_dump())
    fds = {region.row.word: os.dup(region.fd) for region in (*store.held, *store.aside)}
    store.close()
    kept.words.clear()
    again = new()
    assert again.adopt(state, fds) == ()
    assert again.to_state() == state
    assert len(kept.words) == 3, "those that a QEMU had are kept from now on"
    found = again.find(AREA, "a")
    assert found is not None
    assert found.read(0, 5) == b"hello"
    assert [region.name for region in again.aside] == ["gone"]
    assert again.make(AREA, "b", 1).index == 4


def test_what_is_not_found_is_lost_and_not_made_anew(new: Callable[..., RegionStore], kept: Kept) -> None:
    store = new()
    for name in ("kept", "lost", "false"):
        store.ensure(AREA, name, 1)
    rows = {region.name: region.row for region in store.held}
    strange = os.memfd_create("strange")
    fds = {
        rows["kept"].word: os.dup(store.held[0].fd),
        rows["false"].word: os.dup(store.held[0].fd),
        "gw-9-99": strange,
    }
    kept.words["gw-9-99"] = 1
    again = new()
    assert [row.name for row in again.adopt(store.to_state(), fds)] == ["lost", "false"]
    assert [region.name for region in again.held] == ["kept"]
    assert "gw-9-99" not in kept.words
    assert rows["false"].word not in kept.words
    for fd in (strange, fds[rows["false"].word]):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
    with pytest.raises(ValueError, match="takes up none"):
        again.adopt(store.to_state(), {})


def test_a_lost_region_is_told_with_its_name() -> None:
    error = lost_error(RegionRow(kind=2, name="shm", size=1, backing=MIB, index=3, generation=2**63))
    assert error.code == "REGION-LOST"
    assert "shm" in error.message
    assert error.detail == {"area": "shm", "index": 3, "generation": str(2**63)}


def test_a_generation_that_is_taken_is_not_used_again(new: Callable[..., RegionStore]) -> None:
    numbers = iter((0, 4, 4, 5))
    store = new(generations=lambda: next(numbers))
    assert [store.make(AREA, name, 1).generation for name in "ab"] == [4, 5]
