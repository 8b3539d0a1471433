"""Where rings and locks lie: never over each other, aligned, inside the area, and where they were."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.comm.placement import Placed, PlacedLock, Placements, laid_anew, place
from guestwire.model.area_contents import contents_need, contents_room
from guestwire.model.areas import DATA_OFFSET, Lock, MemoryArea, Queue
from guestwire.model.communication import CommDocument, CommGuest
from guestwire.model.errors import GuestwireError

GUESTS = tuple(CommGuest(name=name, uuid=f"{n}") for n, name in enumerate(("a", "b")))
SIZE = 1 << 16
NOTHING = Placements()


def document(
    queues: Iterable[Queue] = (), locks: Iterable[Lock] = (), size: int = SIZE, name: str = "m", **area: Any
) -> CommDocument:
    areas = (MemoryArea(name=name, size=size, **area), MemoryArea(name="other", size=SIZE))
    return CommDocument(guests=GUESTS, areas=areas, queues=tuple(queues), locks=tuple(locks))


def queue(name: str = "q", *writers: str, **given: Any) -> Queue:
    settled: dict[str, Any] = {"area": "m", "writers": writers or ("a",), "slots": 4, "slot_bytes": 48}
    return Queue(name=name, **settled | given)


def lock(name: str = "l", area: str = "m") -> Lock:
    return Lock(name=name, area=area)


RING = 512  # the words and four slots of 64
END = DATA_OFFSET + SIZE
REGIONS = {"m": 70, "other": 71}


def where(placements: Placements) -> dict[tuple[str, ...], int]:
    return {placed.key[1:]: END - placed.offset for placed in placements.all}


def test_an_area_is_laid_out_from_its_end_in_the_document_s_order() -> None:
    placements = place(document([queue("q", "a", "b"), queue("r")], [lock()]), NOTHING, REGIONS)
    assert where(placements) == {("q", "a"): RING, ("q", "b"): 2 * RING, ("r", "a"): 3 * RING, ("l",): 3 * RING + 128}
    assert placements.data_size(document().areas[0]) == SIZE - 3 * RING - 128
    assert placements.data_size(document().areas[1]) == SIZE
    assert [ring.number for ring in placements.rings] == [1, 2, 3]
    assert {placed.region for placed in placements.all} == {70}
    assert [ring.writer for ring in placements.rings_of("q")] == ["a", "b"]


def test_an_end_that_is_not_aligned_stays_free() -> None:
    placements = place(document([queue()], size=SIZE + 63), NOTHING, REGIONS)
    assert placements.rings[0].offset == END - RING


def test_no_writers_and_no_area_is_no_ring() -> None:
    wanted = document([queue(writers=()), queue("r", area="missing")], [lock(area="missing")])
    assert place(wanted, NOTHING, REGIONS).all == ()


def test_what_is_unchanged_stays_and_others_fill_the_gaps() -> None:
    first = place(document([queue("q"), queue("r"), queue("s")], [lock("l")]), NOTHING, REGIONS)
    wanted = document(
        [queue("big", slots=16), queue("small", slots=2), queue("s"), queue("q", reader="b")], [lock("l")]
    )
    second = place(wanted, first, REGIONS)
    now, before = where(second), where(first)
    for name in (("s", "a"), ("q", "a"), ("l",)):
        assert now[name] == before[name]
    assert now["small", "a"] == RING + 384, "into the gap that r left"
    assert now["big", "a"] == before[("l",)] + 1280, "the first gap is too small for it"
    assert {placed.key[1] for placed in laid_anew(first, second)} == {"big", "small"}
    assert [ring.number for ring in second.rings] == [4, 5, 3, 1]
    assert len({placed.generation for placed in (*first.all, *second.all)}) == 6


@pytest.mark.parametrize(
    "wanted",
    [
        document([queue(slots=5)], [lock()]),
        document([queue(slot_bytes=49)], [lock()]),
        document([queue("q", "b")], [lock()]),
        document([queue(area="other")], [lock(area="other")]),
    ],
    ids=["slots", "slot_bytes", "writer", "area"],
)
def test_what_is_another_is_laid_anew(wanted: CommDocument) -> None:
    first = place(document([queue()], [lock()]), NOTHING, REGIONS)
    second = place(wanted, first, REGIONS)
    assert second.rings[0].number == 2
    assert second.rings[0] in laid_anew(first, second)
    assert second.rings[0].generation > first.rings[0].generation


def test_another_region_is_laid_out_anew() -> None:
    wanted = document([queue()], [lock()])
    first = place(wanted, NOTHING, REGIONS)
    second = place(wanted, first, REGIONS | {"m": 99})
    assert laid_anew(first, second) == second.all
    assert where(second) == where(first)


def test_an_area_that_grew_keeps_what_it_has() -> None:
    first = place(document([queue()]), NOTHING, REGIONS)
    second = place(document([queue(), queue("r")], size=SIZE + 4096), first, REGIONS)
    assert second.rings[0] == first.rings[0]
    assert second.rings[1].offset == END + 4096 - RING


def test_an_area_that_shrank_lays_out_anew_what_is_outside() -> None:
    first = place(document([queue("q"), queue("r")]), NOTHING, REGIONS)
    second = place(document([queue("q"), queue("r")], size=SIZE - RING), first, REGIONS)
    assert second.rings[1] == first.rings[1]
    assert second.rings[0].offset == first.rings[1].offset - RING


def test_what_is_missing_is_told() -> None:
    with pytest.raises(GuestwireError) as caught:
        place(document([queue("q", "a", "b")], size=1000), NOTHING, REGIONS)
    assert (caught.value.code, caught.value.field) == ("REGION-FULL", "queues.q.area")
    assert caught.value.detail == {"area": "m", "needed": RING, "available": 448, "missing": 64}
    assert "the queue q, for its writer b, takes 512 bytes" in caught.value.message
    with pytest.raises(GuestwireError) as caught:
        place(document(locks=[lock()], size=127), NOTHING, REGIONS)
    assert (caught.value.field, caught.value.detail["available"]) == ("locks.l.area", 64)
    with pytest.raises(GuestwireError):
        place(document([queue(slots=1 << 16, slot_bytes=1 << 20)]), NOTHING, REGIONS)


@pytest.mark.parametrize(
    ("access", "kind"),
    [
        ({}, "shared"), ({"default_access": "R---"}, "robust"), ({"default_access": "----"}, "robust"),
        ({"default_access": "R---", "overrides": {"b": "RW--"}}, "shared"),
        ({"default_access": "R---", "overrides": {"HOST": "RW--", "gone": "RW--"}}, "robust"),
        ({"overrides": {"a": "R---", "b": "----"}}, "robust"),
    ],
)  # fmt: skip
def test_a_lock_is_robust_where_no_guest_can_write(access: dict[str, Any], kind: str) -> None:
    assert place(document(locks=[lock()], **access), NOTHING, REGIONS).locks[0].kind == kind


def test_a_lock_of_another_kind_is_laid_anew() -> None:
    first = place(document(locks=[lock()]), NOTHING, REGIONS)
    second = place(document(locks=[lock()], default_access="R---"), first, REGIONS)
    assert laid_anew(first, second) == second.locks


def test_a_state_that_makes_no_sense_is_not_followed() -> None:
    wanted = document([queue("q"), queue("r")], [lock()])
    good = place(wanted, NOTHING, REGIONS)
    over = good.rings[0].model_copy(update={"offset": good.rings[1].offset + 64})
    outside = good.locks[0].model_copy(update={"offset": 0})
    bad = good.model_copy(update={"rings": (over, good.rings[1]), "locks": (outside,)})
    check(place(wanted, bad, REGIONS).all, SIZE)


def test_numbers_go_on_after_going_back() -> None:
    first = place(document([queue()]), NOTHING, REGIONS)
    second = place(document([queue("r")]), first, REGIONS)
    back = first.counting_on(second)
    assert back.rings == first.rings
    assert place(document([queue("s")]), back, REGIONS).rings[0].number == 3


def test_a_state_goes_through_json() -> None:
    placements = place(document([queue()], [lock()]), NOTHING, REGIONS)
    assert Placements.model_validate_json(placements.model_dump_json()) == placements
    assert Placements.model_validate(placements.model_dump()) == placements


def check(placed: tuple[Placed, ...], size: int) -> None:
    """Aligned, inside, and never two in one place."""
    at = DATA_OFFSET
    for one in sorted(placed, key=lambda one: one.offset):
        assert one.offset % 64 == 0
        assert at <= one.offset
        at = one.offset + one.length
    assert at <= DATA_OFFSET + size


QUEUES = st.lists(
    st.builds(
        queue, st.sampled_from("pqrst"), st.sampled_from("ab"), slots=st.integers(2, 40), slot_bytes=st.integers(1, 300),
        writers=st.lists(st.sampled_from("abc"), max_size=3).map(tuple),
    ),
    max_size=5, unique_by=lambda queue: queue.name,
)  # fmt: skip
LOCKS = st.lists(st.sampled_from("klmn"), unique=True).map(lambda names: [lock(name) for name in names])


def placed_or_full(wanted: CommDocument, held: Placements) -> Placements | str:
    try:
        return place(wanted, held, REGIONS)
    except GuestwireError as err:
        return err.code


def layout(placed: Placed) -> Placed:
    """What is asked for, without where it is."""
    update = {"generation": 0, "offset": 0} | ({} if isinstance(placed, PlacedLock) else {"number": 0})
    return placed.model_copy(update=update)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(QUEUES, LOCKS, st.integers(1, SIZE)), min_size=1, max_size=5))
def test_one_document_after_the_other(documents: list[tuple[list[Queue], list[Lock], int]]) -> None:
    held, numbers = NOTHING, set[int]()
    for queues, locks, size in documents:
        wanted = document(queues, locks, size)
        after = placed_or_full(wanted, held)
        if isinstance(after, str):
            assert after == "REGION-FULL"
            assert held is not NOTHING or contents_need(queues, locks) > contents_room(size)
            continue
        check(after.all, size)
        assert len(after.locks) == len(locks)
        assert len(after.rings) == sum(len(set(queue.writers)) for queue in queues)
        assert place(wanted, after, REGIONS) == after, "the same document changes nothing"
        before = {placed.key: placed for placed in held.all}
        for placed in after.all:
            old = before.get(placed.key)
            if old and layout(old) == layout(placed) and old.offset + old.length <= DATA_OFFSET + size:
                assert placed == old
        fresh = {placed.number for placed in laid_anew(held, after) if not isinstance(placed, PlacedLock)}
        assert not fresh & numbers
        numbers |= fresh
        held = after
