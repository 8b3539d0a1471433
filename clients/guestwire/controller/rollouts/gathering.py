"""Which hosts a rollout is about, and which of them cannot take part, and why. Asks the database; changes nothing."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from guestwire.controller.fleet.selection import Selection
from guestwire.controller.host_ref import HostRef
from guestwire.controller.jobs.machine import Opening
from guestwire.controller.rollouts.making import Making
from guestwire.controller.rollouts.ports import Fleet, People, ProjectApplies, Selections, Windows
from guestwire.controller.rollouts.spec import MOST_HOSTS, ProjectPart, RolloutSpec
from guestwire.controller.rollouts.standing import Target
from guestwire.controller.store import host_queries, rollout_hosts
from guestwire.controller.store.database import Tx
from guestwire.controller.store.rollouts import Rollout
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.packing import PackingError, unpack

AT_ONCE = 200
SHOWN = 20
"""Hosts that an error names."""


class Gathering:
    """Finds the hosts of rollouts."""

    def __init__(
        self,
        selections: Selections,
        fleet: Fleet,
        windows: Windows,
        people: People,
        making: Making,
        projects: ProjectApplies,
    ) -> None:
        self._selections = selections
        self._fleet = fleet
        self._windows = windows
        self._people = people
        self._making = making
        self._projects = projects

    async def check(self, tx: Tx, person: Person, spec: RolloutSpec, now_ms: int, pin: str | None = None) -> None:
        """`pin`: here and below: what a rollout that was made applies of a project. Raises INVALID-BODY, SELECTION-INVALID, NOT-FOUND (a group, a project, a window, hosts), and DENIED for hosts that
        are named and to which the person may not do that."""
        self._making.check(spec)
        if spec.window is not None and self._windows.opening(spec.window, now_ms) == Opening(None):
            raise GuestwireError("NOT-FOUND", f"There is no window {spec.window}, or it never opens.", field="window")
        named = spec.targets.named
        if not named:
            self._selection(spec)
        denied = [host for host in named if not self._may(person, spec, host)]
        if denied:  # before anything tells whether they are there
            text = f"{person.name} may not do {spec.action} on {_list(denied)}: an admin gives roles."
            raise GuestwireError("DENIED", text, field="targets.hosts", detail={"action": spec.action})
        unknown = sorted(set(named) - await rollout_hosts.known(tx, named))
        if unknown:
            text = f"{_list(unknown)} {'is' if len(unknown) == 1 else 'are'} not known."
            raise GuestwireError("NOT-FOUND", text, field="targets.hosts")
        await self._parts(tx, spec, pin)

    async def abandoned(self, rollout: Rollout) -> bool:
        """Whether nobody answers for it any more: who started it may not log in, or their token was revoked."""
        return await self._people.person(rollout.person_id, rollout.token) is None

    async def pinned(self, tx: Tx, spec: RolloutSpec) -> str | None:
        """Pin what a new rollout applies of a project; None: it applies none. Raises NOT-FOUND."""
        if spec.project is None:
            return None
        pin = await self._projects.pin(tx, spec.project)
        if pin is None:
            raise _no_revision(spec.project)
        return pin

    async def matching(self, tx: Tx, spec: RolloutSpec, now_ms: int, pin: str | None = None) -> Sequence[HostRef]:
        """The hosts that are meant, in order. Raises INVALID-BODY where there are too many, SELECTION-INVALID, NOT-FOUND."""
        found: Sequence[HostRef] = sorted(spec.targets.named)
        if not found:
            found = await host_queries.refs(tx, self._selection(spec), now_ms)
            parts = await self._parts(tx, spec, pin)
            if parts is not None:
                found = [host for host in found if host in parts]
        if len(found) > MOST_HOSTS:
            text = f"These are {len(found)} hosts, and a rollout has at most {MOST_HOSTS}."
            raise GuestwireError("INVALID-BODY", text, field="targets")
        return found

    async def targets(
        self, tx: Tx, person: Person, spec: RolloutSpec, hosts: Sequence[HostRef], pin: str | None = None
    ) -> list[Target]:
        """These hosts as targets; those that cannot take part are skipped, with the reason. What the person may not even see is
        left out."""
        known = await rollout_hosts.known(tx, hosts)
        said = {} if spec.operation is None else await rollout_hosts.capabilities(tx, hosts)
        parts = await self._parts(tx, spec, pin)
        found = []
        for count, host in enumerate(hosts):
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)  # thousands of hosts take a while: others have their turn
            if not self._people.may(person, "read", host):
                continue
            why = self._obstacle(person, spec, host, known, parts, said.get(host))
            target = self._making.target(spec, host)
            found.append(target if why is None else Target(host, "skipped", ready=False, code=why[0], message=why[1]))
        return found

    def _obstacle(
        self,
        person: Person,
        spec: RolloutSpec,
        host: HostRef,
        known: Collection[HostRef],
        parts: Collection[HostRef] | None,
        capabilities: bytes | None,
    ) -> tuple[str, str] | None:
        """Why a host cannot take part, as code and text."""
        if host not in known:
            return "NOT-FOUND", "The host is not known any more."
        if not self._fleet.approved(host):
            return "HOST-NOT-APPROVED", "Nobody has approved the host."
        if not self._may(person, spec, host):
            return "DENIED", f"{person.name} may not do {spec.action} on it."
        if parts is not None and host not in parts:
            return "NOT-FOUND", "The project has no part for this host."
        if spec.operation is not None and not _offers(capabilities, spec.operation):
            return "UNIMPLEMENTED", f"The host does not know {spec.operation}: its agent is older, or made without it."
        return None

    def _may(self, person: Person, spec: RolloutSpec, host: HostRef) -> bool:
        return self._people.may(person, spec.action, host, risk=BY_NAME[spec.action].risk)

    def _selection(self, spec: RolloutSpec) -> Selection:
        text = spec.targets.selection
        return self._selections.expanded(f"group={spec.targets.group}" if text is None else text)

    async def _parts(self, tx: Tx, spec: RolloutSpec, pin: str | None) -> frozenset[HostRef] | None:
        """The hosts that a project has a part for; None: it is no project. Raises NOT-FOUND."""
        if spec.project is None:
            return None
        parts = await self._projects.hosts(tx, spec.project, pin)
        if parts is None:
            raise _no_revision(spec.project)
        return parts


def _no_revision(project: ProjectPart) -> GuestwireError:
    text = f"There is no revision {project.revision} of a project {project.name}."
    return GuestwireError("NOT-FOUND", text, field="project")


def _offers(capabilities: bytes | None, operation: str) -> bool:
    """Whether a host said that it has an operation; one that never said what it has may have it."""
    if capabilities is None:
        return True
    try:
        said = unpack(capabilities)
    except PackingError:
        return True
    operations = said.get("operations") if isinstance(said, Mapping) else None
    return not isinstance(operations, Mapping) or operation in operations


def _list(hosts: Sequence[HostRef]) -> str:
    more = f" and {len(hosts) - SHOWN} more" if len(hosts) > SHOWN else ""
    return ", ".join(str(host) for host in hosts[:SHOWN]) + more
