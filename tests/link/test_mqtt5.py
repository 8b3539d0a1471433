"""What our own transport does beyond the contract, against a scripted broker: the other side of every rule."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar

import pytest

from guestwire.link.codec import (
    ConnAckPacket,
    ConnAckReasonCode,
    ConnectPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    Framer,
    Packet,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PubAckReasonCode,
    PublishPacket,
    PubRelPacket,
    QoS,
    SubAckPacket,
    SubAckReasonCode,
    SubscribePacket,
    write,
)
from guestwire.link.intake import HOLD_BYTES
from guestwire.link.mqtt5 import Mqtt5Transport, connect
from guestwire.link.transport import Incoming, Options, Subscription, TransportError, Will

LIMIT_S = 20.0
P = TypeVar("P")


class ScriptedBroker:
    """Accepts, answers CONNECT with the given bytes, collects what comes, and sends what the test says."""

    def __init__(self, connack: bytes) -> None:
        self._connack = connack
        self.packets: list[Packet] = []
        self.chunks: list[bytes] = []
        self.pongs = True
        self.gone = asyncio.Event()
        self._came = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        framer = Framer(1 << 24, "client")
        with suppress(ConnectionError):
            while data := await reader.read(1 << 20):
                self.chunks.append(data)
                for packet in framer.feed(data):
                    self.packets.append(packet)
                    if isinstance(packet, ConnectPacket):
                        writer.write(self._connack)
                    elif isinstance(packet, PingReqPacket) and self.pongs:
                        self.send(PingRespPacket())
                self._came.set()
        self.gone.set()
        self._came.set()
        writer.close()

    def send(self, *packets: Packet | bytes) -> None:
        assert self._writer is not None
        self._writer.write(b"".join(p if isinstance(p, bytes) else write(p) for p in packets))

    def all(self, kind: type[P]) -> list[P]:
        return [packet for packet in self.packets if isinstance(packet, kind)]

    async def until(self, kind: type[P], count: int = 1) -> list[P]:
        async with asyncio.timeout(LIMIT_S):
            while len(self.all(kind)) < count:
                assert not self.gone.is_set(), "the transport has closed"
                self._came.clear()
                await self._came.wait()
        return self.all(kind)

    async def until_gone(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            await self.gone.wait()


class Bench:
    """A scripted broker with a transport on it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.received: list[Incoming] = []
        self.came = asyncio.Event()

    def _on_message(self, message: Incoming) -> None:
        self.received.append(message)
        self.came.set()

    async def until_received(self, count: int) -> list[Incoming]:
        async with asyncio.timeout(LIMIT_S):
            while len(self.received) < count:
                self.came.clear()
                await self.came.wait()
        return self.received

    async def broker(self, connack: Packet | bytes) -> ScriptedBroker:
        broker = ScriptedBroker(connack if isinstance(connack, bytes) else write(connack))
        server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
        self._stack.callback(server.close)
        broker.port = server.sockets[0].getsockname()[1]
        return broker

    async def link(
        self, connack: Packet | bytes | None = None, **options: Any
    ) -> tuple[ScriptedBroker, Mqtt5Transport]:
        broker = await self.broker(ConnAckPacket() if connack is None else connack)
        link = await connect(Options("127.0.0.1", broker.port, "c", **options), self._on_message)
        self._stack.push_async_callback(link.close)
        return broker, link


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        yield Bench(stack)


async def ended(link: Mqtt5Transport) -> TransportError:
    async with asyncio.timeout(LIMIT_S):
        error = await link.closed
    assert error is not None
    return error


def message(packet_id: int, payload: bytes = b"") -> PublishPacket:
    return PublishPacket("t", payload, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id)


async def test_connect_says_what_the_options_say(bench: Bench) -> None:
    broker, link = await bench.link(
        username="u",
        password="pässword",
        clean_start=True,
        session_expiry_s=77,
        keep_alive_s=9,
        receive_maximum=5,
        max_packet=4321,
        will=Will("w", b"x", retain=True),
    )
    (sent,) = broker.all(ConnectPacket)
    assert (sent.client_id, sent.username, sent.password) == ("c", "u", "pässword".encode())
    assert (sent.clean_start, sent.session_expiry_interval, sent.keep_alive) == (True, 77, 9)
    assert (sent.receive_max, sent.max_packet_size, sent.topic_alias_max) == (5, 4321, 0)
    assert sent.will is not None
    assert (sent.will.topic, sent.will.payload, sent.will.qos.value, sent.will.retain) == ("w", b"x", 1, True)
    await link.close()
    (goodbye,) = await broker.until(DisconnectPacket)
    assert goodbye.reason_code.value == 0


