"""What rules about conditions read: newest values, rates, one metric over another; and nothing of what is too old."""

import pytest
from alarm_desk import H1, H2
from api_world import START_MS, MovedClock

from guestwire.controller.alarms.comparing import Subject
from guestwire.controller.alarms.readings import Connected, Readings, check
from guestwire.controller.alarms.rule import (
    AlarmRule,
    ConnectionTrigger,
    MetricTrigger,
    NoticeTrigger,
    PresenceTrigger,
    Trigger,
)
from guestwire.controller.alarms.shipped_rules import SHIPPED
from guestwire.controller.fleet.membership import Membership
from guestwire.controller.host_ref import HostRef
from guestwire.controller.links.ports import Reach
from guestwire.controller.store.database import Database
from guestwire.controller.store.series_rows import SeriesRow
from guestwire.controller.store.telemetry_hosts import HostRow
from guestwire.controller.telemetry.series import KnownSeries
from guestwire.model.errors import GuestwireError
from guestwire.protocol.metrics import BY_NAME

FREE, ALL = "guestwire_filesystem_available_bytes", "guestwire_filesystem_bytes"


CONNECTIONS = (
    Connected("broker", Reach("plant"), "up", ""),
    Connected("straight", Reach("plant", "h2"), "waiting", "refused"),
    Connected("east", Reach("east"), "failed", ""),
)


class States:
    def __init__(self) -> None:
        self.not_there = {H2: "offline"}

    def state(self, ref: HostRef) -> str:
        return self.not_there.get(ref, "online")


@pytest.fixture
def states() -> States:
    return States()


@pytest.fixture
async def readings(database: Database, states: States) -> Readings:
    known = KnownSeries()
    for ref in (H1, H2):
        known.put_host(HostRow(int(ref.host[1:]), ref, 0, 0, 0, 0))
    number = 0
    for host in (1, 2):
        for path, free, whole in (("/", 5.0, 100.0), ("/srv", 50.0, 0.0)):
            for name, value in ((FREE, free), (ALL, whole)):
                number += 1
                series = known.put(SeriesRow(number, host, f'{name}{{path="{path}"}}', "gauge", 0))
                series.time, series.value, series.rate = START_MS - (host - 1) * 600_000, value, 7.0
    clock = MovedClock()
    return Readings(database, Membership(database, clock, lambda err: None), states, known, lambda: CONNECTIONS, clock)


def _rule(trigger: Trigger, hosts: str = "") -> AlarmRule:
    return AlarmRule(trigger=trigger, hosts=hosts)


def _trigger(**more: object) -> AlarmRule:
    trigger = MetricTrigger(on="metric", compare="<", value=1.0, **{"series": FREE, **more})  # type: ignore[arg-type]
    return _rule(trigger)


@pytest.mark.parametrize("state", ["offline", "unknown"])
async def test_the_last_values_of_a_host_that_is_not_there_say_nothing(
    readings: Readings, states: States, state: str
) -> None:
    states.not_there[H1] = state
    assert readings.read(_trigger(), (H1,)) == {}
    states.not_there[H1] = "suspect"
    assert len(readings.read(_trigger(), (H1,))) == 2


async def test_series(readings: Readings, states: States) -> None:
    both = (H1, H2)
    states.not_there.clear()
    found = {about.part: one.value for about, one in readings.read(_trigger(), both).items()}
    assert found == {f'{FREE}{{path="/"}}': 5.0, f'{FREE}{{path="/srv"}}': 50.0}, "those of h2 are too old"
    divided = readings.read(_trigger(over=ALL), both)
    assert [(about.part, one.value, dict(one.labels)) for about, one in divided.items()] == [
        (f'{FREE}{{path="/"}}', 0.05, {"path": "/"})
    ]
    assert {one.value for one in readings.read(_trigger(rate=True), both).values()} == {7.0}
    assert readings.read(_trigger(series=FREE + '{path="/none"}'), both) == {}
    assert readings.read(_trigger(), (H2,)) == {}


async def test_presence_and_events(readings: Readings) -> None:
    found = readings.read(_rule(PresenceTrigger(on="presence", states=("offline",))), (H1, H2))
    assert {about.host: one.value for about, one in found.items()} == {H1: "online", H2: "offline"}
    assert readings.read(_rule(NoticeTrigger(on="notice")), (H1,)) == {}
    assert await readings.hosts("state=online") == frozenset()


@pytest.mark.parametrize("state", ["unknown", "suspect"])
async def test_whether_a_host_is_there_that_may_be_only_a_rule_asks_that_names_it(
    readings: Readings, states: States, state: str
) -> None:
    """Else the end of a connection would end the alarms of the hosts behind it."""
    states.not_there[H2] = state
    offline = PresenceTrigger(on="presence", states=("offline", "flapping"))
    assert readings.read(_rule(offline), (H2,)) == {}
    named = PresenceTrigger(on="presence", states=("offline", state))  # type: ignore[arg-type]
    assert [one.value for one in readings.read(_rule(named), (H2,)).values()] == [state]


async def test_connections(readings: Readings) -> None:
    trigger = ConnectionTrigger(on="connection")
    site, straight, east = (
        Subject(HostRef("plant", ""), "broker"),
        Subject(H2, "straight"),
        Subject(HostRef("east", ""), "east"),
    )
    found = readings.read(_rule(trigger), ())
    assert {about: one.value for about, one in found.items()} == {site: "up", straight: "waiting", east: "failed"}
    assert (found[straight].labels["text"], found[east].labels["text"]) == ("refused", "failed")
    assert readings.read(_rule(trigger, "site=plant"), (H1,)).keys() == {site}, "one that leads to a host of the rule"
    assert readings.read(_rule(trigger, "host=h2"), (H2,)).keys() == {site, straight}


def test_the_rules_that_come_with_the_controller_are_about_metrics_that_there_are() -> None:
    for rule in SHIPPED.values():
        check(rule.trigger)
        if isinstance(rule.trigger, MetricTrigger):
            assert rule.trigger.series.partition("{")[0] in BY_NAME
            assert rule.trigger.over is None or rule.trigger.over in BY_NAME
    with pytest.raises(GuestwireError, match="INVALID-BODY"):
        check(_trigger(series="{nothing").trigger)
