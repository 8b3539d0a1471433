"""Changes as JSON, and catching up."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.controller.api.stream_changes import History, delta, said
from guestwire.controller.feed import Change
from guestwire.controller.host_ref import HostRef


def change(key: str, value: Any = 1) -> Change:
    return Change("host", key, None if value is None else {"value": value}, (HostRef("plant", key),))


def test_a_change_as_json() -> None:
    found = said(Change("job", 'a"b\n', {"ä": [1, None]}, (HostRef("plant", "h1"),)))
    assert json.loads(found.text) == {"kind": "job", "key": 'a"b\n', "document": {"ä": [1, None]}}
    assert json.loads(found.gone) == {"kind": "job", "key": 'a"b\n', "document": None}
    assert json.loads(delta(7, [found.text, found.gone])) == {
        "type": "delta", "revision": 7, "changes": [json.loads(found.text), json.loads(found.gone)],
    }  # fmt: skip
    assert said(Change("job", "x", None)).text == said(Change("job", "x", None)).gone


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=30)
@given(st.text(), st.dictionaries(st.text(), _VALUES, max_size=4))
def test_any_document(key: str, document: dict[str, Any]) -> None:
    found = said(Change("draft", key, document))
    assert json.loads(found.text) == {"kind": "draft", "key": key, "document": document}


def test_catching_up() -> None:
    history = History()
    for n in range(5):
        history.add([change(f"h{n}", n), change("same", n)])
    assert history.revision == 5
    missed = history.since(3)
    assert missed is not None
    assert [(one.key, one.document) for one in missed] == [
        ("h3", {"value": 3}),
        ("h4", {"value": 4}),
        ("same", {"value": 4}),
    ]
    assert history.since(5) == ()
    assert len(history.since(0) or ()) == 6
    assert history.since(6) is None
    assert history.since(-1) is None


def test_what_is_not_remembered_cannot_be_caught_up_with() -> None:
    history = History(remembered=10)
    for n in range(8):
        history.add([change(f"h{n}-{m}") for m in range(3)])
    assert history.since(4) is None
    assert len(history.since(5) or ()) == 9
    history.forget()
    assert [history.since(n) for n in range(9)] == [None] * 9
    assert history.since(history.revision) == ()
    history.add([change("x")])
    assert [one.key for one in history.since(history.revision - 1) or ()] == ["x"]


def test_one_batch_is_remembered_however_large() -> None:
    history = History(remembered=2)
    history.add([change(f"h{n}") for n in range(50)])
    assert len(history.since(0) or ()) == 50


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9)), min_size=1, max_size=4), max_size=12
    ),
    st.integers(0, 12),
    st.integers(1, 12),
)
def test_who_catches_up_has_what_they_would_have_had(
    batches: list[list[tuple[str, int | None]]], seen: int, remembered: int
) -> None:
    """Either everything is told anew, or what is sent leads to the same."""
    history = History(remembered)
    states: list[dict[str, Any]] = [{}]
    for batch in batches:
        history.add([change(*one) for one in batch])
        states.append({**states[-1], **{key: None if value is None else {"value": value} for key, value in batch}})
    missed = history.since(seen)
    if missed is not None:
        assert {**states[seen], **{one.key: one.document for one in missed}} == states[-1]
    elif seen <= len(batches):
        assert sum(len(batch) for batch in batches[seen:]) > remembered or len(batches) - seen > remembered
