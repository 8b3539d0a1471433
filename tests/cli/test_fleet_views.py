"""How hosts and alarms are written of which nobody knows how they do: not as if all were well."""

from typing import Any

import pytest

from guestwire.cli.alarm_views import alarm_facts, alarm_view
from guestwire.cli.fleet_views import fleet_facts, fleet_view
from guestwire.sdk.controller_models import Alarm, FleetHost, answered

TOLD = {"guests_running": 1, "sync": "drifted", "drift": 2, "reboot": True}


def _host(**more: Any) -> FleetHost:
    guest = {"name": "web", "id": "GUEST0001", "state": "running", "as_of": 1_800_000_000_000, "last_state": "running"}
    document = {
        "site": "plant", "host": "h1", "approval": "approved", "state": "online", "revision": 1, "guests": 3, "guests_running": 1,
        "reboot": True, "drift": 2, "sync": "drifted", "clock": "synchronised", "guest_list": [guest | more.pop("guest", {})],
    }  # fmt: skip
    return answered(FleetHost, document | more)


LOST = _host(
    state="unknown", sync="unknown", clock="unknown", guests_running=None, drift=None, reboot=None, guest={"state": "unknown"},
    last_known={**TOLD, "clock": "synchronised", "as_of": 1_800_000_000_000},
)  # fmt: skip


@pytest.mark.parametrize(
    ("host", "cells"), [(_host(), ("1/3", "drifted", "needed")), (LOST, ("?/3", "unknown", "?"))], ids=["there", "lost"]
)
def test_a_list_of_hosts(host: FleetHost, cells: tuple[str, ...]) -> None:
    shown = {column.title: column.text(host) for column in fleet_view().columns}
    assert (shown["GUESTS"], shown["SYNC"], shown["REBOOT"]) == cells


def test_a_host_in_full() -> None:
    there, lost = dict(fleet_facts(_host())), dict(fleet_facts(LOST))
    assert (there["guests"], there["reboot"], there["clock"]) == ("3, running: 1", "needed", "synchronised")
    for name, last in (("guests", "1"), ("reboot", "needed"), ("clock", "synchronised"), ("configuration", "drifted")):
        assert "unknown (at 20" in lost[name], name
        assert lost[name].endswith(f": {last})"), name
    assert (there["guest"], lost["guest"].endswith(": running)")) == ("web (GUEST0001) running", True)


def test_an_alarm_of_which_nobody_knows_whether_it_holds_on() -> None:
    document = {
        "id": "a", "rule": "r", "site": "plant", "host": "h1", "part": "", "severity": "info", "state": "active", "text": "t",
        "raised_at": 0, "last_at": 0, "times": 1,
    }  # fmt: skip
    state, about = (column.text for column in alarm_view().columns if column.title in ("STATE", "HOST"))
    known = answered(Alarm, document)
    lost = answered(Alarm, document | {"source_lost_at": 1_800_000_000_000, "host": ""})
    assert (state(known), about(known), state(lost), about(lost)) == ("active", "plant/h1", "active?", "plant")
    assert ("holds on" in dict(alarm_facts(known)), "holds on" in dict(alarm_facts(lost))) == (False, True)
