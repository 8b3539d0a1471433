"""The regions of a host: which there are, under which acpi-index, and what was set aside until the document is settled."""

import os
import secrets
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Annotated, NamedTuple, Protocol

from pydantic import Field

from guestwire.comm.region import Region, RegionKind, RegionRow, adopt_region, make_region
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.shm.layouts import NUMBERS

DIRECTORY_INDEX: int = NUMBERS["GW_DIRECTORY_INDEX"]
FIRST_INDEX = DIRECTORY_INDEX + 1
LAST_INDEX = 16000
"""QEMU takes an acpi-index up to 16383."""
LIMIT_BYTES = 64 << 30
"""What all regions may take together, if every byte of them is written."""

_INDEXED = (RegionKind.AREA, RegionKind.DIRECT)
_OWN_INDEX = {RegionKind.DIRECTORY: DIRECTORY_INDEX, RegionKind.CONTROL: 0}
"""Every guest has one directory, under the same index; the control region belongs to the doorbell's device."""


class Keeper(Protocol):
    """Who keeps fds of regions while we restart."""

    def keep(self, word: str, fd: int) -> bool:
        """Keep a duplicate under that name; False: nobody keeps it."""
        ...

    def drop(self, word: str) -> None: ...


class RegionsState(Model):
    """What is kept of the regions over a restart."""

    next_index: Annotated[int, Field(ge=FIRST_INDEX, le=LAST_INDEX)] = FIRST_INDEX
    rows: tuple[RegionRow, ...] = ()


class Mark(NamedTuple):
    """The regions as they were: the logical size of each generation, and which were set aside."""

    sizes: Mapping[int, int]
    aside: frozenset[int]


def random_generation() -> int:
    """63 random bits: never the same twice, over restarts and lost states too."""
    return int.from_bytes(secrets.token_bytes(8)) >> 1


