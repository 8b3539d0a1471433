"""Both ends of the socket's frames by hand: an agent that echoes, and a client that says what it is told to."""

import asyncio
from collections.abc import Callable

from guestwire.link.frames import Frame, FrameReader, encode
from guestwire.protocol.steps import Inbound, Send


class Agent:
    """Keeps requests; echoes their payloads."""

    def __init__(self) -> None:
        self.inbound: list[Inbound] = []
        self.echo = True

    def receive(self, inbound: Inbound, taken: Callable[[], None]) -> None:
        taken()
        self.inbound.append(inbound)
        if self.echo:
            inbound.path.answer(Send(inbound.client, [inbound.payload], 0, bytes(16), inbound.path))


class Client:
    """A raw client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._frames: list[Frame] = []
        self._cutter = FrameReader()

    async def next(self) -> Frame | None:
        """The next frame; None when the server has closed."""
        async with asyncio.timeout(5):
            while not self._frames:
                data = await self.reader.read(1 << 16)
                if not data:
                    return None
                self._frames += self._cutter.feed(data)
        return self._frames.pop(0)

    def write(self, *frames: Frame) -> None:
        self.writer.write(b"".join(encode(frame) for frame in frames))
