"""How alarms, their rules and webhooks are written."""

from typing import Any

from guestwire.cli.output import Column, View
from guestwire.cli.times import ago, clock_time
from guestwire.link.clock import now
from guestwire.sdk.controller_models import Alarm, AlarmRule, Webhook

SEVERITIES = {"critical": "bad", "warning": "warn", "info": None}
STATES = {"active": "bad", "acknowledged": "warn", "cleared": "faint"}


def alarm_view() -> View[Alarm]:
    """The columns of alarms."""
    at = now().wall_ms
    return View(
        columns=(
            Column("ALARM", lambda a: a.id),
            Column("SEVERITY", lambda a: a.severity, style=lambda a: SEVERITIES.get(a.severity)),
            Column("STATE", _state, style=lambda a: STATES.get(a.state)),
            Column("HOST", _about),
            Column("RULE", lambda a: a.rule),
            Column("AGE", lambda a: ago(a.raised_at, at)),
            Column("TIMES", lambda a: str(a.times), wide=True, right=True),
            Column("BY", lambda a: a.cleared_by or a.acknowledged_by or "-", wide=True),
            Column("TEXT", lambda a: a.text),
        ),
        name=lambda a: a.id,
        document=lambda a: a.document,
        none="no alarms",
    )


def _state(alarm: Alarm) -> str:
    """With a question mark where nobody knows whether it holds on."""
    return alarm.state if alarm.source_lost_at is None else f"{alarm.state}?"


def _about(alarm: Alarm) -> str:
    return f"{alarm.site}/{alarm.host}" if alarm.host else alarm.site


def alarm_facts(alarm: Alarm) -> list[tuple[str, str]]:
    """An alarm in full."""
    facts = [
        ("alarm", alarm.id),
        ("state", f"{alarm.state}, {alarm.severity}"),
        ("host", _about(alarm) + (f", {alarm.part}" if alarm.part else "")),
        ("rule", alarm.rule),
        ("text", alarm.text),
        ("raised", f"{clock_time(alarm.raised_at)}, told {alarm.times} times, last {clock_time(alarm.last_at)}"),
    ]
    if alarm.source_lost_at is not None:
        facts.append(("holds on", f"unknown: its source is lost since {clock_time(alarm.source_lost_at)}"))
    if alarm.value is not None:
        facts.append(("value", f"{alarm.value:g}"))
    if alarm.acknowledged_at is not None:
        facts.append(("acknowledged", f"{clock_time(alarm.acknowledged_at)} by {alarm.acknowledged_by}"))
    if alarm.cleared_at is not None:
        facts.append(("over", f"{clock_time(alarm.cleared_at)}, by {alarm.cleared_by or 'itself'}"))
    return [*facts, ("note", alarm.note)] if alarm.note else facts


def rule_view() -> View[AlarmRule]:
    """The columns of rules."""
    return View(
        columns=(
            Column("RULE", lambda r: r.name),
            Column("SEVERITY", lambda r: str(r.rule.get("severity", "-"))),
            Column("ENABLED", lambda r: "yes" if r.rule.get("enabled", True) else "no"),
            Column("FOR", lambda r: f"{r.rule.get('for_s', 0)}s", right=True),
            Column("WHEN", lambda r: trigger_text(r.rule.get("trigger", {}))),
            Column("HOSTS", lambda r: str(r.rule.get("hosts") or "all"), wide=True),
            Column("BY", lambda r: r.changed_by or "shipped", wide=True),
        ),
        name=lambda r: r.name,
        document=lambda r: r.document,
        none="no rules",
    )


def trigger_text(trigger: dict[str, Any]) -> str:
    """When a rule holds, on one line."""
    match trigger.get("on"):
        case "metric":
            rate = "rate of " if trigger.get("rate") else ""
            over = f" / {trigger['over']}" if trigger.get("over") else ""
            return f"{rate}{trigger['series']}{over} {trigger['compare']} {trigger['value']:g}"
        case "presence":
            return f"host is {' or '.join(trigger['states'])}"
        case "connection":
            return "a connection of the controller is down"
        case kind:
            named = [word for field in ("classes", "events", "codes", "kinds") for word in trigger.get(field, ())]
            return f"{kind}: {', '.join(named) or 'any'}"


def webhook_view() -> View[Webhook]:
    """The columns of webhooks."""
    at = now().wall_ms
    return View(
        columns=(
            Column("WEBHOOK", lambda w: w.name),
            Column("ENABLED", lambda w: "yes" if w.enabled else "no"),
            Column("FROM", lambda w: w.least_severity),
            Column("EVENTS", lambda w: ",".join(w.events)),
            Column("DELIVERED", lambda w: ago(w.delivered_at, at)),
            Column("FAILED", lambda w: ago(w.failed_at, at), style=lambda w: "bad" if w.failure else None),
            Column("URL", lambda w: w.url),
            Column("WHY", lambda w: w.failure or "-", wide=True),
        ),
        name=lambda w: w.name,
        document=lambda w: {name: value for name, value in w.document.items() if name != "secret" or value},
        none="no webhooks",
    )
