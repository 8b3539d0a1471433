"""Memory: what guests take, what is left for the host, and what is locked (SM 7, 13.2; KVM-RT 3)."""

from collections.abc import Iterator

from guestwire.model.cpuset import to_libvirt
from guestwire.model.guest import Guest
from guestwire.model.memory_map import memory_map
from guestwire.model.reservations import huge_pages, pages_on, pools, remaining_host_memory_mib
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View, place

_RESERVE = "policy.remaining_host_memory_mib"


def mem_host_reserve(view: View) -> Iterator[Finding]:
    assert view.facts.memory_mib is not None
    left = remaining_host_memory_mib(view.document, view.facts.memory_mib, view.facts.topology)
    if left < (kept := view.policy.remaining_host_memory_mib):
        yield Finding(
            _RESERVE,
            f"of {view.facts.memory_mib} MiB guests, huge pages and shared memory take"
            f" {view.facts.memory_mib - left} MiB; {kept} MiB are kept for the host",
            tuple(place(guest, "memory_mib") for guest in view.guests),
        )


def mem_node_short(view: View) -> Iterator[Finding]:
    sizes = {node.id: node.memory_mib for node in view.topology.nodes}
    found = pools(view.desired, view.topology)
    page_sizes = {pool.size_mib for pool in found}
    for nodes, guests in _bound(view):
        if nodes >= sizes.keys() or not nodes <= sizes.keys():
            continue  # the whole machine: MEM-HOST-RESERVE; no such node: CPUSET-UNKNOWN
        have = sum(sizes[node] for node in nodes)
        huge = sum(size * pages_on(found, size, nodes, len(sizes)) for size in page_sizes)
        wanted = sum(guest.memory_mib for guest in guests if not guest.hugepages_mib)
        if wanted and wanted + huge > have:
            yield Finding(
                place(guests[0], "memory_mib"),
                f"guests bound to the nodes {to_libvirt(nodes)} have {wanted} MiB, huge pages there {huge} MiB;"
                f" the nodes have {have} MiB",
                tuple(place(guest, "memory_mib") for guest in guests[1:]),
            )


def hugepages_short(view: View) -> Iterator[Finding]:
    found = pools(view.desired, view.topology)
    for size in sorted({guest.hugepages_mib for guest in view.guests if guest.hugepages_mib}):
        everyone = [guest for guest in view.guests if guest.hugepages_mib == size]
        bound = [
            (nodes, users)
            for nodes, guests in _bound(view)
            if (users := [guest for guest in guests if guest.hugepages_mib == size])
        ]
        for nodes, guests in (*bound, (view.node_ids, everyone)):
            needed, there = sum(map(huge_pages, guests)), pages_on(found, size, nodes, len(view.node_ids))
            if needed > there:
                yield Finding(
                    place(guests[0], "hugepages_mib"),
                    f"{needed} pages of {size} MiB are needed on the nodes {to_libvirt(nodes)}, there are {there}",
                    (*(place(guest, "hugepages_mib") for guest in guests[1:]), "settings.hugepages"),
                )
                break  # one place for each size of page


def _bound(view: View) -> Iterator[tuple[frozenset[int], list[Guest]]]:
    """Each set of NUMA nodes that memory of a guest is bound to, with the guests that can have memory nowhere else."""
    nodes = {id(guest): view.memory_nodes(guest) for guest in view.guests}
    for chosen in sorted({found for found in nodes.values() if found}, key=lambda found: (len(found), sorted(found))):
        yield chosen, [guest for guest in view.guests if nodes[id(guest)] and nodes[id(guest)] <= chosen]


def mem_lock_no_limit(view: View) -> Iterator[Finding]:
    for guest in view.everyone:
        limited = any(
            override.op != "remove" and ("hard_limit" in override.xml or "hard_limit" in override.sel)
            for override in guest.overrides
        )
        if guest.locks_memory and not limited:
            yield Finding(place(guest, "lock_memory"), f"nothing limits how much memory {guest.name} may lock")


def mem_overlap(view: View) -> Iterator[Finding]:
    assert view.facts.memory_mib is not None
    if not view.facts.simulated:
        return
    guests = {guest.name: guest for guest in view.guests}
    for misfit in memory_map(view.document, view.facts.memory_mib).misfits:
        guest = guests.get(misfit.name)
        path = place(guest, "memory_mib") if guest else "areas" if misfit.name == "Shared Memory" else "guests"
        if misfit.start is None:
            yield Finding(path, f"there is no room of {misfit.size >> 20} MiB in one piece for {misfit.name}")
            continue
        where = f"{misfit.name} wants to be at {misfit.start:#x} to {misfit.start + misfit.size:#x}"
        why = f", where {', '.join(misfit.others)} is" if misfit.others else ", which is not all memory"
        yield Finding(path, where + why, (f"images.{guest.image}.base_address",) if guest else ())


def rt_no_locked(view: View) -> Iterator[Finding]:
    for guest in view.everyone:
        if guest.kind == "rt" and not guest.locks_memory:
            yield Finding(
                place(guest, "lock_memory"), f"{guest.name} is an rt guest, and its memory may be swapped out"
            )


RULES: tuple[Rule, ...] = (
    Rule(
        "MEM-HOST-RESERVE", "E", "E",
        "Guests, huge pages and shared memory leave policy.remaining_host_memory_mib for the host (SM 7.2, 13.2).",
        "Give guests less memory, disable one, or keep less for the host.", mem_host_reserve, ("memory_mib",),
    ),
    Rule(
        "MEM-NODE-SHORT", "E", "E", "Guests bound to NUMA nodes fit into the memory of those nodes.",
        "Bind one to other nodes, or give them less memory.", mem_node_short, ("topology",),
    ),
    Rule(
        "HUGEPAGES-SHORT", "E", "E", "There are as many huge pages as guests need, on the nodes they are bound to.",
        "Enlarge the pool in settings.hugepages.", hugepages_short, ("topology",),
    ),
    Rule(
        "MEM-LOCK-NO-LIMIT", "W", "W", "A guest that locks its memory has a hard limit.",
        "Add memtune/hard_limit with an override: its memory and what QEMU needs.", mem_lock_no_limit,
    ),
    Rule(
        "MEM-OVERLAP", "E", "E", "On a simulated host rt guests and shared memory have places of their own (SM 7.1).",
        "Choose another base_address for the image, or give guests less memory.",
        mem_overlap, ("simulated", "memory_mib"),
    ),
    Rule(
        "RT-NO-LOCKED", "E", "E", "The memory of an rt guest is locked (KVM-RT 3).",
        'Set lock_memory to "auto" or true.', rt_no_locked,
    ),
)  # fmt: skip