class RegionStore:
    """Regions by kind and name, at most one each; others of that name may be set aside. Owns them: `close` lets go of all,
    and what a keeper has stays kept. An acpi-index comes back only when all others were used: a guest that still has the
    device of a region that is gone does not take another one for it."""

    def __init__(
        self,
        *,
        keeper: Keeper | None = None,
        group: int | None = None,
        limit_bytes: int = LIMIT_BYTES,
        next_index: int = FIRST_INDEX,
        generations: Callable[[], int] = random_generation,
    ) -> None:
        """`group`: whose members may open a region's path in /proc for writing (the group that QEMU runs with)."""
        self._keeper = keeper
        self._group = group
        self._limit = limit_bytes
        self._next_index = next_index
        self._generations = generations
        self._held: dict[tuple[RegionKind, str], Region] = {}
        self._aside: list[Region] = []

    @property
    def held(self) -> tuple[Region, ...]:
        return tuple(self._held.values())

    @property
    def aside(self) -> tuple[Region, ...]:
        return tuple(self._aside)

    @property
    def total_bytes(self) -> int:
        """What all regions may take, also those set aside."""
        return sum(region.backing for region in (*self._held.values(), *self._aside))

    def find(self, kind: RegionKind, name: str) -> Region | None:
        return self._held.get((kind, name))

    def make(self, kind: RegionKind, name: str, size: int = 0) -> Region:
        """A new region, zeroed. `size`: bytes of an area or of direct words; the other kinds have their own. Raises
        REGION-FULL, ValueError when there is one or `size` is none."""
        if (kind, name) in self._held:
            raise ValueError(f"there is a region {kind.name} {name}")
        backing = kind.backing(size)
        if self.total_bytes + backing > self._limit:
            raise GuestwireError(
                "REGION-FULL",
                f"the region of {name} takes {backing} bytes; all regions may take {self._limit}, {self.total_bytes} are taken",
                detail={"area": name, "needed": backing, "available": self._limit - self.total_bytes},
            )
        index = self._free_index(name) if kind in _INDEXED else _OWN_INDEX[kind]
        row = RegionRow(
            kind=kind.value, name=name, size=size, backing=backing, index=index, generation=self._generation()
        )
        region = make_region(row, self._group)
        if kind in _INDEXED:
            self._next_index = index + 1 if index < LAST_INDEX else FIRST_INDEX
        self._held[kind, name] = region
        self._keep(region)
        return region

    def ensure(
        self,
        kind: RegionKind,
        name: str,
        size: int = 0,
        *,
        copy: Callable[[Region, Region], None] = lambda new, old: new.copy_from(old),
    ) -> Region:
        """The region of that name and size. One that is there stays, with a new size where its backing has room; one that
        was set aside comes back as it was; else it is new, with the content of the one before, which is set aside.
        `copy` brings that content over, or sees to it that it is. Raises as `make`; then nothing has changed."""
        now = self._held.get((kind, name))
        backing = kind.backing(size)
        if now is not None and now.backing == backing:
            if now.size != size:
                now.resize(size)
            return now
        before = self.mark()
        self.set_aside(kind, name)
        try:
            if (region := self.bring_back(kind, name, backing)) is not None:
                if region.size != size:
                    region.resize(size)
            else:
                region = self.make(kind, name, size)
                if now is not None:
                    copy(region, now)
        except BaseException:
            self.back_to(before)
            raise
        return region

    def set_aside(self, kind: RegionKind, name: str) -> None:
        """The document has it no more: it waits, with its content, for `bring_back` or `reap`."""
        if (region := self._held.pop((kind, name), None)) is not None:
            self._put(region, aside=True)

    def bring_back(self, kind: RegionKind, name: str, backing: int | None = None) -> Region | None:
        """The last one of that name that was set aside, of that backing where one is asked for. None: there is none. Raises
        ValueError while there is another of that name."""
        for region in reversed(self._aside):
            if region.kind is kind and region.name == name and backing in (None, region.backing):
                if (kind, name) in self._held:
                    raise ValueError(f"there is a region {kind.name} {name}")
                self._aside.remove(region)
                self._put(region, aside=False)
                return region
        return None

    def reap(self) -> tuple[RegionRow, ...]:
        """Settled: what was set aside is let go for good. Returns what that was."""
        gone = tuple(region.row for region in self._aside)
        while self._aside:
            self._discard(self._aside.pop())
        return gone

    def mark(self) -> Mark:
        """How it is now, for `back_to` when what follows fails."""
        return Mark(
            {region.generation: region.size for region in (*self._held.values(), *self._aside)},
            frozenset(region.generation for region in self._aside),
        )

    def back_to(self, mark: Mark) -> None:
        """As it was: what was made since is let go, what was set aside since comes back, sizes too. What was reaped since
        is gone, and does not come back."""
        now = (*self._held.values(), *self._aside)
        self._held.clear()
        self._aside.clear()
        for region in now:
            if (size := mark.sizes.get(region.generation)) is None:
                self._discard(region)
                continue
            if region.size != size:
                region.resize(size)
            self._put(region, aside=region.generation in mark.aside)

    def to_state(self) -> RegionsState:
        rows = (region.row for region in (*self._held.values(), *self._aside))
        return RegionsState(next_index=self._next_index, rows=tuple(rows))

    def adopt(self, state: RegionsState, fds: Mapping[str, int]) -> tuple[RegionRow, ...]:
        """Take up the regions of a state, whose fds (by the regions' words) were kept or found. The fds are ours then; those
        that are not what they should be, and those of no region, are closed and kept no more. Returns the rows that are
        lost: nothing was made in their place. Only for a store that is new."""
        if self._held or self._aside:
            raise ValueError("a store that has regions takes up none")
        self._next_index = state.next_index
        left, lost = dict(fds), []
        for row in state.rows:
            region = adopt_region(row, left[row.word]) if row.word in left else None
            if region is None:
                lost.append(row)
                continue
            del left[row.word]
            self._put(region, aside=row.aside)
            self._keep(region)
        for word, fd in left.items():
            os.close(fd)
            if self._keeper is not None:
                self._keeper.drop(word)
        return tuple(lost)

    def close(self) -> None:
        for region in (*self._held.values(), *self._aside):
            region.close()
        self._held.clear()
        self._aside.clear()

    def _put(self, region: Region, *, aside: bool) -> None:
        region.row = region.row.model_copy(update={"aside": aside})
        if aside:
            self._aside.append(region)
        else:
            self._held[region.kind, region.name] = region

    def _keep(self, region: Region) -> None:
        if self._keeper is not None:
            self._keeper.keep(region.row.word, region.fd)

    def _discard(self, region: Region) -> None:
        if self._keeper is not None:
            self._keeper.drop(region.row.word)
        region.close()

    def _free_index(self, name: str) -> int:
        taken = {region.index for region in (*self._held.values(), *self._aside)}
        for index in chain(range(self._next_index, LAST_INDEX + 1), range(FIRST_INDEX, self._next_index)):
            if index not in taken:
                return index
        raise GuestwireError(
            "REGION-FULL", f"no acpi-index is left for {name}", detail={"area": name, "needed": 1, "available": 0}
        )

    def _generation(self) -> int:
        taken = {0, *(region.generation for region in (*self._held.values(), *self._aside))}
        generation = self._generations()
        while generation in taken:
            generation = self._generations()
        return generation


def lost_error(row: RegionRow) -> GuestwireError:
    """What a lost region is told as."""
    return GuestwireError(
        "REGION-LOST",
        f"the content of {row.name} is gone: nobody has its memory any more. Restart the guests that have it",
        detail={"area": row.name, "index": row.index, "generation": str(row.generation)},
    )
