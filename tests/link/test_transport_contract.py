"""The transport port's promises, kept by every implementation at every level, on a real mosquitto."""

from __future__ import annotations

import asyncio
import gc
import ssl
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.broker_test.options import BrokerOptions, Listener, Tls
from guestwire.link import aiomqtt, mqtt5
from guestwire.link.transport import (
    Connect,
    Incoming,
    Level,
    OnMessage,
    Options,
    Properties,
    Subscription,
    Transport,
    TransportError,
    Will,
)

if TYPE_CHECKING:
    from guestwire.broker_test.fixtures import MosquittoFactory, ProxyFactory

pytestmark = pytest.mark.mosquitto

LIMIT_S = 20.0


class Variant(NamedTuple):
    connect: Connect
    level: Level


VARIANTS = {
    "mqtt5": Variant(mqtt5.connect, 5),
    "aiomqtt-5": Variant(aiomqtt.connect, 5),
    "aiomqtt-4": Variant(aiomqtt.connect, 4),
}


@pytest.fixture(params=list(VARIANTS))
def variant(request: pytest.FixtureRequest) -> Variant:
    return VARIANTS[request.param]


only_level_5 = pytest.mark.parametrize("variant", ["mqtt5", "aiomqtt-5"], indirect=True)
"""For what version 3.1.1 cannot say: reasons in DISCONNECT, the largest packet, a refusal of version 5."""


class Inbox:
    """Collects what a transport delivers; acknowledges at once, or when told."""

    def __init__(self, ack: bool = True) -> None:
        self.ack = ack
        self.messages: list[Incoming] = []
        self._came = asyncio.Event()

    def __call__(self, message: Incoming) -> None:
        self.messages.append(message)
        self._came.set()
        if self.ack:
            message.ack()

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    async def until(self, count: int) -> list[Incoming]:
        async with asyncio.timeout(LIMIT_S):
            while len(self.messages) < count:
                self._came.clear()
                await self._came.wait()
        return self.messages


Linker = Callable[..., Awaitable[Transport]]


@pytest.fixture
async def link(variant: Variant) -> AsyncIterator[Linker]:
    """`await link(port, on_message, client_id=..., ...)` connects; everything is closed with the test."""
    async with AsyncExitStack() as stack:

        async def connect(port: int, on_message: OnMessage | None = None, **options: Any) -> Transport:
            options.setdefault("client_id", "c")
            transport = await variant.connect(
                Options("127.0.0.1", port, level=variant.level, **options), on_message or Inbox()
            )
            stack.push_async_callback(transport.close)
            return transport

        yield connect


async def ended(transport: Transport) -> TransportError | None:
    async with asyncio.timeout(LIMIT_S):
        return await transport.closed


# -- sessions and delivery


async def test_where_the_broker_is(link: Linker, mosquitto_broker: Mosquitto) -> None:
    assert (await link(mosquitto_broker.port)).peer_address == "127.0.0.1"


async def test_a_session_is_kept_and_said_to_be(link: Linker, mosquitto_broker: Mosquitto, variant: Variant) -> None:
    first = await link(mosquitto_broker.port)
    assert first.connack.level == variant.level
    assert not first.connack.session_present
    await first.subscribe([Subscription("t")])
    await first.close()
    other = await link(mosquitto_broker.port, client_id="other")
    await other.publish("t", b"queued")
    inbox = Inbox()
    again = await link(mosquitto_broker.port, inbox)
    assert again.connack.session_present
    assert [m.payload for m in await inbox.until(1)] == [b"queued"]
    await again.close()
    fresh = await link(mosquitto_broker.port, clean_start=True)
    assert not fresh.connack.session_present


