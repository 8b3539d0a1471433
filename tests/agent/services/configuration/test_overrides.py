"""The overrides in a guest's folder: seen in a plan, applied with the next apply, and never in the document."""

from pathlib import Path

import pytest

from guestwire.agent.services.guest_folder import GuestFolders
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, Override
from guestwire.model.images import Template
from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m

from .conftest import Hosts, Rig

A, B = Guest(name="a", memory_mib=64), Guest(name="b", memory_mib=64)


def text(mode: str) -> str:
    return f'[[override]]\nop = "replace"\nsel = "cpu/@mode"\nxml = "{mode}"\n'


def file(rig: Rig, name: str) -> Path:
    row = rig.guests.table.by_name(name)
    assert row is not None
    return rig.folder / "guests" / (row.guest.id or "").lower() / "overrides.toml"


def given(rig: Rig, name: str) -> list[str]:
    row = rig.guests.table.by_name(name)
    assert row is not None
    return [override.xml for override in row.guest.overrides]


async def test_a_file_is_pending_until_the_same_document_is_applied(rig: Rig) -> None:
    await rig.apply(Desired(guests=(A, B)))
    await rig.start("a")
    file(rig, "a").write_text(text("one"))
    wanted = await rig.active()
    plan = await rig.plan(wanted)
    assert [(i.object, i.field, i.risk, i.waits) for i in plan.items] == [("guests.a", "overrides", 2, True)]
    shown = await rig.show()
    assert (shown.state, shown.drift) == ("in_sync", ())
    await rig.apply(wanted)
    assert (given(rig, "a"), given(rig, "b")) == (["one"], [])
    assert (await rig.plan(wanted)).items == ()
    assert await rig.active() == wanted
    file(rig, "a").unlink()
    assert [item.after for item in (await rig.plan(wanted)).items] == ["[]"]
    await rig.apply(wanted)
    assert given(rig, "a") == []


async def test_a_file_that_was_edited_since_the_plan_makes_it_stale(rig: Rig) -> None:
    await rig.apply(Desired(guests=(A,)))
    file(rig, "a").write_text(text("one"))
    wanted = await rig.active()
    request = rig.apply_request(wanted, await rig.plan(wanted))
    file(rig, "a").write_text(text("two"))
    with pytest.raises(GuestwireError) as refused:
        await rig.configured.configuration.apply(rig.running("config-apply", request))
    assert refused.value.code == "PLAN-STALE"


async def test_adopting_an_edit_leaves_the_folders_part_out_of_the_document(rig: Rig) -> None:
    own = Override(op="replace", sel="clock/@offset", xml="own")
    await rig.apply(Desired(guests=(A.model_copy(update={"overrides": (own,)}),)))
    file(rig, "a").write_text(text("one"))
    await rig.apply(await rig.active())
    row = rig.guests.table.by_name("a")
    assert row is not None
    await rig.host.define(row.guest.model_copy(update={"memory_mib": 128}))
    await rig.guests.settled(row.uuid)
    adopted = await rig.configured.adoption.adopt(rig.running("config-adopt", c.ConfigAdopt(update=True)))
    assert adopted.updated == ("a",)
    found = (await rig.active()).guests[0]
    assert (found.memory_mib, found.overrides) == (128, (own,))
    assert (await rig.plan(await rig.active())).items == ()
    assert given(rig, "a") == ["own", "one"]


async def test_the_overrides_of_a_template_are_applied_with_the_guest_that_is_made(hosts: Hosts) -> None:
    folder = hosts.folder / "templates" / "linux"
    folder.mkdir(parents=True)
    (folder / "overrides.toml").write_text(text("template"))
    template = Template(id="t", os_type="linux", kind="gp", image_type="linux", files=("linux",))
    folders = GuestFolders(hosts.folder / "guests", hosts.folder / "templates")
    async with hosts.open(folders=lambda _: folders) as rig:
        wanted = Desired(templates=(template,), guests=(A,))
        assert (await rig.plan(wanted)).risk == 2
        await rig.apply(wanted)
        assert given(rig, "a") == ["template"]
        assert (await rig.plan(wanted)).items == ()
        file(rig, "a").unlink()
        assert [item.field for item in (await rig.plan(wanted)).items] == ["overrides"], "it is the user's"


