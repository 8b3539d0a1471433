"""What MQTT 5 promises, held against both kinds of broker: the embedded one cannot drift from mosquitto."""

import asyncio

import pytest

from guestwire.broker_test.options import BrokerOptions
from guestwire.link.codec import PubAckPacket, PublishPacket, QoS, Will

FOREVER = 0xFFFFFFFF


@pytest.mark.parametrize(("published", "subscribed", "got"), [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 1)])
async def test_qos_is_the_lower_of_both(broker, connect, published, subscribed, got):
    reader, writer = await connect(broker.port), await connect(broker.port)
    assert await reader.subscribe("a/b", subscribed) == [subscribed]
    writer.fire("a/b", b"1", published)
    packet = await reader.message()
    assert (packet.topic, packet.payload, packet.qos.value, packet.retain) == ("a/b", b"1", got, False)


async def test_qos1_is_acknowledged_and_says_when_nobody_listens(broker, connect):
    client = await connect(broker.port)
    assert await client.publish("nobody/here") == 0x10
    other = await connect(broker.port)
    await other.subscribe("nobody/here")
    assert await client.publish("nobody/here") == 0


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/d", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("+/b", "/b", True),
        ("+", "a/b", False),
        ("#", "$x/b", False),
        ("+/b", "$x/b", False),
        ("$x/+", "$x/b", True),
        ("a//+", "a//b", True),
    ],
)
async def test_wildcards(broker, connect, pattern, name, matches):
    client = await connect(broker.port)
    await client.subscribe(pattern)
    await client.subscribe("$end")
    client.fire(name, b"tested")
    client.fire("$end", b"end")
    assert await client.payloads(1 + matches) == [b"tested"] * matches + [b"end"]
    assert await client.unsubscribe(pattern) == [0]
    assert await client.unsubscribe(pattern) == [0x11]


async def test_properties_travel_unchanged_and_in_order(broker, connect):
    client = await connect(broker.port)
    await client.subscribe("p")
    user = [("b", "2"), ("a", "1"), ("b", "3")]
    for qos in (0, 1):
        client.fire(
            "p",
            b"\x00\xff",
            qos,
            content_type="application/msgpack",
            response_topic="r/t",
            correlation_data=b"\x00\x01",
            message_expiry_interval=60,
            payload_format_indicator=0,
            user_properties=user,
        )
    seen = []
    while len(seen) < 2:
        packet = await client.get(object)
        if isinstance(packet, PublishPacket):
            seen.append(packet)
    for packet in seen:
        assert packet.payload == b"\x00\xff"
        assert (packet.content_type, packet.response_topic) == ("application/msgpack", "r/t")
        assert (packet.correlation_data, packet.message_expiry_interval) == (b"\x00\x01", 60)
        assert packet.user_properties == user


async def test_order_is_kept(broker, connect):
    reader, writer = await connect(broker.port), await connect(broker.port)
    await reader.subscribe("o")
    sent = [b"%d" % x for x in range(500)]
    for payload in sent:
        writer.fire("o", payload, 1)
    assert await reader.payloads(500) == sent


class TestSubscriptions:
    async def test_identifiers_of_all_matching_ones(self, broker, connect):
        client = await connect(broker.port)
        await client.subscribe("s/+", identifier=7)
        client.fire("s/1")
        assert (await client.message()).subscription_ids == [7]
        other = await connect(broker.port)
        await other.subscribe("s/1", identifier=9)
        client.fire("s/1")
        assert (await other.message()).subscription_ids == [9]

    async def test_overlapping_ones_give_one_copy_with_the_higher_qos(self, embedded_broker, connect):
        """Embedded only: mosquitto 2.0 sends one copy per subscription; both are allowed (3.3.4)."""
        broker = embedded_broker
        client, writer = await connect(broker.port), await connect(broker.port)
        await client.subscribe("s/+", 0, identifier=1)
        await client.subscribe("s/#", 1, identifier=2)
        await client.subscribe("end")
        await writer.publish("s/1", b"once")
        await writer.publish("end", b"end")
        packet = await client.message()
        assert (packet.qos.value, sorted(packet.subscription_ids)) == (1, [1, 2])
        assert await client.payloads(1) == [b"end"]

    async def test_no_local(self, broker, connect):
        client, other = await connect(broker.port, "me"), await connect(broker.port, "other")
        await client.subscribe("n", no_local=True)
        await client.publish("n", b"mine")
        other.fire("n", b"theirs")
        assert await client.payloads(1) == [b"theirs"]

    async def test_a_new_one_replaces_the_old(self, broker, connect):
        client, writer = await connect(broker.port), await connect(broker.port)
        await client.subscribe("s", 1)
        await client.subscribe("s", 0)
        await writer.publish("s", b"1")
        assert (await client.message()).qos.value == 0

    async def test_unsubscribed_gets_nothing(self, broker, connect):
        client = await connect(broker.port)
        await client.subscribe("s")
        await client.subscribe("end")
        await client.unsubscribe("s")
        client.fire("s", b"no")
        client.fire("end", b"end")
        assert await client.payloads(1) == [b"end"]


