"""Which CPUs a guest's threads get."""

from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning, pinning
from guestwire.model.topology import Cpu, Topology

MACHINE = Topology(fingerprint="", cpus=tuple(Cpu(id=cpu, core=cpu) for cpu in range(8)))


def test_a_guest_without_a_cpuset_is_not_pinned() -> None:
    assert pinning(Guest(name="a"), MACHINE) is None


def test_an_rt_guest_gives_its_cpus_to_its_vcpus_in_order_and_the_rest_to_the_emulator() -> None:
    assert pinning(Guest(name="a", kind="rt", vcpus=2, cpuset="7,3-5"), MACHINE) == Pinning(
        (frozenset({3}), frozenset({4})), frozenset({5, 7}), real_time=True
    )


def test_an_rt_guest_with_too_few_cpus_shares_them() -> None:
    cpus = frozenset({2, 3})
    assert pinning(Guest(name="a", kind="rt", vcpus=3, cpuset="2-3"), MACHINE) == Pinning(
        (frozenset({2}), frozenset({3}), cpus), frozenset({3}), real_time=True
    )


def test_another_guest_may_use_all_of_its_cpuset_everywhere() -> None:
    cpus = frozenset({0, 1})
    assert pinning(Guest(name="a", kind="gp", vcpus=3, cpuset="0-1"), MACHINE) == Pinning((cpus, cpus, cpus), cpus)
