"""Changes that wait: to be confirmed, or for a boot."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest
from guestwire.model.machines import MACHINES
from guestwire.model.policy import Policy
from guestwire.model.settings import HostSettings, HugePool
from guestwire.protocol import config_models as c

from .conftest import Hosts, Rig

GP = Guest(name="gp1")
BASE = Desired(guests=(GP,))
EDITED = Desired(guests=(GP.model_copy(update={"memory_mib": 1024}),))
POOL = "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"
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


@pytest.mark.parametrize("broker", [True, False])
async def test_straight_to_the_host_a_connection_made_after_the_change_confirms_it(rig: Rig, broker: bool) -> None:
    await rig.apply(BASE)
    plan, before = await rig.plan(EDITED), rig.clock() - 1
    await rig.apply(EDITED, confirm_s=60)
    rig.link.exists = broker
    running = rig.running("config-confirm", c.ConfigConfirm(plan_id=plan.plan_id))
    running.call.way = "tcp"
    for path in (None, SimpleNamespace(made_ms=before)):
        running.call.path = path
        with pytest.raises(GuestwireError) as refused:
            await rig.configured.waiting.confirm(running)
        assert (refused.value.code, refused.value.after_ms) == ("CONFIRM-REQUIRED", 1000)
    running.call.path = SimpleNamespace(made_ms=rig.clock())
    assert (await rig.configured.waiting.confirm(running)).state == "in_sync"


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


async def test_the_deadline_is_in_the_journal_before_the_first_step(hosts: Hosts) -> None:
    """Seen by the journal's own observer, in the thread that writes."""
    seen: list[tuple[str, int | None]] = []
    rigs: list[Rig] = []

    def observe(step: str, _number: int) -> None:
        if rigs and step in ("after-change-begun-commit", "before-step-started-commit", "before-step-done-commit"):
            change = rigs[0].journal.config.under_way
            seen.append((step, None if change is None else change.confirm_by_ms))

    async with hosts.open(observer=observe) as rig:
        await rig.apply(BASE)
        rigs.append(rig)
        begun = rig.clock()
        await rig.apply(EDITED, confirm_s=60)
        seen = [(step, by) for step, by in seen if step != "after-change-begun-commit"]  # it is known a moment later
        assert len(seen) >= 4
        assert all(by is not None and by >= begun + 60_000 for _, by in seen)


@pytest.mark.parametrize("confirmed_first", [False, True])
async def test_confirmed_and_overdue_at_once_it_is_kept_or_undone_and_never_both(
    hosts: Hosts, confirmed_first: bool
) -> None:
    async with hosts.open() as rig:
        await rig.apply(BASE)
        plan = await rig.plan(EDITED)
        await rig.apply(EDITED, confirm_s=600)
        rig.link.connected_at_ms = rig.clock()
        hosts.skew_ms = 601_000
        both = [confirm(rig, plan.plan_id), rig.configured.waiting.undo_overdue()]
        results = await asyncio.gather(*(both if confirmed_first else reversed(both)), return_exceptions=True)
        kept, undone = results if confirmed_first else reversed(results)
        if undone is True:
            assert isinstance(kept, GuestwireError)
            assert kept.code in ("PLAN-STALE", "WRONG-STATE", "NOT-FOUND")
        else:
            assert isinstance(kept, c.ConfigApplied)
        number, size = (1, 512) if undone is True else (2, 1024)
        shown = await rig.show()
        assert (shown.revision.number, memory(rig), shown.drift) == (number, size, ())
        assert shown.state == ("rolled_back" if undone is True else "in_sync")


@pytest.mark.parametrize("cancelled_first", [False, True])
async def test_cancelled_and_overdue_at_once_it_is_undone_once(hosts: Hosts, cancelled_first: bool) -> None:
    async with hosts.open() as rig:
        await rig.apply(BASE)
        plan = await rig.plan(EDITED)
        await rig.apply(EDITED, confirm_s=600)
        hosts.skew_ms = 601_000
        cancel = rig.running("config-cancel", c.ConfigCancel(plan_id=plan.plan_id))

        async def cancelled() -> c.ConfigApplied:
            async with rig.hold_every_lane():
                return await rig.configured.waiting.cancel(cancel)

        both = [cancelled(), rig.configured.waiting.undo_overdue()]
        results = await asyncio.gather(*(both if cancelled_first else reversed(both)), return_exceptions=True)
        assert all(isinstance(r, bool | c.ConfigApplied) or r.code == "NOT-FOUND" for r in results), results
        shown = await rig.show()
        assert (shown.revision.number, memory(rig), shown.state) == (1, 512, "rolled_back")
        assert rig.journal.config.under_way is None


