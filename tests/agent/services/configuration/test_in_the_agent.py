"""Applies inside a whole agent: lanes against other commands, signatures, and the confirmation over the broker."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
from site_files import SiteFiles, site_files

from guestwire.agent import compose
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.host_agent import RunningHost, host_agent
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.services.ports import Drivers
from guestwire.link.invoke import Caller, caller
from guestwire.link.local_client import LocalConnect
from guestwire.link.memory import MemoryBroker
from guestwire.link.transport import Options
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.protocol import config_models as c
from guestwire.protocol import ids
from guestwire.protocol import operation_models as m
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.trust import Trust


class Gate:
    """The Guests port of a host: `define` of one guest waits while the gate is shut."""

    def __init__(self, inner: object) -> None:
        self._inner = inner
        self.name = ""
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def shut(self, name: str) -> None:
        self.name = name
        self.reached.clear()
        self.opened.clear()

    async def define(self, guest: Guest, pins: Any = None) -> Any:
        if guest.name == self.name:
            self.reached.set()
            await self.opened.wait()
        return await cast("SimulatedHost", self._inner).define(guest, pins)


@dataclass
class Served:
    """An agent and two ways to it."""

    host: RunningHost
    gate: Gate
    local: Caller
    remote: Caller | None

    async def ask(
        self, operation: str, request: Any, *, via: Caller | None = None, request_id: bytes | None = None
    ) -> Any:
        options = {} if request_id is None else {"request_id": request_id}
        done = await (via or self.local).call("h1", BY_NAME[operation], request, timeout_s=20, **options)
        return done.reply

    async def document(self) -> Desired:
        shown = await self.ask("config-show", c.ConfigRef())
        return cast("Desired", shown.desired.model_copy(update={"base_revision": None}))

    async def planned(self, wanted: Desired, **options: Any) -> c.ConfigApply:
        digest = content_hash(wanted)
        plan = await self.ask("config-plan", c.ConfigPlan(desired=wanted, hash=digest))
        return c.ConfigApply(
            desired=wanted, hash=digest, plan_id=plan.plan_id, base_revision=plan.base_revision, **options
        )


@pytest.fixture
def site(tmp_path: Path) -> SiteFiles:
    return site_files(tmp_path, os.getuid())


@asynccontextmanager
async def serving(site: SiteFiles, broker: MemoryBroker | None = None) -> AsyncIterator[Served]:
    settings = site.settings(simulated__guests="3")
    async with AsyncExitStack() as stack:
        settings.host.state_dir.mkdir(exist_ok=True)
        speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=False)
        drivers: Drivers = await stack.enter_async_context(compose.driver(settings))
        gate = Gate(drivers.guests)
        writer = await stack.enter_async_context(JournalWriter())
        parts = compose.host_parts(settings, replace(drivers, guests=cast("Any", gate)), writer, speaking)
        if broker is not None:
            parts = replace(parts, broker=(lambda: Options("memory", 1, settings.host.id), broker))
        host = await stack.enter_async_context(host_agent(parts))
        invoker = Invoker("plant", "cli-1", f"local:{os.getuid()}", path_vouches=True)
        options = Options("socket", 0, "cli-1")
        local = await stack.enter_async_context(
            caller(invoker, lambda: options, LocalConnect(site.folder / "agent.sock"))
        )
        remote = None
        if broker is not None:
            assert host.link is not None
            await host.link.session.connected(5)
            signed = Invoker("plant", "cli-2", "operator:anna", site.operator, Trust(site.document))
            remote = await stack.enter_async_context(caller(signed, lambda: Options("memory", 1, "cli-2"), broker))
        yield Served(host, gate, local, remote)


def edited(desired: Desired, who: str, **changes: Any) -> Desired:
    guests = tuple(g.model_copy(update=changes) if g.name == who else g for g in desired.guests)
    return desired.model_copy(update={"guests": guests})


@asynccontextmanager
async def under_way(served: Served, wanted: Desired, guest: str) -> AsyncIterator[asyncio.Task[Any]]:
    """An apply that has come to the definition of a guest, and waits there until the block ends."""
    request = await served.planned(wanted)
    served.gate.shut(guest)
    apply = asyncio.create_task(served.ask("config-apply", request))
    try:
        async with asyncio.timeout(10):
            await served.gate.reached.wait()
        yield apply
    finally:
        served.gate.opened.set()
        await asyncio.gather(apply, return_exceptions=True)


async def waits(task: asyncio.Task[Any], served: Served) -> bool:
    """Whether a request is in line: the agent has answered later ones, and not this one."""
    for _ in range(3):
        await served.ask("host-ping", m.Ping(payload=b""))
    return not task.done()


async def test_a_start_of_a_touched_guest_waits_and_one_of_an_untouched_guest_does_not(site: SiteFiles) -> None:
    async with serving(site) as served:
        now = await served.document()
        async with under_way(served, edited(now, "linux1", memory_mib=64), "linux1") as apply:
            other = await served.ask("guest-start", m.GuestStart(guest="linux2"))
            assert other.status.state == "running"
            start = asyncio.create_task(served.ask("guest-start", m.GuestStart(guest="linux1")))
            assert await waits(start, served)
            assert not apply.done()
        view = await start
        assert (view.status.state, view.guest.memory_mib) == ("running", 64), "it started as it was changed"


async def test_a_new_guest_is_not_touched_by_others_before_the_apply_is_over(site: SiteFiles) -> None:
    async with serving(site) as served:
        now = await served.document()
        new, other = Guest(name="new", memory_mib=64), Guest(name="other", memory_mib=64)
        wanted = now.model_copy(update={"guests": (*now.guests, new, other)})
        async with under_way(served, wanted, "other"):
            start = asyncio.create_task(served.ask("guest-start", m.GuestStart(guest="new")))
            assert await waits(start, served), "it is defined, and may yet be undone"
        assert (await start).status.state == "running"


async def test_of_two_applies_at_once_the_second_is_stale(site: SiteFiles) -> None:
    async with serving(site) as served:
        now = await served.document()
        second = await served.planned(edited(now, "linux2", memory_mib=64))
        async with under_way(served, edited(now, "linux1", memory_mib=64), "linux1") as first:
            late = asyncio.create_task(served.ask("config-apply", second))
            assert await waits(late, served)
        assert (await first).revision.number == 1
        with pytest.raises(GuestwireError) as stale:
            await late
        assert stale.value.code == "BASE-REVISION"


async def test_an_apply_is_cancelled_between_steps_and_undone(site: SiteFiles) -> None:
    async with serving(site) as served:
        now = await served.document()
        request = await served.planned(edited(edited(now, "linux1", memory_mib=64), "linux2", memory_mib=64))
        served.gate.shut("linux1")
        request_id = ids.request_id(compose.wall_ms())
        apply = asyncio.create_task(served.ask("config-apply", request, request_id=request_id))
        async with asyncio.timeout(10):
            await served.gate.reached.wait()
        await served.ask("job-cancel", m.JobRef(request_id=request_id))
        served.gate.opened.set()
        with pytest.raises(GuestwireError) as ended:
            await apply
        assert (ended.value.code, ended.value.detail["code"]) == ("ROLLED-BACK", "CANCELED")
        assert await served.document() == now
        assert (await served.ask("config-show", c.ConfigRef())).drift == ()
        again = await served.ask("config-apply", await served.planned(request.desired))
        assert again.revision.number == 1


async def test_it_is_confirmed_over_the_brokers_new_connection_and_not_over_the_socket(site: SiteFiles) -> None:
    broker = MemoryBroker()
    async with serving(site, broker) as served:
        assert served.host.link is not None
        before = served.host.link.epoch
        request = await served.planned(edited(await served.document(), "linux1", memory_mib=64), confirm_s=60)
        done = await served.ask("config-apply", request, via=served.remote)
        assert done.state == "confirm_wait"
        confirm = c.ConfigConfirm(plan_id=request.plan_id)
        with pytest.raises(GuestwireError) as refused:
            await served.ask("config-confirm", confirm)
        assert refused.value.code == "CONFIRM-REQUIRED"
        kept = None
        async with asyncio.timeout(10):
            while kept is None:
                try:
                    kept = await served.ask("config-confirm", confirm, via=served.remote)
                except GuestwireError as err:
                    if err.code != "CONFIRM-REQUIRED":  # the host's connection is not there yet
                        raise
        assert (kept.state, kept.revision.number) == ("in_sync", 1)
        assert served.host.link.epoch > before, "it is another connection"


async def test_who_does_not_sign_confirms_nothing(site: SiteFiles) -> None:
    broker = MemoryBroker()
    async with serving(site, broker) as served:
        request = await served.planned(edited(await served.document(), "linux1", memory_mib=64), confirm_s=60)
        assert (await served.ask("config-apply", request, via=served.remote)).state == "confirm_wait"
        nobody = Invoker("plant", "cli-3", "operator:anna", None, Trust(site.document))
        async with caller(nobody, lambda: Options("memory", 1, "cli-3"), broker) as unsigned:
            with pytest.raises(GuestwireError) as refused:
                await served.ask("config-confirm", c.ConfigConfirm(plan_id=request.plan_id), via=unsigned)
        assert refused.value.code == "UNSIGNED"
        assert (await served.ask("config-show", c.ConfigRef())).state == "confirm_wait"
