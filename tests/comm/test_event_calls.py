"""Waiting for events by an operation: what ends a wait besides its event."""

import asyncio

import pytest
from tests.support.comm_process import Peer, ask, ask_from_afar, comm_fixtures, document

from guestwire.comm.client import CommClient
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.protocol import comm_models as w

NATIVE = Event(name="native", signal=("HOST",), wait=("HOST", "REMOTE"))
ARBITRATED = Event(name="arbitrated", signal=("HOST",), wait=("HOST", "REMOTE", "a"))
WHOLE = document("a", events=(NATIVE, ARBITRATED))

comm, client = comm_fixtures(WHOLE)


async def waiting(client: CommClient, *names: str) -> "asyncio.Task[w.EventWaited]":
    """A wait that the services have taken."""
    task = asyncio.create_task(ask_from_afar(client, "event-wait", w.EventWait(names=names, timeout_s=25.0)))
    async with asyncio.timeout(20):
        while not (await ask(client, "event-show", w.NameRef(name=names[0]))).waiters:
            assert not task.done(), task.exception()
    return task


@pytest.mark.parametrize("names", [("native",), ("arbitrated",), ("native", "arbitrated")])
async def test_the_stop_of_the_services_ends_every_wait(client, names):
    task = await waiting(client, *names)
    await ask(client, "comm-stop", w.CommStop(force=True))
    with pytest.raises(GuestwireError, match="COMM-NOT-STARTED"):
        await asyncio.wait_for(task, 5)


@pytest.mark.parametrize("event", [NATIVE, ARBITRATED])
async def test_a_wait_for_an_event_that_is_gone_ends(client, event):
    task = await waiting(client, event.name)
    await client.apply(document("a", events=tuple(one for one in WHOLE.events if one != event)))
    with pytest.raises(GuestwireError, match="NOT-FOUND") as refused:
        await asyncio.wait_for(task, 5)
    assert refused.value.detail["event"] == event.name


@pytest.mark.parametrize("event", [NATIVE, ARBITRATED])
async def test_who_loses_the_right_to_wait_waits_no_more_and_learns_for_what(client, event):
    task = await waiting(client, *sorted({one.name for one in WHOLE.events}))
    without = event.model_copy(update={"wait": tuple(name for name in event.wait if name != "REMOTE")})
    events = tuple(without if one == event else one for one in WHOLE.events)
    await client.apply(document("a", events=events))
    with pytest.raises(GuestwireError, match="COMM-DENIED") as refused:
        await asyncio.wait_for(task, 5)
    assert refused.value.detail["event"] == event.name


async def test_the_first_of_both_kinds_ends_the_wait(comm, client):
    for name in ("native", "arbitrated"):
        task = await waiting(client, "arbitrated", "native")
        await ask(client, "event-signal", w.NameRef(name=name))
        assert (await asyncio.wait_for(task, 5)).name == name
        assert not (await ask(client, "event-show", w.NameRef(name=name))).set
    with Peer(comm.attach) as host:  # who does not wait over us finds nothing left
        assert host.open("arbitrated")["code"] == 0
