"""What rules about conditions make of readings: which alarms begin and which are over. Decides only; time is an argument.

A reading that is not there says nothing: a source that is lost neither begins an alarm nor ends one. That it is lost is told
of an alarm that is open.
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
    """What an alarm is about: a host, and which of its series or parts; empty: the host itself. A host without an id: its whole
    site."""

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


class Lost(NamedTuple):
    """Nobody knows any more whether it holds on."""

    subject: Subject


class Found(NamedTuple):
    """That is known again, and it holds."""

    subject: Subject


Said = Raise | Clear | Lost | Found


@dataclass(slots=True)
class RuleStanding:
    """How a rule stands: subjects for which its condition holds, since when, those of which it has been told, and of these those
    whose source is lost."""

    since: dict[Subject, int] = field(default_factory=dict)
    told: set[Subject] = field(default_factory=set)
    lost: set[Subject] = field(default_factory=set)

    def forget(self, host: HostRef) -> None:
        """Nothing is known of a host any more."""
        for subject in [one for one in self.since if one.host == host]:
            del self.since[subject]
            self.told.discard(subject)
            self.lost.discard(subject)


def compare(rule: AlarmRule, standing: RuleStanding, readings: Mapping[Subject, Reading], now_ms: int) -> list[Said]:
    """What the readings of this moment change. `standing` is changed with it."""
    said: list[Said] = []
    for subject, reading in readings.items():
        known_again = subject in standing.lost
        standing.lost.discard(subject)
        if _holds(rule, reading, told=subject in standing.told):
            since = standing.since.setdefault(subject, now_ms)
            if known_again:
                said.append(Found(subject))
            elif subject not in standing.told and now_ms - since >= rule.for_s * 1000:
                standing.told.add(subject)
                value = None if isinstance(reading.value, str) else float(reading.value)
                said.append(Raise(subject, summary(rule, subject.host, reading), value, since))
        else:
            standing.since.pop(subject, None)
            if subject in standing.told:
                standing.told.discard(subject)
                said.append(Clear(subject))
    return said + _unread(rule, standing, readings)


def _unread(rule: AlarmRule, standing: RuleStanding, readings: Mapping[Subject, Reading]) -> list[Said]:
    """What becomes of subjects of which nothing was read."""
    said: list[Said] = []
    for subject in [one for one in standing.since if one not in readings]:
        if subject not in standing.told:
            del standing.since[subject]  # while nobody knew it may not have held
        elif rule.trigger.on == "connection":
            # of its own connections the controller knows all: this one was removed
            del standing.since[subject]
            standing.told.discard(subject)
            said.append(Clear(subject))
        elif subject not in standing.lost:
            standing.lost.add(subject)
            said.append(Lost(subject))
    return said


def summary(rule: AlarmRule, host: HostRef, reading: Reading) -> str:
    """The rule's text with what was found; a name that is not known stays as it is."""
    value = reading.value if isinstance(reading.value, str) else f"{reading.value:.{SHOWN_DIGITS}g}"
    known = {**reading.labels, "host": str(host) if host.host else host.site, "value": value}
    known.setdefault("text", value)
    text = rule.summary
    for name, word in known.items():
        text = text.replace(f"{{{name}}}", word)
    return text[:1000]


def _holds(rule: AlarmRule, reading: Reading, *, told: bool) -> bool:
    trigger = rule.trigger
    if trigger.on == "presence":
        return reading.value in trigger.states
    if trigger.on == "connection":
        return reading.value != "up"
    assert isinstance(trigger, MetricTrigger)
    assert not isinstance(reading.value, str)
    bound = trigger.clear if told and trigger.clear is not None else trigger.value
    return _COMPARE[trigger.compare](reading.value, bound)
