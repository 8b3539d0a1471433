"""What a driver is told of a guest's areas, from guestwire-comm's own answers."""

from pathlib import Path

from comm_twin import CommTwin

from guestwire.agent.comm_areas import CommAreas
from guestwire.comm.client import CommClient
from guestwire.model.areas import MemoryArea
from guestwire.model.communication import CommDocument, CommGuest

UUID = "00000000-0000-4000-8000-000000000001"
AREAS = 5


def document(name: str) -> CommDocument:
    areas = tuple(MemoryArea(name=f"m{n}", size=1000) for n in range(AREAS))
    return CommDocument(guests=(CommGuest(name=name, uuid=UUID),), areas=areas)


async def test_the_document_is_not_fetched_for_each_file(tmp_path: Path) -> None:
    async with CommTwin(tmp_path) as twin, CommClient(tmp_path) as client:
        areas = CommAreas(client)
        await client.apply(document("a"))
        plugs = await areas.wanted(UUID)
        assert len(plugs) >= AREAS
        for plug in plugs:
            async with areas.opened(UUID, plug):
                pass
        assert [name for name, _ in twin.issuers].count("comm-held") == 1


async def test_a_guest_that_was_not_known_yet_is_asked_for(tmp_path: Path) -> None:
    async with CommTwin(tmp_path), CommClient(tmp_path) as client, CommClient(tmp_path) as other:
        areas = CommAreas(client)
        assert await areas.wanted(UUID) == ()
        await other.apply(document("a"))
        plug, *_ = await CommAreas(other).wanted(UUID)
        async with areas.opened(UUID, plug) as file:
            assert file > 2
