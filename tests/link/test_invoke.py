"""Calls over a session, with a host at the other end of an in-memory broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from guestwire.broker_test.options import BrokerOptions, Listener
from guestwire.broker_test.running import RunningBroker
from guestwire.link import invoke, mqtt5
from guestwire.link.clock import now
from guestwire.link.invoke import Caller, caller
from guestwire.link.memory import MemoryBroker
from guestwire.link.transport import Incoming, Options, Subscription, Transport, TransportError
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids, topics
from guestwire.protocol import operation_models as m
from guestwire.protocol.executor import Executor
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.pending import Accepted, Progressed
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.steps import Call, Inbound, Limits, Record, Run, Send, Step
from guestwire.protocol.trust import Scope, Signer, Trust, TrustDocument

HOST, ANNA = SigningKey(bytes([1] * 32)), SigningKey(bytes([2] * 32))
TRUST = Trust(
    TrustDocument(
        site="plant",
        rev=1,
        issued_at=0,
        signers=(
            Signer(principal="host:h1", public_key=HOST.public.raw.hex(), scope=Scope(operations=())),
            Signer(principal="operator:anna", public_key=ANNA.public.raw.hex(), scope=Scope(risk=3)),
        ),
    )
)
PING, UNDEFINE = BY_NAME["host-ping"], BY_NAME["guest-undefine"]
PONG = m.Pong(payload=b"x", now=1, epoch=1)


class Host:
    """A host on a transport of its own: pings are answered, commands wait for the test."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = broker
        self.executor = Executor("plant", "h1", BY_NAME, TRUST, HOST, limits=Limits(issuer_rate=1e9, issuer_burst=1e9))
        self.commands: asyncio.Queue[Call] = asyncio.Queue()
        self.silent = False
        self.received = 0

    async def start(self) -> None:
        self.transport = await self.broker(Options("memory", 1, "h1"), self.receive)
        await self.transport.subscribe([Subscription(topics.topic_filter("request", site="plant", host="h1"))])

    def receive(self, message: Incoming) -> None:
        message.ack()
        self.received += 1
        topic = topics.parse(message.topic)
        assert topic is not None
        if self.silent:
            return
        step: Step | None = self.executor.receive(Inbound(message.payload, topic["client"], topic["operation"]), now())
        if isinstance(step, Run):
            step = self.executor.succeed(step.call, PONG, now())
        if isinstance(step, Record):
            self.commands.put_nowait(step.call)
        elif isinstance(step, Send):
            self.send(step)

    def send(self, send: Send) -> None:
        for frame in send.frames:
            self.transport.send(topics.make("response", "plant", send.client, "h1"), frame)


async def soon(what: Awaitable[object]) -> object:
    """What comes, or a failure: no test waits for ever."""
    async with asyncio.timeout(5):
        return await what


@pytest.fixture
async def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
async def host(broker: MemoryBroker) -> Host:
    it = Host(broker)
    await it.start()
    return it


@asynccontextmanager
async def calling(broker: MemoryBroker) -> AsyncIterator[Caller]:
    invoker = Invoker("plant", "cli-1", "operator:anna", ANNA, TRUST)
    async with caller(invoker, lambda: Options("memory", 1, "cli-1"), broker, connect_timeout_s=2) as it:
        yield it


async def test_a_read_is_answered(broker: MemoryBroker, host: Host) -> None:
    async with calling(broker) as it:
        assert (it.client, it.site) == ("cli-1", "plant")
        done = await it.call("h1", PING, m.Ping(payload=b"x"), timeout_s=5)
    assert done.reply == PONG
    assert not done.verified


async def test_many_calls_at_once_find_their_answers(broker: MemoryBroker, host: Host) -> None:
    async with calling(broker) as it:
        calls = [it.call("h1", PING, m.Ping(), timeout_s=5) for _ in range(200)]
        async with asyncio.timeout(5):
            assert len(await asyncio.gather(*calls)) == 200


async def test_a_command_tells_its_events_and_its_result(broker: MemoryBroker, host: Host) -> None:
    events: list[Accepted | Progressed] = []
    async with calling(broker) as it:
        task = asyncio.create_task(
            it.call("h1", UNDEFINE, m.GuestRef(guest="web"), timeout_s=5, on_event=events.append)
        )
        call = await soon(host.commands.get())
        assert isinstance(call, Call)
        host.send(host.executor.accepted(call, now()))
        host.send(host.executor.progress(call, m.Progress(percent=7), now()))
        host.send(host.executor.succeed(call, m.Empty(), now()))
        assert (await task).verified
    assert [type(event) for event in events] == [Accepted, Progressed]


