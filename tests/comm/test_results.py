"""What has an effect, and comes again: under the same id, with another body, while it runs, after its client went."""

import asyncio

import pytest
from tests.support.comm_process import ask, comm_fixtures, document

from guestwire.comm.client import CommClient
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.protocol import comm_models as w
from guestwire.protocol.ids import request_id
from guestwire.protocol.operations import BY_NAME

WAIT = w.EventWait(names=("go",), timeout_s=500.0)
WHOLE = document("a", events=(Event(name="go", signal=("HOST",), wait=("a", "HOST")),))

comm, client = comm_fixtures(WHOLE)


async def call(client: CommClient, operation: str, request: w.Model, identifier: bytes) -> w.Model:
    answer: w.Model = await client._call(BY_NAME[operation], request, 30.0, issuer="local:0", request_id=identifier)
    return answer


async def waiters(client: CommClient, count: int) -> None:
    async with asyncio.timeout(20):
        while len((await ask(client, "event-show", w.NameRef(name="go"))).waiters) != count:
            await asyncio.sleep(0)


async def test_the_same_id_gets_the_same_answer_and_runs_once(client):
    identifier = request_id(now().wall_ms)
    first = await call(client, "event-signal", w.NameRef(name="go"), identifier)
    again = await call(client, "event-signal", w.NameRef(name="go"), identifier)
    assert first == again
    assert first.signals == 1
    with pytest.raises(GuestwireError, match="IDEMPOTENCY-MISMATCH"):
        await call(client, "event-signal", w.NameRef(name="other"), identifier)
    with pytest.raises(GuestwireError, match="IDEMPOTENCY-MISMATCH"):
        await call(client, "event-reset", w.NameRef(name="go"), identifier)


async def test_a_failure_is_an_answer_too(client):
    identifier = request_id(now().wall_ms)
    for _ in range(2):
        with pytest.raises(GuestwireError, match="NOT-FOUND"):
            await call(client, "event-signal", w.NameRef(name="nothing"), identifier)


async def test_a_wait_whose_client_went_is_waited_for_no_more(comm, client):
    identifier = request_id(now().wall_ms)
    async with CommClient(comm.dir) as leaving:
        waiting = asyncio.create_task(call(leaving, "event-wait", WAIT, identifier))
        await waiters(client, 1)
    with pytest.raises(GuestwireError, match="COMM-LOST"):
        await waiting
    await waiters(client, 0)
    again = asyncio.create_task(call(client, "event-wait", WAIT, identifier))  # under the same id: it waits anew
    await waiters(client, 1)
    await ask(client, "event-signal", w.NameRef(name="go"))
    assert (await again).name == "go"


async def test_a_wait_that_another_connection_joined_goes_on(comm, client):
    identifier = request_id(now().wall_ms)
    async with CommClient(comm.dir) as leaving:
        waiting = asyncio.create_task(call(leaving, "event-wait", WAIT, identifier))
        await waiters(client, 1)
        joined = asyncio.create_task(call(client, "event-wait", WAIT, identifier))
        await ask(client, "comm-status")  # behind it on the same connection: it was taken
    with pytest.raises(GuestwireError, match="COMM-LOST"):
        await waiting
    await waiters(client, 1)
    await ask(client, "event-signal", w.NameRef(name="go"))
    assert (await joined).name == "go"


async def test_a_change_whose_client_went_is_made_to_its_end(comm, client):
    """What is half done when nobody listens any more is done: who asks again finds it so."""
    other = WHOLE.model_copy(update={"events": ()})
    async with CommClient(comm.dir) as leaving:
        asked = asyncio.create_task(leaving.apply(other))
        await leaving.held()
    await asyncio.gather(asked, return_exceptions=True)
    async with asyncio.timeout(20):
        while await client.held() != other:
            await asyncio.sleep(0)


async def test_waits_of_one_issuer_are_bounded(client):
    asked = [
        asyncio.create_task(call(client, "event-wait", WAIT, request_id(now().wall_ms))) for _ in range(70)
    ]  # fmt: skip
    async with asyncio.timeout(20):
        while sum(task.done() for task in asked) < 6:
            await asyncio.sleep(0)
    assert {str(task.exception()).split(":")[0] for task in asked if task.done()} == {"BUSY"}
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
