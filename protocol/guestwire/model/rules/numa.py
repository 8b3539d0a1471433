"""Memory and devices near the CPUs of rt guests, and others away from them (KVM-RT 3 and its appendix A).

On a machine with one node there is nothing to choose: only what names a node can be wrong there.
"""

from collections.abc import Iterator

from guestwire.model.cpuset import to_libvirt
from guestwire.model.guest import Guest
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View, place
from guestwire.model.topology import PciDevice

_BRIDGE = 0x06


def numa_span(view: View) -> Iterator[Finding]:
    for guest in view.rt:
        if len(nodes := view.nodes(guest)) > 1:
            yield Finding(place(guest, "cpuset"), f"the CPUs of {guest.name} are on the nodes {to_libvirt(nodes)}")


def numa_shared(view: View) -> Iterator[Finding]:
    for rt, other in _rt_and_others(view):
        if shared := view.nodes(rt) & view.nodes(other):
            yield Finding(
                place(other, "cpuset"),
                f"{other.name} has CPUs on the nodes {to_libvirt(shared)}, where the rt guest {rt.name} runs",
                (place(rt, "cpuset"),),
            )


def numatune_off(view: View) -> Iterator[Finding]:
    if len(view.node_ids) < 2:
        return
    for guest in view.rt:
        if guest.numatune == "" and guest.cpuset is not None:
            yield Finding(place(guest, "numatune"), f"the memory of {guest.name} may come from any node")


def numatune_outside(view: View) -> Iterator[Finding]:
    for guest in view.rt:
        if guest.numatune == "auto" or not view.nodes(guest):
            continue
        if far := (view.memory_nodes(guest) & view.node_ids) - view.nodes(guest):
            yield Finding(
                place(guest, "numatune"), f"{guest.name} has memory of the nodes {to_libvirt(far)}, and no CPU there"
            )


def numatune_overlap(view: View) -> Iterator[Finding]:
    for rt, other in _rt_and_others(view):
        if other.numatune == "auto":
            continue  # then it is where its CPUs are: NUMA-SHARED
        if shared := view.memory_nodes(other) & view.nodes(rt):
            yield Finding(
                place(other, "numatune"),
                f"{other.name} has memory of the nodes {to_libvirt(shared)}, where the rt guest {rt.name} runs",
                (place(rt, "cpuset"),),
            )


def numa_node0_rt(view: View) -> Iterator[Finding]:
    if len(view.node_ids) < 2:
        return
    for guest in view.rt:
        if 0 in view.nodes(guest):
            yield Finding(
                place(guest, "cpuset"), f"{guest.name} has CPUs on node 0, where the kernel does its own work"
            )


def numa_dev_remote(view: View) -> Iterator[Finding]:
    nodes = {device.address: device.numa_node for device in view.topology.devices}
    for guest in view.rt:
        near = view.nodes(guest)
        for address in guest.devices:
            node = nodes.get(address)
            if near and node is not None and node >= 0 and node not in near:
                yield Finding(
                    place(guest, "devices"),
                    f"{address} is on node {node}, the CPUs of {guest.name} on {to_libvirt(near)}",
                    (address,),
                )


def numa_dev_foreign(view: View) -> Iterator[Finding]:
    if len(view.node_ids) < 2:
        return
    given = {address for guest in view.guests for address in guest.devices}
    working = [device for device in view.topology.devices if _works(device, given)]
    for guest in view.rt:
        nodes = view.nodes(guest)
        foreign = [
            device.address for device in working if device.numa_node in nodes and device.address not in guest.devices
        ]
        if foreign:
            yield Finding(
                place(guest, "cpuset"),
                f"{len(foreign)} devices that are not {guest.name}'s work on its nodes {to_libvirt(nodes)}",
                tuple(foreign),
            )


def _works(device: PciDevice, given: set[str]) -> bool:
    """Whether it may raise interrupts: a driver has it or a guest, and it is no bridge."""
    return device.pci_class >> 16 != _BRIDGE and (device.driver is not None or device.address in given)


def _rt_and_others(view: View) -> Iterator[tuple[Guest, Guest]]:
    """Each rt guest with every guest that is not rt, and two rt guests once; on machines with nodes to choose from."""
    if len(view.node_ids) < 2:
        return
    for number, rt in enumerate(view.rt):
        for other in (*view.rt[number + 1 :], *view.others):
            yield rt, other


RULES: tuple[Rule, ...] = (
    Rule(
        "NUMA-SPAN", "W", "W", "The CPUs of an rt guest are on one NUMA node.",
        "Choose CPUs of one node.", numa_span, ("topology",),
    ),
    Rule(
        "NUMA-SHARED", "W", "W", "No other guest has CPUs on the NUMA node of an rt guest.",
        "Move the other guest to another node.", numa_shared, ("topology",),
    ),
    Rule(
        "NUMATUNE-OFF", "W", "W", "The memory of an rt guest is bound to NUMA nodes.",
        'Set numatune to "auto".', numatune_off, ("topology",),
    ),
    Rule(
        "NUMATUNE-OUTSIDE", "W", "W", "The memory of an rt guest comes from the nodes of its CPUs.",
        'Set numatune to "auto".', numatune_outside, ("topology",),
    ),
    Rule(
        "NUMATUNE-OVERLAP", "W", "W", "No other guest's memory is bound to the NUMA nodes of an rt guest's CPUs.",
        "Choose other nodes for the other guest's numatune.", numatune_overlap, ("topology",),
    ),
    Rule(
        "NUMA-NODE0-RT", "W", "W", "An rt guest is not on NUMA node 0, where a machine has another.",
        "Choose CPUs of another node.", numa_node0_rt, ("topology",),
    ),
    Rule(
        "NUMA-DEV-REMOTE", "W", "W", "The devices of an rt guest are on the NUMA node of its CPUs.",
        "Choose CPUs of the device's node, or put the card into a slot of the guest's node.",
        numa_dev_remote, ("topology",),
    ),
    Rule(
        "NUMA-DEV-FOREIGN", "W", "W", "No other devices work on the NUMA node of an rt guest.",
        "Choose CPUs of a node without such devices, or move the cards.", numa_dev_foreign, ("topology",),
    ),
)  # fmt: skip