async def test_messages_come_in_order_at_both_qos(link: Linker, mosquitto_broker: Mosquitto) -> None:
    inbox = Inbox()
    receiver = await link(mosquitto_broker.port, inbox, client_id="r")
    await receiver.subscribe([Subscription("zero", qos=0), Subscription("one")])
    sender = await link(mosquitto_broker.port, client_id="s")
    outcomes = []
    for number in range(300):
        payload = str(number).encode()
        sender.send("zero", payload)
        outcomes.append(sender.publish("one", payload))
    async with asyncio.timeout(LIMIT_S):
        assert await asyncio.gather(*outcomes) == [0] * 300
    got = await inbox.until(600)
    for topic, qos in (("zero", 0), ("one", 1)):
        of_topic = [m for m in got if m.topic == topic]
        assert [m.payload for m in of_topic] == [str(number).encode() for number in range(300)]
        assert {m.qos for m in of_topic} == {qos}


async def test_what_was_not_acknowledged_comes_again_in_order(link: Linker, mosquitto_broker: Mosquitto) -> None:
    inbox = Inbox(ack=False)
    receiver = await link(mosquitto_broker.port, inbox, client_id="r")
    await receiver.subscribe([Subscription("t")])
    sender = await link(mosquitto_broker.port, client_id="s")
    for number in range(6):
        await sender.publish("t", b"%d" % number)
    got = await inbox.until(6)
    for at in (1, 0, 0, 4, 3):  # twice is once; 2 is missing, so 3 and 4 must wait for it
        got[at].ack()
    await receiver.close()
    got[2].ack()  # too late: the connection it belongs to is gone
    inbox = Inbox()
    await link(mosquitto_broker.port, inbox, client_id="r")
    again = await inbox.until(4)
    assert [m.payload for m in again] == [b"2", b"3", b"4", b"5"]
    assert all(m.duplicate for m in again)


async def test_a_burst_at_a_slow_consumer_loses_nothing_and_never_exceeds_receive_maximum(
    link: Linker, mosquitto_broker: Mosquitto
) -> None:
    total, allowed = 3000, 20
    waiting: list[Incoming] = []
    seen: list[int] = []
    most = 0
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def finish_one() -> None:
        waiting.pop(0).ack()
        if len(seen) == total and not waiting:
            done.set()

    def consume(message: Incoming) -> None:
        nonlocal most
        waiting.append(message)
        seen.append(int(message.payload))
        most = max(most, len(waiting))
        loop.call_later(0.001, finish_one)

    receiver = await link(mosquitto_broker.port, consume, client_id="r", receive_maximum=allowed)
    await receiver.subscribe([Subscription("t")])
    sender = await link(mosquitto_broker.port, client_id="s")
    outcomes = [sender.publish("t", b"%d" % number) for number in range(total)]
    async with asyncio.timeout(60):
        assert set(await asyncio.gather(*outcomes)) == {0}
        await done.wait()
    assert seen == list(range(total))
    assert most <= allowed


async def test_nothing_is_delivered_before_the_caller_has_its_transport(
    link: Linker, mosquitto_broker: Mosquitto
) -> None:
    first = await link(mosquitto_broker.port, client_id="r")
    await first.subscribe([Subscription("t")])
    await first.close()
    sender = await link(mosquitto_broker.port, client_id="s")
    for _ in range(10):
        await sender.publish("t", b"x")
    connected = False
    early = 0
    came = Inbox()

    def on_message(message: Incoming) -> None:
        nonlocal early
        early += not connected
        came(message)

    await link(mosquitto_broker.port, on_message, client_id="r")
    connected = True
    await came.until(10)
    assert early == 0


async def test_unsubscribe(link: Linker, mosquitto_broker: Mosquitto) -> None:
    inbox = Inbox()
    one = await link(mosquitto_broker.port, inbox)
    await one.subscribe([Subscription("a"), Subscription("b")])
    await one.unsubscribe(["a"])
    await one.publish("a", b"no")
    await one.publish("b", b"yes")
    await inbox.until(1)
    assert inbox.payloads == [b"yes"]


async def test_properties_travel_on_version_5_only(link: Linker, mosquitto_broker: Mosquitto, variant: Variant) -> None:
    inbox = Inbox()
    one = await link(mosquitto_broker.port, inbox)
    await one.subscribe([Subscription("t")])
    sent = Properties("application/msgpack", "back/to", b"\x00\xff", 60, (("a", "ü"), ("a", "b")))
    await one.publish("t", b"1", properties=sent)
    one.send("t", b"2", properties=sent)
    one.send("t", b"3")
    got = await inbox.until(3)
    expected = sent if variant.level == 5 else Properties()
    assert [m.properties for m in got] == [expected, expected, Properties()]