async def test_an_undo_that_comes_late_leaves_the_next_change_alone(hosts: Hosts) -> None:
    """The deadline passes; before its undo has the lanes, the change is cancelled and another one waits."""
    async with hosts.open() as rig:
        await rig.apply(BASE)
        plan = await rig.plan(EDITED)
        await rig.apply(EDITED, confirm_s=600)
        hosts.skew_ms = 601_000
        async with rig.hold_every_lane():
            undoing = asyncio.create_task(rig.configured.waiting.undo_overdue())
            async with asyncio.timeout(10):
                while rig.journal.config.under_way is not None and rig.journal.config.under_way.phase != "undoing":
                    await asyncio.sleep(0)
            await rig.configured.waiting.cancel(rig.running("config-cancel", c.ConfigCancel(plan_id=plan.plan_id)))
            other = Desired(guests=(GP.model_copy(update={"memory_mib": 2048}),))
            await rig.apply(other, confirm_s=600)
        await undoing
        assert (await rig.show()).state == "confirm_wait"
        assert memory(rig) == 2048


async def test_half_done_and_nobodys_it_is_undone_when_the_next_one_comes(hosts: Hosts) -> None:
    """What a recovered request left behind that was cancelled before it had its lane."""
    async with hosts.open() as rig:
        await rig.apply(BASE)
        begun = asyncio.create_task(rig.apply(EDITED))
        async with asyncio.timeout(10):
            while rig.journal.config.under_way is None:
                await asyncio.sleep(0)
        begun.cancel()
        await asyncio.gather(begun, return_exceptions=True)
        assert rig.journal.config.under_way is not None
        request = rig.running("config-adopt", c.ConfigAdopt(update=True))
        with pytest.raises(GuestwireError) as busy:
            await rig.configured.adoption.adopt(request)
        assert busy.value.code == "HOST-BUSY"
        async with asyncio.timeout(10):
            while rig.journal.config.under_way is not None:
                await asyncio.sleep(0)
        assert memory(rig) == 512
        assert (await rig.apply(EDITED)).revision.number == 2


async def test_an_orphan_of_a_crash_is_undone_at_the_start(hosts: Hosts) -> None:
    async with hosts.open() as rig:
        await rig.apply(BASE)
        begun = asyncio.create_task(rig.apply(EDITED))
        async with asyncio.timeout(10):
            while rig.journal.config.under_way is None:
                await asyncio.sleep(0)
        begun.cancel()
        await asyncio.gather(begun, return_exceptions=True)
    async with hosts.open() as rig:
        went_on = asyncio.Event()

        async def over(_issuer: str, _request: bytes) -> None:
            await went_on.wait()

        taken_up = asyncio.create_task(rig.configured.waiting.take_up_orphan(over))
        for _ in range(100):
            await asyncio.sleep(0)
        assert (await rig.show()).state == "applying", "somebody goes on with it"
        went_on.set()
        await taken_up
        await until(rig, "rolled_back")
        assert memory(rig) == 512


async def test_what_was_begun_before_a_crash_and_is_gone_does_not_begin_again(hosts: Hosts) -> None:
    """It may have been cancelled, or have failed, in the moment before."""
    async with hosts.open() as rig:
        await rig.apply(BASE)
        request = rig.apply_request(EDITED, await rig.plan(EDITED))
        again = rig.running("config-apply", request, again=True)
        with pytest.raises(GuestwireError) as refused:
            await rig.configured.configuration.apply(again)
        assert refused.value.code == "ROLLED-BACK"
        assert memory(rig) == 512


async def cancelled(rig: Rig, plan_id: str) -> c.ConfigApplied:
    return await rig.configured.waiting.cancel(rig.running("config-cancel", c.ConfigCancel(plan_id=plan_id)))


