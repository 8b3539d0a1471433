"""A host on paper that has a series of every metric of the catalogue, shown by the controller's own exposition."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Final

from fastapi import FastAPI

from guestwire.controller.api import exposition as api
from guestwire.controller.fleet import exposed_states
from guestwire.controller.fleet.registry import Known
from guestwire.controller.host_ref import HostRef
from guestwire.controller.own_metrics import OwnMetrics
from guestwire.controller.serving import serving
from guestwire.controller.store.series_rows import SeriesRow
from guestwire.controller.store.telemetry_hosts import HostRow
from guestwire.controller.telemetry import exposition
from guestwire.controller.telemetry.series import KnownSeries, Pace
from guestwire.controller.text_format import Which
from guestwire.protocol.metrics import BY_NAME, METRICS, series_text

HOST: Final = HostRef("paper", "sheet")
VALUES: Final = {
    "mode": ("user", "nice", "system", "guest", "irq", "softirq", "steal", "iowait", "idle"),
    "le": ("0.1", "1", "+Inf"), "window": ("1m", "5m", "15m"), "resource": ("cpu", "memory", "io", "irq"),
    "stall": ("some", "full"), "class": ("audit", "alarm", "notice", "metric"), "page_bytes": ("2097152", "1073741824"),
    "node": ("0", "1"), "vcpu": ("0", "1"), "cpu": ("0", "1"), "tier": ("fast", "normal", "slow"), "kind": ("rt",),
    "result": ("hit", "miss", "foreign", "local", "other"),
}  # fmt: skip
"""What labels say; one that is not here says `one`."""
OF_ONE: Final = {
    ("guestwire_guest_state", "state"): ("running", "crashed"),
    ("guestwire_host_processes", "state"): ("running", "blocked"),
    ("guestwire_agent_lanes", "state"): ("running", "waiting", "hung"),
    ("guestwire_cpu_interrupts_total", "kind"): ("device", "timer"),
}  # fmt: skip
"""What they say in one metric."""


def paper() -> KnownSeries:
    """All series, of which none has a value."""
    known = KnownSeries()
    known.put_host(HostRow(1, HOST, 0, 0, 0, 0))
    number = 0
    for row in METRICS:
        some = [OF_ONE.get((row.name, label), VALUES.get(label, ("one",))) for label in row.labels]
        for values in product(*some):
            number += 1
            known.put(
                SeriesRow(number, 1, series_text(row.name, dict(zip(row.labels, values, strict=True))), row.kind, 0)
            )
    return known


def move(known: KnownSeries, now_ms: int, value: float) -> None:
    """Every series has this value now; what is a state holds."""
    host = known.hosts[HOST]
    for tier in exposition.FRESH_MS:
        host.paces[tier] = Pace(now_ms, now_ms)
    for series in known.by_id.values():
        series.time = now_ms
        series.value = 1.0 if BY_NAME[series.name].unit == "state" else value


@asynccontextmanager
async def paper_page(clock_ms: Callable[[], int]) -> AsyncIterator[str]:
    """Serves the page while the block lasts; gives its address. Every counter grows by one in a second."""
    known, began = paper(), clock_ms()
    standing = Known(HOST, "approved", listed=True)
    standing.state = "online"

    def series(which: Which) -> Iterator[str]:
        now_ms = clock_ms()
        move(known, now_ms, 1 + (now_ms - began) / 1000)
        return exposition.pieces(known, lambda ref: True, now_ms, which)

    def states(which: Which) -> Iterator[str]:
        return exposed_states.pieces([standing], which)

    application = FastAPI()
    application.include_router(api.router(OwnMetrics([]), [series, states], lambda: None))
    async with serving(application, ("127.0.0.1", 0)) as url:
        yield url
