"""What one viewer has before it: the newest of each thing, and not without end."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.api.stream_backlog import Backlog
from guestwire.controller.api.stream_changes import Batch, History
from guestwire.controller.api.stream_view import KINDS, View, Wanted
from guestwire.controller.feed import Change
from guestwire.controller.host_ref import HostRef
from guestwire.controller.users.access import Visibility

ALL = View(Visibility(all=True), KINDS, Wanted(KINDS), None)
SOME = View(Visibility(hosts=frozenset({HostRef("plant", "a")})), KINDS, Wanted(KINDS), None)


def change(key: str, value: int = 0) -> Change:
    return Change("host", key, {"value": value}, (HostRef("plant", key),))


def told(backlog: Backlog, view: View = ALL) -> Any:
    text = backlog.take(view)
    return None if text is None else json.loads(text)


def test_a_batch_goes_through_as_it_is() -> None:
    history, one, two = History(), Backlog(), Backlog()
    batch = history.add([change("a"), change("b")])
    for backlog in (one, two):
        backlog.put(batch)
        assert backlog.some.is_set()
    first = one.take(ALL)
    assert two.take(ALL) is first  # the very same text
    assert not one.some.is_set()
    assert one.take(ALL) is None


def test_what_waits_is_put_together() -> None:
    history, backlog = History(), Backlog()
    for n in range(3):
        backlog.put(history.add([change("a", n), change(f"x{n}", n)]))
    message = told(backlog)
    assert message["revision"] == 3
    assert [(one["key"], one["document"]["value"]) for one in message["changes"]] == [
        ("x0", 0),
        ("x1", 1),
        ("a", 2),
        ("x2", 2),
    ]


def test_who_resumes_misses_nothing_that_waited() -> None:
    """A heartbeat says what was told, not what there is."""
    history, backlog = History(), Backlog()
    backlog.begin(history.revision)
    for n in range(3):
        backlog.put(history.add([change("a", n)]))
    assert (backlog.told, history.revision) == (0, 3)
    assert told(backlog)["revision"] == backlog.told == 3
    backlog.put(history.add([change("b")]))
    assert told(backlog, SOME) is None
    assert backlog.told == 4


def test_what_one_may_not_see_is_no_message() -> None:
    history, backlog = History(), Backlog()
    backlog.put(history.add([change("b")]))
    assert told(backlog, SOME) is None
    for key in ("b", "a"):
        backlog.put(history.add([change(key)]))
    assert [one["key"] for one in told(backlog, SOME)["changes"]] == ["a"]


def test_who_is_too_far_behind_begins_anew() -> None:
    history, backlog = History(), Backlog(behind=10)
    for n in range(4):
        backlog.put(history.add([change(f"h{n}-{m}") for m in range(3)]))
    assert backlog.lost
    assert backlog.some.is_set()
    backlog.put(history.add([change("x")]))
    backlog.begin(history.revision)
    assert not backlog.lost
    assert told(backlog) is None
    backlog.put(history.add([change("y")]))
    assert [one["key"] for one in told(backlog)["changes"]] == ["y"]


def test_the_same_things_again_and_again_are_not_many() -> None:
    history, backlog = History(), Backlog(behind=10)
    for n in range(1000):
        backlog.put(history.add([change(f"h{n % 5}", n)]))
    assert not backlog.lost
    assert {one["document"]["value"] for one in told(backlog)["changes"]} == {995, 996, 997, 998, 999}


@given(
    st.lists(
        st.tuples(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), max_size=5), st.booleans()),
        max_size=20,
    )
)
def test_whenever_it_is_taken_the_newest_is_there(steps: list[tuple[list[tuple[str, int]], bool]]) -> None:
    history, backlog = History(), Backlog()
    newest: dict[str, int] = {}
    shown: dict[str, int] = {}
    for changes, take in [*steps, ([], True)]:
        if changes:
            backlog.put(history.add([change(*one) for one in changes]))
            newest |= dict(changes)
        if take:
            message = told(backlog)
            if message is not None:
                assert len({one["key"] for one in message["changes"]}) <= len(message["changes"])
                shown |= {one["key"]: one["document"]["value"] for one in message["changes"]}
            assert shown == newest


def test_a_batch_by_itself() -> None:
    backlog = Backlog()
    backlog.put(Batch(4, ()))
    assert told(backlog) is None
    assert backlog.revision == 4
