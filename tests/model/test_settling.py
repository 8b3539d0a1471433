"""What a document leaves open is given once, in the same way each time, and stays."""

import re
from uuid import RFC_4122, UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from guestwire.model.areas import SYSTEM_AREA, Lock, MemoryArea, Queue, system_area
from guestwire.model.desired import Desired
from guestwire.model.guest import Disk, Guest, Nic, derived_uuid
from guestwire.model.policy import Policy
from guestwire.model.settling import derived_mac, match, settle, unclear_disks

EMPTY = Desired()
SM = Policy(profile="system-manager")


def settled(desired: Desired, active: Desired = EMPTY) -> Desired:
    return settle(desired, active, host="h1", disk_root="/images")


def test_new_guests_get_the_lowest_free_identifiers() -> None:
    active = Desired(guests=(Guest(name="a", id="GUEST0001"), Guest(name="c", id="GUEST0003")))
    target = settled(active.model_copy(update={"guests": (*active.guests, Guest(name="b"), Guest(name="d"))}), active)
    assert [guest.id for guest in target.guests] == ["GUEST0001", "GUEST0003", "GUEST0002", "GUEST0004"]


def test_an_identifier_is_not_given_again_in_the_change_that_takes_its_guest_away() -> None:
    active = settled(Desired(guests=(Guest(name="old"),)))
    target = settled(Desired(guests=(Guest(name="new"),)), active)
    assert target.guests[0].id == "GUEST0002"
    assert target.guests[0].uuid != active.guests[0].uuid


@pytest.mark.parametrize("named_by", ["uuid", "id", "name"])
def test_a_guest_is_the_one_it_names(named_by: str) -> None:
    active = settled(Desired(guests=(Guest(name="a"), Guest(name="b"))))
    known = active.guests[1]
    edited = Guest(**{"name": "b", "memory_mib": 1024, named_by: getattr(known, named_by)})
    target = settled(Desired(guests=(edited,)), active)
    assert (target.guests[0].uuid, target.guests[0].id) == (known.uuid, known.id)


def test_one_that_names_an_identifier_is_not_taken_for_another_by_its_name() -> None:
    active = settled(Desired(guests=(Guest(name="a"), Guest(name="b"))))
    swapped = Desired(guests=(active.guests[0].model_copy(update={"name": "b"}), Guest(name="a")))
    assert list(match(swapped, active)) == [active.guests[0], None]


def test_the_system_managers_numbers_are_given_by_kind() -> None:
    guests = (Guest(name="r", kind="rt"), Guest(name="c", kind="gp_comm"), Guest(name="g", kind="gp"))
    target = settled(Desired(policy=SM, guests=guests))
    assert [(guest.rtos_id, guest.gpos_id) for guest in target.guests] == [(0, None), (1, 1), (None, 2)]
    assert [guest.rtos_id for guest in settled(Desired(guests=guests)).guests] == [None, None, None]


def test_a_disk_without_a_path_gets_one_in_the_guests_folder_and_keeps_it() -> None:
    desired = Desired(guests=(Guest(name="a", disks=(Disk(size_mib=10), Disk(device="cdrom"))),))
    target = settled(desired)
    folder = f"/images/guest0001-{(target.guests[0].uuid or '')[:8]}"
    assert [disk.path for disk in target.guests[0].disks] == [f"{folder}/disk0.qcow2", None]
    renamed = desired.guests[0].model_copy(update={"id": "GUEST0001", "name": "z"})
    assert settled(Desired(guests=(renamed,)), target).guests[0].disks == target.guests[0].disks


def _one(*disks: Disk) -> Desired:
    return Desired(guests=(Guest(name="a", disks=disks),))


TEN, TWENTY, THIRTY = (Disk(size_mib=size) for size in (10, 20, 30))


@pytest.mark.parametrize(
    ("first", "second", "images"),
    [
        ((TEN, TWENTY), (TWENTY,), ["disk1"]),
        ((TEN, TWENTY), (TWENTY, TEN), ["disk1", "disk0"]),
        ((TEN, TWENTY), (TWENTY, TWENTY), ["disk0", "disk1"]),
        ((TEN, TWENTY), (TWENTY, THIRTY), ["disk0", "disk1"]),
        ((TEN, TWENTY), (THIRTY, TEN, TWENTY), ["disk2", "disk0", "disk1"]),
        ((TEN, TWENTY), (TEN, TWENTY, THIRTY), ["disk0", "disk1", "disk2"]),
        ((TEN, TWENTY, THIRTY), (THIRTY, TEN), ["disk2", "disk0"]),
        ((TEN, TWENTY), (Disk(device="cdrom"), TEN, TWENTY), [None, "disk0", "disk1"]),
        ((TEN, TEN), (TEN,), [None]),
        ((TEN, TWENTY), (THIRTY,), [None]),
        ((TEN, TEN, TWENTY), (TEN, TWENTY), [None, "disk2"]),
    ],
)
def test_a_disk_without_a_path_is_the_one_it_was_or_is_left_open(
    first: tuple[Disk, ...], second: tuple[Disk, ...], images: list[str | None]
) -> None:
    active = settled(_one(*first))
    target = settled(_one(*second), active).guests[0]
    found = [None if disk.path is None else disk.path.rpartition("/")[2].partition(".")[0] for disk in target.disks]
    assert found == images
    unclear = unclear_disks(_one(*second).guests[0], active.guests[0])
    assert [target.disks[n].path for n in unclear] == [None] * len(unclear)
    assert bool(unclear) == (None in images and second[0].device == "disk")


