"""What can fail of a change is done before anything of it is seen; what takes long holds nobody else up."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import pytest
from tests.support.comm_process import document

from guestwire.comm.holdings import Held
from guestwire.comm.natives import NativeEvents
from guestwire.comm.preparing import COPIED_AT_ONCE, Preparing
from guestwire.comm.region import RegionKind
from guestwire.comm.regions import RegionStore
from guestwire.model.areas import MemoryArea
from guestwire.model.communication import CommDocument
from guestwire.model.networks import VirtualNet
from guestwire.protocol.comm_models import NetView

KEY = RegionKind.AREA, "m"


class NoNetworks:
    async def apply(self, networks: Sequence[VirtualNet], host: str) -> None: ...

    async def capabilities(self) -> Mapping[str, str]:
        return {}

    async def views(self) -> tuple[NetView, ...]:
        return ()


@pytest.fixture
def store() -> Iterator[RegionStore]:
    made = RegionStore()
    yield made
    made.close()


def area(size: int) -> CommDocument:
    return document("a", areas=(MemoryArea(name="m", size=size),))


async def held(preparing: Preparing, size: int) -> Held:
    """As after an apply, with something at both ends of the area."""
    prepared = await preparing.prepare(area(size), Held(), CommDocument())
    preparing.take(prepared)
    region = prepared.held.regions[KEY]
    region.memory[4096:4101], region.memory[4091 + size : 4096 + size] = b"begin", b"ended"
    return prepared.held


@pytest.mark.parametrize("size", [COPIED_AT_ONCE // 2, COPIED_AT_ONCE * 2])
async def test_a_large_area_is_copied_while_others_are_served(store: RegionStore, size: int) -> None:
    preparing = Preparing(store, NativeEvents(), NoNetworks(), "h")
    before = await held(preparing, size)
    growing = asyncio.create_task(preparing.prepare(area(size * 4), before, before.document))
    await asyncio.sleep(0)
    assert growing.done() == (size < COPIED_AT_ONCE)
    prepared = await growing
    region = prepared.held.regions[KEY]
    assert region is not before.regions[KEY]
    assert (region.read(0, 5), region.read(size - 5, 5)) == (b"begin", b"ended")


async def test_who_gives_up_meanwhile_leaves_everything_as_it_was(store: RegionStore) -> None:
    preparing = Preparing(store, NativeEvents(), NoNetworks(), "h")
    before = await held(preparing, COPIED_AT_ONCE * 2)
    growing = asyncio.create_task(preparing.prepare(area(COPIED_AT_ONCE * 8), before, before.document))
    await asyncio.sleep(0)
    growing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await growing
    assert {(region.kind, region.name): region for region in store.held} == before.regions
    assert store.aside == ()
    assert before.regions[KEY].read(0, 5) == b"begin"
