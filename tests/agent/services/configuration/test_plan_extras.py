"""What a plan shows beside the difference of two documents."""

import pytest

from guestwire.agent.services.configuration.plan_extras import missing, mistaken, renumbered, unclear, unsaid
from guestwire.agent.services.configuration.steps import DiskStep, Step
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
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


def test_every_mistake_of_a_folder_is_told_within_reason() -> None:
    issues = [{"path": f"f: override[{n}]", "message": "wrong"} for n in range(10)]
    text = mistaken(A, GuestwireError("DOCUMENT-INVALID", detail={"issues": issues})).message
    assert text.startswith("f: override[0]: wrong; f: override[1]: wrong")
    assert text.endswith("f: override[7]: wrong (and 2 more)")
    assert mistaken(A, GuestwireError("DOCUMENT-INVALID", "too many")).message == "too many"


def test_only_another_identifier_of_the_same_guest_is_a_new_number() -> None:
    other = A.model_copy(update={"id": "GUEST0007"})
    assert [issue.path for issue in renumbered(Desired(guests=(A, B)), Desired(guests=(other, B)))] == ["guests.a.id"]
    assert not list(renumbered(Desired(guests=(B,)), Desired(guests=(A, B))))


def test_disks_that_nobody_can_tell_apart_are_named() -> None:
    open_disk = A.model_copy(update={"disks": (Disk(device="cdrom"), Disk(size_mib=10))})
    found = list(unclear(Desired(guests=(A,)), Desired(guests=(open_disk,))))
    assert [(issue.code, issue.path) for issue in found] == [("DISK-UNCLEAR", "guests.a.disks.1")]
