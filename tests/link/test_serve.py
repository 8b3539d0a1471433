"""A host's end of the links."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from guestwire.link.clock import now
from guestwire.link.serve import Handler, Server
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol import operation_models as m
from guestwire.protocol.envelope import Header, body_hash, decode, encode
from guestwire.protocol.executor import Executor
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import pack, unpack
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound, Limits, Now, Record, Send
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

HOST, ANNA = SigningKey(bytes([1] * 32)), SigningKey(bytes([2] * 32))
TRUST = Trust(
    TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=(Signer(principal="operator:anna", public_key=ANNA.public.raw.hex(), scope=Scope(risk=3)),),
    )
)
PONG = m.Pong(payload=b"x", now=1, epoch=1)


class Path:
    """Where answers go."""

    def __init__(self) -> None:
        self.sent: list[Send] = []
        self.news = asyncio.Event()

    def answer(self, send: Send) -> None:
        self.sent.append(send)
        self.news.set()

    async def phases(self, count: int) -> list[tuple[str | None, str | None]]:
        async with asyncio.timeout(5):
            while len(self.sent) < count:
                self.news.clear()
                await self.news.wait()
        headers = [decode(send.frames[0]).header for send in self.sent]
        return [(header.phase, header.status) for header in headers]


class Commands:
    """Keeps what has an effect; the link may acknowledge when the test says so."""

    def __init__(self) -> None:
        self.taken: list[tuple[Record, Callable[[], None]]] = []

    def take(self, record: Record, taken: Callable[[], None]) -> None:
        self.taken.append((record, taken))


class Audit:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, bool]] = []
        self.reads: list[tuple[str, str | None]] = []
        self.defects: list[tuple[str, str]] = []

    def refused(self, code: str, inbound: Inbound, *, audit: bool) -> None:
        self.heard.append((code, inbound.client, audit))

    def answered(self, call: Call, code: str | None, at: Now) -> None:
        self.reads.append((call.operation.name, code))

    def defect(self, operation: str, error: BaseException) -> None:
        self.defects.append((operation, type(error).__name__))


class Rig:
    """A server with its ports."""

    def __init__(self, handlers: Mapping[str, Handler], **limits: Any) -> None:
        self.executor = Executor("plant", "h1", BY_NAME, TRUST, HOST, limits=Limits(**limits))
        self.commands, self.audit, self.path = Commands(), Audit(), Path()
        self.server = Server(self.executor, handlers, self.commands, self.audit)
        self.acknowledged = 0

    def acknowledge(self) -> None:
        self.acknowledged += 1

    def asks(
        self, operation: str, body: dict[str, Any], *, signed: bool = False, request_id: bytes | None = None
    ) -> None:
        at, packed = now().wall_ms, pack(body)
        header = Header(
            (1, 0), "request", ("plant", "h1"), operation, request_id or ids.request_id(at), "operator:anna", at,
            at + 60_000, 60_000, body_hash(packed), "cli-1",
        )  # fmt: skip
        frame = encode(header, packed, (ANNA,) if signed else ())
        self.server.receive(Inbound(frame, "cli-1", operation, path=self.path), self.acknowledge)


async def test_a_handler_that_does_not_wait_answers_at_once() -> None:
    rig = Rig({"host-ping": lambda call: PONG})
    async with rig.server:
        rig.asks("host-ping", {"payload": b"x"})
        assert rig.acknowledged == 1
        [send] = rig.path.sent
        assert unpack(decode(send.frames[0]).body) == PONG.model_dump()


async def test_a_handler_that_waits_gets_a_task() -> None:
    go = asyncio.Event()

    async def slow(call: Call) -> Model:
        await go.wait()
        return m.GuestList(guests=())

    rig = Rig({"guest-list": slow})
    async with rig.server:
        rig.asks("guest-list", {})
        assert rig.acknowledged == 1
        assert rig.path.sent == []
        go.set()
        assert await rig.path.phases(1) == [("final", "ok")]


async def test_a_handler_may_return_any_awaitable() -> None:
    def later(call: Call) -> Awaitable[Model]:
        future: asyncio.Future[Model] = asyncio.get_running_loop().create_future()
        future.set_result(m.GuestList(guests=()))
        return future

    rig = Rig({"guest-list": later})
    async with rig.server:
        rig.asks("guest-list", {})
        assert await rig.path.phases(1) == [("final", "ok")]


async def test_a_read_that_takes_long_is_told_accepted() -> None:
    go = asyncio.Event()

    async def slow(call: Call) -> Model:
        await go.wait()
        return m.GuestList(guests=())

    rig = Rig({"guest-list": slow})
    async with rig.server:
        rig.asks("guest-list", {})
        rig.asks("guest-list", {})
        assert await rig.path.phases(2) == [("accepted", "ok")] * 2
        go.set()
        assert (await rig.path.phases(4))[2:] == [("final", "ok")] * 2


def unknown_guest(call: Call) -> Model:
    raise GuestwireError("NOT-FOUND")


async def unknown_guest_later(call: Call) -> Model:
    raise GuestwireError("NOT-FOUND")


def broken(call: Call) -> Model:
    raise ZeroDivisionError


async def broken_later(call: Call) -> Model:
    raise ZeroDivisionError


@pytest.mark.parametrize("handler", [unknown_guest, unknown_guest_later])
async def test_a_handlers_error_is_the_final(handler: Handler) -> None:
    rig = Rig({"guest-show": handler})
    async with rig.server:
        rig.asks("guest-show", {"guest": "web"})
        assert await rig.path.phases(1) == [("final", "NOT-FOUND")]
    assert rig.audit.defects == []


@pytest.mark.parametrize("handler", [broken, broken_later])
async def test_a_defect_is_told_and_the_server_goes_on(handler: Handler) -> None:
    rig = Rig({"guest-show": handler, "host-ping": lambda call: PONG})
    async with rig.server:
        rig.asks("guest-show", {"guest": "web"})
        assert await rig.path.phases(1) == [("final", "INTERNAL")]
        rig.asks("host-ping", {})
        assert (await rig.path.phases(2))[1] == ("final", "ok")
    assert rig.audit.defects == [("guest-show", "ZeroDivisionError")]


async def test_an_operation_without_a_handler_is_a_defect() -> None:
    rig = Rig({})
    async with rig.server:
        rig.asks("host-ping", {})
        assert await rig.path.phases(1) == [("final", "INTERNAL")]


async def test_a_handler_that_runs_into_a_timeout() -> None:
    async def stuck(call: Call) -> Model:
        raise TimeoutError

    rig = Rig({"guest-list": stuck})
    async with rig.server:
        rig.asks("guest-list", {})
        assert await rig.path.phases(1) == [("final", "TIMED-OUT")]


async def test_what_has_an_effect_is_acknowledged_by_the_pipeline() -> None:
    rig = Rig({})
    async with rig.server:
        rig.asks("guest-undefine", {"guest": "web"}, signed=True)
        [(record, taken)] = rig.commands.taken
        assert rig.acknowledged == 0
        taken()
        assert rig.acknowledged == 1
        rig.server.waiting(record.call)
        assert await rig.path.phases(1) == [("accepted", "ok")]


async def test_a_refusal_that_has_to_be_recorded_goes_to_the_pipeline() -> None:
    rig = Rig({})
    async with rig.server:
        rig.asks("guest-undefine", {"guest": 7}, signed=True)
        [(record, _)] = rig.commands.taken
        assert record.code == "INVALID-BODY"
        assert rig.path.sent == []


async def test_what_is_refused_is_acknowledged_and_answered() -> None:
    rig = Rig({})
    async with rig.server:
        rig.asks("guest-undefine", {"guest": "web"})
        assert rig.acknowledged == 1
        assert await rig.path.phases(1) == [("refused", "UNSIGNED")]


async def test_what_is_dropped_is_acknowledged_and_audited() -> None:
    rig = Rig({})
    async with rig.server:
        rig.server.receive(Inbound(b"garbage", "cli-1", "host-ping", path=rig.path), rig.acknowledge)
        assert rig.acknowledged == 1
        assert rig.path.sent == []
    assert rig.audit.heard == [("MALFORMED", "cli-1", True)]


async def test_a_read_that_is_asked_twice_runs_once() -> None:
    go = asyncio.Event()
    runs = []

    async def slow(call: Call) -> Model:
        runs.append(call)
        await go.wait()
        return m.GuestList(guests=())

    rig = Rig({"guest-list": slow})
    identifier = ids.request_id(now().wall_ms)
    async with rig.server:
        rig.asks("guest-list", {}, request_id=identifier)
        rig.asks("guest-list", {}, request_id=identifier)
        assert await rig.path.phases(1) == [("accepted", "ok")]
        go.set()
        assert await rig.path.phases(2) == [("accepted", "ok"), ("final", "ok")]
    assert len(runs) == 1


async def test_leaving_cancels_the_reads_under_way() -> None:
    ended = asyncio.Event()

    async def slow(call: Call) -> Model:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return PONG

    rig = Rig({"guest-list": slow})
    async with rig.server:
        rig.asks("guest-list", {})
        await asyncio.sleep(0)
    assert ended.is_set()
    assert rig.path.sent == []
