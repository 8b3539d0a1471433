"""A rollout of one operation to 1,000 hosts in one wave, from the request to its end: every job is stored, signed, sent over a
real mosquitto, journalled and carried out by its host, and its signed answer checked and stored.
"""

import time
from dataclasses import dataclass
from typing import Any

from children import ChildFailed, cpu_s
from controller_process import Api, wait_until
from controller_site import BenchSite, bench_site
from plant import SITE
from rows import Row, median
from settings import Settings

HOSTS = 1000
WITHIN_S = 300.0
LOOK_S = 0.2
"""Looking costs the controller time of its own."""
OPERATION: dict[str, Any] = {"operation": "log-level", "body": {"level": "info", "ttl_s": 3600}}
"""A command like any other, which a host is done with at once."""


@dataclass(frozen=True, slots=True)
class RolledOut:
    """Seconds from the request to the end, and the controller's processor seconds meanwhile."""

    hosts: int
    seconds: float
    cpu_s: float


def run(settings: Settings) -> list[Row]:
    count = settings.count(HOSTS)
    with bench_site(count, measured=False) as site:
        found = [rolled_out(site, site.names) for _ in range(settings.runs)]
    return [
        Row("controller_rollout", f"one operation to {count:,} hosts in one wave, without telemetry",
            median([one.seconds for one in found]), "s", None, "<=", 15),
        Row("controller_rollout", "the controller's processor time for each of them",
            median([one.cpu_s for one in found]) / count * 1000, "ms"),
    ]  # fmt: skip


def rolled_out(site: BenchSite, hosts: tuple[str, ...]) -> RolledOut:
    """Roll the operation out to these hosts. Raises ChildFailed when it does not succeed on every one of them."""
    api, pid = site.controller.api, site.controller.pid
    used, began = cpu_s(pid), time.monotonic()
    named = [f"{SITE}/{host}" for host in hosts]
    made = api.post("/rollouts", {"name": "bench", "targets": {"hosts": named}, **OPERATION}, start=True)
    path = f"/rollouts/{made['id']}"
    wait_until(lambda: _over(api, path), WITHIN_S, "the rollout is over", every_s=LOOK_S)
    took = time.monotonic() - began
    ended = api.get(path)
    if ended["counts"] != {"succeeded": len(hosts)}:
        raise ChildFailed(f"the rollout is {ended['state']} ({ended['reason']}): {ended['counts']}")
    return RolledOut(len(hosts), took, cpu_s(pid) - used)


def _over(api: Api, path: str) -> bool:
    return api.get(path)["state"] not in ("draft", "running")
