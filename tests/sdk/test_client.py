"""A client over the in-memory broker, with a host that answers as the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from guestwire.link.clock import now
from guestwire.link.invoke import caller
from guestwire.link.memory import MemoryBroker
from guestwire.link.session import Session
from guestwire.link.transport import Incoming, Options, Subscription, Transport
from guestwire.model.errors import GuestwireError
from guestwire.protocol import operation_models as m
from guestwire.protocol import topics
from guestwire.protocol.executor import Executor
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.presence import HostPresence
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound, Record, Run
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.client import Client
from guestwire.sdk.ways import LinkWay

HOST_KEY, OPERATOR_KEY, OTHER_KEY = SigningKey.generate(), SigningKey.generate(), SigningKey.generate()


def _signer(principal: str, key: SigningKey, risk: int) -> Signer:
    return Signer(principal=principal, public_key=key.public.raw.hex(), scope=Scope(risk=risk))  # type: ignore[arg-type]


TRUST = Trust(
    TrustDocument(
        site="plant", rev=1, issued_at=0,
        signers=(_signer("host:h1", HOST_KEY, 0), _signer("host:h2", OTHER_KEY, 0), _signer("operator:eve", OPERATOR_KEY, 3)),
    )
)  # fmt: skip


class Host:
    """Gives what `answers` says, in turn: accepted, progress, or a final."""

    def __init__(self, broker: MemoryBroker, key: SigningKey = HOST_KEY) -> None:
        self.executor = Executor("plant", "h1", BY_NAME, TRUST, key)
        self.session = Session(self, broker)
        self.calls: list[Call] = []
        self.on_call: Callable[[Call], None] = self.succeed

    def succeed(self, call: Call) -> None:
        reply = m.Pong(payload=b"", now=1, epoch=1) if call.operation.name == "host-ping" else m.Empty()
        self.answer(self.executor.succeed(call, reply, now()).frames)

    def accept(self, call: Call) -> None:
        self.answer(self.executor.accepted(call, now()).frames)

    def answer(self, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self.session.send(topics.make("response", "plant", "eve", "h1"), frame)

    async def connecting(self, attempt: int) -> Options:
        return Options("memory", 0, "h1")

    def subscriptions(self) -> list[Subscription]:
        return [Subscription(topics.topic_filter("request", site="plant", host="h1"))]

    async def up(self, transport: Transport) -> None:
        at = now()
        presence = HostPresence("plant", "h1", HOST_KEY, 1, "boot", "0", at)
        await transport.publish(topics.make("presence", "plant", "h1"), presence.heartbeat(at), retain=True)

    def down(self, error: object, next_try_s: float) -> None:
        """Nothing to do."""

    def receive(self, message: Incoming) -> None:
        message.ack()
        topic = topics.parse(message.topic)
        assert topic is not None
        step = self.executor.receive(Inbound(message.payload, topic["client"], topic["operation"]), now())
        if isinstance(step, Record):
            step = self.executor.recorded(step.call, "new", (), now())
        if isinstance(step, Run):
            self.calls.append(step.call)
            self.on_call(step.call)


@asynccontextmanager
async def _joined(key: SigningKey = HOST_KEY) -> AsyncIterator[tuple[Host, Client]]:
    broker = MemoryBroker()
    host = Host(broker, key)
    async with host.session:
        await host.session.connected(5)
        invoker = Invoker("plant", "eve", "operator:eve", OPERATOR_KEY, TRUST, sign_reads=True)
        async with caller(invoker, lambda: Options("memory", 0, "eve"), broker) as it:
            yield host, Client(LinkWay(it), TRUST)


async def test_a_read_and_an_effect_are_verified() -> None:
    async with _joined() as (_, client):
        pong = await client.host("h1").host_ping(m.Ping())
        assert (pong.reply.epoch, pong.verified) == (1, True)
        gone = await client.host("h1").guest_undefine(m.GuestRef(guest="web"))
        assert (gone.host, gone.verified) == ("h1", True)


async def test_progress_and_acceptance_are_heard_once() -> None:
    async with _joined() as (host, client):

        def act(call: Call) -> None:
            host.accept(call)
            host.answer(host.executor.progress(call, m.Progress(percent=50), now()).frames)
            host.succeed(call)

        host.on_call = act
        accepted: list[bytes] = []
        heard: list[m.Progress] = []
        options = CallOptions(on_accepted=accepted.append, on_progress=heard.append)
        answer = await client.host("h1").guest_undefine(m.GuestRef(guest="web"), options)
        assert accepted == [answer.request_id]
        assert [progress.percent for progress in heard] == [50]


async def test_a_host_that_is_not_there() -> None:
    async with _joined() as (_, client):
        with pytest.raises(GuestwireError, match="HOST-UNREACHABLE"):
            await client.host("h9").host_ping(m.Ping(), CallOptions(timeout_s=0.05))


async def test_a_job_that_takes_longer_than_accepting_may() -> None:
    """The first wait ends with the acceptance window; the call then joins the job under the same id."""
    async with _joined() as (host, client):
        host.on_call = host.accept
        options = CallOptions(timeout_s=20, accept_within_s=0.05)
        call = asyncio.create_task(client.host("h1").guest_undefine(m.GuestRef(guest="web"), options))
        async with asyncio.timeout(15):
            while len(host.calls) < 2:
                await asyncio.sleep(0.01)
            first, second = host.calls[:2]
            assert first.request_id == second.request_id
            host.succeed(second)
            assert (await call).request_id == first.request_id


async def test_accepted_and_never_finished() -> None:
    async with _joined() as (host, client):
        host.on_call = host.accept
        with pytest.raises(GuestwireError, match="NO-ANSWER") as refused:
            await client.host("h1").guest_undefine(m.GuestRef(guest="web"), CallOptions(timeout_s=0.1))
        assert refused.value.detail["request_id"]


async def test_a_result_signed_by_another_host_is_not_believed() -> None:
    async with _joined(OTHER_KEY) as (_, client):
        with pytest.raises(GuestwireError, match="UNSIGNED-RESPONSE"):
            await client.host("h1").guest_undefine(m.GuestRef(guest="web"), CallOptions(timeout_s=0.1))


async def test_who_is_there() -> None:
    async with _joined() as (_, client):
        seen = {one.host: one for one in await client.hosts(0.05)}
        assert (seen["h1"].state, seen["h1"].verified, seen["h1"].listed) == ("online", True, True)
        assert (seen["h2"].state, seen["h2"].said) == ("offline", None)


async def test_a_forged_presence_is_not_seen() -> None:
    async with _joined() as (host, client):
        forged = HostPresence("plant", "h2", HOST_KEY, 9, "boot", "0", now()).heartbeat(now())
        transport = host.session.transport
        assert transport is not None
        await transport.publish(topics.make("presence", "plant", "h2"), forged, retain=True)
        seen = {one.host: one.state for one in await client.hosts(0.05)}
        assert seen == {"h1": "online", "h2": "offline"}
