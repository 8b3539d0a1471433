"""kill -9 of controller, broker, database and agent in turn, while a rollout of a `once` operation runs and telemetry flows: every job
ends, no effect comes twice, and of what hosts were told to forget every sample and every notice is there.

Each victim once in every test run; many times, at random moments, in the soak, whose seed is printed.
"""

import asyncio
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from controller_plant import SETTLED_MS, Plant, plant
from fleet import SITE
from postgres_server import PostgresServer, postgres_server
from wire_tap import STEP_MS

from guestwire.protocol import ids
from guestwire.protocol import operation_models as m
from guestwire.sdk.client import context_of_socket, open_client

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTS = ("h1", "h2", "h3")
GUEST = "linux1"
BUSY = {
    "telemetry": {
        "fast_s": 0.1, "normal_s": 1.0, "slow_s": 1.0, "live_s": 0,
        "metrics": ["guestwire_host_cpu_seconds_total", "guestwire_host_load", "guestwire_agent_info"],
    }
}  # fmt: skip
"""Many small batches: a dozen numbers a second of each host, so that acknowledgements come soon."""
BACK_S, LONG_BACK_S = 60.0, 300.0
"""How long a host may take to come back; and one that has lost its broker again and again."""
WHOLE = ("fsync=off", "autovacuum=off")
"""Settings of a server that is killed: a process that dies while it writes may leave half a page, which only a whole image of it in the
log mends."""
PER_MINUTE = 120
"""So that some hosts of a rollout are done and some are not when somebody is killed."""
ENDS = {"succeeded", "failed", "canceled", "timed-out", "rejected", "indeterminate"}
KILLS = int(os.environ.get("GUESTWIRE_TEST_CONTROLLER_KILLS", "24"))
SEED = int(os.environ.get("GUESTWIRE_TEST_SEED", str(time.time_ns() % 1_000_000)))

Victim = Callable[[Plant, PostgresServer | None], Awaitable[None]]


async def controller(made: Plant, _: PostgresServer | None) -> None:
    await made.controller.kill()
    await made.controller.start()


async def broker(made: Plant, _: PostgresServer | None) -> None:
    await made.fleet.broker.kill()
    await made.fleet.broker.restart()


async def agent(made: Plant, _: PostgresServer | None) -> None:
    await made.fleet.agents["h2"].kill()
    await made.fleet.agents["h2"].start()


async def database(_: Plant, server: PostgresServer | None) -> None:
    assert server is not None
    server.kill()
    server.start()


async def database_restart(_: Plant, server: PostgresServer | None) -> None:
    assert server is not None
    server.stop(signal.SIGINT)
    server.start()


