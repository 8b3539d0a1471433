"""Which CPUs guests have: what a cpuset may say, what an rt guest needs, what the host keeps (SM 8; KVM-RT 3; ACRN).

Who has CPUs that an rt guest owns is in `cpu_conflicts`.
"""

from collections.abc import Iterator

from guestwire.model.allocation import cpus_needed
from guestwire.model.cpuset import from_libvirt, parse, to_libvirt
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View, place

_HOST = "host_cpuset"


def cpuset_syntax(view: View) -> Iterator[Finding]:
    texts = [(place(guest, "cpuset"), guest.cpuset) for guest in view.everyone]
    for path, text in (*texts, (_HOST, view.desired.host_cpuset)):
        if text is None:
            continue
        try:
            parse(text)
        except GuestwireError as err:
            yield Finding(path, err.message)
    for guest in view.everyone:
        if guest.numatune == "auto":
            continue
        try:
            from_libvirt(guest.numatune)
        except GuestwireError as err:
            yield Finding(place(guest, "numatune"), err.message)


def cpuset_unknown(view: View) -> Iterator[Finding]:
    found = [
        (place(guest, "cpuset"), view.cpuset_error(guest), view.cpus(guest))
        for guest in view.guests
        if guest.cpuset is not None
    ]
    if view.desired.host_cpuset is not None:
        found.append((_HOST, view.host_cpuset_error, view.host_cpus or frozenset()))
    for path, error, cpus in found:
        if error is not None and error.code == "CPUSET-UNKNOWN":
            yield Finding(path, error.message)
        elif error is None and not cpus:
            yield Finding(path, "the CPU set leaves no CPU of the host")
    for guest in view.guests:
        if strangers := view.memory_nodes(guest) - view.node_ids:  # never where numatune is auto
            yield Finding(place(guest, "numatune"), f"the host has no NUMA node {min(strangers)}")


def cpuset_offline(view: View) -> Iterator[Finding]:
    for guest in view.guests:
        if offline := view.cpus(guest) - view.online - view.downed:
            yield Finding(place(guest, "cpuset"), f"CPUs {to_libvirt(offline)} are offline")


def rt_no_cpuset(view: View) -> Iterator[Finding]:
    for guest in view.rt:
        if guest.cpuset is None:
            yield Finding(place(guest, "cpuset"), f"{guest.name} is an rt guest and has no CPUs of its own")


def rt_underprovisioned(view: View) -> Iterator[Finding]:
    for guest in view.rt:
        cpus = view.cpus(guest)
        if not cpus:
            continue
        usable = view.cores(cpus) if view.kvm_rt else cpus & view.online
        what = "cores" if view.kvm_rt else "CPUs"
        if len(usable) < (needed := cpus_needed(guest, view.policy)):
            yield Finding(
                place(guest, "cpuset"),
                f"{guest.cpuset} gives {guest.name} {len(usable)} {what}; with {guest.vcpus} vCPUs it needs {needed}",
            )


def nonrt_underprovisioned(view: View) -> Iterator[Finding]:
    for guest in view.others:
        cpus = view.cpus(guest)
        if cpus and len(cpus) < (wanted := cpus_needed(guest, view.policy)):
            yield Finding(
                place(guest, "cpuset"),
                f"the threads of {guest.name} share {len(cpus)} CPUs; with {guest.vcpus} vCPUs it would have {wanted}",
            )


def cpu_host_starved(view: View) -> Iterator[Finding]:
    if not view.rt_cpus:
        return
    kept = view.online if view.host_cpus is None else view.host_cpus & view.online
    if not kept - view.rt_cpus:
        yield Finding(
            _HOST,
            "the rt guests leave the host no CPU",
            tuple(place(guest, "cpuset") for guest in view.rt if view.cpus(guest)),
        )


def cpu_zero_rt(view: View) -> Iterator[Finding]:
    for guest in view.rt:
        if 0 in view.owned(guest):
            how = "has CPU 0" if 0 in view.cpus(guest) else "has a sibling of CPU 0"
            yield Finding(place(guest, "cpuset"), f"{guest.name} {how}")


def cpu_not_tail(view: View) -> Iterator[Finding]:
    if view.policy.dynamic_cpu:
        return
    units = [tuple(sorted({cpu, *view.siblings.get(cpu, ())})) if view.kvm_rt else (cpu,) for cpu in view.online]
    ascending = sorted(set(units))
    owned = [unit for unit in ascending if not view.rt_cpus.isdisjoint(unit)]
    tail = ascending[len(ascending) - len(owned) :]
    allowed = frozenset(cpu for unit in tail for cpu in unit)
    for guest in view.rt:
        if early := (view.cpus(guest) & view.online) - allowed:
            yield Finding(
                place(guest, "cpuset"),
                f"CPUs {to_libvirt(early)} of {guest.name} are not among the last: {to_libvirt(allowed)}",
            )


def gp_cpu_max(view: View) -> Iterator[Finding]:
    left = view.online - view.rt_cpus
    layered = view.policy.allow_rt_overlap or not view.kvm_rt
    for guest in view.others:
        room = left | (view.cpus(guest) & view.online) if layered else left
        if guest.vcpus > len(room):
            yield Finding(
                place(guest, "vcpus"),
                f"{guest.name} has {guest.vcpus} vCPUs; without those of rt guests there are {len(room)} CPUs",
            )


def gp_cpu_running_max(view: View) -> Iterator[Finding]:
    assert view.facts.running is not None
    running = [guest for guest in view.others if guest.uuid in view.facts.running]
    vcpus, total = sum(guest.vcpus for guest in running), len(view.online | view.downed)
    if vcpus > total:
        yield Finding(
            "guests",
            f"the gp guests that run have {vcpus} vCPUs, the host has {total} CPUs",
            tuple(place(guest, "vcpus") for guest in running),
        )


