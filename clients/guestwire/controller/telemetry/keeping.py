"""How long each level of history is kept: from the settings. Pure."""

from guestwire.controller.store.levels import HOUR, MINUTE, QUARTER, RAW
from guestwire.controller.telemetry.pieces import Kept

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def kept(raw_hours: int = 48, minutes_days: int = 14, hours_days: int = 400) -> Kept:
    """In ms, by the names of the levels. No level is kept for a shorter time than the one that it is made of."""
    raw = raw_hours * HOUR_MS
    minutes = max(raw, minutes_days * DAY_MS)
    hours = max(minutes, hours_days * DAY_MS)
    return {RAW.name: raw, MINUTE.name: minutes, QUARTER.name: hours, HOUR.name: hours}
