"""The steps do what the plan shows: each guest that a plan stops is stopped, and no other."""

import itertools
from typing import Any

import pytest

from guestwire.agent.services.configuration.steps import Transition, disk_work, steps
from guestwire.model.desired import Desired
from guestwire.model.facts import FileFact
from guestwire.model.guest import DirectBoot, Disk, Guest, Nic, Override
from guestwire.model.pinning import Pinning
from guestwire.model.planning import Circumstances, diff
from guestwire.model.resolving import Place

UUID = "00000000-0000-4000-8000-000000000001"
DISK = Disk(path="/a", size_mib=10)
DRIVE = Disk(path="/iso", device="cdrom", format="raw")
A = Guest(name="a", id="GUEST0001", uuid=UUID, vcpus=1, disks=(DISK, DRIVE))
ONE, OTHER = (Pinning((frozenset({cpu}),), frozenset({0})) for cpu in (1, 2))


def transition(
    before: Place, after: Place, *, restart: bool = False, runs: bool = True, virtual_mib: int = 10
) -> Transition:
    current, target = Desired(guests=(before.guest,)), Desired(guests=(after.guest,))
    files = {"/a": FileFact(True, "qcow2", virtual_mib), "/b": FileFact(True, "qcow2", virtual_mib)}
    return Transition(
        current, target, {UUID: before}, {UUID: after}, {UUID} if runs else (), restart, (), files
    )  # fmt: skip


CHANGES: tuple[tuple[dict[str, Any], Pinning], ...] = (
    ({"memory_mib": 64}, ONE),
    ({"boot": DirectBoot(kernel="/k")}, ONE),
    ({"overrides": (Override(op="remove", sel="cpu"),)}, ONE),
    ({"title": "x"}, ONE),
    ({"name": "b"}, ONE),
    ({}, OTHER),
    ({"cpuset": "2"}, OTHER),
    ({"cpuset": "2", "vcpus": 2}, OTHER),
    ({"kind": "rt"}, OTHER),
    ({"disks": (DISK, DRIVE.model_copy(update={"path": None}))}, ONE),
    ({"disks": (DISK.model_copy(update={"read_only": True}), DRIVE.model_copy(update={"path": None}))}, ONE),
    ({"disks": (DISK.model_copy(update={"size_mib": 20}), DRIVE)}, ONE),
    ({"disks": (DISK.model_copy(update={"size_mib": 20}),)}, ONE),
    ({"disks": (DRIVE, DISK.model_copy(update={"size_mib": 20}))}, ONE),
    ({}, ONE),
)


@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize(("changes", "pins"), CHANGES)
def test_the_steps_are_what_the_items_say(changes: dict[str, Any], pins: Pinning, restart: bool, runs: bool) -> None:
    before, after = Place(A, ONE), Place(A.model_copy(update=changes), pins)
    change = transition(before, after, restart=restart, runs=runs)
    under = Circumstances(running=frozenset(change.running), restart=restart)
    items = diff(change.current, change.target, under, change.before, change.after)
    kinds = [step.kind for step in steps(change)]
    assert bool(kinds) == bool(items)
    assert ("stop-guest" in kinds) == ("start-guest" in kinds) == any(item.outage_s for item in items)
    live = {item.field for item in items if item.effect == "live"}
    runs_on = runs and "stop-guest" not in kinds
    assert ("retune-guest" in kinds) == (runs_on and not live.isdisjoint({"pins", "cpuset"}))
    assert ("change-medium" in kinds) == (runs_on and "disks.1.path" in live)
    grows = [step for step in steps(change) if step.kind == "grow-disk"]
    wanted = max(disk.size_mib or 0 for disk in change.target.guests[0].disks) > 10
    assert bool(grows) == (wanted and (not runs_on or "disks.0.size_mib" in live))
    assert [step.args["uuid"] for step in grows if runs_on] == [UUID] * (len(grows) * runs_on)


