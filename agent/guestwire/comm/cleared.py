"""What lay where rings and locks were laid anew, until that is settled: the document before is to find it again, also after our
restart. So it is on disk before anything is cleared."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from guestwire.comm.placement import Placements, laid_anew
from guestwire.comm.region import Region


class ClearedBytes(BaseModel):
    """What was at an offset of a region, by its generation."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    region: int
    offset: int
    content: bytes


class Cleared:
    """In the order in which it was cleared."""

    def __init__(self, rows: Iterable[ClearedBytes] = ()) -> None:
        self._contents = {(row.region, row.offset): row.content for row in rows}

    @property
    def rows(self) -> tuple[ClearedBytes, ...]:
        """For the disk."""
        return _rows(self._contents)

    def with_those(self, before: Placements, after: Placements, regions: Iterable[Region]) -> tuple[ClearedBytes, ...]:
        """What `rows` will be when `clear` was called; nothing is cleared yet."""
        return _rows(self._contents | self._new(before, after, regions))

    def clear(self, before: Placements, after: Placements, regions: Iterable[Region]) -> None:
        """What is laid out anew begins empty."""
        regions = tuple(regions)
        self._contents |= self._new(before, after, regions)
        _write(regions, {(placed.region, placed.offset): bytes(placed.words) for placed in laid_anew(before, after)})

    def restore(self, regions: Iterable[Region]) -> None:
        """What was cleared is there again, the oldest at last: places overlap."""
        _write(regions, dict(reversed(self._contents.items())))

    def clear_again(self, regions: Iterable[Region]) -> None:
        """After our restart: what was written down and not cleared yet, because we ended in between, is cleared now. What holds
        something else is in use."""
        by_generation = {region.generation: region for region in regions}
        left = {
            at: bytes(len(content))
            for at, content in self._contents.items()
            if (region := by_generation.get(at[0])) is not None
            and region.memory[at[1] : at[1] + len(content)] == content
        }
        _write(by_generation.values(), left)

    def forget(self) -> None:
        """Settled, or restored."""
        self._contents = {}

    def _new(self, before: Placements, after: Placements, regions: Iterable[Region]) -> dict[tuple[int, int], bytes]:
        """What lies where nothing was cleared before."""
        by_generation = {region.generation: region for region in regions}
        return {
            at: bytes(region.memory[placed.offset : placed.offset + placed.words])
            for placed in laid_anew(before, after)
            if (at := (placed.region, placed.offset)) not in self._contents
            and (region := by_generation.get(placed.region)) is not None
        }


def _rows(contents: Mapping[tuple[int, int], bytes]) -> tuple[ClearedBytes, ...]:
    return tuple(
        ClearedBytes(region=region, offset=offset, content=content) for (region, offset), content in contents.items()
    )


def _write(regions: Iterable[Region], contents: Mapping[tuple[int, int], bytes]) -> None:
    """A region that is not there any more is passed over."""
    by_generation = {region.generation: region for region in regions}
    for (generation, offset), content in contents.items():
        if (region := by_generation.get(generation)) is not None:
            region.memory[offset : offset + len(content)] = content
