"""Patterns of label values: a subset of regular expressions that takes time in proportion to the text, whoever wrote them. Pure.

Python's `re` can be made to run for years by a pattern of twenty characters. Here every pattern becomes a machine that reads the
text once. There is: characters, `.`, `[a-z]` and `[^a-z]`, `\\d \\w \\s` and their capitals, `( )`, `(?: )`, `|`, `*`, `+`, `?`, `{m,n}`. A
pattern is for the whole text, as in Prometheus; `^` at its begin and `$` at its end are allowed and mean nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from guestwire.model.errors import GuestwireError

LONGEST: Final = 256
MOST_STATES: Final = 500
MOST_REPEATS: Final = 100
_REMEMBERED: Final = 1_000
_SPECIAL: Final = frozenset("\\.[](){}*+?|^$")

_DIGITS: Final = (("0", "9"),)
_WORDS: Final = (("a", "z"), ("A", "Z"), ("0", "9"), ("_", "_"))
_SPACES: Final = ((" ", " "), ("\t", "\r"))
_CLASSES: Final = {"d": _DIGITS, "w": _WORDS, "s": _SPACES}
_Range = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Chars:
    """Characters in, or not in, some ranges."""

    ranges: tuple[_Range, ...]
    negated: bool = False

    def has(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) is not self.negated


_ANY: Final = _Chars((), negated=True)


@dataclass(slots=True)
class _State:
    """Goes to `to` with a character of `chars`, and without one to each of `free`."""

    chars: _Chars | None = None
    to: int = -1
    free: list[int] = field(default_factory=list)


class LabelPattern:
    """A pattern. Raises INVALID-BODY for one that is none, or too large."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise _wrong(text, f"a pattern has at most {LONGEST} characters")
        self._states: list[_State] = []
        self._end = self._new()
        self._first = self._closed([self._make(_Parser(text).whole(), self._end)])
        self._steps: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def matches(self, text: str) -> bool:
        """Whether the whole text is as the pattern says."""
        at = self._first
        for char in text:
            following = self._steps.get((at, char))
            if following is None:
                following = self._step(at, char)
            if not following:
                return False
            at = following
        return self._end in at

    def _step(self, at: frozenset[int], char: str) -> frozenset[int]:
        states = self._states
        following = self._closed(
            states[one].to for one in at if (chars := states[one].chars) is not None and chars.has(char)
        )
        if len(self._steps) >= _REMEMBERED:
            self._steps.clear()
        self._steps[at, char] = following
        return following

    def _closed(self, states: Iterable[int]) -> frozenset[int]:
        """These, and all that can be reached from them without a character."""
        found: set[int] = set()
        waiting = list(states)
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self._states[one].free
        return frozenset(found)

    def _make(self, node: "_Node", then: int) -> int:
        """The machine of a part, which goes on with `then`: where it begins."""
        match node:
            case _Chars():
                begin = self._new()
                self._states[begin].chars, self._states[begin].to = node, then
                return begin
            case _Sequence(parts):
                for part in reversed(parts):
                    then = self._make(part, then)
                return then
            case _Choice(options):
                begin = self._new()
                self._states[begin].free = [self._make(option, then) for option in options]
                return begin
            case _Repeat(part, least, most):
                return self._repeated(part, least, most, then)

    def _repeated(self, part: "_Node", least: int, most: int | None, then: int) -> int:
        begin = then
        if most is None:
            begin = self._new()
            self._states[begin].free = [self._make(part, begin), then]
        for _ in range((most or least) - least):
            following = begin
            begin = self._new()
            self._states[begin].free = [self._make(part, following), then]
        for _ in range(least):
            begin = self._make(part, begin)
        return begin

    def _new(self) -> int:
        if len(self._states) >= MOST_STATES:
            raise GuestwireError("INVALID-BODY", "The pattern repeats too much.", field="selector")
        self._states.append(_State())
        return len(self._states) - 1


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: "tuple[_Node, ...]"


