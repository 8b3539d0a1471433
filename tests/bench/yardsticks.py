"""What the machine itself can do, by orders: `yardsticks.py commits FOLDER` (one durable SQLite commit after another) or
`yardsticks.py verify` (Ed25519 verifications on one core)."""

import json
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

from orders import say, summary

from guestwire.protocol.signing import Domain, SigningKey


def commits(folder: str) -> Callable[[], object]:
    db = sqlite3.connect(Path(folder) / "yardstick.db", isolation_level=None)
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE row (data BLOB)"):
        db.execute(statement)
    data = b"x" * 400
    return lambda: db.execute("INSERT INTO row VALUES (?)", (data,))


def verify() -> Callable[[], object]:
    key = SigningKey.generate()
    header = b"x" * 120  # what a request's signature is over
    signature = key.sign(Domain.ENVELOPE, header)
    return lambda: key.public.verifies(Domain.ENVELOPE, header, signature)


def main(what: str, *arguments: str) -> None:
    once = {"commits": commits, "verify": verify}[what](*arguments)
    say(ready=True)
    for line in sys.stdin:
        clock = time.perf_counter
        took = []
        began, used = clock(), time.process_time()
        end = began + json.loads(line)["seconds"]
        while (at := clock()) < end:
            once()
            took.append(clock() - at)
        say(**summary(len(took), clock() - began, time.process_time() - used, took))


if __name__ == "__main__":
    main(*sys.argv[1:])
