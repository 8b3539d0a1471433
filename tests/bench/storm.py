"""Five hundred hosts that connect at once by mutual TLS, as after a power cut: with the jitter they have, and without.

Each is a host of its own (session, certificate, will, presence) in one process beside one mosquitto that checks every
certificate; on a machine with few processors the handshakes are what it takes.
"""

import contextlib
import os
import re
import sys
from pathlib import Path

import plant
from children import Child, cpu_s, scratch
from fleet import allow_files
from rows import Row, median
from settings import Settings

from guestwire.broker_test.mosquitto import free_port

HOSTS = 500
JITTER_S = 5.0


def run(settings: Settings) -> list[Row]:
    allow_files()
    count = settings.count(HOSTS)
    rows = []
    for jitter_s in (0.0, JITTER_S):
        took: list[float] = []
        used: list[float] = []
        for _ in range(1 if settings.quick else min(3, settings.runs)):
            seconds, broker_s = _storm(count, jitter_s)
            took.append(seconds)
            used.append(broker_s)
        how = f"within {jitter_s:g} s" if jitter_s else "at once"
        rows += [
            Row("storm", f"{count} hosts by mutual TLS that start {how}: all connected after", median(took), "s"),
            Row("storm", f"the broker's processor time for each of them, {how}", median(used) / count * 1000, "ms"),
        ]
    return rows


def _storm(count: int, jitter_s: float) -> tuple[float, float]:
    """Seconds until all are connected, and of the broker's processor time."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        site = plant.make(folder, tuple(f"h-{n}" for n in range(1, count + 1)), ("caller",), tls=True)
        layout = site.layout
        port = free_port()
        command = [
            sys.executable, "-m", "guestwire.broker_test", "--json", "--tls-only", "--tls-port", str(port),
            "--tls-cert", str(layout.certificate("broker")), "--tls-key", str(layout.certificate_key("broker")),
            "--tls-ca", str(layout.ca_certificate),
        ]  # fmt: skip
        broker = stack.enter_context(Child(command, "broker"))
        broker.answer()
        tls = {
            "urls": [f"mqtts://127.0.0.1:{port}"], "ca": str(layout.ca_certificate), "boot_delay_s": jitter_s,
            "cert": str(layout.certificate("{host}")), "key": str(layout.certificate_key("{host}")),
        }  # fmt: skip
        config = site.config("h", None, host_key=str(layout.key("host:{host}")), broker=tls, simulated={"guests": 0})
        agents = [sys.executable, "-m", "guestwire.agent.main", "fleet", "--hosts", str(count), "--config", str(config)]
        said = stack.enter_context(Child(agents, "free")).line(240)
        match = re.search(r"connected in ([0-9.]+) s", said)
        if match is None:
            raise ValueError(f"the fleet said {said!r}")
        return float(match[1]), sum(cpu_s(pid) for pid in _below(broker.pid))


def _below(pid: int) -> list[int]:
    """A process and those it started."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one and child != os.getpid()]
    return found