class TestRetained:
    async def test_given_to_new_subscriptions_until_deleted(self, broker, connect):
        writer = await connect(broker.port)
        await writer.publish("r/1", b"old", retain=True)
        await writer.publish("r/1", b"new", retain=True)
        await writer.publish("r/2", b"two", retain=True, user_properties=[("k", "v")])
        reader = await connect(broker.port)
        await reader.subscribe("r/+")
        got = {x.topic: x for x in [await reader.message(), await reader.message()]}
        assert (got["r/1"].payload, got["r/1"].retain, got["r/1"].qos.value) == (b"new", True, 1)
        assert got["r/2"].user_properties == [("k", "v")]
        await writer.publish("r/1", b"", retain=True)
        await writer.publish("r/2", b"", retain=True)
        assert await reader.payloads(2) == [b"", b""]
        late = await connect(broker.port)
        await late.subscribe("r/#")
        await late.subscribe("end")
        late.fire("end", b"end")
        assert await late.payloads(1) == [b"end"]

    @pytest.mark.parametrize(("as_published", "flag"), [(True, True), (False, False)])
    async def test_retain_as_published(self, broker, connect, as_published, flag):
        reader, writer = await connect(broker.port), await connect(broker.port)
        await reader.subscribe("r", retain_as_published=as_published)
        await writer.publish("r", b"1", retain=True)
        assert (await reader.message()).retain is flag

    async def test_retain_handling(self, broker, connect):
        client = await connect(broker.port)
        await client.publish("r", b"kept", retain=True)
        await client.subscribe("r", retain_handling=2)
        await client.subscribe("r", retain_handling=1)  # there already: nothing
        await client.subscribe("r", retain_handling=0)
        assert await client.payloads(1) == [b"kept"]
        await client.unsubscribe("r")
        await client.subscribe("r", retain_handling=1)  # new: yes
        assert await client.payloads(1) == [b"kept"]

    async def test_wildcards_do_not_find_dollar_topics(self, broker, connect):
        client = await connect(broker.port)
        await client.publish("$own/r", b"hidden", retain=True)
        await client.publish("own/r", b"seen", retain=True)
        await client.subscribe("#")
        assert await client.payloads(1) == [b"seen"]
        await client.subscribe("$own/#")
        assert await client.payloads(1) == [b"hidden"]


class TestSessions:
    async def test_present_only_if_it_was_kept(self, broker, connect):
        first = await connect(broker.port, "s", session_expiry_interval=60)
        assert not first.connack.session_present
        await first.disconnect()
        second = await connect(broker.port, "s", clean_start=False, session_expiry_interval=60)
        assert second.connack.session_present
        await second.disconnect(session_expiry_interval=0)
        third = await connect(broker.port, "s", clean_start=False, session_expiry_interval=60)
        assert not third.connack.session_present
        await third.disconnect()
        fourth = await connect(broker.port, "s", clean_start=True)
        assert not fourth.connack.session_present

    async def test_qos1_waits_for_an_absent_client_and_qos0_does_not(self, broker, connect):
        reader = await connect(broker.port, "s", session_expiry_interval=FOREVER)
        await reader.subscribe("q")
        await reader.disconnect()
        writer = await connect(broker.port)
        for index in range(5):
            await writer.publish("q", b"%d" % index)
        writer.fire("q", b"lost", 0)
        await writer.publish("q", b"5")
        again = await connect(broker.port, "s", clean_start=False, session_expiry_interval=FOREVER)
        assert await again.payloads(6) == [b"0", b"1", b"2", b"3", b"4", b"5"]

    async def test_unacknowledged_comes_again_in_order_with_dup(self, broker, connect):
        reader = await connect(broker.port, "s", session_expiry_interval=60, receive_max=5)
        reader.acknowledge = False
        await reader.subscribe("q")
        writer = await connect(broker.port)
        for index in range(8):
            writer.fire("q", b"%d" % index, 1)
        first = [await reader.message() for _ in range(5)]
        reader.ack(first[0])
        sixth = await reader.message()
        assert [x.payload for x in [*first, sixth]] == [b"%d" % x for x in range(6)]
        reader.drop()
        again = await connect(broker.port, "s", clean_start=False, session_expiry_interval=60, receive_max=5)
        packets = [await again.message() for _ in range(7)]
        assert [x.payload for x in packets] == [b"%d" % x for x in range(1, 8)]
        # mosquitto 2.0.11 sets DUP on what it had never sent, too
        assert [x.duplicate for x in packets[:5]] == [True] * 5
        assert [x.packet_id for x in packets[:4]] == [x.packet_id for x in first[1:]]

    async def test_receive_maximum_stops_the_broker(self, broker, connect):
        reader, writer = await connect(broker.port, "s", receive_max=2), await connect(broker.port)
        reader.acknowledge = False
        await reader.subscribe("q")
        for index in range(4):
            await writer.publish("q", b"%d" % index)
        packets = [await reader.message(), await reader.message()]
        # the window is shut: the next packet is the answer to our ping, not a message
        await reader.ping()
        reader.ack(packets[0])
        reader.ack(packets[1])
        assert await reader.payloads(2) == [b"2", b"3"]

    async def test_a_second_connection_takes_over(self, broker, connect):
        first = await connect(broker.port, "s", session_expiry_interval=60)
        await first.subscribe("q")
        second = await connect(broker.port, "s", clean_start=False, session_expiry_interval=60)
        # mosquitto 2.0.11 closes without the DISCONNECT that [MQTT-3.1.4-3] wants
        assert await first.gone() == (0x8E if broker.kind == "embedded" else None)
        assert second.connack.session_present
        second.fire("q", b"1", 0)
        assert await second.payloads(1) == [b"1"]

    async def test_the_broker_gives_a_client_id(self, broker, connect):
        client = await connect(broker.port, "")
        assert client.connack.assigned_client_id