def test_a_disk_that_is_named_is_nobody_elses() -> None:
    active = settled(_one(TEN, TEN)).guests[0]
    second = _one(active.disks[0], TEN)
    assert settled(second, Desired(guests=(active,))).guests[0].disks == active.disks


def test_a_guest_made_anew_does_not_get_the_disks_of_the_one_that_was_removed() -> None:
    wanted = Desired(guests=(Guest(name="a", disks=(Disk(size_mib=10),)),))
    first = settle(wanted, EMPTY, host="h1", disk_root="/images", revision=1)
    again = settle(wanted, EMPTY, host="h1", disk_root="/images", revision=3)
    assert first.guests[0].id == again.guests[0].id == "GUEST0001"
    assert first.guests[0].disks != again.guests[0].disks
    assert first.guests[0].uuid != again.guests[0].uuid


def test_an_rt_guest_keeps_the_cpus_it_was_allocated() -> None:
    active = settled(Desired(guests=(Guest(name="r", kind="rt", cpuset="2-3"),)))
    assert settled(Desired(guests=(Guest(name="r", kind="rt"),)), active).guests[0].cpuset == "2-3"
    assert settled(Desired(guests=(Guest(name="r", kind="gp"),)), active).guests[0].cpuset is None


def test_macs_are_local_and_of_host_guest_and_card() -> None:
    target = settled(Desired(guests=(Guest(name="a", nics=(Nic(), Nic())), Guest(name="b", nics=(Nic(),)))))
    macs = [nic.mac for guest in target.guests for nic in guest.nics]
    assert len(set(macs)) == 3
    assert all(mac is not None and re.fullmatch(r"02(:[0-9a-f]{2}){5}", mac) for mac in macs)
    assert [mac[-5:] for mac in macs if mac] == ["01:00", "01:01", "02:00"]
    assert derived_mac("h2", target.guests[0], 0) != macs[0]


names = st.sampled_from(["a", "b", "c", "d"])
guests = st.builds(
    Guest,
    name=names,
    kind=st.sampled_from(["rt", "gp_comm", "gp"]),
    disks=st.lists(st.builds(Disk, size_mib=st.just(10), device=st.sampled_from(["disk", "cdrom"])), max_size=2).map(
        tuple
    ),
    nics=st.lists(st.just(Nic()), max_size=2).map(tuple),
)
documents = st.builds(
    Desired,
    policy=st.sampled_from([Policy(), SM]),
    guests=st.lists(guests, max_size=4, unique_by=lambda guest: guest.name).map(tuple),
)


@given(documents, documents)
def test_settling_is_repeatable_and_changes_nothing_twice(first: Desired, second: Desired) -> None:
    active = settled(first)
    assert settled(active, active) == active
    target = settled(second, active)
    assert settled(target, active) == target == settled(second, active)
    assume(not any(unclear_disks(*pair) for pair in zip(second.guests, match(second, active), strict=True)))
    assert settled(second, target).guests == target.guests
    identifiers = [guest.id for guest in target.guests]
    assert len(set(identifiers)) == len(identifiers)
    assert len({guest.uuid for guest in target.guests}) == len(identifiers)


def test_a_uuid_that_was_given_to_nobody_is_a_version_8_one_of_what_it_stands_for() -> None:
    assert derived_uuid(b"guestwire-guest\0h/0\0GUEST0001\0a") == "53350758-70b2-8ae3-bc79-b921387f019f"
    settled = settle(Desired(guests=(Guest(name="a"),)), Desired(), host="h", disk_root=None)
    assert settled.guests[0].uuid == "53350758-70b2-8ae3-bc79-b921387f019f", "hosts know their guests by it"
    for seed in range(64):
        made = UUID(derived_uuid(bytes([seed])))
        assert (made.version, made.variant) == (8, RFC_4122)


@pytest.mark.parametrize(
    "desired",
    [Desired(queues=(Queue(name="q"),)), Desired(locks=(Lock(name="l"),))],
    ids=["a queue", "a lock"],
)
def test_the_systems_area_is_made_with_the_first_that_lies_in_it(desired: Desired) -> None:
    target = settled(desired)
    assert target.areas == (system_area(),)
    assert (target.areas[0].name, target.areas[0].kind, target.areas[0].size) == (SYSTEM_AREA, "system", 6 << 20)
    assert settled(target) == target


def test_the_systems_area_stays_as_it_is_and_is_not_made_for_nobody() -> None:
    larger = system_area().model_copy(update={"size": 32 << 20})
    own = MemoryArea(name="own", kind="system", size=1 << 20)
    mine = MemoryArea(name="mine", size=1)
    queue = Queue(name="q")
    assert settled(Desired(areas=(mine,), queues=(queue,)), Desired(areas=(larger,))).areas == (mine, larger)
    assert settled(Desired(areas=(larger, mine), queues=(queue,))).areas == (larger, mine)
    assert settled(Desired(areas=(mine,), queues=(Queue(name="q", area="mine"),))).areas == (mine,)
    there = Desired(areas=(larger, mine, own))
    assert settled(Desired(guests=(Guest(name="a", kind="gp_comm"),)), there).areas == (larger, own)
    assert settled(Desired(guests=(Guest(name="a", kind="gp"),)), there).areas == ()