async def test_the_reason_of_a_publication(link: Linker, mosquitto_broker: Mosquitto, variant: Variant) -> None:
    one = await link(mosquitto_broker.port)
    assert await one.publish("nobody/listens", b"") == (0x10 if variant.level == 5 else 0)
    await one.subscribe([Subscription("t")])
    assert await one.publish("t", b"") == 0


# -- retained messages and wills


async def test_retained_messages_come_where_they_are_wanted(
    link: Linker, mosquitto_broker: Mosquitto, variant: Variant
) -> None:
    sender = await link(mosquitto_broker.port, client_id="s")
    await sender.publish("kept", b"old", retain=True)
    inbox = Inbox()
    receiver = await link(mosquitto_broker.port, inbox, client_id="r")
    await receiver.subscribe([Subscription("kept", retained=True)])
    (stored,) = await inbox.until(1)
    assert (stored.payload, stored.retain) == (b"old", True)
    await sender.publish("kept", b"new", retain=True)
    _, live = await inbox.until(2)
    # retain as published: only so can a request that was published retained be told apart
    assert live.retain is (variant.level == 5)

    inbox = Inbox()
    other = await link(mosquitto_broker.port, inbox, client_id="o")
    await other.subscribe([Subscription("kept")])
    await sender.publish("kept", b"live")
    await inbox.until(1)
    assert inbox.payloads[-1:] == [b"live"] if variant.level == 5 else inbox.payloads[:1] == [b"new"]


