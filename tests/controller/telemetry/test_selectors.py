"""Selectors: which series are meant."""

import pytest

from guestwire.controller.host_ref import HostRef
from guestwire.controller.telemetry.selectors import Matcher, Selector, selector
from guestwire.controller.telemetry.series import Series
from guestwire.model.errors import GuestwireError

SERIES = [
    Series(n, HostRef(site, host), f"x{labels}", "x", labels, "gauge", 0)
    for n, (site, host, labels) in enumerate(
        [
            ("plant", "press-1", {"guest": "rt-1", "vcpu": "0"}),
            ("plant", "press-2", {"guest": "rt-2"}),
            ("lab", "press-1", {}),
        ]
    )
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x", [0, 1, 2]),
        (" x {} ", [0, 1, 2]),
        ('x{guest="rt-1"}', [0]),
        ('x{guest!="rt-1"}', [1, 2]),
        ('x{guest=""}', [2]),
        ('x{guest=~"rt-.*"}', [0, 1]),
        ('x{guest!~"rt-.*"}', [2]),
        ('x{ site = "plant" , host =~ "press-[12]", vcpu!="0" , }', [1]),
        ('x{host="press-1"}', [0, 2]),
        ('x{guest="no \\"such\\" \\\\"}', []),
        ('x{nothing="such"}', []),
    ],
)
def test_it_chooses(text: str, found: list[int]) -> None:
    assert [one.id for one in selector(text).choose(SERIES)] == found


def test_it_is_read() -> None:
    text = r'guestwire_host_load{window="1m",host=~"a\\.b|\"c"}'
    assert selector(text) == Selector(
        "guestwire_host_load", (Matcher("window", "=", "1m"), Matcher("host", "=~", r'a\.b|"c'))
    )


@pytest.mark.parametrize(
    "text",
    ["", "1x", "x{", "x}", 'x{a="b"', 'x{a="b"}y', 'x{"b"}', "x{a=b}", 'x{a="b}', 'x{a="b" c="d"}', 'x{a=="b"}', 'x{a=~"("}',
     "x" * 3000, "x{" + 'a="b",' * 20 + "}"],
)  # fmt: skip
def test_what_is_none_says_so(text: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        selector(text).choose(SERIES)
    assert (caught.value.code, caught.value.field) == ("INVALID-BODY", "selector")


def test_the_one_value_of_a_label_is_known() -> None:
    chosen = selector('x{site="plant",host=~"a"}')
    assert (chosen.only("site"), chosen.only("host")) == ("plant", None)
