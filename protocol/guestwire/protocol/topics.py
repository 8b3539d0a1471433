"""The topic tree: formats and parses every topic, both ways. Nothing else in Guestwire contains a slash of a topic.

Fixed arity, at most 7 slashes, the wire's MAJOR version in the second level so that two majors can run side by side.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from guestwire.protocol.ids import is_slug

MAJOR = 1
PREFIX = ("gw", str(MAJOR))

Direction = Literal["to-host", "from-host", "both", "from-controller"]


@dataclass(frozen=True, slots=True)
class TopicKind:
    """A row of the topic table. A level in braces is a slug of the sender's or addressee's."""

    name: str
    levels: tuple[str, ...]
    direction: Direction
    qos: Literal[0, 1]
    retained: bool
    expiry_s: int | None
    meaning: str

    @property
    def pattern(self) -> str:
        return "/".join(PREFIX + self.levels)

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(level[1:-1] for level in self.levels if level.startswith("{"))


_HOST = ("{site}", "host", "{host}")

TOPICS: tuple[TopicKind, ...] = (
    TopicKind("request", (*_HOST, "request", "{client}", "{operation}"), "to-host", 1, False, None,
              "a request; {client} is the sender the broker authenticated; QoS 0 when the operation has no effect"),
    TopicKind("response", ("{site}", "client", "{client}", "response", "{host}"), "from-host", 1, False, None,
              "accepted, progress, final; QoS 0 when the operation has no effect"),
    TopicKind("presence", (*_HOST, "presence"), "from-host", 1, True, None, "heartbeat every 30 s; also the will"),
    TopicKind("capabilities", (*_HOST, "capabilities"), "from-host", 1, True, None,
              "operations with schema hashes, features, limits, versions, clock quality"),
    TopicKind("reported", (*_HOST, "reported"), "from-host", 1, True, None,
              "what the host is: revisions, state, live jobs and the last 32 finished"),
    TopicKind("notice", (*_HOST, "notice", "{class}"), "from-host", 1, False, 7 * 86400,
              "something happened: guest, comm, config, audit, alarm"),
    TopicKind("telemetry", (*_HOST, "telemetry", "{tier}"), "from-host", 0, False, None,
              "metric batches: fast, normal, slow"),
    TopicKind("stream", (*_HOST, "stream", "{sid}", "{way}"), "both", 0, False, 30,
              "console, tunnel, file, log and vnc frames; way is up or down"),
    TopicKind("controller-presence", ("{site}", "controller", "{controller}", "presence"), "from-controller", 1, True,
              None, "a controller's heartbeat and epoch"),
)  # fmt: skip

BY_NAME = {kind.name: kind for kind in TOPICS}
_BY_SHAPE: dict[tuple[str | None, ...], TopicKind] = {
    tuple(None if level.startswith("{") else level for level in kind.levels): kind for kind in TOPICS
}


class TopicError(ValueError):
    """A level is not a slug, or the text is no topic of ours."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A parsed topic: its kind and the values of its levels by name (`topic["host"]`)."""

    kind: str
    values: tuple[tuple[str, str], ...]

    def __getitem__(self, name: str) -> str:
        for key, value in self.values:
            if key == name:
                return value
        raise KeyError(name)


@lru_cache(maxsize=4096)
def make(kind: str, *values: str) -> str:
    """The topic of a kind, its braces filled in order. Raises TopicError when a value is not a slug."""
    row = BY_NAME[kind]
    if len(values) != len(row.fields):
        raise TopicError(f"{kind} takes {', '.join(row.fields)}")
    rest = iter(values)
    levels = [next(rest) if level.startswith("{") else level for level in row.levels]
    for value in values:
        if not is_slug(value):
            raise TopicError(f"{value!r} is not 1 to 36 of a-z 0-9 -")
    return "/".join(PREFIX + tuple(levels))


LONGEST = 320
"""Bytes no topic of ours reaches (8 levels of 36); longer ones are foreign, and are not kept."""


def parse(topic: str) -> Topic | None:
    """The topic behind a text; None when it is none of ours (another major is none of ours)."""
    return None if len(topic) > LONGEST else _parse(topic)


@lru_cache(maxsize=4096)
def _parse(topic: str) -> Topic | None:
    levels = tuple(topic.split("/"))
    if levels[:2] != PREFIX or len(levels) > 8:
        return None
    levels = levels[2:]
    for shape, row in _BY_SHAPE.items():
        if len(shape) == len(levels) and all(s is None or s == level for s, level in zip(shape, levels, strict=True)):
            variable = [level for s, level in zip(shape, levels, strict=True) if s is None]
            if not all(is_slug(value) for value in variable):
                return None
            return Topic(row.name, tuple(zip(row.fields, variable, strict=True)))
    return None


def topic_filter(kind: str, **known: str) -> str:
    """A subscription to every topic of a kind with the known levels fixed: `topic_filter("presence", site="plant")`."""
    row = BY_NAME[kind]
    levels = []
    for level in row.levels:
        value = known.get(level[1:-1]) if level.startswith("{") else level
        if value is not None and level.startswith("{") and not is_slug(value):
            raise TopicError(f"{value!r} is not 1 to 36 of a-z 0-9 -")
        levels.append("+" if value is None else value)
    return "/".join(PREFIX + tuple(levels))
