"""Projects and examples into drafts: shown first, then all of them or none."""

from typing import Any

import pytest
from desk import ALICE, BOB, EVE, GUEST, H1, H2, Desk

from guestwire.controller.projects.edits import DraftEdit
from guestwire.controller.projects.project_models import ExampleWanted, OpenWanted, ProjectWanted
from guestwire.controller.store.database import Database
from guestwire.formats import examples, project_toml
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

TEXT = """schema = 1
[hosts.h1.guests.web]  # the shop
vcpus = 2
[hosts.h2.guests.db]
"""


@pytest.fixture
async def desk(database: Database) -> Desk:
    made = Desk(database)
    made.hosts.configs[H1].add(Desired(guests=(Guest(name="old"),)))
    await made.projects.put(ALICE, "line7", ProjectWanted(site="plant", text=TEXT), None)
    return made


async def refused(doing: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as error:
        await doing
    return error.value


async def test_what_would_be_overwritten_is_shown_first(desk):
    await desk.pulling.pull(BOB, H1)
    await desk.drafts.edit(BOB, H1, [DraftEdit(path="guest.old.vcpus", value=3)], 1)
    shown = await desk.opening.open(EVE, "line7", OpenWanted(preview=True))
    assert not shown.done
    first, second = shown.drafts
    assert (first.target, first.draft_revision, first.unapplied, first.removed) == ("plant/h1", 2, True, ("old",))
    assert {one.path for one in first.changes} == {"guests.old", "guests.web", "base_topology"}
    assert (second.target, second.draft_revision, second.unapplied, second.removed) == ("plant/h2", 0, False, ())
    assert (await desk.reading.show(ALICE, H1)).revision == 2
    error = await refused(desk.opening.open(ALICE, "line7", OpenWanted()))
    assert (error.code, error.detail) == ("EXISTS", {"host": "plant/h1", "revision": 2})
    error = await refused(desk.opening.open(ALICE, "line7", OpenWanted(overwrite={"plant/h1": 1})))
    assert error.code == "REVISION-STALE"
    assert (await refused(desk.reading.show(ALICE, H2))).code == "DRAFT-MISSING"
    done = await desk.opening.open(ALICE, "line7", OpenWanted(overwrite={"plant/h1": 2}))
    assert done.done
    assert [one.draft_revision for one in done.drafts] == [3, 1]
    draft = await desk.reading.show(ALICE, H1)
    assert (draft.base_revision, draft.state) == (1, "dirty")
    assert "# the shop" in draft.text
    entry = (await desk.reading.history(ALICE, H1, None, 1))[0]
    assert (entry.kind, entry.summary, entry.author) == ("open", "project line7", "alice")


async def test_a_project_is_taken_to_other_hosts(desk):
    done = await desk.opening.open(ALICE, "line7", OpenWanted(hosts={"h1": "plant/h2"}))
    assert [(one.host, one.target) for one in done.drafts] == [("h1", "plant/h2")]
    draft = await desk.reading.show(ALICE, H2)
    assert [guest.name for guest in draft.document.guests] == ["web"]
    assert "[hosts.h2.guests.web]  # the shop" in draft.text
    assert (await refused(desk.opening.open(ALICE, "line7", OpenWanted(hosts={"h9": "plant/h2"})))).code == "NOT-FOUND"
    both = OpenWanted(hosts={"h1": "plant/h1", "h2": "plant/h1"})
    assert (await refused(desk.opening.open(ALICE, "line7", both))).code == "INVALID-BODY"


async def test_hosts_that_are_away_are_opened_for_all_the_same(desk):
    desk.hosts.away |= {H1, H2}
    done = await desk.opening.open(ALICE, "line7", OpenWanted())
    assert done.done
    draft = await desk.reading.show(ALICE, H1)
    assert (draft.base_revision, draft.host_revision, draft.state) == (None, None, "dirty")


async def test_all_drafts_or_none(desk):
    raced = False
    judged = desk.keeping.all_kept

    async def faster(person, several):
        nonlocal raced
        if not raced:
            raced = True
            await desk.drafts.put(BOB, H2, {}, None)
        return await judged(person, several)

    desk.keeping.all_kept = faster  # type: ignore[method-assign]
    error = await refused(desk.opening.open(ALICE, "line7", OpenWanted()))
    assert (error.code, error.detail["host"]) == ("EXISTS", "plant/h2")
    assert (await refused(desk.reading.show(ALICE, H1))).code == "DRAFT-MISSING"
    assert (await desk.reading.show(ALICE, H2)).author == "bob"


async def test_who_may_open(desk):
    for doing in (
        desk.opening.open(EVE, "line7", OpenWanted()), desk.opening.open(GUEST, "line7", OpenWanted(preview=True)),
        desk.opening.open_example(EVE, "rt-linux", ExampleWanted(host="plant/h1")),
        desk.opening.open_example(GUEST, "rt-linux", ExampleWanted(host="plant/h1", preview=True)),
    ):  # fmt: skip
        assert (await refused(doing)).code == "DENIED"


@pytest.mark.parametrize("name", [one.name for one in examples.EXAMPLES])
async def test_every_example_is_opened(desk, name):
    listed = {one.name: one for one in desk.opening.examples()}
    assert listed[name].guests
    text = desk.opening.example(name, "h1").text
    assert list(project_toml.load(text).hosts) == ["h1"]
    shown = await desk.opening.open_example(ALICE, name, ExampleWanted(host="plant/h1", preview=True))
    assert (shown.done, shown.drafts[0].removed) == (False, ("old",))
    await desk.opening.open_example(ALICE, name, ExampleWanted(host="plant/h1"))
    draft = await desk.reading.show(ALICE, H1)
    assert tuple(guest.name for guest in draft.document.guests) == listed[name].guests
    assert draft.errors == 0
    error = await refused(desk.opening.open_example(ALICE, name, ExampleWanted(host="plant/h1")))
    assert error.code == "EXISTS"
    await desk.opening.open_example(ALICE, name, ExampleWanted(host="plant/h1", overwrite=1))


async def test_an_example_that_is_none(desk):
    assert (await refused(desk.opening.open_example(ALICE, "rt", ExampleWanted(host="plant/h1")))).code == "NOT-FOUND"
    with pytest.raises(GuestwireError):
        desk.opening.example("rt", "h1")
