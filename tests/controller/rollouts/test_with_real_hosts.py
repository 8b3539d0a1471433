"""Rollouts over hosts at a real mosquitto: real links, real jobs, hosts with the real executor. Fifty of them go on when the
controller is restarted and the connection is cut in the middle, and no host does it twice. Hosts that refuse stop it, a window holds
it back, a host that comes to match is taken in, and what a host did in time counts however late its word comes.
"""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from fake_host import FakeHost
from fleet_controller import ADMIN, AheadClock, Controller, by_mqtt, controller
from rollout_stage import Alarms, Log, People, Projects, order

from guestwire.controller.approvals.keeping import ApprovalKeeping
from guestwire.controller.fleet.people import HostWords
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.driver import JobDriver
from guestwire.controller.jobs.drives import Drives
from guestwire.controller.jobs.for_rollouts import JobsForRollouts
from guestwire.controller.jobs.job import NewJob
from guestwire.controller.jobs.ledger import Ledger
from guestwire.controller.jobs.orders import Orders
from guestwire.controller.jobs.risks import Risks
from guestwire.controller.jobs.service import Jobs
from guestwire.controller.jobs.window_book import WindowBook
from guestwire.controller.jobs.window_service import WindowService
from guestwire.controller.jobs.windows import DAYS, WindowSpec
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
from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.site.enrolment import SitePlan, create

if TYPE_CHECKING:
    from guestwire.broker_test.fixtures import ProxyFactory

COUNT = 50
NAMES = tuple(f"h{number:03d}" for number in range(COUNT))
SIX = tuple(HostRef("plant", name) for name in NAMES[:6])
REFUSES = GuestwireError("INTERNAL", "It does not want to.")


class Whole:
    """A controller with jobs and rollouts."""

    made: Controller
    rollouts: Rollouts
    jobs: Jobs
    windows: WindowService
    driver: JobDriver
    running: Running
    ledger: Ledger

    def pass_time(self, seconds):
        self.made.clock.ahead_s += seconds
        self.driver.look(job.id for job in self.ledger.all())
        self.running.wake()


@asynccontextmanager
async def whole(database, connection, clock=None):
    one = Whole()
    async with AsyncExitStack() as stack:
        made = one.made = await stack.enter_async_context(controller(database, [connection], clock))
        clock, log, view, book = made.clock, Log(), made.core.registry, WindowBook()
        approvals = ApprovalKeeping(database, made.links, made.feed, clock)
        ledger = one.ledger = await stack.enter_async_context(Ledger(database, made.feed, log, clock))
        drives = Drives(ledger, database, made.links, made.links, approvals, clock)
        driver = one.driver = JobDriver(ledger, drives, view, book, approvals, log, clock)
        orders = Orders(ledger, view, book, approvals, Risks(database, made.links), Reviewing(), clock)
        people, projects = People(), Projects()
        people.known[ADMIN.id] = ADMIN
        one.jobs = Jobs(database, people.access, ledger, driver, orders, approvals, clock)

        def ms():
            return clock().wall_ms

        making = Making(approvals, projects, ms)
        one.windows = WindowService(database, people.access, book, ledger, driver, made.feed, clock)
        gathering = Gathering(made.core.membership, view, book, people, making, projects)
        keeping = Keeping(database, JobsForRollouts(one.jobs, orders), making, ms)

        async def planned(rollout_id, target):
            await running.planned(rollout_id, target)

        planning = await stack.enter_async_context(Planning(projects, people, view, making, planned, ms))
        looking = Looking(database, gathering, making, planning, view, book, Alarms(), people)
        telling = Telling(made.feed, clock)
        running = one.running = Running(database, keeping, looking, telling, log, clock)
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


@pytest.fixture
async def six(layout, mosquitto_broker):
    """Hosts of a smaller fleet: the others are listed, and not there."""
    async with AsyncExitStack() as stack:
        found = {}
        for ref in SIX:
            host = found[ref.host] = FakeHost(layout, ref.host)
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

    try:
        async with asyncio.timeout(60):
            while not await look():
                await asyncio.sleep(0.02)
    except TimeoutError:
        targets = await one.rollouts.targets(ADMIN, rollout_id, (), None, None, COUNT)
        raise AssertionError((found, targets, one.ledger.all())) from None
    return found[0]


def effects(hosts):
    return {name: host.calls.count("log-level") for name, host in hosts.items()}


