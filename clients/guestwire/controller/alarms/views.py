"""Alarms and rules as those see them who ask."""

from guestwire.controller.alarms.rule import AlarmRule
from guestwire.controller.store.alarm_rules import RuleRow
from guestwire.controller.store.alarms import AlarmRow, AlarmState
from guestwire.model.base import Model


class AlarmShown(Model):
    """An alarm. `part`: which of a host's series, guests or services it is about; empty: the host itself. `since`: since when the
    condition holds; `times`: how often it was told while it was open. `cleared_by` empty: it was over by itself. `source_lost_at`:
    since when nobody knows whether it holds on, because the host, or its series, is not heard; null: that is known. `host` empty:
    it is about the connection to a whole site."""

    id: str
    rule: str
    site: str
    host: str
    part: str
    severity: str
    state: AlarmState
    text: str
    value: float | None
    since: int
    raised_at: int
    last_at: int
    times: int
    acknowledged_at: int | None
    acknowledged_by: str
    note: str
    cleared_at: int | None
    cleared_by: str
    source_lost_at: int | None


class RuleShown(Model):
    """A rule. `changed_by` empty: it came with the controller."""

    name: str
    rule: AlarmRule
    revision: int
    changed_at: int
    changed_by: str


def alarm_shown(alarm: AlarmRow) -> AlarmShown:
    """An alarm as it is shown."""
    return AlarmShown(
        id=alarm.id, rule=alarm.rule, site=alarm.host.site, host=alarm.host.host, part=alarm.part,
        severity=alarm.severity, state=alarm.state, text=alarm.text, value=alarm.value, since=alarm.since,
        raised_at=alarm.raised_at, last_at=alarm.last_at, times=alarm.times, acknowledged_at=alarm.acknowledged_at,
        acknowledged_by=alarm.acknowledged_by, note=alarm.note, cleared_at=alarm.cleared_at, cleared_by=alarm.cleared_by,
        source_lost_at=alarm.source_lost_at,
    )  # fmt: skip


def rule_shown(row: RuleRow) -> RuleShown:
    """A rule as it is shown."""
    return RuleShown(
        name=row.name, rule=row.rule, revision=row.revision, changed_at=row.changed_at, changed_by=row.changed_by
    )
