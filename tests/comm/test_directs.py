"""Where words of direct and native events lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.comm.directs import HOST_REGION, OFFSETS, VECTORS, DirectPlace, pairs, place_directs, region_of
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event


def direct(name: str, signal: str = "a", wait: str = "b") -> Event:
    return Event(name=name, signal=(signal,), wait=(wait,), delivery="direct")


def native(name: str) -> Event:
    return Event(name=name, signal=("HOST",), wait=("HOST",))


def test_a_pair_has_a_region_and_a_waiter_a_vector_for_each() -> None:
    places = place_directs([direct("1"), direct("2"), direct("back", "b", "a"), native("n"), Event(name="other")], {})
    assert set(places) == {"1", "2", "back", "n"}
    assert {places[name].region for name in ("1", "2", "back")} == {region_of("b", "a")}
    assert (places["n"].region, places["n"].vector) == (HOST_REGION, 0)
    assert len({(place.region, place.offset) for place in places.values()}) == 4
    assert pairs(places) == {("a", "b"): frozenset({1, 2}), ("b", "a"): frozenset({1})}


def test_what_stays_declared_stays_where_it_is() -> None:
    before = place_directs([direct("1"), direct("2"), direct("3")], {})
    after = place_directs([direct("3"), direct("new"), direct("2", "a", "c")], before)
    assert after["3"] == before["3"]
    assert after["new"].vector == before["1"].vector
    assert after["2"].region == region_of("a", "c")


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([direct(str(n)) for n in range(len(VECTORS) + 1)], "b waits for more direct events than the 15"),
        ([native(str(n)) for n in range(len(OFFSETS) + 1)], "words of their region"),
    ],
    ids=["vectors", "words"],
)
def test_no_place_is_left(events: list[Event], why: str) -> None:
    with pytest.raises(GuestwireError, match="EVENTS-EXHAUSTED") as refused:
        place_directs(events, {})
    assert why in refused.value.message


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 1 << 21)),
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 40)),
)
def test_a_state_that_makes_no_sense_gives_nobody_the_place_of_another(
    offsets: dict[str, int], vectors: dict[str, int]
) -> None:
    wanted = [direct(name) for name in "abcdefgh"]
    before = {
        name: DirectPlace(
            event=name, region=region_of("a", "b"), offset=offset, signal="a", wait="b", vector=vectors.get(name, 1),
            manual=False,
        )
        for name, offset in offsets.items()
    }  # fmt: skip
    places = place_directs(wanted, before)
    assert len({place.offset for place in places.values()}) == len(wanted)
    assert len({place.vector for place in places.values()}) == len(wanted)
    assert all(place.offset in OFFSETS and place.vector in VECTORS for place in places.values())
