"""Times for people: how long ago, and when by this machine's clock."""

import datetime


def ago(then_ms: int | None, now_ms: int) -> str:
    """How long ago, in the largest unit that says enough: 12s, 5m, 3h, 2d; "-" when it never was."""
    return "-" if then_ms is None else span(max(0, now_ms - then_ms) / 1000)


def span(seconds: float | None) -> str:
    """A length of time in its largest unit; "-" for none."""
    if seconds is None:
        return "-"
    for limit, unit, suffix in ((120, 1, "s"), (7200, 60, "m"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit)}{suffix}"
    return f"{int(seconds // 86_400)}d"


def clock_time(at_ms: int | None) -> str:
    """Date and time to the second with the zone's offset, by this machine's zone."""
    if at_ms is None:
        return "-"
    return datetime.datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(sep=" ", timespec="seconds")
