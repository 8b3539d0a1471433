"""A document on its way to a host: planned, applied, seen again, gone back to."""

import dataclasses
from typing import Any

import pytest

from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.agent.services.configuration.active import Kept, unpack_kept
from guestwire.agent.services.configuration.engine import Engine
from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest
from guestwire.model.images import Image
from guestwire.model.machines import MACHINES
from guestwire.model.plan import PlanItem
from guestwire.model.policy import Policy
from guestwire.model.settings import HostSettings
from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m

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
    folder = rig.folder / "guests" / (guest.id or "").lower()
    assert "memory_mib = 64\n" in (folder / "guest.config").read_text()
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
    assert (refused.value.code, refused.value.field) == ("VALIDATION-FAILED", f"disks.{path}")
    assert rig.host.images.exists(path)
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
    await rig.apply(now.model_copy(update={"guests": circle}))
    names = {guest.uuid: guest.name for guest in circle}
    assert {row.uuid: row.guest.name for row in rig.guests.table.rows()} == names
    rig.host.set_faults(Faults(fail_after={"guests.define": "injected"}))
    with pytest.raises(GuestwireError) as failed:
        await rig.apply(now.model_copy(update={"guests": round_again}))
    assert failed.value.code == "ROLLED-BACK"
    assert {row.uuid: row.guest.name for row in rig.guests.table.rows()} == names


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


async def test_what_was_done_by_hand_already_is_agreed_to_as_a_revision(rig: Rig) -> None:
    await rig.apply(Desired(guests=(RT, GP)))
    known = await rig.active()
    rt, gp = known.guests
    await rig.host.undefine(gp.uuid or "")
    await rig.guests.settled(gp.uuid or "")
    wanted = known.model_copy(update={"guests": (rt,)})
    assert [(item.op, item.object, item.risk) for item in (await rig.plan(wanted)).items] == [
        ("delete", "guests.gp1", 1)
    ]
    assert (await rig.apply(wanted)).revision.number == 2
    shown = await rig.show()
    assert (shown.state, [guest.name for guest in shown.desired.guests]) == ("in_sync", ["rt1"])
    await rig.apply(wanted.model_copy(update={"guests": (rt, Guest(name="other", memory_mib=64))}))
    assert sorted(row.guest.name for row in rig.guests.table.rows()) == ["other", "rt1"]


@pytest.mark.parametrize("by", ["adopt", "apply"])
async def test_a_guest_that_is_gone_leaves_its_folder_to_nobody(rig: Rig, by: str) -> None:
    await rig.apply(Desired(guests=(RT, GP)))
    known = await rig.active()
    rt, gp = known.guests
    folder = rig.folder / "guests" / (gp.id or "").lower()
    (folder / "vm_shutdown_hook.sh").write_text("#!/bin/sh\n")
    await rig.host.undefine(gp.uuid or "")
    await rig.guests.settled(gp.uuid or "")
    if by == "adopt":
        adopted = await rig.configured.adoption.adopt(rig.running("config-adopt", c.ConfigAdopt(update=True)))
        assert (adopted.removed, adopted.updated) == (("gp1",), ())
    else:
        await rig.apply(known.model_copy(update={"guests": (rt,)}))
    assert not folder.exists()
    assert (folder.with_name(f"{folder.name}.removed-{gp.uuid}") / "vm_shutdown_hook.sh").exists()


async def test_an_image_that_somebody_else_made_meanwhile_is_theirs(rig: Rig) -> None:
    path = "/simulated/images/other.qcow2"
    guest = Guest(name="other", disks=(Disk(path=path, size_mib=8),))
    await rig.apply(Desired(guests=(GP,)))

    async def create(_path: str, _format: str, _size_mib: int) -> None:
        await made(path, "qcow2", 8)
        raise GuestwireError("EXISTS", "There is a file by now.")

    made = rig.host.images.create
    applying = rig.configured.configuration._applying
    tools = dataclasses.replace(applying.engine._tools, images=Images(rig.host.images, create))
    applying.engine = Engine(applying.records, tools)
    with pytest.raises(GuestwireError) as refused:
        await rig.apply(Desired(guests=(GP, guest)))
    assert (refused.value.code, refused.value.detail["code"]) == ("ROLLED-BACK", "EXISTS")
    assert rig.host.images.exists(path)


