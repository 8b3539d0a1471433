"""Times as people write them: 90s, 30m, 2h, 7d ago, or a date and time. Pure: the present is an argument."""

import datetime
import re

import click

UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_SPAN = re.compile(r"([0-9]{1,9})([smhdw]?)")


def duration_ms(text: str) -> int:
    """A length of time in ms; without a unit it is seconds. Raises click.UsageError."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise click.UsageError(f"{text!r} is no length of time: write 90s, 30m, 2h, 7d.")
    return int(found[1]) * UNITS[found[2] or "s"]


def moment_ms(text: str, now_ms: int) -> int:
    """A moment, Unix ms: so long ago, or a date, or a date and time, by this machine's zone where it names none. Raises
    click.UsageError."""
    if _SPAN.fullmatch(text.strip()) is not None:
        return max(0, now_ms - duration_ms(text))
    try:
        at = datetime.datetime.fromisoformat(text.strip())
        return max(0, round(at.astimezone().timestamp() * 1000))
    except (ValueError, OverflowError, OSError) as err:
        raise click.UsageError(f"{text!r} is no time: write 2h for two hours ago, or 2026-05-01T14:30.") from err
