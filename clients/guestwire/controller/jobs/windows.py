"""Maintenance windows: when a job may be begun. Pure: the time is an argument, in Unix ms; times of day are a time zone's.

On the days when a clock is put forward or back: a time that it shows twice is the first of the two, so that a window is as long
as the clock shows; one that begins at a time which the clock skips begins when it jumps, and one that ends there ends as if
the clock had not been put forward. No window is left out for that.
"""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from guestwire.controller.jobs.machine import Opening
from guestwire.model.base import Document

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_DAYS: Final = 400
"""How far ahead the next opening is looked for: exceptions may close a window for a year."""
MOST_SPANS: Final = 50
MOST_EXCEPTIONS: Final = 400

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _a_time(text: str) -> str:
    hours, _, minutes = text.partition(":")
    if not (int(hours) < 24 and int(minutes) < 60) and text != "24:00":
        raise ValueError("write a time of day as 07:30; the end of a day is 24:00")
    return text


def _a_date(text: str) -> str:
    dt.date.fromisoformat(text)
    return text


def _a_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise ValueError("there is no such time zone: write UTC, or a name like Europe/Berlin") from err
    return text


Clock = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}:[0-9]{2}$"), AfterValidator(_a_time)]
Date = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_a_date)]
Zone = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}$"), AfterValidator(_a_zone)
]


class Span(Document):
    """Open from one time of day to another, on these days of the week. `end` at or before `start`: on the next day."""

    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)]
    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _sound(self) -> "Span":
        _check_times(self.start, self.end)
        return self


class Except(Document):
    """A day that is not like its weekday: closed, or open at other times. Counts for windows that begin on that day."""

    date: Date
    start: Clock | None = None
    end: Clock | None = None

    @model_validator(mode="after")
    def _sound(self) -> "Except":
        if (self.start is None) != (self.end is None):
            raise ValueError("give both start and end, or neither: then it is closed all day")
        if self.start is not None and self.end is not None:
            _check_times(self.start, self.end)
        return self


class WindowSpec(Document):
    """When work may be begun. `last_s`: so many seconds before it shuts nothing begins any more."""

    time_zone: Zone = "UTC"
    weekly: Annotated[tuple[Span, ...], Field(max_length=MOST_SPANS)] = ()
    exceptions: Annotated[tuple[Except, ...], Field(max_length=MOST_EXCEPTIONS)] = ()
    last_s: Annotated[int, Field(ge=0, le=86_400)] = 0
    note: Annotated[str, StringConstraints(max_length=500)] = ""


def opening(spec: WindowSpec, now_ms: int) -> Opening:
    """Until when it is open, or when it opens next; neither: not within the time that is looked ahead. Spans that touch or
    overlap are one."""
    until: int | None = None
    for begins, ends in _intervals(spec, now_ms):
        if until is not None:
            if begins > until:
                break
            until = max(until, ends)
        elif begins <= now_ms < ends:
            until = ends
        elif begins > now_ms:
            return Opening(None, begins)
    if until is None:
        return Opening(None)
    last = until - spec.last_s * 1000
    return Opening(last) if now_ms < last else Opening(None, opening(spec, until).opens_at)


def _intervals(spec: WindowSpec, now_ms: int) -> Iterator[tuple[int, int]]:
    """What is open, from the day before `now_ms` on, in the order of beginning."""
    zone = ZoneInfo(spec.time_zone)
    today = dt.datetime.fromtimestamp(now_ms / 1000, zone).date()
    exceptions: dict[dt.date, list[Except]] = {}
    for one in spec.exceptions:
        exceptions.setdefault(dt.date.fromisoformat(one.date), []).append(one)
    for offset in range(-2, LOOK_DAYS):
        day = today + dt.timedelta(days=offset)
        if (special := exceptions.get(day)) is not None:
            times = [(one.start, one.end) for one in special if one.start is not None and one.end is not None]
        else:
            times = [(span.start, span.end) for span in spec.weekly if DAYS[day.weekday()] in span.days]
        yield from sorted(_moments(day, start, end, zone) for start, end in times)


def _moments(day: dt.date, start: str, end: str, zone: ZoneInfo) -> tuple[int, int]:
    to = day if _minutes(end) > _minutes(start) else day + dt.timedelta(days=1)
    begins = _moment(day, _minutes(start), zone)
    if not _shown(day, _minutes(start), zone):
        begins = _jump(begins, zone)
    ends = _moment(to, _minutes(end), zone)
    if ends <= begins:  # it would have ended while the clock was put forward
        ends = begins + (_minutes(end) - _minutes(start)) * 60_000
    return begins, ends


def _moment(day: dt.date, minutes: int, zone: ZoneInfo) -> int:
    """When the clock shows that time first; of a time it skips: when it would have, had it not been put forward."""
    return round(_local(day, minutes, zone).timestamp() * 1000)


def _local(day: dt.date, minutes: int, zone: ZoneInfo) -> dt.datetime:
    midnight = dt.datetime.combine(day, dt.time(), zone)
    return (midnight.replace(tzinfo=None) + dt.timedelta(minutes=minutes)).replace(tzinfo=zone)


def _shown(day: dt.date, minutes: int, zone: ZoneInfo) -> bool:
    local = _local(day, minutes, zone)
    back = dt.datetime.fromtimestamp(local.timestamp(), zone)
    return back.replace(tzinfo=None) == local.replace(tzinfo=None)


def _jump(after_ms: int, zone: ZoneInfo) -> int:
    """The moment, within the hours before `after_ms`, when the clock was put forward."""
    late = dt.datetime.fromtimestamp(after_ms / 1000, zone).utcoffset()
    low, high = after_ms // 60_000 - 24 * 60, after_ms // 60_000
    while high - low > 1:
        middle = (low + high) // 2
        same = dt.datetime.fromtimestamp(middle * 60, zone).utcoffset() == late
        low, high = (low, middle) if same else (middle, high)
    return high * 60_000


def _minutes(text: str) -> int:
    found = re.fullmatch(r"(\d\d):(\d\d)", text)
    assert found is not None
    return int(found[1]) * 60 + int(found[2])


def _check_times(start: str, end: str) -> None:
    if start == "24:00":
        raise ValueError("a window begins at 00:00 of the next day, not at 24:00")
    if start == end:
        raise ValueError("start and end are the same: for a whole day write 00:00 to 24:00")
