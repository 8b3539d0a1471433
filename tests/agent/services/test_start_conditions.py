"""What keeps a guest off though its definition is sound."""

from typing import cast

import pytest

from guestwire.agent.services.communication import Communication
from guestwire.agent.services.start_conditions import StartConditions
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestKind
from guestwire.model.host import RebootRequired
from guestwire.model.machines import MACHINES
from guestwire.model.policy import Policy, Profile
from guestwire.model.topology import Topology
from guestwire.protocol.comm_models import CommState, CommStatus


def conditions(profile: Profile = "system-manager", *reasons: str, guests: tuple[Guest, ...] = ()) -> StartConditions:
    async def topology() -> Topology:
        return MACHINES["4-core"].topology

    async def apply_waits() -> RebootRequired:
        return RebootRequired(required=bool(reasons), reasons=reasons)

    return StartConditions(lambda: Desired(policy=Policy(profile=profile), guests=guests), topology, apply_waits)


def guest(vcpus: int, kind: GuestKind = "gp") -> Guest:
    return Guest(name=f"{kind}-{vcpus}", vcpus=vcpus, kind=kind)


@pytest.mark.parametrize(
    ("wanted", "others", "may"),
    [
        (guest(4), [], True),
        (guest(5), [], False),
        (guest(2), [guest(2)], True),
        (guest(2), [guest(2), guest(1)], False),
        (guest(2, "gp_comm"), [guest(3)], False),
        (guest(2), [guest(2), guest(4, "rt")], True),
        (guest(4, "rt"), [guest(4)], True),
    ],
)
async def test_the_gp_guests_that_run_have_no_more_vcpus_than_the_host(
    wanted: Guest, others: list[Guest], may: bool
) -> None:
    """SM 8.2. KVM-RT has no such limit."""
    await conditions("kvm-rt").check(wanted, others)
    if may:
        await conditions().check(wanted, others)
        return
    with pytest.raises(GuestwireError) as caught:
        await conditions().check(wanted, others)
    assert (caught.value.code, caught.value.detail["cpus"]) == ("GP-CPU-RUNNING-MAX", 4)


@pytest.mark.parametrize("profile", ["kvm-rt", "system-manager"])
async def test_a_host_whose_apply_waits_for_a_boot_starts_no_guest(profile: Profile) -> None:
    with pytest.raises(GuestwireError) as caught:
        await conditions(profile, "isolcpus").check(guest(1), [])
    assert (caught.value.code, caught.value.detail["reasons"]) == ("REBOOT-REQUIRED", ["isolcpus"])


U1, U2 = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))


@pytest.mark.parametrize(
    ("known", "configured", "may"),
    [
        (False, None, True),
        (True, None, False),
        (False, True, False),
        (True, False, True),
    ],
)
async def test_a_disabled_guest_is_not_started(known: bool, configured: bool | None, may: bool) -> None:
    """KVM-RT 3: no rule has looked at whether there is room for it. What the configuration says counts."""
    ours = () if configured is None else (Guest(name="a", uuid=U1, disabled=configured),)
    wanted = Guest(name="a", uuid=U1, disabled=known)
    check = conditions(guests=(*ours, Guest(name="b", uuid=U2, disabled=True))).check(wanted, [])
    if may:
        await check
        return
    with pytest.raises(GuestwireError, match="enable it first") as caught:
        await check
    assert (caught.value.code, caught.value.detail["state"]) == ("WRONG-STATE", "disabled")


class Services:
    """Communication services in one state."""

    def __init__(self, state: CommState) -> None:
        self.state = state

    async def status(self) -> CommStatus:
        return CommStatus(state=self.state)


@pytest.mark.parametrize(
    ("kind", "state", "may"),
    [
        ("rt", "running", True), ("rt", "degraded", True), ("rt", "stopped", False), ("rt", "starting", False),
        ("gp_comm", "stopped", False), ("gp", "stopped", True),
    ],
)  # fmt: skip
async def test_a_guest_with_communication_waits_for_the_services(kind: GuestKind, state: CommState, may: bool) -> None:
    plain = conditions()
    asked = StartConditions(
        plain._active, plain._topology, plain._apply_waits, comm=cast("Communication", Services(state))
    )
    if may:
        await asked.check(guest(1, kind), [])
        return
    with pytest.raises(GuestwireError) as caught:
        await asked.check(guest(1, kind), [])
    assert (caught.value.code, caught.value.detail["state"]) == ("COMM-NOT-STARTED", state)
    await plain.check(guest(1, kind), [])
