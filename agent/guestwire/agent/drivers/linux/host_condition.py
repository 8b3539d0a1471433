"""What of the host changes slowly: temperatures, room in file systems, where its nodes' pages came from. Every function blocks;
a file system that hangs (a network's) blocks for ever.

A per-core sensor of an Intel CPU is read by interrupting that core (coretemp reads a register of it), so of those the package's
is read only: an isolated CPU is not to be disturbed to learn how warm it is.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from guestwire.agent.drivers.linux.host_load import nodes

MOST_SENSORS = 64
_DEGREES = range(-100, 251)
"""What a sensor that works can say; one that is not connected says something else."""
_RESULTS = {
    "numa_hit": "hit",
    "numa_miss": "miss",
    "numa_foreign": "foreign",
    "local_node": "local",
    "other_node": "other",
}
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def read_temperatures(root: Path) -> Mapping[str, float]:
    """Degrees by sensor, `chip label`; the second of a name is `chip#2 label`. Thermal zones where there is no chip."""
    found: dict[str, float] = {}
    seen: dict[str, int] = {}
    for folder in sorted((root / "sys/class/hwmon").glob("hwmon*"), key=_place):
        chip = _text(folder / "name") or folder.name
        seen[chip] = seen.get(chip, 0) + 1
        shown = chip if seen[chip] == 1 else f"{chip}#{seen[chip]}"
        for file in sorted(folder.glob("temp*_input"), key=_place):
            label = _text(file.with_name(file.name.replace("_input", "_label"))) or file.name.removesuffix("_input")
            if chip == "coretemp" and not label.startswith("Package"):
                continue
            _put(found, f"{shown} {label}", file)
    if not found:
        for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*"), key=_place):
            _put(found, f"{_text(zone / 'type') or 'thermal'} {zone.name}", zone / "temp")
    return found


def read_file_systems(root: Path, folders: Sequence[Path]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Bytes, and those that are free to programs without a privilege. A folder that is not there (yet) is left out."""
    for folder in folders:
        with suppress(OSError):
            found = os.statvfs(root / folder.relative_to("/"))
            yield str(folder), (found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def read_allocations(root: Path) -> Iterator[tuple[int, Mapping[str, int]]]:
    """Pages by node and result."""
    for number, folder in nodes(root):
        lines = (line.split() for line in _text(folder / "numastat").splitlines())
        counts = {_RESULTS[fields[0]]: int(fields[1]) for fields in lines if len(fields) > 1 and fields[0] in _RESULTS}
        if counts:
            yield number, counts


def _put(found: dict[str, float], sensor: str, file: Path) -> None:
    text = _text(file)  # a sensor that does not work now cannot be read
    if not text.lstrip("-").isdecimal() or len(found) >= MOST_SENSORS:
        return
    degrees = int(text) / 1000
    if round(degrees) in _DEGREES:
        found[_UNPRINTABLE.sub("?", sensor)[:128]] = degrees


def _place(path: Path) -> tuple[int, str]:
    number = re.search(r"\d+", path.name)
    return (int(number[0]) if number else 0, path.name)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
