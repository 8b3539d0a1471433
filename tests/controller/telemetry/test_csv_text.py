"""An answer as a table."""

import csv
import io

import pytest

from guestwire.controller.telemetry.csv_text import csv_text
from guestwire.controller.telemetry.query_models import MetricAnswer, SeriesAnswer


def answer(*series: SeriesAnswer) -> MetricAnswer:
    return MetricAnswer(
        name="x", kind="gauge", aggregate="avg", level="raw", start=0, end=1, step=1, series=series, gaps=(), clocks=()
    )


def test_every_point_is_a_row() -> None:
    first = SeriesAnswer(
        labels={"site": "plant", "guest": 'a "b", c'}, points=((1_800_000_000_000, 1.5), (1_800_000_010_500, -2.0))
    )
    second = SeriesAnswer(labels={"site": "lab", "cpu": "0"}, points=((1_800_000_000_000, 1e-9),))
    rows = list(csv.reader("".join(csv_text(answer(first, second))).splitlines()))
    assert rows == [
        ["time", "time_ms", "site", "guest", "cpu", "x"],
        ["2027-01-15T08:00:00.000Z", "1800000000000", "plant", 'a "b", c', "", "1.5"],
        ["2027-01-15T08:00:10.500Z", "1800000010500", "plant", 'a "b", c', "", "-2.0"],
        ["2027-01-15T08:00:00.000Z", "1800000000000", "lab", "", "0", "1e-09"],
    ]


@pytest.mark.parametrize("name", ["=1+1", "+1+1", "-a", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x")'])
def test_no_label_is_a_formula(name: str) -> None:
    """A spreadsheet would carry it out."""
    series = SeriesAnswer(labels={"guest": name, "host": "a-b", "node": "-1"}, points=((0, -1.0),))
    text = "".join(csv_text(answer(series)))
    row = list(csv.reader(io.StringIO(text, newline="")))[1]
    assert row[2:] == [f"'{name}", "a-b", "-1", "-1.0"]


def test_a_long_one_comes_in_parts() -> None:
    long = SeriesAnswer(labels={"host": "h"}, points=tuple((n * 1000, float(n)) for n in range(5001)))
    parts = list(csv_text(answer(long)))
    assert len(parts) == 3
    assert len("".join(parts).splitlines()) == 5002
    assert list(csv_text(answer())) == ["time,time_ms,x\r\n"]
