"""Who has CPUs that an rt guest owns (SM 8.1; KVM-RT 3). Two that meet on the same cores are told by one code:

CPU-RT-EXCLUSIVE where two rt guests, or one and the host, have the same CPU; CPU-OVERLAP where an rt guest and another
guest have; CPU-SMT-OWNED where they only have siblings of each other's CPUs.
"""

from collections.abc import Iterator

from guestwire.model.cpuset import to_libvirt
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import Conflict, View, place

_HOST = "host_cpuset"


def cpu_overlap(view: View) -> Iterator[Finding]:
    for conflict in view.conflicts:
        if conflict.direct and conflict.other is not None and conflict.other.kind != "rt":
            shared = conflict.direct | conflict.siblings if view.kvm_rt else conflict.direct
            yield Finding(
                _path(conflict),
                f"CPUs {to_libvirt(shared)} of {conflict.other.name} are owned by the rt guest {conflict.rt.name}",
                _related(conflict),
                "W" if view.policy.allow_rt_overlap else None,
            )


def cpu_rt_exclusive(view: View) -> Iterator[Finding]:
    for conflict in view.conflicts:
        if conflict.direct and (conflict.other is None or conflict.other.kind == "rt"):
            yield Finding(
                _path(conflict),
                f"CPUs {to_libvirt(conflict.direct)} are those of the rt guest {conflict.rt.name} and of {_name(conflict)}",
                _related(conflict),
            )


def cpu_smt_owned(view: View) -> Iterator[Finding]:
    for conflict in view.conflicts:
        if not conflict.direct:
            yield Finding(
                _path(conflict),
                f"CPUs {to_libvirt(conflict.siblings)} of {_name(conflict)} are siblings of those of the rt guest"
                f" {conflict.rt.name}",
                _related(conflict),
            )


def _name(conflict: Conflict) -> str:
    return "the host" if conflict.other is None else conflict.other.name


def _path(conflict: Conflict) -> str:
    return _HOST if conflict.other is None else place(conflict.other, "cpuset")


def _related(conflict: Conflict) -> tuple[str, ...]:
    return (place(conflict.rt, "cpuset"),)


RULES: tuple[Rule, ...] = (
    Rule(
        "CPU-OVERLAP", "E", "W",
        "No other guest has CPUs that an rt guest owns; a warning with policy.allow_rt_overlap and in profile system-manager.",
        "Choose other CPUs for one of them.", cpu_overlap, ("topology",),
    ),
    Rule(
        "CPU-RT-EXCLUSIVE", "E", "E", "The CPUs of an rt guest are no other rt guest's and not the host's (SM 8.1).",
        "Give each CPU to one rt guest, and take it out of host_cpuset.", cpu_rt_exclusive, ("topology",),
    ),
    Rule(
        "CPU-SMT-OWNED", "E", "W", "Siblings of the CPUs of an rt guest are used by nobody else (KVM-RT 3).",
        "Choose CPUs of other cores, or give the rt guest the whole core.", cpu_smt_owned, ("topology",),
    ),
)  # fmt: skip
