"""Which host CPUs each thread of a guest may use (KVM-RT 3).

An rt guest: the CPUs of its cpuset in ascending order go to its vCPUs, one each; what remains serves the emulator
threads. Any other guest: all its threads may use the whole cpuset, or the whole machine without one.
"""

from dataclasses import dataclass

from guestwire.model.cpuset import expand
from guestwire.model.guest import Guest
from guestwire.model.topology import Topology


@dataclass(frozen=True, slots=True)
class Pinning:
    """CPU numbers for each vCPU, in order, and for the emulator threads. `real_time`: the vCPUs run under fifo."""

    vcpus: tuple[frozenset[int], ...]
    emulator: frozenset[int]
    real_time: bool = False


def pinning(guest: Guest, topology: Topology) -> Pinning | None:
    """Where the guest's threads go; None when nothing is pinned. Raises what `cpuset.expand` raises.

    An rt guest with too few CPUs (RT-UNDERPROVISIONED, a rule's business) lets the emulator threads share the last one
    and its surplus vCPUs share all of them.
    """
    if guest.cpuset is None:
        return None
    cpus = expand(guest.cpuset, topology)
    if guest.kind != "rt":
        return Pinning((cpus,) * guest.vcpus, cpus)
    ascending = sorted(cpus)
    own = tuple(frozenset({cpu}) for cpu in ascending[: guest.vcpus])
    vcpus = own + (cpus,) * (guest.vcpus - len(own))
    rest = frozenset(ascending[guest.vcpus :]) or frozenset(ascending[-1:])
    return Pinning(vcpus, rest, real_time=True)
