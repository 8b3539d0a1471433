"""An edit made behind our back is noticed, told once, and answered as the policy says."""

import asyncio
from typing import Literal

import pytest

from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.model.policy import Policy

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