class Images:
    """The images of a host, but for what makes a new one."""

    def __init__(self, images: Any, create: Any) -> None:
        self.create = create
        self._images = images

    def __getattr__(self, name: str) -> Any:
        return getattr(self._images, name)


async def test_a_document_that_says_what_somebody_did_by_hand_is_a_revision_without_a_step(rig: Rig) -> None:
    await rig.apply(Desired(guests=(GP,)))
    guest = (await rig.active()).guests[0].model_copy(update={"memory_mib": 64})
    await rig.host.define(guest)
    await rig.guests.settled(guest.uuid or "")
    assert (await rig.plan(Desired(guests=(guest,)))).items == ()
    assert (await rig.apply(Desired(guests=(guest,)))).revision.number == 2
    assert (await rig.show()).state == "in_sync"


async def test_another_kernel_of_an_image_is_a_change_of_its_guests(rig: Rig) -> None:
    for path in ("/simulated/images/1", "/simulated/images/2"):
        await rig.host.images.create(path, "raw", 8)
    first, second = (Image(id="k", os_type="linux", path=f"/simulated/images/{n}") for n in (1, 2))
    guest = Guest(name="a", memory_mib=64, image="k")
    await rig.apply(Desired(images=(first,), guests=(guest,)))
    await rig.start("a")
    wanted = Desired(images=(second,), guests=(guest,))
    plan = await rig.plan(wanted, restart=True)
    assert (plan.risk, [(item.object, item.field, item.outage_s) for item in plan.items]) == (
        2,
        [("images.k", None, 0), ("guests.a", "boot", 30)],
    )
    await rig.apply(wanted)
    assert [(item.object, item.field) for item in (await rig.show()).waits] == [("guests.a", "boot")]


async def test_cpus_that_the_policy_moves_are_a_change_of_their_guests(rig: Rig) -> None:
    await rig.apply(Desired(guests=(RT,)))
    await rig.start("rt1")
    plan = await rig.plan(Desired(guests=(RT,), policy=Policy(profile="system-manager")))
    assert ("tune", "guests.rt1", "pins", 2) in [(item.op, item.object, item.field, item.risk) for item in plan.items]
    assert plan.risk == 2


async def test_a_guest_that_was_started_since_the_plan_is_not_stopped_by_it(rig: Rig) -> None:
    await rig.apply(Desired(guests=(GP,)))
    edited = Desired(guests=(GP.model_copy(update={"memory_mib": 1024}),))
    request = rig.apply_request(edited, await rig.plan(edited, restart=True), restart=True)
    same = (await rig.plan(Desired(guests=(GP,)))).plan_id
    await rig.start("gp1")
    assert (await rig.plan(Desired(guests=(GP,)))).plan_id == same, "nothing is to be done, whatever runs"
    with pytest.raises(GuestwireError) as refused:
        await rig.configured.configuration.apply(rig.running("config-apply", request))
    assert refused.value.code == "PLAN-STALE"


async def test_an_image_that_is_missing_is_told_before_it_is_made(rig: Rig) -> None:
    path = GP.disks[0].path or ""
    await rig.apply(Desired(guests=(GP,)))
    await rig.host.images.remove(path)
    assert [(item.op, item.object, item.field) for item in (await rig.plan(Desired(guests=(GP,)))).items] == [
        ("create", "guests.gp1", "disks.0")
    ]
    await rig.apply(Desired(guests=(GP,)))
    assert rig.host.images.exists(path)
    assert (await rig.plan(Desired(guests=(GP,)))).items == ()


async def test_a_medium_is_changed_at_once_beside_a_change_that_waits(rig: Rig) -> None:
    for name in "ab":
        await rig.host.images.create(f"/simulated/images/{name}.iso", "raw", 8)

    def guest(medium: str, *, read_only: bool) -> Desired:
        drive = Disk(path=f"/simulated/images/{medium}.iso", device="cdrom", format="raw")
        disk = GP.disks[0].model_copy(update={"read_only": read_only})
        return Desired(guests=(GP.model_copy(update={"disks": (disk, drive)}),))

    await rig.apply(guest("a", read_only=False))
    await rig.start("gp1")
    await rig.apply(guest("b", read_only=True))
    process = next(iter(rig.host._guests)).process
    assert process is not None
    assert process.guest.disks[1].path == "/simulated/images/b.iso"
    assert [item.field for item in (await rig.show()).waits] == ["disks.0.read_only"]


