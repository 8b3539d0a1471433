"""The time floor on disk, as a note of the journal: a host that boots with a clock of 1970 knows what it has seen."""

from guestwire.agent.journal import Journal
from guestwire.agent.time_floor import TimeFloor
from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust import Trust

NOTE = "time-floor"
EVERY_MS = 600_000
"""How much later it must be before it is written again: a note costs a commit."""


def take_up(floor: TimeFloor, journal: Journal, trust: Trust) -> None:
    """Raise the floor to what an earlier run has seen, and to when the trust document in force was issued."""
    floor.seen(_noted(journal))
    raise_by(floor, trust)


def raise_by(floor: TimeFloor, trust: Trust) -> None:
    """By the root's word. Not by that of who enrols hosts: a stolen key of those must not set the time of hosts."""
    floor.seen(trust.document.issued_at)


async def keep(floor: TimeFloor, journal: Journal, *, by_ms: int = EVERY_MS) -> None:
    """Write the floor when it is at least `by_ms` above the one on disk. A full disk is none of its business: it is tried
    again."""
    if floor.ms - _noted(journal) < max(1, by_ms):
        return
    try:
        await journal.set_note(NOTE, floor.ms.to_bytes(8, "big"))
    except GuestwireError:
        return


def _noted(journal: Journal) -> int:
    return int.from_bytes(journal.note(NOTE) or b"", "big")
