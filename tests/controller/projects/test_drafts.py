"""Drafts that several people edit at once: nobody overwrites what they have not seen."""

import asyncio
from typing import Any

import pytest
from desk import ALICE, BOB, EVE, GUEST, H1, H2, Desk, changes_of

from guestwire.controller.projects.edits import DraftEdit
from guestwire.controller.store.database import Database
from guestwire.model.errors import GuestwireError


@pytest.fixture
async def desk(database: Database) -> Desk:
    return Desk(database)


def edit(path: str, value: Any = None, op: Any = "set") -> list[DraftEdit]:
    return [DraftEdit(op=op, path=path, value=value)]


async def begun(desk: Desk, *guests: str) -> int:
    """A draft with these guests; its revision."""
    await desk.drafts.put(ALICE, H1, {"guests": [{"name": name} for name in guests]}, None)
    return 1


async def refused(doing: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as error:
        await doing
    return error.value


async def test_every_edit_is_a_revision_with_its_author_and_what_it_changed(desk):
    revision = await begun(desk, "web")
    answer = await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 4), revision)
    assert (answer.revision, answer.author, answer.merged) == (2, "bob", False)
    assert [(one.path, one.before, one.after) for one in answer.changes] == [("guests.web.vcpus", None, 4)]
    history = await desk.reading.history(EVE, H1, None, 10)
    assert [(one.revision, one.author, one.kind) for one in history] == [(2, "bob", "edit"), (1, "alice", "put")]
    assert history[0].changes == answer.changes
    assert history[0].summary == "set guest.web.vcpus"
    assert await desk.audit() == [("alice", "draft-put", "plant/h1"), ("bob", "draft-edit", "plant/h1")]
    shown = await desk.reading.show(EVE, H1)
    assert shown.document.guests[0].vcpus == 4
    assert shown.revision == 2


async def test_an_edit_of_an_older_revision_is_refused_with_what_others_did(desk):
    await begun(desk, "web")
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 4), 1)
    error = await refused(desk.drafts.edit(ALICE, H1, edit("guest.web.memory_mib", 700), 1))
    assert error.code == "REVISION-STALE"
    assert error.detail["revision"] == 2
    assert error.detail["mergeable"] is True
    assert [one["path"] for one in error.detail["changes"]] == ["guests.web.vcpus"]
    assert [(one["revision"], one["author"]) for one in error.detail["since"]] == [(2, "bob")]
    assert (await desk.reading.show(ALICE, H1)).document.guests[0].memory_mib != 700


async def test_edits_of_different_places_are_put_together_where_that_is_asked_for(desk):
    await begun(desk, "web")
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 4), 1)
    answer = await desk.drafts.edit(ALICE, H1, edit("guest.web.memory_mib", 700), 1, merge=True)
    assert (answer.revision, answer.merged) == (3, True)
    guest = (await desk.reading.show(ALICE, H1)).document.guests[0]
    assert (guest.vcpus, guest.memory_mib) == (4, 700)


async def test_the_same_place_is_never_overwritten(desk):
    await begun(desk, "web")
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 4), 1)
    error = await refused(desk.drafts.edit(ALICE, H1, edit("guest.web.vcpus", 8), 1, merge=True))
    assert error.code == "REVISION-STALE"
    assert error.detail["mergeable"] is False
    assert error.detail["conflicts"] == [{"path": "guests.web.vcpus", "base": None, "mine": 8, "theirs": 4}]
    assert (await desk.reading.show(ALICE, H1)).document.guests[0].vcpus == 4


async def test_two_changes_that_together_make_nothing_are_not_put_together(desk):
    await begun(desk, "web")
    ready = edit("guest.web.ready_when.by", "console_text") + edit("guest.web.ready_when.text", "login:")
    await desk.drafts.edit(BOB, H1, ready, 1)
    error = await refused(desk.drafts.edit(ALICE, H1, edit("guest.web.ready_when.within_s", 9), 1, merge=True))
    assert error.detail["mergeable"] is False


@pytest.mark.parametrize("revision", [0, 7])
async def test_a_revision_that_nobody_ever_had_is_refused(desk, revision):
    await begun(desk, "web")
    error = await refused(desk.drafts.edit(ALICE, H1, edit("guest.web.vcpus", 8), revision, merge=True))
    assert (error.code, error.detail["mergeable"]) == ("REVISION-STALE", False)


async def test_an_edit_that_changes_nothing_is_no_revision(desk):
    await begun(desk, "web")
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 4), 1)
    answer = await desk.drafts.edit(ALICE, H1, edit("guest.web.vcpus", 4), 2)
    assert (answer.revision, answer.changes, answer.author) == (2, (), "bob")


