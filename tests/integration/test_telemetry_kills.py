"""An agent that is killed at any access to its disk, again and again, while a controller takes what it measures: nothing that was
not acknowledged is lost, nothing that was acknowledged comes again."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fleet import PATIENCE_S, SITE
from telemetry_kill_child import ACCESSES
from telemetry_reader import Key, TelemetryReader
from telemetry_stage import NEVER, Stage, make_site
from tests.support.forked import start_forked

from guestwire.broker_test.mosquitto import Mosquitto
from guestwire.model.errors import GuestwireError
from guestwire.protocol.number_ranges import NumberRanges
from guestwire.protocol.presence import PresenceBody
from guestwire.protocol.statements import read as statement_read

CHILD = Path(__file__).with_name("telemetry_kill_child.py")
BATCHES = 45
"""Of each life: with what is acknowledged meanwhile, enough for several segments to come and go."""


class Lives:
    """One agent after the other."""

    _process: Process

    async def begin(self, config: Path, access: str | None = None, occurrence: int = 0, batches: int = BATCHES) -> None:
        order = {"config": str(config), "access": access, "occurrence": occurrence, "batches": batches}
        self._process = await start_forked(str(CHILD), json.dumps(order))

    async def said(self, *wanted: str) -> dict[str, Any]:
        """The next line that says one of these; nothing, if it has ended."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                line = await self._process.stdout.readline()
                found: dict[str, Any] = json.loads(line or b"{}")
                if not found:
                    return found
                if any(word in found for word in wanted):
                    return found

    async def end(self, number: signal.Signals) -> None:
        """End the one that lives."""
        self._process.send_signal(number)
        await self.ended()

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._process.wait()


@asynccontextmanager
async def lives() -> AsyncIterator[Lives]:
    made = Lives()
    try:
        yield made
    finally:
        await made.end(signal.SIGKILL)


class Keeper:
    """Acknowledges what has come, as a controller does: a while after, many numbers at once."""

    def __init__(self, reader: TelemetryReader) -> None:
        self._reader = reader
        reader.acknowledges, reader.patience_s = False, 0.3
        self.lost: set[Key] = set()

    async def run(self) -> None:
        while True:
            self._reader.changed.clear()
            if not await self.once():
                await self._reader.changed.wait()

    async def once(self) -> bool:
        """Whether there was anything to tell."""
        reader = self._reader
        self.lost |= {
            (gap.log, gap.spool_class, n) for gap in reader.gaps for n in range(gap.first, gap.last + 1)
        }  # fmt: skip
        waiting: dict[tuple[bytes, Any], NumberRanges] = {}
        for log, of, number in (reader.frames.keys() | self.lost) - reader.confirmed:
            waiting.setdefault((log, of), NumberRanges()).add(number, number)
        for (log, of), numbers in waiting.items():
            try:
                await reader.acknowledge(log, of, *list(numbers)[:256])
            except GuestwireError:
                return True  # it is dead: it is told when it lives again
        return bool(waiting)


def goodbyes(reader: TelemetryReader) -> int:
    """How often the host was gone: its own word or the broker's, after all else that it said."""
    found = [
        statement_read(frame, reader.trust, SITE, "host:h1", "presence", None).read(PresenceBody)
        for kind, frame in reader.said
        if kind == "presence"
    ]
    return sum(not body.online for body in found)


async def test_an_agent_that_is_killed_at_any_access_to_its_disk(tmp_path: Path, mosquitto_broker: Mosquitto) -> None:
    stage = Stage(make_site(tmp_path), tmp_path, "mosquitto", mosquitto_broker)
    config = stage.write_config({**NEVER, "link_kbit_s": 1_000_000})
    made: dict[str, int] = {}
    had: list[tuple[set[Key], int]] = []
    async with lives() as agents, stage.controller() as main, asyncio.TaskGroup() as group:
        keeping = group.create_task(Keeper(main).run())
        await agents.begin(config)
        first = await agents.said("made")
        await agents.end(signal.SIGTERM)
        for access in ACCESSES:
            gone = goodbyes(main)
            await main.say()
            await agents.begin(config, access, max(1, first["accesses"].get(access, 0) * 3 // 4))
            connected = "up" in await agents.said("up")
            if connected and "made" in (came := await agents.said("made")):
                made.update(came["made"])  # this time it has not come to that access
                await agents.end(signal.SIGKILL)
            await agents.ended()
            if connected:
                await main.until(lambda one: goodbyes(one) > gone)  # noqa: B023
            had.append((set(main.confirmed), len(main.order)))
        main.epoch += 1
        await main.say()
        await agents.begin(config, batches=1)
        made.update((await agents.said("made"))["made"])

        def accounted(one: TelemetryReader) -> bool:
            numbers = {(bytes.fromhex(log), last) for log, last in made.items()}
            return all((log, "metric", n) in one.confirmed for log, last in numbers for n in range(1, last + 1))

        await main.until(accounted)
        keeping.cancel()
    for confirmed, since in had:
        assert not confirmed & set(main.order[since:]), "what was acknowledged came again"
    assert len(main.frames) > len(ACCESSES) * BATCHES / 2
