"""The rules that a new controller begins with. People change them as they like: what they removed does not come back."""

from typing import Final

from guestwire.controller.alarms.rule import (
    AlarmRule,
    ConnectionTrigger,
    MetricTrigger,
    NoticeTrigger,
    PresenceTrigger,
    TroubleTrigger,
)

SHIPPED: Final[dict[str, AlarmRule]] = {
    "host-offline": AlarmRule(
        trigger=PresenceTrigger(on="presence", states=("offline",)), severity="critical", for_s=60,
        hosts="approval=approved", summary="{host} is offline",
    ),
    "host-flapping": AlarmRule(
        trigger=PresenceTrigger(on="presence", states=("flapping",)), severity="warning", for_s=0,
        hosts="approval=approved", summary="{host} loses its connection again and again",
    ),
    "connection-lost": AlarmRule(
        trigger=ConnectionTrigger(on="connection"), severity="critical", for_s=60,
        summary="the controller has no connection {connection} to {host}: {text}",
    ),
    "host-alarm": AlarmRule(
        trigger=NoticeTrigger(on="notice", classes=("alarm",)), severity="warning", clear_after_s=7 * 86_400,
        summary="{host}: {text}",
    ),
    "guest-crashed": AlarmRule(
        trigger=MetricTrigger(on="metric", series='guestwire_guest_state{state="crashed"}', compare="==", value=1.0),
        severity="critical", summary="{host}: the guest {guest} has crashed",
    ),
    "disk-full": AlarmRule(
        trigger=MetricTrigger(
            on="metric", series="guestwire_filesystem_available_bytes", over="guestwire_filesystem_bytes", compare="<",
            value=0.1, clear=0.12,
        ),
        severity="warning", for_s=300, summary="{host}: only {value} of {path} is free",
    ),
    "memory-short": AlarmRule(
        trigger=MetricTrigger(
            on="metric", series="guestwire_host_memory_available_bytes", over="guestwire_host_memory_bytes",
            compare="<", value=0.05, clear=0.08,
        ),
        severity="warning", for_s=120, summary="{host}: only {value} of its memory is available",
    ),
    "clock-unsynchronised": AlarmRule(
        trigger=MetricTrigger(on="metric", series="guestwire_host_clock_synchronised", compare="==", value=0.0),
        severity="warning", for_s=600, summary="{host}: nothing keeps its clock right",
    ),
    "telemetry": AlarmRule(
        trigger=TroubleTrigger(on="trouble"), severity="warning", clear_after_s=86_400, summary="{host}: {text}",
    ),
}  # fmt: skip