async def test_after_a_boot_it_is_confirmed_over_a_connection_that_is_made_anew(hosts: Hosts) -> None:
    """The link of a host that booted may stand before the change is taken up."""
    wanted = Desired(settings=HostSettings(hugepages=(HugePool(size_mib=1024, pages=1),)), guests=(GP,))
    async with hosts.open() as rig:
        plan = await rig.plan(wanted)
        waits = await rig.apply(wanted, confirm_s=600)
        assert (waits.state, waits.confirm_by) == ("waiting_reboot", None), "the time to confirm begins after the boot"
        rig.host.reboot_host()
    async with hosts.open() as rig:
        async with asyncio.timeout(10):
            while rig.link.reconnected == 0:
                await asyncio.sleep(0)
        assert (await rig.show()).state == "confirm_wait"
        with pytest.raises(GuestwireError) as early:
            await confirm(rig, plan.plan_id)
        assert early.value.code == "CONFIRM-REQUIRED"
        rig.link.connected_at_ms = rig.clock()
        assert (await confirm(rig, plan.plan_id)).state == "in_sync"


async def test_huge_pages_that_a_boot_did_not_bring_are_taken_back(hosts: Hosts) -> None:
    wanted = Desired(settings=HostSettings(hugepages=(HugePool(size_mib=1024, pages=1),)), guests=(GP,))
    async with hosts.open() as rig:
        await rig.apply(BASE)
        assert (await rig.apply(wanted)).state == "waiting_reboot"
        rig.host.reboot_host()
        for path, value in (await rig.host.values.read([POOL])).items():
            assert value == "1"
            await rig.host.values.write(path, "0")
    async with hosts.open() as rig:
        await until(rig, "rolled_back")
        shown = await rig.show()
        assert "0 of 1 huge pages" in shown.last_failure
        assert (shown.revision.number, shown.desired.settings.hugepages) == (1, ())


async def test_an_older_plan_is_not_confirmed_while_another_change_waits(rig: Rig) -> None:
    first = await rig.plan(BASE)
    await rig.apply(BASE)
    assert (await confirm(rig, first.plan_id)).state == "in_sync", "it was kept"
    second = await rig.plan(EDITED)
    await rig.apply(EDITED, confirm_s=600)
    for ask in (confirm, cancelled):
        with pytest.raises(GuestwireError) as refused:
            await ask(rig, first.plan_id)
        assert (refused.value.code, refused.value.detail) == ("NOT-FOUND", {"plan_id": second.plan_id})
    assert (await rig.show()).state == "confirm_wait"


@pytest.mark.parametrize("ask", [confirm, cancelled])
async def test_a_change_is_ended_by_those_who_may_make_it(ask: Callable[..., Any], rig: Rig) -> None:
    """To undo the restart of a guest is another one."""
    await rig.apply(BASE)
    await rig.start("gp1")
    plan = await rig.plan(EDITED, restart=True)
    assert plan.risk == 2
    await rig.apply(EDITED, restart=True, confirm_s=600)
    await rig.up()
    rig.asked.clear()
    rig.link.connected_at_ms = rig.clock()
    await ask(rig, plan.plan_id)
    assert rig.asked == [2]


async def test_a_new_guest_that_somebody_started_meanwhile_goes_all_the_same(rig: Rig) -> None:
    new = Desired(guests=(GP.model_copy(update={"disks": (Disk(path="/simulated/images/a.qcow2", size_mib=64),)}),))
    plan = await rig.plan(new)
    await rig.apply(new, confirm_s=600)
    await rig.start("gp1")
    assert (await cancelled(rig, plan.plan_id)).state == "rolled_back"
    assert rig.guests.table.rows() == []
    assert not rig.host.images.exists("/simulated/images/a.qcow2")


async def test_why_the_last_change_came_to_nothing_is_known_after_a_restart(hosts: Hosts) -> None:
    async with hosts.open() as rig:
        await rig.apply(BASE)
        plan = await rig.plan(EDITED)
        await rig.apply(EDITED, confirm_s=600)
        await cancelled(rig, plan.plan_id)
    async with hosts.open() as rig:
        shown = await rig.show()
        assert (shown.state, shown.last_failure) == ("rolled_back", "ROLLED-BACK: cancelled")
        await rig.apply(EDITED)
    async with hosts.open() as rig:
        assert ((await rig.show()).state, (await rig.show()).last_failure) == ("in_sync", "")
