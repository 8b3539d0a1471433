"""The names in a PromQL expression, so that a test can tell whether they exist. Whether it is one, Prometheus says."""

import re
from dataclasses import dataclass, field

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_MATCHERS = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*\{([^{}]*)\}")
_LABELS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_NAME = re.compile(r"(?<![a-zA-Z0-9_:.])[a-zA-Z_:][a-zA-Z0-9_:]*")
_WORDS = frozenset(
    {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "inf", "nan", "start", "end"}
)


@dataclass
class Names:
    """`metrics`: with the labels that are asked of each by matchers. `labels`: all that are named anywhere."""

    metrics: dict[str, set[str]] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)


def names_in(expression: str) -> Names:
    found = Names()
    rest = _STRING.sub('""', expression)
    for metric, matchers in _MATCHERS.findall(rest):
        labels = set(re.findall(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)", matchers))
        found.labels |= labels
        if metric:
            found.metrics.setdefault(metric, set()).update(labels)
    rest = re.sub(r"\{[^{}]*\}", " ", rest)
    for _, labels in _LABELS.findall(rest):
        found.labels |= set(re.findall(r"\w+", labels))
    rest = re.sub(r"\[[^\]]*\]", " ", _LABELS.sub(" ", rest))
    for match in _NAME.finditer(rest):
        if match[0].lower() not in _WORDS and not re.match(r"\s*\(", rest[match.end() :]):
            found.metrics.setdefault(match[0], set())
    return found
