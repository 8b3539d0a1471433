"""What aiomqtt and paho do by themselves and our transport must not: each fact that is coded around."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.broker_test.options import BrokerOptions
from guestwire.link.aiomqtt import AiomqttTransport, connect
from guestwire.link.transport import Incoming, Level, Options, Subscription, TransportError

if TYPE_CHECKING:
    from guestwire.broker_test.fixtures import MosquittoFactory, ProxyFactory

pytestmark = pytest.mark.mosquitto

LIMIT_S = 20.0
LEVELS: tuple[Level, ...] = (4, 5)

Linker = Callable[..., Awaitable[AiomqttTransport]]


@pytest.fixture
async def link() -> AsyncIterator[Linker]:
    async with AsyncExitStack() as stack:

        async def make(port: int, on_message: Callable[[Incoming], None] = lambda _: None, **options: Any) -> Any:
            options.setdefault("client_id", "c")
            transport = await connect(Options("127.0.0.1", port, **options), on_message)
            stack.push_async_callback(transport.close)
            return transport

        yield make


class Wire:
    """Counts packets on the way up; swallows PUBACKs on the way down while `mute`."""

    def __init__(self) -> None:
        self.mute = True
        self.swallowed: list[bytes] = []
        self.up: list[int] = []

    def __call__(self, direction: str, packet: bytes) -> Sequence[bytes]:
        if direction == "up":
            self.up.append(packet[0] & 0xF0)
        elif packet[0] == 0x40 and self.mute:
            self.swallowed.append(packet)
            return []
        return [packet]


@pytest.mark.parametrize(("level", "window"), [(4, 7), (5, 3)])
async def test_the_window_is_ours_and_not_pahos(
    link: Linker, mosquitto_factory: MosquittoFactory, fault_proxy: ProxyFactory, level: Level, window: int
) -> None:
    broker = await mosquitto_factory(BrokerOptions(max_inflight=3))
    proxy = await fault_proxy(broker.port)
    proxy.rewrite = wire = Wire()
    one = await link(proxy.port, level=level, receive_maximum=7)
    outcomes = [one.publish("t", b"%d" % number) for number in range(30)]
    await one.unsubscribe(["barrier"])
    assert wire.up.count(0x30) == window
    wire.mute = False
    for packet in wire.swallowed:
        await proxy.inject("down", packet)
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(*outcomes)
    assert wire.up.count(0x30) == 30


@pytest.mark.parametrize("level", LEVELS)
async def test_no_puback_before_the_application_has_said_so(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory, level: Level
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    proxy.rewrite = wire = Wire()
    wire.mute = False
    got: asyncio.Queue[Incoming] = asyncio.Queue()
    one = await link(proxy.port, got.put_nowait, level=level)
    await one.subscribe([Subscription("t")])
    await one.publish("t", b"")
    message = await asyncio.wait_for(got.get(), LIMIT_S)
    await one.unsubscribe(["barrier"])
    assert wire.up.count(0x40) == 0
    message.ack()
    await one.unsubscribe(["barrier"])
    assert wire.up.count(0x40) == 1


async def test_level_4_has_no_receive_maximum_and_we_hold_to_ours(link: Linker, mosquitto_broker: Mosquitto) -> None:
    got: list[Incoming] = []
    came = asyncio.Event()

    def on_message(message: Incoming) -> None:
        got.append(message)
        came.set()

    receiver = await link(mosquitto_broker.port, on_message, client_id="r", level=4, receive_maximum=5)
    await receiver.subscribe([Subscription("t")])
    sender = await link(mosquitto_broker.port, client_id="s")
    for number in range(40):
        await sender.publish("t", b"%d" % number)
    for done in range(40):
        async with asyncio.timeout(LIMIT_S):
            while len(got) <= done:
                came.clear()
                await came.wait()
        assert len(got) <= done + 5
        got[done].ack()
    assert [m.payload for m in got] == [b"%d" % number for number in range(40)]


@pytest.mark.parametrize("level", LEVELS)
async def test_the_socket_has_no_delay(link: Linker, mosquitto_broker: Mosquitto, level: Level) -> None:
    one = await link(mosquitto_broker.port, level=level)
    sock: Any = one._client._client.socket()
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_session_that_is_not_to_be_kept(link: Linker, mosquitto_broker: Mosquitto) -> None:
    for _ in range(2):
        one = await link(mosquitto_broker.port, level=4, session_expiry_s=0)
        assert not one.connack.session_present
        await one.subscribe([Subscription("t")])
        await one.close()


@pytest.mark.parametrize("level", LEVELS)
async def test_a_topic_that_is_not_utf_8(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory, level: Level
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    got: list[Incoming] = []
    one = await link(proxy.port, got.append, level=level)
    await one.publish("t", b"")
    await proxy.inject("down", b"\x30\x04\x00\x01\xff\x00")
    async with asyncio.timeout(LIMIT_S):
        error = await one.closed
    assert isinstance(error, TransportError)
    assert error.code == "PEER-MALFORMED"
    assert got == []


async def test_identifiers_that_meet_are_told_apart(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    proxy.rewrite = wire = Wire()
    one = await link(proxy.port, level=4)
    first = one.publish("t", b"unconfirmed")
    mid = next(iter(one._keys))
    await one.unsubscribe(["barrier"])
    one._client._client._last_mid = mid - 1  # as after 65,535 more messages
    one.send("t", b"same identifier")
    one._client._client._last_mid = mid - 1
    second = one.publish("t", b"must get another identifier")
    assert sorted(one._keys) == [mid, mid + 1]
    await one.unsubscribe(["barrier"])
    assert not first.done()
    wire.mute = False
    for packet in wire.swallowed:
        await proxy.inject("down", packet)
    async with asyncio.timeout(LIMIT_S):
        assert list(await asyncio.gather(first, second)) == [0, 0]
