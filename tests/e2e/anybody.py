"""Somebody whom the broker lets in, and who says whatever he likes, on any topic."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fleet import PATIENCE_S
from wire_tap import Frame

from guestwire.link import mqtt5
from guestwire.link.transport import Incoming, Options, Subscription, Transport
from guestwire.protocol.envelope import Header, decode, encode
from guestwire.protocol.packing import pack
from guestwire.protocol.signing import SigningKey


class Anybody:
    """Made by `anybody`."""

    def __init__(self) -> None:
        self.transport: Transport
        self._heard: asyncio.Queue[Frame] = asyncio.Queue()

    def receive(self, message: Incoming) -> None:
        message.ack()
        self._heard.put_nowait(Frame(message.topic, message.payload))

    async def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """The broker has it when this returns."""
        await self.transport.publish(topic, payload, retain=retain)

    async def hear(self, matching: Callable[[Header], bool]) -> Frame:
        """The next message whose header matches; those before it are passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = await self._heard.get()
                if matching(decode(frame.payload).header):
                    return frame


@asynccontextmanager
async def anybody(port: int, *filters: str) -> AsyncIterator[Anybody]:
    """Who hears what these topic filters say."""
    made = Anybody()
    options = Options("127.0.0.1", port, "anybody", clean_start=True, session_expiry_s=0, max_packet=1 << 20)
    made.transport = await mqtt5.connect(options, made.receive)
    try:
        if filters:
            await made.transport.subscribe([Subscription(one) for one in filters])
        yield made
    finally:
        await made.transport.close()


def signed_by(key: SigningKey | None, frame: bytes, **changes: object) -> bytes:
    """A frame with another header, signed by somebody else; None: with the signature that it has."""
    envelope = decode(frame)
    header = envelope.header._replace(**changes)  # type: ignore[arg-type]
    if key is not None:
        return encode(header, envelope.body, (key,), envelope.mandates)
    return pack(
        [pack(list(header)), envelope.body, [list(one) for one in envelope.signatures], list(envelope.mandates)]
    )
