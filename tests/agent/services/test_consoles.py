"""The consoles of guests, read by the agent: one reader for each, whatever is asked of it; anew for each run."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from guestwire.agent.services.consoles import Consoles
from guestwire.agent.services.guest_table import Row
from guestwire.agent.services.ports import Guests, Observed
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestStatus
from guestwire.protocol.operation_models import ConsoleOutput, ConsoleQuery

UUID = "00000000-0000-4000-8000-000000000001"
OURS = Guest(name="g", id="GUEST0001", uuid=UUID)


class Driver:
    """As far as consoles go: `error` is what an opening meets; `end()` is that of the guest, or of the connection. While `answers` is
    cleared it takes as long to open one, or to let go of it."""

    def __init__(self) -> None:
        self.error: str | None = None
        self.open = 0
        self.opened = 0
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self._said: asyncio.Queue[bytes | None] = asyncio.Queue()

    @asynccontextmanager
    async def console(self, uuid: str) -> AsyncIterator[AsyncIterator[bytes]]:
        assert uuid == UUID
        error, self.asked = self.error, self.asked + 1
        await self.answers.wait()
        if error is not None:
            raise GuestwireError(error, detail={"console": "busy"} if error == "UNSUPPORTED" else {})
        assert not self.open, "a console has one reader"
        self.open, self.opened, self._said = 1, self.opened + 1, asyncio.Queue()
        try:
            yield self._read(self._said)
        finally:
            await self.answers.wait()
            self.open = 0

    def say(self, text: bytes) -> None:
        self._said.put_nowait(text)

    def end(self) -> None:
        self._said.put_nowait(None)

    async def _read(self, said: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
        while (data := await said.get()) is not None:
            yield data


class Bench:
    def __init__(self, keep: int = 100, again_s: float = 0.01) -> None:
        self.driver = Driver()
        self.ms = 1000
        self.died: list[str] = []
        vital = Vital(lambda name, _: self.died.append(name))
        self.consoles = Consoles(cast("Guests", self.driver), lambda: self.ms, vital, keep, again_s=again_s)

    def seen(self, state: str, guest: Guest = OURS, of_other: str = "") -> None:
        observed = Observed(guest, cast("Any", state), of_other=of_other)
        self.consoles.follow_one(UUID, self.row(observed))

    def row(self, observed: Observed) -> Row:
        return Row(observed, GuestStatus(state="running", as_of=0, source="event"), False, 0)

    def read(self, after: int | None = None, run: int | None = None, limit: int = 99) -> ConsoleOutput:
        query = ConsoleQuery(guest="g", after=after, run=run, limit_bytes=limit)
        return self.consoles.read(self.row(Observed(OURS, "running")), query)

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not met():
                await asyncio.sleep(0.001)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    async with made.consoles:
        yield made
    assert not made.driver.open
    assert not made.died


async def test_what_a_guest_writes_is_kept(bench: Bench) -> None:
    assert bench.read() == ConsoleOutput(data=b"", start=0, end=0, lost=False, run=None, state="off", as_of=1000)
    bench.seen("running")
    await bench.until(lambda: bool(bench.driver.open))
    bench.driver.say(b"boot\n")
    await bench.until(lambda: bench.read().end == 5)
    bench.ms = 2000
    assert bench.read() == ConsoleOutput(data=b"boot\n", start=0, end=5, lost=False, run=1000, state="open", as_of=2000)
    bench.driver.say(b"\xff\x00\x1b[2J")
    await bench.until(lambda: bench.read().end == 11)
    assert bench.read(after=5).data == b"\xff\x00\x1b[2J"
    assert bench.read(after=11).data == b""


async def test_what_a_guest_wrote_last_is_there_until_it_starts_again(bench: Bench) -> None:
    bench.seen("running")
    await bench.until(lambda: bool(bench.driver.open))
    bench.driver.say(b"panic\n")
    bench.driver.error = "WRONG-STATE"
    bench.driver.end()
    bench.seen("crashed")
    await bench.until(lambda: bench.read().state == "off")
    assert bench.read().data == b"panic\n"
    bench.driver.error, bench.ms = None, 5000
    bench.seen("running")
    await bench.until(lambda: bench.read().state == "open")
    bench.driver.say(b"boot\n")
    await bench.until(lambda: bench.read().end == 5)
    found = bench.read(after=6, run=1000)
    assert (found.data, found.start, found.run, found.lost) == (b"boot\n", 0, 5000, False), (
        "that place was of another run"
    )


async def test_a_guest_that_stops_and_starts_faster_than_its_console_ends(bench: Bench) -> None:
    bench.seen("running")
    await bench.until(lambda: bool(bench.driver.open))
    bench.driver.say(b"one")
    await bench.until(lambda: bench.read().end == 3)
    bench.ms = 3000
    bench.seen("stopped")
    bench.seen("running")
    bench.driver.end()
    await bench.until(lambda: bench.driver.opened == 2)
    assert (bench.read().run, bench.read().data) == (3000, b"")


@pytest.mark.parametrize("ended", [True, False])
async def test_a_listener_of_the_next_run_hears_nothing_of_the_last(ended: bool) -> None:
    """Its console ended and is let go of only now, or has not even ended. What made the last run ready makes this one ready else."""
    bench = Bench(again_s=60)
    async with bench.consoles:
        bench.seen("running")
        await bench.until(lambda: bool(bench.driver.open))
        bench.driver.say(b"login:")
        await bench.until(lambda: bench.read().end == 6)
        bench.driver.answers.clear()
        if ended:
            bench.driver.end()
            await bench.until(lambda: bench.read().state != "open")
        bench.seen("stopped")
        console = bench.consoles.console(UUID)
        opening = asyncio.create_task(console.__aenter__())
        early, _ = await asyncio.wait({opening}, timeout=0.02)
        bench.driver.end()
        bench.driver.answers.set()
        assert not early
        output = await opening
        bench.driver.say(b"boot")
        assert await anext(output) == b"boot"
        await console.__aexit__(None, None, None)
    assert not bench.driver.open


async def test_a_console_that_outlives_the_word_that_its_guest_stopped_is_of_the_next_run(bench: Bench) -> None:
    """Another tool stopped and started the guest before anybody heard of it."""
    bench.seen("running")
    await bench.until(lambda: bool(bench.driver.open))
    bench.driver.end()
    await bench.until(lambda: bench.driver.opened == 2)
    bench.seen("stopped")
    bench.seen("running")
    async with asyncio.timeout(5), bench.consoles.console(UUID) as output:
        bench.driver.say(b"boot")
        assert await anext(output) == b"boot"


async def test_a_guest_that_starts_while_its_console_is_refused_is_read(bench: Bench) -> None:
    bench.driver.error = "WRONG-STATE"
    bench.driver.answers.clear()
    bench.seen("running")
    await bench.until(lambda: bench.driver.asked == 1)
    bench.driver.error = None
    listening = asyncio.create_task(bench.consoles.console(UUID).__aenter__())
    await asyncio.sleep(0)
    bench.driver.answers.set()
    output = await listening
    bench.driver.say(b"boot")
    assert await anext(output) == b"boot"


async def test_a_late_word_of_the_time_before_makes_no_new_run(bench: Bench) -> None:
    async with bench.consoles.console(UUID):
        bench.driver.say(b"boot")
        await bench.until(lambda: bench.read().end == 4)
        bench.seen("stopped")
        bench.seen("running")
        bench.ms = 2000
        for state in ("unknown", "paused", "running", "stopping"):
            bench.seen(state)
    assert (bench.read().run, bench.read().data, bench.driver.opened) == (1000, b"boot", 1)


async def test_one_that_somebody_took_is_read_again_with_a_gap(bench: Bench) -> None:
    bench.seen("running")
    await bench.until(lambda: bool(bench.driver.open))
    bench.driver.say(b"one ")
    await bench.until(lambda: bench.read().end == 4)
    bench.driver.error = "UNSUPPORTED"
    bench.driver.end()
    await bench.until(lambda: bench.read().state == "busy")
    assert not bench.read(after=4).lost
    bench.driver.error = None
    await bench.until(lambda: bench.read().state == "open")
    bench.driver.say(b"two")
    await bench.until(lambda: bench.read().end == 7)
    assert (bench.read(after=4).data, bench.read(after=4).lost, bench.read().run) == (b"two", True, 1000)


async def test_a_listener_and_the_scrollback_are_one_reader(bench: Bench) -> None:
    bench.seen("running")
    await bench.until(lambda: bool(bench.driver.open))
    bench.driver.say(b"early ")
    await bench.until(lambda: bench.read().end == 6)
    async with bench.consoles.console(UUID) as output:
        assert await anext(output) == b"early ", "what was written before it came is there too"
        bench.driver.say(b"late")
        assert await anext(output) == b"late"
        bench.driver.error = "WRONG-STATE"
        bench.driver.end()
        with pytest.raises(StopAsyncIteration):
            await anext(output)
    assert bench.read().data == b"early late"
    assert bench.driver.opened == 1


async def test_after_a_reboot_a_listener_gets_what_is_written_since(bench: Bench) -> None:
    bench.seen("running")
    await bench.until(lambda: bool(bench.driver.open))
    bench.driver.say(b"up\n")
    await bench.until(lambda: bench.read().end == 3)
    bench.consoles.rebooted(UUID)
    async with bench.consoles.console(UUID) as output:
        bench.driver.say(b"boot\n")
        assert await anext(output) == b"boot\n"
    assert bench.read().data == b"up\nboot\n"
    assert bench.read().run == 1000


async def test_a_listener_hears_why_there_is_no_console(bench: Bench) -> None:
    for code in ("UNSUPPORTED", "WRONG-STATE", "DRIVER-LOST"):
        bench.driver.error = code
        with pytest.raises(GuestwireError) as caught:
            async with bench.consoles.console(UUID):
                pass
        assert caught.value.code == code
    bench.driver.error = None
    async with bench.consoles.console(UUID):
        pass


async def test_the_consoles_of_others_are_left_alone(bench: Bench) -> None:
    bench.seen("running", of_other="h2")
    bench.seen("running", OURS.model_copy(update={"id": None}))
    bench.seen("stopped")
    await asyncio.sleep(0)
    assert not bench.driver.opened
    bench.seen("running")
    await bench.until(lambda: bool(bench.driver.open))
    bench.seen("running", of_other="h2")
    await bench.until(lambda: not bench.driver.open)


async def test_a_guest_that_is_gone_leaves_nothing(bench: Bench) -> None:
    bench.seen("running")
    async with bench.consoles.console(UUID) as output:
        bench.consoles.follow([])
        with pytest.raises(StopAsyncIteration):
            await anext(output)
    await bench.until(lambda: not bench.driver.open)
    assert bench.read().run is None


async def test_what_is_let_go_of_is_waited_for(bench: Bench) -> None:
    """By who wants the same console again, and at the end."""
    for _ in range(2):
        bench.seen("running")
        await bench.until(lambda: bool(bench.driver.open))
        bench.driver.answers.clear()
        bench.consoles.follow([])
        bench.seen("running")
        for _ in range(9):
            await asyncio.sleep(0)
        assert bench.driver.asked == bench.driver.opened, "it would find its own console open"
        bench.driver.answers.set()
        await bench.until(lambda: bench.driver.opened == bench.driver.asked > 1)
    bench.driver.answers.clear()
    bench.consoles.follow([])
    asyncio.get_running_loop().call_later(0.02, bench.driver.answers.set)


async def test_where_nothing_is_kept_only_listeners_read() -> None:
    bench = Bench(keep=0)
    async with bench.consoles:
        bench.seen("running")
        await asyncio.sleep(0)
        assert not bench.driver.opened
        assert bench.read().state == "closed"
        async with bench.consoles.console(UUID) as output:
            bench.driver.say(b"x")
            assert await anext(output) == b"x"
        assert not bench.driver.open


async def test_a_reader_that_dies_is_noticed() -> None:
    bench = Bench()

    def broken(_uuid: str) -> Any:
        raise ValueError("a defect")

    bench.driver.console = broken  # type: ignore[method-assign]
    async with bench.consoles:
        bench.seen("running")
        await bench.until(lambda: bench.died == [f"console-{UUID}"])
