"""Processes inside simulated guests: they live and die with their guests, and their death is nobody else's."""

import asyncio
import gc
import os
from itertools import count
from pathlib import Path

import pytest

from guestwire.agent.drivers.simulated.host import SimulatedHost
from guestwire.agent.drivers.simulated.inhabitants import Inhabitants
from guestwire.agent.drivers.simulated.settings import Settings
from guestwire.link.clock import now
from guestwire.model.guest import Guest
from guestwire.model.machines import MACHINES

UUID = "00000000-0000-4000-8000-000000000001"
QUICK = Settings(boot_s=0.01, shutdown_s=0.01)
A = Guest(name="a", id="GUEST0001", uuid=UUID, kind="gp_comm")


class Inside:
    """A program that says where it lives, and by which process, and stays until its standard input ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = count(now().wall_ms)
        self.command = ("/bin/sh", "-c", f'echo $$ >> {folder}/"$1"; exec cat > /dev/null', "sh", "{name}")

    def pids(self, name: str = "a") -> list[int]:
        path = self.folder / name
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def alive(self) -> list[int]:
        return [pid for pid in self.pids() if _lives(pid)]

    async def until(self, begun: int, alive: int) -> None:
        """At least so many were begun (one that is ended while it begins is begun anew), and so many live."""
        async with asyncio.timeout(30):
            while len(self.pids()) < begun or len(self.alive()) != alive:
                await asyncio.sleep(0.005)


def _lives(pid: int) -> bool:
    """Whether it lives and is still ours: another process may have got the pid."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return False
    return state != "Z" and int(parent) == os.getpid()


@pytest.fixture
def inside(tmp_path: Path) -> Inside:
    return Inside(tmp_path)


def host(inside: Inside, state: Path | None = None) -> SimulatedHost:
    """Its clock goes on whenever it is read, and from one process of it to the next: what happened later is later."""
    return SimulatedHost(
        MACHINES["4-core"], state, clock=lambda: next(inside.clock), settings=QUICK, inhabitant=inside.command
    )


async def test_it_lives_as_long_as_the_guest_is_on(inside: Inside) -> None:
    async with host(inside) as made:
        await made.define(A)
        assert not inside.pids()
        await made.start(UUID)
        await inside.until(1, 1)
        await made.pause(UUID)
        await made.resume(UUID)
        await inside.until(1, 1)
        await made.destroy(UUID)
        await inside.until(1, 0)


async def test_a_reset_and_a_reboot_begin_another(inside: Inside) -> None:
    async with host(inside) as made:
        await made.define(A)
        await made.start(UUID)
        await inside.until(1, 1)
        await made.reset(UUID)
        await inside.until(2, 1)
        made.reboot_inside(UUID)
        await inside.until(3, 1)
        made.crash(UUID)
        await inside.until(3, 0)


async def test_its_end_is_not_the_guests_and_it_comes_back(inside: Inside) -> None:
    async with host(inside) as made:
        await made.define(A)
        await made.start(UUID)
        await inside.until(1, 1)
        os.kill(inside.pids()[0], 9)
        await inside.until(2, 1)
        (seen,) = await made.list()
        assert seen.state == "running"


async def test_a_process_that_ends_takes_them_and_the_next_begins_them_again(inside: Inside, tmp_path: Path) -> None:
    async with host(inside, tmp_path / "state") as made:
        await made.define(A)
        await made.start(UUID)
        await inside.until(1, 1)
    await inside.until(1, 0)
    async with host(inside, tmp_path / "state"):
        await inside.until(2, 1)
    await inside.until(2, 0)


async def test_one_moves_in_when_all_before_are_out(inside: Inside, tmp_path: Path) -> None:
    """However fast the guest goes off and on, or reboots."""
    looks = f'touch "$1"; while read pid; do kill -0 $pid && echo $pid >> two; done < "$1"; {inside.command[2]}'
    made = Inhabitants(("/bin/sh", "-c", f"cd {tmp_path}; {looks}", "sh", "{name}"))
    for life in range(1, 6):
        made.follow("a", (life, 0))
        if life % 2:
            made.follow("a", (life, 1))
        await inside.until(life, 1)
        made.follow("a", None)
    await made.close()
    assert not (tmp_path / "two").exists()


def tasks_inside() -> set[asyncio.Task[None]]:
    return {task for task in asyncio.all_tasks() if task.get_name().startswith("inside-")}


async def test_nobody_moves_in_while_they_are_ended(inside: Inside) -> None:
    """A guest that comes up just then is told of as one that runs."""
    made = Inhabitants(inside.command)
    made.follow("a", (1,))
    await inside.until(1, 1)
    ending = asyncio.create_task(made.close())
    while not made._closed:
        await asyncio.sleep(0)
    made.follow("a", (1,))
    made.follow("b", (1,))
    await ending
    assert (tasks_inside(), inside.alive(), inside.pids("b")) == (set(), [], [])


@pytest.mark.parametrize("turns", range(12))
async def test_one_that_is_being_ended_is_seen_to_its_end(inside: Inside, turns: int) -> None:
    """Whatever it was at when its guest went off, and then the host: its process is gone and was waited for, or Python says so
    of what it finds left."""
    made = Inhabitants(inside.command)
    made.follow("a", (1,))
    for _ in range(turns):
        await asyncio.sleep(0)
    made.follow("a", (2,))
    await asyncio.sleep(0)
    made.follow("a", None)
    await asyncio.sleep(0)
    await made.close()
    assert (tasks_inside(), inside.alive()) == (set(), [])
    gc.collect()


async def test_nobody_lives_in_a_guest_without_communication(inside: Inside) -> None:
    async with host(inside) as made:
        await made.define(A.model_copy(update={"kind": "gp"}))
        await made.start(UUID)
        assert not made._inhabitants._lives


async def test_a_program_that_is_not_there_is_nobodys_trouble(tmp_path: Path) -> None:
    made = SimulatedHost(MACHINES["4-core"], clock=lambda: now().wall_ms, settings=QUICK, inhabitant=("/nowhere",))
    async with made:
        await made.define(A)
        await made.start(UUID)
        (seen,) = await made.list()
        assert seen.state == "running"
