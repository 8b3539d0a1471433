"""A guest is ready when it says so, once, and perhaps a few ms after it was turned on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from guestwire.agent.services.guest_table import Row
from guestwire.agent.services.ports import Guests, Observed
from guestwire.agent.services.readiness import Readiness
from guestwire.link.vital import Vital
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestState, GuestStatus, ReadyWhen

UUID = "00000000-0000-4000-8000-000000000001"
SAYS = Guest(name="g", uuid=UUID, ready_when=ReadyWhen(by="console_text", text="up"))


class Consoles:
    """A driver as far as consoles go: one, with what the guest says in it."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[bytes] = asyncio.Queue()
        self.busy = False
        self.open = 0

    @asynccontextmanager
    async def console(self, uuid: str) -> AsyncIterator[AsyncIterator[bytes]]:
        assert uuid == UUID
        if self.busy:
            raise GuestwireError("UNSUPPORTED", "the guest's console is open elsewhere")
        self.open += 1
        try:
            yield self._read()
        finally:
            self.open -= 1

    async def _read(self) -> AsyncIterator[bytes]:
        while True:
            yield await self.said.get()


class Bench:
    """`known` is whether the guest is known to run."""

    def __init__(self, consoles: Consoles) -> None:
        self.consoles = consoles
        self.known = False
        self.asked = asyncio.Event()
        self.ready = asyncio.Event()
        self.readiness = Readiness(cast("Guests", consoles), self._proven, Vital(lambda *_: None))

    def _proven(self, uuid: str) -> bool:
        assert uuid == UUID
        self.asked.set()
        if self.known:
            self.ready.set()
        return self.known

    def seen(self, state: GuestState, guest: Guest = SAYS) -> None:
        self.known = state == "running"
        observed = Observed(guest, cast("Any", state))
        self.readiness.follow_one(UUID, Row(observed, GuestStatus(state=state, as_of=0, source="event"), False, 0))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench(Consoles())
    async with asyncio.timeout(20), made.readiness:
        yield made
    assert made.consoles.open == 0


async def test_what_is_said_before_the_guest_is_known_to_run_counts(bench: Bench) -> None:
    with bench.readiness.starting(SAYS) as before_it_runs:
        assert before_it_runs is not None
        await before_it_runs()
        assert bench.consoles.open == 1
        bench.seen("stopped")  # an event of earlier, late
        bench.consoles.said.put_nowait(b"boot\nup\n")
        await bench.asked.wait()
        assert not bench.ready.is_set()
        bench.seen("running")
    assert bench.ready.is_set()


async def test_what_is_said_after_it_is_known_to_run_counts(bench: Bench) -> None:
    with bench.readiness.starting(SAYS) as before_it_runs:
        assert before_it_runs is not None
        await before_it_runs()
        bench.seen("running")
    assert bench.consoles.open == 1, "one reader, the same"
    bench.consoles.said.put_nowait(b"u")
    bench.consoles.said.put_nowait(b"p")
    await bench.ready.wait()


async def test_a_start_that_failed_leaves_nobody_at_the_console(bench: Bench) -> None:
    with bench.readiness.starting(SAYS) as before_it_runs:
        assert before_it_runs is not None
        await before_it_runs()
        bench.consoles.said.put_nowait(b"up")
        await bench.asked.wait()
    bench.seen("stopped")
    bench.seen("running")
    assert not bench.ready.is_set(), "that was said in another life"


async def test_what_was_said_before_a_reboot_does_not_count(bench: Bench) -> None:
    with bench.readiness.starting(SAYS) as before_it_runs:
        assert before_it_runs is not None
        await before_it_runs()
        bench.consoles.said.put_nowait(b"up")
        await bench.asked.wait()
        bench.readiness.rebooted(SAYS)
        bench.seen("running")
    assert not bench.ready.is_set()


async def test_a_console_that_somebody_has_holds_no_start_up(bench: Bench) -> None:
    bench.consoles.busy = True
    with bench.readiness.starting(SAYS) as before_it_runs:
        assert before_it_runs is not None
        await before_it_runs()


@pytest.mark.parametrize("by", ["guest_agent", "heartbeat", "never"])
async def test_others_need_nobody_at_their_console(bench: Bench, by: Any) -> None:
    guest = SAYS.model_copy(update={"ready_when": ReadyWhen(by=by)})
    with bench.readiness.starting(guest) as before_it_runs:
        assert before_it_runs is None
