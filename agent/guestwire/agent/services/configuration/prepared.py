"""One look at a host and a document: what is there, what is wanted, the plan, and what hypervisors will be given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from guestwire.agent.services.configuration.active import Active
from guestwire.agent.services.configuration.facts import FactsReader
from guestwire.agent.services.configuration.options import Options
from guestwire.agent.services.configuration.plan_issues import misfits, mistaken, plan_issues, renumbered, unclear
from guestwire.agent.services.configuration.plan_items import anew, folders, missing, rewritten, unsaid
from guestwire.agent.services.configuration.ports import Folders, Power
from guestwire.agent.services.configuration.steps import (
    Step,
    Transition,
    disk_work,
    steps,
    template_files,
)
from guestwire.model.allocation import allocate
from guestwire.model.communication import communication_of
from guestwire.model.desired import Desired, canonical_text, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, Override
from guestwire.model.issues import Issue, in_order
from guestwire.model.network_names import bridge_name, bridges_of
from guestwire.model.pinning import Pinning, host_cpus, pack_pins, pinning
from guestwire.model.plan import Plan, PlanItem
from guestwire.model.planning import Circumstances, diff, plan_id
from guestwire.model.resolving import Place, observed, of_folder, resolve
from guestwire.model.rules.table import CONFIRMABLE, validate
from guestwire.model.settling import settle
from guestwire.model.topology import Topology

OVERRIDES_AT_MOST = 512
"""What a guest takes of its document and its folder together (`Guest.overrides`)."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """`current` is the active document as the host has it now, `target` the wanted one with nothing left open: the next
    active one. `after`: what the hypervisor is to have, by uuid. `steps` lead there."""

    active: Desired
    current: Desired
    target: Desired
    plan: Plan
    options: Options
    after: Mapping[str, Place]
    steps: tuple[Step, ...]

    def errors(self) -> tuple[Issue, ...]:
        """What keeps it from being applied, though somebody is going to confirm it."""
        return tuple(issue for issue in self.plan.issues if issue.severity == "E" and issue.code not in CONFIRMABLE)

    def forgotten(self) -> tuple[str, ...]:
        """The guests that go, and disks of theirs with them, by uuid: their UEFI variables and TPM go as well."""
        kept = {guest.uuid for guest in self.target.guests}
        removed = set(self.options.remove_disks)
        return tuple(
            guest.uuid or ""
            for guest in self.current.guests
            if guest.uuid not in kept and removed & {disk.path for disk in guest.disks}
        )


class Preparer:
    """Prepares. `version` is the agent's: another version may plan otherwise. `shares`: the host has communication
    services. They have what is active (`comm_keeper`)."""

    def __init__(
        self,
        *,
        host: str,
        version: str,
        active: Active,
        facts: FactsReader,
        folders: Folders,
        power: Power,
        shares: bool = False,
    ) -> None:
        self._host = host
        self._version = version
        self._active = active
        self._facts = facts
        self._folders = folders
        self._power = power
        self._shares = shares

    async def current(self) -> tuple[Desired, Desired]:
        """The active document, and the same as the host has it now."""
        active = await self._active.desired()
        return active, observed(active, self._power.known())

    def touched(self, desired: Desired) -> frozenset[str]:
        """The guests that an apply of the document may change, new ones too, by uuid; known without looking at the host."""
        active = self._active.peek()
        target = self._settled(desired, active)
        before = {guest.uuid or "": guest for guest in active.guests}
        after = {guest.uuid or "": guest for guest in target.guests}
        both = before.keys() | after.keys()
        if _shared(active) != _shared(target):
            return frozenset(both)
        known = self._power.known()
        return frozenset(
            uuid
            for uuid in both
            if uuid not in before
            or before[uuid] != after.get(uuid)
            or known.get(uuid) != self._resolved(after[uuid], target)[0]
        )

    def _settled(self, desired: Desired, active: Desired) -> Desired:
        root = self._facts.disk_roots[0] if self._facts.disk_roots else None
        desired = desired.model_copy(update={"base_revision": None})
        return settle(desired, active, host=self._host, disk_root=root, revision=self._active.number)

    async def prepare(self, desired: Desired, options: Options, named: str | None = None) -> Prepared:
        """Look, settle, validate, plan. `named`: the one guest, by uuid, that is made as the document says; the others stay
        as they are, and what drifted of them stays drift."""
        active, current = await self.current()
        target = self._settled(desired, active)
        modified = await self._facts.modified(target, active)
        facts = await self._facts.read(target, active, modified)
        assert facts.topology is not None
        assert facts.files is not None
        target = allocate(target, facts.topology)
        goal = target if named is None else _only(named, target, current)
        pins = _Pins(active, facts.topology)
        before = {g.uuid or "": _place(self._given(g, active), pins.of(g), active) for g in current.guests}
        after, mistakes = self._after(goal, target, before, facts.topology, named)
        running = facts.running or frozenset()
        gone = missing(active, current, target, named)
        edited = rewritten(modified, current, goal, named)
        change = Transition(
            current, goal, before, after, running, options.restart, options.remove_disks, facts.files, gone,
            None if named is None else (named,), tuple(edited),
            *((communication_of(one, self._host) if self._shares else None) for one in (active, goal)),
        )  # fmt: skip
        under = Circumstances(
            running=running,
            restart=options.restart,
            static_rt_memory=self._facts.simulated,
            changed_behind=_drifted(active, current),
        )
        items = diff(current, goal, under, before, after)
        items = (*items, *unsaid(disk_work(change), items), *anew(edited, goal), *folders(gone),
                 *_removals(options.remove_disks))  # fmt: skip
        verdict = validate(target, facts, include_disabled=options.include_disabled)
        issues = in_order(
            (*verdict.issues, *plan_issues(current, goal, facts, options), *mistakes,
             *misfits((guest for guest in goal.guests if named in (None, guest.uuid)), after),
             *renumbered(active, target), *unclear(active, target))
        )  # fmt: skip
        todo = steps(change)
        capabilities = "" if facts.capabilities is None else canonical_text(facts.capabilities)
        surroundings = (facts.topology.fingerprint, capabilities, self._version)
        plan = Plan(
            host=self._host,
            base_revision=self._active.number,
            target_hash=content_hash(target),
            plan_id=plan_id(
                current, self._active.number, target, surroundings,
                (options.restart, options.include_disabled, sorted(options.remove_disks)), _work(items, todo, change),
            ),
            items=items,
            issues=issues,
            more_issues=verdict.more,
            not_checked=verdict.not_checked,
            requires_reboot=any(item.effect == "host_reboot" for item in items),
            risk=max((item.risk for item in items), default=0),
            destructive=options.remove_disks,
            confirm=any(issue.code in CONFIRMABLE for issue in issues),
        )  # fmt: skip
        return Prepared(active, current, target, plan, options, after, todo)

    def _after(
        self, goal: Desired, target: Desired, before: Mapping[str, Place], topology: Topology, named: str | None
    ) -> tuple[dict[str, Place], list[Issue]]:
        """What the hypervisor is to have, by uuid, and the mistakes in folders. A guest that is not named gets new pins at
        most: the CPUs that are left move with the named one's."""
        places, mistakes = {}, []
        pins = _Pins(target, topology)
        for guest in goal.guests:
            uuid = guest.uuid or ""
            if named is not None and uuid != named:
                given = before[uuid].guest
            else:
                given, mistake = self._resolved(guest, target)
                mistakes += [] if mistake is None else [mistake]
            places[uuid] = _place(given, pins.of(guest), target)
        return places, mistakes

    def _resolved(self, guest: Guest, desired: Desired) -> tuple[Guest, Issue | None]:
        """What the hypervisor is to be given for a guest. A mistake in its folder leaves what it was given from there."""
        if guest.id is None:
            return resolve(guest, desired.images), None
        try:
            folder = self._folders.user_overrides(guest.id, template_files(desired, guest))
            together = len(guest.overrides) + len(folder)
            if together > OVERRIDES_AT_MOST:
                text = f"The document and the guest's folder have {together} overrides: at most {OVERRIDES_AT_MOST}."
                raise GuestwireError("DOCUMENT-INVALID", text)
        except GuestwireError as err:
            return resolve(guest, desired.images, self._from_folder(guest)), mistaken(guest, err)
        return resolve(guest, desired.images, folder), None

    def _from_folder(self, guest: Guest) -> tuple[Override, ...]:
        """The overrides that the hypervisor was given from the guest's folder."""
        old = next((one for one in self._active.peek().guests if one.uuid == guest.uuid), None)
        now = self._power.known().get(guest.uuid or "")
        return () if old is None or now is None else of_folder(old, now)

    def _given(self, guest: Guest, active: Desired) -> Guest:
        """What the hypervisor has for a guest."""
        return self._power.known().get(guest.uuid or "") or resolve(guest, active.images)


