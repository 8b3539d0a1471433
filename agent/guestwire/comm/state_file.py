"""What guestwire-comm knows after a restart: the last document, where everything in it lies, who was attached.

One JSON file, replaced whole (written beside it, synced, renamed): it is the old state or the new one, never half of it.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from guestwire.comm.cleared import ClearedBytes
from guestwire.comm.directs import DirectPlace
from guestwire.comm.placement import Placements
from guestwire.comm.regions import RegionsState
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError


class AttachedPeer(BaseModel):
    """Somebody who was attached: a process, by pid and start time (so that another process of that pid is not it). `name` and
    `uuid` of the guest whose QEMU it is; empty: a process of the host."""

    model_config = ConfigDict(frozen=True)

    name: str = ""
    uuid: str = ""
    pid: int
    started: int


class Before(BaseModel):
    """What was settled last, while another document holds that is not: what to go back to."""

    model_config = ConfigDict(frozen=True)

    document: CommDocument = CommDocument()
    placements: Placements = Placements()
    directs: dict[str, DirectPlace] = {}


class State(BaseModel):
    """`wanted`: whether the services are to run. `document` None: none was ever given. `boot_id`: Linux's name of the boot it
    was written in. `before` None: what holds is settled. `cleared`: what to find again when that comes back; what holds is
    settled, and there is some: it is to be put back now."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    document: CommDocument | None = None
    wanted: bool = True
    boot_id: str = ""
    regions: RegionsState = RegionsState()
    placements: Placements = Placements()
    directs: dict[str, DirectPlace] = {}
    before: Before | None = None
    cleared: tuple[ClearedBytes, ...] = ()
    peers: tuple[AttachedPeer, ...] = ()


class StateFile:
    """The file. Calls block for as long as the disk takes. `boot_id`: of this boot."""

    def __init__(self, path: Path, boot_id: str) -> None:
        self._path = path
        self.boot_id = boot_id

    def load(self) -> State:
        """An empty state when there is no file; of a boot before, its document alone: all memory went with it. Raises
        CONFIG-INVALID when it cannot be read: it is never thrown away in silence, for it says where memory of running guests
        lies."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return State(placements=_never_used())
        except OSError as err:
            raise GuestwireError("CONFIG-INVALID", f"{self._path}: {err.strerror}") from err
        try:
            state = State.model_validate_json(text)
        except ValidationError as err:
            why = f"{self._path} is damaged or of a newer version: move it away, then restart the guests that run."
            raise GuestwireError("CONFIG-INVALID", why, field=str(self._path)) from err
        if state.boot_id == self.boot_id:
            return state
        return State(document=state.document, wanted=state.wanted, placements=_never_used())

    def save(self, state: State) -> None:
        """Raises REGION-FULL when the disk takes no more."""
        fresh = self._path.with_name(f".{self._path.name}.new")
        try:
            with fresh.open("wb") as out:
                out.write(state.model_dump_json(exclude_defaults=True).encode())
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as err:
            with suppress(OSError):
                fresh.unlink()
            raise GuestwireError("REGION-FULL", f"{self._path}: {err.strerror}") from err


def boot_id() -> str:
    """Linux's name for this boot; empty where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _never_used() -> Placements:
    """Numbers that nobody has seen: a guest may remember those of a state that was lost."""
    return Placements(next_generation=secrets.randbelow(1 << 48) + 1)


def process_started(pid: int) -> int | None:
    """When a process began, in clock ticks since boot (proc(5), stat field 22); None: there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[19])
