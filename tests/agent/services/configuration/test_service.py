"""A document on its way to a host: planned, applied, seen again, gone back to."""

import pytest

from guestwire.agent.drivers.simulated.machines import MACHINES
from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest
from guestwire.protocol import config_models as c

from .conftest import Hosts, Rig

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


async def test_what_is_left_of_a_guest_goes_with_its_disks_and_not_before(rig: Rig) -> None:
    path = "/simulated/images/gp1.qcow2"
    await rig.apply(Desired(guests=(RT, GP)))
    uuid = next(row.uuid for row in rig.guests.table.rows() if row.guest.name == "gp1")
    await rig.apply(Desired(guests=(RT,)))
    assert (await rig.configured.active.kept()).forgotten == ()
    await rig.apply((await rig.show(1)).desired, origin="rollback")
    await rig.apply(Desired(guests=(RT,)), remove_disks=(path,), destroy=(path,))
    assert (await rig.configured.active.kept()).forgotten == (uuid,)


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


async def test_lanes_are_of_the_guests_that_a_document_changes_or_moves(rig: Rig) -> None:
    other = Guest(name="gp2", memory_mib=64)
    await rig.apply(Desired(guests=(RT, GP, other)))
    foreign = Guest(name="foreign", id="GUEST0099", uuid="11111111-2222-4333-8444-555555555555")
    await rig.host.define(foreign)
    await rig.guests.settled(foreign.uuid or "")
    now = await rig.active()
    uuids = {guest.name: guest.uuid for guest in now.guests}

    def touched(wanted: Desired) -> set[str]:
        request = c.ConfigApply(desired=wanted, hash="0" * 64, plan_id="0" * 32, base_revision=1)
        lanes = rig.configured.configuration.lanes(rig.call("config-apply", request))
        assert lanes[:2] == ("host", "guests")
        names = {f"guest:{uuid}": name for name, uuid in uuids.items()}
        return {names.get(lane, "another") for lane in lanes[2:]}

    def changed(name: str, **changes: object) -> Desired:
        return now.model_copy(
            update={"guests": tuple(g.model_copy(update=changes) if g.name == name else g for g in now.guests)}
        )

    assert touched(now) == set()
    assert touched(Desired(guests=(RT, GP, other))) == set(), "a document without identifiers names the same guests"
    assert touched(changed("gp1", memory_mib=64)) == {"gp1"}
    assert touched(now.model_copy(update={"guests": now.guests[:-1]})) == {"gp2"}
    assert touched(now.model_copy(update={"guests": (*now.guests, Guest(name="new"))})) == {"another"}
    assert touched(changed("rt1", cpuset="1-2")) == {"rt1", "gp1", "gp2"}, "the host's CPUs move with it"
    await rig.host.define(now.guests[2].model_copy(update={"memory_mib": 32}))
    await rig.guests.settled(now.guests[2].uuid or "")
    assert touched(now) == {"gp2"}, "an edit made by hand is taken back"


async def test_an_image_that_a_running_guest_has_open_is_not_set_aside(rig: Rig) -> None:
    path = GP.disks[0].path or ""
    await rig.apply(Desired(guests=(GP,)))
    await rig.start("gp1")
    bare = Desired(guests=(GP.model_copy(update={"disks": ()}),))
    with pytest.raises(GuestwireError) as refused:
        await rig.apply(bare, remove_disks=(path,), destroy=(path,))
    assert (refused.value.code, refused.value.detail["code"]) == ("ROLLED-BACK", "IMAGE-IN-USE")
    await rig.apply(bare, remove_disks=(path,), destroy=(path,), restart=True)
    assert not rig.host.images.exists(path)


async def test_a_disk_grows_while_its_guest_runs_and_a_new_one_beside_it_is_made_large(rig: Rig) -> None:
    await rig.apply(Desired(guests=(GP,)))
    await rig.start("gp1")
    copy = Disk(path="/simulated/images/copy.qcow2", clone_of="/simulated/base.qcow2", size_mib=4096)
    grown = GP.disks[0].model_copy(update={"size_mib": 2048})
    await rig.host.images.clone("/simulated/base.qcow2", "/simulated/images/base.qcow2", "qcow2")
    copy = copy.model_copy(update={"clone_of": "/simulated/images/base.qcow2"})
    await rig.apply(Desired(guests=(GP.model_copy(update={"disks": (grown, copy)}),)))
    sizes = await rig.host.images.probe([grown.path or "", copy.path or ""])
    assert [fact.virtual_mib for fact in sizes.values()] == [2048, 4096]


async def test_a_live_growth_is_the_last_step_and_what_it_cannot_take_back_is_told(rig: Rig) -> None:
    await rig.apply(Desired(guests=(GP,)))
    await rig.start("gp1")
    edited = GP.model_copy(update={"title": "x", "disks": (GP.disks[0].model_copy(update={"size_mib": 2048}),)})
    rig.host.set_faults(Faults(fail_after={"guests.grow_disk": "injected"}))
    with pytest.raises(GuestwireError) as failed:
        await rig.apply(Desired(guests=(edited,)))
    assert failed.value.code == "ROLLBACK-INCOMPLETE"
    assert [text.split(":")[0] for text in failed.value.detail["left"]] == [f"grow {GP.disks[0].path} to 2048 MiB"]
    rig.host.set_faults(Faults(fail_calls={"guests.define": "injected"}))
    with pytest.raises(GuestwireError) as failed:
        await rig.apply(
            Desired(
                guests=(edited.model_copy(update={"disks": (edited.disks[0].model_copy(update={"size_mib": 4096}),)}),)
            )
        )
    assert failed.value.code == "ROLLED-BACK", "nothing had grown yet"


async def test_names_are_passed_on(rig: Rig) -> None:
    """A guest that takes another's name is defined after that one gave it up."""
    await rig.apply(Desired(guests=(GP, RT)))
    now = await rig.active()
    one, two = now.guests
    renamed = (one.model_copy(update={"name": two.name}), two.model_copy(update={"name": "third"}), Guest(name="gp1"))
    await rig.apply(now.model_copy(update={"guests": renamed}))
    assert {row.uuid: row.guest.name for row in rig.guests.table.rows()} | {one.uuid: "rt1", two.uuid: "third"} == {
        row.uuid: row.guest.name for row in rig.guests.table.rows()
    }
    round_again = (await rig.active()).guests
    circle = tuple(
        guest.model_copy(update={"name": other.name})
        for guest, other in zip(round_again, (*round_again[1:], round_again[0]), strict=True)
    )
    with pytest.raises(GuestwireError) as refused:
        await rig.apply(now.model_copy(update={"guests": circle}))
    assert (refused.value.code, refused.value.detail["code"]) == ("ROLLED-BACK", "NAME-DUP")


async def test_a_machine_that_changed_since_the_plan_refuses_it(hosts: Hosts) -> None:
    hosts.machine = "bios-8-cpu"
    wanted = Desired(guests=(GP,))
    async with hosts.open() as rig:
        request = rig.apply_request(wanted, await rig.plan(wanted))
        rig.host.reboot_host(MACHINES["bios-4-cpu"])
        assert await rig.guests.connected_within(5)
        with pytest.raises(GuestwireError) as refused:
            await rig.configured.configuration.apply(rig.running("config-apply", request))
        assert refused.value.code == "PLAN-STALE"
        assert rig.guests.table.rows() == []