async def database_lock(made: Plant, _: PostgresServer | None) -> None:
    """Another program has the file, for longer than anybody waits for it."""
    with closing(sqlite3.connect(made.controller.home / "controller.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await made.api.until(lambda: _stores(made, 0.0), "telemetry is not taken")


async def _stores(made: Plant, value: float) -> bool:
    text = (await made.api.client.get(f"{made.controller.url}/metrics")).text
    return f"guestwire_controller_telemetry_storing {value}" in text


ON_POSTGRES: tuple[Victim, ...] = (broker, agent, database, controller)
ON_SQLITE: tuple[Victim, ...] = (controller, broker, database_lock, agent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Plant, PostgresServer]]:
    base = tmp_path_factory.mktemp("m")
    async with AsyncExitStack() as stack:
        server = stack.enter_context(postgres_server(WHOLE))
        server.sql("CREATE DATABASE guestwire")
        made = await stack.enter_async_context(
            plant(base, dict.fromkeys(HOSTS, BUSY), database=server.dsn("guestwire"))
        )
        yield made, server


@pytest.mark.parametrize("victim", ON_POSTGRES, ids=lambda victim: victim.__name__)
async def test_killed_in_the_middle_of_a_rollout(victim: Victim, on_postgres: tuple[Plant, PostgresServer]) -> None:
    made, server = on_postgres
    with _telling_what_agents_said(made):
        if victim in (database, controller):
            await made.api.until(lambda: _is(made.tap.acknowledged), "something was acknowledged, and could be lost")
        await killed_once(made, server, victim)


async def test_a_server_that_is_gone(on_postgres: tuple[Plant, PostgresServer]) -> None:
    """The controller says so, and goes on by itself when it is back."""
    made, server = on_postgres
    ready = f"{made.controller.url}/readyz"
    server.stop()
    try:
        answer = await made.api.client.get(ready)
        assert (answer.status_code, answer.json()["ready"], answer.json()["database"]) == (503, False, False)
        refused = await made.api.ask("GET", "/jobs")
        assert (refused.status_code, refused.json()["code"]) == (503, "DATABASE-UNAVAILABLE")
        assert refused.headers["retry-after"] == str(refused.json()["retry_after"])
        assert (await made.api.client.get(f"{made.controller.url}/healthz")).status_code == 200
    finally:
        server.start()

    async def well() -> bool:
        return (await made.api.client.get(ready)).status_code == 200

    await made.api.until(well, "it is ready")


async def test_after_all_of_it_everything_that_was_measured_is_there_once(
    on_postgres: tuple[Plant, PostgresServer],
) -> None:
    made, _ = on_postgres
    await nothing_is_missing(made)


async def killed_once(
    made: Plant, server: PostgresServer | None, victim: Victim, after: int = 0, back_s: float = BACK_S
) -> None:
    """A rollout with a death in it, from beginning to end. `after`: how many batches go by between the first host that is done and
    the death."""
    await asyncio.gather(*(_guest_runs(made, host, back_s) for host in HOSTS))
    before = {host: made.fleet.agents[host].resets().get(GUEST, 0) for host in HOSTS}
    rollout = await made.reset_everywhere(GUEST, PER_MINUTE)
    await made.api.until(lambda: _some_are_done(made, rollout), "some hosts are done")
    seen = len(made.tap.batches)
    await made.api.until(lambda: _is(len(made.tap.batches) >= seen + after), "so many batches went by")
    await victim(made, server)
    await made.api.until(lambda: _ended(made, rollout), "the rollout has ended", back_s)
    await _every_job_is_right(made, rollout, before, certain=victim is not agent)
    lost = await made.api.until(lambda: _told(made.lost(made.tap.acknowledged)), "what was lost")
    assert lost == ("told", []), "what hosts were told to forget is not there"


@contextmanager
def _telling_what_agents_said(made: Plant) -> Iterator[None]:
    try:
        yield
    except AssertionError as err:
        said = [agent.log.tail(10) for agent in made.fleet.agents.values()]
        raise AssertionError(said, made.tap.broken) from err


async def _told(found: Awaitable[Any]) -> tuple[str, Any]:
    return "told", await found


async def _guest_runs(made: Plant, host: str, back_s: float) -> None:
    path = f"/hosts/{SITE}/{host}"

    async def online() -> bool:
        return bool((await made.api.get(path))["state"] == "online")

    await made.api.until(online, f"{host} is there", back_s)
    await made.api.post(f"{path}/operations/guest-start", {"guest": GUEST}, wait_s=20)


async def _some_are_done(made: Plant, rollout: str) -> bool:
    return bool((await made.api.get(f"/rollouts/{rollout}"))["counts"].get("succeeded"))


async def _ended(made: Plant, rollout: str) -> bool:
    """A host that may or may not have done it makes the rollout wait for a person; what is asked here is how each host ends."""
    found = await made.api.get(f"/rollouts/{rollout}")
    return bool(found["state"] == "finished" or found["done"] == found["hosts"])


async def _every_job_is_right(made: Plant, rollout: str, before: dict[str, int], *, certain: bool) -> None:
    """By the hosts' own books. `certain`: the host's agent has lived, so there is no doubt."""
    targets = (await made.api.get(f"/rollouts/{rollout}/targets"))["items"]
    assert [target["host"] for target in targets] == sorted(HOSTS)
    for target in targets:
        host, job = target["host"], await made.api.get(f"/jobs/{target['job_id']}")
        assert (job["state"], job["finished"], job["verified"]) == (target["state"], True, True), job
        assert job["state"] in ENDS
        number = ids.from_text(job["request_id"])
        assert number is not None
        assert await _by_its_own_book(made, host, number) == job["state"]
        came = made.fleet.agents[host].resets().get(GUEST, 0) - before[host]
        assert came == 1 if job["state"] == "succeeded" else came <= 1, (host, came, job)
        assert job["state"] == "succeeded" or not certain, job


async def _by_its_own_book(made: Plant, host: str, number: bytes) -> str:
    """How a job of the controller stands at its host, asked over the host's own socket."""
    async with open_client(await context_of_socket(made.fleet.agents[host].socket)) as local:
        asked = m.JobRef(request_id=number, issuer="controller:main")
        return (await local.host(host).job_get(asked)).reply.state


async def nothing_is_missing(made: Plant, back_s: float = BACK_S) -> None:
    """Every number went by or is in a gap, gaps are shown as they were told, and all samples are there, once and as measured."""
    until_s = (time.time_ns() // 1_000_000 - SETTLED_MS) // STEP_MS

    async def all_went_by() -> bool:
        unaccounted = sorted(made.tap.unaccounted())
        assert unaccounted == []
        return True

    with _telling_what_agents_said(made):
        await made.api.until(all_went_by, "every number went by", back_s)
    assert made.tap.changed == made.tap.broken == []

    async def all_there() -> bool:
        differing = await made.differing(set(made.tap.batches), before=until_s)
        assert differing == []
        return True

    await made.api.until(all_there, "what was measured is there", back_s)
    notices = set(made.tap.notices)

    async def all_kept() -> bool:
        assert notices <= await made.notices()
        return True

    await made.api.until(all_kept, "notices are there", back_s)
    shown = (await made.api.get("/metrics/gaps", site=SITE))["gaps"]
    assert sum(gap["numbers"] for gap in shown) == len(set(made.tap.missing())), shown
    assert len(made.tap.batches) > len(HOSTS) * 50, "telemetry has flowed"


async def _is(found: object) -> bool:
    return bool(found)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_killed_again_and_again_at_random_moments(kind: str, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    sys.stderr.write(f"\nGUESTWIRE_TEST_SEED={SEED}\n")
    async with AsyncExitStack() as stack:
        server = None
        if kind == "postgresql":
            server = stack.enter_context(postgres_server(WHOLE))
            server.sql("CREATE DATABASE guestwire")
        dsn = "" if server is None else server.dsn("guestwire")
        made = await stack.enter_async_context(plant(tmp_path, dict.fromkeys(HOSTS, BUSY), database=dsn))
        victims = ON_SQLITE if server is None else (*ON_POSTGRES, database_restart)
        for n in range(KILLS):
            victim, after = victims[n % len(victims)], chance.randrange(50)
            sys.stderr.write(f"{n}: {victim.__name__} after {after} batches\n")
            with _telling_what_agents_said(made):
                await killed_once(made, server, victim, after, LONG_BACK_S)
        await nothing_is_missing(made, LONG_BACK_S)
        sent = set(made.tap.batches)
        await made.api.until(lambda: _is(sent <= made.tap.told_to_forget), "all of it was acknowledged", LONG_BACK_S)
