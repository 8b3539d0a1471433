"""Counters of everything in one answer, by the process that serves them."""

import asyncio
import mmap
import os
import struct
import time

import pytest
from tests.support.comm_process import CommProcess, Peer, ask, comm_fixtures, document

from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.protocol import comm_models as w
from guestwire.shm.layouts import NUMBERS

N = NUMBERS
AREAS = (
    MemoryArea(name="shared", size=65536, default_access="RWC-", overrides={"b": "----"}),
    MemoryArea(name="open", size=4096, default_access="R---"),
)
EVENTS = (
    Event(name="go", signal=("a",), wait=("b",)),
    Event(name="on", reset="manual", initial=True, signal=("a",), wait=("b",)),
    Event(name="tick", signal=("HOST",), wait=("HOST",)),
    Event(name="ring", signal=("a",), wait=("b",), delivery="direct"),
)
WHOLE = document(
    "a", "b", areas=AREAS, events=EVENTS,
    queues=(Queue(name="q", area="shared", slots=8, slot_bytes=64, writers=("a", "b"), reader="HOST"),),
    locks=(Lock(name="l", area="shared"),),
)  # fmt: skip

comm, client = comm_fixtures(WHOLE)


async def test_counters_follow_what_guests_do(comm: CommProcess, client: CommClient) -> None:
    before = await client.metrics(filtered=False)
    assert before.areas == (("open", 4096, 0), ("shared", 65536, 0))
    assert {row[0]: row[1:] for row in before.events} == {
        "go": (0, 0, 0, 0), "on": (0, 0, 0, 1), "tick": (0, 0, -1, -1), "ring": (0, 0, -1, -1),
    }  # fmt: skip
    assert before.queues == (("q", 0, 16, 0, 0, 0),)
    assert before.locks == (("l", 0, 0, 0),)
    assert (before.guests, before.attached, before.ports, before.filtered) == ((), (0, 0), (), ())
    assert before.began_at <= time.time_ns() // 1_000_000
    assert before.resident_bytes > before.cpu_s >= 0
    assert before.region_bytes > 65536

    with Peer(comm.attach, "a") as a, Peer(comm.attach, "b") as b, Peer(comm.attach):
        signals, waits = a.open("go"), b.open("go")
        seq = b.wait(waits["handle"])
        assert b.silent()
        during = await client.metrics(filtered=True)
        assert {row[0]: row[3] for row in during.events}["go"] == 1
        assert during.attached == (2, 1)
        assert during.areas == (("open", 4096, 2), ("shared", 65536, 1))
        assert [row[0] for row in during.guests] == ["a", "b"]
        assert all(requests > 0 for _, requests, _, _ in during.guests)
        a.send("SET", handle=signals["handle"])
        reply, _ = b.recv()
        assert reply["seq"] == seq
        assert a.open("tick")["code"] == N["GW_DENIED"]
        b.send("SET", handle=waits["handle"])
        assert b.silent()
        after = await client.metrics(filtered=False)
    rows = {row[0]: row[1:] for row in after.events}
    assert rows["go"] == (1, 1, 0, 0)
    assert rows["tick"][1] == 1
    assert {name: denied for name, _, denied, _ in after.guests} == {"a": 1, "b": 1}
    assert after.began_at == before.began_at
    assert after.cpu_s >= before.cpu_s


async def test_what_is_stopped_counts_nothing(comm: CommProcess, client: CommClient) -> None:
    await ask(client, "comm-stop", w.CommStop())
    with pytest.raises(GuestwireError) as refused:
        await client.metrics(filtered=False)
    assert refused.value.code == "COMM-NOT-STARTED"
    await ask(client, "comm-start")
    assert (await client.metrics(filtered=False)).queues
    await comm.kill()
    with pytest.raises(GuestwireError) as refused:
        async with asyncio.timeout(10):
            while True:
                await client.metrics(filtered=False)
    assert refused.value.code in ("COMM-NOT-STARTED", "COMM-LOST")


@pytest.mark.parametrize(
    ("words", "locks"),
    [
        (b"\xff" * 65536, False),  # beyond what a count can be
        (struct.pack("<8192Q", *range(8192)), True),  # more was taken than was put
    ],
)
async def test_what_a_guest_wrote_over_is_left_out(
    words: bytes, locks: bool, comm: CommProcess, client: CommClient
) -> None:
    with Peer(comm.attach, "a") as a:
        got = a.call("AREA", text="shared", flags=N["GW_READ"] | N["GW_WRITE"])
        (fd,) = got["fds"]
        with mmap.mmap(fd, 1 << 20) as memory:
            memory[N["GW_DATA_OFFSET"] : N["GW_DATA_OFFSET"] + 65536] = words
        os.close(fd)
        found = await client.metrics(filtered=False)
    assert found.queues == ()
    assert bool(found.locks) == locks
    assert found.areas[1] == ("shared", 65536, 1)
