"""How finely history is kept: as it was measured, by the minute, by the quarter, by the hour. One table.

A level's rows lie in slots: a stretch of time whose rows of all series are side by side on the disk. So what arrives together is
written together, and what is too old goes in one piece. A slot of samples is short: what comes later of the same series goes
between rows that are there, and writes their pages again.
"""

from typing import Final, NamedTuple


class Level(NamedTuple):
    """`width_ms`: how much time a row stands for; 0: it is a sample. `slot_ms`: the stretch of a slot, a multiple of the width of
    the next level, or a part of it. `part_slots`: how many slots a partition has, where the database has partitions: whole windows
    of the next level."""

    name: str
    width_ms: int
    slot_ms: int
    part_slots: int

    def slot(self, time_ms: int) -> int:
        return time_ms // self.slot_ms

    def slots(self, since_ms: int, until_ms: int) -> range:
        """Those that have times from `since_ms` up to, and without, `until_ms`."""
        return range(self.slot(since_ms), self.slot(until_ms - 1) + 1)


RAW: Final = Level("raw", 0, 20_000, 12 * 180)
MINUTE: Final = Level("minute", 60_000, 900_000, 2 * 96)
QUARTER: Final = Level("quarter", 900_000, 4 * 3_600_000, 30 * 6)
HOUR: Final = Level("hour", 3_600_000, 24 * 3_600_000, 60)
LEVELS: Final[tuple[Level, ...]] = (RAW, MINUTE, QUARTER, HOUR)
"""Finest first: each is made of the one before."""

BLOCK: Final = 64
"""Numbers of series are given to hosts by blocks of so many: what is due again is remembered by blocks."""


def above(level: Level) -> Level | None:
    """What is made of a level."""
    at = LEVELS.index(level) + 1
    return LEVELS[at] if at < len(LEVELS) else None


def below(level: Level) -> Level:
    """What a level is made of."""
    return LEVELS[LEVELS.index(level) - 1]
