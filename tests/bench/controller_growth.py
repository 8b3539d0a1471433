"""How a controller grows with its hosts: processor time, memory, a storm and a rollout at 100, 500 and 2,000 of them, each in a
site of its own. The rollout goes to half of the hosts, a thousand at most, while all of them send telemetry.
"""

import time

from controller_fleet import Steady, steady
from controller_rollout import RolledOut, rolled_out
from controller_site import AWAY_S, bench_site, lose_broker
from controller_storm import Storm, storm
from rows import Row
from settings import Settings

SIZES = (100, 500, 2000)
STEADY_S = 60.0
MOST_ROLLED_OUT = 1000


def run(settings: Settings) -> list[Row]:
    rows: list[Row] = []
    for size in SIZES:
        count = settings.count(size)
        with bench_site(count) as site:
            began = time.monotonic()
            found = steady(site, settings.seconds(STEADY_S))
            rolled = rolled_out(site, site.names[: min(MOST_ROLLED_OUT, max(1, count // 2))])
            stormed = storm(site, lambda site=site: lose_broker(site))  # type: ignore[misc]
            rows += _rows(count, found, rolled, stormed, time.monotonic() - began)
    return rows


def _rows(count: int, found: Steady, rolled: RolledOut, stormed: Storm, took_s: float) -> list[Row]:
    hosts = f"{count:,} hosts"
    lasted = f"the broker is away for {AWAY_S:g} s"
    return [
        Row("controller_growth", f"{hosts}: the controller's processor time", found.percent, "% of one"),
        Row("controller_growth", f"{hosts}: the controller's memory", found.rss_mib, "MiB"),
        Row("controller_growth", f"{hosts}: a rollout to {rolled.hosts:,} of them", rolled.seconds, "s"),
        Row("controller_growth", f"{hosts}: {lasted}, settled after", stormed.settled_s, "s"),
        Row("controller_growth", f"{hosts}: jobs lost or hosts shown as offline by that",
            stormed.lost + stormed.twice + stormed.offline, "", None, "<=", 0),
        Row("controller_growth", f"{hosts}: this took", took_s, "s"),
    ]  # fmt: skip
