"""What a plan shows beside the difference of two documents."""

import pytest

from guestwire.agent.services.configuration.plan_items import missing, unsaid
from guestwire.agent.services.configuration.steps import DiskStep, Step
from guestwire.model.desired import Desired
from guestwire.model.guest import Disk, Guest
from guestwire.model.plan import PlanItem

DISKS = (Disk(path="/a", size_mib=10), Disk(path="/b", size_mib=10))
A = Guest(name="a", id="GUEST0001", uuid="00000000-0000-4000-8000-000000000001", disks=DISKS)
B = Guest(name="b", id="GUEST0002", uuid="00000000-0000-4000-8000-000000000002")
GROWN = DiskStep(A, 1, Step("grow-disk", {"path": "/b"}, "grow"))


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (PlanItem(op="create", object="guests.a"), True),
        (PlanItem(op="create", object="guests.b"), False),
        (PlanItem(op="update", object="guests.a", field="disks.1.size_mib"), True),
        (PlanItem(op="update", object="guests.a", field="disks.0.size_mib"), False),
        (PlanItem(op="attach", object="guests.a", field="disks", after='{"path": "/b"}'), True),
        (PlanItem(op="attach", object="guests.a", field="disks", after='{"path": "/c"}'), False),
        (PlanItem(op="update", object="guests.a", field="title"), False),
    ],
)
def test_work_on_a_disk_is_told_once(item: PlanItem, told: bool) -> None:
    found = list(unsaid((GROWN, GROWN), (item,)))
    assert [(one.op, one.object, one.field) for one in found] == ([] if told else [("update", "guests.a", "disks.1")])


def test_guests_that_are_gone_and_not_wanted_are_missing() -> None:
    both, one = Desired(guests=(A, B)), Desired(guests=(A,))
    assert missing(both, one, one, None) == (B,)
    assert missing(both, one, both, None) == missing(both, both, one, None) == missing(both, one, one, A.uuid) == ()
