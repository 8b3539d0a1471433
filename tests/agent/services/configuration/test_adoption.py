"""Guests that another host has on the same hypervisor: taken in by name alone, and let go of when that host took them."""

from dataclasses import replace

import pytest

from guestwire.agent.services.ports import Changed
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest
from guestwire.protocol import config_models as c

from .conftest import Rig

TOOLS, THEIRS = (f"11111111-2222-4333-8444-55555555555{number}" for number in range(2))


async def beside(rig: Rig) -> None:
    """Two domains that the configuration has not: another tool's, and another host's."""
    await rig.apply(Desired(guests=(Guest(name="a", memory_mib=64),)))
    for number, (name, uuid) in enumerate((("tools", TOOLS), ("theirs", THEIRS))):
        await rig.host.define(Guest(name=name, id=f"GUEST009{number}", uuid=uuid, memory_mib=64))
        await rig.guests.settled(uuid)
    taken(rig, "theirs")


def taken(rig: Rig, name: str) -> None:
    """Another host's it is from now on."""
    row = rig.guests.table.by_name(name)
    assert row is not None
    observed = replace(row.observed, guest=row.guest.model_copy(update={"id": None}), of_other="h2")
    rig.guests.table.apply(Changed(rig.guests.table.epoch, 0, observed), 0)


async def adopted(rig: Rig, *names: str, update: bool = False) -> c.ConfigAdopted:
    return await rig.configured.adoption.adopt(rig.running("config-adopt", c.ConfigAdopt(guests=names, update=update)))


@pytest.mark.parametrize("name", ["theirs", THEIRS])
async def test_another_hosts_guest_is_adopted_by_name_alone(rig: Rig, name: str) -> None:
    await beside(rig)
    assert (await adopted(rig)).adopted == ("tools",)
    assert (await adopted(rig, update=True)).adopted == ()
    assert (await adopted(rig, name)).adopted == ("theirs",)


async def test_a_guest_that_another_host_took_is_gone_and_no_edit(rig: Rig) -> None:
    await beside(rig)
    await adopted(rig, "tools")
    taken(rig, "tools")
    named = await adopted(rig, "tools", update=True)
    assert (named.updated, named.removed, named.skipped) == ((), (), ("tools",))
    every = await adopted(rig, update=True)
    assert (every.updated, every.removed) == ((), ("tools",))
    assert [guest.name for guest in (await rig.active()).guests] == ["a"]
