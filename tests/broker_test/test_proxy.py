"""The fault proxy in front of a real broker: each fault does what it says, and heals."""

import asyncio

import pytest

from guestwire.broker_test.frames import packet_type
from guestwire.link.codec import ConnAckPacket, ConnectPacket, PublishPacket

CONNECT_3_1_1 = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02me"
PUBLISH = 3


async def test_without_faults_it_is_not_there(embedded_broker, fault_proxy, connect):
    proxy = await fault_proxy(embedded_broker.port)
    client = await connect(proxy.port)
    await client.subscribe("t")
    for index in range(300):
        client.fire("t", b"%d" % index * 100)
    assert await client.payloads(300) == [b"%d" % x * 100 for x in range(300)]
    assert (proxy.accepted, proxy.connections) == (1, 1)
    await client.disconnect()
    await proxy.wait_connections(0)


async def test_cut_resets_both_ends(embedded_broker, fault_proxy, connect):
    proxy = await fault_proxy(embedded_broker.port)
    client = await connect(proxy.port, "cut-me")
    assert proxy.cut() == 1
    assert await client.gone() is None
    await embedded_broker.log.wait_for("Client cut-me closed its connection")
    await (await connect(proxy.port)).ping()


async def test_refuse_and_accept_on_the_same_port(embedded_broker, fault_proxy, connect):
    proxy = await fault_proxy(embedded_broker.port)
    present, port = await connect(proxy.port), proxy.port
    await proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect(port)
    await present.ping()
    await proxy.accept()
    assert proxy.port == port
    await (await connect(port)).ping()


async def test_delay_keeps_the_order(embedded_broker, fault_proxy, connect):
    proxy = await fault_proxy(embedded_broker.port)
    client = await connect(proxy.port)
    loop = asyncio.get_running_loop()
    proxy.delay(0.1)
    before = loop.time()
    await client.ping()
    assert loop.time() - before >= 0.2
    await client.subscribe("t")
    client.fire("t", b"1")
    proxy.delay(0)
    client.fire("t", b"2")
    assert await client.payloads(2) == [b"1", b"2"]


async def test_drop_makes_a_half_open_connection(embedded_broker, fault_proxy, connect):
    proxy = await fault_proxy(embedded_broker.port)
    client, direct = await connect(proxy.port, "half"), await connect(embedded_broker.port)
    await client.subscribe("t")
    await direct.subscribe("end")
    proxy.drop("up")
    client.fire("end", b"swallowed")
    await direct.publish("t", b"still comes down")
    assert await client.payloads(1) == [b"still comes down"]
    client.fire("end", b"swallowed too")
    direct.fire("end", b"end")
    assert await direct.payloads(1) == [b"end"]
    client.drop()
    # the broker does not see the end: it still has a subscriber
    assert await direct.publish("t") == 0
    proxy.heal()
    await embedded_broker.log.wait_for("Client half closed its connection")
    await (await connect(proxy.port)).ping()


async def test_pause_loses_nothing(embedded_broker, fault_proxy, connect):
    proxy = await fault_proxy(embedded_broker.port)
    client, direct = await connect(proxy.port), await connect(embedded_broker.port)
    await client.subscribe("t")
    proxy.pause("down")
    for index in range(100):
        await direct.publish("t", b"%d" % index)
    assert client.packets.empty()
    proxy.heal()
    assert await client.payloads(100) == [b"%d" % x for x in range(100)]


class TestRewrite:
    async def test_lose_double_and_alter_single_packets(self, embedded_broker, fault_proxy, connect):
        proxy = await fault_proxy(embedded_broker.port)
        client = await connect(proxy.port)
        await client.subscribe("t")
        seen = []

        def rewrite(direction, packet):
            if direction == "down" or packet_type(packet) != PUBLISH:
                return [packet]
            seen.append(packet)
            if packet.endswith(b"lost"):
                return []
            return [packet, packet] if packet.endswith(b"twice") else [packet.replace(b"bad", b"BAD")]

        proxy.rewrite = rewrite
        for payload in (b"lost", b"twice", b"bad", b"end"):
            client.fire("t", payload)
        assert await client.payloads(4) == [b"twice", b"twice", b"BAD", b"end"]
        assert len(seen) == 4

    async def test_reorder(self, embedded_broker, fault_proxy, connect):
        proxy = await fault_proxy(embedded_broker.port)
        client = await connect(proxy.port)
        await client.subscribe("t")
        held = []

        def swap(direction, packet):
            if direction == "up" and packet_type(packet) == PUBLISH:
                held.append(packet)
                return list(reversed(held)) if len(held) == 2 else []
            return [packet]

        proxy.rewrite = swap
        client.fire("t", b"1")
        client.fire("t", b"2")
        assert await client.payloads(2) == [b"2", b"1"]

    async def test_inject_a_forged_packet(self, embedded_broker, fault_proxy, connect):
        proxy = await fault_proxy(embedded_broker.port)
        client = await connect(proxy.port)
        assert await proxy.inject("down", PublishPacket("t", b"forged").write()) == 1
        assert await client.payloads(1) == [b"forged"]


class TestOldBrokers:
    async def test_refuse_says_it_in_3_1_1(self, embedded_broker, fault_proxy, open_client):
        proxy = await fault_proxy(embedded_broker.port)
        proxy.no_v5 = "refuse"
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(ConnectPacket("me").write())
        assert await asyncio.wait_for(reader.read(), 10) == b"\x20\x02\x00\x01"
        writer.close()

    async def test_refuse_v5_says_0x84(self, embedded_broker, fault_proxy, open_client):
        proxy = await fault_proxy(embedded_broker.port)
        proxy.no_v5 = "refuse-v5"
        client = await open_client(proxy.port)
        client.send(ConnectPacket("me"))
        assert (await client.get(ConnAckPacket)).reason_code.value == 0x84
        await client.gone()

    async def test_close_says_nothing(self, embedded_broker, fault_proxy, open_client):
        proxy = await fault_proxy(embedded_broker.port)
        proxy.no_v5 = "close"
        client = await open_client(proxy.port)
        client.send(ConnectPacket("me"))
        assert await client.gone() is None

    async def test_level_4_passes(self, mosquitto_broker, fault_proxy):
        proxy = await fault_proxy(mosquitto_broker.port)
        proxy.no_v5 = "close"
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(CONNECT_3_1_1)
        assert await asyncio.wait_for(reader.readexactly(4), 10) == b"\x20\x02\x00\x00"
        writer.close()


async def test_a_broker_that_is_not_there_closes_the_client(fault_proxy, open_client):
    from guestwire.broker_test.mosquitto import free_port

    proxy = await fault_proxy(free_port())
    client = await open_client(proxy.port)
    assert await client.gone() is None
