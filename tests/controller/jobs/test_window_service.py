"""Windows for people: made, changed by revision, kept while work waits for them; jobs go by them at once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from called_hosts import CalledHosts
from job_world import ADMIN, OBSERVER, Clock, job_world

from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.machine import Opening
from guestwire.controller.jobs.window_book import WindowBook
from guestwire.controller.jobs.windows import WindowSpec
from guestwire.controller.rollouts.spec import RolloutSpec
from guestwire.controller.rollouts.standing import Standing, Target
from guestwire.controller.store import audit_rows, rollouts
from guestwire.controller.store.database import Database
from guestwire.controller.store.rollouts import Rollout
from guestwire.controller.users.person import Binding, Person
from guestwire.model.errors import GuestwireError

ALWAYS = WindowSpec.model_validate(
    {"weekly": ({"days": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "start": "00:00", "end": "24:00"},)}
)
NEVER = WindowSpec()


async def refused(work: Any) -> str:
    with pytest.raises(GuestwireError) as caught:
        await work
    return caught.value.code


async def test_the_life_of_a_window(database: Database) -> None:
    async with job_world(database, CalledHosts("h1")) as world:
        windows = world.windows
        made = await windows.put(ADMIN, "night", NEVER, None)
        assert (made.revision, made.changed_by) == (1, "ann")
        assert windows.opening(made) == Opening(None)
        assert await refused(windows.put(ADMIN, "night", NEVER, None)) == "EXISTS"
        assert await refused(windows.put(ADMIN, "night", ALWAYS, 7)) == "REVISION-STALE"
        assert await refused(windows.put(ADMIN, "day", ALWAYS, 1)) == "NOT-FOUND"
        assert await refused(windows.put(OBSERVER, "night", ALWAYS, 1)) == "DENIED"
        changed = await windows.put(ADMIN, "night", ALWAYS, 1)
        assert changed.revision == 2
        assert await windows.show(OBSERVER, "night") == changed
        assert [window.name for window in await windows.page(OBSERVER, "", 10)] == ["night"]
        assert [(change.kind, change.key) for change in await windows.snapshot(OBSERVER)] == [("window", "night")]
        assert await refused(windows.remove(OBSERVER, "night", 2)) == "DENIED"
        assert await refused(windows.remove(ADMIN, "night", 1)) == "REVISION-STALE"
        await windows.remove(ADMIN, "night", 2)
        assert await refused(windows.show(ADMIN, "night")) == "NOT-FOUND"
        async with database.read() as tx:
            rows = await audit_rows.newest(tx, audit_rows.Wanted(), below=None, limit=9)
        assert [(row.action, row.target) for row in rows] == [
            ("window-remove", "night"), ("window-set", "night"), ("window-set", "night"),
        ]  # fmt: skip


async def test_a_job_waits_for_its_window_and_goes_when_somebody_opens_it(database: Database) -> None:
    async with job_world(database, CalledHosts("h1")) as world:
        await world.windows.put(ADMIN, "night", NEVER, None)
        with world.feed.subscribe() as watcher:
            job = await world.until(await world.start(window="night"), lambda one: one.state == "waiting-window")
            assert await refused(world.windows.remove(ADMIN, "night", 1)) == "WINDOW-IN-USE"
            await world.windows.put(ADMIN, "night", ALWAYS, 1)
            assert (await world.ended(job)).state == "succeeded"
            changes = await watcher.take()
        assert ("window", "night") in {(change.kind, change.key) for change in changes}
        await world.windows.remove(ADMIN, "night", 2)


async def test_who_opens_a_window_lets_go_only_what_is_theirs(database: Database) -> None:
    """A window is about no host; work on hosts may wait for it all the same."""
    west = Person("u-wes", "wes", (Binding("engineer", "host:plant/h2"),))
    async with job_world(database, CalledHosts("h1", "h2")) as world:
        await world.windows.put(west, "night", NEVER, None)
        theirs = await world.until(await world.start("h2", window="night"), lambda one: one.state == "waiting-window")
        await world.windows.put(west, "night", NEVER, 1)
        job = await world.until(await world.start(window="night"), lambda one: one.state == "waiting-window")
        assert await refused(world.windows.put(west, "night", ALWAYS, 2)) == "DENIED"
        assert await refused(world.windows.remove(west, "night", 2)) == "DENIED"
        assert (await world.stored(job.id)).state == "waiting-window"
        await world.windows.put(ADMIN, "night", ALWAYS, 2)
        for one in (job, theirs):
            assert (await world.ended(one)).state == "succeeded"


async def test_a_window_that_a_rollout_goes_by_stays(database: Database) -> None:
    """No job waits for it: the next wave has not begun."""
    h1 = HostRef("plant", "h1")
    spec = RolloutSpec.model_validate(
        {"name": "r", "operation": "log-level", "targets": {"hosts": (str(h1),)}, "window": "night"}
    )
    rollout = Rollout("r1", spec, "u-ann", "ann", 1, Standing(state="paused"))
    west = Person("u-wes", "wes", (Binding("engineer", "host:plant/h2"),))
    async with job_world(database, CalledHosts("h1")) as world:
        for name in ("night", "day"):
            await world.windows.put(ADMIN, name, NEVER, None)
        async with database.write() as tx:
            await rollouts.insert(tx, rollout)
            await rollouts.put_targets(tx, "r1", [Target(h1)])
        with pytest.raises(GuestwireError) as caught:
            await world.windows.remove(ADMIN, "night", 1)
        assert (caught.value.code, caught.value.detail["rollouts"]) == ("WINDOW-IN-USE", ["r1"])
        assert await refused(world.windows.put(west, "night", ALWAYS, 1)) == "DENIED"
        await world.windows.remove(ADMIN, "day", 1)
        async with database.write() as tx:
            await rollouts.put(tx, replace(rollout, standing=Standing(state="finished")))
        await world.windows.remove(ADMIN, "night", 1)


async def test_a_job_that_its_window_never_lets_go_ends(database: Database) -> None:
    async with job_world(database, CalledHosts("h1")) as world:
        await world.windows.put(ADMIN, "night", NEVER, None)
        job = await world.until(
            await world.start(window="night", deadline_ms=60_000), lambda one: one.state == "waiting-window"
        )
        world.forward(60_000)
        job = await world.ended(job)
    assert (job.state, job.code) == ("timed-out", "DEADLINE")


async def test_the_book_works_out_a_window_once_for_as_long_as_it_holds(database: Database) -> None:
    clock = Clock()
    async with job_world(database, CalledHosts("h1"), clock) as world:
        await world.windows.put(ADMIN, "always", ALWAYS, None)
        await world.windows.put(ADMIN, "never", NEVER, None)
    book = WindowBook()
    assert book.opening("always", clock().wall_ms) == Opening(None), "not loaded"
    await book.load(database)
    now_ms = clock().wall_ms
    opened = book.opening("always", now_ms)
    assert opened.until is not None
    assert book.opening("always", now_ms + 1) is opened
    assert book.opening("never", now_ms) == Opening(None)
    book.require("always")
    with pytest.raises(GuestwireError, match="no maintenance window"):
        book.require("nobody")
    book.remove("always")
    assert book.opening("always", now_ms) == Opening(None)
    await asyncio.sleep(0)
