"""Which series are meant: `name{label="value",other=~"pattern"}`, as Prometheus writes it; `site` and `host` are labels too. Pure.

A label that a series does not have is the empty text.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from guestwire.controller.telemetry.label_patterns import LabelPattern
from guestwire.controller.telemetry.series import Series
from guestwire.model.errors import GuestwireError
from guestwire.protocol.metrics import RESERVED

LONGEST: Final = 2_048
MOST_MATCHERS: Final = 16

Operator = Literal["=", "!=", "=~", "!~"]

_NAME = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*")
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a label must be."""

    label: str
    operator: Operator
    value: str

    def predicate(self) -> Callable[[str], bool]:
        """Whether a value of the label is right. Raises INVALID-BODY for a pattern that is none."""
        value = self.value
        match self.operator:
            case "=":
                return lambda found: found == value
            case "!=":
                return lambda found: found != value
        matches = LabelPattern(value).matches
        known: dict[str, bool] = {}
        negated = self.operator == "!~"

        def judged(found: str) -> bool:
            answer = known.get(found)
            if answer is None:
                answer = known[found] = matches(found) is not negated
            return answer

        return judged


@dataclass(frozen=True, slots=True)
class Selector:
    """The series of one metric, those that all matchers fit."""

    name: str
    matchers: tuple[Matcher, ...] = ()

    def only(self, label: str) -> str | None:
        """The one value that a label can have; None: it may have several."""
        return next((one.value for one in self.matchers if one.label == label and one.operator == "="), None)

    def choose(self, series: Iterable[Series]) -> list[Series]:
        """Those of a metric's series that fit. Hosts have series of the same texts: each text is looked at once."""
        of_host = [(one.label, one.predicate()) for one in self.matchers if one.label in RESERVED]
        of_text = [(one.label, one.predicate()) for one in self.matchers if one.label not in RESERVED]
        texts: dict[str, bool] = {}
        found = []
        for one in series:
            fits = texts.get(one.text)
            if fits is None:
                labels = one.labels
                fits = texts[one.text] = all(judge(labels.get(label, "")) for label, judge in of_text)
            if fits and all(judge(one.label(label)) for label, judge in of_host):
                found.append(one)
        return found


def selector(text: str) -> Selector:
    """The selector in a text. Raises INVALID-BODY that says where it is none."""
    if len(text) > LONGEST:
        raise _wrong(text, f"it has more than {LONGEST} characters")
    found = _NAME.match(text)
    if found is None:
        raise _wrong(text, "it begins with the name of a metric")
    rest = text[found.end() :].rstrip()
    if not rest:
        return Selector(found[1])
    if not (rest.startswith("{") and rest.endswith("}")):
        raise _wrong(text, "after the name comes {...} or nothing")
    return Selector(found[1], tuple(_matchers(text, rest[1:-1])))


def _matchers(text: str, rest: str) -> Iterable[Matcher]:
    at = 0
    n = 0
    while rest[at:].strip():
        found = _MATCHER.match(rest, at)
        if found is None:
            raise _wrong(text, f'at {rest[at : at + 20]!r} there should be label="value", or =~, !=, !~')
        n += 1
        if n > MOST_MATCHERS:
            raise _wrong(text, f"it has more than {MOST_MATCHERS} labels")
        operator: Operator = found[2]  # type: ignore[assignment]
        yield Matcher(found[1], operator, _ESCAPED.sub(r"\1", found[3]))
        at = found.end()
        if at < len(rest):
            if rest[at] != ",":
                raise _wrong(text, "labels are separated by commas")
            at += 1


def _wrong(text: str, why: str) -> GuestwireError:
    return GuestwireError("INVALID-BODY", f"{text[:80]!r} is no selector: {why}.", field="selector")
