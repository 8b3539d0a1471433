"""Round trips of two events between two real guests under TCG, against a bare ivshmem doorbell echo between the same two
(doorbell_echo.c). The doorbell is of one program at a time, so they take turns, slice by slice."""

import asyncio
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import real_guests
from children import Missing, scratch
from paired import Measured
from real_guests import Bench, Direct
from rows import Row, median
from settings import Settings

from guestwire.model.areas import MemoryArea
from guestwire.model.communication import CommDocument, CommGuest
from guestwire.model.events import Event

BENCH = "guest_events"
DIRECT, ARBITRATED, MORE_US = 1.2, 1.6, 60.0
"""At most so many times the bare echo; and at most so many microseconds more."""
SLICES = 3
ROUNDS = 2000
WITHIN_S = 90
BOOT_S = 120.0
PROGRAM, PROGRAM_BYTES = "program", 1 << 17
AT = "/tmp/doorbell_echo"
PAIRS = {"direct": ("straight", "straight-back"), "arbitrated": ("there", "back")}


@dataclass(frozen=True, slots=True)
class Trip:
    """Microseconds of a round trip: medians of slices, the quickest of them and the middle one. No single round trip counts:
    one whose other end was still awake needs no ring, and is none."""

    quickest: float
    middle: float


def run(settings: Settings) -> list[Row]:
    try:
        with scratch() as folder, real_guests.prepared(Path(folder)) as (uri, files):
            program = real_guests.static_program("doorbell_echo", Path(folder))
            return asyncio.run(_run(uri, files, program, settings))
    except Missing as err:
        print(f"{BENCH}: not measured: {err}", file=sys.stderr)
        return []


async def _run(uri: str, files: Any, program: bytes, settings: Settings) -> list[Row]:
    async with real_guests.benched(uri, files) as bench:
        ends = Ends(bench, *(bench.host.definition() for _ in "ab"))
        await bench.client.apply(ends.document())
        for guest in (ends.a, ends.b):
            await bench.host.guests.define(guest.guest)
            await bench.host.guests.start(guest.uuid)
        await asyncio.gather(ends.a.run("true", BOOT_S), ends.b.run("true", BOOT_S))
        await ends.give(program)
        rounds = settings.count(ROUNDS)
        each = [await _one_run(ends, rounds) for _ in range(settings.runs)]
    return rows(each)


@dataclass(frozen=True)
class Ends:
    """The guest that calls and the guest that answers."""

    bench: Bench
    a: Any
    b: Any

    def document(self) -> CommDocument:
        a, b = self.a.name, self.b.name
        return CommDocument(
            guests=tuple(CommGuest(name=one.name, uuid=one.uuid) for one in (self.a, self.b)),
            areas=(MemoryArea(name=PROGRAM, size=PROGRAM_BYTES, default_access="RW--"),),
            events=tuple(
                Event(name=name, delivery=kind, signal=(by,), wait=(at,))
                for kind, names in PAIRS.items()
                for name, by, at in zip(names, (a, b), (b, a), strict=True)
            ),
        )

    async def give(self, program: bytes) -> None:
        """The bare echo into both, through shared memory."""
        await real_guests.put(self.bench.client, self.a.name, PROGRAM, program)
        for guest in (self.a, self.b):
            await guest.run(f"gwguest area read {PROGRAM} 0 {len(program)} >{AT}; busybox chmod 755 {AT}")

    async def events(self, kind: str, rounds: int) -> float:
        there, back = PAIRS[kind]
        return await self._trip(
            "gwguest", f"gwguest bench-events {there} {back} {rounds}", f"gwguest echo-events {there} {back} {rounds}"
        )

    async def bare(self, rounds: int) -> float:
        found: Mapping[str, Direct] = await real_guests.directs(self.bench.client, self.a.name)
        there, back = (found[name] for name in PAIRS["direct"])
        return await self._trip(
            "doorbell_echo",
            f"{AT} call {there.peer} {there.vector} {back.vector} {rounds}",
            f"{AT} answer {back.peer} {back.vector} {there.vector} {rounds}",
        )

    async def _trip(self, program: str, call: str, answer: str) -> float:
        """The median, in microseconds."""
        gone = f"while killall -0 {program} 2>/dev/null; do usleep 5000; done"
        await self.b.run(
            f"rm -f /tmp/said; (timeout {WITHIN_S} {answer} >/tmp/said 2>&1 &); "
            "until grep -q ready /tmp/said 2>/dev/null; do usleep 5000; done",
            WITHIN_S,
        )
        said = await self.a.run(f"timeout {WITHIN_S} {call}", WITHIN_S + 10)
        await asyncio.gather(self.a.run(gone), self.b.run(gone))
        found = re.search(r"p50_ns (\d+)", said)
        if found is None:
            raise RuntimeError(f"{call}: {said}")
        return int(found[1]) / 1000


async def _one_run(ends: Ends, rounds: int) -> Mapping[str, Trip]:
    slices = [
        {"bare": await ends.bare(rounds), **{kind: await ends.events(kind, rounds) for kind in PAIRS}}
        for _ in range(SLICES)
    ]
    made = {
        kind: Trip(min(one[kind] for one in slices), median([one[kind] for one in slices])) for kind in ("bare", *PAIRS)
    }
    said = ", ".join(f"{kind} {trip.middle:.0f} (quickest {trip.quickest:.0f})" for kind, trip in made.items())
    print(f"{BENCH}: us: {said}", file=sys.stderr)
    return made


def rows(runs: list[Mapping[str, Trip]]) -> list[Row]:
    bare = [one["bare"].middle for one in runs]
    made: list[Row] = []
    for kind, target in (("direct", DIRECT), ("arbitrated", ARBITRATED)):
        middles = [one[kind].middle for one in runs]
        what = f"TCG, {kind} event there and back between guests, vs a bare doorbell echo"
        made.append(Measured(middles, bare).trips(BENCH, what, target))
    more = median([one["arbitrated"].middle - one["bare"].middle for one in runs])
    made.append(Row(BENCH, "TCG, arbitrated: more than a bare echo takes", more, "us", None, "<=", MORE_US))
    for kind in PAIRS:
        ours, peer = (min(one[which].quickest for one in runs) for which in (kind, "bare"))
        made.append(Row(BENCH, f"TCG, {kind}: the quickest slice, vs the quickest bare one", ours, "us", peer, "<="))
    return made
