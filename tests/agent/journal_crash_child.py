"""The process that test_journal_crash starts: four callers drive a journal until its observer ends the process.

Arguments: the journal, the step, and at which of its occurrences. Each line on stdout is [what, request number],
written only after the journal said so.
"""

import asyncio
import json
import os
import signal
import sys
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from journal_samples import NOW, entry

from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import New
from guestwire.agent.journal_writer import JournalWriter


def say(what: str, number: int) -> None:
    os.write(1, json.dumps([what, number]).encode() + b"\n")


async def caller(journal: Journal, numbers: "count[int]") -> None:
    for _ in range(200):
        number = next(numbers)
        say("sent", number)
        inserted = await journal.insert(entry(number))
        assert isinstance(inserted, New)
        say("inserted", number)
        await journal.start(inserted.seq, NOW)
        say("started", number)
        await journal.finish(inserted.seq, "SUCCEEDED", None, b"final %d" % number, now_ms=NOW)
        say("finished", number)
        journal.delivered(inserted.seq)
        if number % 5 == 0:
            journal._flush_delivered()


async def crash(path: Path, step: str, occurrence: int) -> None:
    seen = count(1)

    def observer(name: str, seq: int) -> None:
        if name == step and next(seen) == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)

    async with JournalWriter(group_size=8) as writer:
        journal = await Journal.open(path, writer, now_ms=NOW, observer=observer)
        numbers = count(1)
        await asyncio.gather(*(caller(journal, numbers) for _ in range(4)))


def main(arguments: list[str]) -> None:
    path, step, occurrence = arguments
    asyncio.run(crash(Path(path), step, int(occurrence)))
