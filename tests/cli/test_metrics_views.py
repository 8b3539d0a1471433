"""Curves, numbers and labels of telemetry."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.cli.metrics_views import BLOCKS, WIDTH, curve, labels_text, number


def test_a_curve_goes_from_the_beginning_to_the_end() -> None:
    points = [(0, 0.0), (25, 1.0), (50, 2.0), (75, 7.0)]
    assert curve(points, 0, 100, 4) == "▁▂▃█"
    assert curve([(75, 5.0)], 0, 100, 4) == "   ▄"
    assert curve([], 0, 100, 4) == ""
    assert curve([(0, 1.0), (1, 3.0), (60, 2.0)], 0, 100, 2) == "▄▄"


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(-1e300, 1e300)), min_size=1, max_size=200))
def test_a_curve_is_drawn_of_whatever_there_is(points: list[tuple[int, float]]) -> None:
    drawn = curve(points, 0, 10_000)
    assert len(drawn) == WIDTH
    assert set(drawn) <= {" ", *BLOCKS}


def test_numbers() -> None:
    assert [number(value) for value in (None, 0.0, 3.0, 0.123456, -2.5, 1e20)] == [
        "-",
        "0",
        "3",
        "0.1235",
        "-2.5",
        "1e+20",
    ]


def test_labels_begin_with_the_host() -> None:
    assert labels_text({"cpu": "1", "host": "h1", "site": "plant"}) == "plant/h1 cpu=1"
    assert labels_text({"guest": "web"}) == "guest=web"
    assert labels_text({}) == "all"
