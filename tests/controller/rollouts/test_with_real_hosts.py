"""A rollout over fifty hosts at a real mosquitto: real links, real jobs, hosts with the real executor. It goes on when the
controller is restarted and the connection is cut in the middle, and no host does it twice.
"""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from fake_host import FakeHost
from fleet_controller import ADMIN, Controller, by_mqtt, controller
from rollout_stage import Alarms, Log, People, Projects, Selections, order

from guestwire.controller.approvals.keeping import ApprovalKeeping
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.driver import JobDriver
from guestwire.controller.jobs.drives import Drives
from guestwire.controller.jobs.for_rollouts import JobsForRollouts
from guestwire.controller.jobs.ledger import Ledger
from guestwire.controller.jobs.orders import Orders
from guestwire.controller.jobs.risks import Risks
from guestwire.controller.jobs.service import Jobs
from guestwire.controller.jobs.window_book import WindowBook
from guestwire.controller.projects.reviewing import Reviewing
from guestwire.controller.rollouts.gathering import Gathering
from guestwire.controller.rollouts.keeping import Keeping
from guestwire.controller.rollouts.looking import Looking
from guestwire.controller.rollouts.making import Making
from guestwire.controller.rollouts.planning import Planning
from guestwire.controller.rollouts.running import Running
from guestwire.controller.rollouts.service import Rollouts
from guestwire.controller.rollouts.telling import Telling
from guestwire.controller.store import jobs as job_rows
from guestwire.model.errors import GuestwireError
from guestwire.site.enrolment import SitePlan, create

if TYPE_CHECKING:
    from guestwire.broker_test.fixtures import ProxyFactory

COUNT = 50
NAMES = tuple(f"h{number:03d}" for number in range(COUNT))


class Whole:
    """A controller with jobs and rollouts."""

    made: Controller
    rollouts: Rollouts
    jobs: Jobs


@asynccontextmanager
async def whole(database, kept, connection):
    one = Whole()
    async with AsyncExitStack() as stack:
        made = one.made = await stack.enter_async_context(controller(database, kept, [connection]))
        clock, log, view, book = made.clock, Log(), made.core.registry, WindowBook()
        approvals = ApprovalKeeping(database, made.links, made.feed, clock)
        ledger = await stack.enter_async_context(Ledger(database, made.feed, log, clock))
        drives = Drives(ledger, database, made.links, made.links, approvals, clock)
        driver = JobDriver(ledger, drives, view, book, approvals, log, clock)
        orders = Orders(ledger, view, book, approvals, Risks(database, made.links), Reviewing(), clock)
        people, projects = People(), Projects()
        people.known[ADMIN.id] = ADMIN
        one.jobs = Jobs(database, people.access, ledger, driver, orders, approvals, clock)

        def ms():
            return clock().wall_ms

        making = Making(people, approvals, projects, ms)
        gathering = Gathering(Selections(), view, book, people, making, projects)
        keeping = Keeping(database, JobsForRollouts(one.jobs, orders), making, ms)

        async def planned(rollout_id, target):
            await running.planned(rollout_id, target)

        planning = await stack.enter_async_context(Planning(projects, people, view, making, planned, ms))
        looking = Looking(database, gathering, making, planning, view, book, Alarms(), people)
        telling = Telling(made.feed, clock)
        running = Running(database, keeping, looking, telling, log, clock)
        one.rollouts = Rollouts(database, keeping, running, gathering, telling, people.access, clock)
        ledger.listen(running)
        made.core.registry.arrivals.append(driver)
        await stack.enter_async_context(driver)
        await stack.enter_async_context(running)
        yield one
        assert not [said for said in log.said if "defect" in said[0]], log.said


@pytest.fixture
def layout(tmp_path):
    return create(tmp_path / "site", SitePlan("plant", hosts=NAMES, operators=("admin",)), time.time_ns() // 1_000_000)


@pytest.fixture
async def hosts(layout, mosquitto_broker):
    async with AsyncExitStack() as stack:
        found = {}
        for name in NAMES:
            host = found[name] = FakeHost(layout, name)
            await host.serve(stack, mosquitto_broker.port, None)
        yield found


async def shown(one, rollout_id):
    return await one.rollouts.show(ADMIN, rollout_id)


async def until(one, rollout_id, holds):
    """The rollout as soon as that is so."""
    found = []

    async def look():
        found[:] = [await shown(one, rollout_id)]
        return holds(found[0])

    async with asyncio.timeout(60):
        while not await look():
            await asyncio.sleep(0.02)
    return found[0]


def effects(hosts):
    return {name: host.calls.count("log-level") for name, host in hosts.items()}


async def test_fifty_hosts_in_waves(any_database, tmp_path, layout, hosts, mosquitto_broker):
    async with whole(any_database, tmp_path, by_mqtt(layout, mosquitto_broker.port)) as one:
        await one.made.approve(*(HostRef("plant", name) for name in NAMES))
        waves = {"canary": {"count": 5}, "size": {"percent": 40}}
        made = await one.rollouts.create(ADMIN, order(waves=waves), start=True)
        end = await until(one, made.id, lambda now: now.state == "finished")
        assert (end.outcome, end.counts) == ("succeeded", {"succeeded": COUNT})
        assert [(wave.wave, wave.hosts) for wave in end.waves] == [(0, 5), (1, 20), (2, 20), (3, 5)]
        async with any_database.read() as tx:
            jobs = await job_rows.of_rollout(tx, made.id)
        assert all(job.verified for job in jobs), "every result bears its host's signature"
    assert effects(hosts) == dict.fromkeys(NAMES, 1)


async def test_a_restart_and_a_cut_in_the_middle(
    any_database, tmp_path, layout, hosts, mosquitto_broker, fault_proxy: "ProxyFactory"
):
    proxy = await fault_proxy(mosquitto_broker.port)
    connection = by_mqtt(layout, proxy.port)
    refusing = NAMES[40]
    hosts[refusing].fail["log-level"] = GuestwireError("INTERNAL", "It does not want to.")
    async with whole(any_database, tmp_path, connection) as one:
        await one.made.approve(*(HostRef("plant", name) for name in NAMES))
        rollout = order(waves={"size": {"count": 10}}, soak_s=1, thresholds={"abort_count": 2})
        made = await one.rollouts.create(ADMIN, rollout, start=True)
        await until(one, made.id, lambda now: now.counts.get("succeeded", 0) >= 5)
        proxy.cut()
    async with whole(any_database, tmp_path, connection) as one:
        await until(one, made.id, lambda now: now.counts.get("succeeded", 0) >= 30)
    async with whole(any_database, tmp_path, connection) as one:
        end = await until(one, made.id, lambda now: now.state == "finished")
    assert (end.outcome, end.counts) == ("partly", {"succeeded": COUNT - 1, "failed": 1})
    assert effects(hosts) == dict.fromkeys(NAMES, 1), "no host did it twice"
    async with any_database.read() as tx:
        jobs = await job_rows.of_rollout(tx, made.id)
    assert len(jobs) == COUNT
