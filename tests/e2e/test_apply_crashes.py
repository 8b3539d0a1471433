"""kill -9 of an agent at every step of a change, on a simulated host, over its socket: there is no half state.

Each run begins with the same state directory, kills the agent at a step, starts another, and looks at all that is on the
disk: the host is what the document says, or what it was.
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from deadly_agents import DeadlyAgents
from fleet import PATIENCE_S, SITE, agent_settings, make_site, toml, unix_ms
from rich_change import BEFORE, GONE, MACHINE, MEDIUM, OPTIONS, OTHER_MEDIUM, RUNNING, after
from tests.support.forked import start_forked

from guestwire.agent.config_records_schema import CONFIG_STEPS
from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.image_registry import ImageRegistry
from guestwire.agent.drivers.simulated.lines import LineLog
from guestwire.agent.drivers.simulated.store import GuestLog
from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter
from guestwire.model.base import Model
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES
from guestwire.model.settings import HostSettings
from guestwire.protocol import config_models as c
from guestwire.protocol import ids
from guestwire.protocol import operation_models as m
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import open_client
from guestwire.sdk.contexts import Context
from guestwire.sdk.host_api import HostApi

pytestmark = pytest.mark.asyncio(loop_scope="module")

LAST_STEP = "control.set:ip_forward"
"""A call near the end of the rich change: with it failing nearly every step is undone."""

Ask = Callable[[HostApi, CallOptions], Awaitable[Any]]


@dataclass(frozen=True)
class Seen:
    """What the simulated host and the guests' folders hold, on the disk."""

    guests: dict[str, tuple[Guest, str]]
    pins: dict[str, Any]
    processes: dict[str, Any]
    images: dict[str, Any]
    settings: HostSettings
    files: dict[str, bytes]


@dataclass
class Bench:
    """One agent after the other, on one state directory."""

    base: Path
    config: Path
    agents: DeadlyAgents
    context: Context

    @property
    def state(self) -> Path:
        return self.base / "h1/state"

    def begin_with(self, saved: Path) -> None:
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.copytree(saved, self.state)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[HostApi]:
        async with open_client(self.context) as client:
            yield client.host("h1")

    def look(self) -> Seen:
        """No agent runs."""
        stored = GuestLog(self.state / "simulated").load()
        images = ImageRegistry(self.state / "simulated")
        images.get(GONE)
        settings = [HostSettings.model_validate_json(json.dumps(line))
                    for line in LineLog(self.state / "simulated/control.jsonl").load()]  # fmt: skip
        folders = self.state / "guests"
        return Seen(
            {guest.name: (guest, power.state) for guest, power in stored.guests.values()},
            {stored.guests[uuid][0].name: pins for uuid, pins in stored.pins.items()},
            {process.guest.name: process for process in stored.processes.values()},
            dict(images._entries or {}),
            settings[-1],
            {str(path.relative_to(folders)): path.read_bytes() for path in folders.rglob("*") if path.is_file()},
        )


