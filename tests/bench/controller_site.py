"""A whole site of a bench: one mosquitto that can be killed, real simulated hosts in a few processes, and a real controller that
has let all of them in.

The hosts are what `guestwire-agent fleet` makes: each with a session, a journal, a spool and a key of its own; they measure
the simulated machine every ten seconds and send it as a controller is there. They are as many processes as it takes for
none to have more than a few hundred, so that no loop of theirs is what is measured.
"""

import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import plant
from children import Child, cpu_s, scratch
from controller_process import Controller, wait_until
from fleet import allow_files
from plant import SITE, Plant

from guestwire.broker_test.mosquitto import free_port

PROCESS_HOSTS = 500
TOGETHER = 2
"""Processes of hosts that open at once: opening is the disk's time."""
BOOT_DELAY_S = 15.0
"""Hosts begin within so long, as they do in the field: their first connections are no storm."""
AWAY_S = 5.0
"""How long a broker that is lost is away."""
OPEN_S = 600.0
SETTLE_S = 10.0
"""What hosts that come bring with them besides their inventories is done after that."""
HEARD_S = 300.0
FIFTY_METRICS = (
    "guestwire_guest_state", "guestwire_host_*", "guestwire_disk_*", "guestwire_node_*", "guestwire_agent_cpu_*",
    "guestwire_agent_resident_*",
)  # fmt: skip
"""About fifty series of a simulated host with two guests: how many exactly, the machine below decides, and the bench counts."""


class Broker:
    """A mosquitto at one port, without persistence: killed, it forgets everything."""

    def __init__(self) -> None:
        self.port = free_port()
        self._child: Child | None = None
        self._pid = 0

    def start(self) -> None:
        """Have it, at its port."""
        command = [
            sys.executable,
            "-m",
            "guestwire.broker_test",
            "--json",
            "--port",
            str(self.port),
            "--max-clients",
            "8000",
        ]
        self._child = Child(command, "free")
        self._pid = int(self._child.answer()["pid"])

    def kill(self) -> None:
        """As a power cut would."""
        os.kill(self._pid, 9)
        self.end()

    def end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


@dataclass(frozen=True, slots=True)
class BenchSite:
    """What runs. `names`: the hosts; `fleets`: the pids of their processes."""

    plant: Plant
    broker: Broker
    controller: Controller
    names: tuple[str, ...]
    fleets: tuple[int, ...]

    def online(self) -> bool:
        """Whether the controller shows every host as there."""
        return self.states().get("online", 0) == len(self.names)

    def read(self) -> bool:
        """Whether the controller knows what every host has."""
        return not self.controller.api.get("/hosts", limit=1, q="not driver=simulated")["items"]

    def states(self) -> dict[str, int]:
        """How many hosts the controller has in which state."""
        return states_of(self.controller.own())

    def hosts_cpu_s(self) -> float:
        """Processor seconds of all hosts together."""
        return sum(cpu_s(pid) for pid in self.fleets)


def states_of(own: Mapping[str, float]) -> dict[str, int]:
    """How many hosts are in which state, by what the controller says of itself."""
    found: dict[str, int] = {}
    for name, value in own.items():
        if name.startswith("hosts{"):
            state = name.partition('state="')[2].partition('"')[0]
            found[state] = found.get(state, 0) + int(value)
    return found


def lose_broker(site: BenchSite) -> None:
    """The broker is killed, and comes back with nothing."""
    site.broker.kill()
    time.sleep(AWAY_S)
    site.broker.start()


@contextmanager
def bench_site(count: int, *, measured: bool = True) -> Iterator[BenchSite]:
    """A site of `count` hosts, all of them connected, approved and online. `measured`: they send telemetry."""
    allow_files()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        broker = Broker()
        stack.callback(broker.end)
        broker.start()
        processes = math.ceil(count / PROCESS_HOSTS)
        sizes = [count // processes + (n < count % processes) for n in range(processes)]
        names = tuple(f"{_prefix(n)}-{k}" for n, size in enumerate(sizes) for k in range(1, size + 1))
        site = plant.make(folder, names, ("admin",), controllers=("main",))
        controller = stack.enter_context(Controller(site, broker.port))
        wait_until(lambda: _known(controller) == count, HEARD_S, f"{count} hosts are known by the trust document")
        with ThreadPoolExecutor(4) as pool:  # before they come: then they are read once
            list(pool.map(lambda name: controller.api.post(f"/hosts/{SITE}/{name}/approve"), names))
        fleets = _fleets(stack, site, broker.port, sizes, measured=measured)
        made = BenchSite(site, broker, controller, names, fleets)
        wait_until(made.online, HEARD_S, f"{count} hosts are online")
        wait_until(made.read, HEARD_S, f"the inventories of {count} hosts are read")
        time.sleep(SETTLE_S)
        yield made


def _known(controller: Controller) -> int:
    return sum(states_of(controller.own()).values())


def _fleets(stack: ExitStack, site: Plant, port: int, sizes: Sequence[int], *, measured: bool) -> tuple[int, ...]:
    children: list[Child] = []
    telemetry = {"tiers": ["normal"] if measured else [], "metrics": FIFTY_METRICS}
    for first in range(0, len(sizes), TOGETHER):
        opening = []
        for n, size in list(enumerate(sizes))[first : first + TOGETHER]:
            prefix = _prefix(n)
            keys = str(site.layout.key("host:{host}"))
            broker = {"boot_delay_s": BOOT_DELAY_S}
            config = site.config(prefix, port, host_key=keys, broker=broker, telemetry=telemetry)
            child = plant.simulated_hosts(config, size, "free", log=config.with_suffix(".log"))
            opening.append(stack.enter_context(child))
        for child in opening:
            child.line(OPEN_S)
        children += opening
    return tuple(child.pid for child in children)


def _prefix(n: int) -> str:
    return f"h{chr(ord('a') + n)}"