async def test_connack_is_passed_on(bench: Bench) -> None:
    _, link = await bench.link(
        ConnAckPacket(
            session_present=True,
            server_keep_alive=7,
            receive_max=3,
            max_packet_size=999,
            max_qos=QoS.AT_LEAST_ONCE,
            assigned_client_id="given",
            retain_available=False,
        )
    )
    granted = link.connack
    assert (granted.session_present, granted.keep_alive_s, granted.receive_maximum) == (True, 7, 3)
    assert (granted.max_packet, granted.max_qos, granted.assigned_client_id) == (999, 1, "given")
    assert not granted.retain_available
    with pytest.raises(TransportError, match="PUBLISH-REFUSED") as caught:
        link.send("t", b"", retain=True)
    assert caught.value.detail["reason"] == 0x9A


async def test_qos_1_on_a_broker_without_it(bench: Bench) -> None:
    _, link = await bench.link(ConnAckPacket(max_qos=QoS.AT_MOST_ONCE))
    with pytest.raises(TransportError, match="PUBLISH-REFUSED") as caught:
        await link.publish("t", b"")
    assert caught.value.detail["reason"] == 0x9B


async def test_the_window_of_the_broker_is_kept(bench: Bench) -> None:
    broker, link = await bench.link(ConnAckPacket(receive_max=2))
    outcomes = [link.publish("t", b"%d" % number) for number in range(5)]
    link.send("t", b"not in the window")
    await broker.until(PublishPacket, 3)
    for confirmed in range(5):
        sent = [packet for packet in broker.all(PublishPacket) if packet.packet_id is not None]
        assert len(sent) == min(confirmed + 2, 5)
        assert sent[confirmed].payload == b"%d" % confirmed
        broker.send(PubAckPacket(sent[confirmed].packet_id or 0))
        assert await outcomes[confirmed] == 0
        await broker.until(PublishPacket, min(confirmed + 4, 6))


async def test_reasons_of_puback(bench: Bench) -> None:
    broker, link = await bench.link()
    for reason in (PubAckReasonCode.NO_MATCHING_SUBSCRIBERS, PubAckReasonCode.QUOTA_EXCEEDED):
        outcome = link.publish("t", b"")
        sent = (await broker.until(PublishPacket, len(broker.all(PublishPacket)) + 1))[-1]
        broker.send(PubAckPacket(sent.packet_id or 0, reason_code=reason))
        if reason.value < 0x80:
            assert await outcome == reason.value
        else:
            with pytest.raises(TransportError, match="PUBLISH-REFUSED") as caught:
                await outcome
            assert caught.value.detail["reason"] == 0x97


async def test_one_tick_is_one_write(bench: Bench) -> None:
    broker, link = await bench.link()
    chunks = len(broker.chunks)
    for number in range(50):
        link.send("t", b"%d" % number)
    await broker.until(PublishPacket, 50)
    assert len(broker.chunks) == chunks + 1


async def test_answers_given_while_reading_leave_in_one_write(bench: Bench) -> None:
    broker, link = await bench.link()
    echo: Callable[[Incoming], None] = lambda m: link.send("echo", m.payload)  # noqa: E731
    link._intake._on_message = echo
    chunks = len(broker.chunks)
    broker.send(*(PublishPacket("t", b"%d" % number) for number in range(20)))
    await broker.until(PublishPacket, 20)
    assert len(broker.chunks) == chunks + 1


async def test_pubacks_leave_in_the_order_of_arrival(bench: Bench) -> None:
    broker, _ = await bench.link()
    broker.send(*(message(packet_id) for packet_id in (7, 3, 9)))
    got = await bench.until_received(3)
    got[2].ack()
    got[0].ack()
    got[1].ack()
    assert [packet.packet_id for packet in await broker.until(PubAckPacket, 3)] == [7, 3, 9]


