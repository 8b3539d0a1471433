"""The C library at a real guestwire-comm: scenarios in c/attached.c, under AddressSanitizer and UBSan."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.comm_process import CommProcess, comm_fixtures, document

from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.events import HOST, Event

PLAY_S = 60.0
PROJECT = document(
    "a", "b", "c",
    areas=(
        MemoryArea(name="shared", size=1 << 20, default_access="RWC-", overrides={"c": "R---"}),
        MemoryArea(name="hostonly", size=65536, default_access="----", overrides={HOST: "RWC-"}),
    ),
    events=(
        Event(name="one", signal=("a",), wait=("b",)),
        Event(name="many", reset="manual", signal=("a",), wait=("b",)),
        Event(name="native-one", signal=(HOST,), wait=(HOST,)),
        Event(name="native-many", reset="manual", signal=(HOST,), wait=(HOST,)),
        Event(name="to-host", signal=("a",), wait=(HOST,)),
        Event(name="from-host", signal=(HOST,), wait=("a",)),
    ),
    queues=(Queue(name="q", area="shared", slots=4, slot_bytes=64, writers=("a", HOST), reader="b"),),
    locks=(Lock(name="l", area="shared"), Lock(name="robust", area="hostonly")),
)  # fmt: skip


comm, _ = comm_fixtures(PROJECT)


async def played(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """How it ended, and what it complained of."""
    try:
        async with asyncio.timeout(PLAY_S):
            _, complaints = await process.communicate()
    except TimeoutError:
        process.kill()
        _, complaints = await process.communicate()
    return process.returncode, complaints.decode()


async def play(comm: CommProcess, program: Path, scenario: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        program, comm.attach, scenario,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize(
    "scenarios",
    [
        ("nothing-crashes", "regions", "rights", "created", "services"),
        ("kinds-arbitrated", "kinds-native", "any-of-many", "parts", "details"),
        ("many-threads",),
        ("queue-edges", "queue-in-order"),
        ("lock-words", "lock-excludes", "lock-survives"),
        ("scribbled",),
    ],
    ids=lambda scenarios: scenarios[0],
)
async def test_it_does_what_it_promises(
    comm: CommProcess, c_program: Callable[[str], Path], scenarios: tuple[str, ...]
) -> None:
    program = await asyncio.to_thread(c_program, "attached")
    for scenario in scenarios:
        assert await played(await play(comm, program, scenario)) == (0, ""), scenario


async def denials(comm: CommProcess, wanted: int) -> Counter[tuple[str, str]]:
    """Who was denied what name, and how often, once it is as often as that in all."""
    told: Counter[tuple[str, str]] = Counter()
    async with CommClient(comm.dir) as client, asyncio.timeout(PLAY_S):
        log, seq = b"", 0
        while told.total() < wanted:
            news = await client.follow(log, seq, 5.0)
            for one in news.happenings:
                seq = one.seq
                if one.kind == "denied":
                    told[one.guest, one.name] += one.count
            log = news.log
    return told


async def test_what_it_may_not_is_told(comm: CommProcess, c_program: Callable[[str], Path]) -> None:
    program = await asyncio.to_thread(c_program, "attached")
    assert await played(await play(comm, program, "denied")) == (0, "")
    assert await denials(comm, 9) == {
        ("b", "one"): 3, ("a", "one"): 3, (HOST, "from-host"): 1, ("c", "shared"): 1, ("a", "hostonly"): 1,
    }  # fmt: skip


async def test_a_right_that_is_given_holds_at_once(comm: CommProcess, c_program: Callable[[str], Path]) -> None:
    program = await asyncio.to_thread(c_program, "attached")
    process = await play(comm, program, "given")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"give it\n"
    one = Event(name="one", signal=("a", "b"), wait=("a", "b"))
    events = tuple(one if event.name == one.name else event for event in PROJECT.events)
    async with CommClient(comm.dir) as client:
        await client.apply(PROJECT.model_copy(update={"events": events}))
    assert process.stdin is not None
    process.stdin.write(b"\n")
    assert await played(process) == (0, "")


async def test_calls_end_when_guestwire_comm_is_killed(comm: CommProcess, c_program: Callable[[str], Path]) -> None:
    program = await asyncio.to_thread(c_program, "attached")
    process = await play(comm, program, "comm-is-killed")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"kill it\n"
    await comm.kill()
    assert await played(process) == (0, "")
