"""A real guest with 64 memory areas, against a bare one of the same size and without communication: until it is up, and then
how long a program inside takes to find an area by its name."""

import asyncio
import re
import sys
import time
from pathlib import Path
from typing import Any

import real_guests
from children import Missing, scratch
from paired import Measured
from real_guests import Bench
from rows import Row, median
from settings import Settings

from guestwire.model.areas import MemoryArea
from guestwire.model.communication import CommDocument, CommGuest

BENCH = "guest_areas"
AREAS = 64
BOOT, FOUND_MS = 2.5, 50.0
"""At most so many times the bare boot; and at most so many milliseconds to find one by name."""
BOOT_S = 180.0
TIMES = 20
NAMES = tuple(f"area-{number}" for number in range(AREAS))


def run(settings: Settings) -> list[Row]:
    try:
        with scratch() as folder, real_guests.prepared(Path(folder)) as (uri, files):
            return asyncio.run(_run(uri, files, settings))
    except Missing as err:
        print(f"{BENCH}: not measured: {err}", file=sys.stderr)
        return []


async def _run(uri: str, files: Any, settings: Settings) -> list[Row]:
    async with real_guests.benched(uri, files) as bench:
        bare, full = bench.host.definition(kind="gp"), bench.host.definition()
        await bench.client.apply(
            CommDocument(
                guests=(CommGuest(name=full.name, uuid=full.uuid),),
                areas=tuple(MemoryArea(name=name, size=65536, default_access="RW--") for name in NAMES),
            )
        )
        for guest in (bare, full):
            await bench.host.guests.define(guest.guest)
        boots, programs = [], []
        for _ in range(settings.runs):
            alone = await _up(bench, bare)
            await _down(bench, bare)
            boots.append((await _up(bench, full), alone))
            programs.append((*(await _inside_ms(full)), *[await _each_ms(full, command) for command in COMMANDS]))
            await _down(bench, full)
            print(f"{BENCH}: up in s: {boots[-1][0]:.2f}, bare {boots[-1][1]:.2f}", file=sys.stderr)
    return rows(boots, programs)


COMMANDS = ("--help", f"area read {NAMES[-1]} 0 1")
"""Nothing, and one area by its name: of the program gwguest."""


async def _up(bench: Bench, guest: Any) -> float:
    """Seconds from its start until it obeys."""
    began = time.perf_counter()
    await bench.host.guests.start(guest.uuid)
    await guest.run("true", BOOT_S)
    return time.perf_counter() - began


async def _down(bench: Bench, guest: Any) -> None:
    guest.forget()
    await bench.host.guests.destroy(guest.uuid)


async def _inside_ms(guest: Any) -> tuple[float, float]:
    """Attaching, and finding an area, by the clock of the program that does it: medians over areas from first to last."""
    names = NAMES[:: AREAS // TIMES][:TIMES]
    said = await guest.run(f"for n in {' '.join(names)}; do gwguest bench-area $n || exit 1; done", BOOT_S)
    found = [tuple(int(one) / 1e6 for one in pair) for pair in re.findall(r"attach_ns (\d+) find_ns (\d+)", said)]
    assert len(found) == len(names), said
    attach, find = (median(list(one)) for one in zip(*found, strict=True))
    return attach, find


async def _each_ms(guest: Any, command: str) -> float:
    """What the shell in the guest says, over some times: it counts in hundredths of a second."""
    said = await guest.run(
        f"busybox time -p sh -c 'for n in $(seq {TIMES}); do gwguest {command} >/tmp/said || exit 1; done'", BOOT_S
    )
    real = next(line for line in said.splitlines() if line.startswith("real"))
    return float(real.split()[1]) / TIMES * 1000


def rows(boots: list[tuple[float, float]], programs: list[tuple[float, ...]]) -> list[Row]:
    """Of the whole program, its own start (`--help`) is not counted."""
    attach, find, nothing, read = (median(one) for one in zip(*programs, strict=True))
    what = f"in a guest with {AREAS} areas"
    return [
        Measured(*zip(*boots, strict=True)).times(BENCH, f"TCG, {AREAS} areas: start until up, vs a bare guest", BOOT),
        Row(BENCH, f"TCG, attaching {what}", attach, "ms"),
        Row(BENCH, f"TCG, an area by its name {what}, once attached", find, "ms", None, "<=", FOUND_MS),
        Row(BENCH, f"TCG, attaching and an area by its name {what}", attach + find, "ms", None, "<=", FOUND_MS),
        Row(BENCH, f"TCG, a whole program that attaches, reads an area and detaches {what}", read - nothing, "ms"),
    ]
