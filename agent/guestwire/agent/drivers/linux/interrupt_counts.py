"""/proc/interrupts: how often each CPU was interrupted, by kind. Pure: bytes in, values out."""

from collections.abc import Mapping

KINDS: Mapping[bytes, str] = {
    b"LOC": "timer",  # the CPU's own timer; the others are x86's names too (Documentation/filesystems/proc.rst)
    b"RES": "reschedule",
    b"CAL": "call",
    b"TLB": "tlb",
}
ALL_KINDS = ("device", "timer", "reschedule", "call", "tlb", "other")
_OF_NO_CPU = frozenset({b"ERR", b"MIS"})


def parse_interrupts(text: bytes) -> Mapping[str, Mapping[int, int]]:
    """Counts by kind and CPU. `device`: those with a number; `other`: the CPU's own that are no kind by themselves."""
    lines = text.splitlines()
    cpus = [int(name[3:]) for name in lines[0].split()] if lines else []
    sums = {kind: [0] * len(cpus) for kind in ALL_KINDS}
    for line in lines[1:]:
        name, _, rest = line.partition(b":")
        name = name.strip()
        if name in _OF_NO_CPU:
            continue
        fields = rest.split(None, len(cpus))[: len(cpus)]
        if len(fields) < len(cpus):
            continue
        of_kind = sums["device" if name.isdigit() else KINDS.get(name, "other")]
        for place, field in enumerate(fields):
            if field != b"0":
                of_kind[place] += int(field)
    return {kind: dict(zip(cpus, counts, strict=True)) for kind, counts in sums.items()}
