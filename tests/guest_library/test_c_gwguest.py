"""The command line of the guest library, at a real guestwire-comm."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.support.comm_process import comm_process, document

from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.events import HOST, Event

RUN_S = 30.0
USAGE, DENIED, NOT_FOUND, TIMED_OUT, NOT_STARTED, BUSY = 2, 11, 12, 13, 15, 16
PROJECT = document(
    "a", "b",
    areas=(MemoryArea(name="shared", size=65536, default_access="RWC-", overrides={"b": "R---"}),),
    events=(Event(name="go", signal=("a",), wait=("b", HOST)), Event(name="back", signal=("b",), wait=("a",))),
    queues=(Queue(name="q", area="shared", slots=4, slot_bytes=16, writers=("a",), reader=HOST),),
    locks=(Lock(name="l", area="shared"),),
)  # fmt: skip


class Guest:
    """gwguest, as one party of the project."""

    def __init__(self, program: Path, where: str) -> None:
        self._program = program
        self._where = where

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self._program, "--at", self._where, "--timeout", "2000", *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def __call__(self, *words: str, said: bytes = b"", timeout: str = "") -> tuple[int | None, str]:
        """How it ended, and what it printed; what it complained of where it failed."""
        process = await self.start(*(("--timeout", timeout) if timeout else ()), *words)
        async with asyncio.timeout(RUN_S):
            out, err = await process.communicate(said)
        return process.returncode, (err if process.returncode else out).decode()


@pytest.fixture
async def parties(tmp_path: Path, make: Callable[[str], Path]) -> AsyncIterator[dict[str, Guest]]:
    program = await asyncio.to_thread(make, "sanitized") / "gwguest-sanitized"
    async with comm_process(tmp_path) as comm:
        async with CommClient(comm.dir) as client:
            await client.apply(PROJECT)
        host = f"unix:{comm.attach}"
        yield {HOST: Guest(program, host)} | {name: Guest(program, f"{host}?guest={name}") for name in ("a", "b")}


async def test_areas(parties: dict[str, Guest]) -> None:
    a, b = parties["a"], parties["b"]
    code, rows = await b("area", "list")
    assert code == 0
    assert rows.split()[0] == "shared"
    assert rows.split()[2] == "r-"
    assert await a("area", "write", "shared", "16", "hello") == (0, "")
    assert await a("area", "write", "shared", "21", said=b" world") == (0, "")
    assert await b("area", "read", "shared", "16", "11") == (0, "hello world")
    assert await b("area", "watch", "shared", "16", "5", timeout="1") == (0, "hello\n")
    code, complaint = await b("area", "write", "shared", "0", "x")
    assert (code, "only the reading" in complaint) == (DENIED, True)
    assert (await a("area", "read", "nothing"))[0] == NOT_FOUND
    for words, wrong in (
        (("write", "shared", "65536", "x"), "OFFSET lies outside of the area"),
        (("write", "shared", "abc", "x"), "OFFSET is no number"),
        (("read", "shared", "-1"), "OFFSET is no number"),
        (("read", "shared", "0", "99999999"), "LENGTH reaches out of the area"),
        (("read", "shared", "0", "1k"), "LENGTH is no number"),
    ):
        code, complaint = await a("area", *words)
        assert (code, wrong in complaint) == (USAGE, True), complaint


async def test_events(parties: dict[str, Guest]) -> None:
    a, b = parties["a"], parties["b"]
    assert await a("event", "show", "go") == (0, "unset auto arbitrated may-signal\n")
    assert (await b("event", "wait", "go", timeout="10"))[0] == TIMED_OUT
    assert await a("event", "set", "go") == (0, "")
    assert await b("event", "wait", "go") == (0, "")
    for party, words, why in (
        (b, ("set", "go"), "may not signal go"), (b, ("reset", "go"), "may not reset go"),
        (a, ("wait", "go"), "may not wait for go"), (a, ("wait", "back", "go"), "may not wait for go"),
    ):  # fmt: skip
        code, complaint = await party("event", *words)
        assert (code, why in complaint) == (DENIED, True), complaint
    assert await a("event", "create", "mine", "manual", "set", timeout="0") == (
        0,
        "made; it lives while somebody has it open\n",
    )
    maker = await a.start("event", "create", "mine", "manual", "set")
    assert maker.stdout is not None
    await maker.stdout.readline()
    assert await b("event", "wait", "go", "mine") == (0, "mine\n")
    await maker.communicate(b"")
    assert (await b("event", "show", "mine"))[0] == NOT_FOUND


async def test_events_there_and_back(parties: dict[str, Guest]) -> None:
    echo = await parties["b"].start("echo-events", "go", "back", "20")
    assert echo.stdout is not None
    assert await echo.stdout.readline() == b"ready\n"
    code, printed = await parties["a"]("bench-events", "go", "back", "20")
    assert (code, printed.split()[0], printed.split()[-1]) == (0, "min_ns", "20")
    assert await echo.wait() == 0
    await echo.communicate(b"")


async def test_queues(parties: dict[str, Guest]) -> None:
    a, host = parties["a"], parties[HOST]
    assert await a("queue", "put", "q", "one") == (0, "")
    assert await a("queue", "put", "q", said=b"two") == (0, "")
    assert await host("queue", "get", "q", "2") == (0, "one\ntwo\n")
    assert (await host("queue", "get", "q", timeout="10"))[0] == TIMED_OUT
    assert (await host("queue", "put", "q", "x"))[0] == DENIED
    reader = await host.start("bench-queue-read", "q", "500")
    assert reader.stdout is not None
    assert await reader.stdout.readline() == b"ready\n"
    assert (await host("queue", "get", "q"))[0] == BUSY
    assert await a("bench-queue-write", "q", "8", "500", "loan") == (0, "")
    printed, _ = await reader.communicate(b"")
    assert printed.split()[0] == b"ns_per_message"


async def test_locks(parties: dict[str, Guest]) -> None:
    a, b = parties["a"], parties["b"]
    assert await a("lock", "run", "l", "--", "sh", "-c", "echo $GUESTWIRE_LOCK_TOKEN; exit 7") == (7, "")
    assert await a("lock", "run", "l", "--", "sh", "-c", "echo $GUESTWIRE_LOCK_TOKEN") == (0, "2\n")
    assert (await b("lock", "run", "l", "--", "true"))[0] == NOT_FOUND  # it may not write the lock's area
    holder = await a.start("lock", "run", "l", "--", "cat")
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(b"held\n")
    await holder.stdout.readline()
    assert (await parties[HOST]("lock", "run", "l", "--", "true", timeout="10"))[0] == TIMED_OUT
    assert await parties[HOST]("lock", "show", "l") != (0, "0\n")
    await holder.communicate(b"")
    assert await parties[HOST]("lock", "show", "l") == (0, "0\n")


async def test_services(parties: dict[str, Guest]) -> None:
    code, printed = await parties["a"]("ping", "0x1234")
    assert (code, printed.split()[0]) == (0, "host_ns")
    code, printed = await parties["a"]("available")
    assert [line.split()[0] for line in printed.splitlines()] == ["ping", "log", "flush", "data"]
    assert await parties["a"]("available", "ping") == (0, "ping yes\n")
    assert await parties["a"]("ready") == (0, "")
    assert (await parties[HOST]("ping"))[0] == DENIED


async def test_usage(make: Callable[[str], Path], tmp_path: Path) -> None:
    program = await asyncio.to_thread(make, "sanitized") / "gwguest-sanitized"
    nowhere = Guest(program, f"unix:{tmp_path}/attach.sock")
    assert (await nowhere("who"))[0] == NOT_STARTED
    assert (await Guest(program, "elsewhere")("who"))[0] == 14
    assert (await Guest(program, f"serial:{tmp_path}/port")("who"))[0] == NOT_FOUND
    for words, wrong in (
        (("fly",), "gwguest: fly:"), (("fly", "away"), "gwguest: fly:"), (("event", "fly"), "gwguest: fly:"),
        (("event",), "gwguest: event:"), (("event", "set"), "gwguest: NAME:"), (("--fly", "x", "who"), "gwguest: --fly:"),
        (("--at",), "gwguest: --at:"), ((), "gwguest: no command:"),
    ):  # fmt: skip
        code, complaint = await nowhere(*words)
        assert (code, wrong in complaint) == (USAGE, True), complaint
    code, printed = await nowhere("help")
    assert (code, "exit codes" in printed) == (0, True)