def cpu_mixed_kind(view: View) -> Iterator[Finding]:
    kinds = {cpu.id: cpu.kind for cpu in view.topology.cpus}
    for guest in (*view.rt, *view.others):
        cpus = view.cpus(guest)
        if {"P", "E"} <= {kinds[cpu] for cpu in cpus}:
            slow = to_libvirt(cpu for cpu in cpus if kinds[cpu] == "E")
            yield Finding(
                place(guest, "cpuset"),
                f"{guest.name} has performance cores and efficiency cores ({slow})",
                severity="E" if guest.kind == "rt" else None,
            )


def topology_product(view: View) -> Iterator[Finding]:
    for guest in view.everyone:
        if guest.topology == "auto":
            continue
        sockets, cores, threads = guest.topology
        if (product := sockets * cores * threads) != guest.vcpus:
            yield Finding(
                place(guest, "topology"),
                f"{sockets} sockets of {cores} cores of {threads} threads are {product} vCPUs, not {guest.vcpus}",
            )


def topology_windows(view: View) -> Iterator[Finding]:
    for guest in view.everyone:
        if guest.topology != "auto" and guest.os_type.lower().startswith("win"):
            yield Finding(place(guest, "topology"), f"{guest.name} is a Windows guest with a CPU topology of its own")


def cpu_remapped(view: View) -> Iterator[Finding]:
    named = {guest.name: place(guest, "cpuset") for guest in view.guests}
    places = {HOST: _HOST} | named
    for name, (before, after) in view.facts.remapped.items():
        if name in places:
            yield Finding(places[name], f"the CPUs of {name} were {before}; on this machine they are {after}")


RULES: tuple[Rule, ...] = (
    Rule(
        "CPUSET-SYNTAX", "E", "E", "A cpuset follows the CPUSET grammar, numatune is an ID set (KVM-RT 3).",
        'Write numbers and ranges, with n, c, d or p for nodes, cores, dies or packages: "4-7", "c24-c26", "~n0".',
        cpuset_syntax,
    ),
    Rule(
        "CPUSET-UNKNOWN", "E", "E", "What a cpuset or numatune names is there, and is at least one CPU.",
        "Look at the host's topology, and name what it has.", cpuset_unknown, ("topology",),
    ),
    Rule(
        "CPUSET-OFFLINE", "E", "E", "The CPUs of a guest are online, or siblings that an rt guest takes down.",
        "Choose other CPUs, or bring these online.", cpuset_offline, ("topology",),
    ),
    Rule(
        "RT-NO-CPUSET", "E", "E", "An rt guest has a cpuset (KVM-RT 3).",
        "The host has no free CPUs to allocate to it: give it a cpuset, or free some.", rt_no_cpuset,
    ),
    Rule(
        "RT-UNDERPROVISIONED", "E", "E",
        "An rt guest has a CPU for each vCPU; in profile kvm-rt a core for each, and one more for its other threads.",
        "Enlarge its cpuset, or give it fewer vCPUs.", rt_underprovisioned, ("topology",),
    ),
    Rule(
        "NONRT-UNDERPROVISIONED", "W", "W",
        "The cpuset of a guest that is not rt has a CPU for each vCPU; in profile kvm-rt one more for its other threads.",
        "Enlarge its cpuset, or accept that its threads wait for each other.", nonrt_underprovisioned, ("topology",),
    ),
    Rule(
        "CPU-HOST-STARVED", "E", "E", "The rt guests leave the host at least one CPU that is online.",
        "Take CPUs from an rt guest, or correct host_cpuset.", cpu_host_starved, ("topology",),
    ),
    Rule(
        "CPU-ZERO-RT", "E", "E", "CPU 0 is not an rt guest's.",
        "Choose other CPUs: the kernel needs CPU 0.", cpu_zero_rt, ("topology",),
    ),
    Rule(
        "CPU-NOT-TAIL", "E", "E", "With policy.dynamic_cpu off, the rt guests have the last CPUs of the machine (SM 13.2).",
        "Move the rt guests to the last CPUs, or set policy.dynamic_cpu.", cpu_not_tail, ("topology",),
    ),
    Rule(
        "GP-CPU-MAX", "E", "E", "A gp guest has no more vCPUs than there are CPUs without those of rt guests (SM 8.2).",
        "Give it fewer vCPUs, or policy.allow_rt_overlap and rt CPUs in its cpuset.", gp_cpu_max, ("topology",),
    ),
    Rule(
        "GP-CPU-RUNNING-MAX", None, "E", "The gp guests that run have no more vCPUs together than the host has CPUs (SM 8.2).",
        "Stop a guest, or give them fewer vCPUs.", gp_cpu_running_max, ("topology", "running"),
    ),
    Rule(
        "CPU-MIXED-KIND", "W", "W", "A guest has performance cores or efficiency cores, not both; an error for an rt guest.",
        "Choose CPUs of one kind.", cpu_mixed_kind, ("topology",),
    ),
    Rule(
        "TOPOLOGY-PRODUCT", "E", "E", "Sockets times cores times threads are the vCPUs.",
        'Correct one of the numbers, or set topology to "auto".', topology_product,
    ),
    Rule(
        "TOPOLOGY-WINDOWS", "W", "W", "A Windows guest has the CPU topology auto (KVM-RT 3).",
        'Set topology to "auto": Windows may not see all of another one.', topology_windows,
    ),
    Rule(
        "CPU-REMAPPED", "W", "W", "A cpuset was mapped to another machine.",
        "Look at the new CPUs before you apply.", cpu_remapped,
    ),
)  # fmt: skip
