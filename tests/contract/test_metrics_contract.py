"""What every driver of the GuestMetrics port promises: one suite, run against the simulated host and against libvirt."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import uuid4

from guestwire.model.guest import Disk, Nic
from guestwire.model.usage import GuestTimes, GuestUsage

T = TypeVar("T")

MIB = 1 << 20


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


async def until(rig: Any, ask: Callable[[], Awaitable[T]], wanted: Callable[[T], object]) -> T:
    async with asyncio.timeout(rig.wait_s):
        while not wanted(found := await ask()):
            await asyncio.sleep(0.02)
    return found


async def times(rig: Any, uuid: str) -> GuestTimes | None:
    return next(iter(await rig.metrics.times({uuid})), None)


async def usage(rig: Any, uuid: str) -> GuestUsage | None:
    return next(iter(await rig.metrics.usage({uuid})), None)


async def started(rig: Any, **changes: Any) -> Any:
    guest = rig.definition(**changes)
    await rig.define(guest)
    await rig.guests.start(guest.uuid)
    return guest


async def test_who_is_off_or_unknown_uses_nothing(rig: Any) -> None:
    guest = rig.definition()
    await rig.define(guest)
    asked = {guest.uuid, str(uuid4())}
    assert list(await rig.metrics.times(asked)) == []
    assert list(await rig.metrics.usage(asked)) == []
    assert list(await rig.metrics.times(())) == []
    assert list(await rig.metrics.usage(())) == []


async def test_processor_times_of_a_guest_that_runs(rig: Any) -> None:
    began = wall_ms()
    guest = await started(rig, vcpus=2)
    first = await until(rig, lambda: times(rig, guest.uuid), bool)
    assert first is not None
    assert first.uuid == guest.uuid
    # a process begins on a tick of the kernel, and the boot is known in whole seconds
    assert began - 2000 <= first.since_ms <= wall_ms() + 2000
    assert sorted(vcpu.number for vcpu in first.vcpus) == [0, 1]

    def ran(found: GuestTimes | None) -> bool:
        return found is not None and found.cpu_s > first.cpu_s and found.vcpus[0].cpu_s > first.vcpus[0].cpu_s

    later = await until(rig, lambda: times(rig, guest.uuid), ran)
    assert later is not None
    assert later.since_ms == first.since_ms
    for before, after in zip(first.vcpus, later.vcpus, strict=True):
        assert after.cpu_s >= before.cpu_s
        assert (after.wait_s or 0.0) >= (before.wait_s or 0.0)
        assert (after.runs or 0) >= (before.runs or 0)
    assert len({found.uuid for found in await rig.metrics.times({guest.uuid, str(uuid4())})}) == 1


async def test_memory_disks_and_cards_of_a_guest_that_runs(rig: Any) -> None:
    drive = Disk(path=rig.medium, format="raw", device="cdrom", read_only=True)
    guest = await started(rig, vcpus=2, disks=(drive,), nics=(Nic(),))
    found = await until(rig, lambda: usage(rig, guest.uuid), lambda seen: seen and seen.memory and seen.disks)
    assert found is not None
    assert found.since_ms == (await times(rig, guest.uuid)).since_ms  # type: ignore[union-attr]
    assert found.memory is not None
    assert found.memory.assigned == guest.memory_mib * MIB
    assert found.memory.resident is not None
    assert found.memory.resident > 0
    (disk,) = found.disks
    assert disk.device == "sda"
    assert disk.capacity is not None
    assert disk.capacity > 0
    assert {disk.read_bytes >= 0, disk.read_s >= 0, disk.written_bytes >= 0} == {True}
    assert [card.device for card in found.cards] in (["net0"], [])  # a user network has no interface on the host
    assert found.halted is not None
    assert sorted(found.halted) == [0, 1]


async def test_a_paused_guest_takes_no_time_and_its_vcpus_sleep(rig: Any) -> None:
    guest = await started(rig)
    await until(rig, lambda: times(rig, guest.uuid), bool)
    await rig.guests.pause(guest.uuid)
    found = await until(rig, lambda: usage(rig, guest.uuid), lambda seen: seen and seen.halted == {0: True})
    stands = await times(rig, guest.uuid)
    assert stands is not None
    looks = [await times(rig, guest.uuid) for _ in range(5)]
    assert {look.vcpus[0].cpu_s for look in looks if look is not None} == {stands.vcpus[0].cpu_s}
    assert found is not None
    await rig.guests.resume(guest.uuid)
    await until(rig, lambda: times(rig, guest.uuid), lambda seen: seen and seen.vcpus[0].cpu_s > stands.vcpus[0].cpu_s)


async def test_another_start_begins_another_count(rig: Any) -> None:
    guest = await started(rig)
    first = await until(rig, lambda: times(rig, guest.uuid), lambda seen: seen and seen.cpu_s > 0)
    await rig.guests.destroy(guest.uuid)
    assert await until(rig, lambda: times(rig, guest.uuid), lambda seen: seen is None) is None
    assert await usage(rig, guest.uuid) is None
    await rig.guests.start(guest.uuid)
    again = await until(rig, lambda: times(rig, guest.uuid), bool)
    assert first is not None
    assert again is not None
    assert again.since_ms > first.since_ms
