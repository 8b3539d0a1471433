"""The embedded broker where it differs from mosquitto, or has bounds of its own. The rest is the contract's."""

import asyncio

import pytest

from guestwire.broker_test.embedded import embedded
from guestwire.broker_test.errors import BrokerError
from guestwire.broker_test.options import BrokerOptions, Listener
from guestwire.link.codec import ConnAckPacket, ConnectPacket, DisconnectPacket, PublishPacket, PubRelPacket, QoS, Will


async def _refused(open_client, port, packet):
    client = await open_client(port)
    client.send(packet)
    reason = (await client.get(ConnAckPacket)).reason_code.value
    await client.gone()
    return reason


async def test_qos_2_is_not_offered(embedded_broker, connect, open_client):
    client = await connect(embedded_broker.port)
    assert client.connack.max_qos.value == 1
    assert await client.subscribe("t", 2) == [1]
    client.fire("t", qos=2)
    assert await client.gone() == 0x9B
    will = ConnectPacket("c", will=Will("w", qos=QoS(2)))
    assert await _refused(open_client, embedded_broker.port, will) == 0x9B
    other = await connect(embedded_broker.port)
    other.send(PubRelPacket(1))
    assert await other.gone() == 0x82


async def test_shared_subscriptions_are_refused(embedded_broker, connect):
    client = await connect(embedded_broker.port)
    assert not client.connack.shared_subscription_available
    assert await client.subscribe("$share/g/t") == [0x9E]


async def test_extended_authentication_is_refused(embedded_broker, open_client):
    packet = ConnectPacket("c", authentication_method="SCRAM")
    assert await _refused(open_client, embedded_broker.port, packet) == 0x8C


async def test_more_clients_than_allowed_are_refused(embedded_factory, connect, open_client):
    broker = await embedded_factory(BrokerOptions(max_clients=2))
    first, _ = await connect(broker.port, "first"), await connect(broker.port)
    assert await _refused(open_client, broker.port, ConnectPacket("c")) == 0x89
    third = await connect(broker.port, "first")  # a take-over needs no new place
    assert await first.gone() == 0x8E
    await third.disconnect()
    await connect(broker.port)


async def test_session_expiry_cannot_be_raised_from_nothing(embedded_broker, connect):
    client = await connect(embedded_broker.port)
    client.send(DisconnectPacket(session_expiry_interval=5))
    assert await client.gone() == 0x82


async def test_a_full_session_is_said_to_the_publisher(embedded_factory, connect):
    broker = await embedded_factory(BrokerOptions(max_queued_messages=3))
    reader = await connect(broker.port, "r", session_expiry_interval=60)
    await reader.subscribe("t")
    await reader.disconnect()
    writer = await connect(broker.port)
    assert [await writer.publish("t") for _ in range(4)] == [0, 0, 0, 0x97]
    assert broker.counts.refused_qos1 == 1


async def test_a_client_that_does_not_read_gets_no_more_than_the_bound(embedded_factory, connect, open_client):
    """QoS 0 at a stuck reader: dropped and counted, nobody else waits."""
    broker = await embedded_factory(BrokerOptions(max_queued_bytes=200_000))
    stuck, writer = await connect(broker.port), await connect(broker.port)
    await stuck.subscribe("t")
    stuck.writer.transport.pause_reading()
    for _ in range(400):
        writer.fire("t", b"x" * 50_000)
        if broker.counts.dropped_qos0:
            break
        await writer.ping()
    assert broker.counts.dropped_qos0
    await writer.ping()


async def test_a_burst_leaves_in_few_writes(embedded_broker, connect):
    """50 messages of one read leave as one write: the reader gets them in a chunk or two, not in fifty."""
    client = await connect(embedded_broker.port)
    await client.subscribe("t")
    chunks = []
    read = client.reader.read

    async def counted(size):
        data = await read(size)
        chunks.append(len(data))
        return data

    client.reader.read = counted
    client.send(*[PublishPacket("t", b"%d" % x) for x in range(50)])
    assert await client.payloads(50) == [b"%d" % x for x in range(50)]
    assert len(chunks) < 10


async def test_stop_says_goodbye_and_kill_does_not(embedded_factory, connect):
    broker = await embedded_factory(BrokerOptions())
    client = await connect(broker.port)
    await broker.stop()
    assert await client.gone() == 0x8B
    await broker.restart()
    client = await connect(broker.port)
    await broker.kill()
    assert await client.gone() is None
    with pytest.raises(ConnectionRefusedError):
        await connect(broker.port)


async def test_a_taken_port_is_an_error(embedded_broker):
    with pytest.raises(BrokerError) as caught:
        async with embedded(BrokerOptions(listeners=(Listener(), Listener(port=embedded_broker.port)))):
            pass
    assert caught.value.code == "BROKER-START-FAILED"


async def test_nothing_stays_on_the_loop_after_the_end(connect):
    async with embedded() as broker:
        client = await connect(broker.port, "s", session_expiry_interval=60, will=Will("w", will_delay_interval=30))
        client.drop()
        await broker.log.wait_for("closed its connection")
    assert not [x for x in asyncio.all_tasks() if x is not asyncio.current_task() and x is not client._reading]
