"""Configuration in one process: a plan for a large host, all rules on it, a thousand projects.

The host is the simulated one with 64 CPUs: 10 guests and 50 areas of which a few change. What is timed is what a request
`config-plan` costs the host beyond the message path: facts, settling, rules, diff, pins. No peer does the same.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from children import scratch
from rows import Row, median, percentile
from settings import Settings

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.services.configuration.active import Active
from guestwire.agent.services.configuration.facts import FactsReader
from guestwire.agent.services.configuration.options import Options
from guestwire.agent.services.configuration.prepared import Preparer
from guestwire.agent.services.configuration.switching import Switching
from guestwire.agent.services.guest_folder import GuestFolders
from guestwire.agent.services.guests import GuestService
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Desired
from guestwire.model.facts import Facts
from guestwire.model.guest import Disk, Guest, Nic
from guestwire.model.machines import MACHINES
from guestwire.model.pinning import pinning
from guestwire.model.rules.table import validate
from guestwire.model.settling import settle

MACHINE = MACHINES["64-thread-4-node"]
PROJECTS = 1000


def document(version: int = 0) -> Desired:
    """Ten guests, two of them rt, and fifty areas; another version changes a little of each."""
    guests = [
        Guest(
            name=f"guest{n}", kind="rt" if n < 2 else "gp_comm" if n < 5 else "gp", vcpus=2,
            cpuset=f"c{8 * (n + 1)}-c{8 * (n + 1) + 2}" if n < 2 else None, memory_mib=1024 + version,
            disks=(Disk(path=f"/simulated/images/guest{n}.qcow2", size_mib=10_240),) if n >= 2 else (),
            nics=(Nic(),), comments=f"guest {n}",
        )
        for n in range(10)
    ]  # fmt: skip
    areas = tuple(
        MemoryArea(name=f"area{n}", size=(n + 1) << 16, default_access="R-C-", overrides={f"guest{n % 5}": "RWC-"})
        for n in range(50)
    )
    return Desired(guests=tuple(guests), areas=areas)


def run(settings: Settings) -> list[Row]:
    with scratch() as folder:
        plans = asyncio.run(_plans(Path(folder), 40 if settings.quick else 200))
    desired = settle(document(), Desired(), host="bench", disk_root="/simulated/images")
    facts = _facts(desired)
    rules = _timed(lambda: validate(desired, facts), 40 if settings.quick else 200)
    many = [document(n % 7) for n in range(PROJECTS)]
    began = time.perf_counter()
    for project in many:
        validate(settle(project, Desired(), host="bench", disk_root="/simulated/images"), facts)
    thousand_s = time.perf_counter() - began
    return [
        Row("planning", "plan, 10 guests, 50 areas, 64 CPUs, p50", median(plans) * 1000, "ms", None, "<=", 20.0),
        Row("planning", "the same, p95", percentile(plans, 0.95) * 1000, "ms"),
        Row("planning", "all rules on it, p50", median(rules) * 1000, "ms", None, "<=", 5.0),
        Row("planning", f"{PROJECTS:,} such projects settled and validated", thousand_s, "s", None, "<=", 10.0),
    ]


def _facts(desired: Desired) -> Facts:
    return Facts(
        topology=MACHINE.topology, capabilities=MACHINE.capabilities, machine=MACHINE.machine,
        memory_mib=MACHINE.memory_mib, memory_free_mib=MACHINE.memory_mib, simulated=True, active=desired,
        running=frozenset(), foreign={}, files={}, disk_roots=("/simulated/images",), unsafe_interrupts=False, modified=(),
    )  # fmt: skip


def _timed(work: Callable[[], object], times: int) -> list[float]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return took


async def _plans(folder: Path, times: int) -> list[float]:
    """What `config-plan` of a changed document takes on a host that has the first one's guests."""
    clock = lambda: now().wall_ms  # noqa: E731
    vital = Vital(lambda _name, _error: None)
    first = settle(document(), Desired(), host="bench", disk_root="/simulated/images")
    took = []
    async with (
        SimulatedHost(MACHINE, folder / "host", clock=clock) as host,
        JournalWriter() as writer,
        await Journal.open(folder / "journal.db", writer, now_ms=clock()) as journal,
        GuestService(host, clock, lambda _change: None, vital) as guests,
    ):
        for guest in first.guests:
            await host.define(guest, pinning(guest, MACHINE.topology))
        for guest in first.guests:
            await guests.settled(guest.uuid or "")
        power, folders = Switching(guests), GuestFolders(folder / "guests")
        active = Active(journal.config, power)
        facts = FactsReader(
            host, host, host.images, host.values, folders, power, disk_roots=("/simulated/images",), simulated=True,
            broker=lambda: None,
        )  # fmt: skip
        preparer = Preparer(host="bench", version="1", active=active, facts=facts, folders=folders, power=power)
        wanted = document(1)
        for _ in range(times):
            began = time.perf_counter()
            prepared = await preparer.prepare(wanted, Options())
            took.append(time.perf_counter() - began)
        assert len(prepared.plan.items) >= 60
    return took
