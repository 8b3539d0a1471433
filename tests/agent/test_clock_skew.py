"""How far off a clock is, by those who sign requests."""

from typing import Any

import pytest

from guestwire.agent.clock_skew import SIGNERS, TELL_EVERY_S, ClockSkew, skew_alarm
from guestwire.protocol.executor import SKEW_MS
from guestwire.protocol.steps import Now

YEAR_MS = 365 * 86_400_000
AT = Now(1_000, 50.0)


@pytest.mark.parametrize(
    ("said", "estimate"),
    [
        ({}, None),
        ({"a": YEAR_MS}, YEAR_MS),
        ({"a": YEAR_MS, "b": YEAR_MS + 5, "mad": -(2**50)}, YEAR_MS),
        ({"a": -3, "b": 3}, -3),
    ],
)
def test_it_is_the_median_of_what_signers_said_last(said: dict[str, int], estimate: int | None) -> None:
    skew = ClockSkew()
    for issuer, ms in said.items():
        skew.heard(issuer, 0, AT)
        skew.heard(issuer, AT.wall_ms + ms, AT)
    assert skew.estimate_ms(AT) == estimate


def test_a_clock_that_is_set_is_right_at_once() -> None:
    skew = ClockSkew()
    skew.heard("a", AT.wall_ms + YEAR_MS, AT)
    assert skew.to_tell(Now(AT.wall_ms + YEAR_MS + 3_000, AT.mono + 3)) is None
    assert skew.to_tell(Now(AT.wall_ms + 3_000, AT.mono + 3)) == YEAR_MS


def test_it_is_told_once_an_hour_and_only_when_it_is_more_than_clocks_differ() -> None:
    skew = ClockSkew()
    skew.heard("a", AT.wall_ms - SKEW_MS, AT)
    assert skew.to_tell(AT) is None
    skew.heard("a", AT.wall_ms - SKEW_MS - 1, AT)
    hours = [Now(AT.wall_ms + round(s * 1000), AT.mono + s) for s in (0, 1, TELL_EVERY_S - 1, TELL_EVERY_S)]
    assert [skew.to_tell(at) for at in hours] == [-SKEW_MS - 1, None, None, -SKEW_MS - 1]


def test_it_remembers_so_many_signers_and_no_more() -> None:
    skew = ClockSkew()
    for n in range(1000):
        skew.heard(f"operator:{n}", AT.wall_ms + n, AT)
    assert skew.estimate_ms(AT) == 1000 - SIGNERS // 2 - 1


class Ears:
    """A log and an announcer."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.heard.append((event, fields))

    def notice(self, notice_class: str, **fields: Any) -> None:
        self.heard.append((notice_class, fields))


@pytest.mark.parametrize(("skew_ms", "where"), [(7_200_999, "7200 s behind"), (-200_000, "200 s ahead of")])
def test_the_alarm_says_which_way(skew_ms: int, where: str) -> None:
    ears: Any = Ears()
    skew_alarm(ears, ears)(skew_ms)
    (_, logged), (notice_class, alarm) = ears.heard
    assert logged == {"skew_ms": skew_ms}
    assert (notice_class, alarm["event"], alarm["code"]) == ("alarm", "clock-skew", "CLOCK-UNSYNCHRONISED")
    assert where in alarm["text"]
    assert alarm["remedy"]
