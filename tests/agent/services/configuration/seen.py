"""All that can be seen of a simulated host and of its guests' folders, to compare it before and after."""

from dataclasses import dataclass
from typing import Any

from guestwire.model.settings import HostSettings

from .conftest import Rig


@dataclass(frozen=True)
class Seen:
    """All that a host shows: definitions, power, processes, images, settings, files."""

    definitions: dict[str, str | None]
    running: frozenset[str]
    processes: dict[str, Any]
    images: dict[str, Any]
    settings: HostSettings
    files: dict[str, bytes]


async def look(rig: Rig) -> Seen:
    observed = await rig.host.list()
    folders = rig.folder / "guests"
    return Seen(
        {o.guest.uuid or "": await rig.host.definition(o.guest.uuid or "") for o in observed},
        frozenset(o.guest.name for o in observed if o.state == "running"),
        {process.guest.name: process for process in rig.host._guests.processes()},
        {path: entry for path, entry in rig.host.images._registry._loaded().items() if entry is not None},
        # interrupts follow the rt guests that run, a moment later: the tuning does that, not the apply
        (await rig.host.control.settings()).model_copy(update={"irq_affinity": None}),
        {str(path.relative_to(folders)): path.read_bytes() for path in folders.rglob("*") if path.is_file()},
    )