class TestExpiry:
    async def test_the_interval_is_lowered_by_the_wait_and_the_expired_is_gone(self, broker, connect):
        reader = await connect(broker.port, "s", session_expiry_interval=60)
        await reader.subscribe("q")
        await reader.disconnect()
        writer = await connect(broker.port)
        await writer.publish("q", b"short", message_expiry_interval=1)
        await writer.publish("q", b"long", message_expiry_interval=60)
        # the broker's own clock must move: a will delayed by two seconds is the event that says so
        clock = await connect(
            broker.port, session_expiry_interval=60, will=Will("clock", payload=b"!", will_delay_interval=2)
        )
        await writer.subscribe("clock")
        clock.drop()
        assert await writer.payloads(1) == [b"!"]
        again = await connect(broker.port, "s", clean_start=False, session_expiry_interval=60)
        packet = await again.message()
        assert packet.payload == b"long"
        assert 55 <= packet.message_expiry_interval <= 59


class TestWills:
    @pytest.mark.parametrize("way", ["drop", "with-will", "malformed", "taken-over"])
    async def test_published_when_the_client_does_not_say_goodbye(self, broker, connect, way):
        watcher = await connect(broker.port)
        await watcher.subscribe("w")
        will = Will("w", payload=b"gone", qos=QoS(1), retain=True, user_properties=[("k", "v")])
        client = await connect(broker.port, "c", will=will)
        if way == "drop":
            client.drop()
        elif way == "with-will":
            await client.disconnect(4)
        elif way == "malformed":
            client.send(b"\x00\x00")
        else:
            await connect(broker.port, "c")
        packet = await watcher.message()
        assert (packet.payload, packet.qos.value, packet.user_properties) == (b"gone", 1, [("k", "v")])
        late = await connect(broker.port)
        await late.subscribe("w")
        assert (await late.message()).retain

    async def test_deleted_by_disconnect(self, broker, connect):
        watcher = await connect(broker.port)
        await watcher.subscribe("w")
        client = await connect(broker.port, will=Will("w", payload=b"gone"))
        await client.disconnect()
        watcher.fire("w", b"end")
        assert await watcher.payloads(1) == [b"end"]

    async def test_a_delayed_one_is_cancelled_by_coming_back(self, broker, connect):
        watcher = await connect(broker.port)
        await watcher.subscribe("w")
        await watcher.subscribe("clock")
        will = Will("w", payload=b"gone", will_delay_interval=1)
        client = await connect(broker.port, "c", session_expiry_interval=60, will=will)
        client.drop()
        back = await connect(broker.port, "c", clean_start=False, session_expiry_interval=60)
        assert back.connack.session_present
        other = await connect(
            broker.port, session_expiry_interval=60, will=Will("clock", payload=b"!", will_delay_interval=3)
        )
        other.drop()
        assert await watcher.payloads(1) == [b"!"]

    async def test_a_delayed_one_goes_out_when_the_session_ends(self, embedded_broker, connect):
        """Embedded only: mosquitto 2.0.11 forgets the will when a clean start ends the session (3.1.3.2.2)."""
        broker = embedded_broker
        watcher = await connect(broker.port)
        await watcher.subscribe("w")
        client = await connect(
            broker.port, "c", session_expiry_interval=60, will=Will("w", payload=b"gone", will_delay_interval=3600)
        )
        client.drop()
        await connect(broker.port, "c", clean_start=True)
        assert await watcher.payloads(1) == [b"gone"]


