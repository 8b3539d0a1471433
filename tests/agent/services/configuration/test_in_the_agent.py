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
from guestwire.agent.drivers.simulated.settings import Faults
from guestwire.agent.host_agent import RunningHost, host_agent
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.services.ports import Drivers
from guestwire.link.invoke import Caller, caller
from guestwire.link.local_client import LocalConnect
from guestwire.link.memory import MemoryBroker
from guestwire.link.transport import Options
from guestwire.model.desired import Autostart, Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.policy import Policy
from guestwire.protocol import config_models as c
from guestwire.protocol import ids, topics
from guestwire.protocol import operation_models as m
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.reported import ReportedBody
from guestwire.protocol.statements import read
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

    @property
    def simulated(self) -> SimulatedHost:
        return cast("SimulatedHost", self._inner)

    def shut(self, name: str) -> None:
        self.name = name
        self.reached.clear()
        self.opened.clear()

    async def define(self, guest: Guest, pins: Any = None, bridges: Any = None) -> Any:
        if guest.name == self.name:
            self.reached.set()
            await self.opened.wait()
        return await self.simulated.define(guest, pins)


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
async def serving(
    site: SiteFiles, broker: MemoryBroker | None = None, *, machine: str = "4-core", lost: bool = False
) -> AsyncIterator[Served]:
    """`lost`: the hypervisor is away."""
    settings = site.settings(simulated__guests="3", simulated__machine=machine)
    async with AsyncExitStack() as stack:
        settings.host.state_dir.mkdir(exist_ok=True)
        speaking = compose.voice(settings.log, settings.host.state_dir / "log", for_people=False)
        drivers: Drivers = await stack.enter_async_context(compose.driver(settings))
        gate = Gate(drivers.guests)
        if lost:
            gate.simulated.lose_connection()
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


async def test_an_update_that_waits_for_a_boot_is_told_everywhere_and_keeps_no_guest_off(site: SiteFiles) -> None:
    broker = MemoryBroker()
    topic = topics.make("reported", "plant", "h1")

    async def reported(reasons: tuple[str, ...]) -> None:
        async with asyncio.timeout(10):
            while True:
                if (frame := broker.retained.get(topic)) is not None:
                    said = read(frame, None, "plant", "host:h1", "reported", None).read(ReportedBody)
                    if said.reboot_required.reasons == reasons:
                        return
                await asyncio.sleep(0.001)

    async with serving(site, broker) as served:
        await reported(())
        machine = served.gate.simulated
        for waits in ("a library waits", "a kernel waits"):  # the first may come with a publication that was due anyway
            machine.set_faults(Faults(boot_pending=(waits,)))
            shown = (await served.ask("host-show", m.Empty())).host.reboot_required
            assert (shown.required, shown.reasons) == (True, (waits,))
            await reported((waits,))
        assert (await served.ask("config-show", c.ConfigRef())).reboot_required == shown
        started = await served.ask("guest-start", m.GuestStart(guest="rtlinux", wait="ready"))
        assert started.status.state == "ready"
        machine.reboot_host()
        assert not (await served.ask("config-show", c.ConfigRef())).reboot_required.required
        await reported(())


async def test_an_apply_that_is_cancelled_before_it_can_go_on_is_undone(site: SiteFiles) -> None:
    """After a restart it waits for the hypervisor, and nobody else knows of the half that was done."""
    async with serving(site) as served:
        before = await served.document()
        request_id = ids.request_id(compose.wall_ms())
        request = await served.planned(edited(edited(before, "linux1", memory_mib=64), "linux2", memory_mib=64))
        served.gate.shut("linux2")
        apply = asyncio.create_task(served.ask("config-apply", request, request_id=request_id))
        async with asyncio.timeout(10):
            await served.gate.reached.wait()
        apply.cancel()
        await asyncio.gather(apply, return_exceptions=True)
    async with serving(site, lost=True) as served:
        assert (await served.ask("config-show", c.ConfigRef())).state == "applying"
        await served.ask("job-cancel", m.JobRef(request_id=request_id))
        served.gate.simulated.restore_connection()
        async with asyncio.timeout(10):
            while (await served.ask("config-show", c.ConfigRef())).state != "rolled_back":
                await asyncio.sleep(0.01)
        assert await served.document() == before
        assert (await served.ask("config-show", c.ConfigRef())).drift == ()


async def test_the_topology_is_that_of_the_machine_though_the_host_is_tuned(site: SiteFiles) -> None:
    async with serving(site, machine="64-thread-4-node") as served:
        before = await served.ask("host-topology", m.Empty())
        await served.ask(
            "config-apply", await served.planned(edited(await served.document(), "rtlinux", cpuset="c8-c9"))
        )
        await served.ask("guest-start", m.GuestStart(guest="rtlinux"))
        assert await served.gate.simulated.topology() != before.topology, "siblings are off"
        assert await served.ask("host-topology", m.Empty()) == before


async def test_the_topology_tells_what_is_plugged_in(site: SiteFiles) -> None:
    async with serving(site) as served:
        told = (await served.ask("host-topology", m.Empty())).topology
        first, second = (adapter for device in told.devices for adapter in device.net)
        assert (first.ifname, first.link, first.speed_mbit, first.management) == ("eth0", "up", 1000, True)
        assert (second.ifname, second.link, second.addresses, second.management) == ("eth1", "down", (), False)
        assert first.mac != second.mac
        assert [(one.vendor, one.product) for one in told.usb] == [(0x046D, 0xC31C)]
        assert told.fingerprint == (await served.gate.simulated.topology()).fingerprint


async def test_after_a_boot_of_the_host_guests_start_as_the_configuration_says(site: SiteFiles) -> None:
    async with serving(site) as served:
        now = edited(await served.document(), "linux1", autostart="headless")
        now = edited(now, "linux2", autostart="headless", disabled=True)
        await served.ask(
            "config-apply", await served.planned(now.model_copy(update={"autostart": Autostart(active=True)}))
        )
        served.gate.simulated.reboot_host()
        async with asyncio.timeout(10):
            while (await served.ask("guest-show", m.GuestRef(guest="linux1"))).status.state != "running":
                await asyncio.sleep(0.01)
        for name in ("rtlinux", "linux2"):
            assert (await served.ask("guest-show", m.GuestRef(guest=name))).status.state == "stopped"


async def test_a_change_that_waits_for_a_boot_is_kept_by_an_agent_that_lives_through_it(site: SiteFiles) -> None:
    """As that of a simulated host does. What it made starts with the host, in that boot."""
    async with serving(site) as served:
        rt = edited(await served.document(), "rtlinux", memory_mib=128, autostart="headless", cpuset="3")
        wanted = rt.model_copy(update={"policy": Policy(profile="system-manager"), "autostart": Autostart(active=True)})
        done = await served.ask("config-apply", await served.planned(wanted))
        assert done.state == "waiting_reboot"
        served.gate.simulated.reboot_host()
        async with asyncio.timeout(10):
            while (await served.ask("config-show", c.ConfigRef())).state != "in_sync":
                await asyncio.sleep(0.01)
            while (await served.ask("guest-show", m.GuestRef(guest="rtlinux"))).status.state not in (
                "running",
                "ready",
            ):
                await asyncio.sleep(0.01)
