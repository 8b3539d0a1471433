"""Hosts with drafts that have moved on are asked what they are like now."""

import asyncio

import pytest
from desk import ALICE, H1, H2, Desk

from guestwire.controller.host_ref import HostRef
from guestwire.controller.projects.catching_up import CatchingUp
from guestwire.controller.store import hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_tables import Attendance, Condition, HostRow, PeoplesWords
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest

PATIENCE_S = 10.0


@pytest.fixture
async def desk(database: Database) -> Desk:
    made = Desk(database)
    await made.pulling.pull(ALICE, H1)
    return made


def catching(desk: Desk) -> CatchingUp:
    return CatchingUp(desk.database, desk.reading_hosts, desk.keeping, desk.clock, desk.troubles.append)


async def reports(
    desk: Desk, ref: HostRef, revision: int, approval: str = "approved", state: str = "online", sync: str = "in_sync"
) -> None:
    """The fleet has heard that a host has that revision."""
    words, there = PeoplesWords(approval=approval), Attendance(state=state)
    condition = Condition(sync=sync, active_revision=revision)
    async with desk.database.write() as tx:
        await hosts.forget(tx, ref)
        await hosts.add(tx, [HostRow(ref, 1, True, words, attendance=there, condition=condition)])


async def test_a_draft_of_a_host_that_moved_on_is_behind(desk):
    following = catching(desk)
    await reports(desk, H1, 0)
    asked = len(desk.hosts.asked)
    await following.look()
    assert len(desk.hosts.asked) == asked
    desk.hosts.configs[H1].add(Desired(guests=(Guest(name="web"),)))
    await reports(desk, H1, 1)
    await following.look()
    assert (await desk.reading.page(ALICE, None, 5))[0].state == "behind"
    assert (await desk.reading.show(ALICE, H1)).host_revision == 1


@pytest.mark.parametrize("about", [{"approval": "pending"}, {"state": "offline"}, {"sync": ""}])
async def test_who_is_away_or_said_nothing_is_not_asked(desk, about):
    await reports(desk, H1, 5, **about)
    desk.hosts.asked.clear()
    await catching(desk).look()
    assert desk.hosts.asked == []


async def test_a_host_without_a_draft_is_not_asked_and_one_that_was_never_asked_is(desk):
    await reports(desk, H2, 3)
    desk.hosts.asked.clear()
    await catching(desk).look()
    assert desk.hosts.asked == []
    await desk.drafts.put(ALICE, H2, {}, None)
    await catching(desk).look()
    assert {ref for ref, _ in desk.hosts.asked} == {H2}


async def test_one_that_goes_on_saying_something_else_is_asked_ever_more_seldom(desk):
    following = catching(desk)
    await reports(desk, H1, 9)
    desk.hosts.asked.clear()
    for _ in range(300):
        await following.look()
    assert 2 <= len([one for one in desk.hosts.asked if one[1] == "config-show"]) < 20
    desk.hosts.away.add(H1)
    for _ in range(300):
        await following.look()
    assert desk.troubles == []


WRONG = (
    {"number": 1 << 63},
    {"number": -1},
    {"applied_at": 1 << 63},
    {"hash": "a" * 65},
    {"author": "x\0"},
    {"comment": "\0"},
)


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_no_database_takes_of_a_host_keeps_nobody_else_from_it(desk, wrong):
    call = desk.hosts.call

    async def odd(ref, operation, request, **more):
        done = await call(ref, operation, request, **more)
        if ref != H1 or operation.name != "config-show":
            return done
        revision = done.reply.revision.model_copy(update=wrong)
        return done._replace(reply=done.reply.model_copy(update={"revision": revision}))

    desk.hosts.call = odd
    await desk.pulling.pull(ALICE, H2)
    for ref in (H1, H2):
        desk.hosts.configs[ref].add(Desired(guests=(Guest(name="web"),)))
        await reports(desk, ref, 1)
    await catching(desk).look()
    assert [(one.host, one.state) for one in await desk.reading.page(ALICE, None, 5)] == [
        ("h1", "clean"), ("h2", "behind"),
    ]  # fmt: skip


async def test_it_runs_by_itself(desk):
    desk.hosts.configs[H1].add(Desired(guests=(Guest(name="web"),)))
    await reports(desk, H1, 1)
    async with catching(desk) as running, asyncio.timeout(PATIENCE_S):
        while (await desk.reading.show(ALICE, H1)).host_revision != 1:
            await asyncio.sleep(0.01)
        assert not running.task.done()
