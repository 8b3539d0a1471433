"""Series of measured values and the time that charts show: core/series.js, units.js, time_range.js, selector_text.js, metric_queries.js."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import ModulePage

NOW = 1_800_000_000_000
HOUR = 3_600_000


def test_a_gap_stays_a_gap(module_page: "ModulePage") -> None:
    """Points of ten seconds asked for in steps of two have no gaps; where one is missing there is one."""
    points = [[0, 1], [10_000, 2], [20_000, 3], [60_000, 4], [70_000, 5]]
    found = module_page.run("core/series.js", "(m, points) => m.withGaps(points, 2000)", points)
    assert found == [[0, 1], [10_000, 2], [20_000, 3], [22_000, None], [60_000, 4], [70_000, 5]]
    as_they_come = module_page.run("core/series.js", "(m, points) => m.withGaps(points, 0)", points)
    assert as_they_come[3] == [30_000, None]  # not at the time of a value, which would be lost


def test_series_of_other_times_are_on_one_axis(module_page: "ModulePage") -> None:
    series = [
        {"label": "a", "points": [[0, 1], [10, 2], [20, None], [30, 4]]},
        {"label": "b", "points": [[5, 7], [10, 8], [15, 9]]},
        {"label": "c", "points": []},
    ]
    function = "(m, series) => { const { times, columns } = m.merged(series, 10); return { times, columns: columns.map((one) => one.map((value) => value === undefined ? 'none' : value)) }; }"
    found = module_page.run("core/series.js", function, series)
    assert found["times"] == [0, 5, 10, 15, 20, 30]
    assert found["columns"] == [
        [1, "none", 2, "none", None, 4],
        ["none", 7, 8, 9, "none", "none"],
        ["none"] * 6,
    ]


def test_what_there_is_to_say_of_series(module_page: "ModulePage") -> None:
    summary = "(m, points) => m.summary(points)"
    assert module_page.run("core/series.js", summary, [[0, 3], [1, None], [2, 1]]) == {
        "last": 1, "lastAt": 2, "least": 1, "most": 3, "count": 2,
    }  # fmt: skip
    assert module_page.run("core/series.js", summary, [[0, None]]) is None
    sentence = "(m, series) => m.sentence(series, 'ratio')"
    none = [{"label": "CPU 0", "points": []}]
    assert module_page.run("core/series.js", sentence, none) == "No values in this time."
    one = [{"label": "CPU 0", "points": [[0, 0.25], [1, 0.5], [2, 0.026]]}]
    assert module_page.run("core/series.js", sentence, one) == "CPU 0: last 2.6 %, lowest 2.6 %, highest 50 %."
    many = [{"label": f"CPU {n}", "points": [[0, n / 10]]} for n in range(5)]
    assert module_page.run("core/series.js", sentence, many) == (
        "5 series. Highest last: CPU 4 with 40 %; lowest last: CPU 0 with 0 %."
    )


def test_the_highest_stay_in_their_order(module_page: "ModulePage") -> None:
    series = [{"label": name, "points": [[0, value]]} for name, value in (("a", 1), ("b", 5), ("c", 3), ("d", 4))]
    function = "(m, series) => m.highest(series, 2).map((one) => one.label)"
    assert module_page.run("core/series.js", function, series) == ["b", "d"]


def test_rows_of_a_table_are_the_newest_first(module_page: "ModulePage") -> None:
    series = [{"label": "a", "points": [[0, 1], [10, None], [20, 3]]}, {"label": "b", "points": [[20, 5], [30, 6]]}]
    found = module_page.run("core/series.js", "(m, series) => m.tableRows(series, 2)", series)
    assert found == [{"at": 30, "values": [None, 6]}, {"at": 20, "values": [3, 5]}]


CELLS: dict[str, tuple[list[Any], list[Any]]] = {
    "one for one": ([[0, 1], [10, 2], [20, 3], [30, 4]], [1, 2, 3, 4]),
    "a gap": ([[0, 1], [10, 2], [30, 4]], [1, 2, None, 4]),
    "several in a column": ([[0, 1], [5, 3], [10, 8], [15, 8], [20, 2], [25, 2], [30, 0], [35, 0]], [2, 8, 2, 0]),
    "wider than a column": ([[0, 1], [20, 3]], [1, 1, 3, 3]),
    "nothing": ([], [None] * 4),
}


@pytest.mark.parametrize("name", CELLS)
def test_cells_of_a_heat_map(module_page: "ModulePage", name: str) -> None:
    points, expected = CELLS[name]
    assert module_page.run("core/series.js", "(m, points) => m.cells(points, 0, 40, 4, 5)", points) == expected


WRITTEN = {
    ("bytes", 1536): "1.5 KiB", ("bytes/s", 2 * 1024**3): "2 GiB/s", ("seconds", 0.0000031): "3.1 µs", ("seconds", 0): "0 s",
    ("seconds", 0.25): "250 ms", ("seconds", 90): "90 s", ("seconds", 3720): "1 h 2 min", ("ratio", 0.0012): "0.12 %",
    ("ratio", 0.5): "50 %", ("ratio", 1.234): "123 %", ("count", 9999): "9999", ("count", 1_234_567): "1.23 M", ("count/s", 0.00012): "0.00012/s",
    ("cpus", 2.5): "2.5 CPU", ("celsius", 48.25): "48.3 °C", ("no such unit", 3): "3", ("bytes", None): "unknown",
}  # fmt: skip


def test_values_are_written_with_their_units(module_page: "ModulePage") -> None:
    found = module_page.table(
        "core/units.js", "(m, [unit, value]) => m.written(value, unit)", [list(one) for one in WRITTEN]
    )
    assert found == list(WRITTEN.values())


def test_the_unit_of_an_aggregate(module_page: "ModulePage") -> None:
    cases = [
        ({"name": "guestwire_disk_read_bytes_total", "unit": "bytes"}, "rate", "bytes/s"),
        ({"name": "guestwire_event_signals_total", "unit": "count"}, "rate", "count/s"),
        ({"name": "guestwire_host_boot_time_seconds", "unit": "seconds"}, "last", "moment"),
        ({"name": "guestwire_host_load", "unit": "load"}, "avg", "load"),
        ({"name": "guestwire_host_load", "unit": "load"}, "count", "count"),
        ({"name": "somebody_elses", "unit": ""}, "rate", "count/s"),
    ]
    found = module_page.table(
        "core/units.js", "(m, [metric, aggregate]) => m.unitOf(metric, aggregate)", [[*one[:2]] for one in cases]
    )
    assert found == [one[2] for one in cases]


def test_times_below_an_axis(module_page: "ModulePage") -> None:
    function = "(m, [splits, step]) => m.timeTicks(splits, step, 'UTC')"
    midnight = 1_800_057_600_000
    assert module_page.run("core/units.js", function, [[midnight - HOUR, midnight, midnight + HOUR], HOUR]) == [
        "23:00", "00:00\n16 Jan", "01:00",
    ]  # fmt: skip
    assert module_page.run("core/units.js", function, [[midnight, midnight + 10_000], 10_000]) == [
        "00:00:00",
        "00:00:10",
    ]
    assert module_page.run("core/units.js", function, [[midnight, midnight + 24 * HOUR], 24 * HOUR]) == [
        "16 Jan",
        "17 Jan",
    ]


RANGES = {
    "": ("1h", NOW - HOUR, NOW, True),
    "range=15m": ("15m", NOW - HOUR // 4, NOW, True),
    "range=forever": ("1h", NOW - HOUR, NOW, True),
    "from=1799990000000&to=1799990060000": ("custom", 1_799_990_000_000, 1_799_990_060_000, False),
    "range=6h&from=1799990060000&to=1799990000000": ("6h", NOW - 6 * HOUR, NOW, True),
    "from=a&to=b": ("1h", NOW - HOUR, NOW, True),
}


def test_the_address_says_the_range(module_page: "ModulePage") -> None:
    found = module_page.table(
        "core/time_range.js", f"(m, query) => m.rangeOf(new URLSearchParams(query), {NOW})", list(RANGES)
    )
    assert [(one["name"], one["from"], one["to"], one["live"]) for one in found] == list(RANGES.values())


def test_never_more_points_than_pixels(module_page: "ModulePage") -> None:
    cases = [
        (HOUR // 4, 600),
        (HOUR, 600),
        (HOUR, 300),
        (6 * HOUR, 600),
        (168 * HOUR, 500),
        (9000 * HOUR, 400),
        (60_000, 900),
    ]
    found = module_page.table(
        "core/time_range.js", "(m, [length, pixels]) => m.stepFor(0, length, pixels)", [list(one) for one in cases]
    )
    assert found == [2000, 10_000, 15_000, 60_000, 1_800_000, 86_400_000, 1000]
    assert all(length / step <= pixels for (length, pixels), step in zip(cases, found, strict=True))


SELECTORS = {
    "guestwire_host_load": {"name": "guestwire_host_load", "matchers": []},
    'a{host="h1",window!="1m"}': {"name": "a", "matchers": [
        {"label": "host", "operator": "=", "value": "h1"}, {"label": "window", "operator": "!=", "value": "1m"},
    ]},
    'a{x=~"say \\"hi\\" \\\\d"}': {"name": "a", "matchers": [{"label": "x", "operator": "=~", "value": 'say "hi" \\d'}]},
}  # fmt: skip


def test_selectors_go_both_ways(module_page: "ModulePage") -> None:
    parse = "(m, text) => m.parsed(text)"
    assert module_page.table("core/selector_text.js", parse, list(SELECTORS)) == list(SELECTORS.values())
    back = "(m, selector) => m.composed(selector)"
    assert module_page.table("core/selector_text.js", back, list(SELECTORS.values())) == list(SELECTORS)
    assert (
        module_page.table("core/selector_text.js", parse, ["", "1a", "a{", "a{b}", 'a{b="c"', 'a{b="c" d="e"}'])
        == [None] * 6
    )


def test_a_selector_of_names_from_outside_means_them_as_they_are(module_page: "ModulePage", stack: Any) -> None:
    text = module_page.run(
        "core/selector_text.js",
        "(m, name) => m.selector('guestwire_guest_state', { guest: name, state: [name, 'a.b'] })",
        'x"} or {"\\',
    )
    assert text == 'guestwire_guest_state{guest="x\\"} or {\\"\\\\",state=~"x\\"\\\\} or \\\\{\\"\\\\\\\\|a\\\\.b"}'
    assert stack.api("GET", "/metrics/series", selector=text)["items"] == []  # the controller takes it


def test_a_time_for_a_shell(module_page: "ModulePage") -> None:
    live = {"from": NOW - HOUR, "to": NOW, "live": True}
    cases = [live, {**live, "live": False}]
    assert module_page.table("core/metric_queries.js", "(m, range) => m.rangeWords(range)", cases) == [
        "--since 1h",
        "--since 2027-01-15T07:00:00.000Z --until 2027-01-15T08:00:00.000Z",
    ]


def test_the_same_for_a_shell(module_page: "ModulePage") -> None:
    part = {"selector": 'a{host="it\'s"}', "aggregate": "rate", "by": ["site", "host"]}
    live = {"name": "1h", "from": NOW - HOUR, "to": NOW, "live": True}
    function = "(m, [part, range]) => m.cliLine(part, range, 10000)"
    assert module_page.run("core/metric_queries.js", function, [part, live]) == (
        "guestwire metrics query 'a{host=\"it'\\''s\"}' --since 1h --step 10s --aggregate rate --by site,host"
    )
    chosen = {**live, "live": False}
    assert module_page.run("core/metric_queries.js", function, [{"selector": "a", "by": []}, chosen]) == (
        "guestwire metrics query a --since 2027-01-15T07:00:00.000Z --until 2027-01-15T08:00:00.000Z --step 10s --by ''"
    )