async def test_a_setting_that_is_ours_no_longer_is_left_as_it_is(rig: Rig) -> None:
    await rig.apply(Desired(settings=HostSettings(bootloader_timeout=7)))
    plan = await rig.plan(Desired())
    assert [(item.field, item.left, item.risk) for item in plan.items] == [("bootloader_timeout", True, 1)]
    await rig.apply(Desired())
    assert (await rig.host.control.settings()).bootloader_timeout == 7
    assert ((await rig.show()).state, (await rig.plan(Desired())).items) == ("in_sync", ())


async def test_identifiers_are_never_given_anew(rig: Rig) -> None:
    await rig.apply(Desired(guests=(RT, GP)))
    one, two = (await rig.active()).guests
    swapped = Desired(guests=(one.model_copy(update={"id": two.id}), two.model_copy(update={"id": one.id})))
    issues = [(issue.code, issue.path) for issue in (await rig.plan(swapped)).issues if issue.severity == "E"]
    assert issues == [("GUEST-ID-CHANGED", "guests.gp1.id"), ("GUEST-ID-CHANGED", "guests.rt1.id")]


async def test_a_disk_that_cannot_be_told_from_another_is_not_guessed(rig: Rig) -> None:
    ten = Disk(size_mib=10)
    await rig.apply(Desired(guests=(Guest(name="a", memory_mib=64, disks=(ten, ten)),)))
    plan = await rig.plan(Desired(guests=(Guest(name="a", memory_mib=64, disks=(ten,)),)))
    assert [(i.code, i.path) for i in plan.issues if i.code == "DISK-UNCLEAR"] == [("DISK-UNCLEAR", "guests.a.disks.0")]
    assert not plan.applicable


async def test_an_edit_of_one_guest_leaves_what_drifted_of_others(rig: Rig) -> None:
    other = Guest(name="other", memory_mib=64)
    await rig.apply(Desired(guests=(RT, GP, other)))
    rt, gp, other = (await rig.active()).guests
    await rig.host.define(other.model_copy(update={"memory_mib": 128}))
    await rig.host.undefine(rt.uuid or "")
    for guest in (rt, other):
        await rig.guests.settled(guest.uuid or "")
    define = m.GuestDefine(guest=gp.model_copy(update={"title": "new"}), replace=True)
    await rig.configured.definitions.define(rig.running("guest-define", define))
    assert {row.guest.name: row.guest.memory_mib for row in rig.guests.table.rows()} == {"gp1": 512, "other": 128}
    shown = await rig.show()
    assert [guest.memory_mib for guest in shown.desired.guests] == [256, 512, 64]
    assert shown.state == "drifted"
    assert {(item.op, item.object) for item in shown.drift} == {("create", "guests.rt1"), ("update", "guests.other")}
    await rig.configured.definitions.undefine(rig.running("guest-undefine", m.GuestRef(guest="gp1")))
    assert {row.guest.name: row.guest.memory_mib for row in rig.guests.table.rows()} == {"other": 128}


def test_what_waits_is_kept_with_a_revision() -> None:
    item = PlanItem(op="update", object="guests.a", field="memory_mib", waits=True)
    kept = Kept(Desired(guests=(GP,)), b"r", "i", "p", waits=(item,))
    assert unpack_kept(kept.pack()) == kept


async def test_the_cpus_that_an_edited_guest_takes_move_the_pins_of_others_and_nothing_else_of_them(
    hosts: Hosts,
) -> None:
    hosts.machine = "16-core-pe"
    guests = tuple(
        Guest(name=name, kind="rt", cpuset=cpus, memory_mib=256) for name, cpus in (("rt1", "20-21"), ("rt2", "22-23"))
    )
    async with hosts.open() as rig:
        await rig.apply(Desired(guests=guests))
        await rig.apply(Desired(policy=Policy(profile="system-manager"), guests=guests))
        one, two = (await rig.active()).guests
        await rig.host.define(one.model_copy(update={"title": "by hand"}))
        await rig.guests.settled(one.uuid or "")
        define = m.GuestDefine(guest=two.model_copy(update={"cpuset": "23"}), replace=True)
        await rig.configured.definitions.define(rig.running("guest-define", define))
        found = next(runtime for runtime in rig.host._guests if runtime.guest.name == "rt1")
        assert found.pins is not None
        assert 22 in found.pins.emulator
        assert [(item.object, item.field, item.before) for item in (await rig.show()).drift] == [
            ("guests.rt1", "title", '"by hand"')
        ]
