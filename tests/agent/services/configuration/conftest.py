"""A configuration over a real journal and a simulated host, driven as the command pipeline drives it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from guestwire.agent.comm_areas import CommAreas
from guestwire.agent.configured import ConfigurationParts, ConfiguredHost, configured
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.settings import Settings
from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import Observer
from guestwire.agent.journal_writer import JournalWriter
from guestwire.agent.lane_gate import LaneGate
from guestwire.agent.lanes import Lanes
from guestwire.agent.services.configuration.ports import Folders, Records
from guestwire.agent.services.guest_folder import GuestFolders
from guestwire.agent.services.guest_table import Transition
from guestwire.agent.services.guests import GuestService
from guestwire.agent.services.ports import Drivers
from guestwire.agent.services.running import Running
from guestwire.comm.client import CommClient
from guestwire.link.clock import now
from guestwire.link.vital import Vital
from guestwire.model.base import Model
from guestwire.model.desired import Desired, content_hash
from guestwire.model.machines import MACHINES
from guestwire.model.plan import Plan
from guestwire.protocol import config_models as c
from guestwire.protocol.envelope import VERSION, Header, body_hash
from guestwire.protocol.ids import request_id
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Call, Inbound

QUICK = Settings(boot_s=0.01, shutdown_s=0.01, reboot_s=0.01)


class Link:
    """The way a host is managed, in the test's hands."""

    exists = True

    def __init__(self) -> None:
        self.connected_at_ms: int | None = 0
        self.broker_address: str | None = None
        self.reconnected = 0

    def reconnect(self) -> None:
        self.reconnected += 1
        self.connected_at_ms = None


class NoLog:
    """What the agent would say."""

    def debug(self, event: str, **fields: Any) -> None: ...
    def info(self, event: str, **fields: Any) -> None: ...
    def warning(self, event: str, **fields: Any) -> None: ...
    def error(self, event: str, **fields: Any) -> None: ...


@dataclass
class Rig:
    """One host, and its configuration service. `told`: states as they were announced; `asked`: the risks of what somebody
    wanted to do; `unplugged`: guests that have not got their areas, and why."""

    host: SimulatedHost
    guests: GuestService
    configured: ConfiguredHost
    journal: Journal
    link: Link
    told: list[tuple[str, str]]
    asked: list[int]
    clock: Callable[[], int]
    folder: Path
    unplugged: list[tuple[str, str]]

    def call(self, operation: str, request: Model, *, local: bool = False) -> Call:
        at = now().wall_ms
        header = Header(
            VERSION, "request", ("s", "h"), operation, request_id(at), "a", 0, 1 << 50, 0, body_hash(b""), "c"
        )
        inbound = Inbound(b"", "c", operation, uid=0 if local else None)
        call = Call(BY_NAME[operation], header, inbound, "operator:a", signed=True, wall_ms=at)
        call.request = request
        return call

    def running(self, operation: str, request: Model, *, again: bool = False, local: bool = False) -> Running:
        return Running(self.call(operation, request, local=local), again=again, patient=again)

    async def plan(self, desired: Desired, **options: Any) -> Plan:
        request = c.ConfigPlan(desired=desired, hash=content_hash(desired), **options)
        return await self.configured.configuration.plan(self.call("config-plan", request))

    def apply_request(self, desired: Desired, plan: Plan, **options: Any) -> c.ConfigApply:
        options = {"base_revision": plan.base_revision, **options}
        return c.ConfigApply(desired=desired, hash=content_hash(desired), plan_id=plan.plan_id, **options)

    async def apply(self, desired: Desired, **options: Any) -> c.ConfigApplied:
        planned = {key: options[key] for key in ("restart", "remove_disks") if key in options}
        plan = await self.plan(desired, **planned)
        request = self.apply_request(desired, plan, **options)
        return await self.configured.configuration.apply(self.running("config-apply", request))

    async def show(self, revision: int | None = None) -> c.ConfigShown:
        return await self.configured.configuration.show(self.call("config-show", c.ConfigRef(revision=revision)))

    async def active(self) -> Desired:
        return (await self.show()).desired.model_copy(update={"base_revision": None})

    def hold_every_lane(self) -> AbstractAsyncContextManager[None]:
        """As a command does that touches the whole host."""
        applying = self.configured.waiting._applying
        return applying.around.hold(applying.every_lane())

    async def start(self, name: str) -> None:
        row = self.guests.table.by_name(name)
        assert row is not None
        await self.host.start(row.uuid)
        await self.guests.settled(row.uuid)
        await self._until(name, "running")
        await self.up()

    async def up(self) -> None:
        """Wait until the guests that run hear their power button."""
        async with asyncio.timeout(10):
            while not all(runtime.up for runtime in self.host._guests if runtime.process is not None):
                await asyncio.sleep(0.001)

    async def _until(self, name: str, state: str) -> None:
        def there() -> bool:
            row = self.guests.table.by_name(name)
            return row is not None and row.observed.state == state

        assert await self.guests._until(there, 5.0)


