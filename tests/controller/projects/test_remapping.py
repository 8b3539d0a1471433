"""A machine that has changed under a draft: 8 CPUs become 4, as after a change of the BIOS."""

from typing import Any

import pytest
from desk import ALICE, BOB, EVE, H1, Desk

from guestwire.controller.projects.edits import DraftEdit
from guestwire.controller.store.database import Database
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES

EIGHT, FOUR = MACHINES["bios-8-cpu"].topology, MACHINES["bios-4-cpu"].topology
GUESTS = (Guest(name="rt", kind="rt", cpuset="7", memory_mib=256), Guest(name="gp", cpuset="5", memory_mib=256))


@pytest.fixture
async def desk(database: Database) -> Desk:
    """A draft of what a host of 8 CPUs has, which has 4 now."""
    made = Desk(database)
    config = made.hosts.configs[H1]
    config.topology = EIGHT
    config.add(Desired(guests=GUESTS))
    await made.pulling.pull(ALICE, H1)
    config.topology = FOUR
    return made


async def refused(doing: Any) -> str:
    with pytest.raises(GuestwireError) as error:
        await doing
    return error.value.code


async def cpus(desk: Desk) -> list[str | None]:
    return [guest.cpuset for guest in (await desk.reading.show(ALICE, H1)).document.guests]


def codes(answer: Any) -> list[str]:
    return [one.code for one in answer.findings.issues if one.code in ("CPU-REMAPPED", "TOPO-MISMATCH")]


async def test_what_would_become_of_it_is_told_and_nothing_is_kept(desk):
    found = await desk.remapping.check(ALICE, H1, 1)
    assert (found.revision, codes(found)) == (1, ["CPU-REMAPPED", "CPU-REMAPPED"])
    changed = {one.path: (one.before, one.after) for one in found.changes}
    assert changed["guests.rt.cpuset"] == ("7", "3")
    assert changed["guests.gp.cpuset"] == ("5", "2")
    assert changed["base_topology"] == (EIGHT.fingerprint, FOUR.fingerprint)
    assert {one.object for one in found.items} >= {"guests.rt", "guests.gp"}
    assert (await desk.reading.show(ALICE, H1)).revision == 1
    assert await cpus(desk) == ["7", "5"]


async def test_the_draft_becomes_one_for_the_machine_and_nothing_is_applied(desk):
    made = await desk.remapping.keep(ALICE, H1, 1)
    assert (made.revision, made.state, codes(made)) == (2, "dirty", ["CPU-REMAPPED", "CPU-REMAPPED"])
    assert {one.path for one in made.changes} == {"base_topology", "guests.rt.cpuset", "guests.gp.cpuset"}
    shown = await desk.reading.show(BOB, H1)
    assert (shown.base_revision, codes(shown)) == (1, [])
    assert shown.document.base_topology == FOUR.fingerprint
    assert await cpus(desk) == ["3", "2"]
    entry = (await desk.reading.history(ALICE, H1, None, 1))[0]
    assert (entry.kind, entry.author) == ("hardware", "alice")
    assert entry.summary == f"for the machine {FOUR.fingerprint[:12]}: 2 CPU sets mapped"
    assert ("alice", "draft-hardware", "plant/h1") in await desk.audit()
    assert "config-apply" not in {operation for _, operation in desk.hosts.asked}
    again = await desk.remapping.keep(BOB, H1, 2)
    assert (again.revision, again.changes, codes(again)) == (2, (), [])
    assert (await desk.remapping.check(BOB, H1, 2)).changes == ()


async def test_edits_and_remarks_stay(desk):
    edit = [DraftEdit(path="guest.gp.vcpus", value=2), DraftEdit(path="guest.gp.cpuset", value="4-5")]
    await desk.drafts.edit(BOB, H1, edit, 1)
    text = (await desk.reading.show(BOB, H1)).text
    await desk.drafts.put(BOB, H1, f"# mine\n{text}", 2)
    await desk.remapping.keep(ALICE, H1, 3)
    shown = await desk.reading.show(ALICE, H1)
    assert shown.text.startswith("# mine\n")
    gp = shown.document.guests[1]
    assert (gp.vcpus, gp.cpuset) == (2, "1-2")


async def test_the_machine_that_a_draft_was_made_for_is_known_after_others_have_asked_the_host(desk):
    rt = [
        DraftEdit(path="policy.profile", value="kvm-rt"),
        DraftEdit(path="guest.rt.cpuset", value="3,7"),
        DraftEdit(op="remove", path="guest.gp"),
    ]
    await desk.drafts.edit(BOB, H1, rt, 1)
    await desk.reading_hosts.fetch(H1)
    await desk.reading_hosts.fetch(H1)
    await desk.remapping.keep(ALICE, H1, 2)
    assert await cpus(desk) == ["3"]  # one core of two threads is one core


async def test_a_draft_that_says_of_no_machine_is_taken_for_the_one_that_the_host_was(desk):
    await desk.drafts.edit(ALICE, H1, [DraftEdit(op="default", path="base_topology")], 1)
    made = await desk.remapping.keep(ALICE, H1, 2)
    assert codes(made) == ["CPU-REMAPPED", "CPU-REMAPPED"]
    assert await cpus(desk) == ["3", "2"]


async def test_a_draft_of_a_machine_that_nobody_has_seen_means_its_numbers(database):
    desk = Desk(database)
    desk.hosts.configs[H1].topology = FOUR
    guests = [{"name": "rt", "kind": "rt", "cpuset": "7"}]
    await desk.drafts.put(ALICE, H1, {"guests": guests, "base_topology": "elsewhere"}, None)
    made = await desk.remapping.keep(ALICE, H1, 1)
    assert codes(made) == ["CPU-REMAPPED"]
    assert await cpus(desk) == ["3"]


async def test_what_is_refused(desk):
    assert await refused(desk.remapping.keep(EVE, H1, 1)) == "DENIED"
    assert await refused(desk.remapping.check(EVE, H1, 1)) == "DENIED"
    assert await refused(desk.remapping.keep(ALICE, H1, 7)) == "REVISION-STALE"
    desk.hosts.away.add(H1)
    assert await refused(desk.remapping.keep(ALICE, H1, 1)) == "HOST-UNREACHABLE"
    desk.hosts.away.clear()
    desk.hosts.configs[H1].topology = None
    assert await refused(desk.remapping.keep(ALICE, H1, 1)) == "UNSUPPORTED"
    await desk.drafts.discard(ALICE, H1, 1)
    assert await refused(desk.remapping.keep(ALICE, H1, 2)) == "DRAFT-MISSING"


async def test_an_edit_that_comes_while_the_host_is_asked_is_not_lost(desk):
    asking = desk.hosts.call

    async def slow(ref: Any, operation: Any, request: Any, **more: Any) -> Any:
        if operation.name == "host-topology":
            await desk.drafts.edit(BOB, H1, [DraftEdit(path="guest.gp.vcpus", value=2)], 1)
        return await asking(ref, operation, request, **more)

    desk.hosts.call = slow
    assert await refused(desk.remapping.keep(ALICE, H1, 1)) == "REVISION-STALE"
    assert (await desk.reading.show(ALICE, H1)).document.guests[1].vcpus == 2
