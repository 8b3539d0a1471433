"""One look at a host and a document: what is there, what is wanted, the plan, and what hypervisors will be given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guestwire.agent.services.configuration.active import Active
from guestwire.agent.services.configuration.facts import FactsReader
from guestwire.agent.services.configuration.plan_issues import Options, plan_issues
from guestwire.agent.services.configuration.ports import Folders, Power
from guestwire.agent.services.configuration.steps import Place, Step, Transition, steps
from guestwire.model.allocation import allocate
from guestwire.model.desired import Desired, canonical_text, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import Facts
from guestwire.model.guest import Guest
from guestwire.model.issues import Issue, in_order
from guestwire.model.pinning import Pinning, host_cpus, pinning
from guestwire.model.plan import Plan, PlanItem
from guestwire.model.planning import Circumstances, diff, plan_id
from guestwire.model.resolving import observed, resolve
from guestwire.model.rules.table import CONFIRMABLE, validate
from guestwire.model.settling import settle
from guestwire.model.topology import Topology


@dataclass(frozen=True, slots=True)
class Prepared:
    """`current` is the active document as the host has it now, `target` the wanted one with nothing left open."""

    active: Desired
    current: Desired
    target: Desired
    facts: Facts
    plan: Plan
    options: Options
    before: Mapping[str, Place]
    after: Mapping[str, Place]

    def errors(self, *, confirmed: bool) -> tuple[Issue, ...]:
        """What keeps it from being applied; `confirmed`: it will be undone unless somebody confirms it."""
        return tuple(
            issue
            for issue in self.plan.issues
            if issue.severity == "E" and not (confirmed and issue.code in CONFIRMABLE)
        )

    def forgotten(self) -> tuple[str, ...]:
        """The guests that go, and disks of theirs with them, by uuid: their UEFI variables and TPM go as well."""
        kept = {guest.uuid for guest in self.target.guests}
        removed = set(self.options.remove_disks)
        return tuple(
            guest.uuid or ""
            for guest in self.current.guests
            if guest.uuid not in kept and removed & {disk.path for disk in guest.disks}
        )

    def steps(self) -> tuple[Step, ...]:
        assert self.facts.running is not None
        assert self.facts.files is not None
        return steps(
            Transition(
                self.current, self.target, self.before, self.after, self.facts.running, self.options.restart,
                self.options.remove_disks, self.facts.files,
            )
        )  # fmt: skip


class Preparer:
    """Prepares. `version` is the agent's: another version may plan otherwise."""

    def __init__(
        self, *, host: str, version: str, active: Active, facts: FactsReader, folders: Folders, power: Power
    ) -> None:
        self._host = host
        self._version = version
        self._active = active
        self._facts = facts
        self._folders = folders
        self._power = power

    async def current(self) -> tuple[Desired, Desired]:
        """The active document, and the same as the host has it now."""
        active = await self._active.desired()
        resolved = {guest.uuid or "": self._resolved(guest, active) for guest in active.guests}
        return active, observed(active, dict(self._power.known()), resolved)

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
            or known.get(uuid) != self._resolved(after[uuid], target)
        )

    def _settled(self, desired: Desired, active: Desired) -> Desired:
        root = self._facts.disk_roots[0] if self._facts.disk_roots else None
        desired = desired.model_copy(update={"base_revision": None})
        return settle(desired, active, host=self._host, disk_root=root, revision=self._active.number)

    async def prepare(self, desired: Desired, options: Options) -> Prepared:
        """Look, settle, validate, plan."""
        active, current = await self.current()
        target = self._settled(desired, active)
        facts = await self._facts.read(target, active)
        assert facts.topology is not None
        target = allocate(target, facts.topology)
        untouched = {guest.uuid for guest in current.guests if guest in active.guests}
        drifted = frozenset(guest.uuid or "" for guest in active.guests if guest.uuid not in untouched)
        under = Circumstances(
            running=facts.running or frozenset(),
            restart=options.restart,
            static_rt_memory=self._facts.simulated,
            changed_behind=drifted,
        )
        items = (*diff(current, target, under), *_removals(options.remove_disks))
        verdict = validate(target, facts, include_disabled=options.include_disabled)
        issues = in_order((*verdict.issues, *plan_issues(current, target, facts, options)))
        surroundings = (
            facts.topology.fingerprint,
            "" if facts.capabilities is None else canonical_text(facts.capabilities),
            self._version,
        )
        plan = Plan(
            host=self._host,
            base_revision=self._active.number,
            target_hash=content_hash(target),
            plan_id=plan_id(
                current, self._active.number, target, surroundings,
                (options.restart, options.include_disabled, sorted(options.remove_disks)),
            ),
            items=items,
            issues=issues,
            not_checked=verdict.not_checked,
            requires_reboot=any(item.effect == "host_reboot" for item in items),
            risk=max((item.risk for item in items), default=0),
            destructive=options.remove_disks,
            confirm=any(issue.code in CONFIRMABLE for issue in issues),
        )  # fmt: skip
        before = {
            g.uuid or "": Place(self._given(g, active), self._pins(g, active, facts.topology)) for g in current.guests
        }
        after = {
            g.uuid or "": Place(self._resolved(g, target), self._pins(g, target, facts.topology)) for g in target.guests
        }
        return Prepared(active, current, target, facts, plan, options, before, after)

    def _resolved(self, guest: Guest, desired: Desired) -> Guest:
        extra = self._folders.user_overrides(guest.id) if guest.id is not None else ()
        return resolve(guest, desired.images, extra)

    def _given(self, guest: Guest, active: Desired) -> Guest:
        """What the hypervisor has for a guest."""
        return self._power.known().get(guest.uuid or "") or self._resolved(guest, active)

    def _pins(self, guest: Guest, desired: Desired, topology: Topology) -> Pinning | None:
        try:
            left = host_cpus(desired.guests, topology, desired.host_cpuset)
            return pinning(guest, topology, desired.policy.profile, left)
        except GuestwireError:  # a rule says so
            return None


def _shared(desired: Desired) -> tuple[object, ...]:
    """What decides over guests besides their own part: images, and whatever moves the CPUs that are the host's."""
    rt = sorted((guest.uuid or "", guest.cpuset or "") for guest in desired.guests if guest.kind == "rt")
    return (desired.images, desired.templates, desired.host_cpuset, desired.policy.profile, rt)


def _removals(paths: Sequence[str]) -> tuple[PlanItem, ...]:
    return tuple(PlanItem(op="delete", object=f"disks.{path}", before=f'"{path}"', risk=3) for path in paths)
