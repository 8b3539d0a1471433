"""Maintenance windows: weekly times, time zones, exceptions, and the two days a year on which a clock jumps."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from guestwire.controller.jobs.machine import Opening
from guestwire.controller.jobs.windows import WindowSpec, opening

BERLIN = "Europe/Berlin"


def window(zone: str = "UTC", *weekly: tuple[str, str, str], exceptions: Any = (), last_s: int = 0) -> WindowSpec:
    spans = tuple({"days": tuple(days.split()), "start": start, "end": end} for days, start, end in weekly)
    return WindowSpec.model_validate(
        {"time_zone": zone, "weekly": spans, "exceptions": tuple(exceptions), "last_s": last_s}
    )


def ms(text: str, zone: str = "UTC") -> int:
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


NIGHT = window(BERLIN, ("sat sun", "01:00", "05:00"))
EARLY = window(BERLIN, ("sun", "02:15", "02:45"))
LATE = window("UTC", ("fri", "22:00", "02:00"))
ALL_DAY = window("UTC", ("mon tue wed thu fri sat sun", "00:00", "24:00"))


@pytest.mark.parametrize(
    ("spec", "at", "until", "opens"),
    [
        # 2025-10-04 is a Saturday; Berlin is at UTC+2 until 2025-10-26 01:00 UTC
        (NIGHT, "2025-10-04T00:30", "2025-10-04T03:00", None),
        (NIGHT, "2025-10-04T03:00", None, "2025-10-04T23:00"),
        (NIGHT, "2025-10-01T12:00", None, "2025-10-03T23:00"),
        (LATE, "2025-10-03T23:59", "2025-10-04T02:00", None),
        (LATE, "2025-10-04T01:59", "2025-10-04T02:00", None),
        (LATE, "2025-10-04T02:00", None, "2025-10-10T22:00"),
        # spans that touch are one; the last seconds begin nothing
        (window("UTC", ("sat", "08:00", "10:00"), ("sat", "10:00", "12:00")), "2025-10-04T09:00", "2025-10-04T12:00", None),
        (window("UTC", ("sat", "08:00", "11:00"), ("sat", "10:00", "12:00")), "2025-10-04T08:30", "2025-10-04T12:00", None),
        (window("UTC", ("sat", "08:00", "10:00"), last_s=600), "2025-10-04T09:49", "2025-10-04T09:50", None),
        (window("UTC", ("sat", "08:00", "10:00"), last_s=600), "2025-10-04T09:50", None, "2025-10-11T08:00"),
        # the clock is put back on 2025-10-26 at 01:00 UTC: 02:00 to 03:00 is shown twice, the first time counts
        (EARLY, "2025-10-26T00:00", None, "2025-10-26T00:15"),
        (EARLY, "2025-10-26T00:20", "2025-10-26T00:45", None),
        (EARLY, "2025-10-26T01:20", None, "2025-11-02T01:15"),
        (window(BERLIN, ("sun", "01:00", "05:00")), "2025-10-25T23:30", "2025-10-26T04:00", None),
        # the clock is put forward on 2026-03-29 at 01:00 UTC: 02:00 to 03:00 is not shown
        (EARLY, "2026-03-29T00:00", None, "2026-03-29T01:00"),
        (EARLY, "2026-03-29T01:10", "2026-03-29T01:45", None),
        (window(BERLIN, ("sun", "02:30", "03:00")), "2026-03-29T01:10", "2026-03-29T01:30", None),
        (window(BERLIN, ("sun", "01:00", "05:00")), "2026-03-29T00:30", "2026-03-29T03:00", None),
        # exceptions
        (window("UTC", ("sat", "08:00", "10:00"), exceptions=[{"date": "2025-10-04"}]), "2025-10-04T09:00", None, "2025-10-11T08:00"),
        (window("UTC", exceptions=[{"date": "2025-12-24", "start": "20:00", "end": "04:00"}]), "2025-10-04T09:00", None, "2025-12-24T20:00"),
        (window("UTC", exceptions=[{"date": "2025-12-24", "start": "20:00", "end": "04:00"}]), "2025-12-25T03:00", "2025-12-25T04:00", None),
        (window("UTC"), "2025-10-04T09:00", None, None),
        (window("UTC", exceptions=[{"date": "2024-12-24", "start": "20:00", "end": "21:00"}]), "2025-10-04T09:00", None, None),
    ],
)  # fmt: skip
def test_when_a_window_is_open(spec: WindowSpec, at: str, until: str | None, opens: str | None) -> None:
    wanted = Opening(None if until is None else ms(until), None if opens is None else ms(opens))
    assert opening(spec, ms(at)) == wanted


def test_a_window_that_is_always_open_is_one() -> None:
    until = opening(ALL_DAY, ms("2025-10-04T09:00")).until
    assert until is not None
    assert until > ms("2026-10-04T09:00")


ZONES = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham")
TIMES = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
SPANS = st.builds(
    lambda days, start, end: (" ".join(sorted(days)), start, end if end != start else "24:00"),
    st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1),
    TIMES,
    TIMES,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.lists(SPANS, min_size=1, max_size=3), st.integers(ms("2025-01-01"), ms("2027-01-01")))
def test_one_moment_after_the_other_tells_the_same_story(zone: str, spans: list[tuple[str, str, str]], at: int) -> None:
    spec = window(zone, *spans)
    now = opening(spec, at)
    if now.until is not None and now.until > at + 300 * 86_400_000:
        assert opening(spec, at + 1).until is not None, "it is open as far as anybody looks"
    elif now.until is not None:
        assert now.until > at
        assert opening(spec, now.until - 1) == now
        assert opening(spec, now.until).until is None
    else:
        assert now.opens_at is not None, "there is a next one every week"
        assert now.opens_at > at
        assert opening(spec, now.opens_at - 1) == now
        assert opening(spec, now.opens_at).until is not None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"time_zone": "Mars/Olympus"}, "no such time zone"),
        ({"time_zone": "../../etc/passwd"}, "pattern"),
        ({"weekly": [{"days": ["mon"], "start": "25:00", "end": "01:00"}]}, "write a time of day"),
        ({"weekly": [{"days": ["mon"], "start": "24:00", "end": "01:00"}]}, "00:00 of the next day"),
        ({"weekly": [{"days": ["mon"], "start": "07:00", "end": "07:00"}]}, "the same"),
        ({"weekly": [{"days": [], "start": "07:00", "end": "08:00"}]}, "at least 1"),
        ({"weekly": [{"days": ["monday"], "start": "07:00", "end": "08:00"}]}, "mon"),
        ({"exceptions": [{"date": "2025-02-30"}]}, "day"),
        ({"exceptions": [{"date": "2025-02-03", "start": "10:00"}]}, "both"),
        ({"color": "blue"}, "Extra"),
    ],
)
def test_what_is_no_window(wrong: dict[str, Any], said: str) -> None:
    import json

    with pytest.raises(ValidationError, match=said):
        WindowSpec.model_validate_json(json.dumps(wrong))
