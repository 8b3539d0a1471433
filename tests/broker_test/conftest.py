"""A raw MQTT 5 client on the codec guard: sends any packet, keeps every packet it gets, acknowledges only when told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import pytest

from guestwire.link.codec import (
    CodecError,
    ConnAckPacket,
    ConnectPacket,
    DisconnectPacket,
    Framer,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PublishPacket,
    QoS,
    RetainHandling,
    SubAckPacket,
    SubscribePacket,
    TopicFilter,
    UnsubAckPacket,
    UnsubscribePacket,
    write,
)

P = TypeVar("P")
DEADLINE_S = 10.0


class RawClient:
    """One TCP connection. `acknowledge` False leaves QoS 1 messages unacknowledged."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.acknowledge = True
        self.error: CodecError | None = None
        self.connack: ConnAckPacket | None = None
        self.packets: asyncio.Queue[Any] = asyncio.Queue()
        self.ended = asyncio.Event()
        self._framer = Framer(16 << 20, "server")
        self._last_id = 0
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while data := await self.reader.read(65536):
                for packet in self._framer.feed(data):
                    if isinstance(packet, PublishPacket) and packet.qos.value and self.acknowledge:
                        self.ack(packet)
                    self.packets.put_nowait(packet)
        except (ConnectionError, ssl.SSLError):
            pass
        except CodecError as err:
            self.error = err
        finally:
            self.ended.set()
            self.packets.put_nowait(None)

    def send(self, *packets: Any) -> None:
        """Write packets, or raw bytes."""
        self.writer.write(b"".join(x if isinstance(x, bytes) else write(x) for x in packets))

    def ack(self, packet: PublishPacket) -> None:
        assert packet.packet_id
        self.send(PubAckPacket(packet.packet_id))

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    async def get(self, kind: type[P]) -> P:
        """The next packet, which must be of this kind."""
        async with asyncio.timeout(DEADLINE_S):
            packet = await self.packets.get()
        assert isinstance(packet, kind), f"{type(packet).__name__} instead of {kind.__name__}"
        return packet

    async def message(self) -> PublishPacket:
        return await self.get(PublishPacket)

    async def payloads(self, count: int) -> list[bytes]:
        return [(await self.message()).payload for _ in range(count)]

    async def subscribe(
        self, pattern: str, qos: int = 1, *, identifier: int | None = None, **options: Any
    ) -> list[int]:
        """Gives the reason codes. Retain as published is off unless asked for."""
        options.setdefault("retain_as_published", False)
        options["retain_handling"] = RetainHandling(options.get("retain_handling", 0))
        wanted = TopicFilter(pattern, max_qos=QoS(qos), **options)
        self.send(SubscribePacket(self.next_id(), [wanted], subscription_id=identifier))
        return [x.value for x in (await self.get(SubAckPacket)).reason_codes]

    async def unsubscribe(self, pattern: str) -> list[int]:
        self.send(UnsubscribePacket(self.next_id(), [pattern]))
        return [x.value for x in (await self.get(UnsubAckPacket)).reason_codes]

    def fire(self, topic: str, payload: bytes = b"x", qos: int = 0, **options: Any) -> None:
        """PUBLISH without waiting for an answer."""
        packet_id = self.next_id() if qos else None
        self.send(PublishPacket(topic, payload, qos=QoS(qos), packet_id=packet_id, **options))

    async def publish(self, topic: str, payload: bytes = b"x", **options: Any) -> int:
        """PUBLISH at QoS 1; gives the reason code of PUBACK, which must be the next packet."""
        self.fire(topic, payload, 1, **options)
        return (await self.get(PubAckPacket)).reason_code.value

    async def ping(self) -> None:
        self.send(PingReqPacket())
        await self.get(PingRespPacket)

    async def disconnect(self, reason: int = 0, **options: Any) -> None:
        self.send(DisconnectPacket(reason_code=_disconnect_reason(reason), **options))
        await self.gone()

    async def gone(self) -> int | None:
        """Wait for the end of the connection; the reason of the broker's DISCONNECT, if there was one."""
        async with asyncio.timeout(DEADLINE_S):
            await self.ended.wait()
        reason = None
        while not self.packets.empty():
            packet = self.packets.get_nowait()
            if isinstance(packet, DisconnectPacket):
                reason = packet.reason_code.value
        return reason

    def drop(self) -> None:
        """End the TCP connection without DISCONNECT."""
        self.writer.transport.abort()

    async def close(self) -> None:
        self.drop()
        await self._reading


def _disconnect_reason(value: int) -> Any:
    from guestwire.link.codec import DisconnectReasonCode

    return DisconnectReasonCode(value)


Open = Callable[[int], Awaitable[RawClient]]
Connect = Callable[..., Awaitable[RawClient]]


@pytest.fixture
async def open_client() -> AsyncIterator[Open]:
    """`await open_client(port)`: a TCP connection on which nothing was sent."""
    clients: list[RawClient] = []

    async def open_one(port: int, **options: Any) -> RawClient:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port, **options))
        clients.append(client)
        return client

    yield open_one
    for client in clients:
        await client.close()


@pytest.fixture
async def connect(open_client: Open) -> Connect:
    """`await connect(port, "id", ...)`: connected, with CONNACK in `.connack`. Options are ConnectPacket's."""

    async def connect_one(
        port: int, client_id: str = "", *, clean_start: bool = True, tls: Any = None, **options: Any
    ) -> RawClient:
        extra = {"ssl": tls, "server_hostname": "localhost"} if tls else {}
        client = await open_client(port, **extra)
        client.send(ConnectPacket(client_id, clean_start=clean_start, **options))
        client.connack = await client.get(ConnAckPacket)
        return client

    return connect_one
