"""Rows that a controller's database has before the controller is started: hosts that somebody has let in already, or a fleet of
which all is known that a list can ask for.
"""

import asyncio
import random
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from plant import SITE

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import hosts
from guestwire.controller.store.database import Tx, open_database
from guestwire.controller.store.host_tables import HostRow, PeoplesWords
from guestwire.controller.store.migrating import upgrade
from guestwire.controller.store.schema import all_tables

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import made_hosts
from made_hosts import MadeHost, made_host

WORDS = ("rtlinux", "windows", "virtio", "e1000e", "intel", "xeon", "kvm", "press")
NEEDLE_AT = 7777
DAY_MS = 86_400_000


def approved(refs: Iterable[HostRef]) -> list[HostRow]:
    """Hosts of which nothing is known but that they may be heard."""
    at = time.time_ns() // 1_000_000
    return [HostRow(ref, at, True, PeoplesWords(approval="approved", approved_at=at)) for ref in refs]


def fleet(count: int) -> list[MadeHost]:
    """Hosts as they differ in a plant; the same ones each time. One of 10,000 has a word that no other has."""
    chance = random.Random(1)
    now_ms = time.time_ns() // 1_000_000
    return [_host(n, now_ms, chance) for n in range(count)]


def _host(number: int, now_ms: int, chance: random.Random) -> MadeHost:
    text = " ".join(f"{chance.choice(WORDS)}{chance.randint(0, 9999)}" for _ in range(130))
    return made_host(
        HostRef(chance.choice((SITE, "east", "west")), f"h-{number}"), now_ms, label=f"Press {number}",
        labels={"line": str(chance.randint(1, 40)), "rack": str(number % 100)}, state="offline",
        silent_ms=chance.randrange(3 * DAY_MS), agent=f"0.{chance.randint(1, 3)}.{chance.randint(0, 20)}",
        hostname=f"m{number}", cpus=chance.choice((4, 8, 16)), memory=16_384, running=3, revision=4,
        features=("kvm", "driver-libvirt", *(("rt_kernel",) if chance.random() < 0.5 else ())),
        guests=tuple((f"GUEST{n + 1:04d}", f"rtlinux-{chance.randint(0, 400)}") for n in range(4)),
        text=text + (" needle in one" if number == NEEDLE_AT else ""),
    )  # fmt: skip


def fill(dsn: str, rows: Sequence[HostRow] | Sequence[MadeHost]) -> None:
    """A new database with these hosts."""

    async def work() -> None:
        all_tables()
        async with open_database(dsn) as database:
            await upgrade(database)
            async with database.write() as tx:
                await _put(tx, rows)

    asyncio.run(work())


async def _put(tx: Tx, rows: Sequence[HostRow] | Sequence[MadeHost]) -> None:
    await made_hosts.put(tx, [one for one in rows if isinstance(one, MadeHost)])
    await hosts.add(tx, [one for one in rows if isinstance(one, HostRow)])
