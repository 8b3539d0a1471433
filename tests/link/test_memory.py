"""The in-memory broker keeps the promises of a real one."""

import asyncio

import pytest

from guestwire.link.memory import MemoryBroker
from guestwire.link.transport import Incoming, Options, Subscription, Transport, TransportError, Will


class Client:
    """Keeps what it gets; acknowledges only when told."""

    def __init__(self, broker: MemoryBroker, name: str) -> None:
        self.broker, self.name = broker, name
        self.got: list[Incoming] = []
        self._news = asyncio.Event()

    async def connect(self, *, clean_start: bool = False, will: Will | None = None) -> Transport:
        options = Options("memory", 1, self.name, clean_start=clean_start, will=will)
        self.transport = await self.broker(options, self._on_message)
        return self.transport

    def _on_message(self, message: Incoming) -> None:
        self.got.append(message)
        self._news.set()

    async def has(self, count: int) -> list[tuple[str, bytes]]:
        async with asyncio.timeout(2):
            while len(self.got) < count:
                self._news.clear()
                await self._news.wait()
        return [(message.topic, message.payload) for message in self.got]


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


async def pair(broker: MemoryBroker, topic_filter: str = "a/#") -> tuple[Client, Client]:
    one, other = Client(broker, "one"), Client(broker, "other")
    await one.connect()
    await other.connect()
    await other.transport.subscribe([Subscription(topic_filter)])
    return one, other


async def test_messages_arrive_in_order_with_their_qos(broker: MemoryBroker) -> None:
    one, other = await pair(broker)
    one.transport.send("a/1", b"0")
    assert await one.transport.publish("a/2", b"1") == 0
    assert await one.transport.publish("b", b"2") == 0x10
    assert await other.has(2) == [("a/1", b"0"), ("a/2", b"1")]
    assert [message.qos for message in other.got] == [0, 1]


async def test_what_was_not_acknowledged_comes_again(broker: MemoryBroker) -> None:
    one, other = await pair(broker)
    for number in range(3):
        await one.transport.publish("a", bytes([number]))
    await other.has(3)
    other.got[1].ack()
    other.got[1].ack()
    broker.cut("other")
    assert await other.transport.closed is not None
    other.got.clear()
    again = await other.connect()
    assert again.connack.session_present
    assert await other.has(2) == [("a", b"\0"), ("a", b"\2")]
    assert all(message.duplicate for message in other.got)


async def test_a_session_keeps_qos_1_while_its_client_is_away(broker: MemoryBroker) -> None:
    one, other = await pair(broker)
    await other.transport.close()
    one.transport.send("a", b"lost")
    await one.transport.publish("a", b"kept")
    await other.connect()
    assert await other.has(1) == [("a", b"kept")]


async def test_a_clean_start_forgets(broker: MemoryBroker) -> None:
    one, other = await pair(broker)
    await other.transport.close()
    assert not (await other.connect(clean_start=True)).connack.session_present
    assert await one.transport.publish("a", b"x") == 0x10


async def test_retained_messages(broker: MemoryBroker) -> None:
    one = Client(broker, "one")
    await one.connect()
    await one.transport.publish("a/1", b"old", retain=True)
    await one.transport.publish("a/1", b"new", retain=True)
    await one.transport.publish("a/2", b"gone", retain=True)
    await one.transport.publish("a/2", b"", retain=True)
    late, later = Client(broker, "late"), Client(broker, "later")
    await late.connect()
    await late.transport.subscribe([Subscription("a/#", retained=True)])
    assert await late.has(1) == [("a/1", b"new")]
    assert late.got[0].retain
    await later.connect()
    await later.transport.subscribe([Subscription("a/#")])
    await one.transport.publish("a/3", b"live")
    assert await later.has(1) == [("a/3", b"live")]


async def test_a_will_is_published_when_the_connection_is_cut_and_not_when_it_is_closed(broker: MemoryBroker) -> None:
    _, other = await pair(broker)
    dying = Client(broker, "dying")
    await dying.connect(will=Will("a/will", b"dead"))
    broker.cut("dying")
    assert await other.has(1) == [("a/will", b"dead")]
    assert broker.retained["a/will"] == b"dead"
    await dying.connect(will=Will("a/will", b"twice"))
    await dying.transport.close()
    assert await dying.transport.closed is None
    assert broker.retained["a/will"] == b"dead"


async def test_a_second_client_of_the_same_id_takes_over(broker: MemoryBroker) -> None:
    first, second = Client(broker, "same"), Client(broker, "same")
    await first.connect()
    await second.connect()
    error = await first.transport.closed
    assert error is not None
    assert error.code == "SESSION-TAKEN-OVER"
    with pytest.raises(TransportError):
        first.transport.send("a", b"x")
    second.transport.send("a", b"x")


async def test_faults(broker: MemoryBroker) -> None:
    one, other = await pair(broker)
    broker.drop = lambda topic, _payload: topic == "a/lost"
    await one.transport.publish("a/lost", b"x")
    await one.transport.publish("a/kept", b"x")
    assert await other.has(1) == [("a/kept", b"x")]
    broker.refuse = TransportError("BROKER-UNREACHABLE")
    with pytest.raises(TransportError):
        await Client(broker, "third").connect()
    broker.cut("nobody")


async def test_unsubscribing(broker: MemoryBroker) -> None:
    one, other = await pair(broker, "a")
    await other.transport.unsubscribe(["a", "b"])
    assert await one.transport.publish("a", b"x") == 0x10
