"""What a simulated host keeps of its guests over a restart of its process: definitions, pins, power states, counters.

A log of JSON lines, `guests.jsonl`. It is synced for definitions only: a power cut of this machine is one of the simulated
host as well, and no guest runs after it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from guestwire.agent.drivers.simulated.lines import LineLog, damaged
from guestwire.agent.drivers.simulated.process import Process
from guestwire.agent.services.ports import PowerState
from guestwire.model.guest import Guest
from guestwire.model.pinning import Pinning, pack_pins, unpack_pins

ON: frozenset[PowerState] = frozenset({"running", "paused", "stopping"})
"""The states in which a guest has a process."""


class Power(NamedTuple):
    """A guest's power, when it came to it (Unix ms), and how often it was booted and reset."""

    state: PowerState = "stopped"
    reason: str = ""
    since_ms: int = 0
    button_ms: int = 0
    """When the power button was pressed; 0 when it was not."""
    boots: int = 0
    resets: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """What a log holds: how often the host itself was booted; its guests by uuid; the pins and the processes of those that
    have them."""

    host_boots: int
    guests: dict[str, tuple[Guest, Power]] = field(default_factory=dict)
    pins: dict[str, Pinning] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)


class GuestLog:
    """The log of one simulated host. With no directory nothing is written and everything ends with the process."""

    __slots__ = ("_lines",)

    def __init__(self, directory: Path | None) -> None:
        self._lines = LineLog(None if directory is None else directory / "guests.jsonl")

    def load(self) -> Stored:
        """Read the log, and write it anew when most of it is history. Raises INTERNAL for a damaged one."""
        stored = _replay(self._lines.load())
        if self._lines.old:
            self.rewrite(stored)
        return stored

    def rewrite(self, stored: Stored) -> None:
        """Replace the log by what it amounts to."""
        self._lines.rewrite(_whole(stored))

    def append(self, uuid: str, line: dict[str, Any]) -> None:
        """Write what changed of a guest: one of the lines below. RESOURCE-EXHAUSTED when it cannot."""
        self._lines.append({"uuid": uuid, **line})

    def append_host_boot(self, boots: int) -> None:
        self._lines.append({"host": boots})

    def sync(self) -> None:
        """Make everything appended survive a power cut. Blocks for as long as the disk takes."""
        self._lines.sync()

    @property
    def worn(self) -> bool:
        """Whether the log is long enough to be written anew."""
        return self._lines.worn


def defined(guest: Guest, pins: Pinning | None) -> dict[str, Any]:
    line: dict[str, Any] = {"guest": guest.model_dump(mode="json", exclude_defaults=True)}
    return line if pins is None else {**line, "pins": pack_pins(pins)}


def undefined() -> dict[str, Any]:
    return {}


def powered(power: Power, *, started: bool = False) -> dict[str, Any]:
    """`started`: a new process, made of the definition as it is."""
    return {"power": list(power), "started": True} if started else {"power": list(power)}


def retuned() -> dict[str, Any]:
    """The process got the definition's pins."""
    return {"retuned": True}


def media(disk: int, path: str | None) -> dict[str, Any]:
    return {"media": [disk, path]}


def _whole(stored: Stored) -> Iterator[dict[str, Any]]:
    yield {"host": stored.host_boots}
    for uuid, (guest, power) in stored.guests.items():
        pins, process = stored.pins.get(uuid), stored.processes.get(uuid)
        if process is not None:
            yield {"uuid": uuid, **defined(process.guest, process.pins), **powered(power, started=True)}
            if (process.guest, process.pins) != (guest, pins):
                yield {"uuid": uuid, **defined(guest, pins)}
        else:
            yield {"uuid": uuid, **defined(guest, pins), **powered(power)}


def _replay(lines: list[dict[str, Any]]) -> Stored:
    stored, boots = Stored(1), 1
    for number, line in enumerate(lines, 1):
        try:
            if "host" in line:
                boots = int(line["host"])
            else:
                _replay_guest(stored, line["uuid"], line)
        except (ValueError, KeyError, TypeError, IndexError) as err:
            raise damaged(number) from err
    return Stored(boots, stored.guests, stored.pins, stored.processes)


def _replay_guest(stored: Stored, uuid: str, line: dict[str, Any]) -> None:
    if line.keys() == {"uuid"}:
        for table in (stored.guests, stored.pins, stored.processes):
            table.pop(uuid, None)
        return
    if "guest" in line:
        guest = Guest.model_validate_json(json.dumps(line["guest"]))
        known = stored.guests.get(uuid)
        stored.guests[uuid] = (guest, known[1] if known else Power())
        stored.pins.pop(uuid, None)
        if (pins := unpack_pins(line.get("pins"))) is not None:
            stored.pins[uuid] = pins
    if "power" in line:
        power = Power(*line["power"])
        guest = stored.guests[uuid][0]
        stored.guests[uuid] = (guest, power)
        if power.state not in ON:
            stored.processes.pop(uuid, None)
        elif "started" in line or uuid not in stored.processes:
            stored.processes[uuid] = Process(guest, stored.pins.get(uuid))
    if "retuned" in line:
        stored.processes[uuid] = stored.processes[uuid].with_pins(stored.pins.get(uuid))
    if "media" in line:
        stored.processes[uuid] = stored.processes[uuid].with_media(int(line["media"][0]), line["media"][1])
