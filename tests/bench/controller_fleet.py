"""A controller with 2,000 hosts that each send a batch of about fifty metrics every ten seconds, over a real mosquitto.

What is the controller's alone: its processor time (both threads: its own and the database's) over a time in which nothing
else happens, and its resident memory. Every batch is signed by its host, checked, committed and acknowledged.
"""

import time
from dataclasses import dataclass

from children import ChildFailed, cpu_s, rss_kib
from controller_process import wait_until
from controller_site import BenchSite, bench_site
from rows import Row, said_of
from settings import Settings

HOSTS = 2000
QUIET_S = 300.0
CAUGHT_UP = 4 << 20
"""Bytes that wait to be stored, at most, before it is measured: what the start left behind is stored then."""
STEADY_S = 60.0
METRICS = 40
"""Fewer than that in a batch would not be what is said."""


@dataclass(frozen=True, slots=True)
class Steady:
    """What was measured: percent of one processor, MiB, and what came in a second. `hosts_percent`: what all hosts took."""

    hosts: int
    percent: float
    rss_mib: float
    batches: float
    samples: float
    acknowledged: float
    hosts_percent: float


def run(settings: Settings) -> list[Row]:
    with bench_site(settings.count(HOSTS)) as site:
        return rows(steady(site, settings.seconds(STEADY_S)))


def rows(found: Steady) -> list[Row]:
    subject = f"{found.hosts:,} hosts"
    return [
        *said_of(
            "controller_fleet", subject,
            ("the controller's processor time", found.percent, "% of one", 50),
            ("the controller's memory", found.rss_mib, "MiB", 512),
            ("metrics in a batch", found.samples / found.batches, ""),
            ("acknowledgements that hosts took", found.acknowledged, "/s"),
            ("what all simulated hosts take beside it", found.hosts_percent, "% of one"),
        ),
        Row("controller_fleet", f"{subject}: batches stored", found.batches, "/s", None, ">=", found.hosts / 10 * 0.95),
    ]  # fmt: skip


def steady(site: BenchSite, seconds: float) -> Steady:
    """Wait until what the start brought is over, then measure. Raises ChildFailed when telemetry is not what is said."""
    controller, count = site.controller, len(site.names)
    wait_until(lambda: _flowing(site), QUIET_S, "telemetry of every host comes and is stored as it comes")
    before, began = controller.own(), time.monotonic()
    used, theirs = cpu_s(controller.pid), site.hosts_cpu_s()
    time.sleep(seconds)
    used, theirs = cpu_s(controller.pid) - used, site.hosts_cpu_s() - theirs
    took, after = time.monotonic() - began, controller.own()

    def rate(name: str) -> float:
        return (after[name] - before[name]) / took

    batches, samples = rate("telemetry_batches_total"), rate("telemetry_samples_total")
    if not batches or samples / batches < METRICS:
        raise ChildFailed(f"{batches:.1f} batches and {samples:.0f} samples a second are not the load of this bench")
    return Steady(
        count, used / took * 100, rss_kib(controller.pid) / 1024, batches, samples,
        rate("telemetry_acknowledged_total"), theirs / took * 100,
    )  # fmt: skip


def _flowing(site: BenchSite) -> bool:
    own = site.controller.own()
    return (
        site.online()
        and own["telemetry_batches_total"] >= len(site.names)
        and own["telemetry_waiting_bytes"] < CAUGHT_UP
    )
