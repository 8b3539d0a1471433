"""Clocks of hosts that are far off are told of; old words are not taken for wrong clocks."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fleet_words import SITE, FakeClock, Speaker

from guestwire.controller.feed import Feed
from guestwire.controller.fleet.clock_watch import ClockWatch
from guestwire.controller.fleet.core import FleetCore, fleet_core
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Reach, Said
from guestwire.controller.store.database import open_database

H1 = HostRef(SITE, "h1")
MINUTE_MS, YEAR_MS = 60_000, 365 * 86_400_000


class Room:
    def __init__(self, core: FleetCore, clock: FakeClock) -> None:
        self.core, self.clock = core, clock
        self.host = Speaker(H1, clock)
        self.texts: list[str] = []
        self.watch = ClockWatch(core.registry, lambda ref, text: self.texts.append(text), clock)
        core.registry.link_up(Reach(SITE))

    def hear(self, said: Said) -> list[str]:
        self.texts.clear()
        assert self.core.registry.hear_presence(said)
        assert self.watch.hear(said)
        return list(self.texts)


@pytest.fixture
async def room(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Room]:
    clock, file = FakeClock(), tmp_path / "controller.db"
    shutil.copy(sqlite_template, file)
    async with (
        open_database(f"sqlite:///{file}") as opened,
        fleet_core(opened, Feed(), clock, lambda err: None) as core,
    ):
        made = Room(core, clock)
        made.hear(made.host.heartbeat())
        core.registry.approval_is(H1, "approved")
        yield made


@pytest.mark.parametrize(
    ("skew_ms", "said"),
    [
        (0, None), (9 * MINUTE_MS, None), (-9 * MINUTE_MS, None), (11 * MINUTE_MS, "11 minutes ahead of"),
        (-300 * MINUTE_MS, "5 hours behind"), (14 * YEAR_MS, "14 years ahead of"), (-56 * YEAR_MS, "56 years behind"),
    ],
)  # fmt: skip
async def test_what_is_told(room: Room, skew_ms: int, said: str | None) -> None:
    room.host.skew_ms = skew_ms
    room.host.reconnect()
    assert room.hear(room.host.heartbeat()) == [], "it may be an old one"
    room.clock.go(30)
    found = room.hear(room.host.heartbeat(retained=True))  # as brokers pass them on
    wanted = [] if said is None else [f"The clock of plant/h1 is {said} the controller's: one of the two is wrong."]
    assert found == wanted


async def test_old_words_and_wills_say_nothing_of_clocks(room: Room) -> None:
    words = []
    for _ in range(3):
        words.append(room.host.heartbeat(retained=True))
        room.clock.go(30)
    old, kept, last = words
    room.hear(kept)
    room.clock.go(7200)
    for said in (old, kept, last, last, room.host.will()):
        assert room.hear(said) == []


async def test_of_a_host_that_nobody_let_in_nothing_is_told(room: Room) -> None:
    room.core.registry.approval_is(H1, "rejected")
    room.host.skew_ms = YEAR_MS
    assert room.hear(room.host.heartbeat()) == room.hear(room.host.heartbeat()) == []
