"""CPU sets for a machine that has changed (SM 15.1): 8 CPUs become 4, the rt guest goes from CPU 7 to CPU 3 and the gp
guest from CPU 5 to CPU 2.

Rt guests keep their order from the top; the CPUs of the others and of the host keep their order below them. A set that
still means the same, fits and leaves that order alone stays as it was written. Deterministic, and a proposal: it is never
applied by itself.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from guestwire.model.allocation import Unit, cpus_needed, highest, units
from guestwire.model.cpuset import expand, parse, to_libvirt
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.events import HOST
from guestwire.model.guest import Guest
from guestwire.model.policy import Policy
from guestwire.model.topology import Topology

_MOST = 1 << 16
"""More CPUs than any machine has; bounds what a text can make us build."""


@dataclass(frozen=True, slots=True)
class _Set:
    """A CPU set as it is written, its CPUs on the old machine and on the new one (None: it means nothing there), and whether
    those are the same CPUs, none of which went offline."""

    text: str
    before: frozenset[int]
    now: frozenset[int] | None
    stays: bool

    def moved(self, cpus: Collection[int]) -> str:
        """The text for these CPUs: the one there is, if it means them."""
        return self.text if not cpus or self.now == frozenset(cpus) else to_libvirt(cpus)


_Sets = Mapping[int, _Set]
"""By the position of the guest in the document; -1: the host's."""


def remap(desired: Desired, old: Topology | None, new: Topology) -> tuple[Desired, Mapping[str, tuple[str, str]]]:
    """The document for the new machine, and what was changed in it: the cpuset before and after by name of the guest, HOST
    for host_cpuset (`Facts.remapped`). Without the old machine a set means its numbers. A set without a meaning, or
    without room on the new machine, stays: CPUSET-UNKNOWN tells."""
    texts = {number: guest.cpuset for number, guest in enumerate(desired.guests)} | {-1: desired.host_cpuset}
    sets = {number: found for number, text in texts.items() if (found := _read(text, old, new)) is not None}
    rt = {number: found for number, found in sets.items() if number >= 0 and desired.guests[number].kind == "rt"}
    others = {number: found for number, found in sets.items() if number not in rt}
    known = old or new
    kvm_rt = desired.policy.profile == "kvm-rt"
    if all(found.stays for found in sets.values()) and (
        not kvm_rt or all(_same_cores(found.before, known, new) for found in rt.values())
    ):
        after = {number: found.text for number, found in sets.items()}
    else:
        places = _rt_places(desired, rt, known, new)
        owned = frozenset[int]().union(*(_cores(cpus, new) if kvm_rt else cpus for cpus in places.values()))
        moves = _moves(others, [(rt[number].before, cpus) for number, cpus in places.items()], new.online() - owned)
        after = {number: rt[number].moved(places.get(number, ())) for number in rt}
        after |= {
            number: found.moved({moves[cpu] for cpu in found.before if cpu in moves})
            for number, found in others.items()
        }
    return _with(desired, after, new)


def _with(desired: Desired, after: Mapping[int, str], new: Topology) -> tuple[Desired, Mapping[str, tuple[str, str]]]:
    changed: dict[str, tuple[str, str]] = {}
    guests: list[Guest] = []
    for number, guest in enumerate(desired.guests):
        text = after.get(number, guest.cpuset)
        if guest.cpuset is not None and text is not None and text != guest.cpuset:
            changed[guest.name] = (guest.cpuset, text)
            guest = guest.model_copy(update={"cpuset": text})
        guests.append(guest)
    host = after.get(-1, desired.host_cpuset)
    if desired.host_cpuset is not None and host is not None and host != desired.host_cpuset:
        changed[HOST] = (desired.host_cpuset, host)
    update = {"guests": tuple(guests), "host_cpuset": host, "base_topology": new.fingerprint}
    return desired.model_copy(update=update), changed


def _read(text: str | None, old: Topology | None, new: Topology) -> _Set | None:
    if text is None:
        return None
    try:
        now = expand(text, new)
    except GuestwireError:
        now = None
    try:
        before = expand(text, old) if old is not None else _numbers(text) or now
    except GuestwireError:
        before = now
    if not before:
        return None
    were_online = before & old.online() if old is not None else before
    return _Set(text, before, now, stays=now == before and were_online <= new.online())


def _numbers(text: str) -> frozenset[int] | None:
    """The CPUs of a set that names nothing but CPUs: they need no machine."""
    parsed = parse(text)
    if parsed.inverted or any(item.prefix or item.last >= _MOST for item in parsed.items):
        return None
    return frozenset(cpu for item in parsed.items for cpu in range(item.first, item.last + 1))


