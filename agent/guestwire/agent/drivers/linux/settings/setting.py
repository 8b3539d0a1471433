"""What every setting of a host offers, and the place it is applied to."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guestwire.agent.drivers.linux.command import Run
from guestwire.model.settings import HostSettings


@dataclass(frozen=True, slots=True)
class Place:
    """A host: the root of its files ("/", or a directory that stands for it) and how commands are run on it (as they are,
    or in a network namespace)."""

    root: Path
    run: Run

    def file(self, path: str) -> Path:
        """Where an absolute path of the host is."""
        return self.root / path.lstrip("/")


async def nothing_runs(place: Place) -> Any:
    """Of a setting that is in its files alone."""
    return None


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting. All of it raises UNSUPPORTED where the host has no such thing, DRIVER-ERROR where a tool failed.

    read      its value now, None where it cannot be told
    set       make it what `wanted` says, now and after a boot
    files     the absolute paths that `set` may touch, as they are now
    running   what is true now besides the files, as plain values
    resume    make that true again, once the files are back
    """

    read: Callable[[Place], Awaitable[Any]]
    set: Callable[[Place, HostSettings], Awaitable[None]]
    files: Callable[[Place], Sequence[str]]
    running: Callable[[Place], Awaitable[Any]]
    resume: Callable[[Place, Any], Awaitable[None]]
