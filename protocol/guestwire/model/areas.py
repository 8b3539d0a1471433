"""What guests share: memory areas with access modes, and the queues and locks in them. An area is declared here; the
memory behind it is its region, which guestwire-comm owns."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guestwire.model.base import Model

ShortText = Annotated[str, StringConstraints(max_length=255)]
LARGEST_AREA = 512 << 20
"""Bytes: the largest region of ACRN's ivshmem."""
SMALLEST_BACKING = 1 << 20
DATA_OFFSET = 4096
"""Where an area's bytes begin in its region: behind the region's header (GW_DATA_OFFSET of the layouts)."""
SYSTEM_AREA = "RtosLibMsgQueue"
"""The area that queues and locks live in which name no other: made with the first of them, never deleted (SM 9)."""


class MemoryArea(Model):
    """A named area. `size` in bytes. `default_access` holds for every guest that `overrides` (guest name: mode) does not
    name; both are modes as `access` reads them."""

    name: ShortText
    kind: Literal["user", "system", "heap"] = "user"
    size: int
    default_access: ShortText = "RWC-"
    overrides: dict[str, ShortText] = {}

    @property
    def is_system(self) -> bool:
        """Whether it is protected: while a guest with communication is there it is never deleted or made smaller (SM 9)."""
        return self.kind == "system" or self.name == SYSTEM_AREA

    @property
    def backing_size(self) -> int:
        """Bytes of the region: a power of two, at least 1 MiB, as a PCI BAR needs (ivshmem), with room for its header."""
        return backing_of(self.size)


def backing_of(size: int) -> int:
    """Bytes of the region of an area of so many bytes."""
    return max(SMALLEST_BACKING, 1 << max(0, DATA_OFFSET + size - 1).bit_length())


def system_area() -> MemoryArea:
    """The area of that name as it is made: protected, 6 MiB, for everybody (SM 9)."""
    return MemoryArea(name=SYSTEM_AREA, kind="system", size=6 << 20)


class Queue(Model):
    """A message queue in an area: a ring of fixed slots for each writer, read by one."""

    name: ShortText
    area: ShortText = SYSTEM_AREA
    slots: Annotated[int, Field(ge=2, le=1 << 16)] = 64
    slot_bytes: Annotated[int, Field(ge=1, le=1 << 20)] = 256
    writers: tuple[str, ...] = ()
    reader: ShortText = ""


class Lock(Model):
    """A lock in an area, with a fencing token."""

    name: ShortText
    area: ShortText = SYSTEM_AREA