def _cores(cpus: Collection[int], topology: Topology) -> frozenset[int]:
    """The CPUs with all their siblings."""
    return frozenset(cpus).union(*(cpu.siblings for cpu in topology.cpus if cpu.id in cpus))


def _same_cores(cpus: frozenset[int], known: Topology, new: Topology) -> bool:
    """Whether they are as many cores as they were, and nobody else's CPUs have become siblings of them."""
    return _cores(cpus, new) <= _cores(cpus, known) and len(_lowest(cpus, new)) == len(_lowest(cpus, known))


def _lowest(cpus: frozenset[int], topology: Topology) -> frozenset[int]:
    """Their cores, each as its lowest CPU."""
    siblings = {cpu.id: cpu.siblings for cpu in topology.cpus}
    return frozenset(min(cpu, *other) if (other := siblings.get(cpu)) else cpu for cpu in cpus)


def _rt_places(desired: Desired, rt: _Sets, known: Topology, new: Topology) -> Mapping[int, frozenset[int]]:
    """Where the rt guests go: with as many CPUs as they had; if that is too much for the machine, with those they need."""
    counts = {number: _count(found.before, known, desired.policy) for number, found in rt.items()}
    places = _from_the_top(desired.policy, rt, counts, known, new)
    if len(places) < len(rt):
        counts = {
            number: min(count, cpus_needed(desired.guests[number], desired.policy)) for number, count in counts.items()
        }
        places = _from_the_top(desired.policy, rt, counts, known, new)
    return places


def _count(cpus: frozenset[int], topology: Topology, policy: Policy) -> int:
    """How many units an rt guest has in these CPUs: cores in profile kvm-rt."""
    return len(_lowest(cpus, topology)) if policy.profile == "kvm-rt" else len(cpus)


def _from_the_top(
    policy: Policy, rt: _Sets, counts: Mapping[int, int], known: Topology, new: Topology
) -> Mapping[int, frozenset[int]]:
    """The CPUs of each rt guest that finds room: the one with the highest CPU first, each below the one before it."""
    free: list[Unit] = list(units(new, policy))
    places: dict[int, frozenset[int]] = {}
    for number in sorted(rt, key=lambda number: (sorted(rt[number].before, reverse=True), -number), reverse=True):
        found = rt[number]
        own = [unit for unit in free if not found.before.isdisjoint(unit)]
        same = len(own) == counts[number] and found.stays
        if same and (policy.profile != "kvm-rt" or _same_cores(found.before, known, new)):
            places[number] = found.before
        elif own := list(highest(free, counts[number], new, near=policy.dynamic_cpu)):
            places[number] = frozenset(unit[0] for unit in own)
        else:
            continue
        top = max(own)
        free = [unit for unit in free if unit < top and unit not in own]
    return places


def _moves(
    others: _Sets, rt: Collection[tuple[frozenset[int], frozenset[int]]], available: frozenset[int]
) -> Mapping[int, int]:
    """Old CPU -> new CPU for every CPU that is no rt guest's: CPUs keep their order, and their number where they can. Who
    was layered on an rt guest's CPUs goes with it."""
    with_rt: dict[int, int] = {}
    for before, after in rt:
        targets = sorted(after, reverse=True)
        with_rt |= {cpu: targets[min(n, len(targets) - 1)] for n, cpu in enumerate(sorted(before, reverse=True))}
    used = sorted(frozenset[int]().union(*(found.before for found in others.values())) - with_rt.keys(), reverse=True)
    return (_one_to_one(used, available) or _squeezed(used, available)) | with_rt


def _one_to_one(used: list[int], available: frozenset[int]) -> dict[int, int]:
    """From the top, each to its own number or the next lower one that is left; empty where that is too few."""
    moves: dict[int, int] = {}
    left = sorted(available)
    for cpu in used:
        while left and left[-1] > cpu:
            left.pop()
        if not left:
            return {}
        moves[cpu] = left.pop()
    return moves


def _squeezed(used: list[int], available: frozenset[int]) -> dict[int, int]:
    """In order onto what there is: CPUs that are still there keep their number, the others share what lies between."""
    kept = [cpu for cpu in used if cpu in available]
    homeless: dict[tuple[int, int], list[int]] = {}
    for cpu in used if available else ():
        if cpu not in available:
            below = max((other for other in kept if other < cpu), default=-1)
            above = min((other for other in kept if other > cpu), default=_MOST)
            homeless.setdefault((below, above), []).append(cpu)
    moves = {cpu: cpu for cpu in kept}
    for (below, above), cpus in homeless.items():
        targets = [cpu for cpu in sorted(available, reverse=True) if below < cpu < above]
        targets = targets or [below if below >= 0 else above]
        share = max(len(cpus), len(targets))
        moves |= {cpu: targets[n * len(targets) // share] for n, cpu in enumerate(cpus)}
    return moves
