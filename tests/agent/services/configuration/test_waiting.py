"""Changes that wait: to be confirmed, or for a boot."""

import asyncio

import pytest

from guestwire.agent.drivers.simulated.machines import MACHINES
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.policy import Policy
from guestwire.protocol import config_models as c

from .conftest import Hosts, Rig

GP = Guest(name="gp1")
BASE = Desired(guests=(GP,))
EDITED = Desired(guests=(GP.model_copy(update={"memory_mib": 1024}),))
SM = Policy(profile="system-manager")


async def until(rig: Rig, state: str) -> None:
    async with asyncio.timeout(10):
        while (await rig.show()).state != state:
            await asyncio.sleep(0)


def memory(rig: Rig) -> int:
    return rig.guests.table.rows()[0].guest.memory_mib


async def confirm(rig: Rig, plan_id: str, *, local: bool = False) -> c.ConfigApplied:
    running = rig.running("config-confirm", c.ConfigConfirm(plan_id=plan_id), local=local)
    return await rig.configured.waiting.confirm(running)


async def test_a_change_is_kept_when_it_is_confirmed_over_a_new_connection(rig: Rig) -> None:
    await rig.apply(BASE)
    plan = await rig.plan(EDITED)
    done = await rig.apply(EDITED, confirm_s=60)
    assert (done.state, rig.link.reconnected) == ("confirm_wait", 1)
    assert done.confirm_by is not None
    for connected, local, code in ((None, False, "CONFIRM-REQUIRED"), (rig.clock(), True, "CONFIRM-REQUIRED")):
        rig.link.connected_at_ms = connected
        with pytest.raises(GuestwireError) as refused:
            await confirm(rig, plan.plan_id, local=local)
        assert refused.value.code == code
    with pytest.raises(GuestwireError) as busy:
        await rig.apply(BASE, base_revision=1)
    assert busy.value.code == "HOST-BUSY"
    kept = await confirm(rig, plan.plan_id)
    assert (kept.state, kept.revision.number) == ("in_sync", 2)
    assert (await confirm(rig, plan.plan_id)).revision.number == 2
    assert memory(rig) == 1024


async def test_nobody_confirms_so_it_is_undone(hosts: Hosts) -> None:
    async with hosts.open() as rig:
        await rig.apply(BASE)
        await rig.apply(EDITED, confirm_s=10)
        assert memory(rig) == 1024
    hosts.skew_ms = 11_000
    async with hosts.open() as rig:  # it died, and undoes at its next start
        await until(rig, "rolled_back")
        assert memory(rig) == 512
        shown = await rig.show()
        assert shown.revision.number == 1
        assert "nobody confirmed" in shown.last_failure
        with pytest.raises(GuestwireError) as gone:
            await confirm(rig, "0" * 32)
        assert gone.value.code == "NOT-FOUND"


async def test_a_restart_within_the_time_leaves_it_waiting(hosts: Hosts) -> None:
    async with hosts.open() as rig:
        await rig.apply(BASE)
        plan = await rig.plan(EDITED)
        await rig.apply(EDITED, confirm_s=600)
    async with hosts.open() as rig:
        assert (await rig.show()).state == "confirm_wait"
        rig.link.connected_at_ms = rig.clock()
        assert (await confirm(rig, plan.plan_id)).revision.number == 2


async def test_a_change_that_waits_can_be_cancelled(rig: Rig) -> None:
    await rig.apply(BASE)
    plan = await rig.plan(EDITED)
    await rig.apply(EDITED, confirm_s=600)
    cancel = c.ConfigCancel(plan_id=plan.plan_id)
    done = await rig.configured.waiting.cancel(rig.running("config-cancel", cancel))
    assert (done.state, done.revision.number, memory(rig)) == ("rolled_back", 1, 512)


async def test_memory_of_an_rt_guest_takes_a_boot_of_a_system_manager_host(hosts: Hosts) -> None:
    rt = Guest(name="rt1", kind="rt", cpuset="3", memory_mib=256)
    wanted = Desired(policy=SM, guests=(rt,))
    async with hosts.open() as rig:
        plan = await rig.plan(wanted)
        assert plan.requires_reboot
        done = await rig.apply(wanted)
        assert done.state == "waiting_reboot"
        shown = await rig.show()
        assert (shown.state, shown.reboot_required.required) == ("waiting_reboot", True)
    async with hosts.open() as rig:
        assert (await rig.show()).state == "waiting_reboot"
    async with hosts.open() as rig:
        rig.host.reboot_host(MACHINES["4-core"])
    async with hosts.open() as rig:
        await until(rig, "in_sync")
        shown = await rig.show()
        assert (shown.revision.number, shown.reboot_required.required) == (1, False)
