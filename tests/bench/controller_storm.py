"""The worst that befalls a whole site at once, with jobs under way: the broker is killed and comes back with nothing, and the
controller is killed and started again.

It has settled when every host has been heard anew, is shown as there, and every job that was given while it lasted has
ended. No job may be lost, none carried out twice, and no host shown as offline that is there the whole time.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
from children import ChildFailed, cpu_s
from controller_process import wait_until
from controller_rollout import OPERATION
from controller_site import AWAY_S, BenchSite, bench_site, lose_broker, states_of
from plant import SITE
from rows import Row, said_of
from settings import Settings

from guestwire.link import mqtt5
from guestwire.link.invoke import Caller, caller
from guestwire.link.transport import Options
from guestwire.protocol.operation_models import JobQuery
from guestwire.protocol.operations import BY_NAME

HOSTS = 2000
GIVEN_EVERY_S = 0.5
GIVEN_AT_ONCE = 10
MOST_GIVEN = 300
LOOK_S = 0.2
WITHIN_S = 180.0
DEADLINE_S = 600
ENDED = frozenset({"succeeded", "failed", "canceled", "timed-out", "rejected", "indeterminate", "rolled-back"})


@dataclass(frozen=True, slots=True)
class Storm:
    """What came of one. `settled_s`: since what was away came back. `lost`: jobs that did not succeed; `twice`: those that a host
    carried out more than once, or another number than was given; `offline`: the most hosts that were shown as offline; `cpu_s`: the
    controller's processor seconds until all had settled."""

    settled_s: float
    given: int
    lost: int
    twice: int
    offline: int
    cpu_s: float


def run(settings: Settings) -> list[Row]:
    with bench_site(settings.count(HOSTS)) as site:
        return [
            *rows(site, f"the broker is killed and back after {AWAY_S:g} s", storm(site, lambda: lose_broker(site))),
            *rows(site, "the controller is killed and started again", storm(site, lambda: _controller(site))),
        ]


def rows(site: BenchSite, what: str, found: Storm) -> list[Row]:
    return said_of(
        "controller_storm", f"{len(site.names):,} hosts, {what}",
        ("settled after", found.settled_s, "s", 60),
        (f"of {found.given} jobs given meanwhile lost", found.lost, "", 0),
        ("of them not carried out once", found.twice, "", 0),
        ("hosts shown as offline at once", found.offline, "", 0),
        ("the controller's processor time for each host until then", found.cpu_s / len(site.names) * 1000, "ms"),
    )  # fmt: skip


def storm(site: BenchSite, strike: Callable[[], None]) -> Storm:
    """Give jobs, strike, and wait until all is well again. `strike` returns when what it took away is back."""
    wait_until(site.online, WITHIN_S, "every host is online before the storm")
    counted = asyncio.run(_carried_out(site, site.names[:MOST_GIVEN]))
    watch = _Watch(site)
    with watch:
        time.sleep(1.0)
        watch.forget_heard()
        strike()
        back, used = time.monotonic(), cpu_s(site.controller.pid)
        wait_until(lambda: watch.all_heard, WITHIN_S, "every host is heard anew, and online")
        watch.give_no_more()
        wait_until(watch.all_ended, WITHIN_S, "every job has ended")
        settled_s, used = time.monotonic() - back, cpu_s(site.controller.pid) - used
    again = asyncio.run(_carried_out(site, site.names[:MOST_GIVEN]))
    states = watch.ends()
    twice = sum(again[host] - counted[host] != watch.of(host) for host in counted)
    return Storm(settled_s, len(states), sum(state != "succeeded" for state in states), twice, watch.offline, used)


def _controller(site: BenchSite) -> None:
    site.controller.kill()
    site.controller.start()


class _Watch:
    """Gives jobs and looks at the hosts, in a thread of its own, while its block lasts. What the controller does not take while
    it is away was never given."""

    def __init__(self, site: BenchSite) -> None:
        self._site = site
        self._jobs: dict[str, str] = {}
        self._giving = True
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storm-watch")
        self._heard_before: dict[str, float] = {}
        self._heard: dict[str, float] = {}
        self.offline = 0
        self.online = False

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def of(self, host: str) -> int:
        """How many jobs were given for a host."""
        return sum(name == host for name in self._jobs.values())

    def forget_heard(self) -> None:
        """From now on what hosts say counts."""
        self._heard_before = dict(self._heard)

    @property
    def all_heard(self) -> bool:
        """Whether what was heard since is a presence and a report of every host, and all are online."""
        count = len(self._site.names)
        kinds = ('statements_heard_total{kind="presence"}', 'statements_heard_total{kind="reported"}')
        return self.online and all(self._since(kind) >= count for kind in kinds)

    def _since(self, kind: str) -> float:
        return self._heard.get(kind, 0) - self._heard_before.get(kind, 0)

    def _hear(self, own: dict[str, float]) -> None:
        heard = {name: value for name, value in own.items() if name.startswith("statements_heard")}
        if sum(heard.values()) < sum(self._heard.values()):
            self._heard_before = {}  # a controller that was started anew counts from nothing
        self._heard = heard

    def give_no_more(self) -> None:
        self._giving = False

    def all_ended(self) -> bool:
        with suppress(httpx.HTTPError):
            return self._over.is_set() or all(state in ENDED for state in self.ends())
        return False

    def ends(self) -> list[str]:
        """The states of all jobs that were given."""
        found = {
            job["id"]: job["state"]
            for job in self._site.controller.api.every("/jobs", operation=OPERATION["operation"])
        }
        return [found.get(job, "gone") for job in self._jobs]

    def _run(self) -> None:
        given_at = 0.0
        while not self._over.wait(LOOK_S):
            with suppress(httpx.HTTPError):
                own = self._site.controller.own()
                self._hear(own)
                states = states_of(own)
                self.offline = max(self.offline, states.get("offline", 0))
                self.online = states.get("online", 0) == len(self._site.names)
                if self._giving and time.monotonic() - given_at >= GIVEN_EVERY_S and len(self._jobs) < MOST_GIVEN:
                    given_at = time.monotonic()
                    self._give()

    def _give(self) -> None:
        names = self._site.names[:MOST_GIVEN]
        hosts = [names[(len(self._jobs) + n) % len(names)] for n in range(GIVEN_AT_ONCE)]
        wanted: dict[str, Any] = {"hosts": [f"{SITE}/{host}" for host in hosts], "deadline_s": DEADLINE_S, **OPERATION}
        for job in self._site.controller.api.post("/jobs", wanted)["items"]:
            self._jobs[job["id"]] = job["host"].partition("/")[2]


async def _carried_out(site: BenchSite, hosts: Sequence[str]) -> dict[str, int]:
    """How many such jobs each host has carried out, by its own journal."""
    options = Options("127.0.0.1", site.broker.port, "admin", clean_start=True)
    async with caller(site.plant.invoker("admin"), lambda: options, mqtt5.connect) as link:
        gate = asyncio.Semaphore(20)
        counts = await asyncio.gather(*(_of_host(link, host, gate) for host in hosts))
        return dict(zip(hosts, counts, strict=True))


async def _of_host(link: Caller, host: str, gate: asyncio.Semaphore) -> int:
    async with gate:
        row = BY_NAME["job-list"]
        jobs = (await link.call(host, row, JobQuery(limit=200), timeout_s=60)).reply.jobs
        if any(job.operation == OPERATION["operation"] and job.state not in ENDED for job in jobs):
            raise ChildFailed(f"{host} has not ended all its jobs")
        return sum(job.operation == OPERATION["operation"] for job in jobs)
