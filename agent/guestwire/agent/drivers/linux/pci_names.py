"""The names of PCI devices, from the list of PCI ids that the operating system has (Debian: the package pci.ids)."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from guestwire.model.topology import PciDevice

_FILES = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")
_LINE = re.compile(r"(\t{0,2})([0-9a-f]{4})(?: ([0-9a-f]{4}))?  (.+)")
_LONGEST = 200

Ids = tuple[int, int, int | None, int | None]
"""Vendor, device, and vendor and device of the subsystem."""


class Names(NamedTuple):
    vendor: str | None = None
    device: str | None = None
    subsystem: str | None = None


class PciNames:
    """Keeps the names of the devices that were asked for; the list is read again only for one that is new."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Ids, Names] = {}

    def of(self, devices: Iterable[PciDevice]) -> dict[Ids, Names]:
        wanted = {ids(device) for device in devices}
        if not wanted <= self._known.keys():
            self._known = _read(self._root, wanted)
        return self._known


def ids(device: PciDevice) -> Ids:
    return device.vendor, device.device, device.subsystem_vendor, device.subsystem_device


def _read(root: Path, wanted: set[Ids]) -> dict[Ids, Names]:
    vendors = {vendor for vendor, *_ in wanted}
    names: dict[tuple[int | None, ...], str] = {}
    vendor = device = -1
    for depth, first, second, name in _lines(root):
        if depth == 0:
            vendor, device = first, -1
            names[(vendor,)] = name
        elif vendor not in vendors:
            continue
        elif depth == 1:
            device = first
            names[vendor, device] = name
        elif second is not None:
            names[vendor, device, first, second] = name
    return {one: Names(names.get(one[:1]), names.get(one[:2]), names.get(one)) for one in wanted}


def _lines(root: Path) -> Iterator[tuple[int, int, int | None, str]]:
    """Depth, one or two numbers, name: vendors, below them devices, below these subsystems. What else is listed is left."""
    path = next((root / name for name in _FILES if (root / name).is_file()), None)
    if path is None:
        return
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("C "):  # the list of classes follows, and is the last
                    return
                if (match := _LINE.fullmatch(line.rstrip())) is not None:
                    depth, first, second, name = match.groups()
                    yield len(depth), int(first, 16), None if second is None else int(second, 16), name[:_LONGEST]
    except OSError:
        return
