"""Series that become one."""

import pytest

from guestwire.controller.host_ref import HostRef
from guestwire.controller.telemetry.grouping import grouped, labels_of
from guestwire.controller.telemetry.query_models import Across
from guestwire.controller.telemetry.series import Series

SERIES = [
    Series(n, HostRef("plant", host), "x", "x", labels, "gauge", 0)
    for n, (host, labels) in enumerate([("a", {"cpu": "0"}), ("a", {"cpu": "1"}), ("b", {"cpu": "0"}), ("b", {})])
]
STEPS = {0: {1: 1.0, 2: 2.0}, 1: {1: 3.0}, 2: {2: 5.0}}


@pytest.mark.parametrize(
    ("by", "across", "found"),
    [
        ((), "sum", {(): {1: 4, 2: 7}}),
        (("host",), "avg", {(("host", "a"),): {1: 2, 2: 2}, (("host", "b"),): {2: 5}}),
        (("cpu",), "max", {(("cpu", "0"),): {1: 1, 2: 5}, (("cpu", "1"),): {1: 3}, (): {}}),
        (("site", "cpu"), "min", {(("site", "plant"), ("cpu", "0")): {1: 1, 2: 2}, (("site", "plant"), ("cpu", "1")): {1: 3},
                                  (("site", "plant"),): {}}),
        (("host",), "count", {(("host", "a"),): {1: 2, 2: 1}, (("host", "b"),): {2: 1}}),
    ],
)  # fmt: skip
def test_groups(by: tuple[str, ...], across: Across, found: object) -> None:
    assert grouped(SERIES, STEPS, by, across) == found


def test_site_and_host_are_labels() -> None:
    assert labels_of(SERIES[0]) == (("site", "plant"), ("host", "a"), ("cpu", "0"))
