"""Guests under the names of the catalogue; while nothing is known of them, nothing is said."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from heard_telemetry import Clock, sampled

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Settings
from guestwire.agent.services.guest_table import GuestTable
from guestwire.agent.services.ports import Lost, Resynced
from guestwire.agent.telemetry.sources.guests import STATES, guest_sources
from guestwire.agent.telemetry.sources.source import Source
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest, Nic
from guestwire.model.machines import MACHINES


def guest(number: int, **fields: object) -> Guest:
    return Guest(
        name=f"g{number}", id=f"GUEST{number:04d}", uuid=f"00000000-0000-4000-8000-{number:012d}", memory_mib=256,
        **fields,  # type: ignore[arg-type]
    )  # fmt: skip


class Bench:
    """A simulated host, and what its agent knows of the guests."""

    def __init__(self, host: SimulatedHost, clock: Clock) -> None:
        self.host, self.clock, self.table = host, clock, GuestTable()
        self.sources: dict[str, Source] = {
            source.name: source for source in guest_sources(self.table, host.guest_metrics)
        }

    async def look(self) -> None:
        self.table.apply(Resynced(1, tuple(await self.host.list())), self.clock().wall_ms)

    async def everything(self) -> dict[str, float]:
        return {name: value for one in self.sources.values() for name, value in (await sampled(one)).values.items()}


@asynccontextmanager
async def bench(*guests: Guest) -> AsyncIterator[Bench]:
    clock = Clock()
    settings = Settings(boot_s=3600)  # nothing happens by itself
    async with SimulatedHost(MACHINES["4-core"], clock=lambda: clock().wall_ms, settings=settings) as host:
        for one in guests:
            await host.define(one)
        made = Bench(host, clock)
        await made.look()
        yield made


async def test_guests_and_their_vcpus() -> None:
    disks = (Disk(path="/simulated/a.qcow2"), Disk(device="cdrom"), Disk(path="/simulated/b.qcow2"))
    async with bench(guest(1, vcpus=2, disks=disks, nics=(Nic(), Nic())), guest(2)) as b:
        await b.host.start(guest(1).uuid or "")
        started = b.clock().wall_ms
        await b.look()
        b.clock.move(600)
        found = await b.everything()
    states = {name: value for name, value in found.items() if name.startswith("guestwire_guest_state")}
    assert len(states) == 2 * len(STATES)
    assert {name for name, value in states.items() if value} == {
        'guestwire_guest_state{guest="g1",state="running"}', 'guestwire_guest_state{guest="g2",state="stopped"}',
    }  # fmt: skip
    info = {name for name in found if name.startswith("guestwire_guest_info")}
    assert f'guestwire_guest_info{{guest="g2",id="GUEST0002",kind="gp",uuid="{guest(2).uuid}"}}' in info
    assert found['guestwire_guest_start_time_seconds{guest="g1"}'] == started / 1000
    assert 0 < found['guestwire_vcpu_cpu_seconds_total{guest="g1",vcpu="1"}'] < 600
    assert found['guestwire_vcpu_wait_seconds_total{guest="g1",vcpu="0"}'] > 0
    assert found['guestwire_vcpu_runs_total{guest="g1",vcpu="0"}'] > 1
    assert found['guestwire_vcpu_halted{guest="g1",vcpu="0"}'] in (0, 1)
    vcpus = sum(value for name, value in found.items() if name.startswith("guestwire_vcpu_cpu_seconds_total"))
    assert found['guestwire_guest_cpu_seconds_total{guest="g1"}'] > vcpus
    assert found['guestwire_guest_memory_bytes{guest="g1"}'] == 256 << 20
    devices = {name for name in found if name.startswith("guestwire_guest_disk_reads_total")}
    assert devices == {f'guestwire_guest_disk_reads_total{{device="{d}",guest="g1"}}' for d in ("vda", "sda", "vdb")}
    assert found['guestwire_guest_interface_sent_bytes_total{device="net1",guest="g1"}'] > 0
    assert not any('guest="g2"' in name and "_total" in name for name in found)


async def test_counters_begin_with_the_guests_power() -> None:
    async with bench(guest(1)) as b:
        for _ in range(2):
            b.clock.move(100)
            await b.host.start(guest(1).uuid or "")
            await b.look()
            began = b.clock().wall_ms
            b.clock.move(30)
            for source in ("guest-times", "guest-usage"):
                starts = (await sampled(b.sources[source])).starts
                assert {since for name, since in starts.items() if "_total" in name} <= {began}
            await b.host.destroy(guest(1).uuid or "")
            await b.look()
            assert (await sampled(b.sources["guest-times"])).values == {}


async def test_a_start_that_nobody_saw_is_another_one() -> None:
    async with bench(guest(1)) as b:
        uuid = guest(1).uuid or ""
        await b.host.start(uuid)
        b.clock.move(1000)
        (before,) = await b.host.guest_metrics.times({uuid})
        await b.host.destroy(uuid)
        b.clock.move(1000)
        await b.host.start(uuid)
        b.clock.move(1)
        (after,) = await b.host.guest_metrics.times({uuid})
        assert after.since_ms == before.since_ms + 2_000_000
        assert after.cpu_s < 2 < before.cpu_s


async def test_a_paused_guest_takes_no_time() -> None:
    async with bench(guest(1, kind="rt")) as b:
        await b.host.start(guest(1).uuid or "")
        await b.look()
        b.clock.move(10)
        before = (await sampled(b.sources["guest-times"])).values
        await b.host.pause(guest(1).uuid or "")
        b.clock.move(1000)
        assert (await sampled(b.sources["guest-times"])).values == before
        assert (await sampled(b.sources["guest-usage"])).values['guestwire_vcpu_halted{guest="g1",vcpu="0"}'] == 1
        await b.host.resume(guest(1).uuid or "")
        b.clock.move(10)
        after = (await sampled(b.sources["guest-times"])).values
        assert all(after[name] > before[name] for name in before if "cpu_seconds" in name)


async def test_without_the_hypervisor_nothing_is_known() -> None:
    async with bench(guest(1)) as b:
        await b.host.start(guest(1).uuid or "")
        await b.look()
        b.table.apply(Lost(1, "gone"), b.clock().wall_ms)
        for source in b.sources.values():
            with pytest.raises(GuestwireError) as raised:
                await sampled(source)
            assert raised.value.code == "DRIVER-LOST"
        await b.look()
        b.host.lose_connection()  # the table has not heard of it yet
        for name in ("guest-times", "guest-usage"):
            with pytest.raises(GuestwireError) as raised:
                await sampled(b.sources[name])
            assert raised.value.code == "DRIVER-LOST"


async def test_guests_of_other_hosts_are_theirs_to_tell_of() -> None:
    async with bench(guest(1), guest(2)) as b:
        for number in (1, 2):
            await b.host.start(guest(number).uuid or "")
        mine, others = await b.host.list()
        b.table.apply(Resynced(2, (mine, replace(others, of_other="h2"))), b.clock().wall_ms)
        b.clock.move(60)
        found = await b.everything()
        assert found
        assert not any('"g2"' in name for name in found)


async def test_a_host_without_measurements_tells_states() -> None:
    table = GuestTable()
    table.apply(Resynced(1, ()), 1)
    assert [source.name for source in guest_sources(table, None)] == ["guest-states", "guest-info"]
