"""What is known of a host without asking it."""

import pytest
from desk import ALICE, H1, Desk, about

from guestwire.controller.fleet.inventory_document import InventoryDocument
from guestwire.controller.projects.known_hosts import known
from guestwire.controller.store import hosts
from guestwire.controller.store.database import Database
from guestwire.controller.store.host_tables import StoredDocument
from guestwire.model.errors import GuestwireError
from guestwire.model.machines import MACHINES
from guestwire.protocol.packing import pack
from guestwire.protocol.reported import ReportedBody

HYBRID = MACHINES["16-core-pe"].topology


@pytest.fixture
async def desk(database: Database) -> Desk:
    return Desk(database)


async def noted(desk: Desk, kind: str, at: int, body: object) -> None:
    async with desk.database.write() as tx:
        await hosts.put_documents(tx, [(H1, kind, StoredDocument(at, pack(body)))])  # type: ignore[list-item]


async def read(desk: Desk):
    async with desk.database.read() as tx:
        return await known(tx, H1)


def inventory(topology=HYBRID) -> dict:
    return InventoryDocument(read_at=1, host=about(H1), topology=topology).model_dump(exclude_none=True)


async def test_of_a_host_that_was_never_heard_nothing_is(desk):
    found = await read(desk)
    assert (found.config, found.about, found.topology, found.at, found.reported) == (None,) * 5


async def test_the_machine_is_the_one_of_whatever_told_of_it_last(desk):
    await noted(desk, "inventory", 5, inventory())
    found = await read(desk)
    assert (found.topology, found.at, found.config) == (HYBRID, 5, None)
    shown = await desk.drafts.put(ALICE, H1, {"guests": [{"name": "rt", "kind": "rt", "cpuset": "999"}]}, None)
    assert "CPUSET-UNKNOWN" in {issue.code for issue in shown.findings.issues}
    await desk.pulling.pull(ALICE, H1, discard=1)
    found = await read(desk)
    assert found.topology == MACHINES["4-core"].topology
    assert found.at > 5
    await noted(desk, "inventory", found.at + 1, inventory(None))
    later = await read(desk)
    assert (later.topology, later.at) == (found.topology, found.at + 1)
    kept = HYBRID.model_dump(exclude_none=True)
    await noted(desk, "topology", 5, kept)
    assert (await read(desk)).topology == found.topology, "an inventory reads it once, whatever becomes of its CPUs"
    await noted(desk, "topology", found.at + 1, kept)
    assert (await read(desk)).topology == HYBRID


async def test_the_revision_that_a_host_reports_is_told(desk):
    await desk.pulling.pull(ALICE, H1)
    body = ReportedBody(epoch=1, n=1, hypervisor_connected=True, guests=0, guests_running=0, revision=7)
    await noted(desk, "reported", 9, body.model_dump())
    shown = await desk.reading.show(ALICE, H1)
    assert (shown.host_revision, shown.reported_revision) == (0, 7)


async def test_what_cannot_be_read_is_told(desk):
    await noted(desk, "inventory", 5, {"host": 3})
    with pytest.raises(GuestwireError) as refused:
        await read(desk)
    assert refused.value.code == "DATABASE-DAMAGED"
