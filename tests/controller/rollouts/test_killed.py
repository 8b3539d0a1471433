"""The controller is killed at every place where it writes a rollout down, before and after the commit, and goes on."""

from contextlib import asynccontextmanager, suppress

import pytest
from rollout_stage import ADMIN, Stage, order

from guestwire.controller.jobs import events as e
from guestwire.controller.store import rollouts as store

KILLS = 40
"""More than a rollout of this size writes: the loop ends with one that was killed nowhere."""
LEAST, LEAST_OF_AN_ABORT = 6, 4
"""Writes of a whole life at least: what jobs say at once is one of them, or several."""


class Killed(BaseException):
    """The process is gone."""


class Deadly:
    """A database whose nth write is the last thing that its controller does."""

    def __init__(self, database, n, *, committed):
        self._database, self._left, self._committed = database, n, committed
        self.killed = False

    def read(self):
        if self.killed:
            raise Killed
        return self._database.read()

    @asynccontextmanager
    async def write(self):
        self._left -= 1
        last = self._left == 0
        if self.killed or (last and not self._committed):
            self.killed = True
            raise Killed
        async with self._database.write() as tx:
            yield tx
        if last:
            self.killed = True
            raise Killed


async def _life(database, rollout_id, n, committed, answers):
    """One life of a controller, to the end of the rollout or its own; whether it was killed."""
    deadly = Deadly(database, n, committed=committed)
    stage = Stage(database, rollout_database=deadly)
    stage.answers = answers
    async with stage.up():
        if (await stage.row(rollout_id)).standing.state == "draft":
            with suppress(Killed):
                await stage.rollouts.start(ADMIN, rollout_id)

        async def over():
            row = await stage.row(rollout_id)
            return deadly.killed or row.standing.state in ("finished", "aborted")

        await stage.until(over)
    return deadly.killed


async def _draft(database, **fields):
    stage = Stage(database)
    async with stage.up():
        return (await stage.rollouts.create(ADMIN, order(**fields))).id


@pytest.mark.parametrize("committed", [False, True])
async def test_it_goes_on_wherever_it_was_killed(database, committed):
    await Stage(database).add_hosts(4)
    for n in range(1, KILLS):
        rollout_id = await _draft(database, waves={"canary": {"count": 1}, "size": {"count": 2}})
        killed = await _life(database, rollout_id, n, committed, ("succeeded",))
        await _life(database, rollout_id, KILLS, committed, ("succeeded",))
        stage = Stage(database)
        assert (await stage.row(rollout_id)).standing.state == "finished"
        assert await stage.states(rollout_id) == ["succeeded"] * 4
        jobs = await stage.jobs(rollout_id)
        assert sorted(job.host.host for job in jobs) == ["h0000", "h0001", "h0002", "h0003"], f"killed at write {n}"
        if not killed:
            assert n > LEAST, "it was hardly killed at all"
            break
    else:
        pytest.fail("it never ran through without being killed")


@pytest.mark.parametrize("committed", [False, True])
async def test_an_abort_is_carried_out_wherever_it_was_killed(database, committed):
    await Stage(database).add_hosts(4)
    for n in range(1, KILLS):
        rollout_id = await _draft(
            database, thresholds={"abort_count": 1}, waves={"canary": {"count": 1}, "size": {"count": 2}}
        )
        killed = await _life(database, rollout_id, n, committed, ("failed", "INTERNAL"))
        await _life(database, rollout_id, KILLS, committed, ("failed", "INTERNAL"))
        stage = Stage(database)
        assert (await stage.row(rollout_id)).standing.state == "aborted"
        assert await stage.states(rollout_id) == ["failed", *["canceled"] * 3]
        assert len(await stage.jobs(rollout_id)) == 1
        if not killed:
            assert n > LEAST_OF_AN_ABORT, "it was hardly killed at all"
            break
    else:
        pytest.fail("it never ran through without being killed")


async def test_what_was_to_be_taken_back_is_after_a_restart(database):
    stage = Stage(database)
    await stage.add_hosts(3)
    async with stage.up():
        rollout_id = await stage.make()
        await stage.until_open(3)
        stage.take_back = lambda _: None  # killed before it could say so
        await stage.rollouts.abort(ADMIN, rollout_id, "")
        assert len(stage.open_jobs()) == 3
    stage = Stage(database)
    async with stage.up():
        await stage.until_state(rollout_id, "aborted")
    assert await stage.states(rollout_id) == ["canceled"] * 3


async def test_what_jobs_did_while_nobody_listened_is_seen(database):
    stage = Stage(database)
    await stage.add_hosts(3)
    async with stage.up():
        rollout_id = await stage.make(deadline_s=60)
        jobs = await stage.until_open(3)
        stage.ledger._listeners.remove(stage.running)
        for job in jobs:
            stage.ends(job)
        await stage.until_open(0)
        assert await stage.states(rollout_id) == ["queued"] * 3
    stage = Stage(database)
    async with stage.up():
        await stage.until_state(rollout_id, "finished")
    assert await stage.states(rollout_id) == ["succeeded"] * 3


async def test_a_late_result_that_nobody_heard_counts_after_a_restart(database):
    stage = Stage(database)
    await stage.add_hosts(2)
    async with stage.up():
        rollout_id = await stage.make(deadline_s=60)
        first, second = await stage.until_open(2)
        stage.ends(first)
        stage.sent(second)
        stage.clock.ms += 61_000
        stage.ledger.apply(second.id, e.DeadlinePassed())
        await stage.until_state(rollout_id, "finished")
        stage.ledger._listeners.remove(stage.running)
        stage.ends(second)
        await stage.until_open(0)
    stage = Stage(database)
    async with stage.up():
        await stage.until_states(rollout_id, "succeeded", "succeeded")


async def test_rollouts_are_forgotten_long_after_their_end(database):
    stage = Stage(database)
    await stage.add_hosts(1)
    stage.answers = ("succeeded",)
    async with stage.up():
        rollout_id = await stage.make()
        await stage.until_state(rollout_id, "finished")
    stage.clock.ms += 401 * 86_400_000
    async with stage.up():

        async def gone():
            return await stage.row(rollout_id) is None

        await stage.until(gone)
    async with database.read() as tx:
        assert await store.targets(tx, rollout_id) == []