@dataclass
class Plant:
    """The bench, and the host before the change and after it. `reached`: steps of the change when all goes well,
    `undoing`: when its last step fails."""

    bench: Bench
    saved: Path
    request: c.ConfigApply
    before: Seen
    after: Seen
    reached: dict[str, int]
    undoing: dict[str, int]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    base = tmp_path_factory.mktemp("crash")
    layout = make_site(base, ["h1"])
    home = base / "h1"
    home.mkdir()
    sections = {
        "simulated": {"guests": 0, "boot_s": 0, "shutdown_s": 0, "machine": MACHINE},
        "limits": {"issuer_rate": 10_000, "issuer_burst": 10_000},
        "log": {"level": "error"},
    }
    config = home / "agent.toml"
    config.write_text(toml(agent_settings(layout, home, "h1", [], sections)))
    context = Context(
        site=SITE, via="socket", socket=str(home / "agent.sock"), host="h1", trust=str(layout.trust),
        root=str(layout.root_public), key=str(layout.key("operator:admin")),
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        agents = DeadlyAgents(config)
        stack.push_async_callback(agents.close)
        yield Bench(base, config, agents, context)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(bench: Bench) -> Plant:
    async with SimulatedHost(MACHINES[MACHINE], bench.state / "simulated", clock=unix_ms) as machine:
        for medium in (MEDIUM, OTHER_MEDIUM):
            await machine.images.create(medium, "raw", 8)
    pid = await bench.agents.start()
    async with bench.client() as api:
        await apply(api, BEFORE)
        for name in RUNNING:
            await api.guest_start(m.GuestStart(guest=name))
        shown = (await api.config_show(c.ConfigRef())).reply
        old = shown.desired.guest("old")
        assert old is not None
        (bench.state / "guests" / (old.id or "").lower() / "note.txt").write_text("mine")
        wanted = after(shown.desired)
        request = await planned(api, wanted)
    await bench.agents.stop(pid)
    saved = bench.base / "saved"
    shutil.copytree(bench.state, saved)
    before = bench.look()
    pid = await bench.agents.start()
    async with bench.client() as api:
        assert (await api.config_apply(request)).reply.state == "in_sync"
    reached = await bench.agents.stop(pid)
    changed = bench.look()
    assert changed != before
    bench.begin_with(saved)
    pid = await bench.agents.start(fail=(LAST_STEP,))
    async with bench.client() as api:
        with pytest.raises(GuestwireError) as refused:
            await api.config_apply(request)
        assert refused.value.code == "ROLLED-BACK"
    undoing = await bench.agents.stop(pid)
    assert bench.look() == before
    return Plant(bench, saved, request, before, changed, reached, undoing)


async def planned(api: HostApi, wanted: Desired) -> c.ConfigApply:
    digest = content_hash(wanted)
    options = OPTIONS if wanted.guest("off2") else {}
    plan = (await api.config_plan(c.ConfigPlan(desired=wanted, hash=digest, **options))).reply
    destroy = tuple(options.get("remove_disks", ()))
    return c.ConfigApply(
        desired=wanted, hash=digest, plan_id=plan.plan_id, base_revision=plan.base_revision, destroy=destroy, **options
    )


async def apply(api: HostApi, wanted: Desired, **changes: Any) -> c.ConfigApplied:
    request = (await planned(api, wanted)).model_copy(update=changes)
    return (await api.config_apply(request)).reply


@dataclass(frozen=True)
class Ended:
    """How a request ended: its reply, or its error's code."""

    reply: Model | None
    code: str | None


async def crashed(
    bench: Bench, ask: Ask, step: str, occurrence: int, *, fail: tuple[str, ...] = (), twice: bool = False
) -> Ended:
    """Ask, kill the agent at the step, and let another go on; how the request ended, once the host stands still.

    `twice`: the second agent is to die at the same step, and is killed when its work does not lead there."""
    request_id = ids.request_id(unix_ms())
    options = CallOptions(timeout_s=PATIENCE_S, request_id=request_id)

    async def asked(api: HostApi) -> Ended:
        try:
            return Ended((await ask(api, options)).reply, None)
        except GuestwireError as err:
            return Ended(None, err.code)

    await bench.agents.start(step, occurrence, fail)
    async with bench.client() as api:
        call = asyncio.create_task(asked(api))
        assert await bench.agents.ended() == -signal.SIGKILL, (step, occurrence, bench.agents.noise[-5:])
        if twice:
            pid = await bench.agents.start(step, 1, fail, serves=False)
            died = asyncio.create_task(bench.agents.ended())
            await asyncio.wait({died, call}, return_when=asyncio.FIRST_COMPLETED)
            if not died.done():
                os.kill(pid, signal.SIGKILL)
            await died
        pid = await bench.agents.start(fail=fail)
        outcome = await call
        job = (await api.job_get(m.JobRef(request_id=request_id))).reply
        assert job.state == ("succeeded" if outcome.code is None else outcome.code.lower()), outcome
        shown = (await api.config_show(c.ConfigRef())).reply
        assert shown.state in ("in_sync", "rolled_back")
        assert shown.drift == ()
        digest = content_hash(shown.desired)
        plan = (await api.config_plan(c.ConfigPlan(desired=shown.desired, hash=digest))).reply
        assert plan.items == ()
    await bench.agents.stop(pid)
    return outcome


async def killed_in_apply(plant: Plant, step: str, occurrence: int, *, undoing: bool, twice: bool) -> None:
    bench = plant.bench
    bench.begin_with(plant.saved)
    fail = (LAST_STEP,) if undoing else ()

    async def ask(api: HostApi, options: CallOptions) -> Any:
        return await api.config_apply(plant.request, options)

    outcome = await crashed(bench, ask, step, occurrence, fail=fail, twice=twice)
    assert outcome.code in (None, "ROLLED-BACK")
    assert bench.look() == (plant.after if outcome.code is None else plant.before)
    if undoing:
        assert outcome.code == "ROLLED-BACK"
    elif step != "before-change-begun-commit":
        assert outcome.code is None, "what was begun is gone on with"


UNDO_STEPS = tuple(step for step in CONFIG_STEPS if "undone" in step or "dropped" in step)
DO_STEPS = tuple(step for step in CONFIG_STEPS if step not in UNDO_STEPS)


@pytest.mark.parametrize("step", CONFIG_STEPS)
async def test_killed_at(plant: Plant, step: str) -> None:
    """In the middle, where the second agent dies too, and the last time."""
    undoing = step in UNDO_STEPS
    count = (plant.undoing if undoing else plant.reached)[step]
    assert count
    for occurrence in sorted({count // 2 + 1, count}):
        await killed_in_apply(plant, step, occurrence, undoing=undoing, twice=occurrence == count // 2 + 1)


@pytest.mark.soak
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("step", CONFIG_STEPS)
async def test_killed_at_every(plant: Plant, step: str, twice: bool) -> None:
    for undoing, reached in ((False, plant.reached), (True, plant.undoing)):
        for occurrence in range(1, reached.get(step, 0) + 1):
            await killed_in_apply(plant, step, occurrence, undoing=undoing, twice=twice)


async def test_killed_while_it_waits_to_be_confirmed(plant: Plant) -> None:
    bench = plant.bench
    bench.begin_with(plant.saved)
    pid = await bench.agents.start()
    async with bench.client() as api:
        done = (await api.config_apply(plant.request.model_copy(update={"confirm_s": 600}))).reply
        assert done.state == "confirm_wait"
        await bench.agents.kill(pid)
        pid = await bench.agents.start()
        assert (await api.config_show(c.ConfigRef())).reply.state == "confirm_wait"
        kept = (await api.config_confirm(c.ConfigConfirm(plan_id=plant.request.plan_id))).reply
        assert kept.state == "in_sync"
    await bench.agents.stop(pid)
    assert bench.look() == plant.after


@pytest.mark.parametrize("step", ["before-change-kept-commit", "after-change-kept-commit"])
async def test_killed_while_it_is_confirmed(plant: Plant, step: str) -> None:
    bench = plant.bench
    bench.begin_with(plant.saved)
    pid = await bench.agents.start()
    async with bench.client() as api:
        await api.config_apply(plant.request.model_copy(update={"confirm_s": 600}))
    await bench.agents.stop(pid)

    async def ask(api: HostApi, options: CallOptions) -> Any:
        return await api.config_confirm(c.ConfigConfirm(plan_id=plant.request.plan_id), options)

    assert (await crashed(bench, ask, step, 1)).code is None
    assert bench.look() == plant.after


@pytest.mark.parametrize(
    "step", ["before-step-undone-commit", "after-step-undone-commit", "after-change-dropped-commit"]
)
async def test_killed_while_it_is_cancelled(plant: Plant, step: str) -> None:
    bench = plant.bench
    bench.begin_with(plant.saved)
    pid = await bench.agents.start()
    async with bench.client() as api:
        await api.config_apply(plant.request.model_copy(update={"confirm_s": 600}))
    await bench.agents.stop(pid)

    async def ask(api: HostApi, options: CallOptions) -> Any:
        return await api.config_cancel(c.ConfigCancel(plan_id=plant.request.plan_id), options)

    outcome = await crashed(bench, ask, step, 1)
    assert outcome.code is None
    assert bench.look() == plant.before


ONE = Guest(name="one", memory_mib=16)


@pytest.mark.parametrize("step", DO_STEPS)
@pytest.mark.parametrize("verb", ["define", "undefine"])
async def test_killed_in_a_verb(plant: Plant, verb: str, step: str) -> None:
    bench = plant.bench
    bench.begin_with(plant.saved)

    async def define(api: HostApi, options: CallOptions = CallOptions()) -> Any:  # noqa: B008 (frozen)
        return await api.guest_define(m.GuestDefine(guest=ONE), options)

    async def undefine(api: HostApi, options: CallOptions) -> Any:
        return await api.guest_undefine(m.GuestRef(guest="one"), options)

    if verb == "undefine":
        pid = await bench.agents.start()
        async with bench.client() as api:
            await define(api)
        await bench.agents.stop(pid)
    outcome = await crashed(bench, define if verb == "define" else undefine, step, 1)
    assert outcome.code is None
    assert ("one" in bench.look().guests) == (verb == "define")


async def test_a_domain_of_another_tool_is_adopted_over_a_crash(plant: Plant) -> None:
    bench = plant.bench
    bench.begin_with(plant.saved)
    foreign = Guest(name="foreign", id="GUEST0099", uuid="11111111-2222-4333-8444-555555555555", memory_mib=16)
    async with SimulatedHost(MACHINES[MACHINE], bench.state / "simulated", clock=unix_ms) as machine:
        await machine.define(foreign)

    async def ask(api: HostApi, options: CallOptions) -> Any:
        return await api.config_adopt(c.ConfigAdopt(), options)

    outcome = await crashed(bench, ask, "before-step-done-commit", 1)
    assert outcome.code is None
    assert isinstance(outcome.reply, c.ConfigAdopted)
    assert outcome.reply.adopted == ("foreign",)


# -- where no agent starts again


async def undo(bench: Bench, *arguments: str) -> tuple[int, str, str]:
    """`guestwire-agent undo`, as its timer starts it: how it ended and what it said."""
    process = await start_forked("agent", "undo", "--config", str(bench.config), "--patience-s", "0.1", *arguments)
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def overdue(bench: Bench) -> None:
    """Let the time of the confirmation be over."""
    async with (
        JournalWriter() as writer,
        await Journal.open(bench.state / "journal.db", writer, now_ms=unix_ms()) as journal,
    ):
        assert await journal.config.set_phase("confirm", confirm_by_ms=1)


async def unconfirmed(plant: Plant) -> None:
    """The agent applied a change, waits for its confirmation, and dies."""
    bench = plant.bench
    bench.begin_with(plant.saved)
    pid = await bench.agents.start()
    async with bench.client() as api:
        await api.config_apply(plant.request.model_copy(update={"confirm_s": 600}))
    await bench.agents.kill(pid)


async def test_what_nobody_confirmed_is_undone_without_an_agent(plant: Plant) -> None:
    bench = plant.bench
    await unconfirmed(plant)
    assert await undo(bench) == (0, "", ""), "there is time left"
    assert bench.look().guests == plant.after.guests
    await overdue(bench)
    code, said, _ = await undo(bench)
    assert code == 0
    assert "nobody confirmed the change in time" in said
    assert bench.look() == plant.before
    assert await undo(bench) == (0, "", ""), "there is nothing left to do"
    pid = await bench.agents.start()
    async with bench.client() as api:
        shown = (await api.config_show(c.ConfigRef())).reply
        assert (shown.state, shown.drift) == ("rolled_back", ())
        assert shown.last_failure == "ROLLED-BACK: nobody confirmed the change in time"
    await bench.agents.stop(pid)


@pytest.mark.parametrize(
    "step", ["before-step-started-commit", "after-step-started-commit", "before-step-undone-commit"]
)
async def test_what_is_half_done_is_undone_without_an_agent(plant: Plant, step: str) -> None:
    bench = plant.bench
    bench.begin_with(plant.saved)
    undoing = step in UNDO_STEPS
    await bench.agents.start(step, 9, (LAST_STEP,) if undoing else ())
    request_id = ids.request_id(unix_ms())
    options = CallOptions(timeout_s=PATIENCE_S, request_id=request_id)
    async with bench.client() as api:
        call = asyncio.create_task(api.config_apply(plant.request, options))
        assert await bench.agents.ended() == -signal.SIGKILL
        code, said, _ = await undo(bench)
        assert code == 0
        assert "the agent stopped while it was applied" in said
        assert bench.look() == plant.before
        pid = await bench.agents.start()
        with pytest.raises(GuestwireError) as ended:
            await call
        assert ended.value.code == "ROLLED-BACK"
    await bench.agents.stop(pid)
    assert bench.look() == plant.before


async def test_a_live_agent_undoes_by_itself(plant: Plant) -> None:
    bench = plant.bench
    await unconfirmed(plant)
    pid = await bench.agents.start()
    assert await undo(bench) == (0, "", "")
    await bench.agents.stop(pid)
    await overdue(bench)
    pid = await bench.agents.start()
    assert await undo(bench) == (0, "", "")
    async with bench.client() as api, asyncio.timeout(PATIENCE_S):
        while (await api.config_show(c.ConfigRef())).reply.state != "rolled_back":
            await asyncio.sleep(0.05)
    await bench.agents.stop(pid)
    assert bench.look() == plant.before


async def test_where_there_never_was_an_agent_there_is_nothing_to_undo(plant: Plant) -> None:
    nowhere = plant.bench.base / "nowhere"
    assert await undo(plant.bench, "--host-state-dir", str(nowhere)) == (0, "", "")
    assert not nowhere.exists()
