"""Who may write and read which topics, from the topic table, as a mosquitto access list (mosquitto.conf(5), acl_file).

%u is the user's name: the common name of the client's certificate, which is the host's id or the client's. Everything
that is not granted is denied.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from guestwire.protocol.topics import BY_NAME, PREFIX, TOPICS

Access = Literal["read", "write"]
Role = Literal["host", "controller", "operator", "observer"]
Rule = tuple[Access, str]

USER = "%u"
_READABLE = ("presence", "capabilities", "reported", "notice")


def topic_pattern(kind: str, known: Mapping[str, str]) -> str:
    """The topic filter of a kind with some levels given; `%u` may be one of them."""
    levels = (known.get(level[1:-1], "+") if level.startswith("{") else level for level in BY_NAME[kind].levels)
    return "/".join((*PREFIX, *levels))


def rules(role: Role) -> tuple[Rule, ...]:
    """What a role may do under its own name."""
    return tuple(dict.fromkeys(_RULES[role]()))


def _host() -> Iterator[Rule]:
    for kind in TOPICS:
        own = {"host": USER}
        match kind.direction:
            case "from-host":
                yield "write", topic_pattern(kind.name, own)
            case "to-host":
                yield "read", topic_pattern(kind.name, own)
            case "both":
                yield "write", topic_pattern(kind.name, own | {"way": "up"})
                yield "read", topic_pattern(kind.name, own | {"way": "down"})
            case "from-controller":
                yield "read", topic_pattern(kind.name, {})
    yield "read", topic_pattern("presence", {"host": USER})


def _asking() -> Iterator[Rule]:
    yield "write", topic_pattern("request", {"client": USER})
    yield "read", topic_pattern("response", {"client": USER})
    yield "write", topic_pattern("stream", {"way": "down"})


def _looking() -> Iterator[Rule]:
    for kind in _READABLE:
        yield "read", topic_pattern(kind, {})


def _operator() -> Iterator[Rule]:
    yield from _asking()
    yield from _looking()
    yield "read", topic_pattern("stream", {"way": "up"})


def _controller() -> Iterator[Rule]:
    yield from _asking()
    yield "write", topic_pattern("controller-presence", {"controller": USER})
    yield "read", "/".join((*PREFIX, "+", "host", "#"))
    yield "read", topic_pattern("controller-presence", {})


_RULES = {"host": _host, "operator": _operator, "controller": _controller, "observer": _looking}

_HEAD = """\
# The access list of a Guestwire site for mosquitto: acl_file in mosquitto.conf, with use_identity_as_username.
# %u is the common name of the client's certificate: the host's id, or the client's. What is not granted is denied.
# mosquitto warns of patterns without %u or %c when it starts: those are what everybody may do, and meant so.
"""


def access_list(users: Mapping[str, Role] | None = None) -> str:
    """The file. With `users`, each has exactly what its role may do. Without, the one file for every site: everybody
    may be a host and an operator under his own name, which plain patterns can tell apart no further."""
    if users is not None:
        return _HEAD + "".join(_section(user, role) for user, role in users.items())
    lines = [_HEAD]
    lines.append("# Every user under his own name: as a host ...")
    lines += [_pattern(rule) for rule in rules("host")]
    lines.append("\n# ... and as a client of hosts.")
    lines += [_pattern(rule) for rule in rules("operator") if rule not in rules("host")]
    lines.append("\n# A controller reads everything of the hosts: name it here, without the leading #.")
    lines += [f"#{line}" for line in _section("controller", "controller").splitlines()]
    return "\n".join(lines) + "\n"


def _pattern(rule: Rule) -> str:
    return f"pattern {rule[0]} {rule[1]}"


def _section(user: str, role: Role) -> str:
    lines = [f"topic {access} {pattern.replace(USER, user)}" for access, pattern in rules(role)]
    return "\n".join([f"user {user}", *lines]) + "\n"
