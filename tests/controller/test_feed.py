"""The feed: the newest of each thing, in order; who is behind too far is told, and nobody holds anybody up."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.feed import Change, Feed, Subscriber
from guestwire.controller.host_ref import HostRef, host_ref
from guestwire.model.errors import GuestwireError


def _change(key: str, number: int = 0) -> Change:
    return Change("host", key, {"n": number}, (HostRef("plant", "h1"),))


async def test_changes_come_in_order_and_once() -> None:
    feed = Feed()
    assert not feed.watched
    with feed.subscribe() as one, feed.subscribe() as other:
        assert feed.watched
        feed.publish(_change("a"))
        feed.publish(_change("b"))
        assert [change.key for change in await one.take()] == ["a", "b"]
        feed.publish(_change("c"))
        assert [change.key for change in await one.take()] == ["c"]
        assert [change.key for change in await other.take()] == ["a", "b", "c"]
    feed.publish(_change("d"))
    assert not feed.watched


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers())))
def test_a_slow_reader_gets_the_newest_of_each(said: list[tuple[str, int]]) -> None:
    subscriber = Subscriber()
    for key, number in said:
        subscriber.put(_change(key, number))

    async def all_of_it() -> list[Change]:
        return list(await subscriber.take()) if said else []

    taken = asyncio.run(all_of_it())
    assert {change.key: change.document for change in taken} == {key: {"n": number} for key, number in said}
    assert len({change.key for change in taken}) == len(taken)


async def test_who_is_behind_too_far_begins_anew() -> None:
    subscriber = Subscriber(behind=2)
    for key in "abc":
        subscriber.put(_change(key))
    assert subscriber.lost
    assert await subscriber.take() == ()
    subscriber.begin()
    subscriber.put(_change("d"))
    assert not subscriber.lost
    assert [change.key for change in await subscriber.take()] == ["d"]


@pytest.mark.parametrize("text", ["", "plant", "plant/", "/h1", "plant/h1/x", "Plant/h1", "plant/" + "h" * 40])
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(GuestwireError):
        host_ref(text)


def test_a_host_is_written_with_its_site() -> None:
    assert host_ref("plant/h1") == HostRef("plant", "h1")
    assert str(HostRef("plant", "h1")) == "plant/h1"
