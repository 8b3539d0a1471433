"""Waiting for events by an operation: what ends a wait besides its event."""

import asyncio
from collections import Counter

import pytest
from tests.support.comm_process import Peer, ask, ask_from_afar, comm_fixtures, document

from guestwire.comm.client import CommClient
from guestwire.model.areas import Lock, MemoryArea
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


async def test_what_the_cloud_does_is_told_with_who_and_what(comm, client):
    """At most once a second each, with how often."""
    both = Event(name="both", reset="manual", signal=("HOST", "REMOTE"), wait=("HOST",))
    locked = MemoryArea(name="m", size=4096, default_access="RWC-")
    await client.apply(document("a", areas=(locked,), events=(both,), locks=(Lock(name="l", area="m"),)))
    for asking in (ask, ask_from_afar):
        for _ in range(20):
            await asking(client, "event-signal", w.NameRef(name="both"))
        await asking(client, "event-reset", w.NameRef(name="both"))
        await asking(client, "lock-break", w.LockBreak(name="l"))
    told, log, seq = Counter(), b"", 0
    rows = 0
    async with asyncio.timeout(20):
        while told.total() < 22:
            found = await client.follow(log, seq, 5.0)
            log, seq = found.log, found.happenings[-1].seq
            for one in found.happenings:
                if one.kind in ("signalled", "reset", "broken"):
                    told[one.kind, one.guest, one.name] += one.count
                    rows += 1
    assert told == {("signalled", "op:ann", "both"): 20, ("reset", "op:ann", "both"): 1, ("broken", "op:ann", "l"): 1}
    assert rows < 22


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


@pytest.mark.parametrize("event", [NATIVE, ARBITRATED])
@pytest.mark.parametrize("operation", ["event-signal", "event-reset"])
async def test_who_may_only_wait_neither_signals_nor_resets(client, event, operation):
    if operation == "event-reset":
        await ask(client, "event-signal", w.NameRef(name=event.name))
    with pytest.raises(GuestwireError, match="COMM-DENIED"):
        await ask_from_afar(client, operation, w.NameRef(name=event.name))
    asked = w.EventWait(names=(event.name,), timeout_s=0.05)
    found = (await ask(client, "event-wait", asked)).name
    assert found == (event.name if operation == "event-reset" else None)
    told = [one for one in (await client.follow(b"", 0, 1.0)).happenings if one.kind == "denied"]
    assert [(one.guest, one.name) for one in told] == [("op:ann", event.name)]
