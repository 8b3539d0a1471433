"""One rig per driver: the port, guests that fit it, and how long things take there."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from guest_ids import fresh_id
from libvirt_host import KERNEL_WORDS

from guestwire.agent.drivers.linux.guest_processes import GuestProcesses
from guestwire.agent.drivers.linux.threads import threads_of
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Settings
from guestwire.agent.services.ports import GuestMetrics, Guests, Observed
from guestwire.model.guest import DirectBoot, Guest
from guestwire.model.machines import MACHINES
from guestwire.model.pinning import pinning
from guestwire.model.topology import Topology

UP = "guestwire-guest: up {name}"


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Rig:
    """A driver under test. `definition(**changes)` makes a guest that boots there, with a name nobody else has; `define`
    gives it to the driver with its pins on that machine. `medium` is a file that a drive can take."""

    guests: Guests
    metrics: GuestMetrics
    wait_s: float
    topology: Topology
    medium: str = "/simulated/medium.iso"
    boot: DirectBoot | None = None
    boot_words: tuple[str, ...] = ()
    made: list[Guest] = field(default_factory=list)

    def definition(self, *words: str, **changes: Any) -> Guest:
        """`words` go onto the guest's kernel command line; the simulated host has none."""
        uuid = str(uuid4())
        name = changes.pop("name", f"gwt-{uuid[:8]}")
        boot = self.boot
        if boot is not None:
            boot = boot.model_copy(update={"cmdline": " ".join((boot.cmdline, f"guestwire.name={name}", *words))})
        values = {"name": name, "id": fresh_id(), "uuid": uuid, "memory_mib": 192, "boot": boot, **changes}
        guest = Guest(**values)
        self.made.append(guest)
        return guest

    async def define(self, guest: Guest) -> Observed:
        return await self.guests.define(guest, pinning(guest, self.topology))


def this_machine() -> Topology:
    """A machine with the CPUs of this one."""
    online = Path("/sys/devices/system/cpu/online").read_text().strip()
    last = int(online.rsplit("-", 1)[-1].rsplit(",", 1)[-1])
    topology = MACHINES["4-core"].topology
    return topology.model_copy(update={"cpus": topology.cpus[: last + 1]})


@pytest.fixture(params=["simulated", pytest.param("libvirt", marks=pytest.mark.libvirt)])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    if request.param == "simulated":
        settings = Settings(boot_s=0.05, shutdown_s=0.02, up_text=UP)
        async with SimulatedHost(MACHINES["4-core"], tmp_path, clock=unix_ms, settings=settings) as host:
            yield Rig(host, host.guest_metrics, 5.0, MACHINES["4-core"].topology)
        return
    libvirt_host = request.getfixturevalue("libvirt_host")
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests

    boot = DirectBoot(
        kernel=libvirt_host.kernel, initrd=libvirt_host.initrd, cmdline=f"{KERNEL_WORDS} guestwire.agent=1"
    )
    driver = LibvirtGuests(libvirt_host.uri, threads_of=threads_of, clock=unix_ms)
    processes = GuestProcesses(search_every_s=0.0)
    async with driver as guests:
        rig = Rig(guests, guests.metrics(processes), 60.0, this_machine(), libvirt_host.kernel, boot)
        try:
            yield rig
        finally:
            processes.close()
            for guest in rig.made:
                assert guest.uuid is not None
                if any(observed.guest.uuid == guest.uuid for observed in await guests.list()):
                    await guests.destroy(guest.uuid)
                    await guests.undefine(guest.uuid)
