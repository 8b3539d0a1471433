"""What the rules may know of a host: the domains that are not ours, and where files may be."""

import pytest

from guestwire.model.desired import Desired
from guestwire.model.guest import Disk, Guest
from guestwire.model.networks import Adapter
from guestwire.model.settings import HostSettings

from .conftest import Hosts, Rig

UUID = "11111111-2222-4333-8444-555555555555"
THEIRS = "/simulated/images/theirs.qcow2"
OURS = Guest(name="ours", memory_mib=64)


async def foreign(rig: Rig, **given: object) -> Guest:
    """A host with a guest of ours, and a domain that another tool made."""
    await rig.apply(Desired(guests=(OURS,)))
    await rig.host.images.create(THEIRS, "qcow2", 8)
    values = {"name": "theirs", "id": "GUEST0099", "uuid": UUID, "memory_mib": 64} | given
    guest = Guest(**values)  # type: ignore[arg-type]
    await rig.host.define(guest)
    await rig.guests.settled(UUID)
    return guest


async def codes(rig: Rig, *guests: Guest, **options: object) -> list[str]:
    plan = await rig.plan(Desired(guests=guests), **options)
    return [issue.code for issue in plan.issues if issue.severity == "E"]


@pytest.mark.parametrize("name", ["theirs", "another"])
async def test_a_document_that_names_the_uuid_of_a_foreign_domain_does_not_take_it_over(rig: Rig, name: str) -> None:
    await foreign(rig)
    assert await codes(rig, OURS, Guest(name=name, uuid=UUID, memory_mib=128)) == ["UUID-FOREIGN"]
    assert await codes(rig, OURS) == []


async def test_a_guest_of_the_active_document_is_ours_though_it_was_edited(rig: Rig) -> None:
    await rig.apply(Desired(guests=(OURS,)))
    (ours,) = (await rig.active()).guests
    await rig.host.define(ours.model_copy(update={"memory_mib": 128, "name": "renamed"}))
    await rig.guests.settled(ours.uuid or "")
    assert await codes(rig, ours) == []


@pytest.mark.parametrize("spelled", [THEIRS, "/simulated//images/./theirs.qcow2"])
async def test_the_disk_of_a_foreign_domain_is_neither_shared_nor_destroyed(rig: Rig, spelled: str) -> None:
    await foreign(rig, disks=(Disk(path=spelled),))
    writer = OURS.model_copy(update={"disks": (Disk(path=THEIRS),)})
    assert await codes(rig, writer) == ["DISK-SHARED"]
    assert await codes(rig, OURS, remove_disks=(THEIRS,)) == ["DESTROY-DISK"]
    reader = OURS.model_copy(update={"disks": (Disk(path=THEIRS, read_only=True),)})
    await rig.apply(Desired(guests=(reader,)))
    assert await codes(rig, OURS, remove_disks=(THEIRS,)) == ["DESTROY-DISK"]


async def test_folders_for_shares_and_boot_files_are_checked_where_they_are_given(hosts: Hosts) -> None:
    async with hosts.open() as rig:
        reader = rig.configured.configuration._preparer._facts
        facts = await reader.read(Desired(), Desired())
        assert (facts.share_roots, facts.boot_roots) == (None, None)
        reader.share_roots, reader.boot_roots = ("/s",), ("/b",)
        facts = await reader.read(Desired(), Desired())
        assert (facts.share_roots, facts.boot_roots) == (("/s",), ("/b",))


@pytest.mark.parametrize(("broker", "risky"), [(None, False), ("192.0.2.9", False), ("198.51.100.9", True)])
async def test_the_card_that_the_broker_is_reached_over_is_part_of_the_management_path(
    rig: Rig, broker: str | None, risky: bool
) -> None:
    rig.link.broker_address = broker
    plan = await rig.plan(Desired(settings=HostSettings(adapters=(Adapter(name="eth1"),))))
    assert ("NET-MGMT-RISK" in [issue.code for issue in plan.issues]) is risky
