"""Where the threads and the memory of a guest go on a machine (KVM-RT 3; SM 8).

kvm-rt: the CPUs of an rt guest's cpuset in ascending order go to its vCPUs, one each; what remains serves the emulator
threads. Of a core it uses one CPU only, the lowest: the guest owns the siblings, and they go offline. system-manager: the
cpuset carries vCPUs only, and the emulator threads run on the host's CPUs. Any other guest: all its threads may use the
whole cpuset, or the whole machine without one.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from guestwire.model.cpuset import expand, from_libvirt
from guestwire.model.guest import Guest
from guestwire.model.policy import Profile
from guestwire.model.topology import Topology


@dataclass(frozen=True, slots=True)
class Pinning:
    """CPU numbers for each vCPU, in order, and for the emulator threads; the NUMA nodes its memory comes from (none: from
    anywhere). `real_time`: the vCPUs run under fifo."""

    vcpus: tuple[frozenset[int], ...]
    emulator: frozenset[int]
    real_time: bool = False
    nodes: frozenset[int] = frozenset()


def pinning(
    guest: Guest, topology: Topology, profile: Profile = "kvm-rt", host_cpus: Collection[int] = ()
) -> Pinning | None:
    """Where the guest's threads go; None when neither threads nor memory are bound. Raises what `cpuset.expand` raises,
    and CPUSET-SYNTAX for a `numatune` that is no ID set.

    `host_cpus`: those that no rt guest has, for the emulator threads of profile system-manager. An rt guest with too few
    CPUs (RT-UNDERPROVISIONED, a rule's business) lets the emulator threads share the last one and its surplus vCPUs share
    all of them.
    """
    if guest.cpuset is None:
        nodes = memory_nodes(guest, frozenset(), topology)
        everywhere = topology.online()
        return Pinning((everywhere,) * guest.vcpus, everywhere, nodes=nodes) if nodes else None
    cpus = expand(guest.cpuset, topology)
    nodes = memory_nodes(guest, cpus, topology)
    if guest.kind != "rt":
        return Pinning((cpus,) * guest.vcpus, cpus, nodes=nodes)
    ascending = sorted(cpus) if profile == "system-manager" else _one_of_each_core(cpus, topology)
    own = tuple(frozenset({cpu}) for cpu in ascending[: guest.vcpus])
    vcpus = own + (cpus,) * (guest.vcpus - len(own))
    rest = frozenset(ascending[guest.vcpus :])
    if profile == "system-manager":
        rest = frozenset(host_cpus) - cpus
    return Pinning(vcpus, rest or frozenset(ascending[-1:]), real_time=True, nodes=nodes)


def _one_of_each_core(cpus: Collection[int], topology: Topology) -> list[int]:
    siblings = {cpu.id: cpu.siblings for cpu in topology.cpus}
    return sorted(cpu for cpu in cpus if not any(other < cpu and other in cpus for other in siblings.get(cpu, ())))


def memory_nodes(guest: Guest, cpus: Collection[int], topology: Topology) -> frozenset[int]:
    """The nodes of a guest's `numatune`: auto means those of its CPUs, "" none."""
    if guest.numatune != "auto":
        return from_libvirt(guest.numatune)
    return frozenset(cpu.node for cpu in topology.cpus if cpu.id in cpus)


def host_cpus(guests: Collection[Guest], topology: Topology, host_cpuset: str | None = None) -> frozenset[int]:
    """The CPUs left to the host: those `host_cpuset` names, else all that are online and in no rt guest's cpuset. Raises
    what `cpuset.expand` raises."""
    if host_cpuset is not None:
        return expand(host_cpuset, topology)
    taken: frozenset[int] = frozenset()
    for guest in guests:
        if guest.kind == "rt" and guest.cpuset is not None:
            taken |= expand(guest.cpuset, topology)
    return topology.online() - taken


def pack_pins(pins: Pinning | None) -> dict[str, Any] | None:
    """Pins as plain values, such as JSON has; None for none."""
    if pins is None:
        return None
    return {
        "vcpus": [sorted(cpus) for cpus in pins.vcpus],
        "emulator": sorted(pins.emulator),
        "real_time": pins.real_time,
        "nodes": sorted(pins.nodes),
    }


def unpack_pins(plain: Mapping[str, Any] | None) -> Pinning | None:
    """`unpack_pins(pack_pins(pins)) == pins`. Raises ValueError, KeyError, TypeError for anything else."""
    if plain is None:
        return None

    def numbers(values: Iterable[Any]) -> frozenset[int]:
        return frozenset(map(int, values))

    return Pinning(
        tuple(map(numbers, plain["vcpus"])),
        numbers(plain["emulator"]),
        bool(plain["real_time"]),
        numbers(plain["nodes"]),
    )