def _place(given: Guest, pins: Pinning | None, desired: Desired) -> Place:
    return Place(given, pins, bridges_of((nic.network for nic in given.nics), desired.networks))


class _Pins:
    """Where the guests of a document go on a machine."""

    def __init__(self, desired: Desired, topology: Topology) -> None:
        self._profile = desired.policy.profile
        self._topology = topology
        try:
            self._left: frozenset[int] | None = host_cpus(desired.guests, topology, desired.host_cpuset)
        except GuestwireError:  # a rule says so
            self._left = None

    def of(self, guest: Guest) -> Pinning | None:
        if self._left is None:
            return None
        try:
            return pinning(guest, self._topology, self._profile, self._left)
        except GuestwireError:  # a rule says so
            return None


def _shared(desired: Desired) -> tuple[object, ...]:
    """What decides over guests besides their own part: images, what they have devices for, the bridges of their cards, and
    whatever moves the CPUs that are the host's."""
    rt = sorted((guest.uuid or "", guest.cpuset or "") for guest in desired.guests if guest.kind == "rt")
    direct = [event for event in desired.events if event.delivery == "direct"]
    bridges = [(network.name, bridge_name(network)) for network in desired.networks]
    return (
        desired.images, desired.templates, desired.areas, direct, bridges, desired.host_cpuset, desired.policy.profile, rt,
    )  # fmt: skip


