"""How a draft stands to its host."""

import pytest

from guestwire.model.desired import Desired, content_hash
from guestwire.model.guest import Disk, Guest, Nic
from guestwire.model.plan import PlanItem, Revision
from guestwire.model.settling import settle
from guestwire.protocol.config_models import ConfigShown
from guestwire.sdk.draft_state import State, changes, identified, state
from guestwire.sdk.project_store import Base

WRITTEN = Desired(guests=(Guest(name="a", nics=(Nic(),), disks=(Disk(size_mib=8),)), Guest(name="b")))
ACTIVE = settle(WRITTEN, Desired(), host="h1", disk_root="/disks")
EDITED = WRITTEN.model_copy(update={"host_cpuset": "0"})
DRIFT = (PlanItem(op="update", object="guests.a", field="memory_mib", drift=True),)


def _shown(desired: Desired = ACTIVE, number: int = 3, drift: tuple[PlanItem, ...] = ()) -> ConfigShown:
    revision = Revision(number=number, hash=content_hash(desired), author="x", applied_at=1)
    return ConfigShown(desired=desired, revision=revision, state="drifted" if drift else "in_sync", drift=drift)


def test_what_the_host_settles_is_no_change() -> None:
    assert changes(ACTIVE, WRITTEN, "h1") == ()
    assert changes(ACTIVE, WRITTEN.model_copy(update={"base_topology": "f", "base_revision": 9}), "h1") == ()
    (item,) = changes(ACTIVE, EDITED, "h1")
    assert item.object == "host_cpuset"


@pytest.mark.parametrize(
    ("draft", "base", "shown", "expected"),
    [
        (None, None, _shown(), "none"),
        (WRITTEN, None, _shown(), "clean"),
        (EDITED, None, _shown(), "dirty"),
        (EDITED, Base(revision=3, desired=ACTIVE), _shown(), "dirty"),
        (WRITTEN, Base(revision=2, desired=ACTIVE), _shown(EDITED), "behind"),
        (EDITED, Base(revision=3, desired=ACTIVE), _shown(drift=DRIFT), "diverged"),
        (EDITED.model_copy(update={"base_revision": 2}), Base(revision=2, desired=ACTIVE), _shown(), "diverged"),
        (WRITTEN.model_copy(update={"base_revision": 1}), Base(revision=1, desired=Desired()), _shown(), "clean"),
    ],
)
def test_states(draft: Desired | None, base: Base | None, shown: ConfigShown, expected: State) -> None:
    assert state(draft, base, shown, "h1") == expected


def test_identifiers_make_a_rename_a_rename() -> None:
    known = identified(WRITTEN, ACTIVE)
    assert [guest.id for guest in known.guests] == ["GUEST0001", "GUEST0002"]
    first = known.guests[0].model_copy(update={"name": "renamed"})
    renamed = known.model_copy(update={"guests": (first, *known.guests[1:])})
    assert [(item.op, item.field) for item in changes(ACTIVE, renamed, "h1")] == [("update", "name")]


def test_identified_twice_is_identified_once() -> None:
    once = identified(WRITTEN, ACTIVE)
    assert identified(once, ACTIVE) == once
