"""Which level answers for which time. Pure.

Coarse levels cost little to read, and are late: a window is rolled up some time after it ended. So the coarsest level that the
step allows answers for what is surely rolled up, the next finer one for what came after that, and so on down to the samples.
"""

from collections.abc import Mapping
from typing import Final

from guestwire.controller.store.levels import LEVELS, RAW, Level
from guestwire.controller.store.sample_reads import Piece

SETTLE_MS: Final = 3 * 60_000
"""After its end a window needs so long, at most, until it is rolled up."""

Kept = Mapping[str, int]
"""How long each level is kept, in ms, by its name."""


def level_for(since: int, step_ms: int, now_ms: int, kept: Kept) -> Level:
    """The level that answers for a range from `since`: the coarsest whose windows make up steps. Where that is not kept for so
    long, a coarser one, whose width the step has to be a multiple of then (`step_for`)."""
    fitting = [level for level in LEVELS if level is RAW or step_ms % level.width_ms == 0]
    for level in reversed(fitting):
        if since >= now_ms - kept[level.name]:
            return level
    coarser = [level for level in LEVELS if since >= now_ms - kept[level.name]]
    return coarser[0] if coarser else LEVELS[-1]


def step_for(level: Level, step_ms: int) -> int:
    """The step that a level can answer: the next multiple of its width."""
    if level is RAW or step_ms % level.width_ms == 0:
        return step_ms
    return (step_ms // level.width_ms + 1) * level.width_ms


def pieces(level: Level, since: int, until: int, now_ms: int) -> tuple[Piece, ...]:
    """Who answers for the time from `since` up to, and without, `until`; oldest first, without a hole."""
    found: list[Piece] = []
    for one in reversed(LEVELS[: LEVELS.index(level) + 1]):
        settled = until if one is RAW else _settled(one, now_ms)
        if since < min(settled, until):
            found.append(Piece(one, since, min(settled, until)))
            since = settled
    return tuple(found)


def _settled(level: Level, now_ms: int) -> int:
    """Up to when the windows of a level are rolled up. A level is made of the one below, which is late itself."""
    lag = SETTLE_MS * LEVELS.index(level)
    return (now_ms - lag) // level.width_ms * level.width_ms
