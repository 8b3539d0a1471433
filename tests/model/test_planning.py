"""Every change is an item with its effect; no change is none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Autostart, Desired, content_hash
from guestwire.model.events import Event
from guestwire.model.guest import DirectBoot, Disk, Guest, GuestKind, Nic, Override
from guestwire.model.images import Image
from guestwire.model.networks import VirtualNet
from guestwire.model.pinning import Pinning
from guestwire.model.plan import PlanItem
from guestwire.model.planning import Circumstances, diff, live_media, must_stop, plan_id, restarts, retuned
from guestwire.model.policy import Policy
from guestwire.model.resolving import Place
from guestwire.model.settings import HostSettings, HugePool

DISK = Disk(path="/images/a.qcow2", size_mib=1024)
ISO = Disk(path="/images/a.iso", device="cdrom", format="raw")
A = Guest(
    name="a",
    id="GUEST0001",
    uuid="00000000-0000-4000-8000-000000000001",
    disks=(DISK, ISO),
    nics=(Nic(mac="02:00:00:00:01:00"),),
)
B = Guest(name="b", id="GUEST0002", uuid="00000000-0000-4000-8000-000000000002")
RUNNING = frozenset({A.uuid or ""})
BASE = Desired(guests=(A,))


def one(item: tuple[PlanItem, ...]) -> PlanItem:
    assert len(item) == 1, item
    return item[0]


def edited(**changes: Any) -> Desired:
    return BASE.model_copy(update={"guests": (A.model_copy(update=changes),)})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"memory_mib": 1024}, ("update", "memory_mib", "512", "1024", "guest_restart", 0, 1, True)),
        ({"comments": "x"}, ("update", "comments", '""', '"x"', "live", 0, 1, False)),
        ({"autostart": "headless"}, ("update", "autostart", '"off"', '"headless"', "live", 0, 1, False)),
        ({"autostart": "console"}, ("update", "autostart", '"off"', '"console"', "guest_restart", 0, 1, True)),
        ({"cpuset": "2-3"}, ("tune", "cpuset", None, '"2-3"', "live", 0, 2, False)),
        ({"name": "z"}, ("update", "name", '"a"', '"z"', "guest_restart", 30, 2, False)),
        ({"disks": (DISK, ISO.model_copy(update={"path": None}))},
         ("update", "disks.1.path", '"/images/a.iso"', None, "live", 0, 1, False)),
        ({"disks": (DISK.model_copy(update={"size_mib": 2048}), ISO)},
         ("update", "disks.0.size_mib", "1024", "2048", "live", 0, 1, False)),
        ({"disks": (DISK,)}, ("detach", "disks", None, None, "guest_restart", 0, 1, True)),
        ({"devices": ("0000:01:00.0",)}, ("attach", "devices", None, '"0000:01:00.0"', "guest_restart", 0, 2, True)),
        ({"nics": ()}, ("detach", "nics", None, None, "guest_restart", 0, 1, True)),
    ],
)  # fmt: skip
def test_a_change_of_a_running_guest(changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    item = one(diff(BASE, edited(**changes), Circumstances(running=RUNNING)))
    before, after = (None, None) if item.op in ("detach",) else (item.before, item.after)
    assert (item.op, item.field, before, after, item.effect, item.outage_s, item.risk, item.waits) == expected


def test_a_restart_has_an_outage_and_does_not_wait() -> None:
    item = one(diff(BASE, edited(memory_mib=1024), Circumstances(running=RUNNING, restart=True)))
    assert (item.outage_s, item.risk, item.waits) == (30, 2, False)


def test_nothing_that_is_off_has_an_outage() -> None:
    item = one(diff(BASE, edited(memory_mib=1024)))
    assert (item.outage_s, item.waits) == (0, False)


def test_other_vcpus_make_other_pins_wait_for_a_restart() -> None:
    items = diff(BASE, edited(cpuset="1-3", vcpus=2), Circumstances(running=RUNNING))
    assert {item.field: item.effect for item in items} == {"vcpus": "guest_restart", "cpuset": "guest_restart"}


def test_memory_of_an_rt_guest_is_static_on_a_system_manager_host() -> None:
    policy = Policy(profile="system-manager")
    before = Desired(policy=policy, guests=(A.model_copy(update={"kind": "rt"}),))
    after = Desired(policy=policy, guests=(A.model_copy(update={"kind": "rt", "memory_mib": 64}),))
    assert one(diff(before, after, Circumstances(static_rt_memory=True))).effect == "host_reboot"
    assert one(diff(before, after)).effect == "guest_restart"
    created = diff(Desired(policy=policy), before, Circumstances(static_rt_memory=True))
    assert one(created).effect == "host_reboot"


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("gp_comm", {"comm_enabled": False}, ("comm_enabled", "guest_restart", 1, True)),
        ("gp", {"comm_enabled": False}, ("comm_enabled", "live", 1, False)),
        ("rt", {"comm_enabled": False}, ("comm_enabled", "live", 1, False)),
        ("rt", {"heap_mib": 64}, ("heap_mib", "live", 1, False)),
        ("rt", {"heap_mib": 8}, ("heap_mib", "live", 2, False)),
        ("rt", {"rtos_id": 3}, ("rtos_id", "live", 1, False)),
    ],
)
def test_communication_of_a_guest_that_runs(
    kind: GuestKind, change: dict[str, Any], expected: tuple[str, str, int, bool]
) -> None:
    """A guest gets its doorbell and its channel when it starts; its heap is an area, which is plugged."""
    guest = A.model_copy(update={"kind": kind, "heap_mib": 16})
    running = Circumstances(running=frozenset({guest.uuid or ""}))
    item = one(diff(Desired(guests=(guest,)), Desired(guests=(guest.model_copy(update=change),)), running))
    assert (item.field, item.effect, item.risk, item.waits) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (Desired(guests=(A, B)), [("create", "guests.b", None)]),
        (Desired(), [("delete", "guests.a", None)]),
        (Desired(guests=(A,), areas=(MemoryArea(name="m", size=4),)), [("create", "areas.m", None)]),
        (Desired(guests=(A,), events=(Event(name="e"),)), [("create", "events.e", None)]),
        (Desired(guests=(A,), images=(Image(id="i", os_type="l", path="/k"),)), [("create", "images.i", None)]),
        (Desired(guests=(A,), autostart=Autostart(active=True)), [("update", "autostart", "active")]),
        (Desired(guests=(A,), policy=Policy(dynamic_cpu=False)), [("update", "policy", "dynamic_cpu")]),
        (Desired(guests=(A,), host_cpuset="0"), [("tune", "host_cpuset", None)]),
        (Desired(guests=(A,), settings=HostSettings(swap_mib=0)), [("tune", "settings", "swap_mib")]),
    ],
)
def test_every_part_of_a_document(after: Desired, expected: list[tuple[str, str, str | None]]) -> None:
    assert [(item.op, item.object, item.field) for item in diff(BASE, after)] == expected


def place(pins: Pinning | None = None, **changes: Any) -> Place:
    return Place(A.model_copy(update=changes), pins)


ONE, OTHER = (Pinning((frozenset({cpu}),), frozenset({0})) for cpu in (1, 2))
CPU = Override(op="replace", sel="cpu/@mode", xml="host-model")
QEMU = Override(op="add", xml="<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'/>")


@pytest.mark.parametrize(
    ("before", "after", "restart", "expected"),
    [
        (place(), place(boot=DirectBoot(kernel="/k")), False, ("update", "boot", "guest_restart", 0, 1, True)),
        (place(), place(boot=DirectBoot(kernel="/k")), True, ("update", "boot", "guest_restart", 30, 2, False)),
        (place(), place(overrides=(CPU,)), False, ("update", "overrides", "guest_restart", 0, 2, True)),
        (place(overrides=(CPU,)), place(overrides=(CPU, QEMU)), True,
         ("update", "overrides", "guest_restart", 30, 3, False)),
        (place(overrides=(QEMU,)), place(), False, ("update", "overrides", "guest_restart", 0, 1, True)),
        (place(ONE), place(OTHER), False, ("tune", "pins", "live", 0, 2, False)),
        (place(), place(OTHER), True, ("tune", "pins", "live", 0, 2, False)),
    ],
)  # fmt: skip
def test_what_a_hypervisor_is_given_otherwise_is_a_change_though_the_document_is_the_same(
    before: Place, after: Place, restart: bool, expected: tuple[Any, ...]
) -> None:
    under = Circumstances(running=RUNNING, restart=restart)
    item = one(diff(BASE, BASE, under, {A.uuid or "": before}, {A.uuid or "": after}))
    assert (item.op, item.field, item.effect, item.outage_s, item.risk, item.waits) == expected
    assert restarts(before, after, restart=restart) == bool(item.outage_s)
    assert retuned(before, after) == (item.field == "pins")


def test_pins_are_shown_as_cpu_lists() -> None:
    item = one(diff(BASE, BASE, None, {A.uuid or "": place(ONE)}, {A.uuid or "": place(OTHER)}))
    assert (item.before, item.after) == ('{"emulator": "0", "vcpus": ["1"]}', '{"emulator": "0", "vcpus": ["2"]}')


@pytest.mark.parametrize(("changes", "field"), [({"cpuset": "2"}, "cpuset"), ({"numatune": "0"}, "numatune")])
def test_pins_that_follow_from_the_guests_own_fields_are_not_told_twice(changes: dict[str, Any], field: str) -> None:
    wanted = edited(**changes)
    pins = OTHER if field == "cpuset" else Pinning(ONE.vcpus, ONE.emulator, nodes=frozenset({1}))
    before, after = {A.uuid or "": place(ONE)}, {A.uuid or "": place(pins, **changes)}
    assert one(diff(BASE, wanted, Circumstances(running=RUNNING), before, after)).field == field


def test_what_only_the_document_says_otherwise_is_noted() -> None:
    boot = DirectBoot(kernel="/k")
    given = {A.uuid or "": place(boot=boot)}
    item = one(diff(BASE, edited(boot=boot), Circumstances(running=RUNNING, restart=True), given, given))
    assert (item.field, item.effect, item.outage_s) == ("boot", "live", 0)


def test_a_new_guest_costs_what_its_overrides_do() -> None:
    after = {A.uuid or "": place(overrides=(QEMU,))}
    assert one(diff(Desired(), BASE, None, {}, after)).risk == 3


def test_a_medium_goes_live_beside_another_change_of_the_drives() -> None:
    other = ISO.model_copy(update={"path": "/images/b.iso"})
    cases: list[tuple[tuple[Disk, ...], dict[str | None, bool], list[int]]] = [
        ((DISK.model_copy(update={"read_only": True}), other), {"disks.0.read_only": True, "disks.1.path": False}, [1]),
        ((DISK, other, DISK.model_copy(update={"path": "/n"})), {"disks.1.path": False, "disks": True}, [1]),
        ((DISK.model_copy(update={"size_mib": 2048}), ISO, other), {"disks.0.size_mib": False, "disks": True}, []),
        ((other,), {"disks": True}, []),
        ((ISO, other), {"disks.0.path": True, "disks.0.device": True}, []),
    ]
    for disks, waits, media in cases:
        items = diff(BASE, edited(disks=disks), Circumstances(running=RUNNING))
        found = {item.field: item.waits for item in items}
        assert waits.items() <= found.items(), disks
        assert list(live_media(A.disks, disks)) == media


def test_a_setting_that_is_ours_no_longer_is_left() -> None:
    before = Desired(settings=HostSettings(swap_mib=512, ip_forward=True))
    items = diff(before, Desired())
    assert [(i.op, i.field, i.after, i.effect, i.risk, i.left) for i in items] == [
        ("update", "swap_mib", None, "live", 1, True),
        ("update", "ip_forward", None, "live", 1, True),
    ]


@pytest.mark.parametrize(("size", "effect"), [(2, "live"), (1024, "host_reboot")])
def test_more_huge_pages_of_a_gibibyte_take_a_boot(size: int, effect: str) -> None:
    after = Desired(guests=(A,), settings=HostSettings(hugepages=(HugePool(size_mib=size, pages=4),)))
    assert one(diff(BASE, after)).effect == effect


def test_deletions_come_first() -> None:
    items = diff(Desired(guests=(A,)), Desired(guests=(B,)))
    assert [item.op for item in items] == ["delete", "create"]


def test_an_edit_behind_our_back_is_said_to_be_one() -> None:
    items = diff(edited(memory_mib=64), BASE, Circumstances(changed_behind=RUNNING))
    assert one(items).drift


def test_what_cannot_wait_needs_the_guest_to_be_off() -> None:
    assert [place for _, place in must_stop(BASE, edited(name="z"), RUNNING)] == ["guests.a.name"]
    assert [place for _, place in must_stop(BASE, Desired(), RUNNING)] == ["guests.a"]
    assert not list(must_stop(BASE, edited(memory_mib=64), RUNNING))
    assert not list(must_stop(BASE, Desired(), ()))


def test_a_plan_id_follows_from_everything() -> None:
    base = (BASE, 1, edited(memory_mib=64), ("fingerprint", "caps", "1.0"), (False,))
    others: list[tuple[Any, ...]] = [
        (edited(vcpus=2), *base[1:]),
        (BASE, 2, *base[2:]),
        (BASE, 1, BASE, *base[3:]),
        (*base[:3], ("other", "caps", "1.0"), (False,)),
        (*base[:4], (True,)),
        (*base, ("a step",)),
    ]
    ids = {plan_id(*arguments) for arguments in (base, *others)}
    assert len(ids) == 7
    assert plan_id(*base) in ids


small = st.builds(
    Guest,
    name=st.sampled_from("abc"),
    uuid=st.sampled_from([A.uuid, B.uuid]),
    id=st.just("GUEST0001"),
    memory_mib=st.sampled_from([64, 128]),
    cpuset=st.sampled_from([None, "1"]),
    disks=st.lists(st.sampled_from([DISK, ISO]), max_size=2).map(tuple),
    devices=st.sampled_from(
        [(), ("0000:01:00.0",), ("0000:01:00.0", "0000:02:00.0"), ("0000:02:00.0", "0000:01:00.0")]
    ),
)
documents = st.builds(
    Desired,
    guests=st.lists(small, max_size=2, unique_by=lambda guest: guest.uuid).map(tuple),
    areas=st.sampled_from([(), (MemoryArea(name="m", size=4),)]),
    settings=st.builds(HostSettings, ip_forward=st.sampled_from([None, True, False])),
    host_cpuset=st.sampled_from([None, "0"]),
)


@given(documents, documents)
def test_there_is_an_item_exactly_when_something_changes(before: Desired, after: Desired) -> None:
    items = diff(before, after)
    ordered = sorted(before.guests, key=lambda guest: guest.uuid or "") == sorted(
        after.guests, key=lambda guest: guest.uuid or ""
    )
    same = ordered and before.model_copy(update={"guests": ()}) == after.model_copy(update={"guests": ()})
    assert (not items) == same
    if content_hash(before) == content_hash(after):
        assert not items


WIRED = A.model_copy(update={"nics": (Nic(network="n"),)})


@pytest.mark.parametrize(
    ("before", "after", "running", "expected"),
    [
        ({}, {}, True, []),
        ({}, {"airgap": True}, True, []),
        ({}, {"bridge": "br7"}, False, [("bridges", "guest_restart", 0, False)]),
        ({}, {"bridge": "br7"}, True, [("bridges", "guest_restart", 30, False)]),
    ],
)
def test_another_bridge_takes_the_guests_on_it_off(
    before: dict[str, Any], after: dict[str, Any], running: bool, expected: list[tuple[str, str, int, bool]]
) -> None:
    one, other = (Desired(guests=(WIRED,), networks=(VirtualNet(name="n", **changes),)) for changes in (before, after))
    runs = frozenset({WIRED.uuid or ""}) if running else frozenset[str]()
    items = diff(one, other, Circumstances(running=runs))
    assert [(i.field, i.effect, i.outage_s, i.waits) for i in items if i.object == f"guests.{A.name}"] == expected
    assert bool([*must_stop(one, other, runs)]) == (running and bool(expected))