async def test_keep_alive_ends_a_silent_connection(broker, connect):
    watcher = await connect(broker.port)
    await watcher.subscribe("w")
    client = await connect(broker.port, keep_alive=1, will=Will("w", payload=b"silent"))
    assert await watcher.payloads(1) == [b"silent"]
    # mosquitto 2.0.11 closes without a DISCONNECT
    assert await client.gone() == (0x8D if broker.kind == "embedded" else None)


async def test_a_packet_above_the_limit_ends_the_connection(broker_factory, connect):
    broker = await broker_factory(BrokerOptions(max_packet_bytes=1000))
    client = await connect(broker.port)
    assert client.connack.max_packet_size == 1000
    client.fire("t", b"x" * 1000)
    assert await client.gone() == 0x95


async def test_nothing_above_the_clients_own_limit_is_sent(broker, connect):
    client, writer = await connect(broker.port, max_packet_size=200), await connect(broker.port)
    await client.subscribe("t")
    await writer.publish("t", b"x" * 300)
    await writer.publish("t", b"small")
    assert await client.payloads(1) == [b"small"]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"\x30\x05\x00\x03a/+\x00", id="wildcard in a topic name"),
        pytest.param(b"\x82\x0b\x00\x01\x00\x00\x05a/#/b\x00", id="bad filter"),
        pytest.param(b"\x82\x03\x00\x01\x00", id="no filter"),
        pytest.param(b"\x32\x06\x00\x01a\x00\x00\x00", id="packet id 0"),
        pytest.param(b"\x00\x00", id="type 0"),
        pytest.param(b"\xf0\x00", id="AUTH without a method"),
        pytest.param(b"\x30\xff\xff\xff\xff\x7f", id="five length bytes"),
    ],
)
async def test_a_protocol_violation_ends_that_connection_only(broker, connect, bad):
    client, other = await connect(broker.port), await connect(broker.port)
    client.send(bad)
    reason = await client.gone()
    assert reason is None or reason >= 0x80
    await other.ping()


async def test_restart_keeps_the_port_and_with_persistence_the_sessions(broker_factory, connect, tmp_path):
    broker = await broker_factory(BrokerOptions(persistence=tmp_path))
    port = broker.port
    # not clean: mosquitto 2.0.11 saves no session that began with a clean start
    reader = await connect(port, "s", clean_start=False, session_expiry_interval=3600)
    await reader.subscribe("q")
    await reader.disconnect()
    writer = await connect(port)
    await writer.publish("q", b"kept")
    await writer.publish("r", b"retained", retain=True)
    await broker.restart()
    assert broker.port == port
    await writer.gone()
    again = await connect(port, "s", clean_start=False, session_expiry_interval=3600)
    assert again.connack.session_present
    assert await again.payloads(1) == [b"kept"]
    await again.subscribe("r")
    assert await again.payloads(1) == [b"retained"]


async def test_kill_and_restart_without_persistence_forgets(broker, connect):
    client = await connect(broker.port, "s", session_expiry_interval=3600)
    await broker.kill()
    assert await client.gone() is None
    await broker.restart()
    again = await connect(broker.port, "s", clean_start=False)
    assert not again.connack.session_present


async def test_a_burst_at_a_slow_consumer_loses_nothing(broker, connect):
    """2,000 here; 60,000 in the bench. Nothing is acknowledged before all has been sent."""
    reader = await connect(broker.port, "s", receive_max=20, session_expiry_interval=60)
    reader.acknowledge = False
    await reader.subscribe("q")
    writer = await connect(broker.port)
    for index in range(2000):
        writer.fire("q", b"%d" % index, 1)
    acks = [await writer.get(PubAckPacket) for _ in range(2000)]
    assert {x.reason_code.value for x in acks} == {0}
    seen = []
    async with asyncio.timeout(20):
        while len(seen) < 2000:
            packet = await reader.message()
            seen.append(packet.payload)
            reader.ack(packet)
    assert seen == [b"%d" % x for x in range(2000)]