class Written:
    """A journal whose records of changes are others."""

    def __init__(self, journal: Journal, config: Records) -> None:
        self.config = config
        self.note = journal.note
        self.set_note = journal.set_note


class Hosts:
    """Opens the same host again and again, as a restart of the agent does."""

    def __init__(self, folder: Path, machine: str = "4-core") -> None:
        self.folder = folder
        self.machine = machine
        self.settings = QUICK
        self.skew_ms = 0

    def clock(self) -> int:
        return now().wall_ms + self.skew_ms

    @asynccontextmanager
    async def open(
        self,
        *,
        observer: Observer | None = None,
        folders: Callable[[Folders], Folders] = lambda folders: folders,
        records: Callable[[Records], Records] = lambda records: records,
        comm: Path | None = None,
    ) -> AsyncIterator[Rig]:
        """`folders`, `records`: what the configuration is given in their place. `comm`: the sockets of guestwire-comm."""
        async with AsyncExitStack() as stack:
            client = None if comm is None else await stack.enter_async_context(CommClient(comm))
            host = await stack.enter_async_context(
                SimulatedHost(
                    MACHINES[self.machine], self.folder / "host", clock=self.clock, settings=self.settings,
                    areas=None if client is None else CommAreas(client),
                )
            )  # fmt: skip
            writer = await stack.enter_async_context(JournalWriter())
            journal = await stack.enter_async_context(
                await Journal.open(self.folder / "journal.db", writer, now_ms=now().wall_ms, observer=observer)
            )
            vital = Vital(lambda _name, _error: None)
            rigs: list[Rig] = []

            def changed(change: Transition) -> None:
                if change.after in ("stopped", "crashed") and rigs:
                    rigs[0].configured.configuration.stopped(change.guest.uuid or "")

            guests = await stack.enter_async_context(GuestService(host, self.clock, changed, vital))
            link, told, asked, unplugged = Link(), [], list[int](), list[tuple[str, str]]()
            parts = ConfigurationParts(
                host="h", version="1", drivers=Drivers(host, host, host.images, host.control, host.values, client),
                journal=cast("Journal", Written(journal, records(journal.config))), guests=guests,
                folders=folders(GuestFolders(self.folder / "guests")),
                lanes=LaneGate(Lanes(), lambda: round(now().mono * 1000)),
                disk_roots=("/simulated/images",), keep_revisions=5, authorise=lambda _call, risk: asked.append(risk),
                link=link, changed=lambda state, text: told.append((state, text)), clock_ms=self.clock,
                log=NoLog(), vital=vital, not_plugged=lambda guest, error: unplugged.append((guest, error.code)),
            )  # fmt: skip
            assert await guests.connected_within(5.0)
            made = await stack.enter_async_context(configured(parts))
            rigs.append(Rig(host, guests, made, journal, link, told, asked, self.clock, self.folder, unplugged))
            yield rigs[0]


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path)


@pytest.fixture
async def rig(hosts: Hosts) -> AsyncIterator[Rig]:
    async with hosts.open() as opened:
        yield opened
