"""A client that sends whatever bytes it likes to a host's request topic, and hears what comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fleet import PATIENCE_S, SITE, unix_ms

from guestwire.link import mqtt5
from guestwire.link.transport import Incoming, Options, Subscription, Transport
from guestwire.protocol import ids, topics
from guestwire.protocol.envelope import VERSION, Envelope, Header, body_hash, decode, encode
from guestwire.protocol.packing import pack
from guestwire.protocol.signing import SigningKey


class RawClient:
    """Speaks as the client `name` of the broker. Made by `raw_client`."""

    def __init__(self, name: str, key: SigningKey, issuer: str) -> None:
        self.name = name
        self.key = key
        self.issuer = issuer
        self.transport: Transport
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()

    def receive(self, message: Incoming) -> None:
        message.ack()
        self._heard.put_nowait(message.payload)

    def header(self, operation: str, body: bytes, **changes: Any) -> Header:
        """The header of a sound request to h1; `changes` make it another."""
        at = unix_ms()
        made = Header(
            VERSION, "request", (SITE, "h1"), operation, ids.request_id(at), self.issuer, at, at + 30_000, 30_000,
            body_hash(body), self.name,
        )  # fmt: skip
        return made._replace(**changes)

    def request(self, operation: str, body: object, **changes: Any) -> bytes:
        """A signed request to h1, packed; bytes as a body are taken as they are."""
        packed = body if isinstance(body, bytes) else pack(body)
        return encode(self.header(operation, packed, **changes), packed, (self.key,))

    async def publish(self, operation: str, payload: bytes, *, host: str = "h1", retain: bool = False) -> None:
        """Put bytes on the topic of an operation; the broker has them when this returns."""
        await self.transport.publish(topics.make("request", SITE, host, self.name, operation), payload, retain=retain)

    async def answer(self, matching: Callable[[Envelope], bool] = lambda _: True) -> tuple[Envelope, bytes]:
        """The next answer that matches, and its frame. Those before it are passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = await self._heard.get()
                if matching(envelope := decode(frame)):
                    return envelope, frame

    async def final(self) -> tuple[Envelope, bytes]:
        return await self.answer(lambda envelope: envelope.header.phase in ("final", "refused"))


@asynccontextmanager
async def raw_client(port: int, name: str, key: SigningKey, issuer: str) -> AsyncIterator[RawClient]:
    made = RawClient(name, key, issuer)
    options = Options("127.0.0.1", port, name, clean_start=True, session_expiry_s=0, max_packet=1 << 20)
    made.transport = await mqtt5.connect(options, made.receive)
    try:
        await made.transport.subscribe([Subscription(topics.topic_filter("response", site=SITE, client=name))])
        yield made
    finally:
        await made.transport.close()
