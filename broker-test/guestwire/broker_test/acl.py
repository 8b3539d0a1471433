"""Access lists in mosquitto's format (mosquitto.conf(5), acl_file): who may write and read which topics.

`topic` lines before any `user` line are for clients without a user name, those after it for that user, `pattern` lines
for everybody with %u and %c replaced. As in mosquitto a `deny` wins, nothing granted means denied, a subscription
itself is always granted and what may not be read is simply not delivered.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from guestwire.broker_test.errors import BrokerError
from guestwire.link.topic_filters import matches, valid_topic_filter

Access = Literal["read", "write"]

_REMEMBERED = 4096

_GRANTS: dict[str, frozenset[Access]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"write"}),
    "readwrite": frozenset({"read", "write"}),
    "deny": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line; an empty `grants` denies both."""

    topic_filter: str
    grants: frozenset[Access]


@dataclass(frozen=True, slots=True)
class AccessList:
    """A parsed file. `users` has the key None for clients without a user name."""

    users: dict[str | None, tuple[Rule, ...]] = field(default_factory=dict)
    patterns: tuple[Rule, ...] = ()

    def allows(self, access: Access, topic: str, user: str | None, client_id: str) -> bool:
        """Whether a client may read or write `topic`."""
        own = [x for x in self.users.get(user, ()) if matches(x.topic_filter, topic)]
        if any(not x.grants for x in own):
            return False
        if any(access in x.grants for x in own):
            return True
        if _unsafe(client_id) or (user is not None and _unsafe(user)):
            return False
        return any(access in x.grants and self._fits(x.topic_filter, topic, user, client_id) for x in self.patterns)

    @staticmethod
    def _fits(pattern: str, topic: str, user: str | None, client_id: str) -> bool:
        if "%u" in pattern and user is None:
            return False
        return matches(pattern.replace("%c", client_id).replace("%u", user or ""), topic)


class Permissions:
    """What one client may do, remembered per topic. No access list: everything."""

    def __init__(self, access: AccessList | None, user: str | None, client_id: str) -> None:
        self._access = access
        self._user = user
        self._client_id = client_id
        self._known: dict[tuple[Access, str], bool] = {}

    def may(self, access: Access, topic: str) -> bool:
        """Whether the client may read or write `topic`."""
        if self._access is None:
            return True
        key = (access, topic)
        answer = self._known.get(key)
        if answer is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            answer = self._known[key] = self._access.allows(access, topic, self._user, self._client_id)
        return answer


def _unsafe(name: str) -> bool:
    """A name with a wildcard would widen a pattern. (A slash is let through, as by mosquitto 2.0.)"""
    return any(x in name for x in "+#")


def parse_acl(lines: Iterable[str]) -> AccessList:
    """Parse the lines of an ACL file. Raises BrokerError(BROKER-START-FAILED) naming the bad line."""
    users: dict[str | None, list[Rule]] = {}
    patterns: list[Rule] = []
    user: str | None = None
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        word, _, rest = text.partition(" ")
        rest = rest.strip()
        if word == "user" and rest:
            user = rest
        elif word in ("topic", "pattern") and (rule := _rule(rest)):
            (patterns if word == "pattern" else users.setdefault(user, [])).append(rule)
        else:
            raise BrokerError("BROKER-START-FAILED", f"access list, line {number}: {text!r} is no rule")
    return AccessList({k: tuple(v) for k, v in users.items()}, tuple(patterns))


def _rule(text: str) -> Rule | None:
    word, _, rest = text.partition(" ")
    grants = _GRANTS.get(word)
    topic_filter = rest.strip() if grants is not None else text
    if not valid_topic_filter(topic_filter):
        return None
    return Rule(topic_filter, _GRANTS["readwrite"] if grants is None else grants)


def read_acl(path: Path) -> AccessList:
    """Parse an ACL file. Raises BrokerError(BROKER-START-FAILED)."""
    try:
        return parse_acl(path.read_text(encoding="utf-8").splitlines())
    except OSError as err:
        raise BrokerError("BROKER-START-FAILED", f"cannot read the access list: {err}") from err
