"""How finely history is kept: as it was measured, by the minute, by the quarter, by the hour. One table.

A level's rows lie in slots: a stretch of time whose rows of all series are side by side on the disk. So what arrives together is
written together, a window of the next level is read in one piece, and what is too old goes in one piece.
"""

from typing import Final, NamedTuple


class Level(NamedTuple):
    """`width_ms`: how much time a row stands for; 0: it is a sample. `slot_ms`: the stretch of a slot, a multiple of the width of
    the next level. `part_slots`: how many slots a partition has, where the database has partitions."""

    name: str
    width_ms: int
    slot_ms: int
    part_slots: int

    def slot(self, time_ms: int) -> int:
        return time_ms // self.slot_ms


RAW: Final = Level("raw", 0, 60_000, 12 * 60)
MINUTE: Final = Level("minute", 60_000, 900_000, 2 * 96)
QUARTER: Final = Level("quarter", 900_000, 4 * 3_600_000, 30 * 6)
HOUR: Final = Level("hour", 3_600_000, 24 * 3_600_000, 60)
LEVELS: Final[tuple[Level, ...]] = (RAW, MINUTE, QUARTER, HOUR)
"""Finest first: each is made of the one before."""

BLOCK: Final = 64
"""Numbers of series are given to hosts by blocks of so many: what is due again is remembered by blocks."""


def below(level: Level) -> Level:
    """What a level is made of."""
    return LEVELS[LEVELS.index(level) - 1]
