"""A whole agent and its guestwire-comm: a small one in memory, and the real process. What is asked of the one is answered by
the other, and what happens there is heard here."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from comm_process import CommProcess, Peer
from comm_twin import CommTwin
from site_files import SiteFiles, site_files
from test_host_agent import by_broker, by_socket, serving

from guestwire.link.invoke import Caller
from guestwire.link.memory import MemoryBroker
from guestwire.link.transport import Subscription
from guestwire.model.areas import MemoryArea
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.model.guest import ReadyWhen
from guestwire.protocol import comm_models as w
from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m
from guestwire.protocol import topics
from guestwire.protocol.notices import MODELS, Notice
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.statements import read
from guestwire.protocol.trust import Trust

AREA = MemoryArea(name="m", size=1000, default_access="RW--")
EVENT = Event(name="go", signal=("REMOTE",), wait=("REMOTE", "HOST", "rtlinux"))
SECRET = Event(name="secret", signal=("HOST",), wait=("HOST",))


@dataclass
class Services:
    """A guestwire-comm that can go and come again. `says_ready`: a guest says that it is at work."""

    dir: Path
    start: Callable[[], Any]
    kill: Callable[[], Any]
    says_ready: Callable[[str], Any]
    twin: CommTwin | None = None


@pytest.fixture
def folder() -> Any:
    """A short path: names of sockets are."""
    with tempfile.TemporaryDirectory(prefix="gw-") as made:
        yield Path(made)


@asynccontextmanager
async def in_memory(folder: Path) -> AsyncIterator[Services]:
    async with CommTwin(folder) as twin:

        async def ready(name: str) -> None:
            twin.happen("ready", guest=name)

        yield Services(folder, twin.start, twin.stop, ready, twin)


@asynccontextmanager
async def as_process(folder: Path) -> AsyncIterator[Services]:
    comm = CommProcess(folder)
    peers: list[Peer] = []

    async def ready(name: str) -> None:
        peer = Peer(comm.attach, name)
        peers.append(peer)
        await asyncio.to_thread(peer.hello)
        await asyncio.to_thread(peer.call, "READY")

    await comm.start()
    try:
        yield Services(comm.dir, comm.start, comm.kill, ready)
    finally:
        for peer in peers:
            peer.close()
        await comm.end()


@pytest.fixture(params=["memory", "process"])
async def services(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Services]:
    async with (in_memory if request.param == "memory" else as_process)(folder) as made:
        yield made


@pytest.fixture
async def twin(folder: Path) -> AsyncIterator[CommTwin]:
    async with CommTwin(folder) as made:
        yield made


@pytest.fixture
def site(tmp_path: Path) -> SiteFiles:
    return site_files(tmp_path, os.getuid())


@dataclass
class Agent:
    """An agent that serves, a way to it on the host and one from afar, and the notices it gives."""

    local: Caller
    remote: Caller
    heard: Any
    trusted: Trust

    async def ask(self, operation: str, request: Any = None, *, via: Caller | None = None) -> Any:
        call = (via or self.remote).call("h1", BY_NAME[operation], request or m.Empty(), timeout_s=20)
        return (await call).reply

    async def apply(self, **changes: Any) -> None:
        shown = await self.ask("config-show", c.ConfigRef())
        wanted: Desired = shown.desired.model_copy(update={"base_revision": None, **changes})
        digest = content_hash(wanted)
        plan = await self.ask("config-plan", c.ConfigPlan(desired=wanted, hash=digest))
        await self.ask(
            "config-apply",
            c.ConfigApply(desired=wanted, hash=digest, plan_id=plan.plan_id, base_revision=plan.base_revision),
        )

    async def next(self, kind: str, **fields: Any) -> Notice:
        """The next notice of a class with these values."""
        async with asyncio.timeout(10):
            while True:
                message = await self.heard.next()
                assert message is not None
                topic = topics.parse(message.topic)
                assert topic is not None
                if topic["class"] != kind:
                    continue
                statement = read(message.payload, self.trusted, "plant", "host:h1", "notice", None)
                notice: Notice = statement.read(MODELS[kind])  # type: ignore[index]
                if all(getattr(notice, name) == value for name, value in fields.items()):
                    return notice


@asynccontextmanager
async def agent(site: SiteFiles, comm: Path | None) -> AsyncIterator[Agent]:
    broker = MemoryBroker()
    flags = {} if comm is None else {"comm__dir": str(comm)}
    async with AsyncExitStack() as stack:
        remote = await stack.enter_async_context(by_broker(site, broker))
        every = Subscription(topics.topic_filter("notice", site="plant"))
        heard = await stack.enter_async_context(remote.watch(every))
        await stack.enter_async_context(serving(site, broker, **flags))
        local = await stack.enter_async_context(by_socket(site))
        yield Agent(local, remote, heard, Trust(site.document))


async def refused(work: Any) -> GuestwireError:
    with pytest.raises(GuestwireError) as err:
        await work
    return err.value


async def test_what_is_asked_of_the_agent_is_answered_by_the_services(site: SiteFiles, services: Services) -> None:
    async with agent(site, services.dir) as host:
        await host.apply(areas=(AREA,), events=(EVENT, SECRET))
        status = await host.ask("comm-status")
        assert status.state == "running"
        assert status.document_hash
        assert (await host.ask("event-show", w.NameRef(name="go"))).name == "go"
        assert (await host.ask("event-signal", w.NameRef(name="go"))).name == "go"
        assert (await refused(host.ask("event-show", w.NameRef(name="none")))).code == "NOT-FOUND"


async def test_one_who_waits_for_an_event_keeps_nobody_waiting(site: SiteFiles, services: Services) -> None:
    async with agent(site, services.dir) as host:
        await host.apply(events=(EVENT,))
        if services.twin is not None:
            services.twin.hold["event-wait"] = asyncio.Event()
        waiting = asyncio.create_task(host.ask("event-wait", w.EventWait(names=("go",), timeout_s=60)))
        view = await host.ask("guest-start", m.GuestStart(guest="rtlinux"))
        assert view.status.state in ("running", "ready")
        await host.ask("event-signal", w.NameRef(name="go"))
        if services.twin is not None:
            services.twin.hold["event-wait"].set()
        assert (await waiting).name == "go"


async def test_guests_with_communication_start_only_where_it_is(site: SiteFiles, services: Services) -> None:
    async with agent(site, services.dir) as host:
        await host.apply(areas=(AREA,))
        await services.kill()
        error = await refused(host.ask("guest-start", m.GuestStart(guest="rtlinux")))
        assert error.code == "COMM-NOT-STARTED"
        assert (await refused(host.ask("area-list"))).code == "COMM-NOT-STARTED"
        await host.ask("guest-start", m.GuestStart(guest="linux1"))
        await services.start()
        assert (await host.ask("guest-start", m.GuestStart(guest="rtlinux"))).status.state == "running"


async def test_a_guest_is_ready_when_it_says_so(site: SiteFiles, services: Services) -> None:
    async with agent(site, services.dir) as host:
        shown = await host.ask("config-show", c.ConfigRef())
        guests = tuple(
            guest.model_copy(update={"ready_when": ReadyWhen(by="heartbeat")}) if guest.name == "rtlinux" else guest
            for guest in shown.desired.guests
        )
        await host.apply(guests=guests)
        starting = asyncio.create_task(host.ask("guest-start", m.GuestStart(guest="rtlinux", wait="ready")))
        await host.next("guest", name="rtlinux", state="running")
        await services.says_ready("rtlinux")
        assert (await starting).status.state == "ready"
        await host.next("comm", event="ready", guest="rtlinux")


async def test_services_that_went_and_came_again_are_told(site: SiteFiles, services: Services) -> None:
    async with agent(site, services.dir) as host:
        await host.apply(areas=(AREA,))
        await services.kill()
        await host.next("comm", event="state", level="warning")
        await host.next("config", event="drifted", text="communication.state")
        await services.start()
        await host.next("config", event="in_sync")
        shown = await host.ask("config-show", c.ConfigRef())
        assert (shown.state, shown.drift) == ("in_sync", ())
        assert (await host.ask("area-list")).areas or services.twin is not None


async def test_services_that_somebody_stopped_are_drift_at_once(site: SiteFiles, services: Services) -> None:
    async with agent(site, services.dir) as host:
        await host.apply(areas=(AREA,))
        await host.ask("comm-stop", w.CommStop())
        await host.next("config", event="drifted", text="communication.state")
        assert (await refused(host.ask("guest-start", m.GuestStart(guest="rtlinux")))).code == "COMM-NOT-STARTED"
        await host.ask("comm-start")
        await host.next("config", event="in_sync")


async def test_what_happens_is_told_by_what_it_is(site: SiteFiles, twin: CommTwin, folder: Path) -> None:
    async with agent(site, folder) as host:
        twin.happen("denied", guest="b", name="secret", code="COMM-DENIED", text="open", level="warning", count=3)
        told = await host.next("comm", event="denied", guest="b", count=3)
        assert told.name == "secret"  # type: ignore[attr-defined]
        await host.next("audit", event="denied", client="b", code="COMM-DENIED", count=3)
        twin.happen("throttled", guest="b", code="COMM-THROTTLED", level="warning")
        await host.next("alarm", event="comm-throttled", code="COMM-THROTTLED")
        twin.happen("log", guest="a", text="hello", truncated=True)
        await host.next("comm", event="log", guest="a", text="hello", truncated=True)
        twin.drop(7)
        await host.next("comm", event="missed", count=7)
        messages = (await host.ask("message-list", m.MessageQuery())).messages
        assert any(one.event == "communication: log" and one.fields["text"] == "hello" for one in messages)


async def test_a_degraded_state_is_an_alarm_that_names_the_guests(
    site: SiteFiles, twin: CommTwin, folder: Path
) -> None:
    twin.state, twin.stranded = "degraded", (w.Stranded(guest="old", remedy="restart it"),)
    async with agent(site, folder) as host:
        alarm = await host.next("alarm", event="comm-degraded", remedy="restart it")
        assert "old" in alarm.text
        await host.apply(areas=(AREA,))


async def test_what_may_not_run_twice_and_was_not_answered_is_in_doubt(
    site: SiteFiles, twin: CommTwin, folder: Path
) -> None:
    async with agent(site, folder) as host:
        await host.apply(events=(EVENT,))
        twin.hold["event-signal"] = asyncio.Event()
        asked = asyncio.create_task(host.ask("event-signal", w.NameRef(name="go")))
        async with asyncio.timeout(5):
            while not any(name == "event-signal" for name, _ in twin.issuers):
                await asyncio.sleep(0.001)
        await twin.stop()
        assert (await refused(asked)).code == "INDETERMINATE"
        await twin.start()


async def test_services_hear_for_whom_they_are_asked(site: SiteFiles, twin: CommTwin, folder: Path) -> None:
    async with agent(site, folder) as host:
        await host.apply(events=(EVENT,))
        await host.ask("event-signal", w.NameRef(name="go"))
        await host.ask("event-signal", w.NameRef(name="go"), via=host.local)
        asked = [issuer for name, issuer in twin.issuers if name == "event-signal"]
        assert asked == ["operator:anna", f"local:{os.getuid()}"]


async def test_a_guest_that_reboots_is_forgotten_there(site: SiteFiles, twin: CommTwin, folder: Path) -> None:
    async with agent(site, folder) as host:
        await host.ask("guest-start", m.GuestStart(guest="rtlinux"))
        await host.ask("guest-reset", m.GuestRef(guest="rtlinux"))
        async with asyncio.timeout(5):
            while twin.resets != ["rtlinux"]:
                await asyncio.sleep(0.001)


async def resumed(hypervisor: Any, uuid: str) -> None:
    await hypervisor.pause(uuid)
    await hypervisor.resume(uuid)


async def reconnected(hypervisor: Any, _uuid: str) -> None:
    hypervisor.lose_connection()
    hypervisor.restore_connection()


@pytest.mark.parametrize("happens", [resumed, reconnected])
async def test_a_guest_that_comes_on_without_our_doing_gets_its_areas(
    site: SiteFiles, twin: CommTwin, folder: Path, happens: Callable[[Any, str], Any]
) -> None:
    """Somebody else turned it on, or did so while the hypervisor was away."""
    async with serving(site, comm__dir=str(folder)) as host, by_socket(site) as local:
        await Agent(local, local, None, Trust(site.document)).ask("guest-start", m.GuestStart(guest="rtlinux"))
        hypervisor: Any = host.guests._driver
        uuid = host.guests.table.find("rtlinux").uuid
        had = hypervisor.plugged(uuid)
        assert had

        def looked(since: int = 0) -> int:
            return [operation for operation, _ in twin.issuers[since:]].count("comm-plugs")

        async with asyncio.timeout(10):
            while looked() < 2:  # for the start, and because it is on: a look under way would do what is to be seen
                await asyncio.sleep(0.001)
            asked = len(twin.issuers)
            hypervisor._guests.get(uuid).plugs = ()
            await happens(hypervisor, uuid)
            while hypervisor.plugged(uuid) != had or not looked(asked):
                await asyncio.sleep(0.001)


async def test_a_wait_can_be_cancelled(site: SiteFiles, twin: CommTwin, folder: Path) -> None:
    async with agent(site, folder) as host:
        twin.hold["event-wait"] = asyncio.Event()
        asked = asyncio.create_task(host.ask("event-wait", w.EventWait(names=("go",), timeout_s=500)))
        async with asyncio.timeout(5):
            while not any(name == "event-wait" for name, _ in twin.issuers):
                await asyncio.sleep(0.001)
        (job,) = [one for one in (await host.ask("job-list", m.JobQuery())).jobs if one.operation == "event-wait"]
        await host.ask("job-cancel", m.JobRef(request_id=job.request_id, issuer=job.issuer))
        assert not asked.done(), "what is asked now is heard to its end: an event may be in it"
        twin.fail["event-wait"] = GuestwireError("COMM-LOST")
        twin.hold["event-wait"].set()
        assert (await refused(asked)).code == "CANCELED"


async def test_without_services_everything_of_theirs_is_refused(site: SiteFiles) -> None:
    async with agent(site, None) as host:
        for operation, request in (("area-list", m.Empty()), ("event-signal", w.NameRef(name="go"))):
            assert (await refused(host.ask(operation, request))).code == "COMM-UNAVAILABLE"
        assert (await host.ask("guest-start", m.GuestStart(guest="rtlinux"))).status.state == "running"