async def test_an_edit_that_is_sent_twice_is_done_once(desk):
    """Its answer was lost on the way: it is not told that somebody else was faster."""
    await desk.drafts.put(ALICE, H1, {"guests": [{"name": "a", "tags": ["x", "y"]}, {"name": "b"}]}, None)
    revision = 1
    for edits in (
        edit("guest.a.vcpus", 4),
        edit("guest.b.vcpus", 1),  # what it is without a word: a line in the text and no other meaning
        edit("guest.a.tags", "z", "append"),
        edit("guest.a.tags", "y", "take"),
        edit("guest.a.vcpus", op="default"),
        edit("guest.c", {"vcpus": 2}, "add"),
        edit("guest.c", "d", "rename"),
        edit("guest.b", op="remove"),
        [*edit("area.m", {"size": "1M"}, "add"), *edit("guest.a.nics", {"model": "e1000e"}, "append")],
    ):
        first = await desk.drafts.edit(ALICE, H1, edits, revision, merge=True)
        assert first.revision == revision + 1, edits
        again = await desk.drafts.edit(ALICE, H1, edits, revision, merge=True)
        assert (again.revision, again.changes, again.merged) == (first.revision, (), False), edits
        revision = first.revision


async def test_an_edit_that_is_sent_twice_keeps_what_others_did_meanwhile(desk):
    await begun(desk, "web")
    await desk.drafts.edit(ALICE, H1, edit("guest.web.tags", "z", "append"), 1)
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 4), 2)
    again = await desk.drafts.edit(ALICE, H1, edit("guest.web.tags", "z", "append"), 1, merge=True)
    assert (again.revision, again.author, again.changes, again.merged) == (3, "bob", (), True)


async def test_a_mistake_changes_nothing(desk):
    await begun(desk, "web")
    error = await refused(
        desk.drafts.edit(ALICE, H1, edit("guest.web.vcpus", 8) + edit("guest.web.vcpu", 8), 1)
    )  # fmt: skip
    assert error.code == "DOCUMENT-INVALID"
    assert (await desk.reading.show(ALICE, H1)).revision == 1


async def test_two_who_begin_a_draft_at_once_do_not_begin_two(desk):
    wanted = [desk.drafts.put(who, H1, {"guests": [{"name": who.name}]}, None) for who in (ALICE, BOB)]
    outcomes = await asyncio.gather(*wanted, return_exceptions=True)
    codes = [one.code for one in outcomes if isinstance(one, GuestwireError)]
    assert codes == ["REVISION-STALE"]
    assert (await desk.reading.show(ALICE, H1)).revision == 1


async def test_a_text_keeps_remarks_and_takes_another_host(desk):
    await desk.drafts.put(ALICE, H1, "schema = 1\n[hosts.h1.guests.web]  # the shop\n", None)
    shown = await desk.reading.show(ALICE, H1)
    assert "# the shop" in shown.text
    text = shown.text.replace("# the shop", "# the new shop")
    answer = await desk.drafts.put(BOB, H1, text, 1)
    assert (answer.revision, answer.changes) == (2, ())
    error = await refused(desk.drafts.put(ALICE, H1, shown.text.replace("# the shop", "# mine"), 1, merge=True))
    assert (error.code, error.detail["mergeable"]) == ("REVISION-STALE", False)


async def test_a_draft_that_is_discarded_can_be_had_back_and_its_old_revisions_fit_no_new_one(desk):
    await begun(desk, "web")
    await desk.drafts.discard(BOB, H1, 1)
    assert (await refused(desk.reading.show(ALICE, H1))).code == "DRAFT-MISSING"
    assert (await refused(desk.drafts.edit(ALICE, H1, edit("guest.web.vcpus", 8), 1))).code == "DRAFT-MISSING"
    await desk.drafts.put(ALICE, H1, {}, None)
    error = await refused(desk.drafts.edit(ALICE, H1, edit("settings.swap_mib", 8), 1, merge=True))
    assert (error.code, error.detail["mergeable"]) == ("REVISION-STALE", False)
    answer = await desk.drafts.restore(BOB, H1, 1, 3)
    assert answer.revision == 4
    assert [guest.name for guest in (await desk.reading.show(ALICE, H1)).document.guests] == ["web"]
    kinds = [one.kind for one in await desk.reading.history(ALICE, H1, None, 10)]
    assert kinds == ["restore", "put", "discard", "put"]
    assert (await refused(desk.drafts.restore(BOB, H1, 2, 4))).code == "NOT-FOUND"
    assert (await refused(desk.drafts.restore(BOB, H1, 1, 3))).code == "REVISION-STALE"


