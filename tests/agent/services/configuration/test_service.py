"""A document on its way to a host: planned, applied, seen again, gone back to."""

import pytest

from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest
from guestwire.protocol import config_models as c

from .conftest import Rig

RT = Guest(name="rt1", kind="rt", cpuset="2-3", memory_mib=256)
GP = Guest(name="gp1", memory_mib=512, disks=(Disk(path="/simulated/images/gp1.qcow2", size_mib=1024),))


async def test_an_apply_makes_what_was_planned_and_the_plan_after_it_is_empty(rig: Rig) -> None:
    wanted = Desired(guests=(RT, GP))
    plan = await rig.plan(wanted)
    assert [(item.op, item.object) for item in plan.items] == [("create", "guests.rt1"), ("create", "guests.gp1")]
    done = await rig.apply(wanted)
    assert (done.state, done.revision.number) == ("in_sync", 1)
    assert [row.guest.name for row in rig.guests.table.rows()] == ["rt1", "gp1"]
    assert (await rig.host.images.probe([GP.disks[0].path or ""])).popitem()[1].virtual_mib == 1024
    assert (await rig.plan(wanted)).items == ()
    shown = await rig.show()
    assert (shown.state, shown.revision.number, shown.drift) == ("in_sync", 1, ())
    assert shown.revision.hash == content_hash(shown.desired)


async def test_a_document_that_says_nothing_new_makes_no_revision(rig: Rig) -> None:
    wanted = Desired(guests=(GP,))
    await rig.apply(wanted)
    assert (await rig.apply(wanted)).revision.number == 1


async def test_a_change_of_a_running_guest_waits_for_its_next_start(rig: Rig) -> None:
    await rig.apply(Desired(guests=(GP,)))
    await rig.start("gp1")
    await rig.apply(Desired(guests=(GP.model_copy(update={"memory_mib": 1024}),)))
    shown = await rig.show()
    assert [(item.field, item.waits) for item in shown.waits] == [("memory_mib", True)]
    assert (shown.state, shown.drift) == ("in_sync", ())
    await rig.configured.configuration._power.off(rig.guests.table.rows()[0].uuid, 5, force=True)
    assert (await rig.show()).waits == ()


async def test_with_restart_a_running_guest_is_stopped_changed_and_started(rig: Rig) -> None:
    await rig.apply(Desired(guests=(GP,)))
    await rig.start("gp1")
    uuid = rig.guests.table.rows()[0].uuid
    await rig.apply(Desired(guests=(GP.model_copy(update={"memory_mib": 1024}),)), restart=True)
    row = rig.guests.table.by_uuid(uuid)
    assert row is not None
    assert (row.observed.state, row.guest.memory_mib, rig.host.counters(uuid).boots) == ("running", 1024, 2)
    assert (await rig.show()).waits == ()


async def test_a_renamed_guest_needs_to_be_off(rig: Rig) -> None:
    await rig.apply(Desired(guests=(GP,)))
    known = (await rig.active()).guests[0]
    await rig.start("gp1")
    renamed = Desired(guests=(known.model_copy(update={"name": "gp2", "memory_mib": 1024}),))
    assert [issue.code for issue in (await rig.plan(renamed)).issues if issue.severity == "E"] == ["GUESTS-RUNNING"]
    await rig.apply(renamed, restart=True)
    row = rig.guests.table.by_name("gp2")
    assert row is not None
    assert (row.observed.state, row.guest.memory_mib, rig.host.counters(row.uuid).boots) == ("running", 1024, 2)


async def test_a_guest_that_is_left_out_is_deleted_and_its_disk_stays(rig: Rig) -> None:
    await rig.apply(Desired(guests=(RT, GP)))
    await rig.apply(Desired(guests=(RT,)))
    assert [row.guest.name for row in rig.guests.table.rows()] == ["rt1"]
    assert rig.host.images.exists("/simulated/images/gp1.qcow2")


async def test_a_disk_goes_only_when_it_is_named_twice(rig: Rig) -> None:
    path = "/simulated/images/gp1.qcow2"
    await rig.apply(Desired(guests=(RT, GP)))
    wanted = Desired(guests=(RT,))
    with pytest.raises(GuestwireError) as refused:
        await rig.apply(wanted, remove_disks=(path,))
    assert (refused.value.code, refused.value.detail["disks"]) == ("DESTROY-DISK", [path])
    plan = await rig.plan(wanted, remove_disks=(path,))
    assert (plan.risk, plan.destructive) == (3, (path,))
    await rig.apply(wanted, remove_disks=(path,), destroy=(path,))
    assert not rig.host.images.exists(path)