async def test_the_hosts_error_is_raised(broker: MemoryBroker, host: Host) -> None:
    async with calling(broker) as it:
        task = asyncio.create_task(it.call("h1", UNDEFINE, m.GuestRef(guest="web"), timeout_s=5))
        call = await soon(host.commands.get())
        assert isinstance(call, Call)
        host.send(host.executor.fail(call, GuestwireError("WRONG-STATE", detail={"state": "running"}), now()))
        with pytest.raises(GuestwireError) as raised:
            await task
    assert (raised.value.code, raised.value.detail) == ("WRONG-STATE", {"state": "running"})


async def test_a_host_that_is_not_there(broker: MemoryBroker) -> None:
    async with calling(broker) as it:
        with pytest.raises(GuestwireError) as raised:
            await it.call("h1", PING, m.Ping(), timeout_s=0.02)
    assert raised.value.code == "HOST-UNREACHABLE"


async def test_what_gets_lost_is_sent_again(broker: MemoryBroker, host: Host) -> None:
    lost: list[str] = []

    def once(topic: str, _payload: bytes) -> bool:
        lost.append(topic)
        return len(lost) == 1

    async with calling(broker) as it:
        broker.drop = once
        assert (await it.call("h1", PING, m.Ping(), timeout_s=5)).reply == PONG
    assert lost[0] == lost[1]


async def test_after_a_cut_the_call_goes_on(broker: MemoryBroker, host: Host) -> None:
    async with calling(broker) as it:
        host.silent = True
        task = asyncio.create_task(it.call("h1", PING, m.Ping(), timeout_s=5))
        async with asyncio.timeout(5):
            while not host.received:
                await asyncio.sleep(0)
        host.silent = False
        broker.cut("cli-1")
        it.session.reconnect()
        assert (await task).reply == PONG


