"""A thousand simulated hosts in one process, each with a session, a journal and two guests: memory each, time to connect.

The memory of a host is the difference between a process of a thousand and one of ten, shared out.
"""

import contextlib
import re
import resource
import time
from pathlib import Path

import plant
from children import broker, rss_kib, scratch
from rows import Row, median
from settings import Settings

FEW = 10
SETTLE_S = 6.0
"""Journals give back their cached pages when they have rested for some seconds."""


def run(settings: Settings) -> list[Row]:
    allow_files()
    many = settings.count(1000)
    memory: list[float] = []
    opened: list[float] = []
    connected: list[float] = []
    runs = 1 if settings.quick else min(settings.runs, 3)  # a run takes ten seconds and varies little
    for _ in range(runs):
        small, _, _ = _measure(FEW)
        large, opening, connecting = _measure(many)
        memory.append((large - small) / (many - FEW))
        opened.append(opening)
        connected.append(connecting)
    return [
        Row("fleet", f"memory of each of {many:,} hosts in one process", median(memory), "KiB", None, "<=", 300),
        Row("fleet", f"{many:,} hosts connected", median(connected), "s", None, "<=", 3.0),
        Row("fleet", f"{many:,} new journals and states made before that", median(opened), "s"),
    ]


def _measure(count: int) -> tuple[int, float, float]:
    """KiB resident, seconds to open all (files made and synced), seconds to connect all."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        mosquitto, port = broker("mosquitto")
        stack.enter_context(mosquitto)
        site = plant.make(folder, tuple(f"h-{n}" for n in range(1, count + 1)), ("caller",))
        keys = str(site.layout.key("host:{host}"))
        config = site.config("h", port, host_key=keys)
        child = stack.enter_context(plant.simulated_hosts(config, count))
        said = child.line(120)
        match = re.search(r"opened in ([0-9.]+) s, connected in ([0-9.]+) s", said)
        if match is None:
            raise ValueError(f"the fleet said {said!r}")
        time.sleep(SETTLE_S)
        return rss_kib(child.pid), float(match[1]), float(match[2])


def allow_files() -> None:
    """The broker inherits it: a socket for each host."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