async def test_what_is_tried_is_not_kept(desk):
    await begun(desk, "web")
    checked = await desk.drafts.check(EVE, H1, edit("guest.web.memory_mib", 16))
    assert "guests.web.memory_mib" in {one.path for one in checked.changes}
    wrong = await desk.drafts.check(EVE, H1, edit("guest.web.memory_mib", 0) + edit("guest.web.vcpu", 1))
    assert [(one.severity, one.path) for one in wrong.mistakes] == [
        ("E", "guest.web.vcpu"),
        ("E", "guests.web.memory_mib"),
    ]
    assert (await desk.reading.show(ALICE, H1)).revision == 1
    assert (await desk.drafts.check(EVE, H1, None)).changes == ()
    other = await desk.drafts.check(EVE, H1, "schema = 1\n[hosts.h1]\n")
    assert [one.path for one in other.changes] == ["guests.web"]
    assert (await refused(desk.drafts.check(EVE, H2, edit("guest.web.vcpus", 1)))).code == "DRAFT-MISSING"
    assert (await desk.drafts.check(EVE, H2, {"guests": [{"name": "a"}]})).revision == 0
    assert desk.hosts.asked == []


async def test_other_formats_are_taken_in(desk):
    await begun(desk, "web")
    xml = (
        "<domain type='kvm'><name>db</name><uuid>00000000-0000-4000-8000-000000000009</uuid><memory unit='MiB'>512</memory>"
        "<vcpu>2</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"
    )
    answer = await desk.drafts.take(ALICE, H1, "libvirt", [xml], 1)
    assert [one.path for one in answer.changes] == ["guests.db"]
    assert (await desk.reading.history(ALICE, H1, None, 1))[0].summary == "libvirt: 1 file"


async def test_who_may_what(desk):
    await begun(desk, "web")
    for doing in (
        desk.drafts.edit(EVE, H1, edit("guest.web.vcpus", 4), 1), desk.drafts.put(GUEST, H1, {}, 1),
        desk.drafts.discard(EVE, H1, 1), desk.drafts.restore(GUEST, H1, 1, 1), desk.reading.show(GUEST, H1),
        desk.reading.history(GUEST, H1, None, 5), desk.drafts.check(GUEST, H1, None),
        desk.drafts.take(EVE, H1, "guestwire", ["schema = 1\n[hosts.h1]"], 1),
    ):  # fmt: skip
        assert (await refused(doing)).code == "DENIED"
    await desk.drafts.put(GUEST, H2, {}, None)
    assert [one.host for one in await desk.reading.page(GUEST, None, 10)] == ["h2"]
    assert [one.host for one in await desk.reading.page(EVE, None, 10)] == ["h1", "h2"]
    assert [one.host for one in await desk.reading.page(EVE, ("plant", "h1"), 10)] == ["h2"]
    assert [one.host for one in await desk.reading.page(EVE, None, 1)] == ["h1"]


async def test_those_who_watch_hear_of_every_revision(desk):
    changes = await changes_of(desk.feed, lambda: begun(desk, "web"))
    assert [(one.kind, one.key, one.hosts) for one in changes] == [("draft", "plant/h1", (H1,))]
    assert changes[0].document["revision"] == 1
    changes = await changes_of(desk.feed, lambda: desk.drafts.discard(ALICE, H1, 1))
    assert changes[0].document is None


async def test_where_somebody_was_is_found_again_and_who_else_is_there_is_told(desk):
    await begun(desk, "web")
    assert (await refused(desk.reading.session(ALICE, H1))).code == "NOT-FOUND"
    await desk.reading.keep_session(ALICE, H1, 1, {"tab": "guests", "open": ["web"]})
    await desk.reading.keep_session(BOB, H1, 1, {})
    found = await desk.reading.session(ALICE, H1)
    assert (found.revision, found.view) == (1, {"tab": "guests", "open": ["web"]})
    assert [one.host for one in await desk.reading.sessions(ALICE, 10)] == ["h1"]
    assert [one.name for one in (await desk.reading.show(ALICE, H1)).editors] == ["bob"]
    error = await refused(desk.reading.keep_session(ALICE, H1, 1, {"much": "x" * 20_000}))
    assert error.code == "INVALID-BODY"
    assert (await desk.reading.show(ALICE, H1)).revision == 1
