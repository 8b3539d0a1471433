"""What guests use, by libvirt: its words in ours, a QEMU that hangs, a daemon that is gone."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from guest_ids import fresh_id
from libvirt_host import KERNEL_WORDS

from guestwire.agent.drivers.libvirt.metrics import usage
from guestwire.agent.drivers.linux.guest_processes import GuestProcesses
from guestwire.agent.drivers.linux.threads import find_process, threads_of
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import DirectBoot, Guest
from guestwire.model.usage import DiskTraffic, GuestMemory, NetTraffic

STATS = {
    "balloon.current": 131072, "balloon.maximum": 131072, "balloon.rss": 208396, "balloon.unused": 1000,
    "balloon.usable": 2000, "balloon.major_fault": 7, "balloon.last-update": 1795257697,
    "net.count": 3, "net.0.name": "vnet7", "net.0.rx.bytes": 1000, "net.0.rx.pkts": 10, "net.0.rx.errs": 1,
    "net.0.rx.drop": 2, "net.0.tx.bytes": 2000, "net.0.tx.pkts": 20, "net.0.tx.errs": 0, "net.0.tx.drop": 3,
    "net.2.name": "vnet9", "net.2.rx.bytes": 5, "net.2.tx.bytes": 6,
    "block.count": 2, "block.0.name": "vda", "block.0.path": "/x.qcow2", "block.0.rd.reqs": 1, "block.0.rd.bytes": 2048,
    "block.0.rd.times": 199_397, "block.0.wr.reqs": 3, "block.0.wr.bytes": 4096, "block.0.wr.times": 2_000_000_000,
    "block.0.fl.reqs": 4, "block.0.fl.times": 500_000_000, "block.0.allocation": 0, "block.0.capacity": 14_149_632,
    "block.0.physical": 14_151_680, "block.1.name": "vdb", "block.1.path": "/y.qcow2",
}  # fmt: skip


def test_libvirts_words_in_ours() -> None:
    found = usage("u", 5, STATS, {0: True})
    assert (found.uuid, found.since_ms, found.halted) == ("u", 5, {0: True})
    assert found.memory == GuestMemory(131072 << 10, 208396 << 10, 1000 << 10, 2000 << 10, 7)
    assert found.disks == (
        DiskTraffic("vda", 2048, 4096, 1, 3, 4, 0.000199397, 2.0, 0.5, 14_149_632, 14_151_680),
    )  # fmt: skip
    assert found.cards == (NetTraffic("net0", 1000, 2000, 10, 20, 1, 2, 3), NetTraffic("net2", 5, 6))


def test_what_a_busy_domain_does_not_tell_is_left_out() -> None:
    found = usage("u", 5, {"block.count": 1, "block.0.name": "vda", "net.count": 0}, {})
    assert (found.memory, found.disks, found.cards) == (None, (), ())


@asynccontextmanager
async def running(guests: Any, files: Any, count: int = 1) -> AsyncIterator[list[str]]:
    """Guests that run, by uuid; gone afterwards."""
    made = []
    for _ in range(count):
        uuid = str(uuid4())
        boot = DirectBoot(kernel=files[0], initrd=files[1], cmdline=KERNEL_WORDS)
        await guests.define(Guest(name=f"gwt-{uuid[:8]}", id=fresh_id(), uuid=uuid, memory_mib=128, boot=boot))
        await guests.start(uuid)
        made.append(uuid)
    try:
        yield made
    finally:
        for uuid in made:
            await guests.destroy(uuid)
            await guests.undefine(uuid)


@pytest.mark.libvirt
async def test_a_qemu_that_hangs_holds_one_look_and_no_processor_times(guests: Any, guest_files: Any) -> None:
    processes = GuestProcesses(search_every_s=0.0)
    metrics = guests.metrics(processes)
    async with asyncio.timeout(120), running(guests, guest_files, 2) as uuids:
        assert {found.uuid for found in await metrics.usage(uuids)} == set(uuids)
        pid = find_process(uuids[0])
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await metrics.usage(uuids)
            with pytest.raises(GuestwireError) as raised:
                await metrics.usage(uuids)
            assert raised.value.code == "DRIVER-LOST"
            assert {found.uuid for found in await metrics.times(uuids)} == set(uuids)
            assert len(await guests.list()) >= 2
        finally:
            os.kill(pid, signal.SIGCONT)
        while True:
            try:
                found = await metrics.usage(uuids)
                break
            except GuestwireError:
                await asyncio.sleep(0.05)
        assert {one.uuid for one in found} == set(uuids)
    processes.close()


@pytest.mark.libvirt
async def test_a_daemon_that_is_gone_tells_nothing(private_libvirt: Any, guest_files: Any) -> None:
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests

    await private_libvirt.start()
    processes = GuestProcesses(search_every_s=0.0)
    driver = LibvirtGuests(private_libvirt.uri, threads_of=threads_of, clock=lambda: time.time_ns() // 1_000_000)
    async with asyncio.timeout(180), driver as guests, running(guests, guest_files) as uuids:
        metrics = guests.metrics(processes)
        assert len(await metrics.usage(uuids)) == 1
        private_libvirt.kill()
        with pytest.raises(GuestwireError) as raised:
            while True:
                await metrics.usage(uuids)
                await asyncio.sleep(0.01)
        assert raised.value.code == "DRIVER-LOST"
        assert len(await metrics.times(uuids)) == 1, "the kernel is asked for those"
        await private_libvirt.start()
        while True:
            try:
                assert len(await metrics.usage(uuids)) == 1
                break
            except GuestwireError:
                await asyncio.sleep(0.05)
        while not guests.connected:
            await asyncio.sleep(0.05)
    processes.close()
