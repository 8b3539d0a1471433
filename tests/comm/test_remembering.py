"""What is written down of comings and goings, also when the end comes while a write waits for its turn."""

import asyncio

from guestwire.comm.remembering import Remembering


class Nobody:
    """A log that nobody reads."""

    def error(self, event: str, **fields: object) -> None:
        raise AssertionError((event, fields))


async def test_what_changed_last_is_written_before_the_end() -> None:
    turn, written = asyncio.Lock(), []
    waits = asyncio.Event()

    async def write() -> None:
        waits.set()
        async with turn:
            written.append(len(written))

    await turn.acquire()
    async with Remembering(write, Nobody()) as remembering:
        remembering.changed()
        await waits.wait()
        asyncio.get_running_loop().call_soon(turn.release)
    assert written


async def test_what_is_written_is_not_written_again_at_the_end() -> None:
    written = asyncio.Queue[int]()

    async def write() -> None:
        written.put_nowait(0)

    async with Remembering(write, Nobody()) as remembering:
        remembering.changed()
        await written.get()
    assert written.empty()
