"""Bad bytes at the embedded broker: it answers or closes, never dies, and other clients go on."""

import asyncio
import random

from guestwire.link.codec import (
    ConnAckPacket,
    ConnectPacket,
    DisconnectPacket,
    PingReqPacket,
    PubAckPacket,
    PublishPacket,
    QoS,
    SubscribePacket,
    TopicFilter,
    UnsubscribePacket,
    Will,
)

CONNECT = ConnectPacket("fuzz", will=Will("w", payload=b"x", qos=QoS(1)), username="u", password=b"p", keep_alive=60)
SEEDS = [
    CONNECT.write(),
    PublishPacket("a/b", b"payload", qos=QoS(1), packet_id=3, user_properties=[("k", "v")], content_type="c").write(),
    PublishPacket("a/b", b"", retain=True, response_topic="r", correlation_data=b"12").write(),
    SubscribePacket(4, [TopicFilter("a/#"), TopicFilter("+/b", max_qos=QoS(1))], subscription_id=9).write(),
    UnsubscribePacket(5, ["a/#", "b"]).write(),
    PubAckPacket(3).write(),
    PingReqPacket().write(),
    DisconnectPacket(session_expiry_interval=3).write(),
]
ROUNDS = 400


def _mutated(chance, frame):
    data = bytearray(frame)
    for _ in range(chance.randint(1, 4)):
        way = chance.randrange(4)
        if way == 0:
            data[chance.randrange(len(data))] = chance.randrange(256)
        elif way == 1:
            data.insert(chance.randrange(len(data) + 1), chance.randrange(256))
        elif way == 2 and len(data) > 2:
            del data[chance.randrange(len(data))]
        else:
            data = data[: chance.randint(1, len(data))] + data
    return bytes(data)


async def _serves(witness):
    """A client that was there before the bad bytes is served by the same broker."""
    witness.fire("witness", b"alive")
    assert (await witness.message()).payload == b"alive"


async def test_mutated_packets(embedded_broker, connect, open_client):
    chance = random.Random(20240607)
    witness = await connect(embedded_broker.port, "witness")
    await witness.subscribe("witness")
    for index in range(ROUNDS):
        client = await open_client(embedded_broker.port)
        frames = [_mutated(chance, chance.choice(SEEDS)) for _ in range(chance.randint(1, 5))]
        if chance.random() < 0.7:
            client.send(CONNECT)
        client.send(*frames)
        client.send(DisconnectPacket())
        client.writer.write_eof()
        if index % 20 == 0:
            await client.gone()
            # what the broker sends is valid; 0x84 is how the client names a CONNACK of 3.1.1
            assert client.error is None or client.error.reason_code == 0x84
            await _serves(witness)
    await _serves(witness)
    assert embedded_broker.counts.closed_for_error > ROUNDS / 4


async def test_random_bytes(embedded_broker, connect, open_client):
    chance = random.Random(7)
    witness = await connect(embedded_broker.port, "witness")
    await witness.subscribe("witness")
    for _ in range(ROUNDS):
        client = await open_client(embedded_broker.port)
        if chance.random() < 0.5:
            client.send(CONNECT)
        client.send(chance.randbytes(chance.randint(1, 200)))
        client.writer.close()
    await _serves(witness)
    fresh = await connect(embedded_broker.port, "fresh")
    await fresh.ping()


async def test_a_huge_claim_is_refused_before_it_is_buffered(embedded_broker, connect):
    client = await connect(embedded_broker.port)
    client.send(b"\x30\xff\xff\xff\x7f")
    assert await client.gone() == 0x95


async def test_text_that_is_not_utf8_closes_with_0x81(embedded_broker, connect):
    """The codec itself would panic here."""
    client = await connect(embedded_broker.port)
    client.send(b"\x30\x06\x00\x02\xff\xfe\x00x")
    assert await client.gone() == 0x81


async def test_connect_must_come_first_and_once(embedded_broker, connect, open_client):
    client = await open_client(embedded_broker.port)
    client.send(PingReqPacket())
    assert await client.gone() is None
    second = await connect(embedded_broker.port)
    second.send(CONNECT)
    assert await second.gone() == 0x82


async def test_older_versions_are_refused_in_their_own_words(embedded_broker):
    reader, writer = await asyncio.open_connection("127.0.0.1", embedded_broker.port)
    writer.write(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02me")
    assert await asyncio.wait_for(reader.read(), 10) == b"\x20\x02\x00\x01"
    writer.close()


async def test_a_later_version_is_refused_with_0x84(embedded_broker, open_client):
    client = await open_client(embedded_broker.port)
    client.send(b"\x10\x0f\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x02me")
    assert (await client.get(ConnAckPacket)).reason_code.value == 0x84
