"""The kernel of a simulated host: CPUs that go offline, huge pages out of its memory, interrupts that stay."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Settings
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.model.pinning import Pinning, pinning

CPU = "/sys/devices/system/cpu"
POOL = "/sys/devices/system/node/node{}/hugepages/hugepages-{}kB/{}_hugepages"
ALL = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"


def host(machine: str = "64-thread-4-node", directory: Path | None = None) -> SimulatedHost:
    return SimulatedHost(
        MACHINES[machine], directory, clock=lambda: 1_700_000_000_000, settings=Settings(boot_s=3600.0)
    )


async def refusal(call: Any) -> tuple[str, int | None]:
    with pytest.raises(GuestwireError) as caught:
        await call
    return caught.value.code, caught.value.detail.get("errno")


async def read(simulated: SimulatedHost, path: str) -> str | None:
    return (await simulated.values.read([path]))[path]


async def test_a_cpu_that_goes_offline_is_seen_everywhere(tmp_path: Path) -> None:
    async with host(directory=tmp_path) as simulated:
        whole = await simulated.topology()
        await simulated.values.write(f"{CPU}/cpu33/online", "0")
        topology = await simulated.topology()
        assert topology.online() == whole.online() - {33}
        assert (topology.cpu_ids(), topology.fingerprint) == (whole.cpu_ids(), whole.fingerprint)
        assert (await simulated.facts()).cpus == 63
        assert await read(simulated, f"{CPU}/online") == "0-32,34-63"
    async with host(directory=tmp_path) as simulated:
        assert await read(simulated, f"{CPU}/offline") == "33"
        simulated.reboot_host()
        assert await simulated.topology() == whole
    async with host(directory=tmp_path) as simulated:
        assert await simulated.topology() == whole


async def test_smt_goes_off_and_on_as_a_whole() -> None:
    async with host() as simulated:
        assert await read(simulated, f"{CPU}/smt/active") == "1"
        await simulated.values.write(f"{CPU}/smt/control", "off")
        assert (await simulated.topology()).online() == frozenset(range(32))
        assert await read(simulated, f"{CPU}/smt/active") == "0"
        assert await refusal(simulated.values.write(f"{CPU}/cpu40/online", "1")) == ("UNSUPPORTED", 1)
        await simulated.values.write(f"{CPU}/smt/control", "on")
        assert len((await simulated.topology()).online()) == 64
    async with host("4-core") as simulated:
        assert await read(simulated, f"{CPU}/smt/control") == "notsupported"
        assert await refusal(simulated.values.write(f"{CPU}/smt/control", "off")) == ("UNSUPPORTED", 19)


@pytest.mark.parametrize(
    ("path", "value", "errno"),
    [
        (f"{CPU}/cpu1/online", "2", 22),
        (f"{CPU}/online", "0", 13),
        (POOL.format(0, 2048, "nr"), "many", 22),
        (POOL.format(0, 2048, "free"), "1", 13),
        ("/proc/irq/41/smp_affinity_list", "0", 5),
        ("/proc/irq/24/smp_affinity_list", "99", 22),
        ("/proc/irq/24/smp_affinity_list", "x", 22),
        ("/proc/irq/default_smp_affinity", "0", 22),
        ("/proc/cmdline", "quiet", 13),
    ],
)
async def test_what_a_kernel_refuses(path: str, value: str, errno: int) -> None:
    async with host() as simulated:
        before = await read(simulated, path)
        assert await refusal(simulated.values.write(path, value)) == ("UNSUPPORTED", errno)
        assert await read(simulated, path) == before


async def test_cpu_0_has_no_switch() -> None:
    async with host() as simulated:
        assert await refusal(simulated.values.write(f"{CPU}/cpu0/online", "0")) == ("NOT-FOUND", None)


async def test_huge_pages_come_out_of_free_memory_and_guests_take_them() -> None:
    async with host() as simulated:
        whole = (await simulated.facts()).memory_free_mib
        assert await simulated.values.write(POOL.format(1, 1048576, "nr"), "100") == "32"  # a node has 32 GiB
        assert (await simulated.facts()).memory_free_mib == whole - 32 * 1024
        guest = Guest(name="rt", id="GUEST0001", uuid=str(uuid4()), cpuset="n1", memory_mib=3000, hugepages_mib=1024)
        uuid = guest.uuid or ""
        await simulated.define(guest, pinning(guest, await simulated.topology()))
        await simulated.start(uuid)
        assert (await simulated.facts()).memory_free_mib == whole - 32 * 1024
        assert await read(simulated, POOL.format(1, 1048576, "free")) == "29"
        assert [(p.total, p.free) for p in (await simulated.topology()).nodes[1].hugepages] == [(0, 0), (32, 29)]
        assert await simulated.values.write(POOL.format(1, 1048576, "nr"), "0") == "3"
        await simulated.destroy(uuid)
        assert await simulated.values.write(POOL.format(1, 1048576, "nr"), "0") == "0"
        with pytest.raises(GuestwireError) as caught:
            await simulated.start(uuid)
        assert (caught.value.code, caught.value.detail["code"]) == ("DRIVER-ERROR", 1)


async def test_pages_without_a_node_are_spread_over_all() -> None:
    async with host() as simulated:
        assert await simulated.values.write(ALL, "10") == "10"
        assert [await read(simulated, POOL.format(node, 2048, "nr")) for node in range(4)] == ["3", "3", "2", "2"]
        assert await simulated.values.write(ALL, "0") == "0"


@pytest.mark.parametrize(
    ("pins", "code"),
    [
        (Pinning((frozenset({99}),), frozenset({0})), 38),
        (Pinning((frozenset({1}),), frozenset({0})), 38),
        (Pinning((frozenset({0}),), frozenset({0}), nodes=frozenset({7})), 67),
    ],
    ids=["no such CPU", "offline", "no such node"],
)
async def test_pins_that_a_start_cannot_have(pins: Pinning, code: int) -> None:
    guest = Guest(name="a", id="GUEST0001", uuid=str(uuid4()))
    async with host("4-core") as simulated:
        await simulated.values.write(f"{CPU}/cpu1/online", "0")
        await simulated.define(guest, pins)
        with pytest.raises(GuestwireError) as caught:
            await simulated.start(guest.uuid or "")
        assert (caught.value.code, caught.value.detail["code"]) == ("DRIVER-ERROR", code)


async def test_the_log_of_values_does_not_grow_without_end(tmp_path: Path) -> None:
    async with host(directory=tmp_path) as simulated:
        for number in range(8000):
            await simulated.values.write(f"{CPU}/cpu1/online", str(number % 2))
        assert (tmp_path / "kernel.jsonl").stat().st_size < 300_000