async def test_more_than_receive_maximum_waits_here(bench: Bench) -> None:
    broker, link = await bench.link(receive_maximum=2)
    broker.send(*(message(packet_id, b"%d" % packet_id) for packet_id in range(1, 7)), PublishPacket("t", b"zero"))
    await bench.until_received(2)
    for done in range(5):
        assert len(bench.received) == (done + 2 if done < 4 else 7)  # what has no QoS 1 waits for its turn only
        bench.received[done].ack()
        await bench.until_received(min(done + 3, 7))
    assert [m.payload for m in bench.received] == [b"1", b"2", b"3", b"4", b"5", b"6", b"zero"]
    assert link.is_open


async def test_a_flood_stops_the_reading_and_nothing_is_lost(bench: Bench) -> None:
    broker, link = await bench.link(receive_maximum=2, keep_alive_s=1)
    broker.pongs = False
    size, total = 60_000, 300
    for packet_id in range(1, total + 1):
        broker.send(message(packet_id, packet_id.to_bytes(2) + bytes(size)))
    await bench.until_received(2)
    await broker.until(PingReqPacket, 3)  # silence means nothing while we do not read
    assert link.is_open
    assert link._intake.held_bytes < 2 * HOLD_BYTES
    for done in range(total):
        got = await bench.until_received(done + 1)
        assert int.from_bytes(got[done].payload[:2]) == done + 1
        got[done].ack()
    await broker.until(PubAckPacket, total)
    assert link._intake.held_bytes == 0


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        (write(ConnAckPacket(reason_code=ConnAckReasonCode.NOT_AUTHORIZED)), "BROKER-REFUSED", 0x87),
        (write(ConnAckPacket(reason_code=ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION)), "BROKER-NO-V5", 0x84),
        (b"\x20\x02\x00\x05", "BROKER-NO-V5", 0x84),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "PEER-MALFORMED", 0x81),
        (write(PingRespPacket()) + write(PublishPacket("t", b"")), "PEER-MALFORMED", 0x82),
        (write(DisconnectPacket(reason_code=DisconnectReasonCode.SERVER_BUSY)), "BROKER-REFUSED", 0x89),
    ],
)
async def test_connections_that_come_to_nothing(bench: Bench, answer: bytes, code: str, reason: int | None) -> None:
    broker = await bench.broker(answer)
    with pytest.raises(TransportError) as caught:
        await connect(Options("127.0.0.1", broker.port, "c"), lambda _: None)
    assert (caught.value.code, caught.value.detail.get("reason")) == (code, reason)
    await broker.until_gone()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"\x00\x00", 0x81),
        (b"\x30\x04\x00\x01#\x00", 0x90),
        (b"\x30\x07\x00\x01a\x03\x23\x00\x01", 0x94),
        (b"\x30\xff\xff\xff\x7f", 0x95),
        (b"\x20\x02\x00\x01", 0x82),
        (write(ConnAckPacket()), 0x82),
        (write(PubRelPacket(1)), 0x82),
        (write(PublishPacket("t", b"", qos=QoS.EXACTLY_ONCE, packet_id=1)), 0x9B),
        (write(PublishPacket("t", bytes(2000))), 0x95),
    ],
)
async def test_what_the_protocol_forbids_ends_the_connection_with_its_reason(
    bench: Bench, sent: bytes, reason: int
) -> None:
    broker, link = await bench.link(max_packet=2000)
    pending = link.publish("t", b"")
    broker.send(message(1, b"good"), sent)
    error = await ended(link)
    assert (error.code, error.detail["reason"]) == ("PEER-MALFORMED", reason)
    assert [m.payload for m in bench.received] == [b"good"]
    (goodbye,) = await broker.until(DisconnectPacket)
    assert goodbye.reason_code.value == reason
    with pytest.raises(TransportError, match="LINK-LOST"):
        await pending
    bench.received[0].ack()  # too late, and no harm
    await broker.until_gone()
    assert broker.all(PubAckPacket) == []


