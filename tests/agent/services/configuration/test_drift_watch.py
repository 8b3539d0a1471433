"""An edit made behind our back is noticed, told once, and answered as the policy says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.agent.services.configuration.drift_watch import DriftWatch
from guestwire.link.vital import Vital
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.policy import Policy
from guestwire.protocol import config_models as c

from .conftest import Rig

GP = Guest(name="gp1", memory_mib=512)


async def edited(rig: Rig, on_drift: Literal["report", "adopt", "enforce"]) -> None:
    """A host whose guest got other memory from somebody else."""
    await rig.apply(Desired(policy=Policy(on_drift=on_drift), guests=(GP,)))
    rig.told.clear()
    guest = rig.guests.table.rows()[0].guest
    await rig.host.define(guest.model_copy(update={"memory_mib": 64}))
    await rig.guests.settled(guest.uuid or "")
    rig.configured.drift.look()


async def until(rig: Rig, state: str, revision: int) -> None:
    async with asyncio.timeout(10):
        while (shown := await rig.show()).state != state or shown.revision.number != revision:
            await asyncio.sleep(0.01)


def memory(rig: Rig) -> int:
    return rig.guests.table.rows()[0].guest.memory_mib


async def test_it_is_reported_once(rig: Rig) -> None:
    await edited(rig, "report")
    async with asyncio.timeout(10):
        while not rig.told:
            await asyncio.sleep(0.01)
    assert (memory(rig), (await rig.show()).state) == (64, "drifted")
    rig.configured.drift.look()
    guest = rig.guests.table.rows()[0].guest
    await rig.host.define(guest.model_copy(update={"memory_mib": 512}))
    await rig.guests.settled(guest.uuid or "")
    rig.configured.drift.look()
    async with asyncio.timeout(10):
        while len(rig.told) < 2:
            await asyncio.sleep(0.01)
    assert rig.told == [("drifted", "guests.gp1.memory_mib"), ("in_sync", "")]


@pytest.mark.parametrize(("policy", "kept", "origin"), [("adopt", 64, "adopt"), ("enforce", 512, "apply")])
async def test_it_is_answered(rig: Rig, policy: Literal["report", "adopt", "enforce"], kept: int, origin: str) -> None:
    await edited(rig, policy)
    await until(rig, "in_sync", 2)
    shown = await rig.show()
    assert (memory(rig), shown.desired.guests[0].memory_mib) == (kept, kept)
    assert (shown.revision.origin, shown.revision.author) == (origin, "host:h")
    assert ("drifted", "guests.gp1.memory_mib") in rig.told


@asynccontextmanager
async def quicker(rig: Rig, between_s: float) -> AsyncIterator[DriftWatch]:
    """In place of the host's own: one that answers more often."""
    host = rig.configured
    await host.drift.__aexit__(None, None, None)
    async with DriftWatch(
        configuration=host.configuration, preparer=host.configuration._preparer, applying=host.adoption._applying,
        adoption=host.adoption, host="h", vital=Vital(lambda _name, _error: None), between_s=between_s,
    ) as watch:  # fmt: skip
        yield watch


async def test_edits_that_come_too_soon_or_while_a_change_waits_are_taken_back_later(rig: Rig) -> None:
    await rig.apply(Desired(policy=Policy(on_drift="enforce"), guests=(GP,)))
    guest = rig.guests.table.rows()[0].guest

    async def edit(mib: int, **more: object) -> None:
        await rig.host.define(guest.model_copy(update={"memory_mib": mib, **more}))
        await rig.guests.settled(guest.uuid or "")

    async def back(revision: int) -> None:
        await until(rig, "in_sync", revision)
        assert memory(rig) == 512

    async with quicker(rig, 1.5) as watch:
        await edit(64)
        watch.look()
        await back(2)
        await edit(65)
        watch.look()
        await back(3)
        titled = await rig.active()
        titled = titled.model_copy(update={"guests": (guest.model_copy(update={"title": "x"}),)})
        plan = await rig.plan(titled)
        await rig.apply(titled, confirm_s=600)
        await edit(66, title="x")
        watch.look()
        rig.link.connected_at_ms = rig.clock()
        await rig.configured.waiting.confirm(rig.running("config-confirm", c.ConfigConfirm(plan_id=plan.plan_id)))
        await back(5)


async def test_a_failed_answer_is_told_once_and_tried_again(rig: Rig) -> None:
    await rig.apply(Desired(policy=Policy(on_drift="enforce"), guests=(GP,)))
    guest = rig.guests.table.rows()[0].guest
    await rig.host.define(guest.model_copy(update={"memory_mib": 64}))
    await rig.guests.settled(guest.uuid or "")
    rig.host.set_faults(Faults(fail_calls={"guests.define": "injected"}))
    rig.told.clear()
    async with quicker(rig, 0.1) as watch:
        watch.look()
        async with asyncio.timeout(10):
            while sum(state == "rolled_back" for state, _ in rig.told) < 2:
                await asyncio.sleep(0.01)
        rig.host.set_faults(Faults())
        await until(rig, "in_sync", 2)
    assert memory(rig) == 512
    assert len([text for state, text in rig.told if state == "drifted" and "ROLLED-BACK" in text]) == 1


async def test_an_edit_is_left_when_the_policy_became_report_before_it_was_taken_back(rig: Rig) -> None:
    await rig.apply(Desired(policy=Policy(on_drift="enforce"), guests=(GP,)))
    guest = rig.guests.table.rows()[0].guest

    async def edit(mib: int) -> None:
        await rig.host.define(guest.model_copy(update={"memory_mib": mib}))
        await rig.guests.settled(guest.uuid or "")

    async with quicker(rig, 0.0) as watch:
        async with rig.hold_every_lane():
            await edit(64)
            watch.look()
            async with asyncio.timeout(10):
                while ("drifted", "guests.gp1.memory_mib") not in rig.told:
                    await asyncio.sleep(0.01)
            await rig.apply(Desired(policy=Policy(on_drift="report"), guests=(GP,)))
            await edit(128)
            rig.told.clear()
        watch.look()
        await until(rig, "drifted", 2)
        async with asyncio.timeout(10):
            while not rig.told:
                await asyncio.sleep(0.01)
    assert memory(rig) == 128
