"""The events of a document: the project's, and those that queues and locks wait on."""

from tests.support.comm_process import document

from guestwire.comm.declarations import declared_events, project_events
from guestwire.comm.placement import Placements, place
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.events import Event

DOCUMENT = document(
    "a", "b", "c",
    areas=(
        MemoryArea(name="shared", size=1 << 16, default_access="RWC-", overrides={"c": "R---"}),
        MemoryArea(name="own", size=1 << 16, default_access="----", overrides={"HOST": "RWC-"}),
    ),
    events=(
        Event(name="one", signal=("a",), wait=("b", "c")),
        Event(name="two", reset="manual", initial=True, signal=("a",), wait=("b", "c")),
        Event(name="straight", signal=("a",), wait=("b",), delivery="direct"),
        Event(name="tick", signal=("HOST", "REMOTE"), wait=("HOST",)),
    ),
    queues=(
        Queue(name="q", area="shared", slots=2, slot_bytes=8, writers=("a", "b"), reader="c"),
        Queue(name="inner", area="own", slots=2, slot_bytes=8, writers=("HOST",), reader="HOST"),
    ),
    locks=(Lock(name="l", area="shared"), Lock(name="m", area="shared"), Lock(name="robust", area="own")),
)  # fmt: skip


def test_every_event_and_what_stands_on_events() -> None:
    placements = place(DOCUMENT, Placements(), {"shared": 1, "own": 2})
    found = {event.name: event for event in declared_events(DOCUMENT, placements)}
    spaces = {f"space:{ring.number}": ring.writer for ring in placements.rings}
    assert set(found) == {"one", "two", "straight", "tick", "queue:q", "queue:inner", "lock:l", "lock:m", *spaces}
    assert {name: event.kind for name, event in found.items() if ":" not in name} == {
        "one": "arbitrated", "two": "arbitrated", "straight": "direct", "tick": "native",
    }  # fmt: skip
    assert (found["two"].manual, found["two"].initial, found["one"].manual) == (True, True, False)
    assert (found["queue:q"].signal, found["queue:q"].wait) == (frozenset("ab"), frozenset("c"))
    assert found["queue:inner"].kind == "native"
    assert found["lock:l"].wait == frozenset(("HOST", "a", "b"))  # who may write the area
    assert all(found[name].hidden and found[name].wait == {writer} for name, writer in spaces.items())
    assert found["one"].wait is found["two"].wait
    assert found["lock:l"].wait is found["lock:m"].wait


def test_of_hidden_events_those_of_the_host_need_a_word() -> None:
    assert [event.name for event in project_events(DOCUMENT)][4:] == ["queue:inner"]
