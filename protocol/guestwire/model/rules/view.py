"""What rules look at: the document, the facts, and what several rules need of both, computed once."""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from guestwire.model.cpuset import expand
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import Facts
from guestwire.model.guest import Guest
from guestwire.model.pinning import memory_nodes
from guestwire.model.policy import Policy
from guestwire.model.topology import Topology


class Conflict(NamedTuple):
    """An rt guest and somebody else (None: the host) on the same cores. `direct`: CPUs that both have; `siblings`: CPUs of
    the other that are not the rt guest's but siblings of them."""

    rt: Guest
    other: Guest | None
    direct: frozenset[int]
    siblings: frozenset[int]


class View:
    """One validation. Disabled guests are made and kept like all others: rules look at `everyone`. Those that ask whether
    guests fit the machine look at `guests`: the enabled ones, with `include_disabled` (`--all`) the others too."""

    def __init__(self, desired: Desired, facts: Facts, *, include_disabled: bool = False) -> None:
        self.desired = desired
        self.facts = facts
        self.guests: tuple[Guest, ...] = tuple(
            guest for guest in desired.guests if include_disabled or not guest.disabled
        )
        """The guests that the machine must have room for, in the document's order."""
        self._cpus: dict[int, frozenset[int] | GuestwireError | None] = {}
        self._memory_nodes: dict[int, frozenset[int]] = {}

    @property
    def everyone(self) -> tuple[Guest, ...]:
        """Every guest of the document."""
        return self.desired.guests

    @property
    def policy(self) -> Policy:
        return self.desired.policy

    @property
    def kvm_rt(self) -> bool:
        return self.policy.profile == "kvm-rt"

    @property
    def topology(self) -> Topology:
        """The machine; only for rules that need it."""
        assert self.facts.topology is not None
        return self.facts.topology

    @cached_property
    def rt(self) -> tuple[Guest, ...]:
        return tuple(guest for guest in self.guests if guest.kind == "rt")

    @cached_property
    def comm(self) -> tuple[Guest, ...]:
        """Guests of the kinds rt and gp_comm."""
        return tuple(guest for guest in self.guests if guest.kind != "gp")

    @cached_property
    def by_name(self) -> dict[str, Guest]:
        return {guest.name: guest for guest in self.desired.guests}

    @cached_property
    def others(self) -> tuple[Guest, ...]:
        """Guests of the kinds gp_comm and gp."""
        return tuple(guest for guest in self.guests if guest.kind != "rt")

    @cached_property
    def document(self) -> Desired:
        """The document with only the guests that there must be room for, as if all were enabled."""
        guests = (guest.model_copy(update={"disabled": False}) if guest.disabled else guest for guest in self.guests)
        return self.desired.model_copy(update={"guests": tuple(guests)})

    @cached_property
    def online(self) -> frozenset[int]:
        return self.topology.online()

    @cached_property
    def siblings(self) -> dict[int, frozenset[int]]:
        """The other CPUs of each CPU's core."""
        return {cpu.id: frozenset(cpu.siblings) for cpu in self.topology.cpus}

    @cached_property
    def node_of(self) -> dict[int, int]:
        return {cpu.id: cpu.node for cpu in self.topology.cpus}

    @cached_property
    def node_ids(self) -> frozenset[int]:
        return frozenset(self.node_of.values()).union(node.id for node in self.topology.nodes)

    @cached_property
    def host_cpus(self) -> frozenset[int] | None:
        """The CPUs that host_cpuset names; None where it names none, or nothing that this machine has."""
        found = self._host_expanded
        return found if isinstance(found, frozenset) else None

    @property
    def host_cpuset_error(self) -> GuestwireError | None:
        """Why host_cpuset means nothing on this machine."""
        found = self._host_expanded
        return found if isinstance(found, GuestwireError) else None

    @cached_property
    def rt_cpus(self) -> frozenset[int]:
        """The CPUs that rt guests own."""
        return frozenset[int]().union(*map(self.owned, self.rt))

    @cached_property
    def downed(self) -> frozenset[int]:
        """The CPUs that are offline because an rt guest owns their core: one of this document or of the active one. Linux
        forgets the core of a CPU that is offline: one of no known core counts when an active rt guest has it."""
        owned = self.rt_cpus if self.kvm_rt else frozenset[int]()
        down = frozenset[int]()
        active = self.facts.active
        if active is not None and active.policy.profile == "kvm-rt":
            forgotten = {cpu.id for cpu in self.topology.cpus if not cpu.online and cpu.core is None}
            for guest in active.guests:
                cpus = _expand(guest.cpuset, self.topology) if guest.kind == "rt" and not guest.disabled else None
                if isinstance(cpus, frozenset):
                    owned |= cpus | self.siblings_of(cpus)
                    down |= cpus & forgotten
        offline = owned - self.online
        return down.union(cpu for cpu in offline if not self.online.isdisjoint(self.siblings.get(cpu, ())))

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Every rt guest with every other guest and with the host where they meet; two rt guests once."""
        found = []
        own = [(guest, cpus, self.siblings_of(cpus)) for guest in self.rt if (cpus := self.cpus(guest))]
        for number, (rt, cpus, siblings) in enumerate(own):
            elsewhere: list[tuple[Guest | None, frozenset[int]]] = [(None, self._cpus_of_host)]
            elsewhere += [(other, theirs) for other, theirs, _ in own[number + 1 :]]
            elsewhere += [(other, self.cpus(other)) for other in self.others]
            found += [
                Conflict(rt, other, cpus & theirs, siblings & theirs)
                for other, theirs in elsewhere
                if not theirs.isdisjoint(cpus) or not theirs.isdisjoint(siblings)
            ]
        return tuple(found)

    def cpuset_error(self, guest: Guest) -> GuestwireError | None:
        """Why the guest's cpuset means nothing on this machine (CPUSET-SYNTAX, CPUSET-UNKNOWN)."""
        found = self._expanded(guest)
        return found if isinstance(found, GuestwireError) else None

    def cpus(self, guest: Guest) -> frozenset[int]:
        """The CPUs of the guest's cpuset; empty where it has none or it means nothing here."""
        found = self._expanded(guest)
        return found if isinstance(found, frozenset) else frozenset()

    def owned(self, guest: Guest) -> frozenset[int]:
        """The CPUs that nobody else may have: those of an rt guest, in profile kvm-rt with all their siblings."""
        if guest.kind != "rt":
            return frozenset()
        own = self.cpus(guest)
        return own | self.siblings_of(own) if self.kvm_rt else own

    def siblings_of(self, cpus: frozenset[int]) -> frozenset[int]:
        """The CPUs on the same cores that are not among them."""
        return frozenset[int]().union(*(self.siblings.get(cpu, ()) for cpu in cpus)) - cpus

    def cores(self, cpus: Iterable[int]) -> frozenset[int]:
        """The cores of some CPUs, each as its lowest CPU. A CPU that is offline and of no known core is left out."""
        return frozenset(
            min(cpu, *siblings) if (siblings := self.siblings.get(cpu)) else cpu
            for cpu in cpus
            if cpu in self.online or self.siblings.get(cpu)
        )

    def nodes(self, guest: Guest) -> frozenset[int]:
        """The NUMA nodes of the guest's CPUs."""
        return frozenset(self.node_of[cpu] for cpu in self.cpus(guest))

    def memory_nodes(self, guest: Guest) -> frozenset[int]:
        """The NUMA nodes its memory is bound to; empty where it is not, or `numatune` means nothing."""
        key = id(guest)
        if key not in self._memory_nodes:
            try:
                self._memory_nodes[key] = memory_nodes(guest, self.cpus(guest), self.topology)
            except GuestwireError:
                self._memory_nodes[key] = frozenset()
        return self._memory_nodes[key]

    def _expanded(self, guest: Guest) -> frozenset[int] | GuestwireError | None:
        key = id(guest)
        if key not in self._cpus:
            self._cpus[key] = _expand(guest.cpuset, self.topology)
        return self._cpus[key]

    @cached_property
    def _host_expanded(self) -> frozenset[int] | GuestwireError | None:
        return _expand(self.desired.host_cpuset, self.topology)

    @cached_property
    def _cpus_of_host(self) -> frozenset[int]:
        """Those that host_cpuset names, else all that no rt guest owns."""
        if self.desired.host_cpuset is None:
            return self.online - self.rt_cpus
        return self.host_cpus or frozenset()


def _expand(cpuset: str | None, topology: Topology) -> frozenset[int] | GuestwireError | None:
    try:
        return None if cpuset is None else expand(cpuset, topology)
    except GuestwireError as err:
        return err


def place(guest: Guest, field: str = "") -> str:
    """A guest's place in the document, or that of a field of it."""
    name = guest.name or guest.id or ""
    return f"guests.{name}.{field}" if field else f"guests.{name}"
