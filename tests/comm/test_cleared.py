"""What rings and locks were laid over: there again when the document before comes back, whenever the process ended in
between."""

import itertools
import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from guestwire.comm.cleared import Cleared, ClearedBytes
from guestwire.comm.placement import PlacedLock, Placements
from guestwire.comm.region import Region, RegionKind
from guestwire.comm.regions import RegionStore

AT = 8192


@pytest.fixture
def region() -> Iterator[Region]:
    with closing(RegionStore()) as store:
        made = store.make(RegionKind.AREA, "m", 1 << 16)
        made.memory[4096 : 4096 + (1 << 16)] = os.urandom(1 << 16)
        yield made


def locks(region: Region, *offsets: int, generation: int = 1) -> Placements:
    return Placements(
        locks=tuple(
            PlacedLock(
                name=f"l{at}", area="m", region=region.generation, offset=at, kind="shared", generation=generation
            )
            for at in offsets
        )
    )


def written(cleared: Cleared) -> Cleared:
    """As it comes back from the disk."""
    return Cleared(ClearedBytes.model_validate_json(row.model_dump_json()) for row in cleared.rows)


def test_what_is_new_is_empty_and_what_was_there_comes_back(region: Region) -> None:
    before, cleared = bytes(region.memory), Cleared()
    steps = [Placements(), locks(region, AT), locks(region, AT + 64), locks(region, AT, AT + 128, generation=2)]
    for now, after in itertools.pairwise(steps):
        said = cleared.with_those(now, after, [region])
        cleared.clear(now, after, [region])
        assert cleared.rows == said
        for lock in after.locks:
            assert bytes(region.memory[lock.offset : lock.offset + lock.words]) == bytes(lock.words)
            region.memory[lock.offset : lock.offset + lock.words] = os.urandom(lock.words)
    written(cleared).restore([region])
    assert bytes(region.memory) == before


def test_what_was_cleared_and_is_used_by_now_is_left_alone(region: Region) -> None:
    cleared, after = Cleared(), locks(region, AT, AT + 128)
    cleared.clear(Placements(), after, [region])
    region.memory[AT : AT + 4] = b"used"
    region.memory[AT + 128 : AT + 256] = cleared.rows[1].content  # the process ended before it cleared the second
    written(cleared).clear_again([region])
    assert bytes(region.memory[AT : AT + 256]) == b"used".ljust(256, b"\0")


def test_a_region_that_is_gone_is_passed_over(region: Region) -> None:
    cleared = Cleared([ClearedBytes(region=region.generation + 1, offset=AT, content=b"x" * 128)])
    before = bytes(region.memory)
    cleared.restore([region])
    cleared.clear_again([region])
    assert bytes(region.memory) == before
    cleared.forget()
    assert cleared.rows == ()