def _removals(paths: Sequence[str]) -> tuple[PlanItem, ...]:
    return tuple(PlanItem(op="delete", object=f"disks.{path}", before=f'"{path}"', risk=3) for path in paths)


def _only(named: str, target: Desired, current: Desired) -> Desired:
    """The target, with every guest but one as it is now."""
    now = {guest.uuid: guest for guest in current.guests}
    guests = (guest if guest.uuid == named else now.get(guest.uuid) for guest in target.guests)
    return target.model_copy(update={"guests": tuple(guest for guest in guests if guest is not None)})


def _drifted(active: Desired, current: Desired) -> frozenset[str]:
    """The guests that were changed behind our back, by uuid."""
    now = {guest.uuid: guest for guest in current.guests}
    return frozenset(guest.uuid or "" for guest in active.guests if now.get(guest.uuid) != guest)


def _work(items: Iterable[PlanItem], todo: Iterable[Step], change: Transition) -> Sequence[object]:
    """What is to be done, as plain values."""
    places = [
        (uuid, [_plain(place) for place in (change.before.get(uuid), change.after.get(uuid))])
        for uuid in sorted({*change.before, *change.after})
        if change.before.get(uuid) != change.after.get(uuid)
    ]
    return ([item.model_dump(mode="json") for item in items], [(one.kind, dict(one.args)) for one in todo], places)


def _plain(place: Place | None) -> object:
    return None if place is None else (canonical_text(place.guest), pack_pins(place.pins), place.bridges)