async def test_going_back_is_a_new_revision_with_the_old_content(rig: Rig) -> None:
    await rig.apply(Desired(guests=(RT, GP)))
    await rig.apply(Desired(guests=(RT,)))
    old = (await rig.show(1)).desired
    done = await rig.apply(old, origin="rollback")
    assert (done.revision.number, done.revision.origin) == (3, "rollback")
    assert (await rig.show()).revision.hash == (await rig.show(1)).revision.hash
    history = await rig.configured.configuration.history(rig.call("config-history", c.ConfigQuery()))
    assert [(row.number, row.origin) for row in history.revisions] == [
        (3, "rollback"),
        (2, "apply"),
        (1, "apply"),
        (0, "first"),
    ]


async def test_every_mistake_is_told_and_nothing_is_done(rig: Rig) -> None:
    guests = tuple(GP.model_copy(update={"name": f"bad name {n}", "disks": ()}) for n in range(200))
    with pytest.raises(GuestwireError) as refused:
        await rig.apply(Desired(guests=guests))
    assert refused.value.code == "VALIDATION-FAILED"
    assert len(refused.value.detail["issues"]) >= 200
    assert rig.guests.table.rows() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"plan_id": "0" * 32}, "PLAN-STALE"),
        ({"base_revision": 7}, "BASE-REVISION"),
        ({"hash": "0" * 64}, "UNSUPPORTED"),
    ],
)
async def test_what_was_not_looked_at_is_not_applied(rig: Rig, changes: dict[str, object], code: str) -> None:
    wanted = Desired(guests=(GP,))
    request = rig.apply_request(wanted, await rig.plan(wanted)).model_copy(update=changes)
    with pytest.raises(GuestwireError) as refused:
        await rig.configured.configuration.apply(rig.running("config-apply", request))
    assert refused.value.code == code
    assert rig.guests.table.rows() == []


async def test_a_host_that_changed_since_the_plan_refuses_it(rig: Rig) -> None:
    wanted = Desired(guests=(GP,))
    await rig.apply(wanted)
    edited = Desired(guests=(GP.model_copy(update={"vcpus": 2}),))
    request = rig.apply_request(edited, await rig.plan(edited))
    guest = rig.guests.table.rows()[0].guest
    await rig.host.define(guest.model_copy(update={"memory_mib": 64}))
    await rig.guests.settled(guest.uuid or "")
    with pytest.raises(GuestwireError) as refused:
        await rig.configured.configuration.apply(rig.running("config-apply", request))
    assert refused.value.code == "PLAN-STALE"


async def test_areas_are_refused_until_there_are_communication_services(rig: Rig) -> None:
    wanted = Desired(guests=(GP,), areas=(MemoryArea(name="shared", size=1 << 20),))
    with pytest.raises(GuestwireError) as refused:
        await rig.apply(wanted)
    assert (refused.value.code, refused.value.detail["places"]) == ("COMM-UNAVAILABLE", ["areas"])
    assert rig.guests.table.rows() == []


async def test_an_edit_behind_our_back_shows_as_drift_and_is_taken_back_or_adopted(rig: Rig) -> None:
    await rig.apply(Desired(guests=(GP,)))
    guest = rig.guests.table.rows()[0].guest
    await rig.host.define(guest.model_copy(update={"memory_mib": 64}))
    await rig.guests.settled(guest.uuid or "")
    shown = await rig.show()
    assert shown.state == "drifted"
    assert [(i.object, i.field, i.before, i.after, i.drift) for i in shown.drift] == [
        ("guests.gp1", "memory_mib", "64", "512", True)
    ]
    adopted = await rig.configured.adoption.adopt(rig.running("config-adopt", c.ConfigAdopt(update=True)))
    assert (adopted.updated, adopted.revision.origin) == (("gp1",), "adopt")
    shown = await rig.show()
    assert (shown.state, shown.desired.guests[0].memory_mib) == ("in_sync", 64)
    await rig.host.define(guest)
    await rig.guests.settled(guest.uuid or "")
    await rig.apply(await rig.active())
    assert rig.guests.table.rows()[0].guest.memory_mib == 64


async def test_a_guest_deleted_behind_our_back_is_made_again(rig: Rig) -> None:
    await rig.apply(Desired(guests=(GP,)))
    uuid = rig.guests.table.rows()[0].uuid
    await rig.host.undefine(uuid)
    await rig.guests.settled(uuid)
    assert [(item.op, item.drift) for item in (await rig.show()).drift] == [("create", True)]
    await rig.apply(await rig.active())
    assert [row.uuid for row in rig.guests.table.rows()] == [uuid]
    assert (await rig.show()).state == "in_sync"
