"""The process that test_config_records_crash starts: it makes the calls of `config_samples.script`, one after the other,
while requests go into the same journal, until its observer ends the process.

Arguments: the journal, the step, and at which of its occurrences. Each byte on stdout is a call that has returned.
"""

import asyncio
import os
import signal
import sys
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from config_samples import script
from journal_samples import NOW, entry

from guestwire.agent.journal import Journal
from guestwire.agent.journal_writer import JournalWriter


async def neighbour(journal: Journal) -> None:
    """Writes in the same groups."""
    for number in range(1, 1_000_000):
        await journal.insert(entry(number, body=b""))


async def crash(path: Path, step: str, occurrence: int) -> None:
    seen = count(1)

    def observer(name: str, _number: int) -> None:
        if name == step and next(seen) == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)

    async with (
        JournalWriter(group_size=8) as writer,
        await Journal.open(path, writer, now_ms=NOW, observer=observer) as journal,
        asyncio.TaskGroup() as tasks,
    ):
        beside = tasks.create_task(neighbour(journal))
        for method, args, options in script(rounds=60):
            await getattr(journal.config, method)(*args, **options)
            os.write(1, b".")
        beside.cancel()


def main(arguments: list[str]) -> None:
    path, step, occurrence = arguments
    asyncio.run(crash(Path(path), step, int(occurrence)))
