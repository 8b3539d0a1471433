"""An alarm rule as people write it, and as it is kept: when something is wrong, for how long before it is told, how bad it is.

What rules make of readings is `comparing`'s matter, of events `events`'.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from guestwire.model.base import Document
from guestwire.protocol.notices import NoticeClass

Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
"""From the least to the worst."""
Compare = Literal[">", ">=", "<", "<=", "==", "!="]
HostState = Literal["online", "suspect", "offline", "flapping", "unknown"]
TroubleKind = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,36}$")]

_Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Selection = Annotated[str, StringConstraints(max_length=2000)]
RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]


class MetricTrigger(Document):
    """A series of which the newest value compares so. `series`: a selector, `name{label="value"}`; `rate`: by how fast a counter
    grows, per second, instead of its value. `over`: the name of another metric, by whose series with the same labels it is divided
    first. `clear`: it is over once it compares so with that value no more (None: `value`), so
    that what wavers around a bound is one alarm."""

    on: Literal["metric"]
    series: _Text
    compare: Compare
    value: Annotated[float, Field(allow_inf_nan=False)]
    clear: Annotated[float, Field(allow_inf_nan=False)] | None = None
    over: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,127}$")] | None = None
    rate: bool = False


class PresenceTrigger(Document):
    """A host that is in one of these states. `suspect` and `unknown` say nothing, where they are not among them: an alarm that is open
    stays open."""

    on: Literal["presence"]
    states: Annotated[tuple[HostState, ...], Field(min_length=1, max_length=5)]


class NoticeTrigger(Document):
    """A notice of these classes (none: of any), with one of these events, and with one of these codes, where some are named."""

    on: Literal["notice"]
    classes: Annotated[tuple[NoticeClass, ...], Field(max_length=5)] = ()
    events: Annotated[tuple[_Text, ...], Field(max_length=64)] = ()
    codes: Annotated[tuple[_Text, ...], Field(max_length=64)] = ()


class TroubleTrigger(Document):
    """Something the controller itself finds wrong with a host: with its telemetry, its audit log, what it says. None: anything."""

    on: Literal["trouble"]
    kinds: Annotated[tuple[TroubleKind, ...], Field(max_length=64)] = ()


class ConnectionTrigger(Document):
    """A connection of the controller, to a site or to one host, that is not up. With `hosts` in the rule: one that leads to some of
    them."""

    on: Literal["connection"]


Trigger = Annotated[
    MetricTrigger | PresenceTrigger | NoticeTrigger | TroubleTrigger | ConnectionTrigger, Field(discriminator="on")
]


class AlarmRule(Document):
    """`hosts`: a selection; empty: every host. `for_s`: how long it must hold before it is told (of metrics, presence and connections).
    `clear_after_s`: when an alarm of an event is over by itself; None: when somebody says so. `summary`: what people read, with
    {host}, {value}, {text} and the labels of the series ({guest}, ...) filled in."""

    trigger: Trigger
    severity: Severity = "warning"
    hosts: Selection = ""
    for_s: Annotated[int, Field(ge=0, le=86_400)] = 0
    clear_after_s: Annotated[int, Field(ge=1, le=30 * 86_400)] | None = None
    summary: Annotated[str, StringConstraints(min_length=1, max_length=500)] = "{host}: {text}"
    enabled: bool = True
