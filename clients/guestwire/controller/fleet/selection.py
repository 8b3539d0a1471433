"""Which hosts are meant: one small language for lists, groups and targets. Text to tree and back; pure.

    site=plant label.line=3 state=online driver=libvirt agent<0.2 guest=rtlinux "free text"

Terms beside each other must all hold (`and` says the same), `or` and `not` and parentheses do as expected. What a term is
compared with is in `FIELDS`; what is not known of a host compares with nothing; a word without an operator is searched for in all that is known of a host. `=` takes * for any
characters, unless the value is in quotes. How a tree is asked of a database is `store.host_queries`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from guestwire.model.errors import GuestwireError

LONGEST: Final = 2000
MOST_TERMS: Final = 64
DEEPEST: Final = 16
LONGEST_VALUE: Final = 200
LABEL: Final = "label."

Op = Literal["=", "!=", "<", "<=", ">", ">=", "has"]
Kind = Literal["text", "number", "natural", "flag", "set", "age", "group"]
_OPS: Mapping[Kind, tuple[Op, ...]] = {
    "text": ("=", "!=", "has"),
    "number": ("=", "!=", "<", "<=", ">", ">="),
    "natural": ("=", "!=", "<", "<=", ">", ">=", "has"),
    "flag": ("=", "!="),
    "set": ("=", "!=", "has"),
    "age": ("<", "<=", ">", ">="),
    "group": ("=", "!="),
}


class Field(NamedTuple):
    """A row of the table. `values`: all that there are, where they are few."""

    name: str
    kind: Kind
    meaning: str
    values: tuple[str, ...] = ()


FIELDS: tuple[Field, ...] = (
    Field("site", "text", "The site."),
    Field("host", "text", "The host's id."),
    Field("label", "text", "What people call the host."),
    Field("state", "text", "Whether it is there.", ("online", "suspect", "offline", "flapping", "unknown")),
    Field("approval", "text", "Whether somebody let it in.", ("pending", "approved", "rejected")),
    Field("listed", "flag", "Whether the site's trust document knows it."),
    Field("agent", "natural", "The version of its agent."),
    Field("driver", "text", "libvirt or simulated."),
    Field("hostname", "text", "What its operating system calls it."),
    Field("kernel", "natural", "The version of its kernel."),
    Field("machine", "text", "Its architecture, as uname says it."),
    Field("clock", "text", "Its clock.", ("synchronised", "unsynchronised", "unknown")),
    Field("cpus", "number", "How many CPUs it has."),
    Field("memory", "number", "How much memory it has, MiB."),
    Field("guests", "number", "How many guests it has."),
    Field("running", "number", "How many of them run."),
    Field("sync", "text", "Whether it is as it was configured: in_sync, drifted, applying, ..., unknown."),
    Field("revision", "number", "The revision of its active configuration."),
    Field("drift", "number", "How many changes it has that its configuration has not."),
    Field("reboot", "flag", "Whether it must be rebooted."),
    Field("last.clock", "text", "Its clock when it last told of it.", ("synchronised", "unsynchronised", "unknown")),
    Field("last.running", "number", "How many guests ran when it last told of it."),
    Field("last.sync", "text", "Whether it was as it was configured when it last told of it."),
    Field("last.drift", "number", "How many changes it had then that its configuration had not."),
    Field("last.reboot", "flag", "Whether it had to be rebooted then."),
    Field("guest", "set", "A guest of it, by name or GUESTnnnn."),
    Field("feature", "set", "What it can do: kvm, iommu, resctrl, rt_kernel, cgroup-v2, driver-libvirt, ..."),
    Field("silent", "age", "For how long nothing was heard of it: 90s, 15m, 12h, 7d."),
    Field("group", "group", "In that group."),
)
"""`label.NAME`, a label of the host, is ordered as people order texts with numbers in them. How a host does is unknown while it
is not there to tell (`views`); `last.NAME` is what it told last."""

BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
_FLAGS: Mapping[str, str] = {"yes": "yes", "true": "yes", "1": "yes", "no": "no", "false": "no", "0": "no"}
_UNITS: Mapping[str, int] = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True)
class Text:
    """All that is known of a host holds this, whatever the case."""

    value: str


@dataclass(frozen=True, slots=True)
class Term:
    """A field, or a label (`label.NAME`), compared with a value. `literal`: its * are no wildcards."""

    field: str
    op: Op
    value: str
    literal: bool = False

    @property
    def kind(self) -> Kind:
        return "natural" if self.field.startswith(LABEL) else BY_NAME[self.field].kind

    @property
    def milliseconds(self) -> int:
        """An age."""
        return int(self.value[:-1]) * _UNITS[self.value[-1]]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Selection"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; of no part: every host."""

    parts: "tuple[Selection, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part holds, at least."""

    parts: "tuple[Selection, ...]"


Selection = Text | Term | Not | AllOf | AnyOf
EVERY: Final = AllOf(())


def parse(text: str) -> Selection:
    """The selection that somebody wrote; an empty text is every host. Raises SELECTION-INVALID, which says where."""
    if len(text) > LONGEST:
        raise _wrong(f"It is longer than {LONGEST} characters.", LONGEST)
    return _Parser(text).whole()


def written(selection: Selection) -> str:
    """A text for it, which parses to the same."""
    return _written(selection, inside=False)


def terms(selection: Selection) -> Iterator[Term]:
    """Every comparison in it."""
    match selection:
        case Term():
            yield selection
        case Not(part):
            yield from terms(part)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from terms(part)
        case Text():
            return