async def test_a_subscription_without_a_reply_loses_the_connection(bench: Bench) -> None:
    _, link = await bench.link(publish_timeout_s=0.2)
    with pytest.raises(TransportError, match="LINK-LOST"):
        await link.subscribe([Subscription("t")])
    assert (await ended(link)).code == "LINK-LOST"


async def test_a_suback_of_another_length(bench: Bench) -> None:
    broker, link = await bench.link()
    asking = asyncio.ensure_future(link.subscribe([Subscription("a"), Subscription("b")]))
    (asked,) = await broker.until(SubscribePacket)
    assert [one.retain_as_published for one in asked.topic_filters] == [True, True]
    broker.send(SubAckPacket(asked.packet_id, [SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]))
    with pytest.raises(TransportError, match="LINK-LOST"):
        await asking
    assert (await ended(link)).code == "PEER-MALFORMED"


async def test_the_keep_alive_of_the_server_replaces_ours(bench: Bench) -> None:
    broker, _ = await bench.link(ConnAckPacket(server_keep_alive=1), keep_alive_s=600)
    await broker.until(PingReqPacket, 2)


async def test_silence_is_noticed_though_we_keep_sending(bench: Bench) -> None:
    broker, link = await bench.link(keep_alive_s=1)
    broker.pongs = False
    closed = asyncio.ensure_future(ended(link))
    while not closed.done():
        with suppress(TransportError):  # it is given up a moment before it is closed
            link.send("t", b"")
        await asyncio.wait([closed], timeout=0.05)
    assert (await closed).detail["why"] == "no answer to PINGREQ"


async def test_a_window_that_never_opens_again(bench: Bench) -> None:
    broker, link = await bench.link(ConnAckPacket(receive_max=2), publish_timeout_s=0.2)
    outcomes = [link.publish("t", b"%d" % number) for number in range(4)]
    results = await asyncio.gather(*outcomes, return_exceptions=True)
    codes = [getattr(result, "code", result) for result in results]
    assert codes[:2] == ["PUBLISH-TIMEOUT"] * 2
    # those behind them were made later, if only by a tick of the clock: the link may be given up before their time
    assert set(codes[2:]) <= {"PUBLISH-TIMEOUT", "LINK-LOST"}
    assert (await ended(link)).code == "LINK-LOST"
    assert len(broker.all(PublishPacket)) == 2


async def test_packet_ids_are_not_used_twice(bench: Bench) -> None:
    _, link = await bench.link()
    link._packet_id = 65_533
    for _ in range(5):
        link.publish("t", b"")
    link._packet_id = 65_533
    ids = [link._next_packet_id() for _ in range(2)]
    assert ids == [4, 5]


async def test_a_connect_that_is_cancelled_ends_at_whatever_point_it_had_come_to(bench: Bench) -> None:
    """A loop may have told of the connection and then never say that it is lost."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        options = Options(host="127.0.0.1", port=server.sockets[0].getsockname()[1], client_id="c")
        for turns in range(30):
            connecting = asyncio.create_task(connect(options, lambda message: None))
            for _ in range(turns):
                await asyncio.sleep(0)
            connecting.cancel()
            done, _ = await asyncio.wait({connecting}, timeout=LIMIT_S)
            assert done, f"still under way after {turns} turns of the loop"
            assert connecting.cancelled()


@pytest.mark.parametrize(
    "case",
    [
        test_a_connect_that_is_cancelled_ends_at_whatever_point_it_had_come_to,
        test_connect_says_what_the_options_say,
        test_the_window_of_the_broker_is_kept,
        test_one_tick_is_one_write,
        test_answers_given_while_reading_leave_in_one_write,
        test_a_flood_stops_the_reading_and_nothing_is_lost,
        test_a_suback_of_another_length,
        test_silence_is_noticed_though_we_keep_sending,
        test_a_window_that_never_opens_again,
    ],
)
def test_on_uvloop(case: Callable[[Bench], Awaitable[None]]) -> None:
    """The agent's loop: its transports differ in what they allow while pausing, flushing and closing."""
    uvloop = pytest.importorskip("uvloop")

    async def run() -> None:
        async with AsyncExitStack() as stack:
            await case(Bench(stack))

    uvloop.run(run())
