"""What waits for guests to be started again, added up, taken back, and known over restarts of the agent."""

import asyncio

from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.protocol import config_models as c

from .conftest import Hosts, Rig

GP = Guest(name="gp1")
BASE = Desired(guests=(GP,))
EDITED = Desired(guests=(GP.model_copy(update={"memory_mib": 1024}),))


def places(shown: c.ConfigShown) -> list[tuple[str, str | None]]:
    return [(item.object, item.field) for item in shown.waits]


async def off(rig: Rig, name: str) -> None:
    row = rig.guests.table.by_name(name)
    assert row is not None
    await rig.configured.configuration._power.off(row.uuid, 5, force=True)


async def cancel(rig: Rig, plan_id: str) -> None:
    await rig.configured.waiting.cancel(rig.running("config-cancel", c.ConfigCancel(plan_id=plan_id)))


async def test_what_waits_for_a_start_is_added_up_and_taken_back(rig: Rig) -> None:
    def waiting(shown: c.ConfigShown) -> list[tuple[str | None, str | None, str | None]]:
        return [(item.field, item.before, item.after) for item in shown.waits]

    await rig.apply(BASE)
    await rig.start("gp1")
    await rig.apply(EDITED)
    first = [("memory_mib", "512", "1024")]
    assert waiting(await rig.show()) == first
    noted = Desired(guests=(EDITED.guests[0].model_copy(update={"title": "x"}),))
    await rig.apply(noted)
    assert waiting(await rig.show()) == first, "it still waits"
    plan = await rig.plan(Desired(guests=(noted.guests[0].model_copy(update={"vcpus": 2}),)))
    await rig.apply(Desired(guests=(noted.guests[0].model_copy(update={"vcpus": 2}),)), confirm_s=600)
    assert waiting(await rig.show()) == [*first, ("vcpus", "1", "2")]
    await cancel(rig, plan.plan_id)
    assert waiting(await rig.show()) == first
    await rig.apply(BASE)
    assert waiting(await rig.show()) == []


async def test_what_waits_for_a_start_is_known_after_a_restart_of_the_agent(hosts: Hosts) -> None:
    two = Desired(guests=(GP, Guest(name="gp2", memory_mib=64)))
    larger = Desired(guests=tuple(guest.model_copy(update={"memory_mib": 1024}) for guest in two.guests))
    async with hosts.open() as rig:
        await rig.apply(two)
        for name in ("gp1", "gp2"):
            await rig.start(name)
        await rig.apply(larger)
    async with hosts.open() as rig:
        assert places(await rig.show()) == [("guests.gp1", "memory_mib"), ("guests.gp2", "memory_mib")]
        await off(rig, "gp1")
        await rig.start("gp1")
        assert places(await rig.show()) == [("guests.gp2", "memory_mib")], "it runs with it"
        async with asyncio.timeout(10):
            while b"gp1" not in (rig.journal.note("config-started") or b""):
                await asyncio.sleep(0)
    async with hosts.open() as rig:
        assert places(await rig.show()) == [("guests.gp2", "memory_mib")]


async def test_what_a_change_waits_for_with_its_confirmation_is_known_after_a_restart(hosts: Hosts) -> None:
    async with hosts.open() as rig:
        await rig.apply(BASE)
        await rig.start("gp1")
        plan = await rig.plan(EDITED)
        await rig.apply(EDITED, confirm_s=600)
    async with hosts.open() as rig:
        assert places(await rig.show()) == [("guests.gp1", "memory_mib")]
        await cancel(rig, plan.plan_id)
        assert places(await rig.show()) == []
