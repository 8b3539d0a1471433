"""Waiting for an area to change: bounded, shared, and with the right to read it looked at each time."""

import asyncio
import mmap
import os

import pytest
from tests.support.comm_process import Peer, ask, ask_from_afar, comm_fixtures, document

from guestwire.model.areas import MemoryArea
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w

OPEN = MemoryArea(name="open", size=1 << 20, default_access="RWC-", overrides={"REMOTE": "R---"})
WHOLE = document("a", areas=(OPEN,))

comm, client = comm_fixtures(WHOLE)


async def test_a_store_ends_all_waits_for_it(comm, client):
    now = await ask(client, "area-dump", w.AreaDump(name="open", length=8))
    asked = w.AreaDump(name="open", length=8, digest=now.digest, wait_s=20.0)
    waiting = [asyncio.create_task(ask_from_afar(client, "area-dump", asked)) for _ in range(60)]
    await ask(client, "comm-status")
    with Peer(comm.attach, "a") as a:
        (fd,) = a.call("AREA", text="open")["fds"]
        with mmap.mmap(fd, 2 << 20) as memory:
            memory[4096:4099] = b"new"
        os.close(fd)
    found = await asyncio.gather(*waiting)
    assert {one.data for one in found} == {b"new\0\0\0\0\0"}


async def test_more_waits_than_there_may_be_are_refused_and_others_answered(client):
    now = await ask(client, "area-dump", w.AreaDump(name="open"))
    asked = w.AreaDump(name="open", digest=now.digest, wait_s=20.0)
    waiting = [asyncio.create_task(ask(client, "area-dump", asked)) for _ in range(80)]
    async with asyncio.timeout(20):
        while sum(task.done() for task in waiting) < 16:
            await asyncio.sleep(0)
    assert (await client.status()).state == "running"
    await client.apply(WHOLE.model_copy(update={"areas": ()}))
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert sorted({str(err).split(":")[0] for err in ended}) == ["BUSY", "NOT-FOUND"]


async def test_who_loses_the_right_hears_nothing_more(client):
    now = await ask_from_afar(client, "area-dump", w.AreaDump(name="open"))
    asked = w.AreaDump(name="open", digest=now.digest, wait_s=20.0)
    waiting = asyncio.create_task(ask_from_afar(client, "area-dump", asked))
    await ask(client, "comm-status")
    await client.apply(WHOLE.model_copy(update={"areas": (OPEN.model_copy(update={"overrides": {}}),)}))
    with pytest.raises(GuestwireError, match="COMM-DENIED"):
        await waiting
    told = [one for one in (await client.follow(b"", 0, 1.0)).happenings if one.kind == "denied"]
    assert [(one.guest, one.name, one.text) for one in told] == [("op:ann", "open", "read")]


async def test_the_time_passes(client):
    now = await ask(client, "area-dump", w.AreaDump(name="open"))
    again = await ask(client, "area-dump", w.AreaDump(name="open", digest=now.digest, wait_s=0.05))
    assert again.digest == now.digest