_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<mark>[()])|(?P<op>!=|<=|>=|=|<|>)|(?P<word>[^\s()"=!<>]+))""", re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_AGE = re.compile(r"[0-9]{1,9}[smhd]")
_NUMBER = re.compile(r"-?[0-9]{1,15}")
_LABEL_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
_KEYWORDS = ("and", "or", "not", "has")


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def _wrong(why: str, at: int) -> GuestwireError:
    return GuestwireError("SELECTION-INVALID", why, field="q", detail={"position": at})


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(f"At character {at + 1}: a quotation mark is missing, or a character means nothing here.", at)
        kind = match.lastgroup or ""
        token = match[kind]
        if kind == "mark" or (kind == "word" and token.lower() in _KEYWORDS):
            kind = token.lower()
        if kind == "quoted":
            token = _ESCAPED.sub(r"\1", token[1:-1])
        found.append(_Token(kind, token, match.start(match.lastgroup or 0)))
        at = match.end()
    return found


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._end = len(text)
        self._at = 0
        self._terms = 0

    def whole(self) -> Selection:
        if not self._tokens:
            return EVERY
        found = self._any(0)
        if self._at < len(self._tokens):
            raise self._unexpected()
        return found

    def _any(self, depth: int) -> Selection:
        if depth > DEEPEST:
            raise _wrong(f"It is nested deeper than {DEEPEST}.", self._here.at)
        parts = [self._all(depth)]
        while self._take("or"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self, depth: int) -> Selection:
        parts = [self._one(depth)]
        while self._here.kind in ("word", "quoted", "not", "and", "("):
            self._take("and")
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self, depth: int) -> Selection:
        if self._take("not"):
            return Not(self._one(depth + 1)) if depth < DEEPEST else self._any(depth + 1)
        token = self._here
        if self._take("("):
            found = self._any(depth + 1)
            if not self._take(")"):
                raise _wrong("A closing parenthesis is missing.", self._here.at)
            return found
        if token.kind not in ("word", "quoted"):
            raise self._unexpected()
        self._at += 1
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise _wrong(f"It has more than {MOST_TERMS} terms.", token.at)
        if self._here.kind == "op" or (self._here.kind == "has" and token.kind == "word"):
            return self._term(token)
        return Text(_value(token))

    def _term(self, named: _Token) -> Term:
        op = self._here
        self._at += 1
        value = self._here
        if value.kind not in ("word", "quoted", *_KEYWORDS):
            raise _wrong(f"{named.text[:40]} {op.text}: a value is missing.", value.at)
        self._at += 1
        return _checked(named, op, value)

    @property
    def _here(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _Token("end", "", self._end)

    def _take(self, kind: str) -> bool:
        taken = self._here.kind == kind
        self._at += taken
        return taken

    def _unexpected(self) -> GuestwireError:
        token = self._here
        what = "the end" if token.kind == "end" else repr(token.text[:40])
        return _wrong(f"At character {token.at + 1}: {what} was not expected here.", token.at)


def _checked(named: _Token, op: _Token, value: _Token) -> Term:
    """A comparison that means something. Raises SELECTION-INVALID."""
    name, compared = named.text, op.kind if op.kind == "has" else op.text
    if name.startswith(LABEL):
        kind: Kind = "natural"
        if not _LABEL_NAME.fullmatch(name.removeprefix(LABEL)):
            raise _wrong(f"{name[:80]} is no label's name: small letters, digits, and . _ - between them.", named.at)
    elif name in BY_NAME:
        kind = BY_NAME[name].kind
    else:
        raise _wrong(f"{name[:40]} is no field: {', '.join(BY_NAME)}, {LABEL}NAME.", named.at)
    if compared not in _OPS[kind]:
        raise _wrong(f"{name} takes {' '.join(_OPS[kind])}, not {compared}.", op.at)
    text = _value(value)
    if kind == "number" and not _NUMBER.fullmatch(text):
        raise _wrong(f"{name} is compared with a number, not {text[:40]!r}.", value.at)
    if kind == "age" and not _AGE.fullmatch(text):
        raise _wrong(f"{name} is compared with a time such as 90s, 15m, 12h or 7d, not {text[:40]!r}.", value.at)
    if kind == "flag":
        if text.lower() not in _FLAGS:
            raise _wrong(f"{name} is yes or no, not {text[:40]!r}.", value.at)
        text = _FLAGS[text.lower()]
    known = BY_NAME[name].values if name in BY_NAME else ()
    if known and compared != "has" and text not in known:
        raise _wrong(f"{name} is one of {', '.join(known)}, not {text[:40]!r}.", value.at)
    literal = value.kind == "quoted" and "*" in text
    return Term(name, compared, text, literal)


def _value(token: _Token) -> str:
    """What is compared or searched: what a database can hold, and not too long."""
    if len(token.text) > LONGEST_VALUE:
        raise _wrong(f"A value is longer than {LONGEST_VALUE} characters.", token.at)
    if "\0" in token.text or any("\ud800" <= letter <= "\udfff" for letter in token.text):
        raise _wrong("A value holds a character that no text has.", token.at)
    return token.text


def _written(selection: Selection, *, inside: bool) -> str:
    match selection:
        case Text(value):
            return _word(value, quoted=True)
        case Term(field, op, value, literal):
            between = " has " if op == "has" else op
            return f"{field}{between}{_word(value, quoted=literal)}"
        case Not(part):
            return f"not {_written(part, inside=True)}"
        case AllOf(parts):
            text = " ".join(_written(part, inside=True) for part in parts)
        case AnyOf(parts):
            text = " or ".join(_written(part, inside=True) for part in parts)
    return f"({text})" if inside else text


def _word(value: str, *, quoted: bool) -> str:
    plain = re.fullmatch(r"""[^\s()"=!<>]+""", value) and value.lower() not in _KEYWORDS
    if plain and not quoted:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
