"""Doctor: from when to when something counts, and whether it is time to do something about it. Pure."""

import datetime
from typing import Literal

Judgement = tuple[Literal["ok", "warn", "fail"], str]
_DAY_MS = 86_400_000


def validity(not_before: int, not_after: int, now_ms: int, soon: datetime.timedelta) -> Judgement:
    """How it stands, and in words. Times in Unix ms. It is soon over when less than a third of its life is left, after which
    it should have been renewed, and less than `soon`, so that one for years does not warn for months."""
    if now_ms < not_before:
        return "fail", f"counts only from {_date(not_before)} on"
    if now_ms >= not_after:
        return "fail", f"is over since {_date(not_after)}"
    left = not_after - now_ms
    text = f"until {_date(not_after)}, {_days(left)} left"
    warn_below = min((not_after - not_before) / 3, soon / datetime.timedelta(milliseconds=1))
    return ("warn" if left < warn_below else "ok"), text


def _days(milliseconds: int) -> str:
    days = milliseconds // _DAY_MS
    return "less than a day" if not days else "1 day" if days == 1 else f"{days} days"


def _date(unix_ms: int) -> str:
    """UTC."""
    try:
        return datetime.datetime.fromtimestamp(unix_ms / 1000, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "the end of time"
