"""kill -9 at every step of the journal, over mosquitto: a `once` effect never happens twice, and every request ends.

Each run asks for as many things as it takes to reach the step for the Nth time, one running at a time, and starts a new
agent after the death of the first. Three runs a step in every test run; fifty in the soak.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from deadly_agents import DeadlyAgents
from fleet import PATIENCE_S, agent_settings, client_context, make_site, resets, toml, unix_ms

from guestwire.agent.journal_schema import STEPS
from guestwire.broker_test.fixtures import require_mosquitto
from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.protocol import ids
from guestwire.protocol import operation_models as m
from guestwire.sdk.answers import Answer, CallOptions
from guestwire.sdk.client import Client, open_client
from guestwire.sdk.host_api import HostApi

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNS = 3
SOAK_RUNS = int(os.environ.get("GUESTWIRE_TEST_KILLS", "50"))
GUESTS = 12
"""Of each kind: more than any run asks for."""
ONCE_IN_DOUBT = 1
"""How many requests can be in doubt after one death: as many as run at once."""

Ask = Callable[[int, CallOptions], Coroutine[Any, Any, Answer[Any]]]
"""Asks for the Nth thing of a run."""


@dataclass
class Rig:
    """A broker, a client, and one agent after the other on the same state."""

    base: Path
    config: Path
    client: Client
    agents: DeadlyAgents

    @property
    def host(self) -> HostApi:
        return self.client.host("h1")

    async def furnish(self) -> None:
        """Guests r0, r1, ... that run and s0, s1, ... that do not."""
        pid = await self.agents.start()
        names = [f"{kind}{n}" for kind in ("r", "s") for n in range(GUESTS)]
        for name in names:
            await self.host.guest_define(m.GuestDefine(guest=Guest(name=name, memory_mib=16)))
        for n in range(GUESTS):
            await self.host.guest_start(m.GuestStart(guest=f"r{n}"))
        await self.agents.stop(pid)

    def effects(self) -> dict[str, int]:
        """How often each guest was reset."""
        return resets(self.base / "h1/state")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    require_mosquitto()
    base = tmp_path_factory.mktemp("kill")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto(BrokerOptions()))
        layout = make_site(base, ["h1"])
        home = base / "h1"
        home.mkdir()
        sections = {
            "simulated": {"guests": 0, "boot_s": 0, "machine": "64-thread-4-node"},  # CPUs for all that run at once
            "limits": {"running": 1, "issuer_rate": 10_000, "issuer_burst": 10_000},
            "log": {"level": "error"},
        }
        config = home / "agent.toml"
        config.write_text(toml(agent_settings(layout, home, "h1", [broker.url], sections)))
        client = await stack.enter_async_context(open_client(client_context(layout, broker.url)))
        agents = DeadlyAgents(config)
        stack.push_async_callback(agents.close)
        made = Rig(base, config, client, agents)
        await made.furnish()
        yield made


@dataclass(frozen=True)
class Ended:
    """How a request ended: its reply, or its error's code."""

    request_id: bytes
    reply: Model | None
    code: str | None


async def crash(rig: Rig, ask: Ask, step: str, occurrence: int, *, twice: bool) -> list[Ended]:
    """Ask until the agent is killed at the step, let another go on, and see that every request ended for good.

    `twice`: the second agent is to die at the same step, and is killed when its work does not lead there."""
    count = occurrence + 1  # the first is begun at once, so a job that waited starts for the Nth time with one more
    assert count <= GUESTS
    names = [ids.request_id(unix_ms()) for _ in range(count)]
    await rig.agents.start(step, occurrence, serves=False)
    calls = asyncio.gather(*(_outcome(ask, n, request_id) for n, request_id in enumerate(names)))
    assert await rig.agents.ended() == -signal.SIGKILL, (step, occurrence, rig.agents.noise[-5:])
    if twice:
        pid = await rig.agents.start(step, 1, serves=False)
        died = asyncio.create_task(rig.agents.ended())
        await asyncio.wait({died, calls}, return_when=asyncio.FIRST_COMPLETED)
        if not died.done():
            os.kill(pid, signal.SIGKILL)
        await died
    pid = await rig.agents.start()
    outcomes = await calls
    await _settled(rig, outcomes)
    again = await asyncio.gather(*(_outcome(ask, n, request_id) for n, request_id in enumerate(names)))
    assert again == outcomes, "asked again, the host gave another answer"
    await rig.agents.stop(pid)
    return outcomes


