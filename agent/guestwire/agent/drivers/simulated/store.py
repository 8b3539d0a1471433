"""What a simulated host keeps over a restart of its process: definitions, power states, counters.

An append-only log of JSON lines, `guests.jsonl`, opened for each write and closed again, so that an idle host holds no
file open. A torn last line (the process died in the write) is dropped, as the write it stands for never returned.
A line is in the page cache when a call returns, so it survives `kill -9`; `sync` makes it survive a power cut too and
is used for definitions only: a power cut of this machine is one of the simulated host as well, and no guest runs after it.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from guestwire.agent.services.ports import PowerState
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest

_COMPACT_BYTES = 64 * 1024


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
    """What a log holds: how often the host itself was booted, and its guests by uuid."""

    host_boots: int
    guests: dict[str, tuple[Guest, Power]]


class GuestLog:
    """The log of one simulated host. With no directory nothing is written and everything ends with the process."""

    __slots__ = ("_path", "_size")

    def __init__(self, directory: Path | None) -> None:
        self._path = None if directory is None else directory / "guests.jsonl"
        self._size = 0

    def load(self) -> Stored:
        """Read the log, drop a torn last line, and write it anew when most of it is history."""
        if self._path is None:
            return Stored(1, {})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        data = self._path.read_bytes() if self._path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        stored = _replay(whole)
        self._size = len(whole)
        if len(whole) != len(data) or self._size > _COMPACT_BYTES:
            self.rewrite(stored)
        return stored

    def rewrite(self, stored: Stored) -> None:
        """Replace the log by what it amounts to: a new file, synced, renamed over the old one."""
        if self._path is None:
            return
        lines = [{"host": stored.host_boots}]
        lines += [_line(guest.uuid or "", guest, power) for guest, power in stored.guests.values()]
        data = _encode(lines)
        fresh = self._path.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            _sync(self._path.parent)
        except OSError as err:
            raise _full(err) from err
        self._size = len(data)

    def append(self, uuid: str, *, guest: Guest | None = None, power: Power | None = None) -> None:
        """Write what changed of a guest; neither means that it was undefined. RESOURCE-EXHAUSTED when it cannot."""
        self._append(_encode([_line(uuid, guest, power)]))

    def append_host_boot(self, boots: int) -> None:
        self._append(_encode([{"host": boots}]))

    def sync(self) -> None:
        """Make everything appended survive a power cut. Blocks for as long as the disk takes."""
        if self._path is None:
            return
        try:
            _sync(self._path)
            _sync(self._path.parent)
        except OSError as err:
            raise _full(err) from err

    @property
    def worn(self) -> bool:
        """Whether the log is long enough to be written anew."""
        return self._size > 4 * _COMPACT_BYTES

    def _append(self, data: bytes) -> None:
        if self._path is None:
            return
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                written = os.write(descriptor, data)
                if written != len(data):
                    # a torn line in the middle would end the log there at the next start
                    os.ftruncate(descriptor, self._size)
                    raise OSError(28, "No space left on device")
            finally:
                os.close(descriptor)
        except OSError as err:
            raise _full(err) from err
        self._size += len(data)


def _line(uuid: str, guest: Guest | None, power: Power | None) -> dict[str, Any]:
    line: dict[str, Any] = {"uuid": uuid}
    if guest is not None:
        line["guest"] = guest.model_dump(mode="json", exclude_defaults=True)
    if power is not None:
        line["power"] = list(power)
    return line


def _encode(lines: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)


def _replay(data: bytes) -> Stored:
    boots = 1
    guests: dict[str, tuple[Guest, Power]] = {}
    for number, text in enumerate(data.splitlines(), 1):
        try:
            line = json.loads(text)
            if "host" in line:
                boots = int(line["host"])
                continue
            uuid = line["uuid"]
            guest = Guest.model_validate_json(json.dumps(line["guest"])) if "guest" in line else None
            if guest is None and "power" not in line:
                guests.pop(uuid, None)
                continue
            known = guests.get(uuid)
            power = Power(*line["power"]) if "power" in line else known[1] if known else Power()
            guests[uuid] = (guest or guests[uuid][0], power)
        except (ValueError, KeyError, TypeError) as err:
            raise GuestwireError("INTERNAL", f"the simulated host's log is damaged in line {number}") from err
    return Stored(boots, guests)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _full(err: OSError) -> GuestwireError:
    return GuestwireError(
        "RESOURCE-EXHAUSTED",
        f"the simulated host's disk took nothing: {err.strerror}",
        detail={"resource": "disk", "errno": err.errno},
    )
