"""Rows that a controller's database has before the controller is started: hosts that somebody has let in already, or a fleet of
which all is known that a list can ask for.
"""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plant import SITE

from guestwire.controller.fleet.natural import natural
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import hosts
from guestwire.controller.store.database import open_database
from guestwire.controller.store.host_tables import (
    Attendance,
    Called,
    Condition,
    GuestRow,
    HostRow,
    Machine,
    PeoplesWords,
    ValueRow,
)
from guestwire.controller.store.migrating import upgrade
from guestwire.controller.store.schema import all_tables


def approved(refs: Iterable[HostRef]) -> list[HostRow]:
    """Hosts of which nothing is known but that they may be heard."""
    at = time.time_ns() // 1_000_000
    return [HostRow(ref, at, True, PeoplesWords(approval="approved", approved_at=at)) for ref in refs]


@dataclass(frozen=True, slots=True)
class Known:
    """A host with what is looked for in it."""

    row: HostRow
    values: tuple[ValueRow, ...]
    guests: tuple[GuestRow, ...]
    text: str


def fleet(count: int) -> list[Known]:
    """Hosts as they differ in a plant; the same ones each time."""
    chance = random.Random(1)
    return [_host(n, chance) for n in range(count)]


def _host(number: int, chance: random.Random) -> Known:
    label, version = f"Press {number}", f"0.{chance.randint(1, 3)}.{chance.randint(0, 20)}"
    line, rack = str(chance.randint(1, 40)), str(number % 100)
    now_ms = time.time_ns() // 1_000_000
    row = HostRow(
        HostRef(chance.choice((SITE, "east", "west")), f"h-{number}"), now_ms, True,
        PeoplesWords(1, "", f'{{"line":"{line}","rack":"{rack}"}}', "", "approved"), Called(label, label.casefold(), natural(label)),
        Attendance("offline", now_ms, now_ms - chance.randrange(3 * 86_400_000), now_ms, None, 3, version, natural(version)),
        Machine(label, "libvirt", f"m{number}", f"m{number}", "6.1.0-18", natural("6.1.0-18"), "x86_64", "synchronised",
                chance.choice((4, 8, 16)), 16_384),
        Condition(4, 3, "in_sync", 4, 0, False),
    )  # fmt: skip
    values = [("label.line", line), ("label.rack", rack), ("feature", "kvm"), ("feature", "driver-libvirt")]
    if chance.random() < 0.5:
        values.append(("feature", "rt_kernel"))
    guests = tuple(
        GuestRow(f"{number}-{n}", f"GUEST{n + 1:04d}", name, name, "rt", "running", now_ms, "event")
        for n in range(4)
        if (name := f"rtlinux-{chance.randint(0, 400)}")
    )
    words = ("rtlinux", "windows", "virtio", "e1000e", "intel", "xeon", "kvm", "press")
    text = " ".join(f"{chance.choice(words)}{chance.randint(0, 9999)}" for _ in range(130))
    return Known(
        row, tuple(ValueRow(name, value, value, natural(value)) for name, value in values), guests,
        text + (" needle in one" if number == NEEDLE_AT else ""),
    )  # fmt: skip


NEEDLE_AT = 7777


def fill(dsn: str, rows: Sequence[HostRow | Known]) -> None:
    """A new database with these hosts."""

    async def work() -> None:
        all_tables()
        async with open_database(dsn) as database:
            await upgrade(database)
            async with database.write() as tx:
                await hosts.add(tx, [row.row if isinstance(row, Known) else row for row in rows])
                for known in rows:
                    if isinstance(known, Known):
                        ref = known.row.ref
                        await hosts.put_values(tx, ref, "", known.values)
                        await hosts.put_guests(tx, [(ref, guest) for guest in known.guests])
                        await hosts.put_text(tx, ref, known.text)

    asyncio.run(work())