async def test_the_will_is_published_when_the_connection_is_cut(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    inbox = Inbox()
    watcher = await link(mosquitto_broker.port, inbox, client_id="w")
    await watcher.subscribe([Subscription("will")])
    mortal = await link(proxy.port, client_id="m", will=Will("will", b"gone", retain=False))
    pending = mortal.publish("t", b"")
    proxy.cut()
    error = await ended(mortal)
    assert error is not None
    assert error.code == "LINK-LOST"
    (will,) = await inbox.until(1)
    assert (will.payload, will.qos) == (b"gone", 1)
    with pytest.raises(TransportError, match="LINK-LOST"):
        await pending


async def test_no_will_after_close(link: Linker, mosquitto_broker: Mosquitto) -> None:
    inbox = Inbox()
    watcher = await link(mosquitto_broker.port, inbox, client_id="w")
    await watcher.subscribe([Subscription("will"), Subscription("last")])
    one = await link(mosquitto_broker.port, client_id="m", will=Will("will", b"gone"))
    one.send("last", b"word")
    await one.close()
    assert await ended(one) is None
    # the broker has dealt with the DISCONNECT before it lets the same client in again
    again = await link(mosquitto_broker.port, client_id="m")
    await again.publish("last", b"sign")
    await inbox.until(2)
    assert inbox.payloads == [b"word", b"sign"]


# -- refusals


@only_level_5
async def test_a_packet_larger_than_the_broker_takes_is_not_sent(
    link: Linker, mosquitto_factory: MosquittoFactory, variant: Variant
) -> None:
    broker = await mosquitto_factory(BrokerOptions(max_packet_bytes=1000))
    inbox = Inbox()
    one = await link(broker.port, inbox)
    assert one.connack.max_packet == 1000
    await one.subscribe([Subscription("t")])
    properties = Properties(content_type="x" * 20)
    fits = 1000 - 1 - 2 - 3 - 2 - 1 - 23  # first byte, length, topic, packet id, length of the properties, content type
    assert await one.publish("t", bytes(fits), properties=properties) == 0
    for too_much in (fits + 1, 5000):
        with pytest.raises(TransportError, match="PACKET-TOO-LARGE"):
            await one.publish("t", bytes(too_much), properties=properties)
    with pytest.raises(TransportError, match="PACKET-TOO-LARGE"):
        one.send("t", bytes(1000))
    assert await one.publish("t", b"still there") == 0
    await inbox.until(2)


async def test_a_publication_the_access_list_forbids(
    link: Linker, mosquitto_factory: MosquittoFactory, variant: Variant, tmp_path: Path
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("user u\ntopic readwrite open/#\n")
    broker = await mosquitto_factory(BrokerOptions(listeners=(Listener(acl=acl),)))
    one = await link(broker.port, username="u")
    if variant.level == 4:  # cannot refuse: only the application's reply proves delivery
        assert await one.publish("forbidden", b"") == 0
    else:
        with pytest.raises(TransportError, match="PUBLISH-REFUSED") as caught:
            await one.publish("forbidden", b"")
        assert caught.value.detail["reason"] == 0x87
    await one.subscribe([Subscription("open/a")])
    assert await one.publish("open/a", b"") == 0


async def test_a_refused_subscription_names_its_filter(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    # 2.0.11 refuses no subscription by its access list, other brokers do
    proxy.rewrite = lambda _, packet: [packet[:-1] + b"\x80" if packet[0] == 0x90 else packet]
    one = await link(proxy.port)
    with pytest.raises(TransportError, match="SUBSCRIBE-REFUSED") as caught:
        await one.subscribe([Subscription("good"), Subscription("bad")])
    assert caught.value.detail == {"filter": "bad", "reason": 0x80}


async def test_a_wrong_password_is_a_refusal(
    variant: Variant, mosquitto_factory: MosquittoFactory, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    broker = await mosquitto_factory(BrokerOptions(listeners=(Listener(passwords=passwords),)))
    options = Options("127.0.0.1", broker.port, "c", variant.level, username="u", password="wrong")
    with pytest.raises(TransportError, match="BROKER-REFUSED") as caught:
        await variant.connect(options, Inbox())
    assert caught.value.detail["reason"] == 0x87
    assert "wrong" not in repr(options)


@pytest.mark.parametrize("topic", ["", "a/#", "+", "a\0"])
async def test_what_is_no_topic_is_a_defect_of_the_caller(
    link: Linker, mosquitto_broker: Mosquitto, topic: str
) -> None:
    one = await link(mosquitto_broker.port)
    with pytest.raises(ValueError):
        one.send(topic, b"")
    with pytest.raises(ValueError):
        await one.publish(topic, b"")
    with pytest.raises(ValueError):
        await one.subscribe([Subscription("a/#/b")])
    assert await one.publish("still/there", b"") in (0, 0x10)


async def test_another_client_of_the_same_name_ends_this_one(link: Linker, mosquitto_broker: Mosquitto) -> None:
    one = await link(mosquitto_broker.port, client_id="same")
    await link(mosquitto_broker.port, client_id="same")
    error = await ended(one)
    assert error is not None
    assert error.code in ("SESSION-TAKEN-OVER", "LINK-LOST")  # 2.0.11 closes without a word, at level 5 too


@only_level_5
@pytest.mark.parametrize(("reason", "code"), [(0x8E, "SESSION-TAKEN-OVER"), (0x8B, "LINK-LOST"), (0x98, "LINK-LOST")])
async def test_a_disconnect_tells_why(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory, variant: Variant, reason: int, code: str
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    one = await link(proxy.port)
    pending = asyncio.ensure_future(one.subscribe([Subscription("t")]))
    await proxy.inject("down", bytes((0xE0, 2, reason, 0)))
    error = await ended(one)
    assert error is not None
    assert (error.code, error.detail["reason"]) == (code, reason)
    await asyncio.wait([pending])
    assert pending.exception() is None or "LINK-LOST" in str(pending.exception())


# -- deadlines


async def test_a_publication_that_is_not_confirmed_in_time(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    lost: list[bytes] = []

    def lose_first_puback(_: object, packet: bytes) -> Sequence[bytes]:
        if packet[0] == 0x40 and not lost:
            lost.append(packet)
            return []
        return [packet]

    proxy.rewrite = lose_first_puback
    one = await link(proxy.port, publish_timeout_s=0.3)
    first = one.publish("t", b"")
    second = one.publish("t", b"")
    with pytest.raises(TransportError, match="PUBLISH-TIMEOUT"):
        await first
    assert await second in (0, 0x10)
    proxy.rewrite = None
    await proxy.inject("down", lost[0])  # late, and no harm
    assert await one.publish("t", b"") in (0, 0x10)


async def test_a_broker_that_confirms_nothing_any_more_is_given_up(
    link: Linker, mosquitto_factory: MosquittoFactory, fault_proxy: ProxyFactory
) -> None:
    broker = await mosquitto_factory(BrokerOptions(max_inflight=3))
    proxy = await fault_proxy(broker.port)
    proxy.rewrite = lambda _, packet: [] if packet[0] == 0x40 else [packet]
    one = await link(proxy.port, publish_timeout_s=0.3, receive_maximum=3)
    outcomes = await asyncio.gather(*(one.publish("t", b"") for _ in range(5)), return_exceptions=True)
    codes = [getattr(outcome, "code", outcome) for outcome in outcomes]
    assert set(codes[:3]) == {"PUBLISH-TIMEOUT"}
    assert set(codes[3:]) <= {"PUBLISH-TIMEOUT", "LINK-LOST"}, "the link may be given up before their time is over"
    error = await ended(one)
    assert error is not None
    assert error.code == "LINK-LOST"


async def test_a_caller_that_gives_up_leaves_the_window_whole(
    link: Linker, mosquitto_factory: MosquittoFactory, fault_proxy: ProxyFactory
) -> None:
    broker = await mosquitto_factory(BrokerOptions(max_inflight=2))
    proxy = await fault_proxy(broker.port)
    inbox = Inbox()
    one = await link(proxy.port, inbox, receive_maximum=2)
    await one.subscribe([Subscription("t", qos=0)])
    proxy.pause("down")
    tasks = [asyncio.ensure_future(one.publish("t", b"%d" % number)) for number in range(6)]
    await asyncio.sleep(0)
    for number in (0, 3):
        tasks[number].cancel()
    proxy.heal()
    async with asyncio.timeout(LIMIT_S):
        assert await asyncio.gather(*(tasks[number] for number in (1, 2, 4, 5))) == [0] * 4
    # 0 was on its way already, 3 waited and was never sent
    assert [m.payload for m in await inbox.until(5)] == [b"0", b"1", b"2", b"4", b"5"]


async def test_publications_nobody_awaits_fail_in_silence(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    proxy = await fault_proxy(mosquitto_broker.port)
    proxy.rewrite = lambda _, packet: [] if packet[0] == 0x40 else [packet]
    one = await link(proxy.port, write_queue_bytes=1000)
    for _ in range(50):
        one.publish("t", bytes(100))
    proxy.cut()
    await ended(one)
    one.publish("t", b"")
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_the_queue_is_bounded_and_loses_nothing_it_took(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    inbox = Inbox()
    receiver = await link(mosquitto_broker.port, inbox, client_id="r")
    await receiver.subscribe([Subscription("t", qos=0)])
    sender = await link(proxy.port, client_id="s", write_queue_bytes=200_000)
    proxy.pause("up")
    taken = 0
    with pytest.raises(TransportError, match="LINK-BUSY"):
        while taken < 20_000:
            sender.send("t", b"%06d" % taken + bytes(10_000))
            taken += 1
            await asyncio.sleep(0)
    with pytest.raises(TransportError, match="LINK-BUSY"):
        await sender.publish("t", bytes(200_001))
    proxy.heal()
    got = await inbox.until(taken)
    assert [int(m.payload[:6]) for m in got] == list(range(taken))


async def test_after_close_everything_says_so(link: Linker, mosquitto_broker: Mosquitto) -> None:
    one = await link(mosquitto_broker.port)
    waiter = asyncio.ensure_future(one.closed)
    waiter.cancel()
    await asyncio.gather(one.close(), one.close())
    assert await ended(one) is None
    assert await ended(one) is None
    with pytest.raises(TransportError, match="LINK-LOST"):
        one.send("t", b"")
    with pytest.raises(TransportError, match="LINK-LOST"):
        await one.publish("t", b"")
    with pytest.raises(TransportError, match="LINK-LOST"):
        await one.subscribe([Subscription("t")])
    with pytest.raises(TransportError, match="LINK-LOST"):
        await one.unsubscribe(["t"])


async def test_closing_on_a_dead_network_ends(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    one = await link(proxy.port)
    proxy.drop()
    async with asyncio.timeout(LIMIT_S):
        await one.close()


async def test_a_round_trip_shows_no_delayed_acknowledgements(link: Linker, mosquitto_broker: Mosquitto) -> None:
    loop = asyncio.get_running_loop()
    one = await link(mosquitto_broker.port)
    times = []
    for _ in range(15):
        start = loop.time()
        await one.publish("t", bytes(128))
        times.append(loop.time() - start)
    # Nagle's algorithm against delayed ACKs shows as 40 ms or more in every one of them
    assert statistics.median(times) < 0.030


# -- TLS


class Certificates(NamedTuple):
    ca: Path
    cert: Path
    key: Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A self-signed certificate of `broker.example`; its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker.example")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("broker.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = Certificates(folder / "cert.pem", folder / "cert.pem", folder / "key.pem")
    paths.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    paths.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def tls_broker(certificates: Certificates, client_certificate: bool = False) -> BrokerOptions:
    tls = Tls(certificates.cert, certificates.key, certificates.ca, require_client_certificate=client_certificate)
    return BrokerOptions(listeners=(Listener(tls=tls),))


async def test_tls_by_another_name_than_the_address(
    link: Linker, mosquitto_factory: MosquittoFactory, certificates: Certificates
) -> None:
    broker = await mosquitto_factory(tls_broker(certificates))
    inbox = Inbox()
    context = ssl.create_default_context(cafile=str(certificates.ca))
    one = await link(broker.port, inbox, tls=context, tls_server_name="broker.example")
    await one.subscribe([Subscription("t")])
    for size in (1, 100_000):
        assert await one.publish("t", bytes(size)) == 0
    assert [len(m.payload) for m in await inbox.until(2)] == [1, 100_000]
    await one.close()
    assert await ended(one) is None


async def test_tls_refuses_another_name_or_an_unknown_authority(
    variant: Variant, mosquitto_factory: MosquittoFactory, certificates: Certificates
) -> None:
    broker = await mosquitto_factory(tls_broker(certificates))
    for context, name in (
        (ssl.create_default_context(cafile=str(certificates.ca)), "other.example"),
        (ssl.create_default_context(), "broker.example"),
    ):
        options = Options("127.0.0.1", broker.port, "c", variant.level, tls=context, tls_server_name=name)
        with pytest.raises(TransportError, match="BROKER-UNREACHABLE") as caught:
            await variant.connect(options, Inbox())
        assert "certificate verify failed" in caught.value.detail["why"]


async def test_tls_without_the_client_certificate_that_is_required(
    variant: Variant, mosquitto_factory: MosquittoFactory, certificates: Certificates
) -> None:
    broker = await mosquitto_factory(tls_broker(certificates, client_certificate=True))
    context = ssl.create_default_context(cafile=str(certificates.ca))
    options = Options(
        "127.0.0.1", broker.port, "c", variant.level, tls=context, tls_server_name="broker.example", connect_timeout_s=5
    )
    # with TLS 1.3 the client learns it only after its handshake, and perhaps only as a reset
    with pytest.raises(TransportError) as caught:
        await variant.connect(options, Inbox())
    assert caught.value.code in ("BROKER-UNREACHABLE", "BROKER-NO-V5")


async def test_what_comes_after_a_cut_is_not_read_without_tls(
    link: Linker, mosquitto_factory: MosquittoFactory, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """The kernel holds records of TLS then; taken for MQTT, anybody on the way could write what is read."""
    broker = await mosquitto_factory(tls_broker(certificates))
    context = ssl.create_default_context(cafile=str(certificates.ca))
    inbox = Inbox()
    one = await link(broker.port, inbox, tls=context, tls_server_name="broker.example")
    await one.subscribe([Subscription("t")])
    sender = await link(broker.port, client_id="s", tls=context, tls_server_name="broker.example")
    for _ in range(100):
        sender.send("t", bytes(10_000))
    await inbox.until(1)
    await one.abort()
    assert "Unrecognised" not in caplog.text


# -- brokers that are not there, or only half


async def raw_server(stack: AsyncExitStack, answer: bytes | None, close: bool = False) -> int:
    """A port that answers the first bytes with `answer` (None: not at all), then closes or stays silent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1000)
            if answer is not None:
                writer.write(answer)
            if not close:
                await reader.read(-1)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stack.callback(server.close)
    port: int = server.sockets[0].getsockname()[1]
    return port


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_a_close_without_connack(variant: Variant, stack: AsyncExitStack) -> None:
    port = await raw_server(stack, b"", close=True)
    async with asyncio.timeout(LIMIT_S / 2):
        with pytest.raises(TransportError) as caught:
            await variant.connect(Options("127.0.0.1", port, "c", variant.level, connect_timeout_s=LIMIT_S), Inbox())
    assert caught.value.code == ("BROKER-NO-V5" if variant.level == 5 else "BROKER-UNREACHABLE")


@only_level_5
@pytest.mark.parametrize("answer", [b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00"])
async def test_a_refusal_of_version_5(variant: Variant, stack: AsyncExitStack, answer: bytes) -> None:
    port = await raw_server(stack, answer, close=True)
    with pytest.raises(TransportError, match="BROKER-NO-V5"):
        await variant.connect(Options("127.0.0.1", port, "c"), Inbox())


async def test_no_connack_at_all(variant: Variant, stack: AsyncExitStack) -> None:
    port = await raw_server(stack, None)
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(TransportError, match="BROKER-UNREACHABLE"):
            await variant.connect(Options("127.0.0.1", port, "c", variant.level, connect_timeout_s=0.3), Inbox())


async def test_nobody_listens(variant: Variant, stack: AsyncExitStack) -> None:
    async with AsyncExitStack() as short:
        port = await raw_server(short, None)
    with pytest.raises(TransportError, match="BROKER-UNREACHABLE") as caught:
        await variant.connect(Options("127.0.0.1", port, "c", variant.level), Inbox())
    assert caught.value.detail["broker"] == f"127.0.0.1:{port}"


async def test_a_connect_that_is_cancelled_leaves_nothing(variant: Variant, stack: AsyncExitStack) -> None:
    port = await raw_server(stack, None)
    connecting = asyncio.ensure_future(variant.connect(Options("127.0.0.1", port, "c", variant.level), Inbox()))
    done, _ = await asyncio.wait([connecting], timeout=0.1)
    assert not done
    connecting.cancel()
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(asyncio.CancelledError):
            await connecting


async def test_a_half_open_connection_is_noticed_by_keep_alive(variant: Variant, stack: AsyncExitStack) -> None:
    connack = b"\x20\x03\x00\x00\x00" if variant.level == 5 else b"\x20\x02\x00\x00"
    port = await raw_server(stack, connack)
    one = await variant.connect(Options("127.0.0.1", port, "c", variant.level, keep_alive_s=1), Inbox())
    error = await ended(one)
    assert error is not None
    assert error.code == "LINK-LOST"
    await one.close()


async def test_keep_alive_keeps_an_idle_connection(link: Linker, mosquitto_broker: Mosquitto) -> None:
    one = await link(mosquitto_broker.port, keep_alive_s=1)
    # the broker itself cuts after 1.5 times the keep alive
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2.5):
            await one.closed
    assert await one.publish("t", b"") in (0, 0x10)


async def test_a_broker_that_talks_nonsense(
    link: Linker, mosquitto_broker: Mosquitto, fault_proxy: ProxyFactory
) -> None:
    proxy = await fault_proxy(mosquitto_broker.port)
    one = await link(proxy.port)
    await one.publish("t", b"")
    await proxy.inject("down", b"\x00\x00")
    error = await ended(one)
    assert error is not None
    assert error.code in ("PEER-MALFORMED", "LINK-LOST")
