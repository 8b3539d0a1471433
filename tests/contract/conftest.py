"""One rig per driver: the port, guests that fit it, and how long things take there."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from guestwire.agent.drivers.linux.threads import threads_of
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.machines import MACHINES
from guestwire.agent.drivers.simulated.settings import Settings
from guestwire.agent.services.ports import Guests, HostInspection
from guestwire.model.guest import DirectBoot, Guest
from guestwire.model.host import Capabilities, HostFacts
from guestwire.model.topology import Topology

UP = "guestwire-guest: up {name}"


def unix_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Rig:
    """A driver under test. `definition(**changes)` makes a guest that boots there, with a name nobody else has."""

    guests: Guests
    wait_s: float
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
        number = 9000 + int(uuid[:4], 16) % 999
        values = {"name": name, "id": f"GUEST{number}", "uuid": uuid, "memory_mib": 192, "boot": boot, **changes}
        guest = Guest(**values)
        self.made.append(guest)
        return guest


class Inspection:
    """A machine with the CPUs of this one."""

    def __init__(self) -> None:
        self._topology = MACHINES["4-core"].topology
        online = Path("/sys/devices/system/cpu/online").read_text().strip()
        last = int(online.rsplit("-", 1)[-1].rsplit(",", 1)[-1])
        self._topology = self._topology.model_copy(update={"cpus": self._topology.cpus[: last + 1]})

    async def topology(self) -> Topology:
        return self._topology

    async def facts(self) -> HostFacts:
        return HostFacts(
            hostname="",
            kernel="",
            boot_id="",
            machine="",
            cpus=1,
            memory_mib=1,
            memory_free_mib=1,
            capabilities=Capabilities(),
            topology_fingerprint="",
        )


@pytest.fixture
def inspection() -> HostInspection:
    return Inspection()


@pytest.fixture(params=["simulated", pytest.param("libvirt", marks=pytest.mark.libvirt)])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    if request.param == "simulated":
        settings = Settings(boot_s=0.05, shutdown_s=0.02, up_text=UP)
        async with SimulatedHost(MACHINES["4-core"], tmp_path, clock=unix_ms, settings=settings) as host:
            yield Rig(host, 5.0)
        return
    libvirt_host = request.getfixturevalue("libvirt_host")
    from guestwire.agent.drivers.libvirt.guests import LibvirtGuests

    boot = DirectBoot(
        kernel=libvirt_host.kernel, initrd=libvirt_host.initrd, cmdline="console=ttyS0 quiet panic=-1 guestwire.agent=1"
    )
    driver = LibvirtGuests(libvirt_host.uri, inspection=Inspection(), threads_of=threads_of, clock=unix_ms)
    async with driver as guests:
        rig = Rig(guests, 60.0, boot)
        try:
            yield rig
        finally:
            for guest in rig.made:
                assert guest.uuid is not None
                if any(observed.guest.uuid == guest.uuid for observed in await guests.list()):
                    await guests.destroy(guest.uuid)
                    await guests.undefine(guest.uuid)
