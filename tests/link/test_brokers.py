"""Version 5 first, 3.1.1 where it must be, and what is remembered of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.broker_test.options import BrokerOptions, Listener
from guestwire.link.aiomqtt import AiomqttTransport
from guestwire.link.brokers import REMEMBER_S, BrokerMemory, Kind, connect
from guestwire.link.mqtt5 import Mqtt5Transport
from guestwire.link.transport import Incoming, Options, Transport, TransportError

if TYPE_CHECKING:
    from guestwire.broker_test.fixtures import MosquittoFactory, ProxyFactory

NoV5 = Literal["refuse", "refuse-v5", "close"]


def ignore(_: Incoming) -> None:
    pass


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def made(stack: AsyncExitStack, options: Options, kind: Kind, memory: BrokerMemory | None = None) -> Transport:
    link = await connect(options, ignore, kind, memory)
    stack.push_async_callback(link.close)
    return link


@pytest.mark.mosquitto
@pytest.mark.parametrize(
    ("kind", "level", "expected"),
    [
        ("auto", 5, Mqtt5Transport),
        ("auto", 4, AiomqttTransport),
        ("mqtt5", 5, Mqtt5Transport),
        ("aiomqtt", 5, AiomqttTransport),
        ("aiomqtt", 4, AiomqttTransport),
    ],
)
async def test_the_choice(
    stack: AsyncExitStack, mosquitto_broker: Mosquitto, kind: Kind, level: Any, expected: type[Any]
) -> None:
    memory = BrokerMemory()
    link = await made(stack, Options("127.0.0.1", mosquitto_broker.port, "c", level), kind, memory)
    assert type(link) is expected
    assert link.connack.level == level
    assert memory.saved() == {}


async def test_our_own_transport_has_no_level_4() -> None:
    with pytest.raises(TransportError, match="BROKER-NO-V5"):
        await connect(Options("127.0.0.1", 1, "c", 4), ignore, "mqtt5")


@pytest.mark.mosquitto
@pytest.mark.parametrize("how", ["refuse", "refuse-v5", "close"])
@pytest.mark.parametrize("kind", ["auto", "aiomqtt"])
async def test_a_broker_of_3_1_1_is_found_and_remembered(
    stack: AsyncExitStack, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory, kind: Kind, how: NoV5
) -> None:
    now = 1000.0
    memory = BrokerMemory(now=lambda: now)
    proxy = await fault_proxy(mosquitto_broker.port)
    proxy.no_v5 = how
    options = Options("127.0.0.1", proxy.port, "c")
    link = await made(stack, options, kind, memory)
    assert link.connack.level == 4
    attempts = 4 if how == "close" else 2  # who says nothing is asked twice
    assert proxy.accepted == attempts
    assert memory.only_level_4(options)

    link = await made(stack, options, kind, BrokerMemory(memory.saved(), lambda: now))
    assert link.connack.level == 4
    assert proxy.accepted == attempts + 1  # at once

    proxy.no_v5 = None  # upgraded; tried again when the memory has aged, and then forgotten
    now += REMEMBER_S
    link = await made(stack, options, kind, memory)
    assert link.connack.level == 5
    assert memory.saved() == {}


@pytest.mark.mosquitto
@pytest.mark.parametrize("kind", ["auto", "aiomqtt"])
async def test_a_broker_that_went_away_just_then_is_not_taken_for_an_old_one(
    stack: AsyncExitStack, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory, kind: Kind
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    proxy.no_v5 = "close"  # as a proxy does while the broker behind it is started again

    async def back() -> None:
        await proxy.wait_accepted(2)
        proxy.no_v5 = None

    memory = BrokerMemory()
    coming = asyncio.create_task(back())
    link = await made(stack, Options("127.0.0.1", proxy.port, "c"), kind, memory)
    await coming
    assert link.connack.level == 5
    assert memory.saved() == {}


@pytest.mark.mosquitto
async def test_without_a_fallback(mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    proxy.no_v5 = "close"
    with pytest.raises(TransportError, match="BROKER-NO-V5"):
        await connect(Options("127.0.0.1", proxy.port, "c"), ignore, "mqtt5")
    assert proxy.accepted == 1


@pytest.mark.mosquitto
async def test_a_refusal_for_another_reason_is_not_tried_again(
    mosquitto_factory: MosquittoFactory, fault_proxy: ProxyFactory, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    broker = await mosquitto_factory(BrokerOptions(listeners=(Listener(passwords=passwords),)))
    proxy = await fault_proxy(broker.port)
    memory = BrokerMemory()
    with pytest.raises(TransportError, match="BROKER-REFUSED"):
        await connect(Options("127.0.0.1", proxy.port, "c", username="u", password="p"), ignore, "auto", memory)
    assert proxy.accepted == 1
    assert memory.saved() == {}


@pytest.mark.mosquitto
async def test_a_broker_that_is_not_there_is_not_remembered(
    mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    await mosquitto_broker.stop()  # the proxy closes without CONNACK, as a broker that is full does
    memory = BrokerMemory()
    with pytest.raises(TransportError, match="BROKER-UNREACHABLE"):
        await connect(Options("127.0.0.1", proxy.port, "c"), ignore, "auto", memory)
    assert memory.saved() == {}


def test_what_was_saved_is_believed_no_longer_than_it_should() -> None:
    now = 1000.0
    memory = BrokerMemory({"a:1": 1e18, "b:1": 1500.0, "c:1": "nonsense", "d:1": 500}, lambda: now)
    assert memory.saved() == {"a:1": now + REMEMBER_S, "b:1": 1500.0}
    now = 2000.0
    assert memory.saved() == {"a:1": 1000.0 + REMEMBER_S}
    assert not memory.only_level_4(Options("b", 1, "c"))
    assert memory.only_level_4(Options("a", 1, "c"))
    memory.took_level_5(Options("a", 1, "c"))
    assert memory.saved() == {}
