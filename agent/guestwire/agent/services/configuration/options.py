"""How a document is to be applied: what the client asks for beside it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How a document is to be applied. `remove_disks`: images that are to go with it."""

    restart: bool = False
    include_disabled: bool = False
    remove_disks: tuple[str, ...] = ()
