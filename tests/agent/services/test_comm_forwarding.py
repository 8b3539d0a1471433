"""What is sent on to guestwire-comm, and what its silence means."""

import asyncio
from contextlib import suppress
from typing import cast

import pytest

from guestwire.agent.services.comm_forwarding import CommForwarding
from guestwire.agent.services.communication import Communication
from guestwire.agent.services.running import Running
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.envelope import VERSION, Header, body_hash
from guestwire.protocol.ids import request_id
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.steps import Call, Inbound


class Services:
    """They answer, or fail with a code. A wait is answered when its time is over, or with the event that is `set`."""

    def __init__(self, code: str = "") -> None:
        self.code = code
        self.calls: list[Call] = []
        self.parts: list[float] = []
        self.asked = asyncio.Event()
        self.set: asyncio.Queue[str] = asyncio.Queue()

    async def forward(self, call: Call) -> Model:
        self.calls.append(call)
        if self.code:
            raise GuestwireError(self.code)
        return Empty()

    async def forward_part(self, call: Call, part: Model, within_s: float) -> Model:
        assert isinstance(part, w.EventWait)
        self.parts.append(within_s)
        self.asked.set()
        if self.code:
            raise GuestwireError(self.code)
        try:
            async with asyncio.timeout(within_s):
                return w.EventWaited(name=await self.set.get(), at=1)
        except TimeoutError:
            return w.EventWaited(name=None, at=1)


def call(operation: str, request: Model) -> Call:
    header = Header(VERSION, "request", ("s", "h"), operation, request_id(1), "a", 0, 1, 0, body_hash(b""), "c")
    made = Call(BY_NAME[operation], header, Inbound(b"", "c", operation), "a", signed=True, wall_ms=0)
    made.request = request
    return made


def forwarding(services: Services | None) -> CommForwarding:
    return CommForwarding(cast("Communication", services))


SIGNAL = ("event-signal", w.NameRef(name="e"))
RESET = ("event-reset", w.NameRef(name="e"))
WAIT = ("event-wait", w.EventWait(names=("e",)))


@pytest.mark.parametrize(
    ("asked", "code", "told"),
    [
        (SIGNAL, "COMM-LOST", "INDETERMINATE"), (SIGNAL, "COMM-NOT-STARTED", "COMM-NOT-STARTED"),
        (SIGNAL, "COMM-DENIED", "COMM-DENIED"), (RESET, "COMM-LOST", "COMM-LOST"), (WAIT, "COMM-LOST", "COMM-LOST"),
    ],
)  # fmt: skip
async def test_what_is_told_of_a_failure(asked: tuple[str, Model], code: str, told: str) -> None:
    with pytest.raises(GuestwireError) as err:
        await forwarding(Services(code)).run(Running(call(*asked)))
    assert err.value.code == told


async def test_a_wait_is_asked_in_slices() -> None:
    services, running = Services(), Running(call("event-wait", w.EventWait(names=("e",), timeout_s=0.05)))
    made = CommForwarding(cast("Communication", services), slice_s=0.02)
    assert await made.run(running) == w.EventWaited(name=None, at=1)
    assert running.effects == 0, "what only waits can be cancelled"
    assert len(services.parts) >= 2
    assert max(services.parts) <= 0.02
    services.set.put_nowait("e")
    assert await made.run(running) == w.EventWaited(name="e", at=1)


@pytest.mark.parametrize("comes", [True, False])
async def test_a_wait_that_is_cancelled_takes_no_event_with_it(comes: bool) -> None:
    services, running = Services(), Running(call("event-wait", w.EventWait(names=("e",), timeout_s=60.0)))
    made = CommForwarding(cast("Communication", services), slice_s=5.0 if comes else 0.05)
    waits = asyncio.create_task(made.run(running))
    await services.asked.wait()
    waits.cancel()
    if comes:
        services.set.put_nowait("e")
        assert await waits == w.EventWaited(name="e", at=1)
    else:
        with pytest.raises(asyncio.CancelledError):
            await waits
        services.set.put_nowait("e")
        assert services.set.qsize() == 1, "nobody waits for it any more"


async def test_a_process_that_is_not_there_is_stopped() -> None:
    made = forwarding(Services("COMM-NOT-STARTED"))
    status = await made.read(call("comm-status", Empty()))
    assert isinstance(status, w.CommStatus)
    assert status.state == "stopped"
    assert "systemctl start guestwire-comm" in status.missing["guestwire-comm"]
    with pytest.raises(GuestwireError, match="COMM-NOT-STARTED"):
        await made.read(call("area-list", Empty()))
    with pytest.raises(GuestwireError, match="systemctl start guestwire-comm"):
        await made.run(Running(call("comm-start", Empty())))


@pytest.mark.parametrize(("code", "asked"), [("", "comm-stop"), ("COMM-GUESTS-ATTACHED", "comm-restart")])
async def test_what_starts_and_stops_them_is_looked_at(code: str, asked: str) -> None:
    looked: list[str] = []
    made = CommForwarding(cast("Communication", Services(code)), lambda: looked.append(asked))
    with suppress(GuestwireError):
        await made.run(Running(call(asked, w.CommStop())))
    assert looked == [asked]
    await CommForwarding(cast("Communication", Services()), lambda: looked.append("?")).run(Running(call(*SIGNAL)))
    assert looked == [asked]


async def test_without_services() -> None:
    asked = call(*SIGNAL)
    for work in (forwarding(None).read(asked), forwarding(None).run(Running(asked))):
        with pytest.raises(GuestwireError) as err:
            await work
        assert err.value.code == "COMM-UNAVAILABLE"
