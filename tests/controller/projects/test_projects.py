"""Named projects: kept with every revision, by those who may edit their hosts."""

from typing import Any

import pytest
from desk import ALICE, BOB, EVE, GUEST, H1, H2, Desk, changes_of

from guestwire.controller.projects.project_models import ProjectShown, ProjectWanted
from guestwire.controller.store.database import Database
from guestwire.formats import project_toml
from guestwire.model.errors import GuestwireError

LINE7 = """# as delivered
schema = 1
name = "line 7"

[hosts.h1]
base_revision = 4

[hosts.h1.guests.web]  # the shop
vcpus = 2
"""
BOTH = LINE7 + "\n[hosts.h2.guests.db]\n"


@pytest.fixture
async def desk(database: Database) -> Desk:
    return Desk(database)


async def saved(desk: Desk, name: str = "line7", text: str = LINE7, revision: int | None = None) -> ProjectShown:
    return await desk.projects.put(ALICE, name, ProjectWanted(site="plant", text=text), revision)


async def refused(doing: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as error:
        await doing
    return error.value


async def test_a_project_keeps_its_text_but_not_what_it_was_edited_from(desk):
    shown = await saved(desk)
    assert (shown.revision, shown.title, shown.hosts, shown.author) == (1, "line 7", ("h1",), "alice")
    assert "# as delivered" in shown.text
    assert "# the shop" in shown.text
    assert "base_revision" not in shown.text
    assert [(one.host, one.guests) for one in shown.content] == [("h1", ("web",))]
    assert await desk.projects.show(EVE, "line7") == shown
    assert await desk.audit() == [("alice", "project-save", "line7")]


async def test_every_revision_has_its_author_and_what_it_changed(desk):
    await saved(desk)
    wanted = ProjectWanted(site="plant", text=BOTH.replace("vcpus = 2", "vcpus = 4"))
    await desk.projects.put(BOB, "line7", wanted, 1)
    rows = await desk.projects.revisions(EVE, "line7", None, 10)
    assert [(one.revision, one.author) for one in rows] == [(2, "bob"), (1, "alice")]
    assert [one.path for one in rows[0].changes] == ["hosts.h1.guests.web.vcpus", "hosts.h2"]
    assert [one.path for one in rows[1].changes] == ["project.name", "hosts.h1"]
    assert "vcpus = 2" in await desk.projects.text_of(EVE, "line7", 1)
    assert (await refused(desk.projects.text_of(EVE, "line7", 3))).code == "NOT-FOUND"


async def test_nobody_overwrites_what_they_have_not_seen(desk):
    await saved(desk)
    assert (await refused(saved(desk))).code == "EXISTS"
    await saved(desk, text=BOTH, revision=1)
    error = await refused(saved(desk, revision=1))
    assert (error.code, error.detail["revision"]) == ("REVISION-STALE", 2)
    assert (await refused(saved(desk, "other", revision=1))).code == "NOT-FOUND"
    assert (await refused(desk.projects.remove(ALICE, "line7", 1))).code == "REVISION-STALE"


async def test_a_project_of_drafts_has_what_is_in_them(desk):
    await desk.drafts.put(ALICE, H1, LINE7, None)
    await desk.drafts.put(ALICE, H2, {"guests": [{"name": "db"}]}, None)
    one = await desk.projects.put(ALICE, "one", ProjectWanted(site="plant", drafts=("h1",), title="One"), None)
    assert "# the shop" in one.text
    assert one.title == "One"
    wanted = ProjectWanted(site="plant", drafts=("h1", "h2"))
    both = await desk.projects.put(BOB, "one", wanted, 1)
    assert (both.hosts, both.title) == (("h1", "h2"), "One")
    assert "# the shop" in both.text
    assert "base_revision" not in both.text
    error = await refused(desk.projects.put(ALICE, "x", ProjectWanted(site="plant", drafts=("h3",)), None))
    assert error.code == "DRAFT-MISSING"


async def test_copies_and_other_names(desk):
    await saved(desk)
    copy = await desk.projects.copy(BOB, "line7", "line8")
    assert (copy.name, copy.revision, copy.text) == ("line8", 1, (await desk.projects.show(ALICE, "line7")).text)
    assert (await refused(desk.projects.copy(BOB, "line7", "line8"))).code == "EXISTS"
    assert (await refused(desk.projects.rename(BOB, "line7", "line8", 1))).code == "EXISTS"
    assert (await refused(desk.projects.rename(BOB, "line7", "line7", 1))).code == "EXISTS"
    named = await desk.projects.rename(BOB, "line7", "Line.9", 1)
    assert (named.name, named.revision) == ("Line.9", 2)
    assert (await refused(desk.projects.show(ALICE, "line7"))).code == "NOT-FOUND"
    rows = await desk.projects.revisions(ALICE, "Line.9", None, 10)
    assert [(one.revision, one.summary) for one in rows] == [(2, "it was called line7"), (1, "a project file")]
    again = await saved(desk)
    assert again.revision == 3
    assert [one.name for one in await desk.projects.page(ALICE, None, 10)] == ["Line.9", "line7", "line8"]
    assert [one.name for one in await desk.projects.page(ALICE, "Line.9", 1)] == ["line7"]


async def test_an_old_revision_fits_no_new_project_of_that_name(desk):
    await saved(desk)
    await desk.projects.remove(BOB, "line7", 1)
    assert (await refused(desk.projects.show(ALICE, "line7"))).code == "NOT-FOUND"
    assert await desk.projects.page(ALICE, None, 10) == []
    again = await saved(desk)
    assert again.revision == 3
    assert len(await desk.projects.revisions(ALICE, "line7", None, 10)) == 1
    assert (await refused(saved(desk, revision=1))).code == "REVISION-STALE"


@pytest.mark.parametrize(
    ("name", "wanted", "code"),
    [
        ("examples", ProjectWanted(site="plant", text=LINE7), "INVALID-BODY"),
        ("x", ProjectWanted(site="plant"), "INVALID-BODY"),
        ("x", ProjectWanted(site="plant", text=LINE7, drafts=("h1",)), "INVALID-BODY"),
        ("x", ProjectWanted(site="plant", text="schema = 1\n[hosts.h1]\nnonsense = 1"), "DOCUMENT-INVALID"),
        ("x", ProjectWanted(site="plant", text='schema = 1\n[hosts."H 1"]'), "DOCUMENT-INVALID"),
    ],
)
async def test_what_is_no_project(desk, name, wanted, code):
    assert (await refused(desk.projects.put(ALICE, name, wanted, None))).code == code


async def test_a_project_stays_with_its_site(desk):
    await saved(desk)
    error = await refused(desk.projects.put(ALICE, "line7", ProjectWanted(site="other", text=LINE7), 1))
    assert (error.code, error.field) == ("INVALID-BODY", "site")


async def test_who_may_what(desk):
    await saved(desk, text=BOTH)
    mine = LINE7.replace("h1", "h2")
    for doing in (
        desk.projects.put(EVE, "x", ProjectWanted(site="plant", text=LINE7), None),
        desk.projects.put(GUEST, "x", ProjectWanted(site="plant", text=LINE7), None),
        desk.projects.put(GUEST, "line7", ProjectWanted(site="plant", text=mine), 1),
        desk.projects.show(GUEST, "line7"), desk.projects.copy(GUEST, "line7", "x"), desk.projects.copy(EVE, "line7", "x"),
        desk.projects.rename(EVE, "line7", "x", 1), desk.projects.remove(GUEST, "line7", 1),
        desk.projects.revisions(GUEST, "line7", None, 1),
    ):  # fmt: skip
        assert (await refused(doing)).code == "DENIED"
    for looking in (desk.projects.show(GUEST, "line7"), desk.projects.remove(GUEST, "line7", 1),
                    desk.projects.put(GUEST, "line7", ProjectWanted(site="plant", text=mine), 1)):  # fmt: skip
        error = await refused(looking)  # names no host that they may not see
        assert "h1" not in f"{error.message} {error.detail}"
    await desk.projects.put(GUEST, "mine", ProjectWanted(site="plant", text=mine), None)
    assert [one.name for one in await desk.projects.page(GUEST, None, 10)] == ["mine"]
    # h1 was in it once, which is nothing for somebody who may not see h1
    await saved(desk, text=mine, revision=1)
    rows = await desk.projects.revisions(GUEST, "line7", None, 10)
    assert [[change.path for change in one.changes] for one in rows] == [
        ["hosts.h2.guests.db", "hosts.h2.guests.web"], ["project.name", "hosts.h2"],
    ]  # fmt: skip
    assert (await refused(desk.projects.text_of(GUEST, "line7", 1))).code == "DENIED"


async def test_those_who_watch_hear_of_projects(desk):
    changes = await changes_of(desk.feed, lambda: saved(desk, text=BOTH))
    assert [(one.kind, one.key, one.hosts, one.all_hosts) for one in changes] == [("project", "line7", (H1, H2), True)]
    changes = await changes_of(desk.feed, lambda: desk.projects.rename(ALICE, "line7", "line8", 1))
    assert [(one.key, one.document is None) for one in changes] == [("line7", True), ("line8", False)]


async def test_what_is_shown_can_be_saved_again(desk):
    shown = await saved(desk, text=BOTH)
    again = await saved(desk, text=shown.text, revision=1)
    assert project_toml.load(again.text) == project_toml.load(shown.text)
    assert (await desk.projects.revisions(ALICE, "line7", None, 1))[0].changes == ()