def test_names_that_go_round_in_a_circle_are_passed_on_over_another_one() -> None:
    guests = [Guest(name=name, uuid=f"00000000-0000-4000-8000-00000000000{n}") for n, name in enumerate("abc")]
    renamed = [guest.model_copy(update={"name": name}) for guest, name in zip(guests, "bca", strict=True)]
    change = Transition(
        Desired(guests=tuple(guests)), Desired(guests=tuple(renamed)), {g.uuid or "": Place(g) for g in guests},
        {g.uuid or "": Place(g) for g in renamed}, (), False, (), {},
    )  # fmt: skip
    names = {guest.uuid: guest.name for guest in guests}
    for step in steps(change):
        if step.kind == "define-guest":
            guest = Guest.model_validate_json(step.args["guest"])
            assert guest.name not in {name for uuid, name in names.items() if uuid != guest.uuid}
            names[guest.uuid] = guest.name
    assert names == {guest.uuid: guest.name for guest in renamed}


def test_a_document_that_wants_a_name_twice_has_steps_too() -> None:
    """It is refused, and still planned."""
    guests = [Guest(name=name, uuid=f"00000000-0000-4000-8000-00000000000{n}") for n, name in enumerate("abcd")]
    for wanted in itertools.product("abc", repeat=4):
        renamed = [guest.model_copy(update={"name": name}) for guest, name in zip(guests, wanted, strict=True)]
        before = {g.uuid or "": Place(g) for g in guests[1:]}
        change = Transition(
            Desired(guests=tuple(guests[1:])), Desired(guests=tuple(renamed)), before,
            {g.uuid or "": Place(g) for g in renamed}, (), False, (), {},
        )  # fmt: skip
        defined = {step.args["uuid"] for step in steps(change) if step.kind == "define-guest"}
        assert defined == {g.uuid for g in renamed if before.get(g.uuid or "") != Place(g)}


def test_an_image_that_several_share_grows_once_through_the_one_that_runs() -> None:
    shared = Disk(path="/s", format="raw", shareable=True, size_mib=20)
    guests = tuple(
        Guest(name=name, uuid=f"00000000-0000-4000-8000-00000000000{n}", disks=(shared,)) for n, name in enumerate("ab")
    )
    places = {guest.uuid or "": Place(guest) for guest in guests}
    fact = {"/s": FileFact(True, "raw", 10)}
    change = Transition(
        Desired(guests=guests), Desired(guests=guests), places, places, {guests[1].uuid or ""}, False, (), fact
    )  # fmt: skip
    assert [(one.guest.name, one.live) for one in disk_work(change)] == [("b", True)]


@pytest.mark.parametrize(("runs", "kinds"), [
    (True, ["stop-guest", "define-guest", "write-folder", "start-guest"]), (False, ["define-guest", "write-folder"]),
])  # fmt: skip
def test_a_guest_whose_network_gets_another_bridge_is_defined_anew(runs: bool, kinds: list[str]) -> None:
    guest = A.model_copy(update={"nics": (Nic(network="n"),)})
    before, after = Place(guest, ONE, (("n", "old"),)), Place(guest, ONE, (("n", "new"),))
    made = steps(transition(before, after, runs=runs))
    assert [step.kind for step in made if step.kind != "grow-disk"] == kinds
    assert next(step.args["bridges"] for step in made if step.kind == "define-guest") == {"n": "new"}


def test_a_guest_that_somebody_deleted_leaves_no_folder() -> None:
    change = Transition(Desired(), Desired(), {}, {}, (), False, (), {}, missing=(A,))
    assert [(step.kind, dict(step.args)) for step in steps(change)] == [("remove-folder", {"id": "GUEST0001"})]


def test_only_the_disks_of_the_named_guest_are_made() -> None:
    place = Place(A, ONE)
    change = transition(place, place, runs=False, virtual_mib=5)
    assert [step.kind for step in steps(change)] == ["grow-disk"]
    alone = Transition(
        change.current, change.target, change.before, change.after, (), False, (), change.files, named=("another",)
    )  # fmt: skip
    assert steps(alone) == ()