async def test_fifty_hosts_in_waves(any_database, layout, hosts, mosquitto_broker):
    async with whole(any_database, by_mqtt(layout, mosquitto_broker.port)) as one:
        await one.made.approve(*(HostRef("plant", name) for name in NAMES))
        waves = {"canary": {"count": 5}, "size": {"percent": 40}}
        made = await one.rollouts.create(ADMIN, order(waves=waves), start=True)
        end = await until(one, made.id, lambda now: now.state == "finished")
        assert (end.outcome, end.counts) == ("succeeded", {"succeeded": COUNT})
        assert [(wave.wave, wave.hosts) for wave in end.waves] == [(0, 5), (1, 20), (2, 20), (3, 5)]
        async with any_database.read() as tx:
            jobs = await job_rows.page(tx, job_rows.Wanted(rollout_id=made.id), None, 100)
        assert all(job.verified for job in jobs), "every result bears its host's signature"
    assert effects(hosts) == dict.fromkeys(NAMES, 1)


async def test_a_restart_and_a_cut_in_the_middle(
    any_database, layout, hosts, mosquitto_broker, fault_proxy: "ProxyFactory"
):
    proxy = await fault_proxy(mosquitto_broker.port)
    connection = by_mqtt(layout, proxy.port)
    refusing = NAMES[40]
    hosts[refusing].fail["log-level"] = GuestwireError("INTERNAL", "It does not want to.")
    async with whole(any_database, connection) as one:
        await one.made.approve(*(HostRef("plant", name) for name in NAMES))
        rollout = order(waves={"size": {"count": 10}}, soak_s=1, thresholds={"abort_count": 2})
        made = await one.rollouts.create(ADMIN, rollout, start=True)
        await until(one, made.id, lambda now: now.counts.get("succeeded", 0) >= 5)
        proxy.cut()
    async with whole(any_database, connection) as one:
        await until(one, made.id, lambda now: now.counts.get("succeeded", 0) >= 30)
    async with whole(any_database, connection) as one:
        end = await until(one, made.id, lambda now: now.state == "finished")
    assert (end.outcome, end.counts) == ("partly", {"succeeded": COUNT - 1, "failed": 1})
    assert effects(hosts) == dict.fromkeys(NAMES, 1), "no host did it twice"
    async with any_database.read() as tx:
        jobs = await job_rows.page(tx, job_rows.Wanted(rollout_id=made.id), None, 100)
    assert len(jobs) == COUNT


def to_six(**fields):
    """In waves of two, to six hosts."""
    fields = {"waves": {"size": {"count": 2}}, "targets": {"hosts": [str(ref) for ref in SIX]}} | fields
    return order(**fields)


async def begun(one, hosts, **fields):
    """A rollout to six, of which the first two refuse; nobody has been asked yet."""
    for name, host in hosts.items():
        host.calls.clear()
        host.fail = {"log-level": REFUSES} if name in NAMES[:2] else {}
    return (await one.rollouts.create(ADMIN, to_six(**fields), start=True)).id


async def test_hosts_that_refuse_stop_it(any_database, layout, six, mosquitto_broker):
    """It pauses, and goes on when somebody says so; or ends, and the rest is never asked; or comes no further than the canary."""
    half = {"success_percent": 50}
    async with whole(any_database, by_mqtt(layout, mosquitto_broker.port)) as one:
        await one.made.approve(*SIX)
        paused = await begun(one, six, thresholds=half | {"pause_count": 2})
        now = await until(one, paused, lambda now: now.state == "paused")
        assert (now.reason, now.counts) == ("2 of 2 hosts failed", {"failed": 2, "planned": 4})
        assert list(effects(six).values()) == [1, 1, 0, 0, 0, 0]
        await one.rollouts.resume(ADMIN, paused)
        end = await until(one, paused, lambda now: now.state == "finished")
        assert (end.outcome, end.counts) == ("partly", {"succeeded": 4, "failed": 2})
        assert list(effects(six).values()) == [1, 1, 1, 1, 1, 1]

        aborted = await begun(one, six, thresholds=half | {"abort_count": 2})
        end = await until(one, aborted, lambda now: now.state == "aborted")
        assert (end.reason, end.counts) == ("2 of 2 hosts failed", {"failed": 2, "canceled": 4})
        assert list(effects(six).values()) == [1, 1, 0, 0, 0, 0]

        canary = await begun(one, six, waves={"canary": {"hosts": [str(SIX[0])]}})
        now = await until(one, canary, lambda now: now.state == "paused")
        assert (now.wave, now.reason) == (0, "0 of 1 hosts of the canary succeeded, and 90 % are needed")
        assert list(effects(six).values()) == [1, 0, 0, 0, 0, 0]


