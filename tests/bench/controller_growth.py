"""How a controller grows with its hosts: the same figures at 100, 500 and 2,000 of them, each in a site of its own. The rollout goes to
half of the hosts, a thousand at most, while all of them send telemetry; lists are asked for meanwhile as well.
"""

import time

from controller_fleet import steady
from controller_ingest import straight_in
from controller_list import listed
from controller_rollout import rolled_out
from controller_site import AWAY_S, bench_site, lose_broker
from controller_storm import storm
from rows import Row, percentile, said_of
from settings import Settings

SIZES = (100, 500, 2000)
STEADY_S = 30.0
MOST_ROLLED_OUT = 1000
LISTS = 20
"""Of each filter."""
BATCHES = 8000
"""Put straight in; the same number for each size."""


def run(settings: Settings) -> list[Row]:
    return [row for size in SIZES for row in _at(settings.count(size), settings)]


def _at(count: int, settings: Settings) -> list[Row]:
    with bench_site(count) as site:
        began = time.monotonic()
        found = steady(site, settings.seconds(STEADY_S))
        rolled = rolled_out(site, site.names[: min(MOST_ROLLED_OUT, max(1, count // 2))])
        lists = [took for some in listed(site.controller, settings.count(LISTS)).values() for took in some]
        stormed = storm(site, lambda: lose_broker(site))
    direct = straight_in("SQLite", count, 1 + max(1, settings.count(BATCHES) // count))
    return said_of(
        "controller_growth", f"{count:,} hosts",
        ("the controller's processor time", found.percent, "% of one"),
        ("the controller's memory", found.rss_mib, "MiB"),
        (f"a rollout to {rolled.hosts:,} of them", rolled.seconds, "s"),
        ("the controller's processor time for each host of it", rolled.cpu_s / rolled.hosts * 1000, "ms"),
        ("lists, p95", percentile(lists, 0.95), "ms"),
        (f"the broker is away for {AWAY_S:g} s, settled after", stormed.settled_s, "s"),
        ("the controller's processor time for each host of that", stormed.cpu_s / count * 1000, "ms"),
        ("jobs lost or hosts shown as offline by that", stormed.lost + stormed.twice + stormed.offline, "", 0),
        ("telemetry straight into reception, samples committed each second", direct["rate"], "1/s"),
        ("the controller's processor time for one of these samples", direct["cpu_us"], "us"),
        ("this took", time.monotonic() - began, "s"),
    )  # fmt: skip
