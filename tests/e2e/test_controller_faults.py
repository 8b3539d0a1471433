"""A disk that is full, a database that is locked: the controller says what is wrong, goes on by itself afterwards, and nothing that it
had acknowledged is lost.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from controller_plant import Plant, plant
from small_disk import fill, mounted

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTS = ("h1", "h2")
FEW = ["guestwire_host_cpu_seconds_total", "guestwire_host_load"]
OFTEN = {"telemetry": {"fast_s": 0.1, "normal_s": 1.0, "live_s": 0, "metrics": FEW}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_a_small_disk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Plant, Path]]:
    """A controller whose database is on a disk that can be filled."""
    base = tmp_path_factory.mktemp("f")
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(mounted(base / "disk", 32 << 10))
        file = disk / "controller.db"
        made = await stack.enter_async_context(plant(base, dict.fromkeys(HOSTS, OFTEN), database=f"sqlite:///{file}"))
        yield made, file


async def test_a_full_disk(on_a_small_disk: tuple[Plant, Path]) -> None:
    made, file = on_a_small_disk

    async def some_stored() -> bool:
        return all([(await made.total(f'{FEW[1]}{{host="{host}"}}'))[0] for host in HOSTS])

    async def go_on_measuring() -> bool:
        return len(made.tap.batches) > len(sent) + 5

    async def some_acknowledged() -> bool:
        return bool(made.tap.acknowledged)

    await made.api.until(some_stored, "something is stored")
    filler = fill(file.parent)
    try:
        await _not_ready(made)
        sent = set(made.tap.batches)
        refused = await made.api.ask("POST", "/groups", json={"name": "all", "selection": "state=online"})
        _says(refused, "DATABASE-FULL")
        assert await made.api.get("/hosts"), "what is there can be read"
        await made.api.until(go_on_measuring, "hosts go on measuring")
        later = set(made.tap.batches) - sent
        # a word is held for a while, so that one says much: what was stored before is told now, and nothing else with it
        await made.api.until(some_acknowledged, "something is acknowledged")
        assert not later & made.tap.told_to_forget, "nothing is acknowledged that is not stored"
        assert await made.lost(made.tap.acknowledged) == []
    finally:
        filler.unlink()
    await _well_again(made)


async def test_a_locked_file(on_a_small_disk: tuple[Plant, Path]) -> None:
    """By another program, for longer than anybody waits for it."""
    made, file = on_a_small_disk
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = asyncio.create_task(
            made.api.ask("POST", "/groups", json={"name": "others", "selection": "state=online"})
        )
        await _not_ready(made)
        _says(await refused, "DATABASE-UNAVAILABLE")
        assert await made.api.get("/hosts"), "what is there can be read"
    await _well_again(made)


async def _not_ready(made: Plant) -> None:
    async def refuses() -> bool:
        answer = await made.api.client.get(f"{made.controller.url}/readyz")
        return answer.status_code == 503 and answer.json()["database"] is False

    await made.api.until(refuses, "it is not ready")


def _says(answer: Any, code: str) -> None:
    said = answer.json()
    assert (answer.status_code, said["code"], said["retry"]) == (503, code, "after"), said
    assert said["retry_after"] > 0
    assert answer.headers["retry-after"] == str(said["retry_after"])


async def _well_again(made: Plant) -> None:
    """The controller was not started again. What it had acknowledged is there, and so is what it could not take then, once."""

    async def ready() -> bool:
        return (await made.api.client.get(f"{made.controller.url}/readyz")).status_code == 200

    await made.api.until(ready, "it is ready")
    await made.ask_who_is_there()
    await made.everything_is_there()
    assert await made.api.get("/groups") == {"items": [], "next": None}, "what was refused was not done"