async def test_what_was_asked_without_a_connection_goes_out_as_soon_as_there_is_one(
    broker: MemoryBroker, host: Host
) -> None:
    broker.refuse = TransportError("BROKER-UNREACHABLE")
    invoker = Invoker("plant", "cli-1", "operator:anna", ANNA, TRUST)
    async with caller(invoker, lambda: Options("memory", 1, "cli-1"), broker, connect_timeout_s=False) as it:
        task = asyncio.create_task(it.call("h1", PING, m.Ping(), timeout_s=60))
        await asyncio.sleep(0)
        broker.refuse = None
        it.session.reconnect()
        await it.session.connected(2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert task.done()
        assert host.received == 1


async def test_without_a_broker_the_links_error_is_the_one_to_mend(broker: MemoryBroker) -> None:
    broker.refuse = TransportError("BROKER-UNREACHABLE", "no route")
    invoker = Invoker("plant", "cli-1", "operator:anna", ANNA, TRUST)
    async with caller(invoker, lambda: Options("memory", 1, "cli-1"), broker, connect_timeout_s=False) as it:
        with pytest.raises(GuestwireError) as raised:
            await it.call("h1", PING, m.Ping(), timeout_s=0.1)
    assert raised.value.code == "BROKER-UNREACHABLE"
    with pytest.raises(TransportError, match="no route"):
        async with caller(invoker, lambda: Options("memory", 1, "cli-1"), broker, connect_timeout_s=0.02):
            pass


async def test_a_caller_that_is_cancelled_leaves_nothing(broker: MemoryBroker) -> None:
    invoker = Invoker("plant", "cli-1", "operator:anna", ANNA, TRUST)
    async with caller(invoker, lambda: Options("memory", 1, "cli-1"), broker) as it:
        task = asyncio.create_task(it.call("h1", PING, m.Ping(), timeout_s=60))
        while not len(invoker):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(invoker) == 0


async def test_closing_ends_the_calls_under_way(broker: MemoryBroker) -> None:
    async with calling(broker) as it:
        task = asyncio.create_task(it.call("h1", PING, m.Ping(), timeout_s=60))
        await asyncio.sleep(0)
    with pytest.raises(TransportError) as raised:
        await task
    assert raised.value.code == "LINK-LOST"


async def test_closing_while_a_job_is_asked_for(broker: MemoryBroker, host: Host) -> None:
    """The inquiry has no future of its own; nobody may mistake it for a call."""
    asked = asyncio.Event()
    invoker = Invoker("plant", "cli-1", "operator:anna", ANNA, TRUST)

    def watch(topic: str, _payload: bytes) -> bool:
        if topic.endswith("/job-get"):
            asked.set()
        return False

    broker.drop = watch
    async with caller(invoker, lambda: Options("memory", 1, "cli-1"), broker) as it:
        host.silent = True
        ref = m.GuestRef(guest="web")
        task = asyncio.create_task(it.call("h1", UNDEFINE, ref, timeout_s=60, accept_within_s=0.0))
        await asyncio.sleep(0)
        it.session.reconnect()
        await soon(asked.wait())
        assert len(invoker) == 2
    with pytest.raises(TransportError):
        await task


async def test_watching(broker: MemoryBroker, host: Host) -> None:
    topic = topics.make("presence", "plant", "h1")
    await host.transport.publish(topic, b"kept", retain=True)
    async with calling(broker) as it:
        async with it.watch(Subscription(topics.topic_filter("presence", site="plant"), retained=True)) as heard:
            first = await soon(heard.next())
            assert first == invoke.Heard(topic, b"kept", True)
            await host.transport.publish(topic, b"live")
            assert await soon(heard.next()) == invoke.Heard(topic, b"live", False)
            assert heard.missed == 0
        await host.transport.publish(topic, b"nobody watches")


async def test_a_watch_is_taken_up_again_after_a_cut(broker: MemoryBroker, host: Host) -> None:
    topic = topics.make("notice", "plant", "h1", "guest")
    async with calling(broker) as it, it.watch(Subscription(topics.topic_filter("notice", site="plant"))) as heard:
        transport = it.session.transport
        assert transport is not None
        await transport.unsubscribe([topics.topic_filter("notice", site="plant")])
        it.session.reconnect()
        await soon(transport.closed)
        await it.session.connected(2)
        await host.transport.publish(topic, b"x")
        assert await soon(heard.next()) == invoke.Heard(topic, b"x", False)


async def test_a_watcher_that_is_slow_loses_the_oldest_and_knows_how_many(broker: MemoryBroker, host: Host) -> None:
    topic = topics.make("notice", "plant", "h1", "guest")
    async with calling(broker) as it, it.watch(Subscription(topics.topic_filter("notice", site="plant"))) as heard:
        for number in range(invoke.WATCH_QUEUE + 3):
            host.transport.send(topic, str(number).encode())
        host.transport.send(topics.make("notice", "plant", "h1", "alarm"), b"last")
        async with asyncio.timeout(5):
            while heard.missed < 4:
                await asyncio.sleep(0)
        first = await soon(heard.next())
        assert first == invoke.Heard(topic, b"4", False)


async def test_watching_ends_with_the_caller(broker: MemoryBroker) -> None:
    async with calling(broker) as it, it.watch(Subscription(topics.topic_filter("notice", site="plant"))) as heard:
        it.stop()
        assert await soon(heard.next()) is None
        it.stop()
        assert [item async for item in heard] == []


async def test_a_forged_response_does_nothing(broker: MemoryBroker, host: Host) -> None:
    transport: Transport = host.transport
    async with calling(broker) as it:
        task = asyncio.create_task(it.call("h1", UNDEFINE, m.GuestRef(guest="web"), timeout_s=5))
        call = await soon(host.commands.get())
        assert isinstance(call, Call)
        for payload in (b"", b"garbage", bytes(70_000)):
            transport.send(topics.make("response", "plant", "cli-1", "h1"), payload)
        host.send(host.executor.succeed(call, m.Empty(), now()))
        assert (await task).verified


async def test_an_effect_mirrors_what_the_envelope_says(broker: MemoryBroker, host: Host) -> None:
    seen = []
    identifier = ids.request_id(now().wall_ms)

    async def spying(options: Options, on_message: Callable[[Incoming], None]) -> Transport:
        transport = await broker(options, on_message)
        publish = transport.publish

        def spied(topic: str, payload: bytes, **more: object) -> Awaitable[int]:
            seen.append(more["properties"])
            return publish(topic, payload)

        transport.publish = spied  # type: ignore[method-assign, assignment]
        return transport

    invoker = Invoker("plant", "cli-1", "operator:anna", ANNA, TRUST)
    async with caller(invoker, lambda: Options("memory", 1, "cli-1"), spying) as it:
        task = asyncio.create_task(
            it.call(
                "h1",
                UNDEFINE,
                m.GuestRef(guest="web"),
                timeout_s=20,
                request_id=identifier,
            )
        )
        await soon(host.commands.get())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    [properties] = seen
    assert properties.content_type == "application/msgpack"
    assert properties.response_topic == "gw/1/plant/client/cli-1/response/h1"
    assert properties.correlation_data == identifier
    assert 19 <= properties.expiry_s <= 20


async def test_what_the_brokers_access_list_forbids_is_told_at_once(
    mosquitto_factory: Callable[[BrokerOptions], Awaitable[RunningBroker]], tmp_path: Path
) -> None:
    """The PUBACK says so on version 5; waiting for the host would only tell that it did not answer."""
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    running = await mosquitto_factory(BrokerOptions(listeners=(Listener(acl=acl),)))
    options = Options(running.host, running.port, "cli-1", clean_start=True)
    invoker = Invoker("plant", "cli-1", "operator:anna", ANNA, TRUST)
    async with caller(invoker, lambda: options, mqtt5.connect) as it:
        with pytest.raises(GuestwireError) as caught:
            await soon(it.call("h1", UNDEFINE, m.GuestRef(guest="g"), timeout_s=60))
    assert caught.value.code == "PUBLISH-REFUSED"
