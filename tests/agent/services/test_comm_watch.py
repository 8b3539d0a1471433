"""The follower, over a small guestwire-comm: everything is told at least once, and nobody is asked in a hurry."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from comm_twin import CommTwin

from guestwire.agent.services.comm_watch import NOTE, CommWatch
from guestwire.comm.client import CommClient
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError


@dataclass
class Heard:
    """Who hears, and the notes that outlive the watch."""

    kinds: list[str] = field(default_factory=list)
    missed: int = 0
    states: list[str] = field(default_factory=list)
    ready: list[str] = field(default_factory=list)
    notes: dict[str, bytes] = field(default_factory=dict)
    full: bool = False
    dead: list[str] = field(default_factory=list)

    def miss(self, count: int) -> None:
        self.missed += count

    async def set_note(self, name: str, value: bytes) -> None:
        if self.full:
            raise GuestwireError("JOURNAL-FULL")
        self.notes[name] = value

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not met():
                await asyncio.sleep(0.001)


@asynccontextmanager
async def watching(folder: Path, heard: Heard) -> AsyncIterator[CommWatch]:
    async with CommClient(folder) as client:
        watch = CommWatch(
            client, happened=lambda one: heard.kinds.append(f"{one.kind} {one.name}".strip()), missed=heard.miss,
            arrived=lambda status: heard.states.append(status.state), away=lambda err: heard.states.append(err.code),
            ready=heard.ready.append, note=heard.notes.get, set_note=heard.set_note,
            vital=Vital(lambda name, _: heard.dead.append(name)),
        )  # fmt: skip
        async with watch:
            yield watch
    assert not heard.dead


@pytest.fixture
async def twin(tmp_path: Path) -> AsyncIterator[CommTwin]:
    async with CommTwin(tmp_path) as made:
        yield made


async def test_what_happened_while_nobody_followed_is_told_and_nothing_twice(twin: CommTwin, tmp_path: Path) -> None:
    heard = Heard()
    twin.happen("attached", name="1")
    async with watching(tmp_path, heard):
        await heard.until(lambda: heard.kinds == ["attached 1"])
        twin.happen("attached", name="2")
        await heard.until(lambda: len(heard.kinds) == 2)
    assert len(heard.notes[NOTE]) == 24
    twin.happen("detached", name="3")
    async with watching(tmp_path, heard):
        await heard.until(lambda: len(heard.kinds) == 3)
        twin.happen("detached", name="4")
        await heard.until(lambda: len(heard.kinds) == 4)
    assert heard.kinds == ["attached 1", "attached 2", "detached 3", "detached 4"]


async def test_services_that_begin_anew_are_followed_from_their_beginning(twin: CommTwin, tmp_path: Path) -> None:
    heard = Heard()
    async with watching(tmp_path, heard):
        for name in ("1", "2", "3"):
            twin.happen("attached", name=name)
        await heard.until(lambda: len(heard.kinds) == 3)
        await twin.stop()
        await heard.until(lambda: len(heard.states) == 2)
        await twin.start()
        twin.happen("attached", name="new")
        await heard.until(lambda: "attached new" in heard.kinds)
    assert heard.states[0] == heard.states[-1] == "running"
    assert set(heard.states[1:-1]) <= {"COMM-LOST", "COMM-NOT-STARTED"}
    assert len(heard.states) == 3, "that they are away is told once"


async def test_services_that_are_not_there_are_waited_for(tmp_path: Path) -> None:
    heard = Heard()
    async with watching(tmp_path, heard):
        await heard.until(lambda: heard.states == ["COMM-NOT-STARTED"])
        async with CommTwin(tmp_path) as twin:
            await heard.until(lambda: "running" in heard.states)
            twin.happen("attached")
            await heard.until(lambda: heard.kinds == ["attached"])


async def test_guests_that_were_ready_before_are_known(twin: CommTwin, tmp_path: Path) -> None:
    heard = Heard()
    twin.ready.add("a")
    async with watching(tmp_path, heard):
        await heard.until(lambda: heard.ready == ["a"])
        twin.happen("ready", guest="b")
        await heard.until(lambda: heard.ready == ["a", "b"])


async def test_what_was_dropped_is_told(twin: CommTwin, tmp_path: Path) -> None:
    heard = Heard()
    async with watching(tmp_path, heard):
        twin.drop(5)
        await heard.until(lambda: heard.missed == 5)


async def test_reboots_are_passed_on_and_a_full_disk_ends_nothing(twin: CommTwin, tmp_path: Path) -> None:
    heard = Heard(full=True)
    async with watching(tmp_path, heard) as watch:
        watch.rebooted("a")
        await heard.until(lambda: twin.resets == ["a"])
        twin.fail["comm-guest-reset"] = GuestwireError("NOT-FOUND")
        watch.rebooted("stranger")
        await heard.until(lambda: sum(name == "comm-guest-reset" for name, _ in twin.issuers) == 2)
        twin.fail.clear()
        watch.rebooted("b")
        await heard.until(lambda: twin.resets == ["a", "b"])
        twin.happen("attached")
        await heard.until(lambda: heard.kinds == ["attached"])
    assert NOTE not in heard.notes
