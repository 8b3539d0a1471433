"""Who may write and read which topics, from the topic table, as a mosquitto access list (mosquitto.conf(5), acl_file).

%u is the user's name: the common name of the client's certificate, which is the host's id or the client's. Everything
that is not granted is denied.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from guestwire.model.errors import GuestwireError
from guestwire.protocol.topics import BY_NAME, PREFIX, TOPICS
from guestwire.protocol.trust import Signer, Trust

Access = Literal["read", "write"]
Role = Literal["host", "controller", "operator", "observer"]
Rule = tuple[Access, str]

USER = "%u"
EVERY = ("*",)
"""The hosts of a grant, as a scope has them: every host."""
_READABLE = ("presence", "capabilities", "reported", "notice")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user of the broker is. `hosts`: those that an operator, observer or controller has to do with."""

    role: Role
    hosts: tuple[str, ...] = EVERY


def topic_pattern(kind: str, known: Mapping[str, str]) -> str:
    """The topic filter of a kind with some levels given; `%u` may be one of them."""
    levels = (known.get(level[1:-1], "+") if level.startswith("{") else level for level in BY_NAME[kind].levels)
    return "/".join((*PREFIX, *levels))


def rules(role: Role, *, site: str = "+", hosts: tuple[str, ...] = EVERY) -> tuple[Rule, ...]:
    """What a role may do under its own name, in a site, with some of its hosts. A host has to do with itself."""
    levels = ("+",) if "*" in hosts else hosts
    return tuple(dict.fromkeys(rule for host in levels for rule in _RULES[role]({"site": site}, host)))


def users_of(trust: Trust, now_ms: int) -> dict[str, Grant]:
    """The users of a site's broker: everybody who has a key that is neither revoked nor over, hosts that enrolled too.

    Raises CONFIG-INVALID where two principals have one name, for a broker cannot tell them apart.
    """
    kinds: dict[str, str] = {}
    users: dict[str, Grant] = {}
    for signer in trust.signers:
        kind, _, name = signer.principal.partition(":")
        if kind == "local" or signer.not_after <= now_ms:
            continue
        if kinds.setdefault(name, kind) != kind:
            raise GuestwireError(
                "CONFIG-INVALID", f"{kinds[name]}:{name} and {kind}:{name} would be one user of the broker: revoke one."
            )
        grant = Grant(_role(kind, signer), EVERY if kind == "host" else signer.scope.hosts)
        users[name] = grant if name not in users else _wider(users[name], grant)
    return users


def _role(kind: str, signer: Signer) -> Role:
    if kind == "host":
        return "host"
    if kind == "observer" or signer.role == "observer":
        return "observer"
    return "controller" if kind == "controller" else "operator"


def _wider(one: Grant, other: Grant) -> Grant:
    """Of somebody who has two keys, as while one follows the other."""
    role = other.role if one.role == "observer" else one.role
    return Grant(role, tuple(dict.fromkeys(one.hosts + other.hosts)))


def _host(site: Mapping[str, str], _host: str) -> Iterator[Rule]:
    own = {**site, "host": USER}
    for kind in TOPICS:
        match kind.direction:
            case "from-host":
                yield "write", topic_pattern(kind.name, own)
            case "to-host":
                yield "read", topic_pattern(kind.name, own)
            case "both":
                yield "write", topic_pattern(kind.name, own | {"way": "up"})
                yield "read", topic_pattern(kind.name, own | {"way": "down"})
            case "from-controller":
                yield "read", topic_pattern(kind.name, site)
    yield "read", topic_pattern("presence", own)


def _asking(site: Mapping[str, str], host: str) -> Iterator[Rule]:
    there = {**site, "host": host}
    yield "write", topic_pattern("request", {**there, "client": USER})
    yield "read", topic_pattern("response", {**there, "client": USER})
    yield "write", topic_pattern("stream", {**there, "way": "down"})


def _looking(site: Mapping[str, str], host: str) -> Iterator[Rule]:
    for kind in _READABLE:
        yield "read", topic_pattern(kind, {**site, "host": host})


def _operator(site: Mapping[str, str], host: str) -> Iterator[Rule]:
    yield from _asking(site, host)
    yield from _looking(site, host)
    yield "read", topic_pattern("stream", {**site, "host": host, "way": "up"})


def _controller(site: Mapping[str, str], host: str) -> Iterator[Rule]:
    yield from _asking(site, host)
    yield "write", topic_pattern("controller-presence", {**site, "controller": USER})
    yield "read", "/".join((*PREFIX, site["site"], "host", *(() if host == "+" else (host,)), "#"))
    yield "read", topic_pattern("controller-presence", site)


_RULES = {"host": _host, "operator": _operator, "controller": _controller, "observer": _looking}

_HEAD = """\
# The access list of a Guestwire site for mosquitto: acl_file in mosquitto.conf, with use_identity_as_username.
# %u is the common name of the client's certificate: the host's id, or the client's. What is not granted is denied.
# mosquitto warns of patterns without %u or %c when it starts: those are what everybody may do, and meant so.
"""


_NAMED = """\
# The access list of a Guestwire site for mosquitto: acl_file in mosquitto.conf, with use_identity_as_username.
# A user is the common name of a client's certificate. Who is not named here, and what is not granted, is denied.
"""


def access_list(users: Mapping[str, Grant] | None = None, site: str = "+") -> str:
    """The file. With `users`, each has exactly what its role may do. Without, the one file for every site: everybody
    may be a host and an operator under his own name, which plain patterns can tell apart no further."""
    if users is not None:
        return _NAMED + "".join("\n" + _section(user, grant, site) for user, grant in sorted(users.items()))
    lines = [_HEAD]
    lines.append("# Every user under his own name: as a host ...")
    lines += [_pattern(rule) for rule in rules("host")]
    lines.append("\n# ... and as a client of hosts.")
    lines += [_pattern(rule) for rule in rules("operator") if rule not in rules("host")]
    lines.append("\n# A controller reads everything of the hosts: name it here, without the leading #.")
    lines += [f"#{line}" for line in _section("controller", Grant("controller"), "+").splitlines()]
    return "\n".join(lines) + "\n"


def _pattern(rule: Rule) -> str:
    return f"pattern {rule[0]} {rule[1]}"


def _section(user: str, grant: Grant, site: str) -> str:
    granted = rules(grant.role, site=site, hosts=grant.hosts)
    lines = [f"topic {access} {pattern.replace(USER, user)}" for access, pattern in granted]
    return "\n".join([f"user {user}", *lines]) + "\n"
