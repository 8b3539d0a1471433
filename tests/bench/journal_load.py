"""Inserts of requests into a journal of its own: `journal_load.py GROUP_SIZE FOLDER`."""

import itertools
import sys
import time
from pathlib import Path

import uvloop
from orders import serve_orders

from guestwire.agent.journal import Journal
from guestwire.agent.journal_schema import Entry
from guestwire.agent.journal_writer import JournalWriter

NUMBERS = itertools.count()


def entry() -> Entry:
    """A new request, of the size of a guest-start."""
    now = time.time_ns() // 1_000_000
    return Entry(
        "operator:anna", next(NUMBERS).to_bytes(16), "guest-start", "idempotent", ("guest/web",), b"h" * 32, b"b" * 32,
        "cli-1", "mqtt", now, now + 60_000, now + 60_000, True,
    )  # fmt: skip


async def main(group_size: int, folder: Path) -> None:
    path = folder / f"{group_size}.db"
    async with (
        JournalWriter(group_size=group_size) as writer,
        await Journal.open(path, writer, now_ms=time.time_ns() // 1_000_000) as journal,
    ):
        await serve_orders(lambda: journal.insert(entry()))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
