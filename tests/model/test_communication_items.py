"""What taking and giving costs: a table for every kind of thing that guests share."""

import pytest

from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.base import Model
from guestwire.model.communication_items import field_changes
from guestwire.model.events import Event
from guestwire.model.networks import VirtualNet

AREA = MemoryArea(name="m", size=1 << 20, default_access="RWC-", overrides={"a": "R---"})
EVENT = Event(name="e", signal=("a",), wait=("b", "c"))
QUEUE = Queue(name="q", writers=("a",), reader="b")
GUESTS = ("a", "b")


@pytest.mark.parametrize(
    ("before", "change", "expected"),
    [
        (AREA, {"size": 2 << 20}, [("size", 2)]),
        (AREA, {"kind": "heap"}, [("kind", 1)]),
        (AREA, {"default_access": "R-C-"}, [("default_access", 2)]),
        (AREA, {"default_access": "RW--"}, [("default_access", 1)]),
        (AREA, {"overrides": {"a": "RW--"}}, [("overrides.a", 1)]),
        (AREA, {"overrides": {"a": "----"}}, [("overrides.a", 2)]),
        (AREA, {"overrides": {}}, [("overrides.a", 1)]),
        (AREA, {"overrides": {"a": "R---", "b": "R---"}}, [("overrides.b", 2)]),
        (AREA, {"overrides": {"a": "rubbish"}}, [("overrides.a", 2)]),
        (AREA.model_copy(update={"default_access": "----"}), {"default_access": "R---"}, [("default_access", 1)]),
        (EVENT, {"signal": ("a", "b")}, [("signal", 1)]),
        (EVENT, {"signal": ()}, [("signal", 2)]),
        (EVENT, {"wait": ("c", "b")}, [("wait", 1)]),
        (EVENT, {"wait": ("b",)}, [("wait", 2)]),
        (EVENT, {"initial": True}, [("initial", 1)]),
        (EVENT, {"reset": "manual", "delivery": "direct"}, [("reset", 2), ("delivery", 2)]),
        (QUEUE, {"slots": 128}, [("slots", 2)]),
        (QUEUE, {"writers": ("a", "b")}, [("writers", 2)]),
        (Lock(name="l"), {"area": "m"}, [("area", 2)]),
        (VirtualNet(name="n"), {"airgap": True}, [("airgap", 2)]),
    ],
)
def test_what_a_change_costs(before: Model, change: dict[str, object], expected: list[tuple[str, int]]) -> None:
    after = before.model_copy(update=change)
    found = list(field_changes(before, after, GUESTS))
    assert [(one.field, one.risk) for one in found] == expected
    assert not list(field_changes(after, after, GUESTS))


def test_everybody_an_area_names_has_a_default_of_no_meaning() -> None:
    names = {"a": "RW--", "b": "RW--", "HOST": "R---", "REMOTE": "R---"}
    before = AREA.model_copy(update={"overrides": names})
    after = before.model_copy(update={"default_access": "----"})
    assert [one.risk for one in field_changes(before, after, GUESTS)] == [1]
