"""The CPUSET grammar of KVM-RT, and libvirt's and the kernel's notations for the same sets.

    cpuset := ["~"] item ("," item)*        item := [n|c|d|p] int ["-" [n|c|d|p] int]

n is a NUMA node, c a core, d a die, p a package, nothing a CPU; both ends of a range carry the same prefix; a leading ~
inverts the whole set. Cores and dies are counted over the machine (KVM-RT 3; the numbers hwtopo prints). A group means
all its CPUs, and ~ all CPUs of the machine, whether online or not: what may be used is a rule's question, not syntax.
libvirt's `^N`, which takes N out of what stands before it, is another notation: `from_libvirt` and `to_libvirt`; the
kernel's masks are a third: `from_mask` and `to_mask`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from guestwire.model.errors import GuestwireError
from guestwire.model.topology import Cpu, Topology

Prefix = Literal["", "n", "c", "d", "p"]

_ITEM = re.compile(r"([ncdp]?)([0-9]{1,6})(?:-([ncdp]?)([0-9]{1,6}))?", re.ASCII)
_LIBVIRT_ITEM = re.compile(r"(\^?)([0-9]{1,6})(?:-([0-9]{1,6}))?", re.ASCII)
_MASK = re.compile(r"[0-9a-fA-F]{1,16384}", re.ASCII)
_LARGEST = 1 << 16
"""More CPUs than any machine has; bounds what a text can make us build."""

_PLACES: Mapping[Prefix, Callable[[Cpu], int | None]] = {
    "": lambda cpu: cpu.id,
    "n": lambda cpu: cpu.node,
    "c": lambda cpu: cpu.core,
    "d": lambda cpu: cpu.die,
    "p": lambda cpu: cpu.package,
}
_WORDS: Mapping[Prefix, str] = {"": "CPU", "n": "NUMA node", "c": "core", "d": "die", "p": "package"}


class Item(NamedTuple):
    """A range of numbers of one kind, both ends included."""

    prefix: Prefix
    first: int
    last: int


class Cpuset(NamedTuple):
    """A parsed CPUSET: its items as they were written, and whether the whole is inverted."""

    items: tuple[Item, ...]
    inverted: bool = False


def parse(text: str) -> Cpuset:
    """The set as written. Raises CPUSET-SYNTAX, naming the item that is wrong."""
    inverted = text.startswith("~")
    return Cpuset(tuple(_item(part) for part in text[inverted:].split(",")), inverted)


def _item(part: str) -> Item:
    match = _ITEM.fullmatch(part)
    if match is None:
        raise GuestwireError("CPUSET-SYNTAX", f"{part!r} is not an item of a CPU set", field="cpuset")
    prefix, first, last_prefix, last = match.groups()
    if last is None:
        return Item(prefix, int(first), int(first))  # type: ignore[arg-type]
    if last_prefix != prefix:
        raise GuestwireError("CPUSET-SYNTAX", f"{part!r} has different prefixes at its ends", field="cpuset")
    if int(last) < int(first):
        raise GuestwireError("CPUSET-SYNTAX", f"{part!r} ends before it begins", field="cpuset")
    return Item(prefix, int(first), int(last))  # type: ignore[arg-type]


def format_cpuset(cpuset: Cpuset) -> str:
    """The text of a parsed set: `parse(format_cpuset(c)) == c`."""
    return ("~" if cpuset.inverted else "") + ",".join(
        f"{prefix}{first}" if first == last else f"{prefix}{first}-{prefix}{last}"
        for prefix, first, last in cpuset.items
    )


def expand(cpuset: Cpuset | str, topology: Topology) -> frozenset[int]:
    """The CPUs a set means on this machine. Raises CPUSET-SYNTAX, and CPUSET-UNKNOWN for what is not there."""
    parsed = parse(cpuset) if isinstance(cpuset, str) else cpuset
    chosen: set[int] = set()
    for item in parsed.items:
        place = _PLACES[item.prefix]
        found = {cpu.id: where for cpu in topology.cpus if (where := place(cpu)) is not None}
        inside = {cpu for cpu, where in found.items() if item.first <= where <= item.last}
        if len({found[cpu] for cpu in inside}) != item.last - item.first + 1:
            raise _unknown(item, set(found.values()))
        chosen |= inside
    return topology.cpu_ids() - chosen if parsed.inverted else frozenset(chosen)


def _unknown(item: Item, known: set[int]) -> GuestwireError:
    missing = next(number for number in range(item.first, item.last + 1) if number not in known)
    return GuestwireError(
        "CPUSET-UNKNOWN",
        f"the host has no {_WORDS[item.prefix]} {missing}",
        field="cpuset",
        detail={"item": format_cpuset(Cpuset((item,))), "missing": missing},
    )


def to_libvirt(cpus: Iterable[int]) -> str:
    """CPU numbers as libvirt and the kernel's lists write them: ascending, ranges joined ("0-3,7"); "" for none."""
    ranges: list[list[int]] = []
    for cpu in sorted(set(cpus)):
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def from_libvirt(text: str) -> frozenset[int]:
    """The CPUs of libvirt's notation or a kernel list ("0-7,^3"); "" is none. Raises CPUSET-SYNTAX."""
    chosen: set[int] = set()
    for part in filter(None, (part.strip() for part in text.strip().split(","))):
        match = _LIBVIRT_ITEM.fullmatch(part)
        if match is None:
            raise GuestwireError("CPUSET-SYNTAX", f"{part!r} is not an item of a CPU list", field="cpuset")
        first, last = int(match[2]), int(match[3] or match[2])
        if last < first or last >= _LARGEST:
            raise GuestwireError("CPUSET-SYNTAX", f"{part!r} is not a range of CPUs", field="cpuset")
        members = range(first, last + 1)
        if match[1]:
            chosen.difference_update(members)
        else:
            chosen.update(members)
    return frozenset(chosen)


def to_mask(cpus: Iterable[int]) -> str:
    """CPUs as the kernel writes masks: hexadecimal, groups of 32 bits, the highest first ("ff,ffffffff"); "0" for none."""
    digits = f"{sum(1 << cpu for cpu in set(cpus)):x}"
    return ",".join(digits[max(0, end - 8) : end] for end in range(len(digits) % 8 or 8, len(digits) + 1, 8))


def from_mask(text: str) -> frozenset[int]:
    """The CPUs of a kernel's mask. Raises CPUSET-SYNTAX."""
    digits = text.strip().replace(",", "")
    if not _MASK.fullmatch(digits):
        raise GuestwireError("CPUSET-SYNTAX", f"{text[:40]!r} is no mask of CPUs", field="cpuset")
    bits = int(digits, 16)
    return frozenset(cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)
