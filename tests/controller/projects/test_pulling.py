"""Drafts from what hosts have: anew, or with the edits on top."""

from typing import Any

import pytest
from desk import ALICE, BOB, EVE, H1, Desk

from guestwire.controller.projects.edits import DraftEdit
from guestwire.controller.store.database import Database
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest


@pytest.fixture
async def desk(database: Database) -> Desk:
    made = Desk(database)
    made.hosts.configs[H1].add(Desired(guests=(Guest(name="web"),)))
    return made


def edit(path: str, value: Any) -> list[DraftEdit]:
    return [DraftEdit(path=path, value=value)]


async def refused(doing: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as error:
        await doing
    return error.value


async def test_a_pulled_draft_is_what_the_host_has(desk):
    shown = await desk.pulling.pull(ALICE, H1)
    assert (shown.revision, shown.base_revision, shown.state, shown.items) == (1, 1, "clean", ())
    assert shown.document.guests[0].id == "GUEST0001"
    assert shown.document.base_topology == desk.hosts.configs[H1].topology.fingerprint
    assert shown.host_revision == 1
    assert (await desk.reading.history(ALICE, H1, None, 1))[0].summary == "revision 1 of the host"
    again = await desk.pulling.pull(BOB, H1)
    assert again.revision == 1


async def test_edits_that_were_not_applied_are_only_dropped_when_that_is_said(desk):
    await desk.pulling.pull(ALICE, H1)
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 2), 1)
    error = await refused(desk.pulling.pull(ALICE, H1))
    assert (error.code, error.detail["revision"]) == ("EXISTS", 2)
    assert (await refused(desk.pulling.pull(ALICE, H1, discard=1))).code == "REVISION-STALE"
    shown = await desk.pulling.pull(ALICE, H1, discard=2)
    assert (shown.revision, shown.state) == (3, "clean")


async def test_a_draft_without_edits_follows_its_host(desk):
    await desk.pulling.pull(ALICE, H1)
    desk.hosts.configs[H1].add(Desired(guests=(Guest(name="web", vcpus=4),)))
    shown = await desk.pulling.pull(ALICE, H1)
    assert (shown.revision, shown.base_revision, shown.document.guests[0].vcpus) == (2, 2, 4)


async def test_the_edits_of_a_draft_go_on_top_of_what_the_host_has_become(desk):
    await desk.pulling.pull(ALICE, H1)
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 2), 1)
    desk.hosts.configs[H1].add(Desired(guests=(Guest(name="web", memory_mib=700), Guest(name="db"))))
    shown = await desk.pulling.pull(ALICE, H1, "merge")
    assert (shown.base_revision, shown.state) == (2, "dirty")
    web, db = shown.document.guests
    assert (web.vcpus, web.memory_mib, db.name) == (2, 700, "db")
    assert [(one.object, one.field) for one in shown.items] == [("guests.web", "vcpus")]


async def test_what_both_changed_is_asked_about(desk):
    await desk.pulling.pull(ALICE, H1)
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 2), 1)
    desk.hosts.configs[H1].add(Desired(guests=(Guest(name="web", vcpus=4),)))
    error = await refused(desk.pulling.pull(ALICE, H1, "merge"))
    assert error.code == "BASE-REVISION"
    assert [one["path"] for one in error.detail["conflicts"]] == ["guests.web.vcpus"]
    shown = await desk.pulling.pull(ALICE, H1, "merge", prefer="mine")
    assert (shown.base_revision, shown.document.guests[0].vcpus) == (2, 2)
    await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 3), shown.revision)
    desk.hosts.configs[H1].add(Desired(guests=(Guest(name="web", vcpus=5),)))
    shown = await desk.pulling.pull(ALICE, H1, "merge", prefer="theirs")
    assert (shown.base_revision, shown.document.guests[0].vcpus, shown.state) == (3, 5, "clean")


async def test_a_draft_of_nobody_knows_what_is_replaced_or_refused(desk):
    await desk.drafts.put(ALICE, H1, {"guests": [{"name": "mine"}]}, None)
    error = await refused(desk.pulling.pull(ALICE, H1, "merge"))
    assert error.code == "BASE-REVISION"


async def test_a_host_that_is_away_is_not_pulled_from(desk):
    desk.hosts.away.add(H1)
    assert (await refused(desk.pulling.pull(ALICE, H1))).code == "HOST-UNREACHABLE"
    assert (await refused(desk.pulling.pull(EVE, H1))).code == "DENIED"
    assert (await refused(desk.reading.show(ALICE, H1))).code == "DRAFT-MISSING"


async def test_a_host_that_does_not_tell_its_machine_is_pulled_from_all_the_same(desk):
    desk.hosts.configs[H1].topology = None
    shown = await desk.pulling.pull(ALICE, H1)
    assert shown.document.base_topology is None
    assert "CPUSET-UNKNOWN" in shown.findings.not_checked


async def test_an_edit_that_comes_while_a_host_is_asked_is_not_lost(desk):
    await desk.pulling.pull(ALICE, H1)
    config, asking = desk.hosts.configs[H1], desk.hosts.call
    config.add(Desired(guests=(Guest(name="web", memory_mib=700),)))
    revision = 1

    async def slow(ref, operation, request, **more):
        nonlocal revision
        if operation.name == "config-show":
            answer = await desk.drafts.edit(BOB, H1, edit("guest.web.vcpus", 1 + revision), revision)
            revision = answer.revision
        return await asking(ref, operation, request, **more)

    desk.hosts.call = slow
    assert (await refused(desk.pulling.pull(ALICE, H1))).code == "EXISTS"
    shown = await desk.pulling.pull(ALICE, H1, "merge")
    assert (shown.document.guests[0].vcpus, shown.document.guests[0].memory_mib) == (3, 700)