@dataclass(frozen=True, slots=True)
class _Choice:
    options: "tuple[_Node, ...]"


@dataclass(frozen=True, slots=True)
class _Repeat:
    """`most` None: without end."""

    part: "_Node"
    least: int
    most: int | None


_Node = _Chars | _Sequence | _Choice | _Repeat


class _Parser:
    """Reads the text of a pattern."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 1 if text.startswith("^") else 0
        self._until = len(text) - (text.endswith("$") and not text.endswith("\\$"))

    def whole(self) -> _Node:
        found = self._choice()
        if self._at < self._until:
            raise self._wrong("a ) without its (")
        return found

    def _choice(self) -> _Node:
        options = [self._sequence()]
        while self._next() == "|":
            self._at += 1
            options.append(self._sequence())
        return options[0] if len(options) == 1 else _Choice(tuple(options))

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self._next() not in ("", "|", ")"):
            part = self._atom()
            while self._next() in ("*", "+", "?", "{"):
                if isinstance(part, _Repeat):
                    raise self._wrong("something that is repeated cannot be repeated again: put it into ( )")
                part = _Repeat(part, *self._times())
            parts.append(part)
        return _Sequence(tuple(parts))

    def _atom(self) -> _Node:
        char = self._take()
        if char == "(":
            if self._text.startswith("?:", self._at):
                self._at += 2
            found = self._choice()
            if self._take() != ")":
                raise self._wrong("a ( without its )")
            return found if not isinstance(found, _Repeat) else _Sequence((found,))
        if char == "[":
            return self._class()
        if char == ".":
            return _ANY
        if char == "\\":
            return self._escaped()
        if char in _SPECIAL:
            raise self._wrong(f"{char} is not possible here; \\{char} is the character")
        return _Chars(((char, char),))

    def _times(self) -> tuple[int, int | None]:
        char = self._take()
        if char != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        end = self._text.find("}", self._at)
        least, comma, most = self._text[self._at : end].partition(",")
        if end < 0 or not least.isdecimal() or (most and not most.isdecimal()):
            raise self._wrong("{ } takes {m}, {m,} or {m,n}")
        self._at = end + 1
        low, high = int(least), int(most) if most else None if comma else int(least)
        if max(low, high or 0) > MOST_REPEATS or (high is not None and high < low):
            raise self._wrong(f"{{m,n}}: m is at most n, n at most {MOST_REPEATS}")
        return low, high

    def _escaped(self) -> _Chars:
        char = self._take()
        if char.lower() in _CLASSES:
            return _Chars(_CLASSES[char.lower()], negated=char.isupper())
        if char.isalnum():
            raise self._wrong(f"\\{char} is not known here")
        return _Chars(((char, char),))

    def _class(self) -> _Chars:
        negated = self._next() == "^"
        self._at += negated
        ranges: list[_Range] = []
        while (low := self._take()) != "]" or not ranges:
            if low == "\\":
                escaped = self._escaped()
                if escaped.negated:
                    raise self._wrong("capitals like \\D are not possible within [ ]")
                ranges += escaped.ranges
                if len(escaped.ranges) > 1 or escaped.ranges[0][0] != escaped.ranges[0][1]:
                    continue
                low = ranges.pop()[0]
            high = low
            if self._next() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._take()
                if high == "\\":
                    high = self._escaped().ranges[0][0]
            if high < low:
                raise self._wrong(f"{low}-{high} is no range")
            ranges.append((low, high))
        return _Chars(tuple(ranges), negated)

    def _next(self) -> str:
        return self._text[self._at] if self._at < self._until else ""

    def _take(self) -> str:
        char = self._next()
        if not char:
            raise self._wrong("it ends too early")
        self._at += 1
        return char

    def _wrong(self, why: str) -> GuestwireError:
        return _wrong(self._text, why)


def _wrong(text: str, why: str) -> GuestwireError:
    return GuestwireError("INVALID-BODY", f"{text[:80]!r} is no pattern: {why}.", field="selector")
