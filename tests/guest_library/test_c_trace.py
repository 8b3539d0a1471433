"""The guest's half of the marks in traces, beside the host's: who made which pair is told by guest and request."""

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.comm_process import CommProcess, comm_fixtures, document
from tests.support.serial_bridge import serial_bridge

from guestwire.comm.client import CommClient
from guestwire.shm.layouts import NUMBERS

RUN_S = 60.0
PROJECT = document("a")
LINE = re.compile(r"guestwire (\w+) request=(\d+) host_ns=(\d+)((?: bytes=\d+)?)")


comm, _ = comm_fixtures(PROJECT)


async def asked(comm: CommProcess, program: Path, tracefs: Path) -> list[tuple[str, int]]:
    """What the program asked for as the guest a, over its own channel, and how each ended."""
    with serial_bridge(comm.dir / "guests" / f"{PROJECT.guests[0].uuid}.serial") as port:
        process = await asyncio.create_subprocess_exec(
            program, f"serial:{port}", tracefs, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        async with asyncio.timeout(RUN_S):
            said, _ = await process.communicate()
        assert process.returncode == 0, said
    return [(line.split()[0], int(line.split()[1])) for line in said.decode().splitlines()]


def marks(tracefs: Path) -> list[tuple[str, int, int, str]]:
    """Kind, request and clock of each line that the guest wrote, and what more there is."""
    found = [LINE.fullmatch(line) for line in (tracefs / "trace_marker").read_text().splitlines()]
    return [(one[1], int(one[2]), int(one[3]), one[4]) for one in found if one is not None]


async def test_marks_of_both_sides_are_pairs(
    comm: CommProcess, c_program: Callable[[str], Path], tmp_path: Path
) -> None:
    tracefs = tmp_path / "tracing"
    tracefs.mkdir()
    for file in ("trace_marker", "trace_marker_raw"):
        (tracefs / file).touch()
    codes = await asked(comm, await asyncio.to_thread(c_program, "trace"), tracefs)
    assert [code for kind, code in codes if kind in ("ping", "log", "long")] == [0, 0, NUMBERS["GW_TOO_LARGE"]]
    ours = marks(tracefs)
    assert [kind for kind, *_ in ours] == [kind for kind, code in codes if code == 0]
    assert [at for _, _, at, _ in ours] == sorted(at for _, _, at, _ in ours)
    async with CommClient(comm.dir) as client:
        news = await client.follow(b"", 0, 1.0)
    theirs = [re.fullmatch(r"\d+\.(\d+)@(\d+)", one.name) for one in news.happenings if one.kind in ("log", "data")]
    pairs = {int(one[1]): int(one[2]) for one in theirs if one is not None}
    for kind, request, at, _ in ours:
        if kind in ("log", "data"):
            assert 0 <= at - pairs[request] < RUN_S * 1e9


async def test_requests_of_another_process_have_other_numbers(
    comm: CommProcess, c_program: Callable[[str], Path], tmp_path: Path
) -> None:
    program = await asyncio.to_thread(c_program, "trace")
    numbers: set[int] = set()
    for name in ("one", "two"):
        tracefs = tmp_path / name
        tracefs.mkdir()
        (tracefs / "trace_marker").touch()
        await asked(comm, program, tracefs)
        mine = {request for _, request, _, _ in marks(tracefs)}
        assert not mine & numbers
        numbers |= mine


@pytest.mark.parametrize("there", ["nothing", "a folder", "a pipe"])
async def test_without_a_trace_all_is_as_with_one(
    comm: CommProcess, c_program: Callable[[str], Path], tmp_path: Path, there: str
) -> None:

    tracefs = tmp_path / "tracing"
    tracefs.mkdir()
    if there == "a folder":
        (tracefs / "trace_marker").mkdir()
    elif there == "a pipe":
        os.mkfifo(tracefs / "trace_marker")
    codes = await asked(comm, await asyncio.to_thread(c_program, "trace"), tracefs)
    assert codes[:2] == [("ping", 0), ("log", 0)]
