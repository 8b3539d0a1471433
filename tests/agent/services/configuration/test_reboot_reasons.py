"""Two kinds of reasons for a reboot: told together, and only one keeps guests off."""

import pytest

from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.agent.services.configuration.reboot_reasons import RebootReasons
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.policy import Policy

from .conftest import Hosts, Rig

KERNEL = "packages that were updated ask for it: linux-image-rt"
TAKES_A_BOOT = Desired(
    policy=Policy(profile="system-manager"), guests=(Guest(name="rt1", kind="rt", cpuset="3", memory_mib=256),)
)


async def test_what_the_operating_system_says_is_shown_and_keeps_nothing_off(rig: Rig) -> None:
    reboot = rig.configured.reboot
    assert not (await rig.show()).reboot_required.required
    rig.host.set_faults(Faults(boot_pending=(KERNEL,)))
    assert not reboot.last_known().required, "nothing was read"
    shown = (await rig.show()).reboot_required
    assert (shown.required, shown.reasons) == (True, (KERNEL,))
    assert reboot.last_known() == shown
    assert not reboot.of_apply().required


async def test_both_kinds_are_told_and_a_boot_takes_both_away(hosts: Hosts) -> None:
    async with hosts.open() as rig:
        rig.host.set_faults(Faults(boot_pending=(KERNEL,)))
        assert (await rig.apply(TAKES_A_BOOT)).state == "waiting_reboot"
        apply, system = (await rig.show()).reboot_required.reasons
        assert (apply.endswith("waits for a boot"), system) == (True, KERNEL)
        assert rig.configured.reboot.of_apply().reasons == (apply,)
        rig.host.reboot_host()
        assert (await rig.show()).reboot_required.reasons == (apply,), "until the apply went on after it"


async def test_it_is_told_once_that_the_operating_system_says_something_else(rig: Rig) -> None:
    told: list[tuple[str, ...]] = []
    reboot = RebootReasons(rig.journal.config, rig.host.facts, lambda: told.append(reboot.last_known().reasons))
    for pending in ((), (KERNEL,), (KERNEL,), (KERNEL, "large pages"), ()):
        rig.host.set_faults(Faults(boot_pending=pending))
        await reboot.read()
    assert told == [(KERNEL,), (KERNEL, "large pages"), ()]


async def test_facts_that_cannot_be_read_leave_what_is_known(rig: Rig) -> None:
    reboot = rig.configured.reboot
    rig.host.set_faults(Faults(boot_pending=(KERNEL,)))
    await reboot.read()
    rig.host.set_faults(Faults(fail_calls={"inspection.facts": "injected"}))
    with pytest.raises(GuestwireError):
        await reboot.read()
    assert reboot.last_known().reasons == (KERNEL,)