def opening_soon(clock):
    """A window that opens with the next minute but a moment, and in how many seconds that is."""
    now = datetime.fromtimestamp(clock().wall_ms / 1000, UTC)
    opens = now.replace(second=0, microsecond=0) + timedelta(minutes=1 if now.second < 55 else 2)
    span = {"days": (DAYS[opens.weekday()],), "start": f"{opens:%H:%M}", "end": f"{opens + timedelta(hours=1):%H:%M}"}
    return WindowSpec.model_validate({"weekly": (span,)}), (opens - now).total_seconds()


async def test_a_window_holds_it_back_and_who_comes_to_match_is_taken_in(any_database, layout, six, mosquitto_broker):
    clock = AheadClock()
    clock.ahead_s = (
        40 - clock().wall_ms / 1000
    ) % 60  # not long before a window may open: who is there is still there then
    h1, h2, h3 = SIX[:3]
    async with whole(any_database, by_mqtt(layout, mosquitto_broker.port), clock) as one:
        await one.made.approve(*SIX)
        window, opens_in_s = opening_soon(clock)
        await one.windows.put(ADMIN, "soon", window, None)
        rollout = to_six(window="soon", targets={"hosts": [str(h1)]})
        held = (await one.rollouts.create(ADMIN, rollout, start=True)).id
        body = to_bytes(m.LogLevel(level="debug"))
        [job] = await one.jobs.create(ADMIN, [NewJob(h2, "log-level", body, 3_600_000, window="soon")])
        await until(one, held, lambda now: now.next_at is not None)
        assert one.ledger.get(job.id).state == "waiting-window"
        assert (await shown(one, held)).counts == {"planned": 1}
        assert not any(effects(six).values())
        one.pass_time(opens_in_s)
        end = await until(one, held, lambda now: now.state == "finished")
        assert end.counts == {"succeeded": 1}
        await until(one, held, lambda _: one.ledger.get(job.id) is None)  # the ledger has what goes on
        assert effects(six) == {ref.host: int(ref in (h1, h2)) for ref in SIX}

        await label(one, h3)
        rollout = order(mode="continuous", targets={"selection": "label.ring=line"})
        joined = (await one.rollouts.create(ADMIN, rollout, start=True)).id
        await until(one, joined, lambda now: now.counts == {"succeeded": 1})
        await label(one, SIX[3])
        one.running.wake()
        now = await until(one, joined, lambda now: now.counts == {"succeeded": 2})
        assert now.state == "running", "more may come"
        assert effects(six) == {ref.host: int(ref in SIX[:4]) for ref in SIX}


async def label(one, ref):
    before = await one.made.hosts.show(ADMIN, ref)
    await one.made.hosts.change(ADMIN, ref, HostWords(labels={"ring": "line"}), before.revision)


async def test_a_late_result_wins(any_database, layout, six, mosquitto_broker, fault_proxy: "ProxyFactory"):
    """The host did it in time, and nothing of that came back before the deadline."""
    proxy = await fault_proxy(mosquitto_broker.port)
    async with whole(any_database, by_mqtt(layout, proxy.port)) as one:
        await one.made.approve(SIX[0])
        proxy.drop("down")
        rollout = to_six(targets={"hosts": [str(SIX[0])]}, deadline_s=10)
        late = (await one.rollouts.create(ADMIN, rollout, start=True)).id
        await until(one, late, lambda now: effects(six)[NAMES[0]] == 1 and now.counts == {"sent": 1})
        one.pass_time(10)
        end = await until(one, late, lambda now: now.state == "finished")
        assert (end.outcome, end.counts) == ("failed", {"overdue": 1})
        async with any_database.read() as tx:
            [job] = await job_rows.page(tx, job_rows.Wanted(rollout_id=late), None, 2)
        assert (job.state, job.verified) == ("overdue", False)
        proxy.heal()
        proxy.cut()  # the broker gives again what it could not
        end = await until(one, late, lambda now: now.outcome == "succeeded")
        assert (end.state, end.counts) == ("finished", {"succeeded": 1})
        async with any_database.read() as tx:
            [job] = await job_rows.page(tx, job_rows.Wanted(rollout_id=late), None, 2)
        assert (job.state, job.verified) == ("succeeded", True), "with the host's signature"
        assert effects(six)[NAMES[0]] == 1
