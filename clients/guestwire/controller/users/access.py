"""Whether somebody may do something to a host, and what they may see. Decides only; who is in a group it is told.

A person may do what one of their bindings gives; a token takes away whatever it was not made for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from guestwire.controller.host_ref import HostRef
from guestwire.controller.users.actions import ACTIONS
from guestwire.controller.users.person import EVERYWHERE, Binding, Person, host_of, reaches
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.roles import scope_of

LONGEST_SHOWN = 100


class GroupMembers(Protocol):
    """Who is in a group now; a group that is not there has no members."""

    def members(self, name: str) -> frozenset[HostRef]: ...


class NoGroups:
    """Where there are no groups."""

    def members(self, name: str) -> frozenset[HostRef]:
        del name
        return frozenset()


@dataclass(frozen=True, slots=True)
class Visibility:
    """The hosts that somebody may see (or act on): all, those of some sites, and some by name. Groups are hosts by name
    here already."""

    all: bool = False
    sites: frozenset[str] = frozenset()
    hosts: frozenset[HostRef] = frozenset()

    @property
    def nothing(self) -> bool:
        return not (self.all or self.sites or self.hosts)

    def sees(self, host: HostRef) -> bool:
        return self.all or host.site in self.sites or host in self.hosts

    def sees_all(self, hosts: Iterable[HostRef]) -> bool:
        return self.all or all(self.sees(host) for host in hosts)

    def sees_any(self, hosts: Iterable[HostRef]) -> bool:
        return self.all or any(self.sees(host) for host in hosts)

    def within(self, other: "Visibility") -> "Visibility":
        """What is in both."""
        if self.all:
            return other
        if other.all:
            return self
        hosts = {host for host in self.hosts if other.sees(host)} | {host for host in other.hosts if self.sees(host)}
        return Visibility(sites=self.sites & other.sites, hosts=frozenset(hosts))


class Access:
    """Who may do what."""

    def __init__(self, groups: GroupMembers) -> None:
        self._groups = groups

    def require(self, person: Person, action: str, target: HostRef | None = None, *, risk: int | None = None) -> None:
        """Raises DENIED unless the person may. `action`: the name of an operation, or a row of ACTIONS. `target` None: it is
        about no host; then the role must be on everything, unless the action says that anywhere is enough. `risk`: the class
        of an operation where its content decides that, as a plan does."""
        if not self.may(person, action, target, risk=risk):
            about = "" if target is None else f" on {target}"
            text = f"{person.name} may not do {action[:LONGEST_SHOWN]}{about}: an admin gives roles."
            detail = {"action": action[:LONGEST_SHOWN], "target": "" if target is None else str(target)}
            raise GuestwireError("DENIED", text, detail=detail)

    def may(self, person: Person, action: str, target: HostRef | None = None, *, risk: int | None = None) -> bool:
        """Whether the person may: see `require`."""
        row = ACTIONS.get(action)
        if target is not None:
            return all(
                any(_gives(one, action, risk) and self._covers(one, target) for one in granted)
                for granted in _limits(person)
            )
        if row is not None and row.anywhere:
            return not self.visible(person, action).nothing
        return all(
            any(one.scope == EVERYWHERE and _gives(one, action, risk) for one in granted) for granted in _limits(person)
        )

    def require_site(self, person: Person, action: str, site: str) -> None:
        """Raises DENIED unless the person may do that to a whole site."""
        visible = self.visible(person, action)
        if not visible.all and site not in visible.sites:
            text = f"{person.name} may not do {action[:LONGEST_SHOWN]} on the whole site {site}: an admin gives roles."
            raise GuestwireError("DENIED", text, detail={"action": action[:LONGEST_SHOWN], "target": f"site:{site}"})

    def visible(self, person: Person, action: str = "read") -> Visibility:
        """The hosts that the person may see, or do that action to."""
        first, *others = (
            self._hosts(one for one in granted if _gives(one, action, None)) for granted in _limits(person)
        )
        for other in others:
            first = first.within(other)
        return first

    def _covers(self, one: Binding, target: HostRef) -> bool:
        kind, _, name = one.scope.partition(":")
        match kind:
            case "*":
                return True
            case "site":
                return target.site == name
            case "host":
                return str(target) == name
            case _:
                return target in self._groups.members(name)

    def _hosts(self, granted: Iterable[Binding]) -> Visibility:
        sites: set[str] = set()
        hosts: set[HostRef] = set()
        for one in granted:
            kind, _, name = one.scope.partition(":")
            if kind == EVERYWHERE:
                return Visibility(all=True)
            if kind == "site":
                sites.add(name)
            elif (host := host_of(one.scope)) is not None:
                hosts.add(host)
            else:
                hosts |= self._groups.members(name)
        return Visibility(sites=frozenset(sites), hosts=frozenset(hosts))


def _limits(person: Person) -> tuple[tuple[Binding, ...], ...]:
    """Every set of bindings that must allow it: the person's, and that of the token they came with."""
    if person.token is None or person.token.bindings is None:
        return (person.bindings,)
    return (person.bindings, person.token.bindings)


def _gives(one: Binding, action: str, risk: int | None) -> bool:
    """Whether a role is enough for an action; nothing gives what nobody knows."""
    row = ACTIONS.get(action)
    if row is not None:
        return reaches(one.role, row.role)
    operation = BY_NAME.get(action)
    if operation is None:
        return False
    scope = scope_of(one.role)
    return scope.names(action, operation.risk) and max(operation.risk, risk or 0) <= scope.risk
