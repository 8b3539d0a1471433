"""What is sent on to guestwire-comm, and what its silence means."""

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
    """They answer, or fail with a code."""

    def __init__(self, code: str = "") -> None:
        self.code = code
        self.calls: list[Call] = []

    async def forward(self, call: Call) -> Model:
        self.calls.append(call)
        if self.code:
            raise GuestwireError(self.code)
        return Empty()


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


@pytest.mark.parametrize(("asked", "effects"), [(SIGNAL, 1), (WAIT, 0)])
async def test_what_only_waits_can_be_cancelled(asked: tuple[str, Model], effects: int) -> None:
    services, running = Services(), Running(call(*asked))
    assert await forwarding(services).run(running) == Empty()
    assert (running.effects, len(services.calls)) == (effects, 1)


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
