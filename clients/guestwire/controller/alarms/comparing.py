"""What rules about conditions make of readings: which alarms begin and which are over. Decides only; time is an argument.

A reading that is not there says nothing: a source that is lost neither begins an alarm nor ends one.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from guestwire.controller.alarms.rule import AlarmRule, Compare, MetricTrigger
from guestwire.controller.host_ref import HostRef

_COMPARE: Final[Mapping[Compare, Callable[[float, float], bool]]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
SHOWN_DIGITS: Final = 6


class Subject(NamedTuple):
    """What an alarm is about: a host, and which of its series or parts; empty: the host itself."""

    host: HostRef
    part: str = ""


class Reading(NamedTuple):
    """What was found of a subject: a value, or a word where it is a state. `labels` go into the summary."""

    value: float | str
    labels: Mapping[str, str] = {}


class Raise(NamedTuple):
    """An alarm begins. `since_ms`: since when the condition holds."""

    subject: Subject
    text: str
    value: float | None
    since_ms: int


class Clear(NamedTuple):
    """It is over."""

    subject: Subject


@dataclass(slots=True)
class RuleStanding:
    """How a rule stands: subjects for which its condition holds, since when, and those of which it has been told."""

    since: dict[Subject, int] = field(default_factory=dict)
    told: set[Subject] = field(default_factory=set)


def compare(
    rule: AlarmRule, standing: RuleStanding, readings: Mapping[Subject, Reading], now_ms: int
) -> list[Raise | Clear]:
    """What the readings of this moment change. `standing` is changed with it."""
    said: list[Raise | Clear] = []
    for subject, reading in readings.items():
        if _holds(rule, reading, told=subject in standing.told):
            since = standing.since.setdefault(subject, now_ms)
            if subject not in standing.told and now_ms - since >= rule.for_s * 1000:
                standing.told.add(subject)
                value = None if isinstance(reading.value, str) else float(reading.value)
                said.append(Raise(subject, summary(rule, subject.host, reading), value, since))
        else:
            standing.since.pop(subject, None)
            if subject in standing.told:
                standing.told.discard(subject)
                said.append(Clear(subject))
    return said


def summary(rule: AlarmRule, host: HostRef, reading: Reading) -> str:
    """The rule's text with what was found; a name that is not known stays as it is."""
    value = reading.value if isinstance(reading.value, str) else f"{reading.value:.{SHOWN_DIGITS}g}"
    known = {**reading.labels, "host": str(host), "value": value}
    known.setdefault("text", value)
    text = rule.summary
    for name, word in known.items():
        text = text.replace(f"{{{name}}}", word)
    return text[:1000]


def _holds(rule: AlarmRule, reading: Reading, *, told: bool) -> bool:
    trigger = rule.trigger
    if trigger.on == "presence":
        return reading.value in trigger.states
    assert isinstance(trigger, MetricTrigger)
    assert not isinstance(reading.value, str)
    bound = trigger.clear if told and trigger.clear is not None else trigger.value
    return _COMPARE[trigger.compare](reading.value, bound)