async def _outcome(ask: Ask, n: int, request_id: bytes) -> Ended:
    try:
        answer = await ask(n, CallOptions(timeout_s=PATIENCE_S, request_id=request_id))
    except GuestwireError as err:
        return Ended(request_id, None, err.code)
    assert answer.verified
    return Ended(request_id, answer.reply, None)


async def _settled(rig: Rig, outcomes: list[Ended]) -> None:
    """The host knows every request, and knows it as ended the way the client heard."""
    for ended in outcomes:
        job = (await rig.host.job_get(m.JobRef(request_id=ended.request_id))).reply
        assert job.state == ("succeeded" if ended.code is None else ended.code.lower())
        assert job.final, "no final is stored"


async def once(rig: Rig, step: str, occurrence: int, *, twice: bool) -> None:
    before = rig.effects()

    async def ask(n: int, options: CallOptions) -> Answer[Any]:
        return await rig.host.guest_reset(m.GuestRef(guest=f"r{n}"), options)

    outcomes = await crash(rig, ask, step, occurrence, twice=twice)
    after = rig.effects()
    for n, ended in enumerate(outcomes):
        effects = after[f"r{n}"] - before[f"r{n}"]
        assert ended.code in (None, "INDETERMINATE")
        assert effects <= 1, "an effect happened twice"
        assert effects == 1 or ended.code is not None, "a success without its effect"
    in_doubt = sum(ended.code is not None for ended in outcomes)
    assert in_doubt <= ONCE_IN_DOUBT * (2 if twice else 1)


async def start(rig: Rig, step: str, occurrence: int, *, twice: bool) -> None:
    async def ask(n: int, options: CallOptions) -> Answer[Any]:
        return await rig.host.guest_start(m.GuestStart(guest=f"s{n}"), options)

    outcomes = await crash(rig, ask, step, occurrence, twice=twice)
    assert [ended.code for ended in outcomes] == [None] * len(outcomes)
    states = await _states(rig, destroy=[f"s{n}" for n in range(len(outcomes))])
    assert {states[f"s{n}"] for n in range(len(outcomes))} == {"running"}


async def define(rig: Rig, step: str, occurrence: int, *, twice: bool) -> None:
    async def ask(n: int, options: CallOptions) -> Answer[Any]:
        return await rig.host.guest_define(m.GuestDefine(guest=Guest(name=f"d{n}", memory_mib=16)), options)

    outcomes = await crash(rig, ask, step, occurrence, twice=twice)
    assert [ended.code for ended in outcomes] == [None] * len(outcomes)
    names = [f"d{n}" for n in range(len(outcomes))]
    states = await _states(rig, undefine=names)
    assert sorted(name for name in states if name.startswith("d")) == sorted(names)


async def _states(rig: Rig, *, destroy: list[str] = [], undefine: list[str] = []) -> dict[str, str]:  # noqa: B006
    """Every guest's state; then these are put back to what they were before the run."""
    pid = await rig.agents.start()
    guests = (await rig.host.guest_list()).reply.guests
    assert len({view.guest.name for view in guests}) == len(guests)
    for name in destroy:
        await rig.host.guest_destroy(m.GuestRef(guest=name))
    for name in undefine:
        await rig.host.guest_undefine(m.GuestRef(guest=name))
    await rig.agents.stop(pid)
    return {view.guest.name: view.status.state for view in guests}


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at(step: str, rig: Rig) -> None:
    for occurrence in range(1, RUNS + 1):
        await once(rig, step, occurrence, twice=occurrence == RUNS)
    for effect in (start, define):
        await effect(rig, step, 1, twice=True)


@pytest.mark.soak
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("effect", [once, start, define], ids=lambda effect: effect.__name__)
async def test_killed_fifty_times_at(effect: Callable[..., Coroutine[Any, Any, None]], step: str, rig: Rig) -> None:
    for run in range(SOAK_RUNS):
        await effect(rig, step, 1 + run % (GUESTS - 1), twice=run % 3 == 2)
