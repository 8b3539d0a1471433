"""The catalogue keeps its conventions, and a series has one text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.model.errors import GuestwireError
from guestwire.protocol.metrics import (
    BY_NAME,
    MAX_LABELS,
    METRICS,
    RESERVED,
    Metric,
    parse_series,
    series_text,
)
from guestwire.protocol.telemetry import MAX_SERIES_TEXT

UNITS = {"seconds": "_seconds", "bytes": "_bytes", "celsius": "_celsius"}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_row_keeps_the_conventions(metric: Metric) -> None:
    name = metric.name
    if metric.family:
        assert metric.kind == "counter"
        assert name in {f"{metric.family}_{part}" for part in ("bucket", "sum", "count")}
    else:
        assert name.endswith("_total") == (metric.kind == "counter")
        unit = UNITS.get(metric.unit, "")
        assert name.removesuffix("_total").endswith(unit) or unit + "_" in name
    assert metric.code == ("d" if metric.unit in ("seconds", "celsius", "load") else "q")
    assert not RESERVED.intersection(metric.labels)
    assert len(set(metric.labels)) == len(metric.labels)
    assert metric.summary.endswith(".")
    labels = dict.fromkeys(metric.labels, "x")
    assert parse_series(series_text(name, labels)) == (name, labels)


def test_names_are_given_once_and_histograms_are_whole() -> None:
    assert len(BY_NAME) == len(METRICS)
    families = {metric.family for metric in METRICS} - {""}
    for family in families:
        rows = {metric.name: metric.labels for metric in METRICS if metric.family == family}
        labels = rows[f"{family}_count"]
        assert rows == {f"{family}_bucket": (*labels, "le"), f"{family}_sum": labels, f"{family}_count": labels}


def test_the_text_of_a_series() -> None:
    assert series_text("guestwire_host_swap_bytes", {}) == "guestwire_host_swap_bytes"
    text = series_text("guestwire_x", {"vcpu": "0", "guest": 'a"b\\c'})
    assert text == r'guestwire_x{guest="a\"b\\c",vcpu="0"}'
    assert parse_series(text) == ("guestwire_x", {"guest": 'a"b\\c', "vcpu": "0"})


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("up", {}),
        ("guestwire_", {}),
        ("guestwire_Ä", {}),
        ("guestwire_" + "x" * 120, {}),
        ("guestwire_x", {"host": "h1"}),
        ("guestwire_x", {"site": "s1"}),
        ("guestwire_x", {"Guest": "g"}),
        ("guestwire_x", {"": "g"}),
        ("guestwire_x", {"guest": ""}),
        ("guestwire_x", {"guest": "a\nb"}),
        ("guestwire_x", {"guest": "a\x00"}),
        ("guestwire_x", {"guest": "\ud800"}),
        ("guestwire_x", {"guest": "g" * MAX_SERIES_TEXT}),
        ("guestwire_x", {f"l{n}": "v" for n in range(MAX_LABELS + 1)}),
    ],
)
def test_what_is_no_series_is_not_written(name: str, labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"guestwire|up"):
        series_text(name, labels)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "up",
        'up{job="x"}',
        "guestwire_x{}",
        "guestwire_x{",
        'guestwire_x{guest="a"',
        'guestwire_x{guest="a"} ',
        'guestwire_x {guest="a"}',
        'guestwire_x{guest="a",}',
        'guestwire_x{guest="a";vcpu="0"}',
        'guestwire_x{ guest="a"}',
        "guestwire_x{guest='a'}",
        'guestwire_x{guest=""}',
        'guestwire_x{guest="a\\n"}',
        'guestwire_x{guest="a\n"}',
        'guestwire_x{guest="a\\"}',
        'guestwire_x{vcpu="0",guest="a"}',
        'guestwire_x{guest="a",guest="a"}',
        'guestwire_x{guest="a",guest="b"}',
        'guestwire_x{host="other"}',
        'guestwire_x{site="other"}',
        'guestwire_x{guest="a"}{guest="a"}',
        'guestwire_x{guest="a"}\n',
        'guestwire_x{guest="' + "a" * MAX_SERIES_TEXT + '"}',
        "guestwire_x{" + ",".join(f'l{n}="v"' for n in range(MAX_LABELS + 1)) + "}",
    ],
)
def test_what_is_no_series_is_not_read(text: str) -> None:
    with pytest.raises(GuestwireError) as raised:
        parse_series(text)
    assert raised.value.code == "MALFORMED"


LABELS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True).filter(lambda label: label not in RESERVED),
    st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=20),
    max_size=MAX_LABELS,
)


@given(LABELS)
def test_there_and_back(labels: dict[str, str]) -> None:
    text = series_text("guestwire_x", labels)
    assert parse_series(text) == ("guestwire_x", labels)


@given(st.text(alphabet='guestwire_x{}=",\\ab0 \n', max_size=60).map("guestwire_x{".__add__) | st.text(max_size=60))
def test_a_text_that_is_read_is_the_one_that_is_written(text: str) -> None:
    try:
        name, labels = parse_series(text)
    except GuestwireError:
        return
    assert series_text(name, labels) == text


def test_summaries_are_told_apart() -> None:
    """A page of the catalogue that says the same of two metrics says nothing; the rows of one histogram share theirs."""
    told = [metric.summary for metric in METRICS if not metric.family and not re.match(r"Always 1", metric.summary)]
    alike = {text for text in told if told.count(text) > 1}
    assert len(alike) < len(told) / 4