async def test_a_mistake_in_a_file_is_an_issue_of_its_guest_and_nothing_else_fails(rig: Rig) -> None:
    await rig.apply(Desired(guests=(A, B)))
    file(rig, "a").write_text(text("one"))
    await rig.apply(await rig.active())
    active = await rig.active()
    a, b = active.guests
    file(rig, "a").write_text("x = [")
    assert (await rig.show()).state == "in_sync"
    plan = await rig.plan(Desired(guests=(a, b.model_copy(update={"title": "x"}))))
    assert [(item.object, item.field) for item in plan.items] == [("guests.b", "title")]
    found = [issue for issue in plan.issues if issue.severity == "E"]
    assert [(issue.code, issue.path) for issue in found] == [("OVERRIDES-INVALID", "guests.a.overrides")]
    assert "overrides.toml" in found[0].message
    configuration = rig.configured.configuration
    assert configuration.lanes_of(active) == ("host", "guests")
    define = m.GuestDefine(guest=b.model_copy(update={"title": "x"}), replace=True)
    await rig.configured.definitions.define(rig.running("guest-define", define))
    await rig.apply(Desired(guests=(b,)))
    assert [row.guest.name for row in rig.guests.table.rows()] == ["b"]


async def test_more_overrides_than_a_guest_takes_are_an_issue(rig: Rig) -> None:
    many = tuple(Override(op="remove", sel=f"a{n}", optional=True) for n in range(512))
    await rig.apply(Desired(guests=(A.model_copy(update={"overrides": many}),)))
    file(rig, "a").write_text(text("one"))
    issues = (await rig.plan(await rig.active())).issues
    assert [issue.code for issue in issues if issue.severity == "E"] == ["OVERRIDES-INVALID"]


@pytest.mark.parametrize(("xml", "risk"), [("host-model", 2), ("<emulator>/bin/sh</emulator>", 3)])
async def test_what_is_new_in_a_file_costs_what_it_reaches_and_what_was_there_nothing(
    rig: Rig, xml: str, risk: int
) -> None:
    await rig.apply(Desired(guests=(A,)))
    sel, op = ("cpu/@mode", "replace") if risk == 2 else ("devices", "add")
    file(rig, "a").write_text(f'[[override]]\nop = "{op}"\nsel = "{sel}"\nxml = "{xml}"\n')
    assert (await rig.plan(await rig.active())).risk == risk
    await rig.apply(await rig.active())
    edited = (await rig.active()).guests[0].model_copy(update={"title": "x"})
    assert (await rig.plan(Desired(guests=(edited,)))).risk == 1


async def test_an_override_that_fits_nothing_is_an_error_of_the_plan(rig: Rig) -> None:
    """The document's by its number, the folder's by its file; optional ones, and those that fit one hypervisor, are none."""
    fits = (Override(op="replace", sel="cpu/@mode", xml="x"), Override(op="remove", sel="nothere", optional=True))
    guest = A.model_copy(update={"overrides": (*fits, Override(op="remove", sel="nothere"))})
    issues = [issue for issue in (await rig.plan(Desired(guests=(guest, B)))).issues if issue.severity == "E"]
    assert [(issue.code, issue.path) for issue in issues] == [("OVERRIDES-INVALID", "guests.a.overrides.2")]
    assert "nothere" in issues[0].message
    await rig.apply(Desired(guests=(A.model_copy(update={"overrides": fits[1:]}), B)))
    file(rig, "a").write_text('[[override]]\nop = "remove"\nsel = "nothere"\n')
    issues = [issue for issue in (await rig.plan(await rig.active())).issues if issue.severity == "E"]
    assert [(issue.code, issue.path) for issue in issues] == [("OVERRIDES-INVALID", "guests.a.overrides")]
    assert "overrides.toml" in issues[0].hint


async def test_an_edit_beyond_the_model_drifts_beside_the_folders_overrides(rig: Rig) -> None:
    """It is taken into the document without the folder's part, or taken back by the next apply."""
    await rig.apply(Desired(guests=(A,)))
    file(rig, "a").write_text(text("one"))
    await rig.apply(await rig.active())
    edit = Override(op="add", sel="./devices", xml="<sound model='ac97'/>", optional=True)

    async def edited() -> None:
        row = rig.guests.table.by_name("a")
        assert row is not None
        await rig.host.define(row.guest.model_copy(update={"overrides": (*row.guest.overrides, edit)}))
        await rig.guests.settled(row.uuid)

    await edited()
    assert (await rig.show()).state == "drifted"
    plan = await rig.plan(await rig.active())
    assert [(item.object, item.field) for item in plan.items] == [("guests.a", "overrides")]
    await rig.apply(await rig.active())
    assert (await rig.show()).state == "in_sync"
    assert given(rig, "a") == ["one"], "taken back"
    await edited()
    await rig.configured.adoption.adopt(rig.running("config-adopt", c.ConfigAdopt(update=True)))
    assert (await rig.active()).guests[0].overrides == (edit,)
    assert (await rig.show()).state == "in_sync"
    assert (await rig.plan(await rig.active())).items == ()
