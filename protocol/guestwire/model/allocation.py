"""CPUs for rt guests that were given none: the first rt guest gets the last CPU, the next the next lower one (SM 8.1).

The order of guests is that of their GUEST number. Sets that a document has stay; what fits nowhere stays open, and
RT-NO-CPUSET tells.
"""

from collections.abc import Iterator, Sequence

from guestwire.model.cpuset import expand, to_libvirt
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest
from guestwire.model.policy import Policy
from guestwire.model.topology import Topology

Unit = tuple[int, ...]
"""The online CPUs that an rt guest takes together, ascending; the first carries a thread of it. One CPU, or in profile
kvm-rt a core."""


def allocate(desired: Desired, topology: Topology) -> Desired:
    """The document with a cpuset for every enabled rt guest that had none and for which there is room."""
    policy = desired.policy
    taken = frozenset[int]().union(*_taken(desired, topology))
    free = [unit for unit in units(topology, policy) if taken.isdisjoint(unit)]
    given: dict[int, str] = {}
    for guest in guest_order(desired.guests):
        if guest.kind != "rt" or guest.cpuset is not None or guest.disabled:
            continue
        # with dynamic_cpu off, rt CPUs must be the last of the machine: CPU-NOT-TAIL
        chosen = highest(free, cpus_needed(guest, policy), topology, near=policy.dynamic_cpu)
        if chosen:
            given[id(guest)] = to_libvirt(unit[0] for unit in chosen)
            free = [unit for unit in free if unit not in chosen]
    if not given:
        return desired
    guests = (
        guest.model_copy(update={"cpuset": given[id(guest)]}) if id(guest) in given else guest
        for guest in desired.guests
    )
    return desired.model_copy(update={"guests": tuple(guests)})


def guest_order(guests: Sequence[Guest]) -> tuple[Guest, ...]:
    """Guests by their GUEST number. One that has none is counted with the one it will get: the lowest free."""
    taken = {guest.id for guest in guests}
    free = (text for number in range(1, 10_000) if (text := f"GUEST{number:04d}") not in taken)
    numbered = [(guest.id or next(free, "~"), guest) for guest in guests]
    return tuple(guest for _, guest in sorted(numbered, key=lambda pair: pair[0]))


def cpus_needed(guest: Guest, policy: Policy) -> int:
    """CPUs an rt guest must have (in profile kvm-rt each on a core of its own): one for each vCPU, and in profile kvm-rt one
    for its other threads (KVM-RT 3)."""
    return guest.vcpus + (policy.profile == "kvm-rt")


def units(topology: Topology, policy: Policy) -> tuple[Unit, ...]:
    """What rt guests may take on this machine, lowest first: online CPUs, in profile kvm-rt by cores. The lowest, which is
    CPU 0, is the host's."""
    online = topology.online()
    if policy.profile == "kvm-rt":
        found = {tuple(sorted({cpu.id, *cpu.siblings} & online)) for cpu in topology.cpus if cpu.online}
    else:
        found = {(cpu,) for cpu in online}
    return tuple(sorted(found)[1:])


def highest(free: Sequence[Unit], count: int, topology: Topology, *, near: bool = True) -> tuple[Unit, ...]:
    """The `count` highest of the `free` units (lowest first) that are of one kind of core, and with `near` on one NUMA node
    where one has so many; empty where there are too few."""
    cpus = {cpu.id: cpu for cpu in topology.cpus}
    places = [(cpus[unit[0]].kind, cpus[unit[0]].node) for unit in free]
    for kind in dict.fromkeys(kind for kind, _ in reversed(places)):
        nodes = dict.fromkeys(node for its_kind, node in reversed(places) if its_kind == kind)
        groups = [[unit for unit, place in zip(free, places, strict=True) if place == (kind, node)] for node in nodes]
        of_kind = [unit for unit, place in zip(free, places, strict=True) if place[0] == kind]
        for group in (*groups, of_kind) if near else (of_kind,):
            if len(group) >= count:
                return tuple(group[-count:])
    return ()


def _taken(desired: Desired, topology: Topology) -> Iterator[frozenset[int]]:
    """The CPUs that are spoken for: of every guest that has a cpuset, disabled ones too, and the host's."""
    for text in (*(guest.cpuset for guest in desired.guests), desired.host_cpuset):
        try:
            if text is not None:
                yield expand(text, topology)
        except GuestwireError:  # CPUSET-SYNTAX and CPUSET-UNKNOWN are rules
            continue
