"""When each alert of deploy/prometheus fires and when it does not: one row for each, judged by `promtool test rules`.

Series are PromQL's own notation for tests, a value for each 15 s: `0+15x40` begins with 0 and grows by 15, 40 times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

INTERVAL: Final = "15s"
H1: Final = 'site="plant",host="h1"'
H2: Final = 'site="plant",host="h2"'
OF_H1: Final = {"site": "plant", "host": "h1"}
C: Final = 'instance="c:5000",job="guestwire"'
C2: Final = 'instance="d:5000",job="guestwire"'
OF_C: Final = {"instance": "c:5000", "job": "guestwire"}


@dataclass(frozen=True)
class Case:
    """At the time `quiet` the alert does not fire, at `fires` it does, and then for nothing but what `labels` and `summary` say
    (its severity is left out): `series` has what is like it and is well, too."""

    alert: str
    series: Mapping[str, str]
    quiet: str
    fires: str
    labels: Mapping[str, str]
    summary: str

    def test(self, alerts: Mapping[str, Any]) -> dict[str, Any]:
        """As promtool reads it; `alerts`: the rules of the file, by name."""
        rule = alerts[self.alert]
        told = {
            "exp_labels": {**self.labels, **rule["labels"]},
            "exp_annotations": {"summary": self.summary, "description": rule["annotations"]["description"]},
        }
        return {
            "name": self.alert, "interval": INTERVAL,
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "alert_rule_test": [
                {"eval_time": self.quiet, "alertname": self.alert, "exp_alerts": []},
                {"eval_time": self.fires, "alertname": self.alert, "exp_alerts": [told]},
            ],
        }  # fmt: skip


def document(alerts: Mapping[str, Any], groups: Sequence[str], rules_file: str) -> str:
    """The file for `promtool test rules`."""
    tests = [case.test(alerts) for case in CASES]
    return yaml.safe_dump(
        {"rule_files": [rules_file], "evaluation_interval": INTERVAL, "group_eval_order": list(groups), "tests": tests}
    )


def _state(state: str, host: str) -> str:
    return f'guestwire_controller_host_state{{{host},state="{state}"}}'


CASES: Final[tuple[Case, ...]] = (
    Case("GuestwireHostOffline",
         {_state("online", H1): "1x4 _x20", _state("offline", H1): "_x5 1x20", _state("online", H2): "1x40"},
         "2m", "2m15s", OF_H1 | {"state": "offline"}, "plant/h1 is offline"),
    Case("GuestwireHostUnknown", {_state("unknown", H1): "1x40", _state("suspect", H2): "1x40"},
         "4m45s", "5m", OF_H1 | {"state": "unknown"}, "Nobody knows how plant/h1 is"),
    Case("GuestwireHostFlapping", {_state("flapping", H1): "1x40", _state("online", H2): "1x40"},
         "1m45s", "2m", OF_H1 | {"state": "flapping"}, "plant/h1 loses its connection again and again"),
    Case("GuestwireHostMeasuresNothing",
         {_state("online", H1): "1x40", _state("online", H2): "1x40", f"guestwire_telemetry_series{{{H2}}}": "80x40"},
         "4m45s", "5m", OF_H1 | {"state": "online"}, "plant/h1 is there, and nothing that it measures arrives"),
    Case("GuestwireHostCpuBusy",
         {f'guestwire_host_cpu_seconds_total{{{H1},mode="guest"}}': "0+58x60",
          f'guestwire_host_cpu_seconds_total{{{H1},mode="idle"}}': "0+1x60",
          f'guestwire_host_cpu_seconds_total{{{H1},mode="iowait"}}': "0+1x60",
          f'guestwire_host_cpu_seconds_total{{{H2},mode="guest"}}': "0+45x60",
          f'guestwire_host_cpu_seconds_total{{{H2},mode="idle"}}': "0+15x60"},
         "10m", "10m15s", OF_H1, "The CPUs of plant/h1 are 96.67% busy"),
    Case("GuestwireHostMemoryShort",
         {f"guestwire_host_memory_available_bytes{{{H1}}}": "4x20", f"guestwire_host_memory_bytes{{{H1}}}": "100x20",
          f"guestwire_host_memory_available_bytes{{{H2}}}": "6x20", f"guestwire_host_memory_bytes{{{H2}}}": "100x20"},
         "1m45s", "2m", OF_H1, "Only 4% of the memory of plant/h1 is available"),
    Case("GuestwireDiskFull",
         {f'guestwire_filesystem_available_bytes{{{H1},path="/var"}}': "9x30",
          f'guestwire_filesystem_bytes{{{H1},path="/var"}}': "100x30",
          f'guestwire_filesystem_available_bytes{{{H1},path="/"}}': "20x30",
          f'guestwire_filesystem_bytes{{{H1},path="/"}}': "100x30"},
         "4m45s", "5m", OF_H1 | {"path": "/var"}, "Only 9% of /var on plant/h1 is free"),
    Case("GuestwireClockUnsynchronised",
         {f"guestwire_host_clock_synchronised{{{H1}}}": "0x60", f"guestwire_host_clock_synchronised{{{H2}}}": "1x60"},
         "9m45s", "10m", OF_H1, "Nothing keeps the clock of plant/h1 right"),
    Case("GuestwireGuestCrashed",
         {f'guestwire_guest_state{{{H1},guest="plc",state="crashed"}}': "_x4 1x9",
          f'guestwire_guest_state{{{H1},guest="hmi",state="running"}}': "1x12"},
         "45s", "1m", OF_H1 | {"guest": "plc", "state": "crashed"}, "plant/h1: the guest plc has crashed"),
    Case("GuestwireRealTimeGuestDisturbed",
         {f'guestwire_vcpu_wait_seconds_total{{{H1},guest="plc",vcpu="1"}}': "0+0.075x40",
          f'guestwire_vcpu_wait_seconds_total{{{H1},guest="plc",vcpu="0"}}': "0+0.001x40",
          f'guestwire_vcpu_wait_seconds_total{{{H1},guest="hmi",vcpu="0"}}': "0+0.75x40",
          f'guestwire_guest_info{{{H1},guest="plc",id="1",kind="rt",uuid="u"}}': "1x40",
          f'guestwire_guest_info{{{H1},guest="hmi",id="2",kind="gp",uuid="v"}}': "1x40"},
         "1m", "1m15s", OF_H1 | {"guest": "plc", "vcpu": "1"},
         "plant/h1: vCPU 1 of the real-time guest plc waits for a CPU"),
    Case("GuestwireVcpuStolen",
         {f'guestwire_vcpu_wait_seconds_total{{{H1},guest="hmi",vcpu="1"}}': "0+3x60",
          f'guestwire_vcpu_wait_seconds_total{{{H2},guest="hmi",vcpu="1"}}': "0+1x60"},
         "5m", "6m", OF_H1 | {"guest": "hmi", "vcpu": "1"},
         "plant/h1: vCPU 1 of hmi waits 20% of its time for a CPU"),
    Case("GuestwireQueueRefuses",
         {f'guestwire_queue_refused_total{{{H1},queue="orders"}}': "0+1x60",
          f'guestwire_queue_refused_total{{{H2},queue="orders"}}': "7x60"},
         "5m", "5m15s", OF_H1 | {"queue": "orders"}, "plant/h1: the queue orders is full again and again"),
    Case("GuestwireEventDenied",
         {f'guestwire_event_denied_total{{{H1},event="door"}}': "0x4 1x20",
          f'guestwire_event_denied_total{{{H2},event="door"}}': "3x24"},
         "1m", "1m15s", OF_H1 | {"event": "door"}, "plant/h1: somebody wanted what it may not with the event door"),
    Case("GuestwireAgentRestarts",
         {f"guestwire_agent_start_time_seconds{{{H1}}}": "0x1 100x1 200x1 300x20",
          f"guestwire_agent_start_time_seconds{{{H2}}}": "0x3 100x20"},
         "1m15s", "1m30s", OF_H1, "The agent of plant/h1 was started 3 times in 15 minutes"),
    Case("GuestwireAgentSlow",
         {f'guestwire_agent_loop_lag_seconds_bucket{{{H1},le="0.25"}}': "0+1x60",
          f'guestwire_agent_loop_lag_seconds_bucket{{{H1},le="1"}}': "0+100x60",
          f'guestwire_agent_loop_lag_seconds_bucket{{{H1},le="+Inf"}}': "0+100x60",
          f'guestwire_agent_loop_lag_seconds_bucket{{{H2},le="0.25"}}': "0+100x60",
          f'guestwire_agent_loop_lag_seconds_bucket{{{H2},le="+Inf"}}': "0+100x60"},
         "5m", "5m15s", OF_H1, "The agent of plant/h1 is late by 992.4ms"),
    Case("GuestwireAgentHung",
         {f'guestwire_agent_lanes{{{H1},state="hung"}}': "2x20", f'guestwire_agent_lanes{{{H2},state="running"}}': "2x20"},
         "1m45s", "2m", OF_H1 | {"state": "hung"}, "plant/h1: 2 commands hang in a call of the hypervisor"),
    Case("GuestwireSourceFails",
         {f'guestwire_telemetry_source_up{{{H1},source="host"}}': "0x60",
          f'guestwire_telemetry_source_up{{{H2},source="host"}}': "1x60"},
         "9m45s", "10m", OF_H1 | {"source": "host"}, "plant/h1 cannot measure host"),
    Case("GuestwireSeriesRefused",
         {f"guestwire_telemetry_series_refused{{{H1}}}": "12x60", f"guestwire_telemetry_series_refused{{{H2}}}": "0x60"},
         "9m45s", "10m", OF_H1, "plant/h1 has 12 series more than it may"),
    Case("GuestwireSpoolDrops",
         {f'guestwire_agent_spool_dropped_total{{{H1},class="metric"}}': "5x4 9x20",
          f'guestwire_agent_spool_dropped_total{{{H2},class="metric"}}': "5x24"},
         "1m", "1m15s", OF_H1 | {"class": "metric"}, "plant/h1 has dropped what it could not send (metric)"),
    Case("GuestwireSpoolLags",
         {f'guestwire_agent_spool_lag_seconds{{{H1},class="audit"}}': "1200x80",
          f'guestwire_agent_spool_lag_seconds{{{H1},class="metric"}}': "30x80"},
         "14m45s", "15m", OF_H1 | {"class": "audit"}, "plant/h1 has been holding audit for 20m 0s"),
    Case("GuestwireControllerDown", {f"up{{{C}}}": "1x4 0x20", f"up{{{C2}}}": "1x30", 'up{instance="x",job="node"}': "0x30"},
         "2m", "2m15s", OF_C, "The controller at c:5000 does not answer"),
    Case("GuestwireTelemetryNotStored",
         {f"guestwire_controller_telemetry_storing{{{C}}}": "0x20", f"guestwire_controller_telemetry_storing{{{C2}}}": "1x20"},
         "45s", "1m", OF_C, "The database of c:5000 takes no telemetry"),
    Case("GuestwireTelemetryRefused",
         {f"guestwire_controller_telemetry_refused_total{{{C}}}": "0+5x40",
          f"guestwire_controller_telemetry_refused_total{{{C2}}}": "50x40"},
         "5m", "5m15s", OF_C, "c:5000 has no room for telemetry"),
    Case("GuestwireTelemetryDropped",
         {f"guestwire_controller_telemetry_dropped_total{{{C}}}": "0x4 2x20",
          f"guestwire_controller_telemetry_dropped_total{{{C2}}}": "1x24"},
         "1m", "1m15s", OF_C, "c:5000 could not store batches"),
    Case("GuestwireLinkDown",
         {f'guestwire_controller_links{{{C},connection="plant",state="waiting"}}': "1x20",
          f'guestwire_controller_links{{{C},connection="lab",state="up"}}': "1x20"},
         "1m45s", "2m", {"instance": "c:5000", "connection": "plant"}, "The connection plant of c:5000 is not up"),
    Case("GuestwireStatementsNotBelieved",
         {f'guestwire_controller_statements_refused_total{{{C},code="BAD-SIGNATURE"}}': "0+15x40",
          f'guestwire_controller_statements_refused_total{{{C},code="EXPIRED"}}': "0+1x40"},
         "5m", "6m", OF_C | {"code": "BAD-SIGNATURE"}, "c:5000 refuses what is said as hosts (BAD-SIGNATURE)"),
    Case("GuestwireStatementsDropped",
         {f'guestwire_controller_statements_dropped_total{{{C},kind="notice"}}': "0+1x40",
          f'guestwire_controller_statements_dropped_total{{{C},kind="presence"}}': "4x40"},
         "5m", "5m15s", OF_C | {"kind": "notice"}, "c:5000 has no room for what hosts say (notice)"),
    Case("GuestwireJobsOverdue",
         {f'guestwire_controller_jobs{{{C},state="overdue"}}': "3x60", f'guestwire_controller_jobs{{{C},state="running"}}': "3x60"},
         "9m45s", "10m", OF_C | {"state": "overdue"}, "3 jobs of c:5000 are overdue"),
    Case("GuestwireHostsWait",
         {f'guestwire_controller_hosts{{{C},site="plant",state="online",approval="pending"}}': "1x300",
          f'guestwire_controller_hosts{{{C},site="plant",state="suspect",approval="pending"}}': "1x300",
          f'guestwire_controller_hosts{{{C},site="lab",state="online",approval="approved"}}': "1x300"},
         "59m45s", "1h", {"instance": "c:5000", "site": "plant"}, "2 hosts of plant wait to be let in"),
    Case("GuestwireControllerFiles",
         {f"guestwire_controller_process_open_fds{{{C}}}": "900x40", f"guestwire_controller_process_max_fds{{{C}}}": "1024x40",
          f"guestwire_controller_process_open_fds{{{C2}}}": "90x40", f"guestwire_controller_process_max_fds{{{C2}}}": "1024x40"},
         "4m45s", "5m", OF_C, "c:5000 has 87.89% of the files open that it may"),
)  # fmt: skip
