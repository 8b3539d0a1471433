"""What a caller of guestwire-comm is told: over a real socket, with the real executor at the other end."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from comm_twin import CommTwin

from guestwire.comm.client import MAX_CALLS, CommClient
from guestwire.link.clock import now
from guestwire.model.areas import MemoryArea
from guestwire.model.base import Model
from guestwire.model.communication import CommDocument, CommGuest
from guestwire.model.errors import GuestwireError
from guestwire.model.events import Event
from guestwire.protocol import comm_models as w
from guestwire.protocol.envelope import VERSION, Header, body_hash
from guestwire.protocol.ids import request_id
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Call, Inbound

UUID = "00000000-0000-4000-8000-000000000001"
DOCUMENT = CommDocument(
    guests=(CommGuest(name="a", uuid=UUID),),
    areas=(MemoryArea(name="m", size=1000, overrides={"a": "R---"}),),
    events=(Event(name="e", signal=("REMOTE",)),),
)


@pytest.fixture
async def twin(tmp_path: Path) -> AsyncIterator[CommTwin]:
    async with CommTwin(tmp_path) as running:
        yield running


@pytest.fixture
async def client(tmp_path: Path, twin: CommTwin) -> AsyncIterator[CommClient]:
    async with CommClient(tmp_path) as opened:
        yield opened


def call(operation: str, request: Model, issuer: str = "operator:alice", number: bytes = b"") -> Call:
    header = Header(
        VERSION,
        "request",
        ("s", "h"),
        operation,
        number or request_id(now().wall_ms),
        issuer,
        0,
        1 << 50,
        0,
        body_hash(b""),
        "c",
    )
    made = Call(BY_NAME[operation], header, Inbound(b"", "c", operation), issuer, signed=True, wall_ms=0)
    made.request = request
    return made


async def refused(work: object) -> str:
    with pytest.raises(GuestwireError) as err:
        await work  # type: ignore[misc]
    return err.value.code


async def test_a_document_comes_back_as_it_was_given(client: CommClient, twin: CommTwin) -> None:
    assert await client.held() is None
    await client.apply(DOCUMENT)
    assert await client.held() == DOCUMENT
    await client.settle()
    assert twin.settled == 1
    assert (await client.status()).state == "running"


async def test_a_document_of_many_frames(client: CommClient) -> None:
    events = tuple(Event(name=f"event-{n:060d}", signal=("HOST", "REMOTE"), wait=("a",)) for n in range(4000))
    large = DOCUMENT.model_copy(update={"events": events})
    await client.apply(large)
    assert await client.held() == large


async def test_a_document_that_no_request_holds_is_refused_with_what_to_do(client: CommClient, twin: CommTwin) -> None:
    names = tuple(f"guest-{n:058d}" for n in range(64))
    events = tuple(Event(name=f"event-{n}", signal=names, wait=names) for n in range(1000))
    await client.apply(DOCUMENT)
    with pytest.raises(GuestwireError) as err:
        await client.apply(DOCUMENT.model_copy(update={"events": events}))
    assert err.value.code == "FRAME-TOO-LARGE"
    assert "1048576" in err.value.message
    assert "1000 events" in err.value.message
    assert "Let events name fewer guests" in err.value.message
    assert await client.held() == client.known == twin.document == DOCUMENT


async def test_who_asked_and_under_which_number_is_passed_on(client: CommClient, twin: CommTwin) -> None:
    await client.apply(DOCUMENT)
    asked = call("event-signal", w.NameRef(name="e"))
    assert isinstance(await client.forward(asked), w.EventView)
    assert ("event-signal", "operator:alice") in twin.issuers
    assert ("operator:alice", asked.request_id) in twin.finals
    again = len(twin.issuers)
    assert isinstance(await client.forward(asked), w.EventView)
    assert len(twin.issuers) == again  # the answer that was kept


async def test_the_services_own_errors_come_through(client: CommClient) -> None:
    assert await refused(client.forward(call("event-show", w.NameRef(name="x")))) == "NOT-FOUND"


async def test_services_that_are_not_there(tmp_path: Path) -> None:
    async with CommClient(tmp_path) as client:
        assert await refused(client.status()) == "COMM-NOT-STARTED"
        assert await refused(client.forward(call("area-list", Empty()))) == "COMM-NOT-STARTED"
        with pytest.raises(GuestwireError) as err:
            async with client.file("a", 2, writable=False):
                pass
        assert err.value.code == "COMM-NOT-STARTED"


async def test_services_that_go_while_somebody_waits_and_come_again(client: CommClient, twin: CommTwin) -> None:
    twin.hold["comm-status"] = asyncio.Event()
    waiting = asyncio.create_task(client.status())
    async with asyncio.timeout(5):
        while not twin.issuers:
            await asyncio.sleep(0.001)
    await twin.stop()
    assert await refused(waiting) == "COMM-LOST"
    assert await refused(client.status()) == "COMM-NOT-STARTED"
    twin.hold.clear()
    await twin.start()
    assert (await client.status()).instance == 2


async def test_services_that_do_not_answer(client: CommClient, twin: CommTwin) -> None:
    twin.hold["comm-follow"] = asyncio.Event()
    with pytest.raises(GuestwireError) as err:
        await client._call(_operation("comm-follow"), w.CommFollow(), 0.05)
    assert err.value.code == "COMM-LOST"
    assert (await client.status()).state == "running"


def _operation(name: str) -> object:
    from guestwire.comm.client import _INTERNAL

    return _INTERNAL[name]


async def test_one_that_waits_keeps_nobody_else_waiting(client: CommClient, twin: CommTwin) -> None:
    twin.hold["event-wait"] = asyncio.Event()
    waiting = asyncio.create_task(client.forward(call("event-wait", w.EventWait(names=("e",)))))
    assert (await client.status()).state == "running"
    assert not waiting.done()
    twin.hold["event-wait"].set()
    answer = await waiting
    assert isinstance(answer, w.EventWaited)
    assert answer.name == "e"


async def test_there_is_a_bound(client: CommClient, twin: CommTwin) -> None:
    twin.hold["event-wait"] = asyncio.Event()
    asked = [
        call("event-wait", w.EventWait(names=("e",)), f"o:{n}", request_id(now().wall_ms)) for n in range(MAX_CALLS)
    ]
    waiting = [asyncio.create_task(client.forward(one)) for one in asked]
    async with asyncio.timeout(10):
        while len(twin.issuers) < MAX_CALLS:
            await asyncio.sleep(0.001)
    assert await refused(client.status()) == "BUSY"
    twin.hold["event-wait"].set()
    await asyncio.gather(*waiting)
    assert (await client.status()).state == "running"


async def test_files_of_regions_as_they_were_granted(client: CommClient) -> None:
    await client.apply(DOCUMENT)
    plugs = (await client.plugs("a")).plugs
    assert [(plug.name, plug.writable) for plug in plugs] == [("directory", False), ("m", False)]
    async with client.file("a", plugs[1].index, writable=False) as file:
        assert os.fstat(file).st_size == plugs[1].backing
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)
    for index, writable, code in ((plugs[1].index, True, "COMM-DENIED"), (99, False, "NOT-FOUND")):
        with pytest.raises(GuestwireError) as err:
            async with client.file("a", index, writable=writable):
                pass
        assert err.value.code == code


async def test_a_cancelled_caller_leaves_nothing_behind(client: CommClient, twin: CommTwin) -> None:
    twin.hold["comm-status"] = asyncio.Event()
    waiting = asyncio.create_task(client.status())
    async with asyncio.timeout(5):
        while not twin.issuers:
            await asyncio.sleep(0.001)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert client._line is not None
    assert not client._line.calls
    twin.hold["comm-status"].set()
    assert (await client.status()).state == "running"
