"""Rules about conditions: when an alarm begins, when it is over, and that a source that is lost says neither."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.alarms.comparing import Clear, Found, Lost, Raise, Reading, RuleStanding, Subject, compare
from guestwire.controller.alarms.rule import AlarmRule, ConnectionTrigger, MetricTrigger, PresenceTrigger
from guestwire.controller.host_ref import HostRef

H1 = Subject(HostRef("plant", "h1"), 'load{window="1m"}')


def _rule(compare: str = ">", value: float = 10.0, clear: float | None = None, for_s: int = 0) -> AlarmRule:
    trigger = MetricTrigger(on="metric", series="load", compare=compare, value=value, clear=clear)  # type: ignore[arg-type]
    return AlarmRule(trigger=trigger, for_s=for_s, summary="{host}: {window} {value}")


def _said(rule: AlarmRule, *moments: tuple[int, float | None]) -> list[tuple[int, str]]:
    """What is said at which second, for values at seconds; None: there was no reading."""
    standing, said = RuleStanding(), []
    for second, value in moments:
        readings = {} if value is None else {H1: Reading(value, {"window": "1m"})}
        said += [(second, type(one).__name__) for one in compare(rule, standing, readings, second * 1000)]
    return said


@pytest.mark.parametrize(
    ("rule", "moments", "said"),
    [
        (_rule(), [(0, 9), (1, 11), (2, 12), (3, 10)], [(1, "Raise"), (3, "Clear")]),
        (_rule(for_s=5), [(0, 11), (4, 11), (5, 11), (6, 9)], [(5, "Raise"), (6, "Clear")]),
        (_rule(for_s=5), [(0, 11), (4, 9), (6, 11), (10, 11)], []),
        (_rule(clear=8), [(0, 11), (1, 9), (2, 11), (3, 8), (4, 9)], [(0, "Raise"), (3, "Clear")]),
        (_rule("<", 5, clear=7), [(0, 4), (1, 6), (2, 7)], [(0, "Raise"), (2, "Clear")]),
        (
            _rule(),
            [(0, 11), (1, None), (2, None), (3, 11), (4, 1)],
            [(0, "Raise"), (1, "Lost"), (3, "Found"), (4, "Clear")],
        ),
        (_rule(), [(0, 11), (1, None), (2, 1), (3, None), (4, 1)], [(0, "Raise"), (1, "Lost"), (2, "Clear")]),
        (_rule(for_s=5), [(0, 11), (3, None), (6, 11), (10, 11), (11, 11)], [(11, "Raise")]),
        (_rule("==", 1.0), [(0, 0), (1, 1), (2, 0)], [(1, "Raise"), (2, "Clear")]),
        (_rule("!=", 1.0), [(0, 1), (1, 0), (2, 1)], [(1, "Raise"), (2, "Clear")]),
        (_rule(">=", 10), [(0, 10), (1, 9.9)], [(0, "Raise"), (1, "Clear")]),
        (_rule("<=", 10), [(0, 10), (1, 10.1)], [(0, "Raise"), (1, "Clear")]),
    ],
    ids=[
        "at once",
        "held",
        "not held",
        "wavers",
        "wavers below",
        "source lost",
        "over when it is back",
        "held while nobody knew",
        "is",
        "is not",
        "least",
        "most",
    ],
)
def test_when_an_alarm_begins_and_ends(
    rule: AlarmRule, moments: list[tuple[int, float | None]], said: list[tuple[int, str]]
) -> None:
    assert _said(rule, *moments) == said


@given(st.lists(st.tuples(st.integers(0, 30), st.one_of(st.none(), st.floats(0, 20)))), st.integers(0, 5))
def test_beginnings_and_ends_take_turns(moments: list[tuple[int, float | None]], for_s: int) -> None:
    said = [word for _, word in _said(_rule(for_s=for_s), *sorted(moments, key=lambda moment: moment[0]))]
    words = [word for word in said if word in ("Raise", "Clear")]
    assert words == (["Raise", "Clear"] * len(words))[: len(words)]
    assert all(pair != ("Found", "Found") for pair in pairwise(word for word in said if word in ("Lost", "Found")))


def test_what_people_read() -> None:
    (said,) = compare(_rule(), RuleStanding(), {H1: Reading(12.3456789, {"window": "1m"})}, 7000)
    assert said == Raise(H1, "plant/h1: 1m 12.3457", 12.3456789, 7000)
    rule = AlarmRule(trigger=PresenceTrigger(on="presence", states=("offline",)), summary="{host} {value} {unknown}")
    host = Subject(HostRef("plant", "h1"))
    standing = RuleStanding()
    assert compare(rule, standing, {host: Reading("online")}, 0) == []
    assert compare(rule, standing, {host: Reading("offline")}, 1) == [
        Raise(host, "plant/h1 offline {unknown}", None, 1)
    ]
    assert compare(rule, standing, {host: Reading("online")}, 2) == [Clear(host)]


def test_of_its_own_connections_the_controller_knows_all() -> None:
    """One that was removed is over; a source that is lost is not."""
    site = Subject(HostRef("plant", ""), "main")
    rule = AlarmRule(trigger=ConnectionTrigger(on="connection"), for_s=60, summary="{connection} to {host}: {text}")
    down = {site: Reading("waiting", {"connection": "main", "text": "refused"})}
    standing = RuleStanding()
    assert compare(rule, standing, down, 0) == compare(rule, standing, down, 59_000) == []
    assert compare(rule, standing, down, 60_000) == [Raise(site, "main to plant: refused", None, 0)]
    assert compare(rule, standing, {site: Reading("up")}, 70_000) == [Clear(site)]
    compare(rule, standing, down, 80_000)
    compare(rule, standing, down, 140_000)
    assert compare(rule, standing, {}, 150_000) == [Clear(site)]
    assert (standing.since, standing.told) == ({}, set())


def test_that_a_source_is_lost_is_told_once() -> None:
    standing = RuleStanding({H1: 0}, {H1})
    assert compare(_rule(), standing, {}, 1) == [Lost(H1)]
    assert compare(_rule(), standing, {}, 2) == []
    assert compare(_rule(), standing, {H1: Reading(11.0)}, 3) == [Found(H1)]
    assert compare(_rule(), standing, {H1: Reading(11.0)}, 4) == []
