"""Generated files that somebody edited or removed: told, and written anew by the next apply of any document."""

from collections.abc import Callable
from pathlib import Path

import pytest

from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.settings import HostSettings
from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m

from .conftest import Rig

A, B = Guest(name="a", memory_mib=64), Guest(name="b", memory_mib=64)


def config(rig: Rig, name: str) -> Path:
    row = rig.guests.table.by_name(name)
    assert row is not None
    return rig.folder / "guests" / (row.guest.id or "").lower() / "guest.config"


def edit(path: Path) -> None:
    path.write_text("edited by hand")


async def found(rig: Rig, desired: Desired) -> tuple[list[tuple[str, str | None]], list[str]]:
    """The items of a plan, and the files of which it warns."""
    plan = await rig.plan(desired)
    modified = [issue.path for issue in plan.issues if issue.code == "FILE-MODIFIED"]
    return [(item.object, item.field) for item in plan.items], modified


@pytest.mark.parametrize("change", [edit, Path.unlink])
async def test_an_apply_of_the_unchanged_document_writes_it_anew(rig: Rig, change: Callable[[Path], None]) -> None:
    await rig.apply(Desired(guests=(A, B)))
    active, path = await rig.active(), config(rig, "b")
    before = path.read_text()
    change(path)
    assert await found(rig, active) == ([("guests.b", "folder")], [str(path)])
    (item,) = (await rig.plan(active)).items
    assert (item.op, item.effect, item.risk, item.before, item.waits) == (
        "update",
        "live",
        1,
        '["guest.config"]',
        False,
    )
    shown = await rig.show()
    assert (shown.state, shown.drift) == ("in_sync", ()), "no drift: the hypervisor has what was applied"
    await rig.apply(active)
    assert path.read_text() == before
    assert await found(rig, active) == ([], [])


async def test_it_is_written_with_the_change_of_another_guest(rig: Rig) -> None:
    await rig.apply(Desired(guests=(A, B)))
    a, b = (await rig.active()).guests
    edit(config(rig, "b"))
    wanted = Desired(guests=(a.model_copy(update={"memory_mib": 128}), b))
    assert (await found(rig, wanted))[0] == [("guests.a", "memory_mib"), ("guests.b", "folder")]
    await rig.apply(wanted)
    assert "128" in config(rig, "a").read_text()
    assert await found(rig, wanted) == ([], [])


async def test_a_guest_that_is_made_anew_or_goes_is_told_as_that(rig: Rig) -> None:
    await rig.apply(Desired(guests=(A, B)))
    active = await rig.active()
    edit(config(rig, "b"))
    assert await found(rig, Desired(guests=active.guests[:1])) == ([("guests.b", None)], [])
    row = rig.guests.table.by_name("b")
    assert row is not None
    await rig.host.undefine(row.uuid)
    await rig.guests.settled(row.uuid)
    assert (await found(rig, active))[0] == [("guests.b", None)]
    await rig.apply(active)
    assert await found(rig, active) == ([], [])


async def test_a_change_of_one_guest_leaves_the_files_of_the_others(rig: Rig) -> None:
    await rig.apply(Desired(guests=(A, B)))
    a, _ = (await rig.active()).guests
    edit(config(rig, "b"))
    define = m.GuestDefine(guest=a.model_copy(update={"title": "x"}), replace=True)
    await rig.configured.definitions.define(rig.running("guest-define", define))
    assert config(rig, "b").read_text() == "edited by hand"


async def test_an_edit_after_the_plan_makes_it_stale(rig: Rig) -> None:
    await rig.apply(Desired(guests=(A, B)))
    active = await rig.active()
    wanted = active.model_copy(update={"settings": HostSettings(swap_mib=1024)})
    request = rig.apply_request(wanted, await rig.plan(wanted))
    edit(config(rig, "b"))
    with pytest.raises(GuestwireError) as caught:
        await rig.configured.configuration.apply(rig.running("config-apply", request))
    assert caught.value.code == "PLAN-STALE"


async def test_the_edit_is_back_when_the_change_is_undone(rig: Rig) -> None:
    await rig.apply(Desired(guests=(A, B), settings=HostSettings(swap_mib=0)))
    active = await rig.active()
    edit(config(rig, "b"))
    wanted = active.model_copy(update={"settings": HostSettings(swap_mib=1024)})
    plan = await rig.plan(wanted)
    request = rig.apply_request(wanted, plan)
    rig.host.set_faults(Faults(fail_calls={"control.set:swap_mib": "no"}))
    with pytest.raises(GuestwireError) as caught:
        await rig.configured.configuration.apply(rig.running("config-apply", request))
    assert caught.value.code == "ROLLED-BACK"
    assert config(rig, "b").read_text() == "edited by hand"


async def test_a_domain_that_was_adopted_lacks_no_folder(rig: Rig) -> None:
    uuid = "11111111-2222-4333-8444-555555555555"
    await rig.host.define(Guest(name="theirs", id="GUEST0099", uuid=uuid, memory_mib=64))
    await rig.guests.settled(uuid)
    await rig.configured.adoption.adopt(rig.running("config-adopt", c.ConfigAdopt()))
    assert await found(rig, await rig.active()) == ([], [])
